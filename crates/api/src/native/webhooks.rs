//! Webhooks: whom events are sent to.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_engine::events::EventType;
use quittance_engine::keys::Actor;
use quittance_engine::webhooks::{DeliveryState, NewWebhook, ReplayFrom, Webhook as Known, WebhookEdit, secret_of};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once, once_without};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::{IfMatch, Listed};
use super::keys::SECRET;
use super::list::{Asked, List, Window};
use super::params::{Body, Form, Param, param};
use super::tags::{Expected, tagged_by};
use super::wire;

/// The address of a webhook.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct WebhookPath {
    /// The webhook's id.
    id: i64,
}

fn webhook_id(text: &str) -> Result<i64, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no webhook {text:?}"));
    text.parse().map_err(|_| absent())
}

fn types(members: &Body) -> Result<Vec<EventType>, Problem> {
    let parse = |(i, word): (usize, &String)| {
        EventType::parse(word).ok_or_else(|| {
            let detail = format!("types: {word:?} is none of {}", EventType::WORDS.join(", "));
            Problem::bad_request(&format!("/types/{i}"), detail)
        })
    };
    members.texts("types")?.iter().enumerate().map(parse).collect()
}

/// What the `ETag` of a webhook is made from: a delivery that fails changes what is shown, and nothing that somebody edits.
fn settled(webhook: &Known) -> wire::Webhook {
    wire::Webhook { failures: 0, ..wire::webhook(webhook) }
}

fn answer(webhook: &Known) -> Result<Response, Problem> {
    Ok(tagged_by(Answer::of(StatusCode::OK, &wire::webhook(webhook))?, &settled(webhook)))
}

/// The webhooks of the network.
pub(super) struct Webhooks;

impl List for Webhooks {
    type Row = wire::Webhook;
    type Key = i64;
    const NAME: &'static str = "webhooks";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Webhook)>> {
        let webhooks = engine.webhooks(call)?;
        Ok(window.of_whole(webhooks.iter().map(|webhook| (webhook.webhook_id, wire::webhook(webhook))).collect()))
    }
}

/// Lists the webhooks.
#[utoipa::path(get, path = "/webhooks", tag = "Events", params(Listed<Webhooks>),
    responses((status = 200, description = "A page of webhooks.", body = wire::WebhookPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Webhooks>()?;
    asked.answer(&query, Webhooks).await
}

/// Makes a webhook: it is sent what happens from now on.
///
/// The answer shows the secret that verifies what it is sent, this once. A repeat with the same `Idempotency-Key` is answered
/// without it; set another one then.
#[utoipa::path(post, path = "/webhooks", tag = "Events", request_body = wire::WebhookRequest,
    responses((status = 201, description = "The webhook with its secret.", body = wire::NewWebhook)))]
pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let members = Body::of::<wire::WebhookRequest>(&body)?;
    let url = Body::required("url", members.text("url")?)?;
    let (types, given) = (types(&members)?, members.text("secret")?);
    let call = actor.call((state.clock)());
    once_without(&state, &actor, "POST webhooks", SECRET, &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let secret = match given {
            Some(secret) => secret,
            // Its digits are the key: as many bytes as the scheme allows, and as hard to guess as they were.
            None => secret_of(state.secret()?.trim_start_matches("qk_").as_bytes()),
        };
        let new = NewWebhook { url, types, secret: secret.clone() };
        let webhook = state.run(move |engine| engine.create_webhook(&call, &new)).await?;
        Answer::of(StatusCode::CREATED, &wire::NewWebhook { webhook: wire::webhook(&webhook), secret: Some(secret) })
    })
    .await
}

/// Shows a webhook.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "Events", params(WebhookPath),
    responses((status = 200, description = "The webhook.", body = wire::Webhook)))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (id, call) = (webhook_id(&id)?, actor.call((state.clock)()));
    answer(&state.run(move |engine| engine.webhook(&call, id)).await?)
}

