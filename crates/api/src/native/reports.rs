//! Reports, as JSON or with `format=csv` as CSV.

use axum::Extension;
use axum::extract::{Path, Query as Pairs, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::time::Day;
use quittance_engine::billing::RunRequest;
use quittance_engine::keys::Actor;
use quittance_engine::reports::{MarginBy, Report};
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::{Given, Parameters};
use super::params::{Form, Param, Query, param};
use super::wire;

/// What reports are asked for with.
struct ReportParameters;

impl Parameters for ReportParameters {
    const ALL: &'static [Param] = &[
        param("format", Form::Word(&["json", "csv"]), "The form of the answer."),
        param(
            "kind",
            Form::Word(&["payable", "receivable"]),
            "What is owed to affiliates (the default), or by advertisers.",
        ),
        param("affiliate_id", Form::Int, "The affiliate of a statement."),
        param("advertiser_id", Form::Int, "The advertiser of a statement."),
        param("currency", Form::Text, "The currency of a statement."),
        param("from", Form::Day, "The first day."),
        param("through", Form::Day, "The last day; left out: today."),
        param("as_of", Form::Day, "The day as of which balances and what is unbilled are shown; left out: today."),
        param("by", Form::Word(&["offer", "affiliate", "advertiser"]), "What margins are shown by."),
        param("run_id", Form::Int, "The run that left parties out."),
    ];
}

/// The address of a report.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct ReportPath {
    /// `statement`, `balances`, `unbilled`, `margin`, `journal`, `skipped` or `preview`.
    #[param(pattern = "^(statement|balances|unbilled|margin|journal|skipped|preview)$")]
    name: String,
}

/// What a report is asked for with.
struct Asked {
    name: String,
    kind: InvoiceKind,
    party: Option<i64>,
    currency: Option<Currency>,
    from: Option<Day>,
    through: Option<Day>,
    as_of: Option<Day>,
    by: MarginBy,
    run: Option<RunId>,
}

impl Asked {
    fn read(name: String, query: &Query) -> Result<Asked, Problem> {
        let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
        let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
        let by = query.parsed("by", "offer, affiliate or advertiser", |word| match word {
            "offer" => Some(MarginBy::Offer),
            "affiliate" => Some(MarginBy::Affiliate),
            "advertiser" => Some(MarginBy::Advertiser),
            _ => None,
        })?;
        Ok(Asked {
            name,
            kind: advertiser.map(|_| InvoiceKind::Receivable).or(kind).unwrap_or(InvoiceKind::Payable),
            party: affiliate.or(advertiser),
            currency: query.parsed("currency", "a currency", |code| Currency::parse(code).ok())?,
            from: query.day("from")?,
            through: query.day("through")?,
            as_of: query.day("as_of")?,
            by: by.unwrap_or(MarginBy::Offer),
            run: query.int("run_id")?.map(RunId::new),
        })
    }

    fn report(&self, engine: &Engine, call: &Call) -> Result<Report, Error> {
        let today = engine.day_of(call, call.now)?;
        let missing = |name: &str| Error::invalid(name, format!("{name} is missing: this report needs it"));
        match self.name.as_str() {
            "statement" => {
                let party_id = self.party.ok_or_else(|| missing("affiliate_id"))?;
                let currency = self.currency.ok_or_else(|| missing("currency"))?;
                let book = Book { kind: self.kind, party_id, currency };
                engine.statement(call, book, self.from.unwrap_or(Day::MIN), self.through.unwrap_or(today))
            }
            "balances" => engine.balances_by_age(call, self.kind, self.as_of.unwrap_or(today)),
            "unbilled" => engine.unbilled(call, self.kind, self.as_of.unwrap_or(today)),
            "margin" => {
                let from = self.from.ok_or_else(|| missing("from"))?;
                engine.margin(call, self.by, from, self.through.unwrap_or(today))
            }
            "journal" => engine.journal(call, self.from.unwrap_or(Day::MIN), self.through.unwrap_or(today)),
            "skipped" => engine.skipped(call, self.kind, self.run),
            "preview" => {
                let through = self.through.ok_or_else(|| missing("through"))?;
                engine.compared(call, &RunRequest { kind: self.kind, ..RunRequest::payable_through(through) })
            }
            other => Err(Error::NotFound(format!("there is no report {other:?}"))),
        }
    }
}

/// Shows a report.
#[utoipa::path(get, path = "/reports/{name}", tag = "Reports", params(ReportPath, Given<ReportParameters>),
    responses((status = 200, description = "The report.", content(
        (wire::Report = "application/json"),
        (String = "text/csv"),
    ))))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(name): Path<String>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let query = Query::of(pairs, ReportParameters::ALL)?;
    let csv = match query.text("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(other) => {
            return Err(Problem::bad_request("format", format!("format: {other:?} is neither json nor csv")));
        }
    };
    let asked = Asked::read(name, &query)?;
    let call = actor.call((state.clock)());
    let report = state.run(move |engine| asked.report(engine, &call)).await?;
    if !csv {
        return Ok(Answer::of(StatusCode::OK, &wire::report(&report))?.into_response());
    }
    let text = wire::report_csv(&report).map_err(|error| Problem::internal(&error))?;
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    Ok(response)
}
