//! The drill-down: from an invoice or a line to its conversions, and from a conversion back to its invoices.

use quittance_domain::accrual::{Bucket, entries};
use quittance_domain::conversion::{EntryPlace, KnownConversion};
use quittance_domain::ids::{InvoiceId, InvoiceKind, OfferId};
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_store::accruals::RowKey;
use quittance_store::conversions::{self, LogEntry, State, Superseded};
use quittance_store::{Tx, invoices};

use super::actions::line_of;
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
    /// Where a page starts that follows this entry: a [`ConversionQuery::after`].
    pub cursor: String,
}

/// A page of an invoice's conversions, by day, offer and time.
#[derive(Debug, Clone, Default)]
pub struct ConversionPage {
    /// The entries.
    pub conversions: Vec<InvoiceConversion>,
    /// Where the next page starts; `None` at the end.
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
    /// A page of the conversions of an invoice, or of one of its lines.
    ///
    /// # Errors
    /// There is no such invoice, or the cursor is none of this list.
    pub fn invoice_conversions(&self, call: &Call, id: InvoiceId, query: &ConversionQuery) -> Result<ConversionPage> {
        let (start, skip) = query.after.as_deref().map_or(Ok((0, 0)), cursor)?;
        self.store.read(|tx| {
            let invoice = found(tx, call, id)?;
            let lines = invoices::lines(tx, call.network, invoice.place())?;
            let take_offs = invoices::take_offs(tx, call.network, invoice.place())?;
            let mut rows = taken_rows(tx, call.network, &invoice)?;
            rows.sort_unstable_by_key(|row| by_day(&row.key));
            let mut page = ConversionPage::default();
            for (index, row) in rows.iter().enumerate().skip(start) {
                let bucket = row.key.bucket;
                let slot = (bucket.book.currency, bucket.place.posting_day, bucket.offer_id);
                let line = line_of(&lines, &invoice, slot);
                let line_no = line.map(|index| lines[index].line_no);
                if query.line_no.is_some() && line_no != query.line_no {
                    continue;
                }
                let skipped = if index == start { skip } else { 0 };
                let whole = each_on_invoice(tx, call.network, &take_offs, row, skipped, &mut |place, entry| {
                    if page.conversions.len() == query.limit {
                        page.next = Some(format!("{index}.{place}"));
                        return false;
                    }
                    page.conversions.push(listed(entry, &bucket, line_no, (index, place)));
                    true
                })?;
                if !whole {
                    return Ok(page);
                }
            }
            Ok(page)
        })
    }

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
            for (index, row) in rows.iter().enumerate() {
                each_on_invoice(tx, call.network, &take_offs, row, 0, &mut |place, entry| {
                    if total >= offset && page.len() < limit {
                        page.push(listed(entry, &row.key.bucket, None, (index, place)));
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

/// A cursor is the place of a row among the invoice's rows and of an entry behind it. Neither ever changes.
fn cursor(text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once('.').and_then(|(row, entry)| Some((row.parse().ok()?, entry.parse().ok()?)));
    parts.ok_or_else(|| Error::invalid("cursor", format!("cursor: {text:?} is none of this list")))
}

fn listed(entry: LogEntry, bucket: &Bucket, line_no: Option<i64>, (row, place): (usize, usize)) -> InvoiceConversion {
    InvoiceConversion {
        conversion_id: entry.conversion_id,
        revision: entry.revision,
        sign: entry.sign,
        offer_id: bucket.offer_id.get(),
        posting_day: bucket.place.posting_day,
        occurred_at: entry.occurred_at,
        amount: Money::new(entry.units, bucket.book.currency),
        line_no,
        cursor: format!("{row}.{}", place + 1),
    }
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
