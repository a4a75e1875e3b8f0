//! `/postback`: the call with which a tracker's server tells of one conversion. It answers `OK` in plain text when the
//! conversion is durable; what is wrong with it is one line of text.

use axum::body::{Bytes, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, middleware};
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::time::Zone;
use quittance_engine::ingest::Positioned;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::records::{Decimal, Field, Manner, Source, Sources, is_macro};
use quittance_http::access::{Access, Rule, bearer, check, no_head};
use quittance_http::encoding::plain_body;
use quittance_http::listen::whole_body;
use quittance_http::problem::in_envelope;
use quittance_http::{AppState, Problem, gather};
use utoipa::IntoParams;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const SEND: &[Role] = &[Role::Admin, Role::Finance, Role::Tracker];

/// Which roles may call it.
pub const RULES: &[Rule] = &[
    Rule { method: "GET", route: "/postback", roles: SEND },
    Rule { method: "POST", route: "/postback", roles: SEND },
];

/// The parameter that holds the key.
const KEY: &str = "key";
/// The parameter that names whose words the call uses.
const SOURCE: &str = "source";
/// The parameter that is the currency of the amounts that have none of their own.
const CURRENCY: &str = "currency";
/// The most parameters of a call.
const PARAMETERS_MAX: usize = 100;
/// The largest form, in bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// Other names that trackers' macros give the fields.
const ALIASES: [(&str, &str); 25] = [
    ("transaction_id", "conversion_id"),
    ("transactionid", "conversion_id"),
    ("conversionid", "conversion_id"),
    ("action_id", "conversion_id"),
    ("txid", "conversion_id"),
    ("tid", "conversion_id"),
    ("aff_id", "affiliate_id"),
    ("affid", "affiliate_id"),
    ("pid", "affiliate_id"),
    ("partner_id", "affiliate_id"),
    ("oid", "offer_id"),
    ("offerid", "offer_id"),
    ("campaign_id", "offer_id"),
    ("adv_id", "advertiser_id"),
    ("clickid", "click_id"),
    ("amount", "sale_amount"),
    ("sum", "sale_amount"),
    ("event", "goal"),
    ("geo", "country"),
    ("datetime", "occurred_at"),
    ("timestamp", "occurred_at"),
    ("sub_id1", "sub1"),
    ("sub_id2", "sub2"),
    ("sub_id3", "sub3"),
    ("sub_id4", "sub4"),
];

fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// The description of the route.
pub(crate) fn description() -> OpenApi {
    described().into_openapi()
}

/// The route.
pub fn routes(state: &AppState) -> Router {
    let access = Access::new(state.clone(), RULES, key_of);
    let (route, _) = described().split_for_parts();
    route
        .layer(middleware::from_fn_with_state(access, check))
        .layer(middleware::from_fn_with_state(state.limits, plain_body))
        .layer(middleware::from_fn_with_state(state.limits, whole_body))
        .layer(middleware::map_response(plain))
        .layer(middleware::from_fn(no_head))
        .with_state(state.clone())
}

/// The key of the query, else of the header that the native interface has.
fn key_of(request: &Request) -> Option<String> {
    quittance_http::access::sent_or_query(request, KEY).or_else(|| bearer(request))
}

/// A problem as a line of text.
async fn plain(response: Response) -> Response {
    in_envelope(response, |problem| {
        let mut response = (problem.status, format!("{}\n", problem.detail)).into_response();
        if let Some(seconds) = problem.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    })
    .await
}

/// The parameters that the document names. Each may have another name that trackers give it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes the parameters")]
struct PostbackParameters {
    /// 1 to 64 printable characters.
    conversion_id: String,
    /// `approved`, `pending`, `hold` or `rejected`, or a word of trackers that means one of them; what they disagree
    /// about, such as `2`, with a `source`.
    status: String,
    /// Whose words and numbers the call uses: `affise`, `awin`, … or one of the configuration.
    source: Option<String>,
    /// The affiliate.
    affiliate_id: Option<i64>,
    /// The offer.
    offer_id: Option<i64>,
    /// The advertiser; left out: the offer's.
    advertiser_id: Option<i64>,
    /// RFC 3339, `YYYY-MM-DD HH:MM:SS` in the network's zone, or Unix seconds; left out: now.
    occurred_at: Option<String>,
    /// What is owed to the affiliate; left out: the offer's payout.
    payout: Option<String>,
    /// Its currency.
    payout_currency: Option<String>,
    /// What a payout in percent is a share of.
    sale_amount: Option<String>,
    /// What is owed by the advertiser; left out: the offer's.
    revenue: Option<String>,
    /// Its currency.
    revenue_currency: Option<String>,
    /// The currency of the amounts of the call that have none of their own.
    currency: Option<String>,
    /// When the tracker changed it.
    updated_at: Option<String>,
    /// What was reached.
    goal: Option<String>,
    /// The click.
    click_id: Option<String>,
    /// The country.
    country: Option<String>,
}

/// Takes one conversion from a tracker's server.
///
/// It is durable when this answers `OK`. A POST may have the parameters in a form. Other parameters are ignored, and so
/// is a macro that the tracker has left as it was.
#[utoipa::path(method(get, post), path = "/postback", tag = "Conversions", params(PostbackParameters),
    responses((status = 200, description = "It is recorded: `OK`.", body = String, content_type = "text/plain")))]
