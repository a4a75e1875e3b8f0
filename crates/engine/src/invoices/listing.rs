//! The conversions of an invoice page by page, of which there may be very many, on very many lines: a page holds a bounded
//! part of the rows, lines and take-offs of the invoice, and goes over all rows and lines to find it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use quittance_domain::accrual::Bucket;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::LineType;
use quittance_domain::money::Money;
use quittance_domain::planner::Emptied;
use quittance_domain::time::Day;
use quittance_store::conversions::LogEntry;
use quittance_store::invoices::{Invoice, Line};
use quittance_store::{Tx, invoices};

use super::conversions::{ConversionPage, ConversionQuery, InvoiceConversion};
use super::read::found;
use super::spans::line_of;
use crate::error::{Error, Result};
use crate::places::{TakenRow, each_on_invoice, each_on_stored_invoice, each_taken_row};
use crate::{Call, Engine};

/// How many rows of an invoice are held at a time.
const ROWS_TOGETHER: usize = 1_000;
/// How often one page goes over the rows of its invoice, where nothing is left behind most of them.
const TURNS_MAX: usize = 10;

impl Engine {
    /// A page of the conversions of an invoice, or of one of its lines. It may hold less than was asked for and not be the
    /// last, where most was taken off.
    ///
    /// # Errors
    /// There is no such invoice, or the cursor is none of this list.
    pub fn invoice_conversions(&self, call: &Call, id: InvoiceId, query: &ConversionQuery) -> Result<ConversionPage> {
        let after = query.after.as_deref().map(Cursor::read).transpose()?;
        self.store.read(|tx| {
            let invoice = found(tx, call, id)?;
            let touched = invoices::any_take_off(tx, call.network, invoice.place())?;
            let whole_off = touched.then(HashMap::new);
            let emptied = invoices::emptied(tx, call.network, invoice.place())?;
            Listing { tx, call, invoice: &invoice, emptied: &emptied, query, whole_off }.page(after)
        })
    }
}

/// Where a row stands among those of its invoice: by day and offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowPlace {
    day: Day,
    offer: OfferId,
    currency: Currency,
    epoch: i64,
    billable: Day,
    origin: i64,
}

impl RowPlace {
    fn of(row: &TakenRow) -> RowPlace {
        let Bucket { book, place, offer_id } = row.key.bucket;
        RowPlace {
            day: place.posting_day,
            offer: offer_id,
            currency: book.currency,
            epoch: place.epoch,
            billable: place.billable_day,
            origin: row.key.origin.map_or(0, InvoiceId::get),
        }
    }
}

/// Where a page starts: the place of a row among the invoice's, and of an entry behind it; with none, behind them all. Neither
/// ever changes.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    row: RowPlace,
    entry: Option<usize>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowPlace { day, offer, currency, epoch, billable, origin } = self.row;
        let entry = self.entry.map_or_else(|| "-".to_owned(), |entry| entry.to_string());
        write!(f, "{}.{offer}.{}.{epoch}.{}.{origin}.{entry}", day.number(), currency.code(), billable.number())
    }
}

impl Cursor {
    fn read(text: &str) -> Result<Cursor> {
        let parse = || {
            let parts: Vec<&str> = text.split('.').collect();
            let [day, offer, currency, epoch, billable, origin, entry] = parts[..] else { return None };
            let row = RowPlace {
                day: Day::from_number(day.parse().ok()?),
                offer: OfferId::new(offer.parse().ok()?),
                currency: Currency::parse(currency).ok()?,
                epoch: epoch.parse().ok()?,
                billable: Day::from_number(billable.parse().ok()?),
                origin: origin.parse().ok()?,
            };
            let entry = if entry == "-" { None } else { Some(entry.parse().ok()?) };
            Some(Cursor { row, entry })
        };
        parse().ok_or_else(|| Error::invalid("cursor", format!("cursor: {text:?} is none of this list")))
    }
}

/// The line whose conversions are asked for, and the others of its offer, which tell what belongs to it.
struct Asked {
    line_no: i64,
    of_offer: Vec<Line>,
}

struct Listing<'a> {
    tx: &'a mut dyn Tx,
    call: &'a Call,
    invoice: &'a Invoice,
    emptied: &'a [Emptied],
    query: &'a ConversionQuery,
    /// To which epochs all that was left of offers went, as far as it is known; `None`: nothing was taken off the invoice.
    whole_off: Option<HashMap<(Currency, OfferId), Vec<i64>>>,
}

