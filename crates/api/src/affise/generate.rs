//! Payments made: by sum for one affiliate, by date for one or all.

use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_engine::billing::{FirstDay, Parties, RunReport, RunRequest, SumRefusal};
use quittance_engine::{Call, Engine, Error, ErrorKind};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::known::{Known, any, full};

use super::error::renamed;
use super::params::{Params, not, required};
use super::scope::Scope;
use super::sent::Asked;
use super::{quirks, to_wire};

/// The names of a run's conditions, and of the parameters that set them.
const NAMES: &[(&str, &str)] = &[
    ("internal_notes", "note"),
    ("offers", "offer_ids"),
    ("conversion_advertisers", "advertiser_ids"),
    ("currencies", "currencies"),
    ("countries", "countries"),
    ("sum", "sum"),
    ("affiliates", "aid"),
];

/// What is taken by sum.
pub(super) const BY_SUM: &[Known] = &[full("aid"), full("sum"), full("currency"), any("note")];
/// What is taken by date: all but the note narrows what is billed.
pub(super) const BY_DATE: &[Known] = &[
    full("date"),
    full("date_from"),
    full("date_to"),
    full("aid"),
    full("include_aids"),
    full("exclude_aids"),
    full("by_last_unpaid_conversion"),
    full("by_last_invoice"),
    full("offer_ids"),
    full("advertiser_ids"),
    full("currencies"),
    full("countries"),
    any("note"),
];

fn without_system(aid: i64) -> Error {
    Error::Conflict(format!("The affiliate [{aid}] does not have a payment system"))
}

fn without_conversions(aid: i64) -> Error {
    Error::Conflict(format!("The affiliate [{aid}] does not have paid conversions"))
}

fn below(minimum: Money) -> Error {
    Error::Conflict(format!("Minimum payment - {} {}", to_wire::plain(minimum), minimum.currency()))
}

fn unknown(aid: i64) -> Error {
    Error::invalid("aid", format!("aid: Affiliates [{aid}] not found"))
}

/// Says of an affiliate that is not there that the parameter is wrong: what is to be made is not there yet.
fn named(error: Error, aid: i64) -> Error {
    if error.kind() == ErrorKind::NotFound { unknown(aid) } else { renamed(error, NAMES) }
}

pub(super) async fn create(asked: Asked) -> Result<Answer, Problem> {
    let params = &asked.params;
    let aid = required("aid", params.int("aid")?)?;
    let sum = required("sum", params.text("sum")?)?.to_owned();
    let id = required("currency", params.int("currency")?)?;
    let currency = quirks::currency_of(id).ok_or_else(|| unknown_currency(id))?;
    let sum = Money::parse(&sum, currency).map_err(|error| Problem::bad_request("sum", format!("sum: {error}")))?;
    if !sum.is_positive() {
        return Err(not("sum", &to_wire::plain(sum), "above zero"));
    }
    let note = params.text("note")?.unwrap_or("").to_owned();
    let scope = asked.scope;
    let made = move |engine: &Engine, call: &Call| {
        by_sum(engine, call, scope, (aid, sum), &note)?;
        to_wire::answer("message", quirks::GENERATES)
    };
    asked.write("POST /3.1/payments/create-for-affiliate", "", made).await
}

fn unknown_currency(id: i64) -> Problem {
    not("currency", &id.to_string(), "the id of a currency that is switched on")
}

fn by_sum(
    engine: &Engine,
    call: &Call,
    scope: Scope,
    (aid, sum): (i64, Money),
    note: &str,
) -> quittance_engine::Result<()> {
    let currency = sum.currency();
    if !engine.currencies_and_base(call)?.iter().any(|on| on.currency == currency) {
        let problem = unknown_currency(quirks::currency_id(currency));
        return Err(Error::invalid("currency", problem.detail));
    }
    scope.check(engine, call, PartyKind::Affiliate, aid).map_err(|error| named(error, aid))?;
    match engine.bill_sum(call, aid, sum, note).map_err(|error| named(error, aid))? {
        Ok(_) => Ok(()),
        Err(SumRefusal::BelowMinimum(minimum)) => Err(below(minimum)),
        Err(SumRefusal::NoPaymentMethod) => Err(without_system(aid)),
        Err(SumRefusal::NothingUnbilled) => Err(without_conversions(aid)),
    }
}

/// What is asked of a run by date.
struct ByDate {
    through: Option<Day>,
    /// How the client called that day.
    through_name: &'static str,
    from: FirstDay,
    aid: Option<i64>,
    include: Option<Vec<i64>>,
    exclude: Vec<i64>,
    request: RunRequest,
}

