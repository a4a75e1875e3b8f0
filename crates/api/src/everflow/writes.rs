//! What requests take that change something, and the layer that refuses the rest. Each such route has a row here; one without
//! a row changes nothing.
//!
//! What this vendor documents and Quittance does not keep is taken and ignored where it neither narrows what is done nor is an
//! amount: whoever sends back what was read must not be refused.

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::known::{self, Known, any, full, full_rows, object, rows, unkept};
use quittance_http::limits::count;
use quittance_http::{Limits, Problem, json};
use serde_json::Value;

use super::from_wire::query;
use super::{ACT, RULES};

/// What one route takes. `{}` in its names is `affiliate` or `advertiser`: as the address says, else this.
struct Write {
    method: &'static str,
    route: &'static str,
    word: &'static str,
    known: &'static [Known],
}

const fn write(method: &'static str, route: &'static str, known: &'static [Known]) -> Write {
    Write { method, route, word: "affiliate", known }
}

const fn of_advertisers(method: &'static str, route: &'static str, known: &'static [Known]) -> Write {
    Write { word: "advertiser", ..write(method, route, known) }
}

const WRITES: &[Write] = &[
    write("POST", "/v1/networks/billings/{side}/invoices", NEW_INVOICE),
    write("PUT", "/v1/networks/billings/{side}/invoices/{id}", INVOICE),
    write("PATCH", "/v1/networks/billings/{side}/invoices", INVOICES),
    write("POST", "/v1/networks/billings/{side}/payments", INVOICES),
    write("POST", "/v1/networks/affiliates", NEW_PARTNER),
    write("PUT", "/v1/networks/affiliates/{id}", PARTNER),
    write("PATCH", "/v1/networks/patch/affiliates/apply", BULK),
    write("POST", "/v1/networks/patch/affiliates/submit", BULK),
    of_advertisers("PATCH", "/v1/networks/patch/advertiser/apply", BULK),
    of_advertisers("POST", "/v1/networks/patch/advertiser/submit", BULK),
    write("PATCH", "/v1/networks/reporting/conversions", STATUSES),
    write("PUT", "/v1/networks/reporting/conversions/{id}/payoutrevenue", AMOUNTS),
    write("PUT", "/v1/networks/reporting/conversions/{id}/saleamount", SALE),
    write("PUT", "/v1/networks/reporting/conversions/{id}/notes", NOTES),
    write("POST", "/v1/networks/reporting/conversions/bulkpayoutadjustment", ADJUSTMENT),
];

const NEW_INVOICE: &[Known] = &[
    full("network_{}_id"),
    full("start_time"),
    full("end_time"),
    full("currency_id"),
    any("status"),
    any("public_notes"),
    any("internal_notes"),
    any("is_hidden_{}"),
    any("payment_terms"),
    rows("details", DETAIL),
    any("extra_periods"),
];
/// A line that is given with a new invoice.
const DETAIL: &[Known] = &[
    full("amount"),
    full("invoice_currency_amount"),
    full("currency_id"),
    any("notes"),
    any("network_{}_invoice_detail_id"),
    any("network_{}_invoice_id"),
    any("network_offer_id"),
    any("network_offer_name"),
    any("quantity"),
    any("referral_history_id"),
    any("type"),
    any("time_created"),
    any("time_saved"),
];
/// What a single invoice and a row of the table show, since either may be sent back; what of it cannot change is compared.
const INVOICE: &[Known] = &[
    full("network_{}_id"),
    full("start_time"),
    full("end_time"),
    full("currency_id"),
    any("status"),
    any("public_notes"),
    any("internal_notes"),
    any("is_hidden_{}"),
    any("payment_terms"),
    any("details"),
    any("extra_periods"),
    any("network_{}_invoice_id"),
    any("{}_invoice_status"),
    any("balance"),
    any("billed"),
    any("paid"),
    any("relationship"),
    any("network_id"),
    any("network_{}_name"),
    any("timezone_id"),
    any("payment_type"),
    any("is_payable"),
    any("payment_status"),
    any("paid_date"),
    any("time_created"),
    any("time_saved"),
];
const INVOICES: &[Known] = &[full("invoice_ids"), full("network_{}_invoice_ids"), any("status")];

