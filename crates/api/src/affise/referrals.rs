//! What came of those whom an affiliate has referred, and its key replaced.

use axum::http::StatusCode;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::keys::Role;
use quittance_engine::referral_payments::{ReferralPayment, ReferralQuery, ShareState};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;

use super::params::{Params, not, required};
use super::sent::Asked;
use super::to_wire::{self, local_time};
use super::{quirks, wire};

/// The decimals of what came of a referral.
const DECIMALS: usize = 5;

/// What a list is asked for.
struct Wanted {
    days: (Option<Day>, Option<Day>),
    referrer: i64,
    referred: Option<i64>,
    state: Option<ShareState>,
    currency: Option<i64>,
    /// `status`: whether the referral counts. All that there are do.
    counts: bool,
}

/// A day as old clients write it, `31-01-2026`, or as new ones do.
fn day(params: &Params, name: &str) -> Result<Option<Day>, Problem> {
    let nested = params.branch("filter").filter(|filter| filter.nodes().any(|(key, _)| key == name));
    let params = nested.unwrap_or(params);
    let Some(text) = params.text(name)? else { return Ok(None) };
    let reversed = || {
        let mut parts = text.split('-');
        let mut part = || parts.next();
        let (day, month, year) = (part()?, part()?, part()?);
        (year.len() == 4 && part().is_none()).then(|| Day::parse(&format!("{year}-{month:0>2}-{day:0>2}")).ok())?
    };
    Day::parse(text).ok().or_else(reversed).map(Some).ok_or_else(|| not(name, text, "a date such as 31-01-2026"))
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Wanted, Problem> {
        let params = &asked.params;
        let state = match params.int("is_paid")? {
            None => None,
            Some(0) => Some(ShareState::Unbilled),
            Some(1) => Some(ShareState::Paid),
            Some(2) => Some(ShareState::Billed),
            Some(code) => return Err(not("is_paid", &code.to_string(), "0, 1 or 2")),
        };
        let referrer = match asked.actor.role {
            Role::Affiliate => asked.actor.party_id.unwrap_or(0),
            _ => required("ref", params.int("ref")?)?,
        };
        Ok(Wanted {
            days: (day(params, "date_from")?, day(params, "date_to")?),
            referrer,
            referred: params.int("pid")?,
            state,
            currency: params.int("currency")?,
            counts: params.int("status")?.is_none_or(|status| status == 1),
        })
    }

    fn takes(&self, payment: &ReferralPayment) -> bool {
        self.counts
            && self.state.is_none_or(|state| state == payment.state)
            && self.currency.is_none_or(|id| id == quirks::currency_id(payment.share.currency()))
    }
}

pub(super) async fn payments(asked: Asked) -> Result<Answer, Problem> {
    let wanted = Wanted::of(&asked)?;
    let page = asked.params.page(quirks::ROWS)?;
    let scope = asked.scope;
    let listed = asked.read(move |engine, call| {
        scope.check(engine, call, PartyKind::Affiliate, wanted.referrer)?;
        let zone = engine.zone_of(call)?;
        let start = |day: Option<Day>, other| day.map_or(Timestamp::from_micros(other), |day| zone.start_of_day(day));
        let query = ReferralQuery {
            referrer: wanted.referrer,
            referred: wanted.referred,
            from: start(wanted.days.0, i64::MIN),
            before: start(wanted.days.1.map(|day| day.plus_days(1)), i64::MAX),
        };
        let mut found = engine.referral_payments(call, &query)?;
        found.retain(|payment| wanted.takes(payment));
        let total = found.len() as i64;
        let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let rows = found.iter().skip(skip).take(usize::try_from(page.limit).unwrap_or(0));
        let rows = rows.map(|payment| wire::RefPayment {
            pid: payment.referred_id.to_string(),
            reference: wanted.referrer.to_string(),
            status: "1",
            is_paid: quirks::is_paid_code(payment.state),
            currency: payment.share.currency().code(),
            count: payment.count.to_string(),
            max_created_at: local_time(payment.last_at, &zone),
            date_registration_partner: local_time(payment.referred_since, &zone),
            sum_revenue: to_wire::fixed(payment.share, DECIMALS),
        });
        to_wire::list("ref_payments", rows.collect::<Vec<_>>(), page, total)
    });
    listed.await
}

/// Gives the affiliate of the key a new one, and revokes the key. The answer has the only copy of the secret: it is not kept for
/// a repeat.
pub(super) async fn new_key(asked: Asked) -> Result<Answer, Problem> {
    let secret = asked.state.secrets.as_ref().and_then(|draw| draw());
    let secret = secret.ok_or_else(|| {
        let detail = "no keys can be made here; `quittance keys create` makes one";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail)
    })?;
    let (key, affiliate) = (asked.actor.key, asked.actor.party_id.unwrap_or(0));
    let made = asked.read(move |engine, call| {
        engine.replace_key(call, key, &secret)?;
        to_wire::answer("user", serde_json::json!({ "id": affiliate, "api_key": secret }))
    });
    made.await
}