impl ByDate {
    fn of(params: &Params) -> Result<ByDate, Problem> {
        let (date, to) = (params.day("date")?, params.day("date_to")?);
        if date.is_some() && to.is_some() && date != to {
            return Err(Problem::bad_request("date", "date: date_to is another day; give one of them"));
        }
        let from = match params.day("date_from")? {
            Some(day) => FirstDay::Day(day),
            None if params.flag("by_last_unpaid_conversion")? => FirstDay::FirstUnbilled,
            None if params.flag("by_last_invoice")? => FirstDay::LastInvoice,
            None => FirstDay::FirstUnbilled,
        };
        let (aid, include) = (params.int("aid")?, params.ids("include_aids")?);
        if aid.is_some() && include.is_some() {
            return Err(Problem::bad_request("include_aids", "include_aids: aid is given, too; give one of them"));
        }
        let currency = |code: &&str| Currency::parse(code).map_err(|_| not("currencies", code, "a currency's code"));
        let currencies = params.texts("currencies")?.iter().map(currency).collect::<Result<Vec<_>, _>>()?;
        let countries: Vec<String> = params.texts("countries")?.into_iter().map(str::to_owned).collect();
        Ok(ByDate {
            through: to.or(date),
            through_name: if to.is_some() { "date_to" } else { "date" },
            from,
            aid,
            include,
            exclude: params.ints("exclude_aids")?,
            request: RunRequest {
                offers: params.ids("offer_ids")?,
                advertisers: params.ids("advertiser_ids")?,
                currencies: Some(currencies).filter(|list| !list.is_empty()),
                countries: Some(countries).filter(|list| !list.is_empty()),
                approve: true,
                internal_notes: params.text("note")?.unwrap_or("").to_owned(),
                ..RunRequest::payable_through(Day::MIN)
            },
        })
    }

    /// The affiliates. Of those that are named to be left out, the ones that there are.
    fn parties(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<Parties> {
        let only = match (self.aid, &self.include) {
            (Some(aid), _) => Some(vec![aid]),
            (None, include) => include.clone(),
        };
        let only = scope.parties(engine, call, PartyKind::Affiliate, only)?;
        Ok(match only {
            Some(mut ids) => {
                ids.retain(|id| !self.exclude.contains(id));
                Parties::Only(ids)
            }
            None if self.exclude.is_empty() => Parties::All,
            None => Parties::Except(engine.known_parties(call, PartyKind::Affiliate, &self.exclude)?),
        })
    }

    fn run(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<()> {
        let today = engine.zone_of(call)?.day_of(call.now);
        let through = self.through.unwrap_or(today);
        if through > today {
            let name = self.through_name;
            return Err(Error::invalid(name, format!("{name}: {through} is in the future, today is {today}")));
        }
        if let FirstDay::Day(from) = self.from
            && from > through
        {
            return Err(Error::invalid("date_from", format!("date_from: {from} is after {through}")));
        }
        if let Some(aid) = self.aid
            && (engine.known_parties(call, PartyKind::Affiliate, &[aid])?.is_empty()
                || !scope.reaches(engine, call, PartyKind::Affiliate, aid)?)
        {
            return Err(unknown(aid));
        }
        let parties = self.parties(engine, call, scope)?;
        let request = RunRequest { through, from: self.from, parties, ..self.request.clone() };
        let report = engine.bill(call, &request, &mut |_| {}).map_err(|error| renamed(error, NAMES))?;
        match self.aid {
            Some(aid) if report.invoices() == 0 => Err(refusal(engine, call, aid, &report)?),
            _ => Ok(()),
        }
    }
}

/// Why one affiliate that was asked for by name was not invoiced.
fn refusal(engine: &Engine, call: &Call, aid: i64, report: &RunReport) -> quittance_engine::Result<Error> {
    let of = |reason: &str| report.skipped.iter().find(|skip| skip.reason == reason);
    if of("no_payment_method").is_some() {
        return Ok(without_system(aid));
    }
    if let Some(skip) = of("below_minimum") {
        return Ok(below(engine.payout_conditions(call, aid, skip.currency)?.minimum));
    }
    // Without a method there is nothing to wait for, whatever its conversions are.
    let party = engine.party(call, PartyKind::Affiliate, aid)?.row.party;
    let payable = engine.payout_conditions(call, aid, party.currency)?.payable;
    let methods = engine.party(call, PartyKind::Affiliate, aid)?.methods;
    Ok(if payable || !methods.is_empty() { without_conversions(aid) } else { without_system(aid) })
}

pub(super) async fn by_date(asked: Asked) -> Result<Answer, Problem> {
    let wanted = ByDate::of(&asked.params)?;
    let scope = asked.scope;
    let made = move |engine: &Engine, call: &Call| {
        wanted.run(engine, call, scope)?;
        to_wire::answer("message", quirks::GENERATES)
    };
    asked.write("POST /3.1/payments/generate", "", made).await
}
