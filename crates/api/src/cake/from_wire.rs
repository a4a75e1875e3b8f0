//! From what a request says to what the engine is asked.

use axum::http::StatusCode;
use quittance_domain::conversion::ConversionStatus;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Day;
use quittance_engine::ingest::ConversionFilter;
use quittance_engine::invoices::InvoiceQuery;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::parties::PartyFilter;
use quittance_http::Problem;
use quittance_http::scope::own_kind;

use super::params::Params;
use super::quirks;

/// The parameters that are looked for; any other is left alone, as CAKE does.
fn party(params: &Params) -> Result<(Option<i64>, Option<i64>), Problem> {
    Ok((params.int("affiliate_id")?, params.int("advertiser_id")?))
}

/// Which invoices an actor asks for, and may see.
pub(super) fn invoices(actor: &Actor, params: &Params) -> Result<InvoiceQuery, Problem> {
    let (affiliate, advertiser) = party(params)?;
    let statuses = params.parsed("invoice_status", "Pending, Approved, Paid or Void", quirks::statuses)?;
    let (ends_from, ends_through) = params.days("start_date", "end_date")?;
    let mut query = InvoiceQuery {
        ids: params.int("invoice_id")?.map(|id| vec![id]),
        kind: affiliate.map(|_| InvoiceKind::Payable).or(advertiser.map(|_| InvoiceKind::Receivable)),
        party_id: affiliate.or(advertiser),
        statuses: statuses.unwrap_or_default(),
        ends_from,
        ends_through,
        ..InvoiceQuery::default()
    };
    if affiliate.is_some() && advertiser.is_some() {
        // No invoice is with both.
        query.ids = Some(Vec::new());
    }
    if let Some(own) = own_kind(actor.role) {
        let other = query.party_id.is_some_and(|id| Some(id) != actor.party_id);
        if other || query.kind.is_some_and(|kind| kind != own) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "the key sees its own invoices only"));
        }
        query = InvoiceQuery { kind: Some(own), party_id: actor.party_id, hidden: Some(false), ..query };
    }
    if actor.role == Role::Manager && query.party_id.is_none() {
        let detail = "affiliate_id is missing: a manager's key lists the invoices of one party at a time";
        return Err(Problem::bad_request("affiliate_id", detail));
    }
    Ok(query)
}

/// A party's status, in any case.
pub(super) fn status(params: &Params, name: &str) -> Result<Option<String>, Problem> {
    let known = ["active", "inactive", "pending", "suspended"];
    let read = |text: &str| known.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned());
    params.parsed(name, "active, inactive, pending or suspended", read)
}

/// Which parties an actor asks for: a manager's key sees those it manages.
pub(super) fn parties(actor: &Actor, params: &Params, kind: &str) -> Result<PartyFilter, Problem> {
    let mut filter = PartyFilter {
        id: params.int(&format!("{kind}_id"))?,
        after: 0,
        name_part: params.text(&format!("{kind}_name")).map(str::to_owned),
        status: status(params, &format!("{kind}_status"))?,
        manager_id: params.int("account_manager_id")?,
        ..PartyFilter::default()
    };
    if actor.role == Role::Manager {
        let own = actor.party_id.unwrap_or(0);
        // An id that is nobody's: what another manager looks after is as if it were not there.
        let other = filter.manager_id.is_some_and(|id| id != own);
        filter.manager_id = Some(if other { -1 } else { own });
    }
    Ok(filter)
}

/// `start_date` and `end_date`, both given, and no more than a year apart.
pub(super) fn within_a_year(from: Option<Day>, through: Option<Day>) -> Result<(Day, Day), Problem> {
    let from = Params::required("start_date", from)?;
    let through = Params::required("end_date", through)?;
    if from < through.plus_months(-12) {
        let detail = format!("start_date: {from} is more than a year before {through}; ask for less at a time");
        return Err(Problem::bad_request("start_date", detail));
    }
    Ok((from, through))
}

/// Which conversions are asked for.
pub(super) fn conversions(params: &Params) -> Result<ConversionFilter, Problem> {
    let (from, through): (Option<Day>, Option<Day>) = params.days("start_date", "end_date")?;
    let status = |text: &str| match text.to_ascii_lowercase().as_str() {
        "approved" => Some(vec![ConversionStatus::Approved]),
        // What a tracker keeps back is shown as pending.
        "pending" => Some(vec![ConversionStatus::Pending, ConversionStatus::Hold]),
        "rejected" => Some(vec![ConversionStatus::Rejected]),
        _ => None,
    };
    let (affiliate_id, advertiser_id) = party(params)?;
    params.parsed("sort_field", "conversion_date: other orders are not served", |text| {
        (text == "conversion_date").then_some(())
    })?;
    params.parsed("sort_descending", "false: rows come by day, the first one first", |text| {
        matches!(text.to_ascii_lowercase().as_str(), "false" | "0").then_some(())
    })?;
    let (from, through) = within_a_year(from, through)?;
    Ok(ConversionFilter {
        affiliate_id,
        offer_id: params.int("offer_id")?,
        advertiser_id,
        statuses: params.parsed("conversion_status", "approved, pending or rejected", status)?.unwrap_or_default(),
        ..ConversionFilter::of_days(from, through)
    })
}
