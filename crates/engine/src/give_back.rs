//! Giving back: what a void invoice or a take-off leaves goes to rows of the present epoch, unbilled, that name the
//! invoice they came from.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use quittance_domain::accrual::{Book, Bucket, Tally};
use quittance_domain::conversion::EntryPlace;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{NetworkId, OfferId};
use quittance_domain::time::Day;
use quittance_store::accruals::{self, AccrualRow, RowKey};
use quittance_store::conversions::LogEntry;
use quittance_store::invoices::{self, Invoice, TakeOff};
use quittance_store::{Tx, conversions, networks};

use crate::error::{Error, Result};
use crate::places::{TakenRow, each_on_invoice, taken_rows};

/// Currency, posting day, billable day and offer: what given-back amounts are kept by.
type Slot = (Currency, Day, Day, OfferId);

/// Currency, posting day and offer: what a line bills.
pub(crate) type LineSlot = (Currency, Day, OfferId);

fn slot(row: &TakenRow) -> Slot {
    let bucket = row.key.bucket;
    (bucket.book.currency, bucket.place.posting_day, bucket.place.billable_day, bucket.offer_id)
}

fn slot_of(t: &TakeOff) -> Slot {
    (t.currency, t.posting_day, t.billable_day, t.offer_id)
}

/// What is still on an invoice, by slot.
fn remaining(rows: &[TakenRow], take_offs: &[TakeOff]) -> Result<BTreeMap<Slot, Tally>> {
    // All that is taken of an offer before it is taken off has left, also what left singly before.
    let left_with_offer = |currency: Currency, offer: OfferId, epoch: i64| {
        let of_offer = |t: &&TakeOff| t.conversion_id.is_empty() && (t.currency, t.offer_id) == (currency, offer);
        take_offs.iter().filter(of_offer).any(|t| t.given_epoch > epoch)
    };
    let mut slots: BTreeMap<Slot, Tally> = BTreeMap::new();
    for row in rows {
        let bucket = row.key.bucket;
        if !left_with_offer(bucket.book.currency, bucket.offer_id, row.epoch) {
            slots.entry(slot(row)).or_default().add(row.tally)?;
        }
    }
    let single = |t: &&TakeOff| {
        !t.conversion_id.is_empty() && !left_with_offer(t.currency, t.offer_id, t.given_epoch.saturating_sub(1))
    };
    for t in take_offs.iter().filter(single) {
        if let Some(tally) = slots.get_mut(&slot_of(t)) {
            tally.add(minus(t.tally))?;
        }
    }
    Ok(slots)
}

fn minus(tally: Tally) -> Tally {
    Tally { units: -tally.units, conversions: -tally.conversions }
}

/// Puts amounts into rows of the present epoch that name the invoice as their origin.
fn put_back(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    epoch: i64,
    slots: &BTreeMap<Slot, Tally>,
) -> Result<()> {
    let row = |(&(currency, posting_day, billable_day, offer_id), &tally): (&Slot, &Tally)| {
        let place = EntryPlace { epoch, posting_day, billable_day };
        let bucket = Bucket { book: Book { currency, ..invoice.book }, place, offer_id };
        AccrualRow { key: RowKey { bucket, origin: Some(invoice.invoice_id) }, tally }
    };
    let rows: Vec<AccrualRow> = slots.iter().map(row).collect();
    Ok(accruals::add(tx, network, &rows)?)
}

/// Gives back all that is still on an invoice; answers the epoch it went to.
pub(crate) fn give_back_all(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<i64> {
    let epoch = networks::present(tx, network)?.epoch;
    let rows = taken_rows(tx, network, invoice)?;
    let take_offs = invoices::take_offs(tx, network, invoice.place())?;
    let mut left = remaining(&rows, &take_offs)?;
    for emptied in take_offs.iter().map(slot_of) {
        // A day from which every entry was taken off singly leaves nothing behind that could be given back.
        let zero = left.get(&emptied).is_some_and(|tally| tally.is_zero());
        if zero && !has_entries(tx, network, &rows, &take_offs, |slot| slot == emptied)? {
            left.remove(&emptied);
        }
    }
    put_back(tx, network, invoice, epoch, &left)?;
    Ok(epoch)
}

/// What is to be taken off an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeOffRequest {
    /// These conversions.
    Conversions(Vec<String>),
    /// All of these offers.
    Offers(Vec<OfferId>),
}

