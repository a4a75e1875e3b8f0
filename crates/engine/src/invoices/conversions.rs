//! The drill-down: from an invoice or a line to its conversions, and from a conversion back to its invoices.

use quittance_domain::accrual::{Bucket, entries};
use quittance_domain::conversion::{EntryPlace, KnownConversion};
use quittance_domain::ids::{InvoiceId, InvoiceKind, OfferId};
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_store::accruals::RowKey;
use quittance_store::conversions::{self, LogEntry, State, Superseded};
use quittance_store::{Tx, invoices};

use super::listing::listed;
use super::read::found;
use crate::error::{Error, Result};
use crate::places::{each_on_invoice, place_of_entry, taken_rows};
use crate::{Call, Engine};

/// Which conversions of an invoice to list.
#[derive(Debug, Clone, Default)]
pub struct ConversionQuery {
    /// Only those of this line.
    pub line_no: Option<i64>,
    /// After the last of the page before: its [`ConversionPage::next`].
    pub after: Option<String>,
    /// How many.
    pub limit: usize,
}

/// One entry on an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceConversion {
    /// The conversion.
    pub conversion_id: String,
    /// Which of its states put the entry in or took it out.
    pub revision: i64,
    /// 1: put in; -1: taken out.
    pub sign: i64,
    /// The offer.
    pub offer_id: i64,
    /// The day in the books.
    pub posting_day: Day,
    /// When the conversion happened.
    pub occurred_at: Timestamp,
    /// The amount in the currency of the conversion.
    pub amount: Money,
    /// The line that bills it; `None` where the line's entries cancel out.
    pub line_no: Option<i64>,
    /// Where a page starts that follows this entry: a [`ConversionQuery::after`]; empty where pages have numbers.
    pub cursor: String,
}

/// A page of an invoice's conversions, by day, offer and time.
#[derive(Debug, Clone, Default)]
pub struct ConversionPage {
    /// The entries.
    pub conversions: Vec<InvoiceConversion>,
    /// Where the next page starts; `None` at the end. A page may hold less than was asked for and not be the last.
    pub next: Option<String>,
}

/// A conversion with the places of its entries.
#[derive(Debug, Clone)]
pub struct ConversionView {
    /// Its present state.
    pub known: KnownConversion,
    /// When that state was received.
    pub received_at: Timestamp,
    /// Its entries in the books of affiliates and advertisers, oldest first.
    pub entries: Vec<EntryView>,
}

/// One entry of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView {
    /// Payable (the party is an affiliate) or receivable (an advertiser).
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The amount; negative where it was taken out.
    pub amount: quittance_domain::money::Money,
    /// The day in the books.
    pub posting_day: Day,
    /// The invoice that it is on; `None`: unbilled.
    pub invoice_id: Option<InvoiceId>,
}

impl Engine {
    /// The conversions of an invoice by day, offer and time: at most `limit` after the first `offset`, and how many there
    /// are in all. It goes over all of them.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice_conversions_at(
        &self,
        call: &Call,
        id: InvoiceId,
        (offset, limit): (usize, usize),
    ) -> Result<(Vec<InvoiceConversion>, usize)> {
        self.store.read(|tx| {
            let invoice = found(tx, call, id)?;
            let take_offs = invoices::take_offs(tx, call.network, invoice.place())?;
            let mut rows = taken_rows(tx, call.network, &invoice)?;
            rows.sort_unstable_by_key(|row| by_day(&row.key));
            let (mut page, mut total) = (Vec::new(), 0);
            for row in &rows {
                each_on_invoice(tx, call.network, &take_offs, row, 0, &mut |_, entry| {
                    if total >= offset && page.len() < limit {
                        page.push(listed(entry, &row.key.bucket, None, String::new()));
                    }
                    total += 1;
                    true
                })?;
            }
            Ok((page, total))
        })
    }

    /// A conversion, and on which invoices its entries are.
    ///
    /// # Errors
    /// There is no such conversion.
    pub fn conversion(&self, call: &Call, id: &str) -> Result<ConversionView> {
        self.store.read(|tx| {
            let live = conversions::one(tx, call.network, id)?
                .ok_or_else(|| Error::NotFound(format!("there is no conversion {id:?}")))?;
            let mut entries = Vec::new();
            for old in conversions::revisions(tx, call.network, id)? {
                entries.extend(entries_of_superseded(tx, call, &old)?);
            }
            entries.extend(entry_views(tx, call, &live, live.known.place, 1)?);
            Ok(ConversionView { known: live.known, received_at: live.received_at, entries })
        })
    }
}

fn by_day(key: &RowKey) -> (Day, OfferId, RowKey) {
    (key.bucket.place.posting_day, key.bucket.offer_id, *key)
}

fn entries_of_superseded(tx: &mut dyn Tx, call: &Call, old: &Superseded) -> Result<Vec<EntryView>> {
    if old.entry_kept {
        return Ok(Vec::new());
    }
    let mut views = entry_views(tx, call, &old.state, old.state.known.place, 1)?;
    views.extend(entry_views(tx, call, &old.state, old.end, -1)?);
    Ok(views)
}

fn entry_views(tx: &mut dyn Tx, call: &Call, state: &State, place: EntryPlace, sign: i64) -> Result<Vec<EntryView>> {
    let conversion = &state.known.conversion;
    let mut views = Vec::new();
    for (book, units) in entries(conversion, state.known.elsewhere) {
        let key = RowKey { bucket: Bucket { book, place, offer_id: conversion.offer_id }, origin: None };
        let entry = LogEntry {
            conversion_id: conversion.conversion_id.to_string(),
            revision: state.known.revision,
            sign,
            units: units * sign,
            occurred_at: conversion.occurred_at,
            advertiser_id: None,
            country: None,
            revenue: conversion.revenue,
        };
        views.push(EntryView {
            kind: book.kind,
            party_id: book.party_id,
            amount: Money::new(entry.units, book.currency),
            posting_day: place.posting_day,
            invoice_id: place_of_entry(tx, call.network, &key, &entry)?,
        });
    }
    Ok(views)
}
