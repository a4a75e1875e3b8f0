//! `quittance import balances`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use quittance_api::native::wire;
use quittance_engine::records::Decimal;

use crate::context::Context;
use crate::failure::{self, Exit};
use crate::output::grouped;

/// A file of opening balances to import.
#[derive(Debug, Args)]
pub(crate) struct ImportBalances {
    /// The file; `-` is standard input.
    ///
    /// CSV with the columns kind (affiliate or advertiser), party_id, currency, amount and optionally date. Above zero is
    /// what the network owes an affiliate, or an advertiser the network: the party's next invoice has a line of it. Below
    /// zero is the party's credit.
    file: PathBuf,
    /// What stands before the decimals, `,` or `.` [default: a point].
    #[arg(long, value_name = "SIGN", value_parser = Decimal::parse)]
    decimal: Option<Decimal>,
}

impl ImportBalances {
    /// The file that is read.
    pub(crate) fn input(&self) -> &Path {
        &self.file
    }

    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let shown = self.file.display().to_string();
        let input: Box<dyn std::io::Read + Send> = match shown.as_str() {
            "-" => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(&self.file).with_context(|| format!("cannot read {shown}"))?),
        };
        let engine = context.engine()?;
        let decimal = self.decimal.unwrap_or_default();
        let report = engine.import_balances_with(&context.call(&engine)?, input, decimal)?;
        for (line, detail) in &report.rejections {
            failure::complain(&format!("{shown}:{line}: {detail}"));
        }
        let rejected = report.rejections.len();
        context.answer(&wire::balances_report(&report), || {
            let (created, unchanged) = (grouped(report.created), grouped(report.unchanged));
            format!("opening balances: {created} new, {unchanged} known, {} rejected\n", grouped(rejected))
        })?;
        Ok(if rejected == 0 { Exit::Done } else { Exit::Failed })
    }
}