/// Amounts by what a line bills: of what was taken off, or is on an invoice.
pub(crate) type TakenOff = BTreeMap<LineSlot, Tally>;

/// What is on an invoice by now.
pub(crate) fn on_invoice(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<TakenOff> {
    let rows = taken_rows(tx, network, invoice)?;
    let take_offs = invoices::take_offs(tx, network, invoice.place())?;
    let mut slots = TakenOff::new();
    for ((currency, day, _, offer), tally) in remaining(&rows, &take_offs)? {
        slots.entry((currency, day, offer)).or_default().add(tally)?;
    }
    Ok(slots)
}

/// The conversions of which anything is behind some rows of an invoice, less what was taken off it.
fn ids_behind(
    tx: &mut dyn Tx,
    network: NetworkId,
    take_offs: &[TakeOff],
    rows: impl Iterator<Item = TakenRow>,
) -> Result<HashSet<String>> {
    let mut ids = HashSet::new();
    for row in rows {
        each_on_invoice(tx, network, take_offs, &row, 0, &mut |_, entry| {
            ids.insert(entry.conversion_id);
            true
        })?;
    }
    Ok(ids)
}

/// Which conversions synchronizing may take onto an invoice.
pub(crate) enum Welcome {
    /// Those that are on it: it was made of chosen ones.
    Only(HashSet<String>),
    /// All but those that were taken off it.
    AllBut(HashSet<String>),
}

impl Welcome {
    /// What an invoice takes, by what is on it and what has left it.
    pub(crate) fn of(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice, chosen: bool) -> Result<Welcome> {
        let take_offs = invoices::take_offs(tx, network, invoice.place())?;
        if chosen {
            let rows = taken_rows(tx, network, invoice)?;
            return Ok(Welcome::Only(ids_behind(tx, network, &take_offs, rows.into_iter())?));
        }
        let (whole, single): (Vec<_>, Vec<_>) = take_offs.iter().partition(|t| t.conversion_id.is_empty());
        let mut left: HashSet<String> = single.into_iter().map(|t| t.conversion_id.clone()).collect();
        if !whole.is_empty() {
            let of_offer = |row: &TakenRow| {
                let bucket = row.key.bucket;
                whole.iter().any(|t| {
                    (t.currency, t.offer_id) == (bucket.book.currency, bucket.offer_id) && t.given_epoch > row.epoch
                })
            };
            let rows = taken_rows(tx, network, invoice)?;
            left.extend(ids_behind(tx, network, &[], rows.into_iter().filter(of_offer))?);
        }
        Ok(Welcome::AllBut(left))
    }

    /// Whether every conversion is.
    fn is_open(&self) -> bool {
        matches!(self, Welcome::AllBut(left) if left.is_empty())
    }

    fn takes(&self, id: &str) -> bool {
        match self {
            Welcome::Only(on) => on.contains(id),
            Welcome::AllBut(left) => !left.contains(id),
        }
    }

    /// The entries behind rows that an invoice would take and may not, to be given back in an epoch, and whether it takes
    /// any other.
    pub(crate) fn refused(
        &self,
        tx: &mut dyn Tx,
        network: NetworkId,
        rows: &[TakenRow],
        epoch: i64,
    ) -> Result<(Vec<TakeOff>, bool)> {
        if self.is_open() {
            return Ok((Vec::new(), !rows.is_empty()));
        }
        let (mut refused, mut any) = (Vec::new(), false);
        for row in rows {
            each_on_invoice(tx, network, &[], row, 0, &mut |_, entry| {
                if self.takes(&entry.conversion_id) {
                    any = true;
                } else {
                    refused.push(taken_off(slot(row), entry, epoch));
                }
                true
            })?;
        }
        Ok((refused, any))
    }
}

/// Takes conversions or offers off an invoice.
pub(crate) fn take_off(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    request: &TakeOffRequest,
) -> Result<TakenOff> {
    let epoch = networks::present(tx, network)?.epoch;
    let rows = taken_rows(tx, network, invoice)?;
    let before = invoices::take_offs(tx, network, invoice.place())?;
    let new = match request {
        TakeOffRequest::Conversions(ids) => take_conversions(tx, network, invoice, epoch, &rows, &before, ids)?,
        TakeOffRequest::Offers(offers) => take_offers(tx, network, invoice, epoch, &rows, &before, offers)?,
    };
    let mut slots: BTreeMap<Slot, Tally> = BTreeMap::new();
    let mut by_day = TakenOff::new();
    for t in &new {
        slots.entry(slot_of(t)).or_default().add(t.tally)?;
        by_day.entry((t.currency, t.posting_day, t.offer_id)).or_default().add(t.tally)?;
    }
    put_back(tx, network, invoice, epoch, &slots)?;
    invoices::add_take_offs(tx, network, invoice.place(), &new)?;
    Ok(by_day)
}

/// Gives entries back that an invoice reaches and does not bill, as it is issued.
pub(crate) fn leave(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    epoch: i64,
    left: &[TakeOff],
) -> Result<()> {
    let mut slots: BTreeMap<Slot, Tally> = BTreeMap::new();
    for t in left {
        slots.entry(slot_of(t)).or_default().add(t.tally)?;
    }
    put_back(tx, network, invoice, epoch, &slots)?;
    Ok(invoices::add_take_offs(tx, network, invoice.place(), left)?)
}

/// Whether any entry behind some of an invoice's rows is still on it, also where those that are cancel out.
fn has_entries(
    tx: &mut dyn Tx,
    network: NetworkId,
    rows: &[TakenRow],
    before: &[TakeOff],
    which: impl Fn(Slot) -> bool,
) -> Result<bool> {
    for row in rows.iter().filter(|row| which(slot(row))) {
        let none = each_on_invoice(tx, network, before, row, 0, &mut |_, _| false)?;
        if !none {
            return Ok(true);
        }
    }
    Ok(false)
}

fn taken_off((currency, posting_day, billable_day, offer_id): Slot, entry: LogEntry, given_epoch: i64) -> TakeOff {
    TakeOff {
        currency,
        offer_id,
        revision: entry.revision,
        sign: entry.sign,
        posting_day,
        billable_day,
        tally: Tally { units: entry.units, conversions: entry.sign },
        given_epoch,
        conversion_id: entry.conversion_id,
    }
}

fn take_offers(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    epoch: i64,
    rows: &[TakenRow],
    before: &[TakeOff],
    offers: &[OfferId],
) -> Result<Vec<TakeOff>> {
    let left = remaining(rows, before)?;
    let mut new = Vec::new();
    for offer in offers.iter().copied().collect::<BTreeSet<_>>() {
        let slots: Vec<_> = left.iter().filter(|(slot, _)| slot.3 == offer).collect();
        let nothing = slots.iter().all(|(_, tally)| tally.is_zero());
        if nothing && !has_entries(tx, network, rows, before, |slot| slot.3 == offer)? {
            let text = format!("offer {offer} is not on invoice {}", invoice.invoice_id);
            return Err(Error::invalid("/offers", text));
        }
        new.extend(slots.into_iter().map(|(&(currency, posting_day, billable_day, offer_id), &tally)| TakeOff {
            currency,
            offer_id,
            conversion_id: String::new(),
            revision: 0,
            sign: 1,
            posting_day,
            billable_day,
            tally,
            given_epoch: epoch,
        }));
    }
    Ok(new)
}

fn take_conversions(
    tx: &mut dyn Tx,
    network: NetworkId,
    invoice: &Invoice,
    epoch: i64,
    rows: &[TakenRow],
    before: &[TakeOff],
    ids: &[String],
) -> Result<Vec<TakeOff>> {
    let mut new = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let slots = slots_of_conversion(tx, network, id)?;
        let mut found = false;
        for row in rows {
            let slot = slot(row);
            if !slots.contains(&(slot.1, slot.2, slot.3)) {
                continue;
            }
            each_on_invoice(tx, network, before, row, 0, &mut |_, entry| {
                if entry.conversion_id == *id {
                    found = true;
                    new.push(taken_off(slot, entry, epoch));
                }
                true
            })?;
        }
        if !found {
            let text = format!("conversion {id:?} is not on invoice {}", invoice.invoice_id);
            return Err(Error::invalid("/conversions", text));
        }
    }
    Ok(new)
}

/// The slots in which a conversion has ever had an entry.
fn slots_of_conversion(tx: &mut dyn Tx, network: NetworkId, id: &str) -> Result<BTreeSet<(Day, Day, OfferId)>> {
    let live = conversions::one(tx, network, id)?.into_iter();
    let old = conversions::revisions(tx, network, id)?;
    let states = live.chain(old.into_iter().map(|superseded| superseded.state));
    Ok(states
        .map(|state| {
            let place = state.known.place;
            (place.posting_day, place.billable_day, state.known.conversion.offer_id)
        })
        .collect())
}
