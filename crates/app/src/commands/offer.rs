//! `quittance offer`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use quittance_api::native::wire;
use quittance_engine::ingest::{HeldAnew, HoldDaysReport};

use crate::context::Context;
use crate::failure::Exit;
use crate::output::grouped;

/// Acting on offers.
#[derive(Debug, Subcommand)]
pub(crate) enum OfferCommand {
    /// Sets the hold days of an offer: how many days after its day a conversion can be billed.
    ///
    /// They count for conversions that come from now on. With --apply also for those that are approved and on no invoice,
    /// of their affiliate or of their advertiser, and for those on hold. Repeating it goes on where it was interrupted.
    Set(Set),
}

/// What to set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The offer.
    id: i64,
    /// The days.
    #[arg(long, value_name = "N")]
    hold_days: i64,
    /// For what is unbilled, too.
    #[arg(long)]
    apply: bool,
}

impl OfferCommand {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let OfferCommand::Set(Set { id, hold_days, apply }) = self;
        let engine = context.engine()?;
        let report = engine.set_hold_days(&context.call(&engine)?, *id, *hold_days, *apply)?;
        context.answer(&serde_json::to_value(wire::HoldDays::from(&report))?, || said(&report))?;
        Ok(Exit::Done)
    }
}

fn said(report: &HoldDaysReport) -> String {
    let HoldDaysReport { offer, before, applied } = report;
    let mut out = match offer.hold_days == *before {
        true => format!("offer {}: hold days stay {before}\n", offer.offer_id),
        false => format!("offer {}: hold days are {} now, they were {before}\n", offer.offer_id, offer.hold_days),
    };
    match applied {
        None => out += "they count for conversions that come from now on; --apply applies them to what is unbilled\n",
        Some(HeldAnew { changed, billed }) => {
            let conversions = if *changed == 1 { "conversion" } else { "conversions" };
            let _ = writeln!(out, "{} unbilled {conversions} can be billed from another day on", grouped(changed));
            if *billed > 0 {
                let _ = writeln!(out, "billed for one side already, and left as they are: {}", grouped(billed));
            }
        }
    }
    out
}
