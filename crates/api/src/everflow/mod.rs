//! Everflow's billing interface, `/v1`: a client of its network or affiliate API works with its host changed.
//!
//! What is served and each quirk is in `docs/everflow.md`; what its documents leave open is decided in `quirks`.

mod advertisers;
mod bulk;
mod conversion_changes;
mod conversions;
mod error;
mod from_wire;
mod invoices;
mod meta;
mod offers;
mod own;
mod partner_billing;
mod partners;
mod party_filter;
mod patchable;
pub(crate) mod pull;
mod quirks;
mod snapshots;
mod tables;
mod to_wire;
mod wire;
mod writes;
mod zones;

use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, patch, post, put};
use axum::{Router, middleware};
use quittance_engine::keys::Role;
use quittance_http::AppState;
use quittance_http::access::{Access, Rule, check};
use quittance_http::encoding::plain_body;
use quittance_http::listen::whole_body;
use tower::ServiceExt;

use Role::{Admin, Affiliate, Finance, Manager, Viewer};

/// Changes of the network's books.
const ACT: &[Role] = &[Admin, Finance];
/// What is shown to the network's people; to a manager of the parties that it looks after.
const LOOK: &[Role] = &[Admin, Finance, Viewer, Manager];
/// What is shown of all parties at once.
const LOOK_AT_ALL: &[Role] = &[Admin, Finance, Viewer];
const OWN: &[Role] = &[Affiliate];

