//! `quittance party`.

use clap::Subcommand;
use quittance_api::native::wire;
use quittance_domain::ids::PartyKind;
use quittance_engine::erasure::Erasure;

use super::one_party::OneParty;
use crate::context::Context;
use crate::failure::Exit;
use crate::output::counted;

/// Acting on parties.
#[derive(Debug, Subcommand)]
pub(crate) enum PartyCommand {
    /// Erases a party's personal data; amounts, lines, payments and the ledger stay as they are.
    ///
    /// Its name and address go, also from its invoices, the texts on them and their history, and from the lines of whoever
    /// has referred it; the details of its payment methods and its tax id go, and its keys are revoked. All of its invoices
    /// must be paid or void. This cannot be undone. What it cannot reach is listed.
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
        let erasure = engine.erase_party(&context.call(&engine)?, kind, id)?;
        let text = text(kind, id, &erasure);
        context.answer(&wire::Erased::party(kind, id, erasure), || text)?;
        Ok(Exit::Done)
    }
}

fn text(kind: PartyKind, id: i64, erasure: &Erasure) -> String {
    let rewritten = counted(erasure.rewritten, "text");
    let mut text = format!("{kind} {id} is erased; its name was taken out of {rewritten}\n\nNot reached:\n\n");
    erasure.not_reached.iter().for_each(|what| text += &format!("- {what}\n"));
    text
}
