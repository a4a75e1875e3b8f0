//! Synchronizing: an invoice takes what has changed since it was issued on the days that it bills.

use std::collections::BTreeMap;

use quittance_domain::accrual::{Book, Cut, Pick, Reach, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::LineType;
use quittance_domain::period::Period;
use quittance_domain::planner::{Converted, Emptied};
use quittance_domain::time::Day;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::invoices::{self, Invoice, Line, TakeOff};
use quittance_store::runs;
use quittance_store::takes::{self, Take};
use quittance_store::{Tx, networks};
use serde_json::json;

use super::actions::round;
use super::change::Change;
use super::spans::{converted, line_of};
use crate::billing::chose;
use crate::billing::extras::count_again;
use crate::billing::sharing::referred_again;
use crate::error::Result;
use crate::give_back::{self, LineSlot, TakenOff, Welcome};
use crate::places::{TakenRow, owner};
use crate::{Call, Engine};

/// What no line bills: of a currency and offer, by day.
type Unlined = (Currency, OfferId, Vec<(Day, Tally)>);

/// The number of a line before it is given one.
const UNNUMBERED: i64 = 0;

impl Engine {
    /// Takes what has changed since an invoice was issued on the days that its lines bill: revisions and late
    /// conversions that no other invoice has taken. Its period stays. What was taken off it stays off; one whose conversions
    /// were chosen takes the revisions of these alone.
    ///
    /// # Errors
    /// There is no such invoice, something is paid, it is void, or its version is not `expected`.
    pub fn sync(&self, call: &Call, id: InvoiceId, expected: Option<i64>) -> Result<Invoice> {
        // Whoever ingests waits until this is over, so that everything up to the epoch is complete, and stays what it is.
        let raise = |tx: &mut dyn Tx| Ok(networks::raise_epoch(tx, call.network)?);
        self.change_in_turn(call, (id, expected), raise, |change, epoch| change.sync(epoch))
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
        let chosen = runs::one(self.tx, network, self.invoice.run_id)?.is_some_and(|run| chose(&run.parameters));
        let welcome = Welcome::of(self.tx, network, &self.invoice, chosen)?;
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for book in books {
            let Some((rows, left)) = self.take_changes(book, epoch, &before, &welcome)? else { continue };
            taken.extend(rows);
            refused.extend(left);
        }
        if taken.is_empty() {
            return Ok(());
        }
        give_back::leave(self.tx, network, &self.invoice, self.present.epoch, &refused)?;
        let slot = |row: &TakenRow| {
            let bucket = row.key.bucket;
            (bucket.book.currency, bucket.place.posting_day, bucket.offer_id)
        };
        let mut more: BTreeMap<LineSlot, Tally> = BTreeMap::new();
        for row in &taken {
            more.entry(slot(row)).or_default().add(row.tally)?;
        }
        for left in &refused {
            let minus = Tally { units: -left.tally.units, conversions: -left.tally.conversions };
            more.entry((left.currency, left.posting_day, left.offer_id)).or_default().add(minus)?;
        }
        let conversions: i64 = more.values().map(|tally| tally.conversions).sum();
        count_again(self.tx, network, &self.invoice, more.into_iter())?;
        self.bill_again(&before)?;
        self.rebill(&before)?;
        self.record("synchronized", &json!({ "conversions": conversions }))
    }

    /// Takes what nobody has taken yet of a book on the days that the invoice bills; answers the rows, and what of them it
    /// gives back at once. `None`: there is nothing for it.
    fn take_changes(
        &mut self,
        book: Book,
        epoch: i64,
        lines: &[Line],
        welcome: &Welcome,
    ) -> Result<Option<(Vec<TakenRow>, Vec<TakeOff>)>> {
        let network = self.call.network;
        let Some(state) = accruals::lock_book(self.tx, network, book)? else { return Ok(None) };
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
        let taken = |AccrualRow { key, tally }: AccrualRow| TakenRow { key, tally, epoch: cut.epoch };
        let rows: Vec<TakenRow> = rows.into_iter().map(taken).collect();
        let (refused, any) = welcome.refused(self.tx, network, &rows, self.present.epoch)?;
        if !any {
            return Ok(None);
        }
        let document = self.invoice.invoice_id;
        let take = Take { book, take_no: state.next_take, document, reach, low_epoch: state.low_epoch };
        takes::add(self.tx, network, &[take])?;
        accruals::set_books(self.tx, network, &[BookState { next_take: state.next_take + 1, ..state }])?;
        Ok(Some((rows, refused)))
    }

    /// Makes the lines bill what is on the invoice by now. For a period in which everything cancels out there is no line, so
    /// one may have to come back.
    pub(super) fn bill_again(&mut self, before: &[Line]) -> Result<()> {
        let slots = give_back::on_invoice(self.tx, self.call.network, &self.invoice)?;
        let emptied = invoices::emptied(self.tx, self.call.network, self.invoice.place())?;
        let mut lines = before.to_vec();
        for emptied in &emptied {
            lines.push(self.new_line(emptied.offer_id, emptied.period, converted(emptied)));
        }
        loop {
            let unlined = self.fill(&mut lines, &slots)?;
            let Some((currency, offer, days)) = unlined.into_iter().find(|(.., days)| !sum(days).is_zero()) else {
                break;
            };
            let Some((day, _)) = days.iter().find(|(_, tally)| !tally.is_zero()) else { break };
            let period = self.period_of(&lines, (currency, *day, offer));
            let taken = |slot: &LineSlot| line_of(&lines, &[], &self.invoice, *slot).is_some();
            let of_offer = |slot: &&LineSlot| (slot.0, slot.2) == (currency, offer) && period.contains(slot.1);
            // Days that another line bills stay with it.
            let apart = slots.keys().filter(of_offer).any(taken);
            let period = if apart { Period { start: *day, end: *day } } else { period };
            let converted = self.conversion_of(&lines, currency)?;
            lines.push(self.new_line(offer, period, converted));
        }
        let emptied = self.write_lines(before, lines, &emptied)?;
        let lines = self.lines()?;
        let shared = (lines.as_slice(), emptied.as_slice());
        referred_again(self.tx, self.call, self.present.epoch, &self.invoice, shared, &slots)
    }

    /// A line without anything on it, which has no number yet.
    fn new_line(&self, offer: OfferId, period: Period, converted: Option<Converted>) -> Line {
        Line {
            line_no: UNNUMBERED,
            line_type: LineType::Conversions,
            offer_id: Some(offer),
            period,
            taken: Tally::default(),
            units: 0,
            converted,
            comment: String::new(),
            tax: None,
            created_at: self.at(),
        }
    }

    /// Fills the lines with what is on the invoice; answers what no line bills, by currency and offer.
    fn fill(&self, lines: &mut [Line], slots: &TakenOff) -> Result<Vec<Unlined>> {
        for line in lines.iter_mut().filter(|line| line.line_type == LineType::Conversions) {
            line.taken = Tally::default();
        }
        let mut unlined: BTreeMap<(Currency, OfferId), Vec<(Day, Tally)>> = BTreeMap::new();
        for (slot, tally) in slots {
            match line_of(lines, &[], &self.invoice, *slot) {
                Some(index) => lines[index].taken.add(*tally)?,
                None => unlined.entry((slot.0, slot.2)).or_default().push((slot.1, *tally)),
            }
        }
        Ok(unlined.into_iter().map(|((currency, offer), days)| (currency, offer, days)).collect())
    }

    /// How a line of a currency is converted: by the rate of the invoice's other lines, else by that of its last day, as
    /// when it was issued.
    fn conversion_of(&mut self, lines: &[Line], currency: Currency) -> Result<Option<Converted>> {
        let (own, day) = (self.invoice.book.currency, self.invoice.period.end);
        if currency == own {
            return Ok(None);
        }
        let of_currency =
            |line: &&Line| line.line_type == LineType::Conversions && line.source_currency(own) == currency;
        // What an earlier invoice has paid is taken back at its rate, which is older.
        let latest = lines.iter().filter(of_currency).filter_map(|line| line.converted.as_ref());
        if let Some(converted) = latest.max_by_key(|converted| converted.rate.day) {
            return Ok(Some(converted.clone()));
        }
        let rate = self.rate_on(currency, day)?;
        Ok(Some(Converted { currency, units: 0, rate }))
    }

    /// The period of a new line that bills a day of an offer: the invoice's own, unless others of the offer have parts of
    /// it; else that of another line with the day.
    fn period_of(&self, lines: &[Line], (currency, day, offer): LineSlot) -> Period {
        let (own, into) = (self.invoice.period, self.invoice.book.currency);
        let of_offer = |line: &&Line| line.offer_id == Some(offer) && line.source_currency(into) == currency;
        let apart = lines.iter().filter(of_offer).any(|line| own.contains(line.period.start));
        if own.contains(day) && !apart {
            return own;
        }
        let holding = lines.iter().map(|line| line.period).filter(|period| period.contains(day) && *period != own);
        holding.max().unwrap_or(Period { start: day, end: day })
    }

    /// Writes the lines as they are now, and the periods in which everything cancels out; answers these.
    fn write_lines(&mut self, before: &[Line], lines: Vec<Line>, known: &[Emptied]) -> Result<Vec<Emptied>> {
        let (network, place) = (self.call.network, self.invoice.place());
        let mut emptied = Vec::new();
        for mut line in lines {
            if line.line_type == LineType::Conversions && line.taken == Tally::default() {
                emptied.extend(self.emptied(&line));
            }
            let old = before.iter().find(|old| old.line_no == line.line_no);
            if old.is_some_and(|old| old.taken == line.taken) {
                continue;
            }
            round(&mut line, self.invoice.book.currency)?;
            let nothing = line.taken == Tally::default();
            match (old, nothing) {
                (None, true) => {}
                (None, false) => {
                    line.line_no = self.invoice.next_line;
                    self.invoice.next_line += 1;
                    invoices::add_line(self.tx, network, place, &line)?;
                }
                (Some(_), true) => {
                    invoices::delete_line(self.tx, network, place, line.line_no)?;
                }
                (Some(_), false) => invoices::update_line(self.tx, network, place, &line)?,
            }
        }
        if emptied != known {
            invoices::set_emptied(self.tx, network, place, &emptied)?;
        }
        Ok(emptied)
    }

    /// The period of a line in which everything cancels out.
    fn emptied(&self, line: &Line) -> Option<Emptied> {
        let (currency, period) = (line.source_currency(self.invoice.book.currency), line.period);
        let rate = line.converted.as_ref().map(|converted| converted.rate.clone());
        line.offer_id.map(|offer_id| Emptied { currency, offer_id, period, rate })
    }
}

fn sum(days: &[(Day, Tally)]) -> Tally {
    let add = |sum: Tally, (_, tally): &(Day, Tally)| Tally {
        units: sum.units.saturating_add(tally.units),
        conversions: sum.conversions.saturating_add(tally.conversions),
    };
    days.iter().fold(Tally::default(), add)
}