async fn receive(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<&'static str, Problem> {
    let mut pairs = query;
    pairs.extend(form(request).await?);
    let call = actor.call((state.clock)());
    let zone_call = call.clone();
    let zone = state.look_up(move |engine| engine.zone_of(&zone_call)).await?;
    let record = ConversionRecord { assumed_at: Some(call.now), ..record(&pairs, &zone, &state.sources)? };
    let report = gather::receive(&state, call, vec![Positioned { position: 0, record }], None).await?;
    match report.rejections.into_iter().next() {
        None => Ok("OK"),
        Some(refused) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", refused.detail)),
    }
}

/// The parameters of a form in the body.
async fn form(request: Request) -> Result<Vec<(String, String)>, Problem> {
    let bad = |detail: String| Problem::bad_request("", detail);
    let body: Bytes = to_bytes(request.into_body(), FORM_BYTES_MAX)
        .await
        .map_err(|_| bad(format!("the body is no form of at most {FORM_BYTES_MAX} bytes")))?;
    Ok(form_urlencoded::parse(&body).into_owned().collect())
}

/// The record that the parameters make. A name that no field has is ignored: trackers send more than is asked for.
fn record(pairs: &[(String, String)], zone: &Zone, sources: &Sources) -> Result<ConversionRecord, Problem> {
    if pairs.len() > PARAMETERS_MAX {
        return Err(Problem::bad_request("", format!("there are more than {PARAMETERS_MAX} parameters")));
    }
    // Some trackers mean something else by it: that is told only where a word is not understood without.
    let named = pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(SOURCE)).map(|(_, name)| sources.named(name));
    let (source, unknown) = match named {
        Some(Ok(source)) => (Some(source), None),
        Some(Err(detail)) => (None, Some(detail)),
        None => (None, None),
    };
    let decimal = source.as_ref().map_or(Decimal::Point, |source| source.decimal);
    let mut given = Given {
        record: ConversionRecord::default(),
        fields: Vec::new(),
        currency: None,
        manner: Manner { source: source.as_deref(), decimal, ..Manner::plain(zone) },
        unknown_source: unknown,
    };
    for (name, value) in pairs {
        given.take(name, value)?;
    }
    given.record()
}

/// What a call has said so far.
struct Given<'a> {
    record: ConversionRecord,
    /// The fields, and by which names they were given.
    fields: Vec<(Field, &'a str)>,
    /// The currency of what has none of its own.
    currency: Option<&'a str>,
    manner: Manner<'a>,
    /// What is to be said of a source that is none of ours.
    unknown_source: Option<String>,
}

impl<'a> Given<'a> {
    /// Takes a parameter. A macro that was not filled in counts as not given, but for the id: many would share it.
    fn take(&mut self, name: &'a str, value: &'a str) -> Result<(), Problem> {
        if name.eq_ignore_ascii_case(CURRENCY) && !is_macro(value) {
            return match self.currency.replace(value) {
                None => Ok(()),
                Some(_) => Err(Problem::bad_request(CURRENCY, format!("{CURRENCY} is given twice"))),
            };
        }
        let Some(field) = field(name, self.manner.source) else { return Ok(()) };
        if field != Field::ConversionId && is_macro(value) {
            return Ok(());
        }
        if let Some((_, other)) = self.fields.iter().find(|(known, _)| *known == field) {
            let detail = if *other == name {
                format!("{name} is given twice")
            } else {
                format!("{other} and {name} mean the same")
            };
            return Err(Problem::bad_request(name, detail));
        }
        self.fields.push((field, name));
        self.read(field, value)
    }

    fn read(&mut self, field: Field, value: &str) -> Result<(), Problem> {
        field.read_as(&mut self.record, value, self.manner).map_err(|error| {
            let unknown = self.unknown_source.as_ref().filter(|_| field == Field::Status);
            let detail = unknown.map_or_else(|| error.detail.clone(), |unknown| format!("{}; {unknown}", error.detail));
            Problem::bad_request(error.field, detail)
        })
    }

    fn has(&self, field: Field) -> bool {
        self.fields.iter().any(|(known, _)| *known == field)
    }

    /// The record, its amounts in the currency of the call.
    fn record(mut self) -> Result<ConversionRecord, Problem> {
        if let Some(currency) = self.currency {
            let (payout, revenue) = (self.has(Field::Payout), self.has(Field::Revenue));
            let of_payout = (payout || !revenue) && !self.has(Field::PayoutCurrency);
            let of_revenue = revenue && !self.has(Field::RevenueCurrency);
            if !of_payout && !of_revenue {
                let detail = format!("{CURRENCY}: the amounts have currencies of their own: leave it out");
                return Err(Problem::bad_request(CURRENCY, detail));
            }
            for (is_meant, field) in [(of_payout, Field::PayoutCurrency), (of_revenue, Field::RevenueCurrency)] {
                if is_meant {
                    self.read(field, currency)?;
                }
            }
        }
        let missing = if self.record.conversion_id.is_empty() {
            "conversion_id"
        } else if self.record.status.is_none() {
            "status"
        } else {
            return Ok(self.record);
        };
        Err(Problem::bad_request(missing, format!("{missing} is missing or empty")))
    }
}

fn field(name: &str, source: Option<&Source>) -> Option<Field> {
    let of_source = source.and_then(|source| source.columns.iter().find(|(column, _)| column == name));
    let name = name.to_ascii_lowercase();
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, field)| *field);
    of_source.map(|(_, field)| *field).or_else(|| Field::named(alias().unwrap_or(&name)))
}