/// Which roles may call which route. A route that is not here is refused to everybody; those under `/v1/meta` need no key.
pub const RULES: &[Rule] = &[
    Rule { method: "POST", route: "/v1/networks/billings/{side}/invoicestable", roles: LOOK },
    Rule { method: "POST", route: "/v1/networks/billings/{side}/summary", roles: LOOK },
    Rule { method: "GET", route: "/v1/networks/billings/{side}/invoices/{id}", roles: LOOK },
    Rule { method: "PUT", route: "/v1/networks/billings/{side}/invoices/{id}", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/billings/{side}/invoices", roles: ACT },
    Rule { method: "PATCH", route: "/v1/networks/billings/{side}/invoices", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/billings/{side}/payments", roles: ACT },
    Rule { method: "POST", route: "/v1/affiliates/billings/affiliates/invoicestable", roles: OWN },
    Rule { method: "POST", route: "/v1/affiliates/billings/affiliates/summary", roles: OWN },
    Rule { method: "GET", route: "/v1/affiliates/billings/affiliates/invoices/{id}", roles: OWN },
    Rule { method: "GET", route: "/v1/affiliates/billing", roles: OWN },
    Rule { method: "POST", route: "/v1/networks/affiliatestable", roles: LOOK },
    Rule { method: "GET", route: "/v1/networks/affiliates", roles: LOOK },
    Rule { method: "POST", route: "/v1/networks/affiliates", roles: ACT },
    Rule { method: "GET", route: "/v1/networks/affiliates/{id}", roles: LOOK },
    Rule { method: "PUT", route: "/v1/networks/affiliates/{id}", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/advertiserstable", roles: LOOK },
    Rule { method: "GET", route: "/v1/networks/advertisers", roles: LOOK },
    Rule { method: "PATCH", route: "/v1/networks/patch/affiliates/apply", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/patch/affiliates/submit", roles: ACT },
    Rule { method: "PATCH", route: "/v1/networks/patch/advertiser/apply", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/patch/advertiser/submit", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/reporting/conversions", roles: LOOK_AT_ALL },
    Rule { method: "PATCH", route: "/v1/networks/reporting/conversions", roles: ACT },
    Rule { method: "GET", route: "/v1/networks/reporting/conversions/{id}", roles: LOOK_AT_ALL },
    Rule { method: "PUT", route: "/v1/networks/reporting/conversions/{id}/payoutrevenue", roles: ACT },
    Rule { method: "PUT", route: "/v1/networks/reporting/conversions/{id}/saleamount", roles: ACT },
    Rule { method: "PUT", route: "/v1/networks/reporting/conversions/{id}/notes", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/reporting/conversions/bulkpayoutadjustment", roles: ACT },
    Rule { method: "POST", route: "/v1/networks/reporting/conversions/summary", roles: LOOK_AT_ALL },
    Rule { method: "GET", route: "/v1/networks/offers", roles: LOOK_AT_ALL },
    Rule { method: "GET", route: "/v1/networks/offers/{id}", roles: LOOK_AT_ALL },
];

/// The routes, in the order of the vendor's documentation.
pub fn routes(state: &AppState) -> Router {
    let access = Access::new(state.clone(), RULES, key);
    let keyed = Router::new()
        .route("/networks/billings/{side}/invoicestable", post(invoices::table))
        .route("/networks/billings/{side}/summary", post(invoices::sums))
        .route("/networks/billings/{side}/invoices/{id}", get(invoices::one).put(invoices::update))
        .route("/networks/billings/{side}/invoices", post(invoices::create).patch(invoices::bulk))
        .route("/networks/billings/{side}/payments", post(invoices::pay))
        .route("/affiliates/billings/affiliates/invoicestable", post(own::table))
        .route("/affiliates/billings/affiliates/summary", post(own::sums))
        .route("/affiliates/billings/affiliates/invoices/{id}", get(own::one))
        .route("/affiliates/billing", get(own::billing))
        .route("/networks/affiliatestable", post(tables::of_partners))
        .route("/networks/affiliates", get(partners::list).post(partners::create))
        .route("/networks/affiliates/{id}", get(partners::one).put(partners::update))
        .route("/networks/advertiserstable", post(tables::of_advertisers))
        .route("/networks/advertisers", get(advertisers::list))
        .route("/networks/patch/affiliates/apply", patch(bulk::apply_to_partners))
        .route("/networks/patch/affiliates/submit", post(bulk::preview_of_partners))
        .route("/networks/patch/advertiser/apply", patch(bulk::apply_to_advertisers))
        .route("/networks/patch/advertiser/submit", post(bulk::preview_of_advertisers))
        .route("/networks/reporting/conversions", post(conversions::list).merge(patch(conversion_changes::set_status)))
        .route("/networks/reporting/conversions/{id}", get(conversions::one))
        .route("/networks/reporting/conversions/{id}/payoutrevenue", put(conversion_changes::set_amounts))
        .route("/networks/reporting/conversions/{id}/saleamount", put(conversion_changes::set_sale_amount))
        .route("/networks/reporting/conversions/{id}/notes", put(conversion_changes::set_notes))
        .route("/networks/reporting/conversions/bulkpayoutadjustment", post(conversion_changes::adjust))
        .route("/networks/reporting/conversions/summary", post(conversions::sums))
        .route("/networks/offers", get(offers::list))
        .route("/networks/offers/{id}", get(offers::one))
        .route_layer(middleware::from_fn_with_state(state.limits, writes::taken))
        .route_layer(middleware::from_fn_with_state(state.limits, plain_body))
        .route_layer(middleware::from_fn_with_state(state.limits, whole_body))
        .route_layer(middleware::from_fn_with_state(access, check))
        .route_layer(middleware::from_fn(served));
    let v1 = Router::new()
        .route("/meta/timezones", get(meta::timezones))
        .route("/meta/currencies", get(meta::currencies))
        .merge(keyed)
        .fallback(error::nothing_here)
        .layer(middleware::from_fn_with_state(state.clone(), error::dressed))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone());
    let v1 = Router::new().nest("/v1", v1);
    // One of the vendor's own examples has the slash twice.
    let inner = v1.clone();
    v1.route("//v1/{*rest}", any(move |request: Request| inner.oneshot(without_doubled_slash(request))))
}

/// Answers that there is nothing where a path is called in a way that it has not: no key is the wrong one for that.
async fn served(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let is = |rule: &Rule| rule.route == route && (request.method() == rule.method || request.method() == Method::HEAD);
    match RULES.iter().any(is) {
        true => next.run(request).await,
        false => error::nothing_here().await.into_response(),
    }
}

/// The key of the vendor's header.
fn key(request: &Request) -> Option<String> {
    let header = |headers: &HeaderMap| Some(headers.get(quirks::KEY_HEADER)?.to_str().ok()?.trim().to_owned());
    header(request.headers()).filter(|key| !key.is_empty())
}

fn without_doubled_slash(mut request: Request) -> Request {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).trim_start_matches('/').to_owned();
    if let Ok(uri) = Uri::builder().path_and_query(format!("/{path}")).build() {
        *request.uri_mut() = uri;
    }
    // The router within says which of its patterns is matched.
    request.extensions_mut().remove::<MatchedPath>();
    request
}
