//! `quittance party`.

use clap::Subcommand;
use serde_json::json;

use super::one_party::OneParty;
use crate::context::Context;
use crate::failure::Exit;

/// Acting on parties.
#[derive(Debug, Subcommand)]
pub(crate) enum PartyCommand {
    /// Erases a party's personal data; amounts, lines, payments and the ledger stay as they are.
    ///
    /// Its name and address go, also from its invoices, the details of its payment methods, its tax id; its keys are
    /// revoked. All of its invoices must be paid or void. This cannot be undone.
    Erase {
        #[command(flatten)]
        party: OneParty,
    },
}

impl PartyCommand {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let PartyCommand::Erase { party } = self;
        let (kind, id) = party.named();
        let engine = context.engine()?;
        engine.erase_party(&context.call(&engine)?, kind, id)?;
        context
            .answer(&json!({ "erased": { "kind": kind.as_str(), "id": id } }), || format!("{kind} {id} is erased\n"))?;
        Ok(Exit::Done)
    }
}
