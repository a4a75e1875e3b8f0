//! What has happened: events, and the history of all invoices.

use axum::http::StatusCode;
use axum::response::Response;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Day;
use quittance_engine::events::{EventQuery, EventType};
use quittance_engine::history::{HistoryFilter, HistoryPlace};
use quittance_engine::{Call, Engine};
use quittance_http::Problem;

use super::describe::Listed;
use super::list::{Asked, List, Part, Window};
use super::params::{Form, Param, Query, param};
use super::wire;

/// The days that a history is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Days {
    from: Option<Day>,
    to: Option<Day>,
}

impl Days {
    /// The parameters `from` and `to`.
    pub(super) fn of(query: &Query) -> Result<Days, Problem> {
        Ok(Days { from: query.day("from")?, to: query.day("to")? })
    }

    /// The instants from which and before which they are, where days are given.
    pub(super) fn instants(
        self,
        engine: &Engine,
        call: &Call,
    ) -> quittance_engine::Result<[Option<quittance_domain::time::Timestamp>; 2]> {
        let zone = engine.zone_of(call)?;
        let start = |day: Day| zone.start_of_day(day);
        Ok([self.from.map(start), self.to.map(|to| start(to.plus_days(1)))])
    }
}

/// The events of the network.
pub(super) struct Events {
    types: Vec<EventType>,
    subject: Option<(String, i64)>,
}

impl List for Events {
    type Row = wire::Event;
    type Key = i64;
    const NAME: &'static str = "events";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[
        param("type", Form::Words(EventType::WORDS), "Only those of these types."),
        param("subject", Form::Text, "Only those of one thing: its kind. It goes with `subject_id`."),
        param("subject_id", Form::Int, "Only those of one thing: its id."),
    ];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> quittance_engine::Result<Part<Events>> {
        let after = window.after.unwrap_or(0);
        let query = EventQuery { after, types: self.types.clone(), subject: self.subject.clone(), limit: window.limit };
        let page = engine.events(call, &query)?;
        Ok((page.events.iter().map(|event| (event.event_id, wire::event(event))).collect(), page.next))
    }

    fn end(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<Option<i64>> {
        engine.last_event(call).map(Some)
    }
}

/// Lists what has happened, in the order in which it was committed.
///
/// Whoever reads on from the `id` of the last event it has seen, as `cursor`, misses none. Events are kept for 90 days.
#[utoipa::path(get, path = "/events", tag = "Events", params(Listed<Events>),
    responses((status = 200, description = "A page of events.", body = wire::EventPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Events>()?;
    let types = query.words("type", EventType::WORDS, EventType::parse)?.unwrap_or_default();
    let subject = match (query.text("subject"), query.int("subject_id")?) {
        (Some(kind), Some(id)) => Some((kind.to_owned(), id)),
        (None, None) => None,
        _ => return Err(Problem::bad_request("subject_id", "subject and subject_id go together: give both")),
    };
    asked.answer(&query, Events { types, subject }).await
}

/// The history of all invoices.
pub(super) struct History {
    filter: HistoryFilter,
    days: Days,
}

impl List for History {
    type Row = wire::InvoiceChange;
    type Key = HistoryPlace;
    const NAME: &'static str = "changes";
    const SORTS: &'static [&'static str] = &["at"];
    const FILTERS: &'static [Param] = &[
        param("affiliate_id", Form::Int, "Only invoices of this affiliate."),
        param("advertiser_id", Form::Int, "Only invoices of this advertiser."),
        param("kind", Form::Word(&["payable", "receivable"]), "Only invoices of this kind."),
        param("actor", Form::Text, "Only what was done by this one, as the history names it."),
        param("action", Form::Text, "Only this action."),
        param("from", Form::Day, "Not before this day."),
        param("to", Form::Day, "Not after this day."),
    ];

    fn part(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<HistoryPlace>,
    ) -> quittance_engine::Result<Part<History>> {
        let [from, before] = self.days.instants(engine, call)?;
        let mut filter = self.filter.clone();
        filter.from = from.unwrap_or(filter.from);
        filter.before = before.unwrap_or(filter.before);
        let found = engine.find_history(call, &filter, window.after, window.limit)?;
        Ok((found.rows.iter().map(|row| (row.place.into(), wire::invoice_change(row))).collect(), found.next))
    }
}

/// Lists what was done with all invoices, oldest first.
#[utoipa::path(get, path = "/history", tag = "Invoices", params(Listed<History>),
    responses((status = 200, description = "A page of the history.", body = wire::InvoiceChangePage)))]
pub(super) async fn history(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<History>()?;
    let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
    let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
    let (of, party_id) = match (affiliate, advertiser) {
        (Some(id), None) => (Some(InvoiceKind::Payable), id),
        (None, Some(id)) => (Some(InvoiceKind::Receivable), id),
        (None, None) => (None, 0),
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("advertiser_id", "an invoice is with one party: name one of the two"));
        }
    };
    if kind.is_some() && of.is_some() && kind != of {
        let detail = "kind: invoices of that kind are not with this party";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
    }
    let text = |name: &str| query.text(name).unwrap_or_default().to_owned();
    let filter = HistoryFilter {
        kind: of.or(kind),
        party_id,
        actor: text("actor"),
        action: text("action"),
        ..HistoryFilter::default()
    };
    let days = Days::of(&query)?;
    asked.answer(&query, History { filter, days }).await
}
