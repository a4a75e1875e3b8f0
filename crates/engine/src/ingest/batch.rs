//! One batch of records in one transaction: known states are read, the differences folded in memory, and all of it
//! written at once.

use std::collections::{BTreeSet, HashMap, HashSet};

use quittance_domain::accrual::{Book, Fold, Sign};
use quittance_domain::conversion::{
    Conversion, ConversionRecord, ConversionStatus, Elsewhere, EntryPlace, KnownConversion, Outcome, Received,
    RecordError, first_state, keeps_entry, next_state,
};
use quittance_domain::conversion_key::base_of;
use quittance_domain::ids::AdvertiserId;
use quittance_domain::revision::told_apart;
use quittance_domain::time::{Day, DayFinder, Timestamp, Zone};
use quittance_store::accruals::{AccrualRow, RowKey};
use quittance_store::conversions::{self, State, Superseded};
use quittance_store::networks::Present;
use quittance_store::parties::OfferAdvertiser;
use quittance_store::{Tx, accruals, networks, parties};

use super::directory::Directory;
use super::judge::{Case, Rules, Verdict};
use super::meant::{self, Names};
use super::seen::{Rows, Seen};
use super::{IngestCounts, IngestReport, Positioned, Rejection, settled};
use crate::error::{Error, Result};
use crate::events::{Moved, Returned};
use crate::{Call, events};

/// What a batch is ingested with.
pub(super) struct Context<'a> {
    pub(super) call: &'a Call,
    pub(super) zone: &'a Zone,
    pub(super) directory: &'a Directory,
    /// What records are taken by.
    pub(super) rules: Rules,
    /// The rows of the input so far, where it is a whole file; else each batch is an input.
    pub(super) seen: Option<&'a Seen>,
}

/// Why a record is refused: the field at fault, and what is wrong.
pub(super) type Refusal = (&'static str, String);

/// One conversion while a batch goes over it.
struct Slot {
    /// It was known before the batch.
    known_before: bool,
    /// Its state now.
    state: State,
    /// It has got a new state in this batch.
    changed: bool,
    /// A newer time of update of an otherwise unchanged conversion.
    touched: Option<Timestamp>,
    /// Which of the states that this batch has superseded were its.
    replaced: Vec<usize>,
}

impl Slot {
    fn known(state: State) -> Slot {
        Slot { known_before: true, state, changed: false, touched: None, replaced: Vec::new() }
    }
}

/// What is known of the conversions before a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is to be looked up.
    LookUp,
    /// Nothing, the caller supposes. Where that is wrong the transaction fails; but where a record is refused that may be
    /// good news of a known conversion, it is looked up after all.
    None,
}

/// What an ingested batch leaves behind.
pub(super) struct Ingested {
    /// What became of each batch.
    pub(super) reports: Vec<IngestReport>,
    /// The books that were new to the directory.
    pub(super) books: Vec<Book>,
    /// The offers and advertisers that were.
    pub(super) served: BTreeSet<OfferAdvertiser>,
    /// How many conversions were known before.
    pub(super) known: usize,
    /// The directory that it has read anew, since parties or offers were changed.
    pub(super) directory: Option<Directory>,
}

