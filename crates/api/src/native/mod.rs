//! The native interface, `/billing/v1`: JSON, problem details, cursors, `ETag` and `If-Match`, `Idempotency-Key`.

mod accruals;
mod actions;
mod batch;
mod conversions;
mod credit;
mod describe;
mod entries;
mod events;
mod hold_days;
mod invoice_list;
mod invoice_parts;
mod invoices;
mod keys;
mod ledger;
mod list;
mod network;
mod params;
mod parties;
mod payments;
mod rates;
mod reports;
mod runs;
mod tags;
mod takes;
mod users;
mod webhooks;
pub mod wire;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};
use quittance_engine::keys::Role;
use quittance_http::AppState;
use quittance_http::access::{Access, Rule, bearer, check};
use quittance_http::encoding::plain_body;
use quittance_http::listen::whole_body;
use quittance_http::problem::in_problem_form;
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use Role::{Admin, Advertiser, Affiliate, Finance, Manager, Tracker, Viewer};

/// Where the interface is.
const PREFIX: &str = "/billing/v1";

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
    Rule { method: "GET", route: "/billing/v1/conversions", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/conversions/{id}", roles: LOOK },
    Rule { method: "PATCH", route: "/billing/v1/conversions/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/accruals", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/payments", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/rates", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/rates", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/reports/{name}", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/network", roles: LOOK },
    Rule { method: "PATCH", route: "/billing/v1/network", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/changes", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/ledger", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/balances", roles: LOOK },
    Rule { method: "POST", route: "/billing/v1/balances", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/affiliates", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/affiliates", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/affiliates/{id}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/affiliates/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/affiliates/{id}/balance", roles: INSIDE },
    Rule { method: "GET", route: "/billing/v1/affiliates/{id}/credit-payouts", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/affiliates/{id}/credit-payouts", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/affiliates/{id}/credit-payouts/{payout}/reverse", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/advertisers", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/advertisers", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/advertisers/{id}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/advertisers/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/advertisers/{id}/balance", roles: INSIDE },
    Rule { method: "GET", route: "/billing/v1/advertisers/{id}/credit-payouts", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/advertisers/{id}/credit-payouts", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/advertisers/{id}/credit-payouts/{payout}/reverse", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/offers", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/offers", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/offers/{id}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/offers/{id}", roles: ACT },
    Rule { method: "PUT", route: "/billing/v1/offers/{id}/hold-days", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/managers", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/managers", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/managers/{id}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/managers/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/payment-systems", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/payment-systems", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/payment-systems/{id}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/payment-systems/{id}", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/currencies", roles: INSIDE },
    Rule { method: "POST", route: "/billing/v1/currencies", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/currencies/{code}", roles: INSIDE },
    Rule { method: "PATCH", route: "/billing/v1/currencies/{code}", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/affiliates/{id}/erase", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/advertisers/{id}/erase", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/billing-runs:due", roles: ACT },
    Rule { method: "POST", route: "/billing/v1/billing-runs", roles: ACT },
    Rule { method: "GET", route: "/billing/v1/billing-runs", roles: LOOK },
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
    Rule { method: "GET", route: "/billing/v1/keys", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/keys", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/keys/{id}", roles: GOVERN },
    Rule { method: "DELETE", route: "/billing/v1/keys/{id}", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/users", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/users", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/users/{id}", roles: GOVERN },
    Rule { method: "PATCH", route: "/billing/v1/users/{id}", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/users/{id}/erase", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/events", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/history", roles: LOOK },
    Rule { method: "GET", route: "/billing/v1/webhooks", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/webhooks", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/webhooks/{id}", roles: GOVERN },
    Rule { method: "PATCH", route: "/billing/v1/webhooks/{id}", roles: GOVERN },
    Rule { method: "DELETE", route: "/billing/v1/webhooks/{id}", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/webhooks/{id}/test", roles: GOVERN },
    Rule { method: "POST", route: "/billing/v1/webhooks/{id}/replay", roles: GOVERN },
    Rule { method: "GET", route: "/billing/v1/webhooks/{id}/deliveries", roles: GOVERN },
];

fn batch_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(batch::batch))
}

/// The routes with their descriptions.
fn described() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(conversions::list))
        .routes(routes!(conversions::one, conversions::edit))
        .routes(routes!(accruals::list))
        .routes(routes!(payments::pay))
        .routes(routes!(rates::list, rates::import))
        .routes(routes!(reports::one))
        .routes(routes!(network::show, network::set))
        .routes(routes!(network::changes))
        .routes(routes!(ledger::postings))
        .routes(routes!(ledger::balances, network::balances))
        .routes(routes!(network::erase_affiliate))
        .routes(routes!(network::erase_advertiser))
        .routes(routes!(runs::list, runs::start))
        .routes(routes!(runs::due))
        .routes(routes!(runs::one))
        .merge(party_routes())
        .merge(entry_routes())
        .merge(invoice_routes())
        .merge(key_and_event_routes())
}

fn key_and_event_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::one, keys::revoke))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::one, users::edit))
        .routes(routes!(users::erase))
        .routes(routes!(events::list))
        .routes(routes!(events::history))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::one, webhooks::edit, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::replay))
        .routes(routes!(webhooks::deliveries))
}

