//! Whole inputs: read, parsed and ingested in batches, with bounded memory.

use std::fs::File;
use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use quittance_domain::ids::{NetworkId, PartyKind};
use quittance_domain::time::Zone;
use quittance_store::dialect::Dialect;
use quittance_store::{Error as StoreError, Tx, parties};

use super::batch::{self, Context, Ingested, Known};
use super::directory::{Directory, Unknown};
use super::kept::Kept;
use super::lanes::{Lanes, Written};
use super::{
    BATCH_RECORDS_MAX, IMPORT_BATCH_RECORDS, IngestCounts, IngestReport, Positioned, Rejection, TOGETHER_RECORDS_MAX,
};
use crate::error::{Error, Result};
use crate::records::{self, Columns, EachRow, Field, Format, Header, InputError, RawRow, RowParser};
use crate::{Call, Engine, measure};

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
    /// Unknown affiliates and offers are created; the network's setting where not given.
    pub create_missing: Option<bool>,
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
        let reports = session.ingest(batches)?;
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
        let rows: ReadRows<'_> = Box::new(|header, each| {
            let (mut text, format) = records::open(input, options.format)?;
            records::read_rows(&mut *text, format, header, each)
        });
        self.import_rows(call, rows, options, tell)
    }

    /// Ingests a whole file of Parquet. A row's line is its number, from 1.
    pub fn import_parquet(
        &self,
        call: &Call,
        file: File,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        let rows: ReadRows<'_> = Box::new(|header, each| records::read_parquet(file, &options.renamed, header, each));
        self.import_rows(call, rows, options, tell)
    }

    fn import_rows(
        &self,
        call: &Call,
        rows: ReadRows<'_>,
        options: &ImportOptions,
        tell: &mut dyn FnMut(ImportEvent),
    ) -> ImportOutcome {
        match self.session(call, options.create_missing) {
            Ok(session) => self.import_with(&session, rows, options, tell),
            Err(failure) => ImportOutcome { counts: IngestCounts::default(), failure: Some(failure) },
        }
    }

    pub(super) fn session<'a>(&'a self, call: &'a Call, create_missing: Option<bool>) -> Result<Session<'a>> {
        let network = self.network(call.network)?;
        let create_missing = match create_missing {
            Some(create_missing) => create_missing,
            None => self.network_settings(call)?.create_missing,
        };
        let zone = Zone::parse(&network.time_zone).map_err(|e| Error::invalid("time_zone", e.to_string()))?;
        let directory = Directory::new(network.currency, network.directory_version);
        Ok(Session { engine: self, call, zone, create_missing, directory, expects_known: true })
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
            let (messages, zone) = (messages, session.zone.clone());
            scope.spawn(move || {
                if let Err(error) = read_input(rows, options, zone, (&queues, written), &messages) {
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

/// What the batches of one input share.
#[derive(Clone)]
pub(super) struct Session<'a> {
    engine: &'a Engine,
    call: &'a Call,
    pub(super) zone: Zone,
    create_missing: bool,
    pub(super) directory: Directory,
    /// The batch before named conversions that were known.
    expects_known: bool,
}

impl Session<'_> {
    /// Goes on with the directory that the input before has left, where there is one.
    fn remember(&mut self) {
        let kept = self.engine.directories.take(self.call.network);
        let currency = self.directory.network_currency();
        // What was read is of its version; whether that is still the present one is seen in the transaction.
        if let Some(Kept { directory, expects_known }) = kept.filter(|kept| kept.directory.is_worth_keeping(currency)) {
            (self.directory, self.expects_known) = (directory, expects_known);
        }
    }

    /// Leaves the directory to the next input.
    fn keep(self) {
        let kept = Kept { directory: self.directory, expects_known: self.expects_known };
        self.engine.directories.keep(self.call.network, kept);
    }

    fn ingest(&mut self, batches: &[&[Positioned]]) -> Result<Vec<IngestReport>> {
        self.look_up(batches)?;
        let context = Context { call: self.call, zone: &self.zone, directory: &self.directory };
        // After a batch of new conversions the next one is tried without looking its ids up. One that is known after
        // all breaks the key, and the batch is done again with a look.
        let mut look_up = self.expects_known;
        let mut attempt = |tx: &mut dyn Tx| {
            let known = if look_up { Known::LookUp } else { Known::None };
            look_up = true;
            batch::ingest(tx, &context, batches, known)
        };
        let mut outcome = self.engine.store.write(&mut attempt);
        if let (false, Err(Error::Store(StoreError::Constraint(_)))) = (self.expects_known, &outcome) {
            outcome = self.engine.store.write(&mut attempt);
        }
        let Ingested { reports, books, served, known, directory } = outcome?;
        if let Some(directory) = directory {
            self.directory = directory;
        }
        self.expects_known = known > 0;
        self.directory.books.extend(books);
        self.directory.served.extend(served);
        let records = batches.iter().copied().flatten();
        let newest = records.filter_map(|positioned| positioned.record.occurred_at).max();
        for report in &reports {
            measure::ingested(&report.counts, self.call.now, newest);
        }
        Ok(reports)
    }

    /// Makes the directory know what the records name, as far as it exists or may be created.
    fn look_up(&mut self, batches: &[&[Positioned]]) -> Result<()> {
        let unknown = self.directory.unknown(batches);
        if unknown.is_empty() {
            return Ok(());
        }
        let (engine, network) = (self.engine, self.call.network);
        engine.store.read(|tx| self.directory.load(tx, network, &unknown))?;
        let missing = self.directory.unknown(batches);
        if !self.create_missing || missing.is_empty() {
            return Ok(());
        }
        engine.store.write(|tx| create_missing(tx, network, &missing, &self.directory, self.call))?;
        engine.store.read(|tx| self.directory.load(tx, network, &missing))
    }
}

fn create_missing(
    tx: &mut dyn Tx,
    network: NetworkId,
    missing: &Unknown,
    directory: &Directory,
    call: &Call,
) -> Result<()> {
    let currency = directory.network_currency();
    let ids: Vec<i64> = missing.affiliates.iter().copied().collect();
    parties::ensure_parties(tx, network, PartyKind::Affiliate, &ids, currency, call.now)?;
    let ids: Vec<i64> = missing.advertisers.iter().copied().collect();
    parties::ensure_parties(tx, network, PartyKind::Advertiser, &ids, currency, call.now)?;
    let ids: Vec<i64> = missing.offers.iter().copied().collect();
    parties::ensure_offers(tx, network, &ids)?;
    Ok(())
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
    zone: Zone,
    (queues, written): (&[SyncSender<Batch>], &Written),
    messages: &Sender<Message>,
) -> std::result::Result<(), InputError> {
    let parser = RowParser::new(zone, Columns::default(), options.renamed.clone());
    let parser = std::cell::RefCell::new(parser);
    let mut batches: Vec<Batch> = queues.iter().map(|_| Vec::new()).collect();
    // The writers share what the batches of one input may take in memory.
    let batch_records = IMPORT_BATCH_RECORDS / queues.len().max(1);
    let mut lanes = Lanes::new(written, batch_records);
    let stopped = || InputError::Stopped("the import was stopped".into());
    let mut header = |cells: csv::ByteRecord| {
        let columns = Columns::from_header(cells.clone(), &options.renamed)?;
        parser.borrow_mut().columns = columns;
        messages.send(Message::Event(ImportEvent::Header(cells))).map_err(|_| stopped())
    };
    let mut each = |row: RawRow| {
        let parsed = parser.borrow_mut().parse(&row.raw);
        match parsed {
            Err(error) => {
                let rejection = Rejection { position: row.line, field: error.field, detail: error.detail };
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
                lanes.sent(writer);
                queues[writer].send(full).map_err(|_| stopped())
            }
        }
    };
    let read = rows(&mut header, &mut each);
    // What was read before an error is good, and is kept.
    for (queue, batch) in queues.iter().zip(batches) {
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
