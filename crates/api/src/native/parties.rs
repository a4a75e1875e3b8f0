//! Affiliates and advertisers: listed, shown, made, changed, and how they stand.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::PartyKind;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::parties::{PartyFilter, PartyView};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::scope::check_manager;
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::{IfMatch, Listed};
use super::list::{Asked, List, Window};
use super::params::{Body, Form, Param, Query, param};
use super::tags::{Expected, tagged};
use super::wire;

/// The address of a party.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
pub(super) struct PartyPath {
    /// The party's id.
    id: i64,
}

/// A party's id from the path. What is no number is no party.
pub(super) fn party_id(kind: PartyKind, text: &str) -> Result<i64, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {kind} {text:?}"));
    text.parse().map_err(|_| absent())
}

/// The filters of both lists.
const FILTERS: &[Param] = &[
    param("name", Form::Text, "Only those whose name holds this."),
    param("status", Form::Word(&["active", "pending", "inactive", "suspended"]), "Only those in this status."),
    param("manager", Form::Int, "Only those whom this manager looks after."),
    param("ids", Form::Ints, "Only these."),
    param("updated_from", Form::Instant, "Last changed at this instant or later."),
];

/// A list of parties of one kind.
struct Parties {
    kind: PartyKind,
    filter: PartyFilter,
}

impl Parties {
    fn read(kind: PartyKind, actor: &Actor, query: &Query) -> Result<Parties, Problem> {
        // A manager sees the parties that it looks after.
        let own = (actor.role == Role::Manager).then_some(actor.party_id.unwrap_or(0));
        let filter = PartyFilter {
            name_part: query.text("name").map(str::to_owned),
            status: query.text("status").map(str::to_owned),
            manager_id: query.int("manager")?,
            managers: own.map(|manager| vec![manager]),
            ids: query.ints("ids")?,
            updated_from: query.instant("updated_from")?,
            ..PartyFilter::default()
        };
        Ok(Parties { kind, filter })
    }

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Party)>> {
        let backwards = window.descending();
        let after = window.after.unwrap_or(0);
        let filter = PartyFilter { after: if backwards { 0 } else { after }, backwards, ..self.filter.clone() };
        let filter = PartyFilter { before: window.after.filter(|_| backwards), ..filter };
        let rows = engine.parties_page(call, self.kind, &filter, window.limit)?;
        Ok(rows.iter().map(|row| (row.party.party_id, wire::party(row, None))).collect())
    }
}

/// The list of affiliates.
pub(super) struct Affiliates(Parties);

/// The list of advertisers.
pub(super) struct Advertisers(Parties);

macro_rules! party_list {
    ($list:ident, $name:literal, $kind:ident) => {
        impl List for $list {
            type Row = wire::Party;
            type Key = i64;
            const NAME: &'static str = $name;
            const SORTS: &'static [&'static str] = &["id", "-id"];
            const FILTERS: &'static [Param] = FILTERS;

            fn page(
                &self,
                engine: &Engine,
                call: &Call,
                window: &Window<i64>,
            ) -> quittance_engine::Result<Vec<(i64, wire::Party)>> {
                self.0.page(engine, call, window)
            }

            fn end(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<Option<i64>> {
                engine.last_party_id(call, PartyKind::$kind).map(Some)
            }
        }
    };
}

party_list!(Affiliates, "affiliates", Affiliate);
party_list!(Advertisers, "advertisers", Advertiser);

/// Lists affiliates. A manager's key sees those that it looks after.
#[utoipa::path(get, path = "/affiliates", tag = "Parties", params(Listed<Affiliates>),
    responses((status = 200, description = "A page of affiliates.", body = wire::AffiliatePage)))]
pub(super) async fn affiliates(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Affiliates>()?;
    let list = Affiliates(Parties::read(PartyKind::Affiliate, &asked.actor, &query)?);
    asked.answer(&query, list).await
}

/// Lists advertisers. A manager's key sees those that it looks after.
#[utoipa::path(get, path = "/advertisers", tag = "Parties", params(Listed<Advertisers>),
    responses((status = 200, description = "A page of advertisers.", body = wire::AdvertiserPage)))]
pub(super) async fn advertisers(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Advertisers>()?;
    let list = Advertisers(Parties::read(PartyKind::Advertiser, &asked.actor, &query)?);
    asked.answer(&query, list).await
}

fn shown(view: &PartyView) -> wire::Party {
    wire::party(&view.row, Some(&view.methods))
}

/// A party that a request is about, and who asks.
struct One {
    state: AppState,
    actor: Actor,
    kind: PartyKind,
    id: i64,
}

