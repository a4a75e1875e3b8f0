//! The arguments that name one party.

use clap::Args;
use quittance_domain::ids::PartyKind;

/// An affiliate or an advertiser.
#[derive(Debug, Args)]
pub(crate) struct OneParty {
    /// The affiliate.
    #[arg(long, value_name = "ID", required_unless_present = "advertiser")]
    affiliate: Option<i64>,
    /// The advertiser.
    #[arg(long, value_name = "ID", conflicts_with = "affiliate")]
    advertiser: Option<i64>,
}

impl OneParty {
    /// Which it is.
    pub(crate) fn named(&self) -> (PartyKind, i64) {
        match (self.affiliate, self.advertiser) {
            (_, Some(id)) => (PartyKind::Advertiser, id),
            (id, None) => (PartyKind::Affiliate, id.unwrap_or_default()),
        }
    }
}
