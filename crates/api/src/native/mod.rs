//! The native interface, `/billing/v1`: JSON, problem details, cursors, `ETag` and `If-Match`, `Idempotency-Key`.

mod actions;
mod conversions;
mod invoices;
mod network;
mod params;
mod payments;
mod rates;
mod reports;
mod runs;
pub mod wire;

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use axum::{Router, middleware};
use quittance_engine::keys::Role;
use quittance_http::AppState;
use quittance_http::access::{Access, Rule, bearer, check};
use quittance_http::listen::whole_body;
use quittance_http::problem::in_problem_form;

use Role::{Admin, Advertiser, Affiliate, Finance, Manager, Tracker, Viewer};

/// Settings, and what cannot be undone.
const GOVERN: &[Role] = &[Admin];
const SEND: &[Role] = &[Admin, Finance, Tracker];
const ACT: &[Role] = &[Admin, Finance];
const LOOK: &[Role] = &[Admin, Finance, Viewer];
/// Documents that a party sees of its own, and a manager of the parties it manages.
const OWN: &[Role] = &[Admin, Finance, Viewer, Manager, Affiliate, Advertiser];
/// What is the network's own affair.
const INSIDE: &[Role] = &[Admin, Finance, Viewer, Manager];

/// Which roles may call which route. A route that is not here is refused to everybody.
pub const RULES: &[Rule] = &[
    Rule { method: "POST", route: "/billing/v1/conversions:batch", roles: SEND },
    Rule { method: "GET", route: "/billing/v1/conversions/{id}", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/accruals", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/payments", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/rates", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/rates", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/reports/{name}", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/network", roles: LOOK },
    Rule { method: "PATCH", route: "/billing/v1/network", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/changes", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/balances", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/affiliates/{id}/erase", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/advertisers/{id}/erase", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/billing-runs:due", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/billing-runs", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/billing-runs/{id}", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/invoices", roles: OWN },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}", roles: OWN },
    Rule { method: "PATCH", route: "/billing/v1/invoices/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/lines", roles: OWN },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/conversions", roles: OWN },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/payments", roles: OWN },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/payments", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/payments/{payment}/return", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/payments/{payment}/reverse", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/write-off", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/credit-notes", roles: OWN },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/credit-notes", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/corrections", roles: OWN },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/corrections", roles: ACT },
    Rule { method: "DELETE", route: "/billing/v1/invoices/{id}/corrections/{line}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/history", roles: INSIDE },
    Rule { method: "GET", route: "/billing/v1/invoices/{id}/ledger", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/approve", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/unapprove", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/void", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/sync", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/invoices/{id}/take-off", roles: ACT },
];

/// The routes of the native interface.
pub fn routes(state: &AppState) -> Router {
    let access = Access::new(state.clone(), RULES, bearer);
    let native = Router::new()
        .route("/conversions:batch", post(conversions::batch))
        .route("/conversions/{id}", get(conversions::one))
        .route("/accruals", get(conversions::accruals))
        .route("/payments", post(payments::pay))
        .route("/rates", get(rates::list).post(rates::import))
        .route("/reports/{name}", get(reports::one))
        .route("/network", get(network::show).patch(network::set))
        .route("/changes", get(network::changes))
        .route("/balances", post(network::balances))
        .route("/affiliates/{id}/erase", post(network::erase_affiliate))
        .route("/advertisers/{id}/erase", post(network::erase_advertiser))
        .route("/billing-runs", post(runs::start))
        .route("/billing-runs:due", post(runs::due))
        .route("/billing-runs/{id}", get(runs::one))
        .route("/invoices", get(invoices::list))
        .route("/invoices/{id}", get(invoices::one).patch(actions::edit))
        .route("/invoices/{id}/lines", get(invoices::lines))
        .route("/invoices/{id}/conversions", get(invoices::conversions))
        .route("/invoices/{id}/payments", get(invoices::payments).post(actions::pay))
        .route("/invoices/{id}/payments/{payment}/return", post(actions::return_payment))
        .route("/invoices/{id}/payments/{payment}/reverse", post(actions::reverse_payment))
        .route("/invoices/{id}/write-off", post(actions::write_off))
        .route("/invoices/{id}/credit-notes", get(invoices::credit_notes).post(actions::credit_note))
        .route("/invoices/{id}/corrections", get(invoices::corrections).post(actions::correct))
        .route("/invoices/{id}/corrections/{line}", delete(actions::remove_correction))
        .route("/invoices/{id}/history", get(invoices::history))
        .route("/invoices/{id}/ledger", get(invoices::ledger))
        .route("/invoices/{id}/approve", post(actions::approve))
        .route("/invoices/{id}/unapprove", post(actions::unapprove))
        .route("/invoices/{id}/void", post(actions::void))
        .route("/invoices/{id}/sync", post(actions::sync))
        .route("/invoices/{id}/take-off", post(actions::take_off))
        .layer(middleware::from_fn_with_state(state.limits, whole_body))
        .layer(middleware::map_response(in_problem_form))
        .layer(middleware::from_fn_with_state(access, check))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone());
    Router::new().nest("/billing/v1", native)
}
