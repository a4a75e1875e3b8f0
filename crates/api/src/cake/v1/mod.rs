//! Version 1: the accounting and reference services, and an affiliate's own bills. Each answers a GET and a form with XML, a
//! JSON object under `d`, and the parameters of the pages of 2026 with the JSON of those pages.

mod answer;
mod bills;
mod lists;
mod mark;
mod own;
mod tree;
mod unserved;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};
use quittance_http::AppState;
use quittance_http::access::{Access, check, no_head};
use quittance_http::encoding::plain_body;
use quittance_http::listen::whole_body;
use quittance_http::sent::read;

use self::answer::{NewForm, Service};
use super::{RULES, key, limits, quirks, sent, writes};

/// The name space of the services of the network's people (v1).
const NAME_SPACE: &str = "http://cakemarketing.com/api/1/";
/// That of an affiliate's own.
const OWN_NAME_SPACE: &str = "http://cakemarketing.com/affiliates/api/3/";

const fn service(name: &'static str, root: &'static str, invalid_key: &'static str, new_form: NewForm) -> Service {
    Service { name, root, name_space: NAME_SPACE, invalid_key, new_form }
}

/// How some services write the key (v1).
const KEY: &str = "Invalid API Key";

/// All services, with the root elements of the documents: they follow no rule.
const SERVICES: &[Service] = &[
    service(
        "ExportAffiliateBills",
        "export_affiliate_bills_accounting_response",
        quirks::INVALID_KEY,
        NewForm::StartDate,
    ),
    service(
        "ExportAdvertiserBills",
        "export_advertiser_bills_accounting_response",
        quirks::INVALID_KEY,
        NewForm::StartDate,
    ),
    service(
        "MarkAffiliateBillAsReceived",
        "mark_affiliate_bill_as_received_accounting_response",
        quirks::INVALID_KEY,
        NewForm::BillAlone,
    ),
    service("MarkAffiliateBillAsPaid", "markaffiliatebillsaspaid_accounting_response", KEY, NewForm::BillAlone),
    service(
        "MarkAdvertiserBillAsSent",
        "mark_advertiser_bill_as_sent_accounting_response",
        quirks::INVALID_KEY,
        NewForm::Never,
    ),
    service(
        "MarkAdvertiserBillAsReceived",
        "mark_advertiser_bill_as_received_accounting_response",
        quirks::INVALID_KEY,
        NewForm::Never,
    ),
    service("BillingCycles", "billing_cycles_response", KEY, NewForm::Never),
    service("PaymentTypes", "payment_types_response", KEY, NewForm::Never),
    service("PaymentSettings", "payment_settings_response", KEY, NewForm::Never),
    service("Currencies", "currencies_response", KEY, NewForm::Never),
    service("ExchangeRates", "exchange_rates_response", KEY, NewForm::Never),
    Service { name_space: OWN_NAME_SPACE, ..service("Bills", "bill_response", KEY, NewForm::Never) },
];

/// The service of a name; the routes name known ones only.
fn named(name: &str) -> Service {
    SERVICES.iter().find(|service| service.name == name).copied().unwrap_or(SERVICES[0])
}

fn both<H, T>(handler: H) -> MethodRouter<AppState>
where
    H: axum::handler::Handler<T, AppState> + Clone,
    T: 'static,
{
    get(handler.clone()).post(handler)
}

/// What is answered below the services at addresses that are not served.
pub(super) fn unserved() -> Router {
    unserved::routes()
}

/// The routes of version 1.
pub(super) fn routes(state: &AppState) -> Router {
    let exports = Router::new()
        .route("/ExportAffiliateBills", both(bills::affiliates))
        .route("/ExportAdvertiserBills", both(bills::advertisers));
    let marks = Router::new()
        .route("/MarkAffiliateBillAsReceived", both(mark::affiliate_received))
        .route("/MarkAffiliateBillAsPaid", both(mark::affiliate_paid))
        .route("/MarkAdvertiserBillAsSent", both(mark::advertiser_sent))
        .route("/MarkAdvertiserBillAsReceived", both(mark::advertiser_received));
    let lists = Router::new()
        .route("/BillingCycles", both(lists::billing_cycles))
        .route("/PaymentTypes", both(lists::payment_types))
        .route("/PaymentSettings", both(lists::payment_settings))
        .route("/Currencies", both(lists::currencies))
        .route("/ExchangeRates", both(lists::exchange_rates));
    let own = Router::new().route("/Bills", both(own::bills));
    let access = Access::new(state.clone(), RULES, key);
    let reads = Router::new()
        .nest("/api/1/accounting.asmx", exports)
        .nest("/api/1/get.asmx", lists)
        .nest("/affiliates/api/3/reports.asmx", own);
    let dressed = |routes: Router<AppState>| {
        routes
            .layer(middleware::from_fn(writes::taken))
            .layer(middleware::from_fn_with_state(access.clone(), check))
            .layer(middleware::from_fn_with_state((state.clone(), sent::READING), read))
            .layer(middleware::from_fn_with_state(limits(state), plain_body))
            .layer(middleware::from_fn_with_state(limits(state), whole_body))
            .layer(middleware::from_fn(answer::in_own_form))
            .layer(DefaultBodyLimit::disable())
            .with_state(state.clone())
    };
    let marks = Router::new().nest("/api/1/accounting.asmx", marks);
    dressed(reads).merge(dressed(marks).layer(middleware::from_fn(no_head)))
}
