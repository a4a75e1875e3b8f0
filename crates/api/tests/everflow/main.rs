//! The Everflow interface on both databases: the samples of its documentation, its conformance vectors, bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bulk;
mod conversion_changes;
mod conversion_sums;
mod conversions;
mod invoices;
mod partners;
mod samples;
mod server;
mod tables;
mod vectors;
