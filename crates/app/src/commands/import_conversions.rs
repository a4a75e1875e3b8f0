//! `quittance import conversions`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::ProgressBar;
use quittance_engine::ingest::{ImportEvent, ImportOptions, IngestCounts, Text};
use quittance_engine::records::{
    Decimal, Field, Format, Guard, PARQUET_MAGIC, REFUSED, Raw, RawRow, guarded, guarded_bytes, nearest,
};
use quittance_engine::{Call, Engine};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, Usage, complain, warn};
use crate::output::{bytes_bar, grouped};
use crate::rejected::{REJECTED_SHOWN, Rejected};

/// The most of a stream that is copied into a temporary file, since Parquet cannot be read from a stream.
const SPOOLED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// An import of conversions.
#[derive(Debug, Args)]
pub(crate) struct ImportConversions {
    /// The files; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The format [default: told by the first bytes].
    #[arg(long, value_parser = ["csv", "jsonl", "json", "parquet"])]
    format: Option<String>,
    /// A column that is a field under another name.
    #[arg(long = "map", value_name = "COLUMN=FIELD")]
    mapped: Vec<String>,
    /// Whose words and numbers the records use, where trackers disagree about them: affise, awin, … or an [import.NAME] of
    /// the configuration.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// What stands before the decimals of amounts, `,` or `.` [default: as the source has it, else a point].
    #[arg(long, value_name = "SIGN", value_parser = Decimal::parse)]
    decimal: Option<Decimal>,
    /// Creates unknown affiliates and offers.
    #[arg(long)]
    create_missing: bool,
    /// The columns that together make a conversion's id, as conversion_id+offer_id: two rows of one id that differ are two
    /// conversions else.
    #[arg(long, value_name = "COLUMN+COLUMN")]
    id: Option<String>,
    /// Rows of one id are states of one conversion, whatever differs between them: the last one holds.
    #[arg(long)]
    revisions: bool,
    /// Takes again what a file says that was imported whole before: else it puts nothing back.
    #[arg(long)]
    again: bool,
}

impl ImportConversions {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        self.files.iter().map(PathBuf::as_path).collect()
    }

    /// Does it.
    ///
    /// # Errors
    /// A file cannot be read, or what the engine says. A rejected row is no error but an exit status.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        run(context, self)
    }
}

fn run(context: &Context, args: &ImportConversions) -> anyhow::Result<Exit> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let options = ImportOptions {
        format: args.format.as_deref().and_then(Format::parse),
        renamed: args.mapped.iter().map(|text| renamed(text)).collect::<anyhow::Result<_>>()?,
        source: args.source.as_deref().map(|name| context.config.sources.named(name)).transpose().map_err(Usage)?,
        decimal: args.decimal,
        create_missing: args.create_missing.then_some(true),
        id: args.id.as_deref().map(id_columns).transpose()?.unwrap_or_default(),
        revisions: args.revisions,
        again: args.again,
    };
    let mut counts = IngestCounts::default();
    let mut failed = false;
    for file in &args.files {
        let (of_file, failure) = import(&engine, &call, file, args.format.as_deref(), &options)?;
        counts.add(of_file);
        if let Some(failure) = failure {
            complain(&format!("{}: {failure}", file.display()));
            failed = true;
        }
    }
    context.answer(&json_counts(&counts), || text(&counts))?;
    Ok(if failed || counts.rejected > 0 { Exit::Failed } else { Exit::Done })
}

fn renamed(text: &str) -> anyhow::Result<(String, Field)> {
    let (column, name) = text.split_once('=').with_context(|| format!("--map: {text:?} is no COLUMN=FIELD"))?;
    let hint = || nearest(name, Field::names()).map_or(String::new(), |near| format!("; is {near} meant?"));
    let field = Field::named(name).with_context(|| format!("--map: {name:?} is no field{}", hint()))?;
    Ok((column.to_owned(), field))
}

