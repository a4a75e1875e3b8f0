//! What another network reads when it moves over: conversions and offers.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::time::Zone;
use quittance_engine::ingest::{ConversionFilter, State as Known};
use quittance_engine::keys::Actor;
use quittance_engine::reference::OfferFilter;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::Answer;
use quittance_http::pages::{self, Page};
use quittance_http::{AppState, Problem};

use super::sent::Sent;
use super::{from_wire, quirks, to_wire};

/// How many conversions are read, and written to the client, at a time.
const PAGE: i64 = 1_000;

#[derive(Clone)]
struct Listing {
    call: Call,
    filter: ConversionFilter,
    zone: Zone,
}

/// Where a list goes on: its next place, and how many rows are still to come.
type Next = (i64, i64);

impl Listing {
    /// The first page, and how many rows there are in all.
    fn first(&self, engine: &Engine, (offset, left): Next) -> quittance_engine::Result<(Page<Next>, i64)> {
        let list = engine.conversions(&self.call, &self.filter, (offset, left.min(PAGE)))?;
        Ok((self.text(engine, &list.conversions, (offset, left), true)?, list.total))
    }

    /// A page after the first.
    fn page(&self, engine: &Engine, (offset, left): Next) -> quittance_engine::Result<Page<Next>> {
        let conversions = engine.conversions_page(&self.call, &self.filter, (offset, left.min(PAGE)))?;
        self.text(engine, &conversions, (offset, left), false)
    }

    /// A page as text; further pages begin with a comma.
    fn text(
        &self,
        engine: &Engine,
        conversions: &[Known],
        (offset, left): Next,
        first: bool,
    ) -> quittance_engine::Result<Page<Next>> {
        let asked = left.min(PAGE);
        let mut ids: Vec<i64> = conversions.iter().map(|s| s.known.conversion.offer_id.get()).collect();
        ids.sort_unstable();
        ids.dedup();
        let names: HashMap<i64, String> =
            engine.offers_by_ids(&self.call, &ids)?.into_iter().map(|offer| (offer.offer_id, offer.name)).collect();
        let mut text = String::new();
        for (i, state) in conversions.iter().enumerate() {
            if i > 0 || !first {
                text.push(',');
            }
            let conversion = &state.known.conversion;
            let name = names.get(&conversion.offer_id.get()).map(String::as_str);
            let row = to_wire::json(&to_wire::reported(conversion, name, &self.zone));
            text.push_str(&row.map_err(|problem| Error::Conflict(problem.detail))?);
        }
        let more = conversions.len() as i64 == asked && left > asked;
        let next = more.then(|| (offset + asked, left - asked));
        Ok(Page { text, next })
    }
}

pub(super) async fn conversions(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let filter = from_wire::conversions(&sent.params)?;
    let (offset, limit) = sent.params.rows(quirks::ROWS)?;
    let call = actor.call((state.clock)());
    let started = state.run_list(move |engine| {
        let zone = engine.zone_of(&call)?;
        let listing = Listing { call, filter, zone };
        let (first, total) = listing.first(engine, (offset, limit))?;
        Ok((listing, first, total))
    });
    let (listing, first, total) = started.await?;
    let head = format!(r#"{{"request_status":"{}","response":{{"data":{{"conversions":["#, quirks::SUCCESS);
    let tail = format!(r#"]}},"total_rows":{total}}}}}"#);
    let body = pages::body(head, first, tail, move |next| {
        let (state, listing) = (state.clone(), listing.clone());
        async move { state.run_list(move |engine| listing.page(engine, next)).await }
    });
    let json = HeaderValue::from_static("application/json");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, json)], body).into_response())
}

pub(super) async fn offers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let (id, advertiser_id) = (sent.params.int("offer_id")?, sent.params.int("advertiser_id")?);
    let filter = OfferFilter { id, advertiser_id, ..OfferFilter::default() };
    let page = sent.params.rows(quirks::PARTY_ROWS)?;
    let call = actor.call((state.clock)());
    let listed = state.run(move |engine| engine.offers(&call, &filter, page)).await?;
    let rows: Vec<_> = listed.offers.iter().map(to_wire::offer).collect();
    to_wire::answer("offers", rows, Some(("total_rows", listed.total)))
}