/// Changes a webhook, or switches it off and on.
///
/// One that is switched on again is sent what has happened meanwhile, as far as it is kept.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "Events", params(WebhookPath, IfMatch),
    request_body = wire::WebhookEditRequest,
    responses((status = 200, description = "The webhook as it is now.", body = wire::Webhook)))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (id, members) = (webhook_id(&id)?, Body::of::<wire::WebhookEditRequest>(&body)?);
    let expected = Expected::of(&headers)?;
    let active = match members.text("status")?.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("disabled") => Some(false),
        Some(other) => {
            return Err(Problem::bad_request("/status", format!("status: {other:?} is not active or disabled")));
        }
    };
    // An empty list takes the choice back: all are sent from then on.
    let named = match members.is_empty_list("types") {
        true => Some(Vec::new()),
        false => members.has("types").then(|| types(&members)).transpose()?,
    };
    let edit = WebhookEdit { url: members.text("url")?, types: named, secret: members.text(SECRET)?, active };
    let call = actor.call((state.clock)());
    let changed =
        state.run(move |engine| engine.edit_webhook_if(&call, id, &edit, &|webhook| expected.holds(&settled(webhook))));
    answer(&changed.await?)
}

/// Removes a webhook with what is known of its deliveries.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "Events", params(WebhookPath),
    responses((status = 200, description = "The webhook as it was.", body = wire::Webhook)))]
pub(super) async fn delete(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let (id, call) = (webhook_id(&id)?, actor.call((state.clock)()));
    let webhook = state.run(move |engine| {
        let webhook = engine.webhook(&call, id)?;
        engine.delete_webhook(&call, id)?;
        Ok(webhook)
    });
    Answer::of(StatusCode::OK, &wire::webhook(&webhook.await?))
}

/// Sends a webhook an event that says nothing. `deliveries` tell what became of it.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "Events", params(WebhookPath),
    responses((status = 202, description = "The event is on its way.", body = wire::Webhook)))]
pub(super) async fn test(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let (id, call) = (webhook_id(&id)?, actor.call((state.clock)()));
    let compared: Bytes = id.to_string().into();
    once(&state, &actor, "POST webhooks test", &headers, &compared, |claimed| async {
        let call = Call { claimed, ..call };
        let webhook = state.run(move |engine| {
            engine.test_webhook(&call, id)?;
            engine.webhook(&call, id)
        });
        Answer::of(StatusCode::ACCEPTED, &wire::webhook(&webhook.await?))
    })
    .await
}

/// Sends a webhook once more what has happened since, as far as it is kept.
#[utoipa::path(post, path = "/webhooks/{id}/replay", tag = "Events", params(WebhookPath),
    request_body = wire::ReplayRequest,
    responses((status = 202, description = "The events are on their way.", body = wire::Replay)))]
pub(super) async fn replay(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let (id, members) = (webhook_id(&id)?, Body::of::<wire::ReplayRequest>(&body)?);
    let from = match (members.int("from_event")?, members.instant("since")?) {
        (Some(event), None) => ReplayFrom::Event(event),
        (None, Some(since)) => ReplayFrom::Instant(since),
        _ => return Err(Problem::bad_request("/from_event", "either from_event or since is to be given")),
    };
    let call = actor.call((state.clock)());
    let compared: Bytes = [id.to_string().as_bytes(), b"\n", &body].concat().into();
    once(&state, &actor, "POST webhooks replay", &headers, &compared, |claimed| async {
        let call = Call { claimed, ..call };
        let from_event = state.run(move |engine| engine.replay_webhook(&call, id, from)).await?;
        Answer::of(StatusCode::ACCEPTED, &wire::Replay { from_event })
    })
    .await
}

/// The deliveries of a webhook.
pub(super) struct Deliveries {
    webhook: i64,
    state: Option<DeliveryState>,
}

impl List for Deliveries {
    type Row = wire::Delivery;
    type Key = i64;
    const NAME: &'static str = "deliveries";
    const SORTS: &'static [&'static str] = &["-event_id"];
    const FILTERS: &'static [Param] =
        &[param("state", Form::Word(&["pending", "delivered", "given_up"]), "Only those that stand so.")];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Delivery)>> {
        let found = engine.deliveries(call, self.webhook, self.state, window.after, window.limit)?;
        Ok(found.iter().map(|delivery| (delivery.event_id, wire::delivery(delivery))).collect())
    }
}

/// Lists what became of what a webhook was sent, the newest event first. It is kept for 30 days after its end.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "Events", params(WebhookPath, Listed<Deliveries>),
    responses((status = 200, description = "A page of deliveries.", body = wire::DeliveryPage)))]
pub(super) async fn deliveries(Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let webhook = webhook_id(&id)?;
    let query = asked.query::<Deliveries>()?;
    let state = query.parsed("state", "pending, delivered or given_up", DeliveryState::parse)?;
    asked.answer(&query, Deliveries { webhook, state }).await
}
