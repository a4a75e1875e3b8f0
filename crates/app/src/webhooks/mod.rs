//! Webhooks over the network: what sends events to other systems while the server runs.

mod transport;
mod worker;

pub(crate) use transport::Http;
pub(crate) use worker::Worker;