/// The columns that make an id.
fn id_columns(text: &str) -> anyhow::Result<Vec<String>> {
    let columns: Vec<String> = text.split('+').map(|column| column.trim().to_owned()).collect();
    if columns.len() < 2 || columns.iter().any(String::is_empty) {
        bail!(
            "--id: {text:?} is no COLUMN+COLUMN; a column of another name that is the id alone is --map COLUMN=conversion_id"
        );
    }
    let twice = columns.iter().enumerate().find(|(i, column)| columns[..*i].contains(column));
    if let Some((_, column)) = twice {
        bail!("--id: {text:?} names the column {column:?} twice");
    }
    Ok(columns)
}

/// The shape that scripts read.
pub(crate) fn json_counts(counts: &IngestCounts) -> Value {
    json!({
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "stale": counts.stale,
        "rejected": counts.rejected,
        "moved": counts.moved,
        "returned": counts.returned,
    })
}

fn text(counts: &IngestCounts) -> String {
    let of_updated =
        [(counts.moved, "moved to another affiliate or offer"), (counts.returned, "returned to what they were")];
    let of_updated = of_updated.iter().filter(|(count, _)| *count > 0);
    let of_updated: Vec<String> = of_updated.map(|(count, what)| format!("{} {what}", grouped(count))).collect();
    let more =
        if of_updated.is_empty() { String::new() } else { format!("; of the updated {}", of_updated.join(", ")) };
    format!(
        "{} records: {} created, {} updated, {} unchanged, {} stale, {} rejected{more}\n",
        grouped(counts.total()),
        grouped(counts.created),
        grouped(counts.updated),
        grouped(counts.unchanged),
        grouped(counts.stale),
        grouped(counts.rejected),
    )
}

fn import(
    engine: &Engine,
    call: &Call,
    file: &Path,
    format: Option<&str>,
    options: &ImportOptions,
) -> anyhow::Result<(IngestCounts, Option<quittance_engine::Error>)> {
    let standard_input = file == Path::new("-");
    let input = Input::open(file, format)?;
    let bar = bytes_bar(input.length());
    let mut rejected = beside(if standard_input { Path::new("stdin") } else { file });
    let mut header = csv::ByteRecord::new();
    let mut said_before = None;
    let mut tell = |event: ImportEvent| match event {
        ImportEvent::Header(cells) => header = cells,
        ImportEvent::UnknownColumns(columns) => {
            for (column, near) in columns {
                let hint = near.map_or(String::new(), |near| format!("; is {near} meant?"));
                warn(&format!("{}: no field claims the column {column:?}{hint}", file.display()));
            }
        }
        ImportEvent::SaidBefore(at) => said_before = Some(at),
        ImportEvent::Rejected { row, rejection } => {
            reject(&mut rejected, &header, &row, &rejection.detail);
            if rejected.count <= REJECTED_SHOWN {
                let text = format!("{} line {}: {}", file.display(), rejection.position, rejection.detail);
                bar.suspend(|| complain(&text));
            }
        }
        ImportEvent::Progress(counts) => bar.set_message(format!("{} records", grouped(counts.total()))),
    };
    let outcome = match input {
        Input::Parquet(_) if options.decimal == Some(Decimal::Comma) => {
            bail!("{}: --decimal: amounts of Parquet have no decimal comma", file.display())
        }
        Input::Parquet(file) => engine.import_parquet(call, file, options, &mut tell),
        Input::Text(input, _) => {
            let again = if regular(file) { Some(Box::new(File::open(file)?) as Box<dyn Read + Send>) } else { None };
            let text = Text { input: Box::new(Counted { inner: input, bar: bar.clone() }), again };
            engine.import_text(call, text, options, &mut tell)
        }
    };
    bar.finish_and_clear();
    // What was counted is told all the same.
    if let Err(error) = rejected.close() {
        complain(&format!("{error:#}"));
    }
    if let Some(at) = said_before.filter(|_| outcome.counts.stale > 0) {
        let shown = file.display();
        warn(&format!(
            "{shown}: the same was imported whole at {at}: it puts nothing back; --again takes it as a new one"
        ));
    }
    Ok((outcome.counts, outcome.failure))
}

