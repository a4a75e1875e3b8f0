//! The HTTP interfaces. Each translates between its wire and the engine, and adds no rule of its own.

pub mod affise;
pub mod cake;
pub mod everflow;
pub mod native;
pub mod postback;
pub mod pull;
pub mod reference;

use axum::{Router, middleware};
use quittance_http::watch::watch;
use quittance_http::{AppState, health};

/// All interfaces, with the probes of an operator beside them.
pub fn routes(state: AppState) -> Router {
    Router::new()
        .merge(native::routes(&state))
        .merge(cake::routes(&state))
        .merge(affise::routes(&state))
        .merge(everflow::routes(&state))
        .merge(postback::routes(&state))
        .merge(reference::routes())
        .merge(health::routes(state.clone()))
        .layer(middleware::from_fn_with_state(state, watch))
}

/// The vendor of a word whose accounts can be pulled.
#[must_use]
pub fn pull_source(word: &str) -> Option<pull::Source> {
    let dialects: [&'static dyn pull::Dialect; 3] =
        [&affise::pull::Pulled, &everflow::pull::Pulled, &cake::pull::Pulled];
    dialects.into_iter().find(|dialect| dialect.name() == word).map(pull::Source)
}
