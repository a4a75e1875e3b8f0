//! `quittance migrate`.

use clap::Args;
use quittance_store::SCHEMA_VERSION;
use serde_json::json;

use crate::context::Context;
use crate::failure::Exit;
use crate::output;

/// Brings the database's schema up to date.
#[derive(Debug, Args)]
pub(crate) struct Migrate {}

impl Migrate {
    /// Opens the database, which migrates it.
    ///
    /// # Errors
    /// The database cannot be opened, or a later version has made its schema.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        context.engine()?;
        if context.json {
            output::json(&json!({ "schema_version": SCHEMA_VERSION }))?;
        } else {
            output::line(&format!("the database has schema version {SCHEMA_VERSION}, which is this program's"))?;
        }
        Ok(Exit::Done)
    }
}
