//! Whole inputs: read, parsed and ingested in batches, with bounded memory.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use quittance_domain::time::Timestamp;
use quittance_store::dialect::Dialect;
use quittance_store::inputs::Input;

use super::lanes::{Lanes, Written};
use super::seen::Seen;
use super::session::Session;
use super::taken::{self, Digesting, ReadWhole};
use super::{
    BATCH_RECORDS_MAX, IMPORT_BATCH_RECORDS, IngestCounts, IngestReport, Positioned, Rejection, TOGETHER_RECORDS_MAX,
};
use crate::error::{Error, Result};
use crate::records::{
    self, Columns, Decimal, EachRow, Field, Format, Header, InputError, RawRow, Reading, RowParser, Source,
};
use crate::{Call, Engine};

/// How many transactions go on side by side on PostgreSQL. SQLite has one writer.
const POSTGRES_WRITERS: usize = 2;

/// How many changed conversions make an import worth new statistics.
const STATISTICS_FROM_CHANGES: u64 = 10_000;

/// How an input is to be read.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The format; told by the first character where not given.
    pub format: Option<Format>,
    /// Columns that are fields under another name.
    pub renamed: Vec<(String, Field)>,
    /// Where the records come from, where that was said.
    pub source: Option<Arc<Source>>,
    /// What stands before the decimals of amounts; as the source has it where not given.
    pub decimal: Option<Decimal>,
    /// Unknown affiliates and offers are created; the network's setting where not given.
    pub create_missing: Option<bool>,
    /// The columns that make the id of a conversion, where it is not one alone.
    pub id: Vec<String>,
    /// Rows of one id are states of one conversion, whatever differs between them.
    pub revisions: bool,
    /// What an input says that was imported whole before is taken again.
    pub again: bool,
}

impl ImportOptions {
    fn reading(&self) -> Reading {
        let ImportOptions { renamed, id, source, decimal, .. } = self.clone();
        Reading { renamed, id, source, decimal }
    }
}

/// What an import tells while it goes on.
#[derive(Debug)]
pub enum ImportEvent {
    /// A CSV input's header.
    Header(csv::ByteRecord),
    /// A row was refused.
    Rejected {
        /// The row.
        row: RawRow,
        /// Why.
        rejection: Rejection,
    },
    /// Columns that no field claims, each with the field that may be meant.
    UnknownColumns(Vec<(String, Option<&'static str>)>),
    /// The same input was imported whole before, at this time: it puts nothing back.
    SaidBefore(Timestamp),
    /// More records are durable: the counts so far.
    Progress(IngestCounts),
}

/// How an import ended. What the counts say is durable, also after a failure.
#[derive(Debug)]
pub struct ImportOutcome {
    /// What became of the records.
    pub counts: IngestCounts,
    /// Why it ended early.
    pub failure: Option<Error>,
}

/// How the rows of an input are read.
type ReadRows<'a> =
    Box<dyn FnOnce(&mut Header<'_>, &mut EachRow<'_>) -> std::result::Result<(), InputError> + Send + 'a>;

/// A source of text that may be read a second time.
pub struct Text<'a> {
    /// What is read.
    pub input: Box<dyn Read + Send + 'a>,
    /// The same from its start once more, where that is possible: else what begins like a known input is kept in a temporary
    /// file until its end is seen.
    pub again: Option<Box<dyn Read + Send + 'a>>,
}

/// Records on their way, each with its row.
type Batch = Vec<(RawRow, Positioned)>;

/// What the threads of an import tell the one that called it.
enum Message {
    Event(ImportEvent),
    Done(IngestCounts),
    Failed(Error),
}

impl Engine {
    /// Ingests records in one transaction.
    ///
    /// # Errors
    /// More than [`BATCH_RECORDS_MAX`] records, or what the store says; then none was taken. A record that is wrong
    /// is no error: the report names it.
    pub fn ingest(&self, call: &Call, records: &[Positioned], create_missing: Option<bool>) -> Result<IngestReport> {
        if records.len() > BATCH_RECORDS_MAX {
            let detail = format!("a batch has at most {BATCH_RECORDS_MAX} records, this one has {}", records.len());
            return Err(Error::invalid("", detail));
        }
        Ok(self.ingest_together(call, &[records], create_missing)?.pop().unwrap_or_default())
    }

    /// Ingests what several callers have sent, in one transaction, and reports what became of each batch. Records that are
    /// ingested together cost much less than one batch after another: they share the commit, and touch the same pages.
    ///
    /// # Errors
    /// As [`Engine::ingest`], with at most [`TOGETHER_RECORDS_MAX`] records in all; then none of any batch was taken.
    pub fn ingest_together(
        &self,
        call: &Call,
        batches: &[&[Positioned]],
        create_missing: Option<bool>,
    ) -> Result<Vec<IngestReport>> {
        let records: usize = batches.iter().map(|batch| batch.len()).sum();
        if records > TOGETHER_RECORDS_MAX {
            let detail = format!("at most {TOGETHER_RECORDS_MAX} records are ingested together, these are {records}");
            return Err(Error::invalid("", detail));
        }
        let mut session = self.session(call, create_missing)?;
        session.remember();
        let reports = session.ingest_sent(batches)?;
        session.keep();
        Ok(reports)
    }

