//! What came of those whom an affiliate has referred, and its key replaced.

use axum::http::StatusCode;
use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::{Day, Timestamp, Zone};
use quittance_engine::keys::Role;
use quittance_engine::referral_payments::{ReferralPayment, ReferralQuery, ShareState};
use quittance_engine::{Call, Engine};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;

use super::params::{Params, not};
use super::scope::Scope;
use super::sent::Asked;
use super::to_wire::{self, local_time};
use super::{quirks, wire};

/// The decimals of what came of a referral.
const DECIMALS: usize = 5;

/// What can be asked for.
const FILTERS: &[&str] = &[
    "filter",
    "date_from",
    "date_to",
    "timezone",
    "pid",
    "pids",
    "ref",
    "refs",
    "is_paid",
    "payment_statuses",
    "status",
    "currency",
    "currencies",
];

/// What a list is asked for. Where a value and a list of values are given, both hold.
struct Wanted {
    days: (Option<Day>, Option<Day>),
    zone: Option<Zone>,
    /// The referrer that is named alone: one that is not reached is not there.
    referrer: Option<i64>,
    referrers: Option<Vec<i64>>,
    referred: Option<Vec<i64>>,
    states: Option<Vec<ShareState>>,
    currencies: Option<Vec<Currency>>,
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

/// Those of a list that are the one value that is asked for as well.
fn both<T: PartialEq>(one: Option<T>, list: Option<Vec<T>>) -> Option<Vec<T>> {
    match (one, list) {
        (None, list) => list,
        (Some(one), None) => Some(vec![one]),
        (Some(one), Some(list)) => Some(list.into_iter().filter(|other| *other == one).collect()),
    }
}

/// How far a share is paid, by its code.
fn state(name: &str, code: i64) -> Result<ShareState, Problem> {
    quirks::share_state(code).ok_or_else(|| not(name, &code.to_string(), "0, 1 or 2"))
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Wanted, Problem> {
        let params = &asked.params;
        params.only(FILTERS)?;
        if let Some(filter) = params.branch("filter") {
            filter.only(&["date_from", "date_to"])?;
        }
        let states = params.ints("payment_statuses")?.into_iter().map(|code| state("payment_statuses", code));
        let states = Some(states.collect::<Result<Vec<_>, _>>()?).filter(|states| !states.is_empty());
        let own = (asked.actor.role == Role::Affiliate).then(|| asked.actor.party_id.unwrap_or(0));
        let named = params.int("ref")?;
        let counts = match params.int("status")? {
            None | Some(1) => true,
            Some(0) => false,
            Some(code) => return Err(not("status", &code.to_string(), "0 or 1")),
        };
        Ok(Wanted {
            days: (day(params, "date_from")?, day(params, "date_to")?),
            zone: params.zone("timezone")?,
            referrer: named.filter(|_| own.is_none()),
            // The key of an affiliate asks for nobody else.
            referrers: both(own.or(named), params.ids("refs")?),
            referred: both(params.int("pid")?, params.ids("pids")?),
            states: both(params.int("is_paid")?.map(|code| state("is_paid", code)).transpose()?, states),
            currencies: both(params.currency("currency")?, params.currencies("currencies")?),
            counts,
        })
    }

    fn takes(&self, payment: &ReferralPayment) -> bool {
        self.counts
            && self.states.as_ref().is_none_or(|states| states.contains(&payment.state))
            && self.currencies.as_ref().is_none_or(|currencies| currencies.contains(&payment.share.currency()))
    }

    /// The query, now that the zone is known and whose affiliates the key reaches.
    fn query(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<ReferralQuery> {
        if let Some(referrer) = self.referrer {
            scope.check(engine, call, PartyKind::Affiliate, referrer)?;
        }
        let zone = self.zone.clone().map_or_else(|| engine.zone_of(call), Ok)?;
        let start = |day: Option<Day>, other| day.map_or(Timestamp::from_micros(other), |day| zone.start_of_day(day));
        Ok(ReferralQuery {
            referrers: scope.parties(engine, call, PartyKind::Affiliate, self.referrers.clone())?,
            referred: self.referred.clone(),
            from: start(self.days.0, i64::MIN),
            before: start(self.days.1.map(|day| day.plus_days(1)), i64::MAX),
        })
    }
}

pub(super) async fn payments(asked: Asked) -> Result<Answer, Problem> {
    let wanted = Wanted::of(&asked)?;
    let page = asked.params.page(quirks::ROWS)?;
    let scope = asked.scope;
    let listed = asked.read(move |engine, call| {
        let mut found = engine.referral_payments(call, &wanted.query(engine, call, scope)?)?;
        found.retain(|payment| wanted.takes(payment));
        let zone = wanted.zone.clone().map_or_else(|| engine.zone_of(call), Ok)?;
        let total = found.len() as i64;
        let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let rows = found.iter().skip(skip).take(usize::try_from(page.limit).unwrap_or(0));
        let rows = rows.map(|payment| wire::RefPayment {
            pid: payment.referred_id.to_string(),
            reference: payment.referrer_id.to_string(),
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