impl One {
    async fn view(self) -> Result<PartyView, Problem> {
        let One { state, actor, kind, id } = self;
        let call = actor.call((state.clock)());
        let view = state.run(move |engine| {
            check_manager(engine, &actor, &call, kind, id)?;
            engine.party(&call, kind, id)
        });
        view.await
    }

    async fn show(self) -> Result<Response, Problem> {
        Ok(tagged(Answer::of(StatusCode::OK, &shown(&self.view().await?))?))
    }

    async fn balance(self) -> Result<Answer, Problem> {
        let (kind, id) = (self.kind, self.id);
        let view = self.view().await?;
        let balances = view.balances.iter().map(|balance| wire::balance(kind, id, balance)).collect();
        Answer::of(StatusCode::OK, &wire::Balances { balances })
    }

    async fn change(self, headers: &HeaderMap, body: &Bytes) -> Result<Response, Problem> {
        let One { state, actor, kind, id } = self;
        let expected = Expected::of(headers)?;
        let entry = Body::entry::<wire::PartyRequest>(body)?;
        let call = actor.call((state.clock)());
        let changed = state
            .run(move |engine| engine.update_party_if(&call, kind, id, &entry, &|view| expected.holds(&shown(view))));
        let view = changed.await.map_err(Problem::in_body)?;
        Ok(tagged(Answer::of(StatusCode::OK, &shown(&view))?))
    }
}

async fn create(
    state: AppState,
    actor: Actor,
    (kind, route): (PartyKind, &'static str),
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response, Problem> {
    let entry = Body::entry::<wire::PartyRequest>(body)?;
    let call = actor.call((state.clock)());
    let answer = once(&state, &actor, route, headers, body, |claimed| async {
        let call = Call { claimed, ..call };
        let made = state.run(move |engine| engine.create_party(&call, kind, &entry));
        Answer::of(StatusCode::CREATED, &shown(&made.await.map_err(Problem::in_body)?))
    });
    Ok(tagged(answer.await?))
}

macro_rules! party_routes {
    ($kind:ident, $all:literal, $one:literal, $balance:literal, $route:literal,
        $create:ident $told_create:literal, $show:ident $told_show:literal, $change:ident $told_change:literal,
        $standing:ident $told_standing:literal) => {
        #[doc = $told_create]
        #[utoipa::path(post, path = $all, tag = "Parties", summary = $told_create, request_body = wire::NewPartyRequest,
                    responses((status = 201, description = "The party.", body = wire::Party)))]
        pub(super) async fn $create(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Response, Problem> {
            create(state, actor, (PartyKind::$kind, $route), &headers, &body).await
        }

        #[doc = $told_show]
        #[utoipa::path(get, path = $one, tag = "Parties", summary = $told_show, params(PartyPath),
                    responses((status = 200, description = "The party.", body = wire::Party)))]
        pub(super) async fn $show(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
        ) -> Result<Response, Problem> {
            let id = party_id(PartyKind::$kind, &id)?;
            One { state, actor, kind: PartyKind::$kind, id }.show().await
        }

        #[doc = $told_change]
        #[utoipa::path(patch, path = $one, tag = "Parties", summary = $told_change, params(PartyPath, IfMatch),
                    request_body = wire::PartyRequest,
                    responses((status = 200, description = "The party as it is now.", body = wire::Party)))]
        pub(super) async fn $change(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
            headers: HeaderMap,
            body: Bytes,
        ) -> Result<Response, Problem> {
            let id = party_id(PartyKind::$kind, &id)?;
            One { state, actor, kind: PartyKind::$kind, id }.change(&headers, &body).await
        }

        #[doc = $told_standing]
        #[utoipa::path(get, path = $balance, tag = "Parties", summary = $told_standing, params(PartyPath),
                    responses((status = 200, description = "How it stands, by currency.", body = wire::Balances)))]
        pub(super) async fn $standing(
            State(state): State<AppState>,
            Extension(actor): Extension<Actor>,
            Path(id): Path<String>,
        ) -> Result<Answer, Problem> {
            let id = party_id(PartyKind::$kind, &id)?;
            One { state, actor, kind: PartyKind::$kind, id }.balance().await
        }
    };
}

party_routes!(
    Affiliate, "/affiliates", "/affiliates/{id}", "/affiliates/{id}/balance", "POST affiliates",
    create_affiliate "Makes an affiliate.",
    affiliate "Shows an affiliate with its payment methods.",
    change_affiliate "Changes an affiliate; what is left out stays.",
    affiliate_balance "Shows what an affiliate is owed."
);
party_routes!(
    Advertiser, "/advertisers", "/advertisers/{id}", "/advertisers/{id}/balance", "POST advertisers",
    create_advertiser "Makes an advertiser.",
    advertiser "Shows an advertiser.",
    change_advertiser "Changes an advertiser; what is left out stays.",
    advertiser_balance "Shows what an advertiser owes."
);