    /// Ingests a whole input.
    pub fn import(
        &self,
        call: &Call,
        input: impl Read + Send,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        self.import_text(call, Text { input: Box::new(input), again: None }, options, tell)
    }

    /// Ingests a whole text. What one says that was imported whole before was said before: it makes what is not there, and
    /// puts nothing back to an earlier state.
    pub fn import_text(
        &self,
        call: &Call,
        text: Text<'_>,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        let Text { input, again } = text;
        let digesting = || {
            let failed = |error: InputError| Error::invalid("", error.to_string());
            let plain = records::uncompressed(input).map_err(failed)?;
            let again = again.map(records::uncompressed).transpose().map_err(failed)?;
            let again = again.map(|again| Box::new(again) as Box<dyn Read + '_>);
            Digesting::begin(self, call, Box::new(plain), again)
        };
        let (mut digesting, before) = match digesting() {
            Ok(begun) => begun,
            Err(failure) => return ImportOutcome { counts: IngestCounts::default(), failure: Some(failure) },
        };
        let (whole, reading) = (ReadWhole::default(), options.reading());
        let rows: ReadRows<'_> = Box::new(|header, each| {
            let (mut text, format) = records::open(&mut digesting, options.format)?;
            records::read_rows(&mut *text, format, &reading, header, each)?;
            drop(text);
            let failed =
                |error: std::io::Error| InputError::Read { place: "the end".into(), reason: error.to_string() };
            whole.tell(digesting.end().map_err(failed)?);
            Ok(())
        });
        let outcome = self.import_rows(call, rows, (options, before), tell);
        self.imported(call, outcome, whole.input())
    }

    /// Ingests a whole file of Parquet. A row's line is its number, from 1. Its amounts have points before their decimals.
    pub fn import_parquet(
        &self,
        call: &Call,
        mut file: File,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        let (input, before) = match taken::of_file(self, call, &mut file) {
            Ok(known) => known,
            Err(failure) => return ImportOutcome { counts: IngestCounts::default(), failure: Some(failure) },
        };
        let renamed = options.reading().columns();
        let rows: ReadRows<'_> = Box::new(move |header, each| records::read_parquet(file, &renamed, header, each));
        let options = &ImportOptions { decimal: Some(Decimal::Point), ..options.clone() };
        let outcome = self.import_rows(call, rows, (options, before), tell);
        self.imported(call, outcome, Some(input))
    }

    /// Remembers an input that was imported to its end.
    fn imported(&self, call: &Call, outcome: ImportOutcome, input: Option<Input>) -> ImportOutcome {
        let Some(input) = input.filter(|_| outcome.failure.is_none()) else { return outcome };
        ImportOutcome { failure: taken::remember(self, call, &input).err(), ..outcome }
    }

    fn import_rows(
        &self,
        call: &Call,
        rows: ReadRows<'_>,
        (options, before): (&ImportOptions, Option<Timestamp>),
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        let seen = Seen::default();
        let before = before.filter(|_| !options.again);
        let session = self.session(call, options.create_missing).and_then(|session| {
            session.check_id(&options.id)?;
            Ok(session.of_file(&seen, before.is_some(), options))
        });
        match session {
            Ok(session) => {
                before.into_iter().for_each(|at| tell(ImportEvent::SaidBefore(at)));
                self.import_with(&session, rows, options, tell)
            }
            Err(failure) => ImportOutcome { counts: IngestCounts::default(), failure: Some(failure) },
        }
    }

