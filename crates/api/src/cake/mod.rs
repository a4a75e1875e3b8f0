//! The CAKE interface: Billing & Payments of version 2 (`/api/2`), and the accounting services of version 1
//! (`/api/1/….asmx`) that public clients still use. `docs/cake.md` says what is served and what is not.

mod error;
mod from_wire;
mod invoices;
mod params;
mod parties;
pub(crate) mod pull;
mod quirks;
mod reference;
mod report;
mod sent;
mod to_wire;
mod v1;
mod wire;
mod writes;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use quittance_engine::keys::Role;
use quittance_http::access::{Access, Rule, check, sent_or_query};
use quittance_http::encoding::plain_body;
use quittance_http::listen::whole_body;
use quittance_http::problem::in_envelope;
use quittance_http::sent::read;
use quittance_http::{AppState, Limits};

use Role::{Admin, Advertiser, Affiliate, Finance, Manager, Viewer};

/// The most that a body of this interface has: it names one thing.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

const ACT: &[Role] = &[Admin, Finance];
const LOOK: &[Role] = &[Admin, Finance, Viewer];
/// An affiliate's own bills, for it and whoever looks at its side.
const BILLS: &[Role] = &[Admin, Finance, Viewer, Affiliate];
const INSIDE: &[Role] = &[Admin, Finance, Viewer, Manager];
/// Documents that a party sees of its own, and a manager of the parties it manages.
const OWN: &[Role] = &[Admin, Finance, Viewer, Manager, Affiliate, Advertiser];

/// Which roles may call which route. A route that is not here is refused to everybody.
pub const RULES: &[Rule] = &[
    Rule { method: "GET", route: "/api/2/invoices.json", roles: OWN },
    Rule { method: "GET", route: "/api/2/billing_cycles.json", roles: OWN },
    Rule { method: "GET", route: "/api/2/payment_methods.json", roles: OWN },
    Rule { method: "GET", route: "/api/2/payment_types.json", roles: OWN },
    Rule { method: "GET", route: "/api/2/currencies.json", roles: OWN },
    Rule { method: "POST", route: "/api/2/invoice.json", roles: ACT },
    Rule { method: "POST", route: "/api/2/update_invoice.json", roles: ACT },
    Rule { method: "GET", route: "/api/2/invoice_conversions.json", roles: OWN },
    Rule { method: "GET", route: "/api/2/affiliates.json", roles: INSIDE },
    Rule { method: "POST", route: "/api/2/affiliate.json", roles: ACT },
    Rule { method: "POST", route: "/api/2/update_affiliate.json", roles: ACT },
    Rule { method: "GET", route: "/api/2/advertisers.json", roles: INSIDE },
    Rule { method: "POST", route: "/api/2/advertiser.json", roles: ACT },
    Rule { method: "GET", route: "/api/2/report/conversion.json", roles: LOOK },
    Rule { method: "GET", route: "/api/2/offers.json", roles: LOOK },
    Rule { method: "GET", route: "/api/1/accounting.asmx/ExportAffiliateBills", roles: LOOK },
    Rule { method: "POST", route: "/api/1/accounting.asmx/ExportAffiliateBills", roles: LOOK },
    Rule { method: "GET", route: "/api/1/accounting.asmx/ExportAdvertiserBills", roles: LOOK },
    Rule { method: "POST", route: "/api/1/accounting.asmx/ExportAdvertiserBills", roles: LOOK },
    Rule { method: "GET", route: "/api/1/accounting.asmx/MarkAffiliateBillAsReceived", roles: ACT },
    Rule { method: "POST", route: "/api/1/accounting.asmx/MarkAffiliateBillAsReceived", roles: ACT },
    Rule { method: "GET", route: "/api/1/accounting.asmx/MarkAffiliateBillAsPaid", roles: ACT },
    Rule { method: "POST", route: "/api/1/accounting.asmx/MarkAffiliateBillAsPaid", roles: ACT },
    Rule { method: "GET", route: "/api/1/accounting.asmx/MarkAdvertiserBillAsSent", roles: ACT },
    Rule { method: "POST", route: "/api/1/accounting.asmx/MarkAdvertiserBillAsSent", roles: ACT },
    Rule { method: "GET", route: "/api/1/accounting.asmx/MarkAdvertiserBillAsReceived", roles: ACT },
    Rule { method: "POST", route: "/api/1/accounting.asmx/MarkAdvertiserBillAsReceived", roles: ACT },
    Rule { method: "GET", route: "/api/1/get.asmx/BillingCycles", roles: INSIDE },
    Rule { method: "POST", route: "/api/1/get.asmx/BillingCycles", roles: INSIDE },
    Rule { method: "GET", route: "/api/1/get.asmx/PaymentTypes", roles: INSIDE },
    Rule { method: "POST", route: "/api/1/get.asmx/PaymentTypes", roles: INSIDE },
    Rule { method: "GET", route: "/api/1/get.asmx/PaymentSettings", roles: INSIDE },
    Rule { method: "POST", route: "/api/1/get.asmx/PaymentSettings", roles: INSIDE },
    Rule { method: "GET", route: "/api/1/get.asmx/Currencies", roles: INSIDE },
    Rule { method: "POST", route: "/api/1/get.asmx/Currencies", roles: INSIDE },
    Rule { method: "GET", route: "/api/1/get.asmx/ExchangeRates", roles: INSIDE },
    Rule { method: "POST", route: "/api/1/get.asmx/ExchangeRates", roles: INSIDE },
    Rule { method: "GET", route: "/affiliates/api/3/reports.asmx/Bills", roles: BILLS },
    Rule { method: "POST", route: "/affiliates/api/3/reports.asmx/Bills", roles: BILLS },
];