fn party_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(parties::affiliates, parties::create_affiliate))
        .routes(routes!(parties::affiliate, parties::change_affiliate))
        .routes(routes!(parties::affiliate_balance))
        .routes(routes!(parties::advertisers, parties::create_advertiser))
        .routes(routes!(parties::advertiser, parties::change_advertiser))
        .routes(routes!(parties::advertiser_balance))
        .routes(routes!(credit::of_affiliate, credit::by_affiliate))
        .routes(routes!(credit::back_to_affiliate))
        .routes(routes!(credit::of_advertiser, credit::to_advertiser))
        .routes(routes!(credit::back_from_advertiser))
}

fn entry_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(entries::offers, entries::create_offer))
        .routes(routes!(entries::offer, entries::change_offer))
        .routes(routes!(hold_days::set_hold_days))
        .routes(routes!(entries::managers, entries::create_manager))
        .routes(routes!(entries::manager, entries::change_manager))
        .routes(routes!(entries::payment_systems, entries::create_payment_system))
        .routes(routes!(entries::payment_system, entries::change_payment_system))
        .routes(routes!(entries::currencies, entries::switch_on_currency))
        .routes(routes!(entries::currency, entries::change_currency))
}

fn invoice_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(invoices::list))
        .routes(routes!(invoices::one, actions::edit))
        .routes(routes!(invoice_parts::lines))
        .routes(routes!(invoices::conversions))
        .routes(routes!(invoice_parts::payments, actions::pay))
        .routes(routes!(actions::return_payment))
        .routes(routes!(actions::reverse_payment))
        .routes(routes!(actions::write_off))
        .routes(routes!(invoice_parts::credit_notes, actions::credit_note))
        .routes(routes!(invoice_parts::corrections, actions::correct))
        .routes(routes!(actions::remove_correction))
        .routes(routes!(invoice_parts::history))
        .routes(routes!(invoice_parts::ledger))
        .routes(routes!(actions::approve))
        .routes(routes!(actions::unapprove))
        .routes(routes!(actions::void))
        .routes(routes!(actions::sync))
        .routes(routes!(actions::take_off))
}

/// The descriptions of all routes, by their addresses.
pub(crate) fn description() -> OpenApi {
    OpenApiRouter::new().nest(PREFIX, batch_routes().merge(described())).into_openapi()
}

/// The routes of the native interface.
pub fn routes(state: &AppState) -> Router {
    let access = Access::new(state.clone(), RULES, bearer);
    // A batch unpacks itself while it reads: it may hold more than a body.
    let (batches, _) = batch_routes().split_for_parts();
    let (native, _) = described().split_for_parts();
    let taken = middleware::from_fn_with_state(state.limits, takes::taken);
    let native = native
        .layer(taken.clone())
        .layer(middleware::from_fn_with_state(state.limits, plain_body))
        .merge(batches.layer(taken))
        .layer(middleware::from_fn_with_state(state.limits, whole_body))
        .layer(middleware::from_fn_with_state(access, check))
        .layer(DefaultBodyLimit::disable())
        .layer(CompressionLayer::new())
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::map_response(in_problem_form))
        .with_state(state.clone());
    Router::new().nest(PREFIX, native)
}