/// Ingests batches of records, one after another, inside one transaction.
pub(super) fn ingest(
    tx: &mut dyn Tx,
    context: &Context<'_>,
    batches: &[&[Positioned]],
    known: Known,
) -> Result<Ingested> {
    // The shared lock on the epoch lasts until the commit: a run that has raised it sees this batch whole or not at all.
    let present = networks::present(tx, context.call.network)?;
    let fresh = match context.directory.outdated(present.directory_version) {
        None => None,
        Some(mut fresh) => {
            fresh.load(tx, context.call.network, &fresh.unknown(batches))?;
            Some(fresh)
        }
    };
    if present.conversion_key != context.rules.key {
        return Err(Error::Changed("the network's conversion_key was set just now: send it again".to_owned()));
    }
    let context = &Context { directory: fresh.as_ref().unwrap_or(context.directory), ..*context };
    let bases = context.rules.bases(batches);
    if known == Known::None && bases.is_empty() && !context.rules.made_ids {
        let mut work = Work::new(context, present, count(batches));
        let reports = work.receive_all(batches)?;
        if !work.refused_as_new {
            let (books, served) = work.write_with_served(tx)?;
            return Ok(Ingested { reports, books, served, known: 0, directory: fresh });
        }
    }
    let ids: Vec<&str> = batches.iter().copied().flatten().map(|r| &*r.record.conversion_id).collect();
    let mut states = conversions::known(tx, context.call.network, &ids)?;
    if !bases.is_empty() {
        states.extend(conversions::joined(tx, context.call.network, &bases)?);
    }
    let known = states.len();
    let directory = with_what_is_named(tx, context, states.iter())?;
    let context = &Context { directory: &directory, ..*context };
    let mut work = Work::new(context, present, count(batches));
    work.billed_here = settled::billed_here(tx, context.call.network, batches, &states)?;
    work.whole = whole_ids(tx, context, batches)?;
    states.into_iter().for_each(|state| work.know(state));
    work.read_earlier(tx, batches)?;
    let reports = work.receive_all(batches)?;
    let (books, served) = work.write_with_served(tx)?;
    Ok(Ingested { reports, books, served, known, directory: fresh })
}

/// Of an input whose ids are made of several columns: the conversions that are known by the first part alone.
fn whole_ids(
    tx: &mut dyn Tx,
    context: &Context<'_>,
    batches: &[&[Positioned]],
) -> Result<HashMap<Box<str>, Conversion>> {
    if !context.rules.made_ids {
        return Ok(HashMap::new());
    }
    let ids = batches.iter().copied().flatten().map(|row| &*row.record.conversion_id);
    let bases: BTreeSet<&str> = ids.filter(|id| base_of(id) != *id).map(base_of).collect();
    let known = conversions::known(tx, context.call.network, &bases.into_iter().collect::<Vec<_>>())?;
    let by_id = |state: State| (state.known.conversion.conversion_id.clone(), state.known.conversion);
    Ok(known.into_iter().map(by_id).collect())
}

fn count(batches: &[&[Positioned]]) -> usize {
    batches.iter().map(|batch| batch.len()).sum()
}

/// A known conversion as Quittance changes it, with what was last received of what differs.
pub(super) struct Override {
    pub(super) state: State,
    pub(super) next: Conversion,
    pub(super) received: Option<Box<Received>>,
}

/// Changes conversions here: overrides, which stay until the tracker says something else.
pub(super) fn override_states(
    tx: &mut dyn Tx,
    context: &Context<'_>,
    present: Present,
    overrides: Vec<Override>,
) -> Result<u64> {
    let count = overrides.len() as u64;
    let directory = with_what_is_named(tx, context, overrides.iter().map(|o| &o.state))?;
    let context = &Context { directory: &directory, ..*context };
    let mut work = Work::new(context, present, overrides.len());
    for Override { state, next, received } in overrides {
        work.know(state);
        work.revise(next, received)?;
    }
    work.write(tx)?;
    Ok(count)
}

/// Puts in again what conversions stand for, to be billed from another day on. Their day in the books stays, be it locked
/// or not: no day has another sum by it.
pub(super) fn hold_anew(
    tx: &mut dyn Tx,
    context: &Context<'_>,
    present: Present,
    held: Vec<(State, Day)>,
) -> Result<u64> {
    let count = held.len() as u64;
    let mut work = Work::new(context, present, held.len());
    for (state, billable_day) in held {
        work.hold_anew(state, billable_day)?;
    }
    work.write(tx)?;
    Ok(count)
}

