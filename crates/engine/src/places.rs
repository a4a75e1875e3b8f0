//! Where each entry of the log is: on which invoice, or unbilled. It follows from takes and give-backs alone.
//!
//! An accrual row belongs to the first take of its book that reaches it. What a void invoice had, and what was taken off
//! one, lies in a row of a later epoch that names that invoice as its origin; whoever takes that row owns the entries
//! behind it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

use quittance_domain::accrual::{Book, Bucket, Tally, entries};
use quittance_domain::conversion::{EntryPlace, KnownConversion};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, NetworkId, OfferId};
use quittance_store::Tx;
use quittance_store::accruals::{self, AccrualRow, RowKey};
use quittance_store::conversions::{self, LogEntry, Part};
use quittance_store::invoices::{self, Invoice, Place, TakeOff};
use quittance_store::takes::{self, Take};

use crate::error::{Error, Result};

/// How deep voids of voids are followed: more than anyone voids, and a bound against rows changed by hand.
const GIVE_BACKS_MAX: u32 = 64;

/// How many entries behind a row are held at a time: one affiliate can have very many of one offer on one day.
const ENTRIES_PER_READ: usize = 1_000;

/// An entry's identity in the log.
type EntryKey = (String, i64, i64);

fn entry_key(entry: &LogEntry) -> EntryKey {
    (entry.conversion_id.clone(), entry.revision, entry.sign)
}

/// An accrual row that an invoice took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TakenRow {
    pub(crate) key: RowKey,
    pub(crate) tally: Tally,
    /// The epoch of the take: what is given back of the row goes to rows of later epochs.
    pub(crate) epoch: i64,
}

/// The accrual rows that an invoice took, whatever was taken off it since.
pub(crate) fn taken_rows(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<Vec<TakenRow>> {
    let mut taken = Vec::new();
    each_taken_row(tx, network, invoice, &mut |row| taken.push(row))?;
    Ok(taken)
}

/// Hands over the same one by one, without holding them all.
pub(crate) fn each_taken_row(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    each: &mut dyn FnMut(TakenRow),
) -> Result<()> {
    let Place { kind, party_id, invoice_id } = invoice.place();
    let own = takes::of_document(tx, network, kind, party_id, invoice_id)?;
    let mut of_book: Option<(Book, Vec<Take>)> = None;
    for take in own {
        if of_book.as_ref().is_none_or(|(book, _)| *book != take.book) {
            of_book = Some((take.book, takes::of_book(tx, network, take.book)?));
        }
        let Some((_, takes)) = &of_book else { continue };
        let epoch = take.reach.cut.epoch;
        accruals::each_row(tx, network, take.book, (take.low_epoch, epoch), &mut |AccrualRow { key, tally }| {
            if owner(takes, &key).is_some_and(|owner| owner.take_no == take.take_no) {
                each(TakenRow { key, tally, epoch });
            }
        })?;
    }
    Ok(())
}

/// The take that a row belongs to, of all takes of its book in order.
pub(crate) fn owner<'a>(takes: &'a [Take], key: &RowKey) -> Option<&'a Take> {
    takes.iter().find(|take| take.reach.holds(key.bucket.place, key.bucket.offer_id))
}

/// What has left an invoice, and in which epochs: synchronizing can bring something back that leaves once more.
struct GivenBack {
    entries: HashMap<EntryKey, Vec<i64>>,
    offers: HashMap<(Currency, OfferId), Vec<i64>>,
    void_epoch: Option<i64>,
}

impl GivenBack {
    fn of<'a>(take_offs: impl IntoIterator<Item = &'a TakeOff>, void_epoch: Option<i64>) -> GivenBack {
        let mut given = GivenBack { entries: HashMap::new(), offers: HashMap::new(), void_epoch };
        for t in take_offs {
            if t.conversion_id.is_empty() {
                given.offers.entry((t.currency, t.offer_id)).or_default().push(t.given_epoch);
            } else {
                let key = (t.conversion_id.clone(), t.revision, t.sign);
                given.entries.entry(key).or_default().push(t.given_epoch);
            }
        }
        given
    }

    /// The epoch of the row that an entry went to from a row that the invoice took; `None`: it is still on the invoice.
    /// That was later than the take.
    fn epoch_of(&self, entry: &LogEntry, row: (&Bucket, i64)) -> Option<i64> {
        self.epoch_of_key(&entry_key(entry), row)
    }

    fn epoch_of_key(&self, key: &EntryKey, (bucket, taken): (&Bucket, i64)) -> Option<i64> {
        let offer = (bucket.book.currency, bucket.offer_id);
        let of_offer = self.offers.get(&offer).into_iter().flatten();
        let all = self.entries.get(key).into_iter().flatten().chain(of_offer).chain(&self.void_epoch);
        all.copied().filter(|epoch| *epoch > taken).min()
    }
}

