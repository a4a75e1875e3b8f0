//! I2 to I5 and I8: what belongs to the parties, book by book.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::accrual::{Book, Cut, Tally};
use quittance_domain::ids::{InvoiceId, InvoiceKind, OfferId};
use quittance_domain::invoice::{InvoiceStatus, LineType};
use quittance_domain::money::{Money, Rounding};
use quittance_domain::period::Period;
use quittance_domain::tax::Tax;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::accruals::AccrualRow;
use quittance_store::invoices::{Invoice, Line, TakeOff};
use quittance_store::takes::Take;
use quittance_store::write_offs::WriteOff;

use super::facts::{Facts, list};
use super::{Findings, history};
use crate::Call;
use crate::error::Result;
use crate::invoices::{Billed, billed_by};
use crate::places::owner;

/// Epoch, posting day, billable day and offer of a row that was given back.
type GivenSlot = (i64, Day, Day, OfferId);

/// Checks all books of a range of parties.
pub(super) fn check(
    tx: &mut dyn Tx,
    call: &Call,
    kind: InvoiceKind,
    parties: (i64, i64),
    findings: &mut Findings,
) -> Result<()> {
    let facts = Facts::load(tx, call, kind, parties)?;
    let mut books: Vec<Book> = facts.rows.keys().chain(facts.invoices.keys()).copied().collect();
    books.extend(facts.books.keys());
    books.extend(facts.takes.keys());
    books.sort_unstable();
    books.dedup();
    for book in books {
        let invoices = facts.invoices.get(&book).map_or(&[][..], Vec::as_slice);
        let rows = facts.rows.get(&book).map_or(&[][..], Vec::as_slice);
        let takes = facts.takes.get(&book).map_or(&[][..], Vec::as_slice);
        let documents: BTreeSet<InvoiceId> = takes.iter().map(|take| take.document).collect();
        let of_party = facts.invoices.values().flatten().filter(|i| i.book.party_id == book.party_id);
        let documents = of_party.filter(|invoice| documents.contains(&invoice.invoice_id)).collect();
        BookCheck { facts: &facts, book, invoices, documents, rows, takes, findings }.run();
    }
    Ok(())
}

/// What an invoice took, by day and offer.
type Taken = BTreeMap<(Day, OfferId), i128>;

/// What no line of an invoice bills, in units and conversions, and on which days.
#[derive(Default)]
struct Unlined {
    sums: (i128, i128),
    days: Vec<String>,
}

/// One book while it is checked.
pub(super) struct BookCheck<'a> {
    pub(super) facts: &'a Facts,
    pub(super) book: Book,
    /// The invoices in the book's currency.
    pub(super) invoices: &'a [Invoice],
    /// The invoices that took something of the book.
    documents: Vec<&'a Invoice>,
    rows: &'a [AccrualRow],
    takes: &'a [Take],
    pub(super) findings: &'a mut Findings,
}

pub(super) fn name(book: Book) -> String {
    let kind = book.kind.party_kind();
    format!("{} {} {}", kind.as_str(), book.party_id, book.currency)
}

