//! `quittance backup` and `quittance restore`.

use std::path::PathBuf;

use clap::Args;
use quittance_engine::Engine;
use serde_json::json;

use crate::context::Context;
use crate::failure::Exit;
use crate::output::grouped;

/// A copy to take.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The new file.
    file: PathBuf,
}

/// A copy to put in place.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file that `quittance backup` has made.
    file: PathBuf,
}

impl Backup {
    /// Does it.
    ///
    /// # Errors
    /// The database is no embedded one, the file exists already, or what the database says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        context.engine()?.backup(&self.file)?;
        let (file, bytes) = (self.file.display().to_string(), std::fs::metadata(&self.file)?.len());
        let json = json!({ "file": file, "bytes": bytes });
        context.answer(&json, || format!("{file} holds the database as it was, {} bytes\n", grouped(bytes)))?;
        Ok(Exit::Done)
    }
}

impl Restore {
    /// Does it.
    ///
    /// # Errors
    /// The database exists already, the file is no backup, or what the database says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        Engine::restore(&self.file, &context.config.database)?;
        let engine = context.engine()?;
        let networks: Vec<String> = engine.networks()?.into_iter().map(|network| network.name).collect();
        let json = json!({ "restored": self.file.display().to_string(), "networks": networks });
        context.answer(&json, || {
            format!("restored, with the networks {}; `quittance verify` checks it\n", networks.join(", "))
        })?;
        Ok(Exit::Done)
    }
}
