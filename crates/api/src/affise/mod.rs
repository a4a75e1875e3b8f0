//! The Affise interface: affiliate billing under `/3.1/payments`, and what goes with it under `/3.0` and `/3.1`.
//! `docs/affise.md` says what is served and what is not.

mod advertiser_invoices;
mod changes;
mod conversion_changes;
mod conversion_filter;
mod conversions;
mod error;
mod generate;
mod offers;
mod params;
mod partners;
mod payments;
pub(crate) mod pull;
mod quirks;
mod reference;
mod referrals;
mod scope;
mod sent;
mod to_wire;
mod wire;

use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodFilter, any, on};
use axum::{Router, middleware};
use quittance_engine::keys::Role;
use quittance_http::AppState;
use quittance_http::access::{Access, Rule, check};
use quittance_http::encoding::plain_body;
use quittance_http::known::Known;
use quittance_http::listen::whole_body;
use quittance_http::problem::in_envelope;
use quittance_http::sent::read;

use Role::{Admin, Affiliate, Finance, Manager, Viewer};

/// A manager acts for the parties that it looks after, and sees no others.
const ACT: &[Role] = &[Admin, Finance, Manager];
const LOOK: &[Role] = &[Admin, Finance, Viewer, Manager];
/// What an affiliate sees of its own, too.
const LOOK_OR_SELF: &[Role] = &[Admin, Finance, Viewer, Manager, Affiliate];
const SELF: &[Role] = &[Affiliate];

/// Where nothing is taken but what the address says.
const NOTHING: &[Known] = &[];

/// What a writing request may say.
pub(crate) struct Write {
    method: &'static str,
    route: &'static str,
    known: &'static [Known],
}

/// Declares the routes with their roles and handlers, and what those that change something take. Each is there with a slash at
/// its end too: some clients send one.
macro_rules! routes {
    ($($method:ident $path:literal $roles:ident $handler:path $(, $known:path)?;)*) => {
        /// Which roles may call which route. A route that is not here is refused to everybody.
        pub const RULES: &[Rule] = &[$(
            Rule { method: stringify!($method), route: $path, roles: $roles },
            Rule { method: stringify!($method), route: concat!($path, "/"), roles: $roles },
        )*];

        /// What the routes take that change something. One that is not here changes nothing.
        const WRITES: &[Write] = &[$($(
            Write { method: stringify!($method), route: $path, known: $known },
        )?)*];

        fn table(state: &AppState) -> Router<AppState> {
            let access = Access::new(state.clone(), RULES, sent::key);
            let mut router = Router::new();
            $(for path in [$path, concat!($path, "/")] {
                let handler = on(MethodFilter::$method, $handler)
                    .route_layer(middleware::from_fn_with_state((state.clone(), sent::READING), read))
                    .route_layer(middleware::from_fn_with_state(access.clone(), check));
                router = router.route(path, handler);
            })*
            router
        }
    };
}

// In the order of Affise's documents.
routes! {
    GET "/3.1/payments" LOOK payments::list;
    POST "/3.1/payments/create-for-affiliate" ACT generate::create, generate::BY_SUM;
    POST "/3.1/payments/generate" ACT generate::by_date, generate::BY_DATE;
    POST "/3.1/payments/bulk-delete" ACT changes::remove_several, changes::IDS;
    DELETE "/3.1/payments/del-correction/{id}" ACT changes::remove_correction, NOTHING;
    DELETE "/3.1/payments/delete/{id}" ACT changes::remove, NOTHING;
    POST "/3.1/payments/delete/{id}" ACT changes::remove_several_by_alias, changes::IDS;
    GET "/3.1/payments/{id}" LOOK payments::one;
    POST "/3.1/payments/{id}" ACT changes::update, changes::UPDATE;
    POST "/3.1/payments/{id}/add-correction" ACT changes::correct, changes::CORRECTION;
    POST "/3.1/payments/{id}/conversions/delete" ACT changes::take_off, changes::TAKE_OFF;
    GET "/3.0/admin/partners" LOOK partners::list;
    POST "/3.0/admin/partner" ACT partners::create, partners::PARTNER;
    GET "/3.0/admin/partner/{id}" LOOK partners::one;
    POST "/3.0/admin/partner/{id}" ACT partners::edit, partners::PARTNER;
    GET "/3.0/admin/partner/{id}/referrals" LOOK_OR_SELF partners::referrals;
    GET "/3.0/balance" SELF reference::own_balance;
    GET "/3.1/partner/me" SELF reference::me;
    POST "/3.1/partner/api-key" SELF referrals::new_key, NOTHING;
    POST "/3.1/partner/api_key" SELF referrals::new_key, NOTHING;
    GET "/3.0/stats/getreferralpayments" LOOK_OR_SELF referrals::payments;
    GET "/3.0/admin/payment_systems" LOOK reference::payment_systems;
    GET "/3.0/admin/currency" LOOK reference::currencies;
    GET "/3.0/stats/conversions" LOOK_OR_SELF conversions::list;
    GET "/3.0/stats/conversionsbyid" LOOK conversions::by_id;
    POST "/3.0/admin/conversion/edit" ACT conversion_changes::edit, conversion_changes::EDIT;
    POST "/3.0/admin/conversion/edit-by-advertiser" ACT conversion_changes::edit_by_advertiser, conversion_changes::EDIT_BY_ADVERTISER;
    POST "/3.0/admin/conversion/import" ACT conversion_changes::import, conversion_changes::IMPORT;
    POST "/3.0/admin/conversions/import" ACT conversion_changes::import_several, conversion_changes::IMPORT_SEVERAL;
    GET "/3.0/admin/advertiser-invoices" LOOK advertiser_invoices::list;
    POST "/3.0/admin/advertiser-invoice" ACT advertiser_invoices::create, advertiser_invoices::INVOICE;
    GET "/3.0/admin/advertiser-invoice/{number}" LOOK advertiser_invoices::one;
    POST "/3.0/admin/advertiser-invoice/{number}" ACT advertiser_invoices::update, advertiser_invoices::INVOICE;
    GET "/3.0/offers" LOOK offers::list;
    GET "/3.0/offer/{id}" LOOK offers::one;
    GET "/3.0/admin/custom_fields" LOOK reference::custom_fields;
}

/// The routes. Every other address under `/3.0`, `/3.1` and `/4.0` is answered in this interface's envelope too.
pub fn routes(state: &AppState) -> Router {
    let mut router = table(state).method_not_allowed_fallback(error::no_page);
    for path in ["/3.0", "/3.0/", "/3.0/{*rest}", "/3.1", "/3.1/", "/3.1/{*rest}", "/4.0", "/4.0/", "/4.0/{*rest}"] {
        router = router.route(path, any(error::no_page));
    }
    router
        .layer(middleware::from_fn_with_state(state.limits, plain_body))
        .layer(middleware::from_fn_with_state(state.limits, whole_body))
        .layer(middleware::map_response(|response| in_envelope(response, error::envelope)))
        .layer(DefaultBodyLimit::disable())
        .with_state(state.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_that_changes_something_says_what_it_takes() {
        for rule in RULES.iter().filter(|rule| rule.method != "GET") {
            let route = rule.route.trim_end_matches('/');
            let says = WRITES.iter().any(|write| write.method == rule.method && write.route == route);
            assert!(says, "{} {} does not say what it takes", rule.method, rule.route);
        }
    }
}