impl BookCheck<'_> {
    fn run(&mut self) {
        self.takes();
        let owners = self.owners();
        self.given_back(&owners);
        self.given_up(&owners);
        self.unbilled(&owners);
        self.conservation(&owners);
        for invoice in self.documents.clone() {
            self.lines(invoice, &owners);
        }
        for invoice in self.invoices {
            self.untaken(invoice);
            self.tax(invoice);
            self.amounts(invoice);
            history::check(invoice, list(&self.facts.history, invoice.invoice_id), self.findings);
        }
        self.ledger();
    }

    /// I2: the takes are counted without a gap, each is an invoice's, and those of the normal runs reach further and
    /// further, the last as far as the book is billed.
    fn takes(&mut self) {
        let mut last = Cut::NONE;
        let mut wrong = Vec::new();
        for (no, take) in (1..).zip(self.takes) {
            let id = take.document;
            if take.take_no != no {
                wrong.push(format!("take {} of invoice {id} is the {no}. of the book", take.take_no));
            }
            let given_up = self.write_offs().iter().any(|write_off| write_off.document == id);
            if !given_up && !self.documents.iter().any(|invoice| invoice.invoice_id == id) {
                wrong.push(format!("take {no} is of invoice {id}, which the party has not"));
            }
            if take.reach.pick.is_some() {
                continue;
            }
            let to = take.reach.cut;
            if to.epoch < last.epoch || to.through < last.through || to.as_of < last.as_of {
                wrong.push(format!("the cut of invoice {id} does not follow the one before"));
            }
            last = to;
        }
        match self.facts.books.get(&self.book) {
            None => wrong.push("the book is missing".to_owned()),
            Some(state) if state.cut != last => wrong.push("the book's cut is not that of its last invoice".to_owned()),
            Some(state) if state.next_take != self.takes.len() as i64 + 1 => {
                wrong.push(format!("the book's next take is {}, it has {}", state.next_take, self.takes.len()));
            }
            Some(_) => {}
        }
        wrong.into_iter().for_each(|wrong| self.findings.add("I2", format!("{}: {wrong}", name(self.book))));
    }

    /// I2: the invoice of each row, or none.
    fn owners(&mut self) -> Vec<Option<InvoiceId>> {
        let low_epoch = self.facts.books.get(&self.book).map_or(0, |state| state.low_epoch);
        let mut owners = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            let place = row.key.bucket.place;
            let owner = owner(self.takes, &row.key);
            let unseen = match owner {
                Some(take) => place.epoch < take.low_epoch,
                None => place.epoch < low_epoch,
            };
            if unseen {
                let text = format!(
                    "{}: {} of offer {} lies before what {} would look at",
                    name(self.book),
                    place.posting_day,
                    row.key.bucket.offer_id,
                    owner.map_or("a run".to_owned(), |take| format!("invoice {}", take.document)),
                );
                self.findings.add("I2", text);
            }
            owners.push(owner.map(|take| take.document));
        }
        owners
    }

    /// I2: what void invoices had and what was taken off others is in rows that name them, and nothing else is.
    fn given_back(&mut self, owners: &[Option<InvoiceId>]) {
        for invoice in self.documents.clone() {
            let id = invoice.invoice_id;
            let take_offs = self.take_offs(id);
            let mut expected: BTreeMap<GivenSlot, (i128, i128)> = BTreeMap::new();
            let mut add = |slot: GivenSlot, tally: Tally, factor: i128| {
                let sum = expected.entry(slot).or_default();
                sum.0 += i128::from(tally.units) * factor;
                sum.1 += i128::from(tally.conversions) * factor;
            };
            for t in &take_offs {
                add((t.given_epoch, t.posting_day, t.billable_day, t.offer_id), t.tally, 1);
            }
            if let Some(voided) = &invoice.voided {
                for (row, _) in self.rows.iter().zip(owners).filter(|(_, owner)| **owner == Some(id)) {
                    let place = row.key.bucket.place;
                    let slot = (voided.epoch, place.posting_day, place.billable_day, row.key.bucket.offer_id);
                    add(slot, row.tally, 1);
                }
                for t in &take_offs {
                    add((voided.epoch, t.posting_day, t.billable_day, t.offer_id), t.tally, -1);
                }
            }
            for row in self.rows.iter().filter(|row| row.key.origin == Some(id)) {
                let place = row.key.bucket.place;
                let slot = (place.epoch, place.posting_day, place.billable_day, row.key.bucket.offer_id);
                add(slot, row.tally, -1);
            }
            for ((_, day, _, offer), sum) in expected {
                if sum != (0, 0) {
                    let text = format!(
                        "invoice {id}: of offer {offer} on {day} it gave back {} units and {} conversions less than it \
                         should have",
                        sum.0, sum.1
                    );
                    self.findings.add("I2", text);
                }
            }
        }
    }

    /// I2: what balances show as unbilled is what is on no document.
    fn unbilled(&mut self, owners: &[Option<InvoiceId>]) {
        let (mut units, mut conversions) = (0_i128, 0_i128);
        for (row, _) in self.rows.iter().zip(owners).filter(|(_, owner)| owner.is_none()) {
            units += i128::from(row.tally.units);
            conversions += i128::from(row.tally.conversions);
        }
        let shown = self.facts.unbilled.get(&(self.book.party_id, self.book.currency)).copied().unwrap_or_default();
        if (i128::from(shown.units), i128::from(shown.conversions)) != (units, conversions) {
            let text = format!(
                "{}: {} units of {} conversions are shown as unbilled, {units} of {conversions} are on no invoice",
                name(self.book),
                shown.units,
                shown.conversions
            );
            self.findings.add("I2", text);
        }
    }

    /// What runs gave up of the book.
    pub(super) fn write_offs(&self) -> &'_ [WriteOff] {
        self.facts.write_offs.get(&self.book).map_or(&[], Vec::as_slice)
    }

    /// I2: what was given up is the sum of what the document took.
    fn given_up(&mut self, owners: &[Option<InvoiceId>]) {
        let mut wrong = Vec::new();
        for WriteOff { document, units, .. } in self.write_offs() {
            let owned = self.rows.iter().zip(owners).filter(|(_, owner)| **owner == Some(*document));
            let sum: i128 = owned.map(|(row, _)| i128::from(row.tally.units)).sum();
            if sum != i128::from(*units) {
                wrong.push(format!("write-off {document}: it gave up {units} units, its entries sum to {sum}"));
            }
        }
        wrong.into_iter().for_each(|wrong| self.findings.add("I2", wrong));
    }

    /// What was taken off an invoice of this book's.
    fn take_offs(&self, id: InvoiceId) -> Vec<&TakeOff> {
        list(&self.facts.take_offs, id).iter().filter(|t| t.currency == self.book.currency).collect()
    }

    /// I3: tax is the share of the lines that it is on, rounded once.
    fn tax(&mut self, invoice: &Invoice) {
        let lines = list(&self.facts.lines, invoice.invoice_id);
        for line in lines.iter().filter(|line| line.line_type == LineType::Tax) {
            let on = |tax: &Tax| tax.on(lines.iter().map(|line| (line.line_type, line.units)), invoice.book.currency);
            if line.tax.as_ref().and_then(|tax| on(tax).ok()).map(Money::units) != Some(line.units) {
                let text =
                    format!("invoice {} line {}: {} is not its tax", invoice.invoice_id, line.line_no, line.units);
                self.findings.add("I3", text);
            }
        }
    }

    /// I2: an invoice bills conversions only of books that it took something of.
    fn untaken(&mut self, invoice: &Invoice) {
        for line in list(&self.facts.lines, invoice.invoice_id) {
            let book = Book { currency: line.source_currency(invoice.book.currency), ..invoice.book };
            let takes = self.facts.takes.get(&book).map_or(&[][..], Vec::as_slice);
            let taken = takes.iter().any(|take| take.document == invoice.invoice_id);
            if line.line_type == LineType::Conversions && !taken {
                let text =
                    format!("invoice {} line {}: it took nothing of this currency", invoice.invoice_id, line.line_no);
                self.findings.add("I2", text);
            }
        }
    }

    /// What is on an invoice now, by day and offer, in units and conversions.
    fn on_invoice(&self, invoice: &Invoice, owners: &[Option<InvoiceId>]) -> (Taken, Taken) {
        let (mut units, mut conversions) = (Taken::new(), Taken::new());
        for (row, owner) in self.rows.iter().zip(owners) {
            if *owner == Some(invoice.invoice_id) {
                let slot = (row.key.bucket.place.posting_day, row.key.bucket.offer_id);
                *units.entry(slot).or_default() += i128::from(row.tally.units);
                *conversions.entry(slot).or_default() += i128::from(row.tally.conversions);
            }
        }
        for t in self.take_offs(invoice.invoice_id) {
            *units.entry((t.posting_day, t.offer_id)).or_default() -= i128::from(t.tally.units);
            *conversions.entry((t.posting_day, t.offer_id)).or_default() -= i128::from(t.tally.conversions);
        }
        (units, conversions)
    }

    /// I3: each `conversions` line is the sum of what it took, rounded.
    fn lines(&mut self, invoice: &Invoice, owners: &[Option<InvoiceId>]) {
        let id = invoice.invoice_id;
        let lines = list(&self.facts.lines, id);
        let (units, conversions) = self.on_invoice(invoice, owners);
        let sums = self.by_line(invoice, &units, &conversions);
        let of_book = |line: &Line| line.source_currency(invoice.book.currency) == self.book.currency;
        let billing =
            lines.iter().zip(sums).filter(|(line, _)| line.line_type == LineType::Conversions && of_book(line));
        let mut wrong = Vec::new();
        for (line, sums) in billing {
            let no = line.line_no;
            let taken = (i128::from(line.taken.units), i128::from(line.taken.conversions));
            if taken != sums {
                wrong.push(format!("line {no}: it says {taken:?}, its entries sum to {sums:?}"));
            }
            let rounded = Money::new(line.taken.units, self.book.currency).round_to_minor(Rounding::HalfAwayFromZero);
            if rounded.as_ref().ok().map(|money| money.units()) != Some(line.source_units()) {
                wrong.push(format!("line {no}: {} is not its sum, rounded", line.source_units()));
            }
        }
        for line in lines.iter().filter(|line| of_book(line)) {
            let Some(converted) = &line.converted else { continue };
            let source = Money::new(converted.units, converted.currency);
            let billed = converted.rate.convert(source, invoice.book.currency).map(Money::units);
            if billed != Ok(line.units) {
                let (no, rate) = (line.line_no, &converted.rate);
                wrong.push(format!("line {no}: {} is not what the rate {rate} makes of {source}", line.units));
            }
        }
        wrong.into_iter().for_each(|wrong| self.findings.add("I3", format!("invoice {id} {wrong}")));
    }

    /// What an invoice took, in units and conversions, by the line that bills it. I3: what no line bills cancels out.
    fn by_line(&mut self, invoice: &Invoice, units: &Taken, conversions: &Taken) -> Vec<(i128, i128)> {
        let (lines, emptied) =
            (list(&self.facts.lines, invoice.invoice_id), list(&self.facts.emptied, invoice.invoice_id));
        let mut sums = vec![(0_i128, 0_i128); lines.len()];
        let mut unlined: BTreeMap<(OfferId, Option<Period>), Unlined> = BTreeMap::new();
        for ((day, offer), units) in units {
            let conversions = conversions.get(&(*day, *offer)).copied().unwrap_or_default();
            let billed = billed_by(lines, emptied, invoice, (self.book.currency, *day, *offer));
            if let Some(Billed::Line(index)) = billed {
                sums[index] = (sums[index].0 + units, sums[index].1 + conversions);
                continue;
            }
            let period = match billed {
                Some(Billed::Emptied(index)) => Some(emptied[index].period),
                // Invoices that were issued before such periods were kept: their days can only be told by their sum.
                _ => None,
            };
            let of_period = unlined.entry((*offer, period)).or_default();
            of_period.sums = (of_period.sums.0 + units, of_period.sums.1 + conversions);
            of_period.days.push(format!("{units} units on {day}"));
        }
        for ((offer, _), unlined) in unlined.into_iter().filter(|(_, unlined)| unlined.sums != (0, 0)) {
            let (id, days) = (invoice.invoice_id, unlined.days.join(", "));
            self.findings.add("I3", format!("invoice {id}: no line bills what it took of offer {offer}: {days}"));
        }
        sums
    }

    /// I3: approved = billed + unbilled + remainder, and the remainder is what rounding can leave.
    fn conservation(&mut self, owners: &[Option<InvoiceId>]) {
        let live: Vec<&Invoice> = self.documents.iter().copied().filter(|i| i.status != InvoiceStatus::Void).collect();
        let is_live = |id: InvoiceId| {
            live.iter().any(|invoice| invoice.invoice_id == id)
                || self.write_offs().iter().any(|write_off| write_off.document == id)
        };
        let (mut approved, mut taken, mut unbilled) = (0_i128, 0_i128, 0_i128);
        for (row, owner) in self.rows.iter().zip(owners) {
            let units = i128::from(row.tally.units);
            approved += if row.key.origin.is_none() { units } else { 0 };
            match owner {
                None => unbilled += units,
                Some(id) if is_live(*id) => taken += units,
                Some(_) => {}
            }
        }
        for invoice in &live {
            let take_offs = self.take_offs(invoice.invoice_id);
            taken -= take_offs.iter().map(|t| i128::from(t.tally.units)).sum::<i128>();
        }
        if approved != taken + unbilled {
            let text = format!(
                "{}: {approved} units are approved, {taken} are on invoices and {unbilled} are unbilled",
                name(self.book)
            );
            self.findings.add("I3", text);
        }
        let lines = live.iter().flat_map(|invoice| {
            let of_book = |line: &&Line| line.source_currency(invoice.book.currency) == self.book.currency;
            list(&self.facts.lines, invoice.invoice_id).iter().filter(of_book)
        });
        // A rounding line bills what other lines had left; it stays when these are taken off.
        let minor_unit = i128::from(self.book.currency.minor_unit_units());
        let (mut remainder, mut most) = (0_i128, minor_unit);
        for line in lines.filter(|line| matches!(line.line_type, LineType::Conversions | LineType::Rounding)) {
            remainder += i128::from(line.taken.units) - i128::from(line.source_units());
            most += match line.line_type {
                LineType::Rounding => i128::from(line.source_units()).abs(),
                _ => minor_unit,
            };
        }
        if remainder.abs() >= most {
            let text = format!("{}: rounding has left {remainder} units, more than it can", name(self.book));
            self.findings.add("I3", text);
        }
    }

    /// I4: the sums and the status agree.
    fn amounts(&mut self, invoice: &Invoice) {
        let id = invoice.invoice_id;
        let lines: i128 = list(&self.facts.lines, id).iter().map(|line| i128::from(line.units)).sum();
        let paid: i128 = list(&self.facts.payments, id).iter().map(|payment| i128::from(payment.units)).sum();
        let sums = (i128::from(invoice.billed_units), i128::from(invoice.paid_units));
        if sums != (lines, paid) {
            let text = format!("invoice {id}: billed and paid are {sums:?}, its rows sum to {:?}", (lines, paid));
            self.findings.add("I4", text);
        }
        let balance = lines - paid;
        let agrees = match invoice.status {
            InvoiceStatus::Pending | InvoiceStatus::Approved => paid == 0,
            InvoiceStatus::PartlyPaid => paid > 0 && balance > 0,
            InvoiceStatus::Paid => paid > 0 && balance == 0,
            InvoiceStatus::Void => invoice.voided.is_some(),
        };
        if !agrees {
            let status = invoice.status;
            let text = format!("invoice {id}: it is {status}, with {paid} units paid and {balance} left");
            self.findings.add("I4", text);
        }
    }
}
