//! `quittance party`.

use clap::Subcommand;
use quittance_domain::ids::PartyKind;
use serde_json::json;

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
        /// The affiliate.
        #[arg(long, value_name = "ID", required_unless_present = "advertiser")]
        affiliate: Option<i64>,
        /// The advertiser.
        #[arg(long, value_name = "ID", conflicts_with = "affiliate")]
        advertiser: Option<i64>,
    },
}

impl PartyCommand {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let PartyCommand::Erase { affiliate, advertiser } = self;
        let (kind, id) = match (affiliate, advertiser) {
            (_, Some(id)) => (PartyKind::Advertiser, *id),
            (id, None) => (PartyKind::Affiliate, id.unwrap_or_default()),
        };
        let engine = context.engine()?;
        engine.erase_party(&context.call(&engine)?, kind, id)?;
        context
            .answer(&json!({ "erased": { "kind": kind.as_str(), "id": id } }), || format!("{kind} {id} is erased\n"))?;
        Ok(Exit::Done)
    }
}