/// The directory with what known conversions name in it: a record that changes only the status names nothing.
fn with_what_is_named<'a, 's>(
    tx: &mut dyn Tx,
    context: &Context<'a>,
    known: impl Iterator<Item = &'s State>,
) -> Result<std::borrow::Cow<'a, Directory>> {
    let unknown = context.directory.unknown_of(known.map(|state| &state.known.conversion));
    if unknown.is_empty() {
        return Ok(std::borrow::Cow::Borrowed(context.directory));
    }
    let mut directory = context.directory.clone();
    directory.load(tx, context.call.network, &unknown)?;
    Ok(std::borrow::Cow::Owned(directory))
}

struct Work<'a> {
    context: &'a Context<'a>,
    present: Present,
    days: DayFinder,
    slots: HashMap<Box<str>, Slot>,
    /// The ids by what the tracker calls them, where ids are joined.
    names: Names,
    /// The states before the known ones of what is changed, by id.
    earlier: HashMap<Box<str>, Vec<KnownConversion>>,
    superseded: Vec<Superseded>,
    moved: Vec<Moved>,
    returned: Vec<Returned>,
    fold: Fold,
    served: BTreeSet<OfferAdvertiser>,
    /// What a source says it has paid, and was billed here: it stays in the books.
    billed_here: HashSet<Box<str>>,
    /// The conversions that are known by the first parts of ids alone, where ids are made of several columns.
    whole: HashMap<Box<str>, Conversion>,
    report: IngestReport,
    /// A record was refused as the first of its id: of a known conversion it may be good.
    refused_as_new: bool,
}

