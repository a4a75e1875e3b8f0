//! `quittance openapi`.

use clap::Args;
use quittance_api::reference;

use crate::context::Context;
use crate::failure::Exit;
use crate::output;

/// The OpenAPI document.
#[derive(Debug, Args)]
pub(crate) struct OpenApi {}

impl OpenApi {
    /// Prints it.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn run(&self, _context: &Context) -> anyhow::Result<Exit> {
        output::line(&serde_json::to_string_pretty(&reference::openapi())?)?;
        Ok(Exit::Done)
    }
}
