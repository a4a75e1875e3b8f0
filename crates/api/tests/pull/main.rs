//! Pulling accounts: those that are read are other networks of Quittance's own, served by its dialects, and small ones made
//! of the shapes that the vendors document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account;
mod documented;
mod failures;
mod follow;
#[path = "../server/mod.rs"]
#[allow(dead_code, reason = "shared by tests")]
mod server;
