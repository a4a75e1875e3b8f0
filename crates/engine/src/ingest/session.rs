//! What the batches of one input share: the directory of its parties and offers, and what its records are taken by.

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::{NetworkId, PartyKind};
use quittance_domain::time::Zone;
use quittance_store::{Error as StoreError, Tx, parties};

use super::batch::{self, Context, Ingested, Known, Refusal};
use super::directory::{Directory, Unknown};
use super::import::ImportOptions;
use super::judge::Rules;
use super::kept::Kept;
use super::seen::Seen;
use super::{IngestReport, Positioned, Rejection};
use crate::error::{Error, Result};
use crate::{Call, Engine, measure};

impl Engine {
    pub(super) fn session<'a>(&'a self, call: &'a Call, create_missing: Option<bool>) -> Result<Session<'a>> {
        let network = self.network(call.network)?;
        let settings = self.network_settings(call)?;
        let zone = Zone::parse(&network.time_zone).map_err(|e| Error::invalid("time_zone", e.to_string()))?;
        let directory = Directory::new(network.currency, network.directory_version);
        let rules =
            Rules { key: network.conversion_key, rejected_is_final: settings.rejected_is_final, ..Rules::default() };
        Ok(Session {
            engine: self,
            call,
            zone,
            create_missing: create_missing.unwrap_or(settings.create_missing),
            directory,
            expects_known: true,
            rules,
            seen: None,
        })
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
    pub(super) rules: Rules,
    /// The rows of the input so far, where it is a whole file.
    seen: Option<&'a Seen>,
}

impl<'a> Session<'a> {
    /// The session of a whole file, whose rows are kept in `seen`.
    pub(super) fn of_file(self, seen: &'a Seen, said_before: bool, options: &ImportOptions) -> Session<'a> {
        let (revisions, made_ids) = (options.revisions, !options.id.is_empty());
        Session { rules: Rules { said_before, revisions, made_ids, ..self.rules }, seen: Some(seen), ..self }
    }

    /// Refuses ids of several columns where the network makes ids of its own.
    pub(super) fn check_id(&self, columns: &[String]) -> Result<()> {
        if columns.is_empty() || !self.rules.key.joins() {
            return Ok(());
        }
        let detail = format!(
            "--id {}: the network makes ids by its setting conversion_key = {:?}, which holds for every input",
            columns.join("+"),
            self.rules.key.as_str()
        );
        Err(Error::invalid("id", detail))
    }

    /// What a batch is ingested with.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            call: self.call,
            zone: &self.zone,
            directory: &self.directory,
            rules: self.rules,
            seen: self.seen.filter(|_| !self.rules.revisions),
        }
    }

    /// A record under the id that its conversion has here.
    pub(super) fn joined(&self, mut record: ConversionRecord) -> std::result::Result<ConversionRecord, Refusal> {
        self.rules.key.join(&mut record).map_err(|error| (error.field, error.detail))?;
        Ok(record)
    }

    /// Remembers rows of a file that are on their way.
    pub(super) fn see<'r>(&self, rows: impl Iterator<Item = &'r Positioned>) {
        if let Some(seen) = self.seen.filter(|_| !self.rules.revisions) {
            seen.add(rows);
        }
    }

    /// Ingests batches as they were sent: the ids of their conversions are made first, where they have two parts.
    pub(super) fn ingest_sent(&mut self, batches: &[&[Positioned]]) -> Result<Vec<IngestReport>> {
        if !self.rules.key.joins() {
            return self.ingest(batches);
        }
        let (mut joined, mut refused) = (Vec::with_capacity(batches.len()), Vec::with_capacity(batches.len()));
        for batch in batches {
            let (mut records, mut refusals) = (Vec::with_capacity(batch.len()), Vec::new());
            for Positioned { position, record } in *batch {
                let position = *position;
                match self.joined(record.clone()) {
                    Ok(record) => records.push(Positioned { position, record }),
                    Err((field, detail)) => refusals.push(Rejection { position, field, detail }),
                }
            }
            joined.push(records);
            refused.push(refusals);
        }
        let batches: Vec<&[Positioned]> = joined.iter().map(Vec::as_slice).collect();
        let mut reports = self.ingest(&batches)?;
        for (report, refusals) in reports.iter_mut().zip(refused) {
            report.counts.rejected += refusals.len() as u64;
            report.rejections.extend(refusals);
            report.rejections.sort_by_key(|rejection| rejection.position);
        }
        Ok(reports)
    }

    /// Goes on with the directory that the input before has left, where there is one.
    pub(super) fn remember(&mut self) {
        let kept = self.engine.directories.take(self.call.network);
        let currency = self.directory.network_currency();
        // What was read is of its version; whether that is still the present one is seen in the transaction.
        if let Some(Kept { directory, expects_known }) = kept.filter(|kept| kept.directory.is_worth_keeping(currency)) {
            (self.directory, self.expects_known) = (directory, expects_known);
        }
    }

    /// Leaves the directory to the next input.
    pub(super) fn keep(self) {
        let kept = Kept { directory: self.directory, expects_known: self.expects_known };
        self.engine.directories.keep(self.call.network, kept);
    }

    pub(super) fn ingest(&mut self, batches: &[&[Positioned]]) -> Result<Vec<IngestReport>> {
        self.look_up(batches)?;
        let context = self.context();
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
