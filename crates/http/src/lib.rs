//! What every HTTP interface of Quittance shares: the state, who may do what, limits, problem bodies, idempotency,
//! measurements and the request log. It knows no vendor and no page.

pub mod access;
pub mod client;
pub mod encoding;
pub mod gather;
pub mod health;
pub mod idempotency;
pub mod json;
pub mod known;
pub mod limits;
pub mod listen;
pub mod measure;
pub mod pages;
pub mod problem;
pub mod scope;
pub mod sent;
pub mod state;
mod threads;
pub mod uses;
pub mod watch;

pub use access::{Access, Rule};
pub use limits::Limits;
pub use problem::Problem;
pub use state::AppState;
