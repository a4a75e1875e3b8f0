//! What every command is given: the configuration, the engine over its database, and the network that is meant.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;
use quittance_engine::idempotency::Claimed;
use quittance_engine::{Call, Engine};

use crate::config::Config;

/// Who acts when a command does.
pub(crate) const ACTOR: &str = "command line";

/// What a command runs with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The configuration.
    pub(crate) config: Config,
    /// When the command was given.
    pub(crate) now: Timestamp,
    /// Answers are JSON for scripts, not text for people.
    pub(crate) json: bool,
    /// The key that the command was given, so that it is done once.
    pub(crate) claimed: Option<Claimed>,
}

impl Context {
    /// Opens the database, makes it where it is missing, and brings its schema up to date.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn engine(&self) -> anyhow::Result<Engine> {
        Ok(Engine::open(&self.config.database)?)
    }

    /// A call for the network that `--network` names, or the only one.
    ///
    /// # Errors
    /// There is no such network, or more than one and none was named.
    pub(crate) fn call(&self, engine: &Engine) -> anyhow::Result<Call> {
        let network = engine.find_network(self.config.network.as_deref())?;
        Ok(self.call_of(network.network_id))
    }

    /// A call for a network.
    pub(crate) fn call_of(&self, network: NetworkId) -> Call {
        Call { network, actor: ACTOR.to_owned(), now: self.now, claimed: self.claimed.clone() }
    }

    /// When the command was given.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Prints an answer: JSON where that was asked for, else text, which ends with its last line.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn answer(&self, json: &impl serde::Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { crate::output::json(json) } else { crate::output::line(text().trim_end_matches('\n')) }
    }
}