/// What is read: a text as it comes, or a file that can be read at any place.
enum Input {
    /// A text, and how long it is.
    Text(Box<dyn Read + Send>, Option<u64>),
    /// A Parquet file.
    Parquet(File),
}

impl Input {
    /// Opens a file, or standard input. Parquet is told by its first bytes, where no other format is named.
    fn open(path: &Path, format: Option<&str>) -> anyhow::Result<Input> {
        let shown = path.display();
        let standard_input = path == Path::new("-");
        let (mut stream, length): (Box<dyn Read + Send>, Option<u64>) = if standard_input {
            (Box::new(std::io::stdin()), None)
        } else {
            let opened = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
            let length = opened.metadata().ok().map(|metadata| metadata.len());
            (Box::new(opened), length)
        };
        let mut start = Vec::new();
        let magic = PARQUET_MAGIC.len() as u64;
        stream.by_ref().take(magic).read_to_end(&mut start).with_context(|| format!("{shown} cannot be read"))?;
        let parquet = start == PARQUET_MAGIC;
        if format == Some("parquet") && !parquet {
            bail!("{shown} is no Parquet: it does not begin with PAR1");
        }
        if !parquet || !matches!(format, None | Some("parquet")) {
            return Ok(Input::Text(Box::new(std::io::Cursor::new(start).chain(stream)), length));
        }
        // It is read at its end first, which a stream does not allow; a pipe can have a name, too.
        let file = if regular(path) { File::open(path)? } else { spooled(start, stream)? };
        Ok(Input::Parquet(file))
    }

    /// How many bytes it has, where the progress over them is seen.
    fn length(&self) -> Option<u64> {
        match self {
            Input::Text(_, length) => *length,
            Input::Parquet(_) => None,
        }
    }
}

/// Whether an input is a file that can be read at any place, and once more.
fn regular(path: &Path) -> bool {
    path != Path::new("-") && std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// A stream as a temporary file, which is gone when it is closed.
fn spooled(start: Vec<u8>, stream: impl Read) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile().context("there is no temporary file for what a stream brings")?;
    let most = SPOOLED_BYTES_MAX + 1;
    let copied = std::io::copy(&mut std::io::Cursor::new(start).chain(stream).take(most), &mut file)
        .context("a stream cannot be copied into a temporary file")?;
    if copied > SPOOLED_BYTES_MAX {
        bail!("a stream brings more than {SPOOLED_BYTES_MAX} bytes of Parquet: name a file instead");
    }
    Ok(file)
}

/// Moves the progress bar as the input is read.
struct Counted {
    inner: Box<dyn Read + Send>,
    bar: ProgressBar,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}

/// The file of rejected rows beside an input.
fn beside(input: &Path) -> Rejected {
    let mut path = input.as_os_str().to_owned();
    path.push(".rejected.csv");
    Rejected::at(PathBuf::from(path))
}

/// Adds a row as it stood in the input, with its line and why it was refused.
fn reject(rejected: &mut Rejected, header: &csv::ByteRecord, row: &RawRow, reason: &str) {
    let guard = Guard::of(header);
    let (mut cells, mut columns) = match &row.raw {
        Raw::Csv(cells) => (guard.refused(header, Some(cells)), guard.refused(header, None)),
        Raw::Json(text) => (vec![guarded_bytes(text.as_bytes())].into(), vec!["record"].into()),
    };
    cells.push_field(row.line.to_string().as_bytes());
    cells.push_field(guarded(reason).as_bytes());
    let header = || {
        REFUSED.iter().for_each(|name| columns.push_field(name.as_bytes()));
        columns
    };
    rejected.add(header, &cells);
}