/// The key of a request: of its body or its query.
fn key(request: &Request) -> Option<String> {
    sent_or_query(request, quirks::KEY)
}

fn limits(state: &AppState) -> Limits {
    Limits { body_bytes_max: state.limits.body_bytes_max.min(BODY_BYTES_MAX), ..state.limits }
}

/// The routes, in the order of CAKE's documents.
pub fn routes(state: &AppState) -> Router {
    let access = Access::new(state.clone(), RULES, key);
    let version_2 = Router::new()
        .route("/invoices.json", get(invoices::list))
        .route("/billing_cycles.json", get(reference::billing_cycles))
        .route("/payment_methods.json", get(reference::payment_methods))
        .route("/payment_types.json", get(reference::payment_types))
        .route("/currencies.json", get(reference::currencies))
        .route("/invoice.json", post(invoices::create))
        .route("/update_invoice.json", post(invoices::update))
        .route("/invoice_conversions.json", get(invoices::conversions))
        .route("/affiliates.json", get(parties::affiliates))
        .route("/affiliate.json", post(parties::create_affiliate))
        .route("/update_affiliate.json", post(parties::update_affiliate))
        .route("/advertisers.json", get(parties::advertisers))
        .route("/advertiser.json", post(parties::create_advertiser))
        .route("/report/conversion.json", get(report::conversions))
        .route("/offers.json", get(report::offers))
        .layer(middleware::from_fn(writes::taken))
        .layer(middleware::from_fn_with_state(access, check))
        .layer(middleware::from_fn_with_state((state.clone(), sent::READING), read))
        .layer(middleware::from_fn_with_state(limits(state), plain_body))
        .layer(middleware::from_fn_with_state(limits(state), whole_body))
        .layer(middleware::map_response(|response| in_envelope(response, error::envelope)))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone());
    // What is not served needs no key to be told so.
    let nothing = || any(|| async { StatusCode::NOT_FOUND });
    let unserved = Router::new()
        .route("/api/2", nothing())
        .route("/api/2/", nothing())
        .route("/api/2/{*rest}", nothing())
        .layer(middleware::map_response(|response| in_envelope(response, error::envelope)));
    Router::new().nest("/api/2", version_2).merge(unserved).merge(v1::routes(state)).merge(v1::unserved())
}