impl Listing<'_> {
    fn page(mut self, after: Option<Cursor>) -> Result<ConversionPage> {
        let mut page = ConversionPage::default();
        let asked = match self.query.line_no {
            None => None,
            Some(line_no) => match self.asked(line_no)? {
                Some(asked) => Some(asked),
                None => return Ok(page),
            },
        };
        let mut start = after;
        for _ in 0..TURNS_MAX {
            let rows = self.rows(start, asked.as_ref())?;
            let more = rows.len() == ROWS_TOGETHER;
            let lines = self.lines_of(rows.keys().map(|place| place.offer).collect())?;
            let last = rows.keys().next_back().copied();
            for (place, row) in rows {
                let from = start.filter(|start| start.row == place).and_then(|start| start.entry);
                if !self.add((place, &row), from.unwrap_or(0), &lines, &mut page)? {
                    return Ok(page);
                }
            }
            match last.filter(|_| more) {
                None => return Ok(page),
                Some(row) => start = Some(Cursor { row, entry: None }),
            }
        }
        page.next = start.map(|start| start.to_string());
        Ok(page)
    }

    /// Adds what is behind a row, from an entry on; whether the page has place for more.
    fn add(
        &mut self,
        (place, row): (RowPlace, &TakenRow),
        from: usize,
        lines: &[Line],
        page: &mut ConversionPage,
    ) -> Result<bool> {
        let line_no = line_of(lines, self.emptied, self.invoice, slot(row)).map(|index| lines[index].line_no);
        let at = |entry| Cursor { row: place, entry: Some(entry) }.to_string();
        let (network, invoice) = (self.call.network, self.invoice.place());
        let limit = self.query.limit;
        let mut each = |number, entry| {
            if page.conversions.len() >= limit {
                page.next = Some(at(number));
                return false;
            }
            page.conversions.push(listed(entry, &row.key.bucket, line_no, at(number + 1)));
            true
        };
        let Some(known) = &mut self.whole_off else {
            return each_on_invoice(self.tx, network, &[], row, from, &mut each);
        };
        let of = (place.currency, place.offer);
        let whole_off = match known.entry(of) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(invoices::offer_taken_off(self.tx, network, invoice, of)?),
        };
        each_on_stored_invoice(self.tx, network, (invoice, whole_off), row, from, &mut each)
    }

    /// The first rows from a place on, of the line that is asked for.
    fn rows(&mut self, start: Option<Cursor>, asked: Option<&Asked>) -> Result<BTreeMap<RowPlace, TakenRow>> {
        let (mut rows, invoice, emptied) = (BTreeMap::new(), self.invoice, self.emptied);
        each_taken_row(self.tx, self.call.network, invoice, &mut |row| {
            let place = RowPlace::of(&row);
            let before = start.is_some_and(|start| place < start.row || place == start.row && start.entry.is_none());
            let full = rows.len() == ROWS_TOGETHER;
            let behind = full && rows.last_key_value().is_some_and(|(last, _)| place > *last);
            if before || behind || !asked.is_none_or(|asked| asked.has((invoice, emptied), &row)) {
                return;
            }
            rows.insert(place, row);
            if full {
                rows.pop_last();
            }
        })?;
        Ok(rows)
    }

    fn asked(&mut self, line_no: i64) -> Result<Option<Asked>> {
        let place = self.invoice.place();
        let found = invoices::lines_after(self.tx, self.call.network, place, line_no.saturating_sub(1), 1)?.pop();
        let Some(offer) = found.filter(|line| line.line_no == line_no).and_then(|line| line.offer_id) else {
            return Ok(None);
        };
        Ok(Some(Asked { line_no, of_offer: self.lines_of(HashSet::from([offer]))? }))
    }

    /// The lines of conversions of some offers.
    fn lines_of(&mut self, offers: HashSet<OfferId>) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        invoices::each_line(self.tx, self.call.network, self.invoice.place(), &mut |line| {
            let of_one = line.offer_id.is_some_and(|offer| offers.contains(&offer));
            if of_one && line.line_type == LineType::Conversions {
                lines.push(line);
            }
        })?;
        Ok(lines)
    }
}

impl Asked {
    /// Whether the line bills what is behind a row.
    fn has(&self, (invoice, emptied): (&Invoice, &[Emptied]), row: &TakenRow) -> bool {
        let index = line_of(&self.of_offer, emptied, invoice, slot(row));
        index.is_some_and(|index| self.of_offer[index].line_no == self.line_no)
    }
}

fn slot(row: &TakenRow) -> (Currency, Day, OfferId) {
    let Bucket { book, place, offer_id } = row.key.bucket;
    (book.currency, place.posting_day, offer_id)
}

/// An entry as it is listed; `cursor` is where a page starts that follows it.
pub(super) fn listed(entry: LogEntry, bucket: &Bucket, line_no: Option<i64>, cursor: String) -> InvoiceConversion {
    InvoiceConversion {
        conversion_id: entry.conversion_id,
        revision: entry.revision,
        sign: entry.sign,
        offer_id: bucket.offer_id.get(),
        posting_day: bucket.place.posting_day,
        occurred_at: entry.occurred_at,
        amount: Money::new(entry.units, bucket.book.currency),
        line_no,
        cursor,
    }
}
