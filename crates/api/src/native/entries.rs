//! The lists that the rest refers to: offers, account managers, payment systems, currencies. Each is listed, shown, made and
//! changed in the same way.

use std::str::FromStr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_engine::keys::Actor;
use quittance_engine::reference::{Known, Manager, Offer, OfferFilter, PaymentSystem, SwitchedOn};
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, PartialSchema};

use super::describe::{IfMatch, Listed};
use super::list::{Asked, List, Window};
use super::params::{Body, Form, Param, param};
use super::tags::{Expected, tagged};
use super::wire;

/// An entry as this interface shows it.
trait Shown: Known + Send + 'static {
    /// How it is shown.
    type Row: Serialize + Send + 'static;
    /// What is sent to make or change one.
    type Request: PartialSchema;
    /// Its id, as the address has it.
    type Id: FromStr + Into<Value>;

    /// How it is shown in a network with a base currency.
    fn shown(&self, base: Currency) -> Self::Row;
}

impl Shown for Offer {
    type Row = wire::Offer;
    type Request = wire::OfferRequest;
    type Id = i64;

    fn shown(&self, _: Currency) -> wire::Offer {
        self.into()
    }
}

impl Shown for Manager {
    type Row = wire::Manager;
    type Request = wire::ManagerRequest;
    type Id = i64;

    fn shown(&self, _: Currency) -> wire::Manager {
        self.into()
    }
}

impl Shown for PaymentSystem {
    type Row = wire::PaymentSystem;
    type Request = wire::PaymentSystemRequest;
    type Id = i64;

    fn shown(&self, base: Currency) -> wire::PaymentSystem {
        wire::PaymentSystem::of(self, base)
    }
}

impl Shown for SwitchedOn {
    type Row = wire::SwitchedCurrency;
    type Request = wire::CurrencyRequest;
    type Id = String;

    fn shown(&self, _: Currency) -> wire::SwitchedCurrency {
        self.into()
    }
}

/// The base currency of a call's network.
fn base(engine: &Engine, call: &Call) -> Result<Currency, Error> {
    Ok(engine.network(call.network)?.currency)
}

/// The entry's id from the path. What is none of its form is no entry.
fn id_of<T: Shown>(text: &str) -> Result<Value, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {} {text:?}", T::SUBJECT));
    text.parse::<T::Id>().map(Into::into).map_err(|_| absent())
}

async fn show<T: Shown>(state: AppState, actor: Actor, id: String) -> Result<Response, Problem> {
    let id = id_of::<T>(&id)?;
    let call = actor.call((state.clock)());
    let row = state.run(move |engine| Ok(engine.entry::<T>(&call, &id)?.shown(base(engine, &call)?)));
    Ok(tagged(Answer::of(StatusCode::OK, &row.await?)?))
}

async fn create<T: Shown>(
    state: AppState,
    actor: Actor,
    route: &'static str,
    (headers, body): (HeaderMap, Bytes),
) -> Result<Response, Problem> {
    let entry = Body::entry::<T::Request>(&body)?;
    let call = actor.call((state.clock)());
    let answer = once(&state, &actor, route, &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let made = state.run(move |engine| Ok(engine.create_entry::<T>(&call, &entry)?.shown(base(engine, &call)?)));
        Answer::of(StatusCode::CREATED, &made.await.map_err(Problem::in_body)?)
    });
    Ok(tagged(answer.await?))
}

async fn change<T: Shown>(
    state: AppState,
    actor: Actor,
    id: String,
    (headers, body): (HeaderMap, Bytes),
) -> Result<Response, Problem> {
    let id = id_of::<T>(&id)?;
    let expected = Expected::of(&headers)?;
    let entry: Map<String, Value> = Body::entry::<T::Request>(&body)?;
    if entry.get(T::ID).is_some_and(|given| *given != id) {
        let detail = format!("{}: it never changes", T::ID);
        return Err(Problem::bad_request(&format!("/{}", T::ID), detail));
    }
    let call = actor.call((state.clock)());
    let changed = state.run(move |engine| {
        let base = base(engine, &call)?;
        let same = |known: &T| expected.holds(&known.shown(base));
        Ok(engine.update_entry::<T>(&call, &id, &entry, &same)?.shown(base))
    });
    Ok(tagged(Answer::of(StatusCode::OK, &changed.await.map_err(Problem::in_body)?)?))
}

/// The rows of a short list in the order that is asked for: by its first order, or by its second.
fn sorted<K: PartialEq, R>(
    window: &Window<K>,
    mut rows: Vec<(K, R)>,
    by_second: impl Fn(&R, &R) -> std::cmp::Ordering,
    second: &str,
) -> Vec<(K, R)> {
    if window.sort.trim_start_matches('-') == second {
        rows.sort_by(|(_, a), (_, b)| by_second(a, b));
    }
    if window.descending() {
        rows.reverse();
    }
    window.of_whole(rows)
}

/// The list of offers.
pub(super) struct Offers {
    advertiser: Option<i64>,
}

impl List for Offers {
    type Row = wire::Offer;
    type Key = i64;
    const NAME: &'static str = "offers";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[param("advertiser", Form::Int, "Only this advertiser's.")];

    fn page(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> Result<Vec<(i64, wire::Offer)>, Error> {
        let after = window.after.unwrap_or(0);
        let filter = OfferFilter { after, advertiser_id: self.advertiser, ..OfferFilter::default() };
        let page = engine.offers(call, &filter, (0, window.limit))?;
        Ok(page.offers.iter().map(|offer| (offer.offer_id, offer.into())).collect())
    }
}

/// The list of managers.
pub(super) struct Managers;

impl List for Managers {
    type Row = wire::Manager;
    type Key = i64;
    const NAME: &'static str = "managers";
    const SORTS: &'static [&'static str] = &["id", "-id", "name", "-name"];
    const FILTERS: &'static [Param] = &[];

