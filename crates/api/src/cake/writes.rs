//! What requests take that change something, and the layer that refuses what would be dangerous to leave alone.
//!
//! CAKE leaves unknown parameters alone, and its clients send every parameter that there is. What is not known here may
//! therefore stand there, unless it looks like a known one that is misspelt, or like something that narrows what is done or is
//! an amount: whoever says how much, or of what, must not get all of everything.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::{Problem, known};

use super::quirks::KEY;
use super::sent::Sent;

/// What one route takes.
struct Write {
    route: &'static str,
    known: &'static [&'static str],
}

const fn write(route: &'static str, known: &'static [&'static str]) -> Write {
    Write { route, known }
}

const WRITES: &[Write] = &[
    write("/api/2/invoice.json", &["affiliate_id", "start_date", "end_date"]),
    write("/api/2/update_invoice.json", &["invoice_id", "invoice_status"]),
    write(
        "/api/2/affiliate.json",
        &[
            "affiliate_name",
            "affiliate_status",
            "account_manager_id",
            "website",
            "phone",
            "country_id",
            "billing_cycle_id",
            "minimum_payment_threshold",
            "payment_type_id",
        ],
    ),
    write(
        "/api/2/update_affiliate.json",
        &[
            "affiliate_id",
            "affiliate_name",
            "affiliate_status",
            "account_manager_id",
            "website",
            "phone",
            "country_id",
            "billing_cycle_id",
            "minimum_payment_threshold",
            "payment_type_id",
        ],
    ),
    write(
        "/api/2/advertiser.json",
        &[
            "advertiser_name",
            "advertiser_status",
            "account_manager_id",
            "website",
            "phone",
            "country_id",
            "billing_cycle_id",
            "minimum_payment_threshold",
            "payment_type_id",
        ],
    ),
    write(
        "/api/1/accounting.asmx/MarkAffiliateBillAsReceived",
        &[
            "bill_id",
            "invoice_number",
            "invoiced_amount",
            "date_invoice_received",
            "date_invoice_received_modification_type",
            "notes",
        ],
    ),
    write(
        "/api/1/accounting.asmx/MarkAffiliateBillAsPaid",
        &["bill_id", "payment_type_id", "invoice_number", "verification_code", "payment_date", "notes"],
    ),
    write(
        "/api/1/accounting.asmx/MarkAdvertiserBillAsSent",
        &["bill_id", "invoice_number", "date_sent_invoice", "date_sent_invoice_modification_type", "notes"],
    ),
    write(
        "/api/1/accounting.asmx/MarkAdvertiserBillAsReceived",
        &[
            "bill_id",
            "payment_amount",
            "payment_type_id",
            "invoice_number",
            "verification_code",
            "date_payment_received",
            "date_payment_received_modification_type",
            "notes",
        ],
    ),
];

/// Words of names that say how much, or of what. A word of several counts without its `s`, too.
const WEIGHTY: &[&str] = &[
    "amount",
    "amt",
    "sum",
    "total",
    "payout",
    "revenue",
    "price",
    "balance",
    "minimum",
    "maximum",
    "min",
    "max",
    "limit",
    "credit",
    "percent",
    "date",
    "day",
    "month",
    "year",
    "start",
    "end",
    "from",
    "to",
    "through",
    "until",
    "since",
    "before",
    "after",
    "period",
    "affiliate",
    "advertiser",
    "partner",
    "offer",
    "campaign",
    "bill",
    "invoice",
    "conversion",
    "currency",
    "currencie",
    "country",
    "countrie",
    "status",
    "paid",
    "all",
    "only",
    "include",
    "exclude",
    "except",
    "filter",
];

/// Whether a name looks like something that narrows, or like an amount: one of its words does.
fn is_weighty(name: &str) -> bool {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words.push(name.to_lowercase());
    words.iter().any(|word| WEIGHTY.contains(&word.as_str()) || WEIGHTY.contains(&word.trim_end_matches('s')))
}

/// A layer that refuses of a request that changes something what must not be left alone.
pub(super) async fn taken(request: Request, next: Next) -> Response {
    match checked(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn checked(request: &Request) -> Result<(), Problem> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let Some(write) = WRITES.iter().find(|write| write.route == route) else { return Ok(()) };
    let Some(sent) = request.extensions().get::<Sent>() else { return Ok(()) };
    for name in sent.params.names().filter(|name| !write.known.contains(name)) {
        let problem = known::unknown(name, name, write.known);
        // Without a known one that is meant, it says which there are.
        if known::meant(name, write.known).is_some() || is_weighty(name) {
            return Err(problem);
        }
    }
    // With a body, the address says who calls, and no more.
    let mut beside = sent.beside.names().filter(|name| *name != KEY);
    match beside.find(|name| write.known.contains(name) || is_weighty(name)) {
        Some(name) => Err(Problem::bad_request(name, format!("{name}: there is a body; say it there"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ACT, RULES};
    use super::*;

    #[test]
    fn every_route_that_changes_something_says_what_it_takes() {
        for rule in RULES.iter().filter(|rule| rule.roles == ACT) {
            assert!(WRITES.iter().any(|write| write.route == rule.route), "{} does not say what it takes", rule.route);
        }
    }

    #[test]
    fn names_that_say_how_much_or_of_what_are_told_from_others() {
        for name in
            ["paymentAmount", "AMOUNT", "amt", "offers", "offer_ids", "date_from", "only_paid", "currency_id", "toDate"]
        {
            assert!(is_weighty(name), "{name}");
        }
        for name in ["session", "tag_id", "format", "callback", "_", "tool", "candidate"] {
            assert!(!is_weighty(name), "{name}");
        }
    }
}