    fn import_with(
        &self,
        session: &Session<'_>,
        rows: ReadRows<'_>,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        let writers = if self.store.dialect() == Dialect::Sqlite { 1 } else { POSTGRES_WRITERS };
        let mut outcome = ImportOutcome { counts: IngestCounts::default(), failure: None };
        let written = &Written::new(writers);
        std::thread::scope(|scope| {
            let (messages, told) = channel();
            let mut queues = Vec::with_capacity(writers);
            for writer in 0..writers {
                // One batch waits while one is written: memory stays bounded by a few batches.
                let (queue, batches) = sync_channel(1);
                queues.push(queue);
                let (messages, session) = (messages.clone(), session.clone());
                let done = move || written.advance(writer);
                scope.spawn(move || write_batches(session, &batches, &messages, &done));
            }
            scope.spawn(move || {
                if let Err(error) = read_input(rows, options, session, (&queues, written), &messages) {
                    let _ = messages.send(Message::Failed(Error::invalid("", error.to_string())));
                }
            });
            for message in told {
                match message {
                    Message::Event(event) => {
                        outcome.counts.rejected += u64::from(matches!(event, ImportEvent::Rejected { .. }));
                        tell(event);
                    }
                    Message::Done(counts) => {
                        outcome.counts.add(counts);
                        tell(ImportEvent::Progress(outcome.counts));
                    }
                    Message::Failed(error) => outcome.failure = Some(outcome.failure.take().unwrap_or(error)),
                }
            }
        });
        if outcome.counts.created + outcome.counts.updated >= STATISTICS_FROM_CHANGES {
            // Without them the next run is slower, and nothing is wrong.
            let _ = self.store.refresh_statistics();
        }
        outcome
    }
}

/// A writer: one transaction a batch, until the reader is done or a transaction fails.
fn write_batches(mut session: Session<'_>, batches: &Receiver<Batch>, messages: &Sender<Message>, done: &dyn Fn()) {
    for batch in batches {
        let (rows, records): (Vec<RawRow>, Vec<Positioned>) = batch.into_iter().unzip();
        let message = match session.ingest(&[&records]) {
            Ok(mut reports) => {
                done();
                let mut report = reports.pop().unwrap_or_default();
                // Each rejection is counted where it is told.
                report.counts.rejected = 0;
                tell_rejections(report.rejections, rows, messages);
                Message::Done(report.counts)
            }
            Err(error) => Message::Failed(error),
        };
        let failed = matches!(message, Message::Failed(_));
        if messages.send(message).is_err() || failed {
            return;
        }
    }
}

fn tell_rejections(rejections: Vec<Rejection>, rows: Vec<RawRow>, messages: &Sender<Message>) {
    let mut rows = rows.into_iter();
    for rejection in rejections {
        // Rejections come in the order of their rows.
        if let Some(row) = rows.by_ref().find(|row| row.line == rejection.position) {
            let _ = messages.send(Message::Event(ImportEvent::Rejected { row, rejection }));
        }
    }
}

/// The reader: rows are parsed and dealt to the writers.
fn read_input(
    rows: ReadRows<'_>,
    options: &ImportOptions,
    session: &Session<'_>,
    (queues, written): (&[SyncSender<Batch>], &Written),
    messages: &Sender<Message>,
) -> std::result::Result<(), InputError> {
    let reading = options.reading();
    let parser = std::cell::RefCell::new(RowParser::new(session.zone.clone(), &reading));
    let mut batches: Vec<Batch> = queues.iter().map(|_| Vec::new()).collect();
    // The writers share what the batches of one input may take in memory.
    let batch_records = IMPORT_BATCH_RECORDS / queues.len().max(1);
    let mut lanes = Lanes::new(written, batch_records);
    let stopped = || InputError::Stopped("the import was stopped".into());
    let mut header = |cells: csv::ByteRecord| {
        let columns = Columns::from_header(cells.clone(), &reading)?;
        parser.borrow_mut().columns = columns;
        messages.send(Message::Event(ImportEvent::Header(cells))).map_err(|_| stopped())
    };
    let mut each = |row: RawRow| {
        let parsed = parser.borrow_mut().parse(&row.raw);
        let parsed = parsed.map_err(|error| (error.field, error.detail)).and_then(|record| session.joined(record));
        match parsed {
            Err((field, detail)) => {
                let rejection = Rejection { position: row.line, field, detail };
                let event = ImportEvent::Rejected { row, rejection };
                messages.send(Message::Event(event)).map_err(|_| stopped())
            }
            Ok(record) => {
                let writer = lanes.writer_of(&record);
                let batch = &mut batches[writer];
                let position = row.line;
                batch.push((row, Positioned { position, record }));
                if batch.len() < batch_records {
                    return Ok(());
                }
                let full = std::mem::replace(batch, Vec::with_capacity(batch_records));
                session.see(full.iter().map(|(_, record)| record));
                lanes.sent(writer);
                queues[writer].send(full).map_err(|_| stopped())
            }
        }
    };
    let read = rows(&mut header, &mut each);
    // What was read before an error is good, and is kept.
    for (queue, batch) in queues.iter().zip(batches) {
        session.see(batch.iter().map(|(_, record)| record));
        if !batch.is_empty() && queue.send(batch).is_err() {
            break;
        }
    }
    let unknown = std::mem::take(&mut parser.borrow_mut().columns.unknown);
    if !unknown.is_empty() {
        let _ = messages.send(Message::Event(ImportEvent::UnknownColumns(unknown)));
    }
    match read {
        // The writer that stopped says why.
        Err(InputError::Stopped(_)) => Ok(()),
        other => other,
    }
}
