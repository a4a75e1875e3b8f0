//! The native interface on both databases. Every answer that a test sees is checked against the OpenAPI document.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bad_input;
mod contract;
mod invoice_parts;
mod lists;
mod reference;
mod requests;
mod resources;
mod server;
mod told;