const NEW_PARTNER: &[Known] = &[
    any("name"),
    any("account_status"),
    any("network_employee_id"),
    any("internal_notes"),
    any("default_currency_id"),
    object("billing", BILLING),
    object("relationship", RELATIONSHIP),
    unkept("network_affiliate_id"),
    unkept("referrer_id"),
    any("network_id"),
    any("has_notifications"),
    any("network_traffic_source_id"),
    any("account_executive_id"),
    any("adress_id"),
    any("address_id"),
    any("is_contact_address_enabled"),
    any("contact_address"),
    any("enable_media_cost_tracking_links"),
    any("global_tracking_domain_id"),
    any("network_affiliate_tier_id"),
    any("labels"),
    any("users"),
    any("time_created"),
    any("time_saved"),
];
/// The same with what an answer and a row of the table have; who has referred a partner is compared.
const PARTNER: &[Known] = &[
    any("name"),
    any("account_status"),
    any("network_employee_id"),
    any("internal_notes"),
    any("default_currency_id"),
    object("billing", BILLING),
    object("relationship", RELATIONSHIP),
    any("network_affiliate_id"),
    any("referrer_id"),
    any("network_id"),
    any("has_notifications"),
    any("network_traffic_source_id"),
    any("account_executive_id"),
    any("adress_id"),
    any("address_id"),
    any("is_contact_address_enabled"),
    any("contact_address"),
    any("enable_media_cost_tracking_links"),
    any("global_tracking_domain_id"),
    any("network_affiliate_tier_id"),
    any("labels"),
    any("users"),
    any("time_created"),
    any("time_saved"),
    any("account_manager_id"),
    any("account_manager_name"),
    any("account_executive_name"),
    any("balance"),
    any("today_revenue"),
    any("last_login"),
    any("global_tracking_domain_url"),
    any("network_country_code"),
];
const BILLING: &[Known] = &[
    any("network_affiliate_id"),
    any("billing_frequency"),
    any("payment_type"),
    any("tax_id"),
    any("is_invoice_creation_auto"),
    any("auto_invoice_start_date"),
    any("invoice_amount_threshold"),
    any("invoice_generation_days_delay"),
    any("default_invoice_is_hidden"),
    any("default_payment_terms"),
    object("details", DAYS),
    // The fields of the network's payment system: whoever reads them refuses what is none.
    any("billing"),
];
const DAYS: &[Known] =
    &[any("day_of_week"), any("day_of_month"), any("day_of_month_one"), any("day_of_month_two"), any("starting_month")];
const RELATIONSHIP: &[Known] = &[
    object("billing", BILLING),
    any("labels"),
    any("users"),
    any("account_manager"),
    any("encoded_value"),
    any("network_affiliate_tier_id"),
    any("ios_app_sources"),
    any("affiliate_payment_balance"),
    any("reporting"),
    any("coupon_codes"),
    any("audits"),
    any("visibility"),
    any("signup"),
    any("api"),
    any("traffic_source"),
    any("referral_link"),
    any("referrer"),
    any("referral"),
    any("supply_partner"),
];

const BULK: &[Known] = &[full("network_{}_ids"), rows("fields", CHANGE)];
const CHANGE: &[Known] = &[any("field_type"), any("field_value"), any("operator")];

const STATUSES: &[Known] = &[full("conversion_ids"), any("conversion_status"), any("is_event")];
const AMOUNTS: &[Known] = &[full("conversion_id"), full("payout"), full("revenue"), any("is_event")];
const SALE: &[Known] = &[full("conversion_id"), full("sale_amount"), any("is_event")];
const NOTES: &[Known] = &[full("conversion_id"), any("notes"), any("is_event")];
const ADJUSTMENT: &[Known] = &[full_rows("conversions", PAYOUT)];
const PAYOUT: &[Known] = &[full("conversion_id"), full("payout_amount"), full("payout"), any("transaction_id")];

/// What is taken in the address of a request that changes something.
const OF_QUERY: [&str; 1] = ["relationship"];

/// A layer that refuses what a request that changes something says and its route does not take.
pub(super) async fn taken(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    match checked(limits, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn checked(limits: Limits, request: Request) -> Result<Request, Problem> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let Some(write) = WRITES.iter().find(|write| write.route == route && *request.method() == write.method) else {
        let changes =
            RULES.iter().any(|rule| rule.route == route && *request.method() == rule.method && rule.roles == ACT);
        return match changes {
            true => Err(Problem::internal(&format!("{route} does not say what it takes"))),
            false => Ok(request),
        };
    };
    for (name, _) in query(request.uri())? {
        if !OF_QUERY.contains(&name.as_str()) {
            return Err(known::unknown(&name, &name, &OF_QUERY));
        }
    }
    let word = if request.uri().path().contains("/billings/advertisers/") { "advertiser" } else { write.word };
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, count(limits.body_bytes_max)).await;
    let bytes = bytes.map_err(|error| Problem::bad_request("", format!("the body cannot be read: {error}")))?;
    if !bytes.iter().all(u8::is_ascii_whitespace)
        && let Value::Object(members) = json::read(&bytes)?
    {
        known::check(members.iter().map(|(name, value)| (name.as_str(), value)), write.known, word)?;
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_route_that_changes_something_says_what_it_takes() {
        for rule in RULES.iter().filter(|rule| rule.roles == ACT) {
            let says = WRITES.iter().any(|write| write.method == rule.method && write.route == rule.route);
            assert!(says, "{} {} does not say what it takes", rule.method, rule.route);
        }
    }
}
