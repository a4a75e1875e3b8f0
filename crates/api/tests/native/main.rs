//! The native interface on both databases. Every answer that a test sees is checked against the OpenAPI document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contract;
mod lists;
mod reference;
mod requests;
mod server;
mod told;
