//! The HTTP interfaces. Each translates between its wire and the engine, and adds no rule of its own.

pub mod native;
pub mod postback;

use axum::Router;
use quittance_http::AppState;

/// Every interface.
pub fn routes(state: AppState) -> Router {
    native::routes(state.clone()).merge(postback::routes(state))
}