fn given_back(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<GivenBack> {
    let take_offs = invoices::take_offs(tx, network, invoice.place())?;
    Ok(GivenBack::of(&take_offs, invoice.voided.as_ref().map(|voided| voided.epoch)))
}

/// A part of the entries behind one accrual row.
fn behind(tx: &mut dyn Tx, network: NetworkId, key: &RowKey, part: Part, depth: u32) -> Result<Vec<LogEntry>> {
    let bucket = key.bucket;
    let Some(origin) = key.origin else {
        return Ok(conversions::entries_of_bucket(tx, network, &bucket, part)?);
    };
    if depth >= GIVE_BACKS_MAX {
        return Err(corrupt(format!("more than {GIVE_BACKS_MAX} give-backs behind one row of invoice {origin}")));
    }
    let invoice = invoices::one(tx, network, origin)?
        .ok_or_else(|| corrupt(format!("a row was given back by invoice {origin}, which does not exist")))?;
    let given = given_back(tx, network, &invoice)?;
    let mut entries = Vec::new();
    for row in taken_rows(tx, network, &invoice)? {
        if same_day_and_offer(&row.key, key) && row.epoch < bucket.place.epoch {
            let mut of_row = behind(tx, network, &row.key, Part::ALL, depth + 1)?;
            of_row.retain(|entry| given.epoch_of(entry, (&bucket, row.epoch)) == Some(bucket.place.epoch));
            entries.extend(of_row);
        }
    }
    Ok(entries.into_iter().skip(part.start).take(part.limit).collect())
}

fn same_day_and_offer(a: &RowKey, b: &RowKey) -> bool {
    let facts = |key: &RowKey| {
        let Bucket { book, place, offer_id } = key.bucket;
        (book, place.posting_day, place.billable_day, offer_id)
    };
    facts(a) == facts(b)
}

/// Goes over the entries behind a row that an invoice took, less what was taken off it, from a place among all of them
/// on. `each` hears an entry with its place, and says whether to go on; answers whether the end was reached.
pub(crate) fn each_on_invoice(
    tx: &mut dyn Tx,
    network: NetworkId,
    take_offs: &[TakeOff],
    row: &TakenRow,
    start: usize,
    each: &mut dyn FnMut(usize, LogEntry) -> bool,
) -> Result<bool> {
    let Bucket { book, offer_id, .. } = row.key.bucket;
    let of_row = |t: &&TakeOff| (t.currency, t.offer_id) == (book.currency, offer_id);
    let given = Rc::new(GivenBack::of(take_offs.iter().filter(of_row), None));
    each_left(tx, network, row, start, &mut |_, _| Ok(Rc::clone(&given)), each)
}

/// The same of an invoice of which too much may have been taken off to hold it all: that is looked up part by part.
/// `whole_off` are the epochs to which all that was left of the row's offer went.
pub(crate) fn each_on_stored_invoice(
    tx: &mut dyn Tx,
    network: NetworkId,
    (invoice, whole_off): (Place, &[i64]),
    row: &TakenRow,
    start: usize,
    each: &mut dyn FnMut(usize, LogEntry) -> bool,
) -> Result<bool> {
    if whole_off.iter().any(|epoch| *epoch > row.epoch) {
        return Ok(true);
    }
    let Bucket { book, offer_id, .. } = row.key.bucket;
    let mut given = |tx: &mut dyn Tx, entries: &[LogEntry]| {
        let ids: Vec<&str> = entries.iter().map(|entry| entry.conversion_id.as_str()).collect();
        let take_offs = invoices::take_offs_among(tx, network, invoice, (book.currency, offer_id), &ids)?;
        Ok(Rc::new(GivenBack::of(&take_offs, None)))
    };
    each_left(tx, network, row, start, &mut given, each)
}

/// What of some entries was given back.
type Given<'a> = &'a mut dyn FnMut(&mut dyn Tx, &[LogEntry]) -> Result<Rc<GivenBack>>;

fn each_left(
    tx: &mut dyn Tx,
    network: NetworkId,
    row: &TakenRow,
    mut start: usize,
    given: Given<'_>,
    each: &mut dyn FnMut(usize, LogEntry) -> bool,
) -> Result<bool> {
    loop {
        let entries = behind(tx, network, &row.key, Part { start, limit: ENTRIES_PER_READ }, 0)?;
        let given = given(tx, &entries)?;
        let read = entries.len();
        for (place, entry) in (start..).zip(entries) {
            if given.epoch_of(&entry, (&row.key.bucket, row.epoch)).is_none() && !each(place, entry) {
                return Ok(false);
            }
        }
        if read < ENTRIES_PER_READ {
            return Ok(true);
        }
        start += read;
    }
}

/// The invoice that an entry is on; `None`: it is unbilled.
pub(crate) fn place_of_entry(
    tx: &mut dyn Tx,
    network: NetworkId,
    key: &RowKey,
    entry: &LogEntry,
) -> Result<Option<InvoiceId>> {
    let mut key = *key;
    for _ in 0..GIVE_BACKS_MAX {
        let Some((owner, taken)) = owner_of_row(tx, network, &key)? else { return Ok(None) };
        match given_back(tx, network, &owner)?.epoch_of(entry, (&key.bucket, taken)) {
            None => return Ok(Some(owner.invoice_id)),
            Some(epoch) => {
                key.origin = Some(owner.invoice_id);
                key.bucket.place = EntryPlace { epoch, ..key.bucket.place };
            }
        }
    }
    Err(corrupt(format!("more than {GIVE_BACKS_MAX} give-backs of conversion {}", entry.conversion_id)))
}

/// What of conversions is billed: what is needed to tell it is looked up once for each book and document.
#[derive(Default)]
pub(crate) struct Placed {
    takes: HashMap<Book, Vec<Take>>,
    /// What each document has given back; `None`: it is no invoice, so it has given up what it took.
    given: HashMap<InvoiceId, Option<GivenBack>>,
}

impl Placed {
    /// In how many books the entry of a conversion's present state is billed, or given up, and in how many it is not.
    pub(crate) fn billed_and_unbilled(
        &mut self,
        tx: &mut dyn Tx,
        network: NetworkId,
        known: &KnownConversion,
    ) -> Result<(usize, usize)> {
        let conversion = &known.conversion;
        let (mut billed, mut unbilled) = (0, 0);
        for (book, _) in entries(conversion, known.elsewhere) {
            let bucket = Bucket { book, place: known.place, offer_id: conversion.offer_id };
            let entry = (conversion.conversion_id.to_string(), known.revision, 1);
            match self.has(tx, network, RowKey { bucket, origin: None }, &entry)? {
                true => billed += 1,
                false => unbilled += 1,
            }
        }
        Ok((billed, unbilled))
    }

    /// Whether a document has an entry of a row, or of one that the row was given back to.
    fn has(&mut self, tx: &mut dyn Tx, network: NetworkId, mut key: RowKey, entry: &EntryKey) -> Result<bool> {
        let book = key.bucket.book;
        for _ in 0..GIVE_BACKS_MAX {
            let takes = match self.takes.entry(book) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(takes::of_book(tx, network, book)?),
            };
            let Some(Take { document, reach, .. }) = owner(takes, &key) else { return Ok(false) };
            let given = match self.given.entry(*document) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let invoice = invoices::one(tx, network, *document)?;
                    new.insert(invoice.map(|invoice| given_back(tx, network, &invoice)).transpose()?)
                }
            };
            let went = given.as_ref().and_then(|given| given.epoch_of_key(entry, (&key.bucket, reach.cut.epoch)));
            let Some(epoch) = went else { return Ok(true) };
            key.origin = Some(*document);
            key.bucket.place = EntryPlace { epoch, ..key.bucket.place };
        }
        Err(corrupt(format!("more than {GIVE_BACKS_MAX} give-backs of conversion {}", entry.0)))
    }
}

/// The invoice that took a row, void or not, and the epoch of the take.
fn owner_of_row(tx: &mut dyn Tx, network: NetworkId, key: &RowKey) -> Result<Option<(Invoice, i64)>> {
    let takes = takes::of_book(tx, network, key.bucket.book)?;
    let Some(take) = owner(&takes, key) else { return Ok(None) };
    Ok(invoices::one(tx, network, take.document)?.map(|invoice| (invoice, take.reach.cut.epoch)))
}

fn corrupt(text: String) -> Error {
    Error::Store(quittance_store::Error::Corrupt(text))
}
