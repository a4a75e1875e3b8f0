//! Synchronizing: an invoice takes what has changed since it was issued on the days that it bills.

use quittance_domain::accrual::{Book, Cut, Pick, Reach, Tally};
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::LineType;
use quittance_domain::period::Period;
use quittance_domain::time::Day;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::invoices::{self, Invoice, Line};
use quittance_store::networks;
use quittance_store::takes::{self, Take};
use serde_json::json;

use super::actions::{line_of, round};
use super::change::Change;
use crate::billing::extras::count_again;
use crate::error::Result;
use crate::places::owner;
use crate::{Call, Engine};

impl Engine {
    /// Takes what has changed since an invoice was issued on the days that its lines bill: revisions and late
    /// conversions that no other invoice has taken. Its period stays.
    ///
    /// # Errors
    /// There is no such invoice, something is paid, it is void, or its version is not `expected`.
    pub fn sync(&self, call: &Call, id: InvoiceId, expected: Option<i64>) -> Result<Invoice> {
        // Raising the epoch and committing at once is what makes everything up to it complete.
        let epoch = self.store.write(|tx| networks::raise_epoch(tx, call.network))?;
        self.change(call, id, expected, |change| change.sync(epoch))
    }
}

impl Change<'_> {
    fn sync(&mut self, epoch: i64) -> Result<()> {
        self.state.may_take_off()?;
        let (network, place) = (self.call.network, self.invoice.place());
        let own = takes::of_document(self.tx, network, place.kind, place.party_id, place.invoice_id)?;
        let mut books: Vec<Book> = own.into_iter().map(|take| take.book).collect();
        books.dedup();
        let before = self.lines()?;
        let mut lines = before.clone();
        let mut taken = Vec::new();
        for book in books {
            taken.extend(self.take_changes(book, epoch, &before)?);
        }
        if taken.is_empty() {
            return Ok(());
        }
        for row in &taken {
            self.bill_row(&mut lines, row)?;
        }
        let more = taken.iter().map(|row| {
            let bucket = row.key.bucket;
            ((bucket.book.currency, bucket.place.posting_day, bucket.offer_id), row.tally)
        });
        count_again(self.tx, network, &self.invoice, more)?;
        self.write_lines(&before, lines)?;
        self.rebill(&before)?;
        self.record(
            "synchronized",
            &json!({ "conversions": taken.iter().map(|row| row.tally.conversions).sum::<i64>() }),
        )
    }

    /// Takes what nobody has taken yet of a book on the days that the invoice bills.
    fn take_changes(&mut self, book: Book, epoch: i64, lines: &[Line]) -> Result<Vec<AccrualRow>> {
        let network = self.call.network;
        let Some(state) = accruals::lock_book(self.tx, network, book)? else { return Ok(Vec::new()) };
        let mut days = vec![self.invoice.period];
        let of_book = |line: &&Line| {
            line.line_type == LineType::Conversions && line.source_currency(self.invoice.book.currency) == book.currency
        };
        days.extend(lines.iter().filter(of_book).map(|line| line.period));
        days.sort_unstable();
        days.dedup();
        let through = days.iter().map(|period| period.end).max().unwrap_or(self.invoice.period.end);
        let cut = Cut { epoch: epoch.max(state.cut.epoch), through, as_of: self.today };
        let reach = Reach { cut, pick: Some(Pick { days, offers: None }) };
        let before = takes::of_book(self.tx, network, book)?;
        let mut rows = accruals::rows(self.tx, network, book, (state.low_epoch, cut.epoch))?;
        rows.retain(|row| {
            reach.holds(row.key.bucket.place, row.key.bucket.offer_id) && owner(&before, &row.key).is_none()
        });
        if rows.is_empty() {
            return Ok(rows);
        }
        let document = self.invoice.invoice_id;
        let take = Take { book, take_no: state.next_take, document, reach, low_epoch: state.low_epoch };
        takes::add(self.tx, network, &[take])?;
        accruals::set_books(self.tx, network, &[BookState { next_take: state.next_take + 1, ..state }])?;
        Ok(rows)
    }

    /// Adds a row to the line that bills its day, or to a new one.
    fn bill_row(&mut self, lines: &mut Vec<Line>, row: &AccrualRow) -> Result<()> {
        let bucket = row.key.bucket;
        let slot = (bucket.book.currency, bucket.place.posting_day, bucket.offer_id);
        if let Some(index) = line_of(lines, &self.invoice, slot) {
            return Ok(lines[index].taken.add(row.tally)?);
        }
        let of_currency = |line: &&Line| {
            line.line_type == LineType::Conversions
                && line.source_currency(self.invoice.book.currency) == bucket.book.currency
        };
        // The rate is that of the invoice's other lines.
        let converted = lines.iter().find(of_currency).and_then(|line| line.converted.clone());
        let line = Line {
            line_no: self.invoice.next_line,
            line_type: LineType::Conversions,
            offer_id: Some(bucket.offer_id),
            period: self.period_of(lines, slot.1),
            taken: row.tally,
            units: 0,
            converted,
            comment: String::new(),
            tax: None,
            created_at: self.at(),
        };
        self.invoice.next_line += 1;
        lines.push(line);
        Ok(())
    }

    /// The period of a new line that bills a day: the invoice's own, else that of another line with the day.
    fn period_of(&self, lines: &[Line], day: Day) -> Period {
        let own = self.invoice.period;
        let holding = lines.iter().map(|line| line.period).filter(|period| period.contains(day));
        if own.contains(day) { own } else { holding.max().unwrap_or(Period { start: day, end: day }) }
    }

    /// Writes the lines as they are now.
    fn write_lines(&mut self, before: &[Line], mut lines: Vec<Line>) -> Result<()> {
        let (network, place) = (self.call.network, self.invoice.place());
        for line in &mut lines {
            let old = before.iter().find(|old| old.line_no == line.line_no);
            if old.is_some_and(|old| old.taken == line.taken) {
                continue;
            }
            round(line, self.invoice.book.currency)?;
            let nothing = line.taken == Tally::default();
            match (old, nothing) {
                (None, true) => {}
                (None, false) => invoices::add_line(self.tx, network, place, line)?,
                (Some(_), true) => {
                    invoices::delete_line(self.tx, network, place, line.line_no)?;
                }
                (Some(_), false) => invoices::update_line(self.tx, network, place, line)?,
            }
        }
        Ok(())
    }
}
