//! The hold days of an offer, also for what it has unbilled.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use quittance_engine::keys::Actor;
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::params::Body;
use super::wire;

/// The address of an offer.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct OfferPath {
    /// The offer's id.
    id: i64,
}

/// Sets the hold days of an offer.
///
/// They count for conversions that come from now on. With `apply` also for those that are approved and on no invoice, of
/// their affiliate or of their advertiser, and for those on hold. Repeating it goes on where an earlier attempt has stopped.
#[utoipa::path(put, path = "/offers/{id}/hold-days", tag = "Reference", params(OfferPath),
    request_body = wire::HoldDaysRequest,
    responses((status = 200, description = "The hold days, and what became of what is unbilled.",
               body = wire::HoldDays)))]
pub(super) async fn set_hold_days(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no offer {id:?}"));
    let id: i64 = id.parse().map_err(|_| absent())?;
    let members = Body::of::<wire::HoldDaysRequest>(&body)?;
    let hold_days = Body::required("hold_days", members.int("hold_days")?)?;
    let apply = members.flag("apply")?.unwrap_or(false);
    let call = actor.call((state.clock)());
    let report = state.run(move |engine| engine.set_hold_days(&call, id, hold_days, apply));
    Answer::of(StatusCode::OK, &wire::HoldDays::from(&report.await.map_err(Problem::in_body)?))
}