    fn page(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> Result<Vec<(i64, wire::Manager)>, Error> {
        let rows = engine.managers(call)?.iter().map(|manager| (manager.manager_id, manager.into())).collect();
        Ok(sorted(window, rows, |a: &wire::Manager, b| a.name.cmp(&b.name), "name"))
    }
}

/// The list of payment systems.
pub(super) struct PaymentSystems;

impl List for PaymentSystems {
    type Row = wire::PaymentSystem;
    type Key = i64;
    const NAME: &'static str = "payment_systems";
    const SORTS: &'static [&'static str] = &["id", "-id", "title", "-title"];
    const FILTERS: &'static [Param] = &[];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> Result<Vec<(i64, wire::PaymentSystem)>, Error> {
        let base = base(engine, call)?;
        let systems = engine.payment_systems(call)?;
        let rows = systems.iter().map(|system| (system.system_id, system.shown(base))).collect();
        Ok(sorted(window, rows, |a: &wire::PaymentSystem, b| a.title.cmp(&b.title), "title"))
    }
}

/// The list of currencies.
pub(super) struct Currencies;

impl List for Currencies {
    type Row = wire::SwitchedCurrency;
    type Key = String;
    const NAME: &'static str = "currencies";
    const SORTS: &'static [&'static str] = &["code", "-code"];
    const FILTERS: &'static [Param] = &[];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<String>,
    ) -> Result<Vec<(String, wire::SwitchedCurrency)>, Error> {
        let rows = engine.currencies(call)?.iter().map(|on| (on.currency.code().to_owned(), on.into())).collect();
        Ok(sorted(window, rows, |_, _| std::cmp::Ordering::Equal, "code"))
    }
}

/// The address of an entry.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct IdPath {
    /// The entry's id.
    id: i64,
}

/// The address of a currency.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct CodePath {
    /// The currency's code.
    code: String,
}

macro_rules! entry_routes {
    ($known:ident, $row:ident, $new:ident, $request:ident, $page:ident, $path:ident, $all:literal, $one:literal, $route:literal,
        $list:ident: $list_type:ident $told_list:literal = |$query:ident| $filters:expr, $show:ident $told_show:literal,
        $create:ident $told_create:literal, $change:ident $told_change:literal) => {
        #[doc = $told_list]
        #[utoipa::path(get, path = $all, tag = "Reference", summary = $told_list, params(Listed<$list_type>),
                            responses((status = 200, description = "A page of the list.", body = wire::$page)))]
        pub(super) async fn $list(asked: Asked) -> Result<Response, Problem> {
            let $query = asked.query::<$list_type>()?;
            let list = $filters;
            asked.answer(&$query, list).await
        }

        #[doc = $told_show]
        #[utoipa::path(get, path = $one, tag = "Reference", summary = $told_show, params($path),
                            responses((status = 200, description = "The entry.", body = wire::$row)))]
        pub(super) async fn $show(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
        ) -> Result<Response, Problem> {
            show::<$known>(state, actor, id).await
        }

        #[doc = $told_create]
        #[utoipa::path(post, path = $all, tag = "Reference", summary = $told_create, request_body = wire::$new,
                            responses((status = 201, description = "The entry.", body = wire::$row)))]
        pub(super) async fn $create(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Response, Problem> {
            create::<$known>(state, actor, $route, (headers, body)).await
        }

        #[doc = $told_change]
        #[utoipa::path(patch, path = $one, tag = "Reference", summary = $told_change, params($path, IfMatch),
                            request_body = wire::$request,
                            responses((status = 200, description = "The entry as it is now.", body = wire::$row)))]
        pub(super) async fn $change(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Response, Problem> {
            change::<$known>(state, actor, id, (headers, body)).await
        }
    };
}

entry_routes!(
    Offer, Offer, NewOfferRequest, OfferRequest, OfferPage, IdPath, "/offers", "/offers/{id}", "POST offers",
    offers: Offers "Lists offers." = |query| Offers { advertiser: query.int("advertiser")? },
    offer "Shows an offer.",
    create_offer "Makes an offer.",
    change_offer "Changes an offer; what is left out stays. Hold days count for conversions that come from now on."
);
entry_routes!(
    Manager, Manager, NewManagerRequest, ManagerRequest, ManagerPage, IdPath, "/managers", "/managers/{id}", "POST managers",
    managers: Managers "Lists account managers." = |query| Managers,
    manager "Shows an account manager.",
    create_manager "Makes an account manager.",
    change_manager "Changes an account manager; what is left out stays."
);
entry_routes!(
    PaymentSystem, PaymentSystem, NewPaymentSystemRequest, PaymentSystemRequest, PaymentSystemPage, IdPath, "/payment-systems",
    "/payment-systems/{id}", "POST payment-systems",
    payment_systems: PaymentSystems "Lists payment systems." = |query| PaymentSystems,
    payment_system "Shows a payment system.",
    create_payment_system "Makes a payment system.",
    change_payment_system "Changes a payment system; what is left out stays."
);
entry_routes!(
    SwitchedOn, SwitchedCurrency, NewCurrencyRequest, CurrencyRequest, CurrencyPage, CodePath, "/currencies", "/currencies/{code}",
    "POST currencies",
    currencies: Currencies "Lists the currencies that are switched on." = |query| Currencies,
    currency "Shows a currency that is switched on.",
    switch_on_currency "Switches a currency on.",
    change_currency "Changes the minimum of a currency."
);
