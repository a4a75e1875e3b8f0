//! `quittance import rates`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use quittance_api::native::wire;
use quittance_engine::rates::RatesReport;
use quittance_engine::records::Decimal;

use crate::context::Context;
use crate::failure::{self, Exit};
use crate::output::grouped;

/// A file of rates to import.
#[derive(Debug, Args)]
pub(crate) struct ImportRates {
    /// The file; `-` is standard input.
    ///
    /// The European Central Bank's reference rates (eurofxref-daily.xml, eurofxref-hist.zip and so on: CSV or XML, daily
    /// or historical, zipped or not), or CSV with the columns date,base,quote,rate: one unit of the base is so many of
    /// the quoted currency. Where a day and pair have another rate already, this import wins.
    file: PathBuf,
    /// What stands before the decimals, `,` or `.` [default: a point].
    #[arg(long, value_name = "SIGN", value_parser = Decimal::parse)]
    decimal: Option<Decimal>,
}

impl ImportRates {
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
        let input: Box<dyn std::io::Read> = match shown.as_str() {
            "-" => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(&self.file).with_context(|| format!("cannot read {shown}"))?),
        };
        let name = self.file.file_name().map_or("standard input".into(), |name| name.to_string_lossy());
        let engine = context.engine()?;
        let decimal = self.decimal.unwrap_or_default();
        let report = engine.import_rates_with(&context.call(&engine)?, input, &name, decimal)?;
        report.warnings.iter().for_each(|warning| failure::warn(warning));
        for rejection in &report.rejections {
            failure::complain(&format!("{shown}:{}: {}", rejection.line, rejection.detail));
        }
        context.answer(&wire::rates_report(&report), || text(&report))?;
        Ok(if report.rejections.is_empty() { Exit::Done } else { Exit::Failed })
    }
}

fn text(report: &RatesReport) -> String {
    let days = report.days.map_or(String::new(), |(first, last)| format!(", {first} to {last}"));
    format!(
        "rates{days}: {} new, {} replaced, {} known, {} rejected\n",
        grouped(report.created),
        grouped(report.updated),
        grouped(report.unchanged),
        grouped(report.rejections.len()),
    )
}