impl<'a> Work<'a> {
    fn new(context: &'a Context<'a>, present: Present, capacity: usize) -> Work<'a> {
        Work {
            context,
            present,
            days: DayFinder::new(context.zone.clone()),
            slots: HashMap::with_capacity(capacity),
            names: Names::new(context.rules.key),
            earlier: HashMap::new(),
            superseded: Vec::new(),
            moved: Vec::new(),
            returned: Vec::new(),
            fold: Fold::default(),
            served: BTreeSet::new(),
            billed_here: HashSet::new(),
            whole: HashMap::new(),
            report: IngestReport::default(),
            refused_as_new: false,
        }
    }

    /// Takes in what is known of a conversion.
    fn know(&mut self, state: State) {
        let id = state.known.conversion.conversion_id.clone();
        self.names.add(&id);
        self.slots.insert(id, Slot::known(state));
    }

    /// Reads the earlier states of what the records will change: whether they bring one of them back is asked then.
    fn read_earlier(&mut self, tx: &mut dyn Tx, batches: &[&[Positioned]]) -> Result<()> {
        let changes = |record: &ConversionRecord| {
            let id = self.names.meant(record).ok()?;
            let slot = self.slots.get(&*id).filter(|slot| slot.state.known.revision > 1)?;
            let next = next_state(&slot.state.known, record);
            matches!(next, Ok(Outcome::Revised(_))).then(|| &*slot.state.known.conversion.conversion_id)
        };
        let ids: BTreeSet<&str> = batches.iter().copied().flatten().filter_map(|row| changes(&row.record)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut earlier: HashMap<Box<str>, Vec<KnownConversion>> = HashMap::with_capacity(ids.len());
        for State { known, .. } in conversions::superseded(tx, self.context.call.network, &ids)? {
            earlier.entry(known.conversion.conversion_id.clone()).or_default().push(known);
        }
        self.earlier = earlier;
        Ok(())
    }

    /// Goes over the records of all batches, and reports what becomes of each batch.
    fn receive_all(&mut self, batches: &[&[Positioned]]) -> Result<Vec<IngestReport>> {
        let mut reports = Vec::with_capacity(batches.len());
        for batch in batches {
            let rows = self.context.seen.map_or_else(|| Rows::of_batch(batch), Rows::File);
            for positioned in *batch {
                self.receive(positioned, &rows)?;
            }
            reports.push(std::mem::take(&mut self.report));
        }
        Ok(reports)
    }

    fn receive(&mut self, positioned: &Positioned, rows: &Rows<'_>) -> Result<()> {
        let counts = match self.apply(positioned, rows)? {
            Ok(counts) => counts,
            Err((field, detail)) => {
                self.report.rejections.push(Rejection { position: positioned.position, field, detail });
                IngestCounts { rejected: 1, ..IngestCounts::default() }
            }
        };
        self.report.counts.add(counts);
        Ok(())
    }

    /// The outer error ends the batch, the inner one refuses the record.
    fn apply(
        &mut self,
        positioned: &Positioned,
        rows: &Rows<'_>,
    ) -> Result<std::result::Result<IngestCounts, Refusal>> {
        let record = &positioned.record;
        if let Err(refusal) = self.check_references(record) {
            return Ok(Err(refusal));
        }
        let id = match self.names.meant(record) {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let none = IngestCounts::default();
        let Some(slot) = self.slots.get_mut(&*id) else {
            let first = match self.first(record) {
                Ok(first) => first,
                Err(refusal) => {
                    self.refused_as_new = true;
                    return Ok(Err(refusal));
                }
            };
            self.create(first)?;
            return Ok(Ok(IngestCounts { created: 1, ..none }));
        };
        let kept;
        let record = if record.settled && self.billed_here.contains(&*id) {
            kept = ConversionRecord { settled: false, ..record.clone() };
            &kept
        } else {
            record
        };
        let next = match next_state(&slot.state.known, record) {
            Ok(next) => next,
            Err(error) => return Ok(Err(refused(&error))),
        };
        match next {
            Outcome::Stale => Ok(Ok(IngestCounts { stale: 1, ..none })),
            Outcome::Unchanged { updated_at } => {
                if let Some(updated_at) = updated_at {
                    slot.state.known.conversion.updated_at = Some(updated_at);
                    slot.touched = Some(updated_at);
                }
                Ok(Ok(IngestCounts { unchanged: 1, ..none }))
            }
            Outcome::Revised(next) => self.judge(positioned, rows, *next),
        }
    }

    /// Makes a record that differs from what was received last a revision, where it is one.
    fn judge(
        &mut self,
        Positioned { position, record }: &Positioned,
        rows: &Rows<'_>,
        next: Conversion,
    ) -> Result<std::result::Result<IngestCounts, Refusal>> {
        let none = IngestCounts::default();
        let Some(slot) = self.slots.get(&next.conversion_id) else { return Ok(Ok(none)) };
        let state = &slot.state.known;
        let received = state.received.as_ref().map(|received| received.under(&state.conversion));
        let known = received.as_ref().unwrap_or(&state.conversion);
        let case = Case { rules: self.context.rules, rows, position: *position, record, known, next: &next };
        let before = self.earlier.get(&next.conversion_id).into_iter().flatten();
        let replaced = slot.replaced.iter().filter_map(|place| self.superseded.get(*place)).map(|old| &old.state.known);
        let (moved, returned) = match case.judge(before.chain(replaced))? {
            Verdict::Stale => return Ok(Ok(IngestCounts { stale: 1, ..none })),
            Verdict::Refused(field, detail) => return Ok(Err((field, detail))),
            Verdict::Revised { moved, returned } => (moved, returned),
        };
        if moved {
            self.moved.push(Moved::of(known, &next));
        }
        if returned {
            self.returned.push(Returned::of(known, &next));
        }
        self.revise(next, None)?;
        Ok(Ok(IngestCounts { updated: 1, moved: moved.into(), returned: returned.into(), ..none }))
    }

    fn check_references(&self, record: &ConversionRecord) -> std::result::Result<(), Refusal> {
        let directory = self.context.directory;
        let unknown = |field: &'static str, what: &str, id: i64| {
            let detail =
                format!("{field}: there is no {what} {id}; import the network's {what}s, or use --create-missing");
            Err((field, detail))
        };
        match (record.affiliate_id, record.offer_id, record.advertiser_id) {
            (Some(id), _, _) if !directory.has_affiliate(id) => unknown("affiliate_id", "affiliate", id.get()),
            (_, Some(id), _) if directory.offer(id).is_none() => unknown("offer_id", "offer", id.get()),
            (_, _, Some(id)) if !directory.has_advertiser(id) => unknown("advertiser_id", "advertiser", id.get()),
            _ => Ok(()),
        }
    }

    fn first(&self, record: &ConversionRecord) -> std::result::Result<Conversion, Refusal> {
        if meant::says_status_only(record) {
            let id = &record.conversion_id;
            return Err((
                "conversion_id",
                format!("conversion_id: there is no conversion {id:?} whose status to change"),
            ));
        }
        if let Some(known) = self.whole.get(base_of(&record.conversion_id))
            && told_apart(known, record).is_none()
        {
            // The same commission would be owed under both ids.
            let (id, known) = (&record.conversion_id, &known.conversion_id);
            let detail = format!(
                "conversion_id: {known:?} is known from before without --id, and {id:?} would be the same once more: import \
                 only the rows that were refused then"
            );
            return Err(("conversion_id", detail));
        }
        let missing = |field: &'static str| (field, format!("{field} is missing"));
        let affiliate = record.affiliate_id.ok_or_else(|| missing("affiliate_id"))?;
        let offer_id = record.offer_id.ok_or_else(|| missing("offer_id"))?;
        let offer = self.context.directory.offer(offer_id).ok_or_else(|| missing("offer_id"))?;
        let defaults = self.context.directory.defaults(affiliate, offer, record.advertiser_id);
        first_state(record, &defaults).map_err(|error| refused(&error))
    }

    /// Where an entry of a conversion counts when it is put in now, and in whose books.
    fn place(&mut self, conversion: &Conversion) -> (EntryPlace, Elsewhere) {
        let pair = (conversion.offer_id.get(), conversion.advertiser_id.map_or(0, AdvertiserId::get));
        if !self.context.directory.served.contains(&pair) {
            self.served.insert(pair);
        }
        let billing_day = self.days.day_of(conversion.occurred_at);
        let hold_days = self.context.directory.offer(conversion.offer_id).map_or(0, |offer| offer.hold_days);
        let elsewhere = match conversion.settled {
            true => Elsewhere::BOTH,
            false => self.context.directory.elsewhere(conversion, billing_day, self.present.elsewhere_through),
        };
        let place = EntryPlace {
            epoch: self.present.epoch,
            posting_day: self.present.posting_day(billing_day),
            billable_day: billing_day.plus_days(hold_days),
        };
        (place, elsewhere)
    }

    fn create(&mut self, conversion: Conversion) -> Result<()> {
        let (place, elsewhere) = self.place(&conversion);
        self.fold.entry(&conversion, elsewhere, place, Sign::Plus)?;
        let id = conversion.conversion_id.clone();
        let known = KnownConversion { conversion, received: None, elsewhere, revision: 1, place };
        let state = State { known, received_at: self.context.call.now };
        self.names.add(&id);
        self.slots.insert(id, Slot { known_before: false, changed: true, ..Slot::known(state) });
        Ok(())
    }

    /// Takes the old state's entry out where it was and puts the new one's in where it belongs.
    fn revise(&mut self, conversion: Conversion, received: Option<Box<Received>>) -> Result<()> {
        let (mut place, mut elsewhere) = self.place(&conversion);
        let Some(slot) = self.slots.get_mut(&conversion.conversion_id) else { return Ok(()) };
        let old = &slot.state.known;
        let posting_day = self.present.posting_day(old.place.posting_day);
        let end = EntryPlace { epoch: self.present.epoch, posting_day, ..old.place };
        let billing_days = [&old.conversion, &conversion].map(|state| self.days.day_of(state.occurred_at));
        let same_place = billing_days[0] == billing_days[1] && old.elsewhere == elsewhere;
        let entry_kept = keeps_entry(&old.conversion, &conversion, same_place);
        // What does not count has no entry: where and from when it would count follows what is said of it last.
        if entry_kept && conversion.status == ConversionStatus::Approved {
            (place, elsewhere) = (old.place, old.elsewhere);
        } else if !entry_kept {
            self.fold.entry(&old.conversion, old.elsewhere, end, Sign::Minus)?;
            self.fold.entry(&conversion, elsewhere, place, Sign::Plus)?;
        }
        let known = KnownConversion { conversion, received, elsewhere, revision: old.revision + 1, place };
        let new = State { known, received_at: self.context.call.now };
        let state = std::mem::replace(&mut slot.state, new);
        slot.changed = true;
        slot.replaced.push(self.superseded.len());
        self.superseded.push(Superseded { state, end, entry_kept });
        Ok(())
    }

    /// Writes everything, and answers which books, offers and advertisers were new.
    fn write_with_served(mut self, tx: &mut dyn Tx) -> Result<(Vec<Book>, BTreeSet<OfferAdvertiser>)> {
        let served = std::mem::take(&mut self.served);
        let pairs: Vec<OfferAdvertiser> = served.iter().copied().collect();
        parties::add_offer_advertisers(tx, self.context.call.network, &pairs)?;
        Ok((self.write(tx)?, served))
    }

    /// Takes a known conversion's entry out where it is and puts it in at another billable day.
    fn hold_anew(&mut self, state: State, billable_day: Day) -> Result<()> {
        let old = &state.known;
        let end = EntryPlace { epoch: self.present.epoch, ..old.place };
        let place = EntryPlace { billable_day, ..end };
        self.fold.entry(&old.conversion, old.elsewhere, end, Sign::Minus)?;
        self.fold.entry(&old.conversion, old.elsewhere, place, Sign::Plus)?;
        let entry_kept = old.conversion.status != ConversionStatus::Approved;
        let known = KnownConversion { revision: old.revision + 1, place, ..old.clone() };
        let id = old.conversion.conversion_id.clone();
        let new = State { known, received_at: self.context.call.now };
        self.slots.insert(id, Slot { changed: true, ..Slot::known(new) });
        self.superseded.push(Superseded { state, end, entry_kept });
        Ok(())
    }

    fn write(self, tx: &mut dyn Tx) -> Result<Vec<Book>> {
        let network = self.context.call.network;
        let (mut created, mut revised) = (Vec::new(), Vec::new());
        for slot in self.slots.values() {
            match (slot.changed, slot.known_before, slot.touched) {
                (true, false, _) => created.push(&slot.state),
                (true, true, _) => revised.push(&slot.state),
                (false, _, Some(at)) => {
                    conversions::remember_update(tx, network, &slot.state.known.conversion.conversion_id, at)?;
                }
                (false, _, None) => {}
            }
        }
        // One order for all writers, so that two of them wait for each other in turn and never in a ring; and
        // neighbours in the key are written together.
        created.sort_unstable_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
        revised.sort_unstable_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
        conversions::revise(tx, network, &revised)?;
        conversions::create(tx, network, &created)?;
        conversions::supersede(tx, network, &self.superseded)?;
        let rows: Vec<AccrualRow> = self
            .fold
            .sorted()
            .into_iter()
            .map(|(bucket, tally)| AccrualRow { key: RowKey { bucket, origin: None }, tally })
            .collect();
        let mut books: Vec<Book> = rows.iter().map(|row| row.key.bucket.book).collect();
        books.dedup();
        books.retain(|book| !self.context.directory.books.contains(book));
        accruals::ensure_books(tx, network, &books)?;
        accruals::add(tx, network, &rows)?;
        events::tell_conversions(tx, self.context.call, created.len(), revised.len());
        events::tell_moved(tx, self.context.call, &self.moved);
        events::tell_returned(tx, self.context.call, &self.returned);
        Ok(books)
    }
}

fn refused(error: &RecordError) -> Refusal {
    (error.field(), error.to_string())
}
