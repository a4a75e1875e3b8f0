//! I2 to I5 and I8: what belongs to the parties, book by book.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quittance_domain::accrual::{Book, Cut, Tally};
use quittance_domain::ids::{InvoiceId, InvoiceKind, OfferId};
use quittance_domain::invoice::{InvoiceStatus, LineType, PaymentSource};
use quittance_domain::money::{Money, Rounding};
use quittance_domain::tax::Tax;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::audit::{self, PartyPosting};
use quittance_store::extras::{self, OpeningBalance};
use quittance_store::invoices::{self, HistoryRow, Invoice, Line, Payment, TakeOff};
use quittance_store::takes::{self, Take};
use quittance_store::write_offs::{self, WriteOff};

use super::{Findings, history};
use crate::Call;
use crate::error::Result;
use crate::invoices::line_of;
use crate::places::owner;

/// Epoch, posting day, billable day and offer of a row that was given back.
type GivenSlot = (i64, Day, Day, OfferId);

/// All that a range of parties has, by invoice or by book.
struct Facts {
    books: HashMap<Book, BookState>,
    rows: BTreeMap<Book, Vec<AccrualRow>>,
    takes: BTreeMap<Book, Vec<Take>>,
    invoices: BTreeMap<Book, Vec<Invoice>>,
    write_offs: HashMap<Book, Vec<WriteOff>>,
    openings: HashMap<Book, OpeningBalance>,
    lines: HashMap<InvoiceId, Vec<Line>>,
    payments: HashMap<InvoiceId, Vec<Payment>>,
    /// What is the credit of a party, by party.
    credits: HashMap<i64, Vec<Payment>>,
    take_offs: HashMap<InvoiceId, Vec<TakeOff>>,
    history: HashMap<InvoiceId, Vec<HistoryRow>>,
    postings: Vec<PartyPosting>,
    /// What the ledger has as given up without an invoice.
    given_up_postings: Vec<PartyPosting>,
}

fn by_invoice<T>(pairs: Vec<(InvoiceId, T)>) -> HashMap<InvoiceId, Vec<T>> {
    let mut map: HashMap<InvoiceId, Vec<T>> = HashMap::new();
    pairs.into_iter().for_each(|(id, value)| map.entry(id).or_default().push(value));
    map
}

impl Facts {
    fn load(tx: &mut dyn Tx, call: &Call, kind: InvoiceKind, parties: (i64, i64)) -> Result<Facts> {
        let network = call.network;
        let mut rows: BTreeMap<Book, Vec<_>> = BTreeMap::new();
        for row in accruals::all_rows(tx, network, kind, parties)? {
            rows.entry(row.key.bucket.book).or_default().push(row);
        }
        let mut taken: BTreeMap<Book, Vec<Take>> = BTreeMap::new();
        for take in takes::of_parties(tx, network, kind, parties)? {
            taken.entry(take.book).or_default().push(take);
        }
        let mut by_book: BTreeMap<Book, Vec<Invoice>> = BTreeMap::new();
        for invoice in invoices::of_parties(tx, network, kind, parties)? {
            by_book.entry(invoice.book).or_default().push(invoice);
        }
        let mut given_up: HashMap<Book, Vec<WriteOff>> = HashMap::new();
        for write_off in write_offs::of_parties(tx, network, kind, parties)? {
            let book = Book { kind, party_id: write_off.party_id, currency: write_off.currency };
            given_up.entry(book).or_default().push(write_off);
        }
        let states = accruals::books_of_parties(tx, network, kind, parties)?;
        let mut ids: Vec<i64> = states.iter().map(|state| state.book.party_id).collect();
        ids.dedup();
        let openings = extras::openings_of(tx, network, kind, &ids)?;
        let (mut payments, mut credits) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for payment in invoices::payments_of_parties(tx, network, kind, parties)? {
            match payment.invoice_id {
                Some(id) => payments.entry(id).or_default().push(payment),
                None => credits.entry(payment.party_id).or_default().push(payment),
            }
        }
        Ok(Facts {
            books: states.into_iter().map(|state| (state.book, state)).collect(),
            rows,
            takes: taken,
            invoices: by_book,
            write_offs: given_up,
            openings: openings.into_iter().map(|opening| (opening.book, opening)).collect(),
            lines: by_invoice(invoices::lines_of_parties(tx, network, kind, parties)?),
            payments,
            credits,
            take_offs: by_invoice(invoices::take_offs_of_parties(tx, network, kind, parties)?),
            history: by_invoice(invoices::history_of_parties(tx, network, kind, parties)?),
            postings: audit::party_postings(tx, network, kind, parties)?,
            given_up_postings: audit::given_up_postings(tx, network, kind, parties)?,
        })
    }
}

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

struct BookCheck<'a> {
    facts: &'a Facts,
    book: Book,
    /// The invoices in the book's currency.
    invoices: &'a [Invoice],
    /// The invoices that took something of the book.
    documents: Vec<&'a Invoice>,
    rows: &'a [AccrualRow],
    takes: &'a [Take],
    findings: &'a mut Findings,
}

fn name(book: Book) -> String {
    let kind = book.kind.party_kind();
    format!("{} {} {}", kind.as_str(), book.party_id, book.currency)
}

fn list<T>(map: &HashMap<InvoiceId, Vec<T>>, id: InvoiceId) -> &[T] {
    map.get(&id).map_or(&[], Vec::as_slice)
}

impl BookCheck<'_> {
    fn run(&mut self) {
        self.takes();
        let owners = self.owners();
        self.given_back(&owners);
        self.given_up(&owners);
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

    /// What runs gave up of the book.
    fn write_offs(&self) -> &'_ [WriteOff] {
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
        let mut sums = vec![(0_i128, 0_i128); lines.len()];
        for ((day, offer), units) in units {
            let conversions = conversions.get(&(day, offer)).copied().unwrap_or_default();
            match line_of(lines, invoice, (self.book.currency, day, offer)) {
                Some(index) => {
                    sums[index].0 += units;
                    sums[index].1 += conversions;
                }
                // A line in which everything cancels out is left out, so only sums over its days can be told apart.
                None if (units, conversions) == (0, 0) => {}
                None => {
                    let key = (day, offer);
                    self.unlined(id, key, units);
                }
            }
        }
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

    fn unlined(&mut self, id: InvoiceId, (day, offer): (Day, OfferId), units: i128) {
        let text = format!("invoice {id}: no line bills the {units} units of offer {offer} on {day}");
        self.findings.add("I3", text);
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
        let (mut remainder, mut count) = (0_i128, 0_i128);
        for line in lines.filter(|line| matches!(line.line_type, LineType::Conversions | LineType::Rounding)) {
            remainder += i128::from(line.taken.units) - i128::from(line.source_units());
            count += 1;
        }
        if remainder.abs() >= i128::from(self.book.currency.minor_unit_units()) * count.max(1) {
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

    /// The payments in the book's currency that are the party's credit.
    fn credits(&self) -> impl Iterator<Item = &Payment> {
        let of_party = self.facts.credits.get(&self.book.party_id).map_or(&[][..], Vec::as_slice);
        of_party.iter().filter(|payment| payment.currency == self.book.currency)
    }

    /// I5: the party's account moved by what its invoices and payments say, each document once.
    fn ledger(&mut self) {
        let mut moved: HashMap<(InvoiceId, &str), (i128, i64)> = HashMap::new();
        // A payable is a credit to the affiliate, a receivable a debit to the advertiser.
        let sign = if self.book.kind == InvoiceKind::Payable { -1 } else { 1 };
        let mut balance = 0;
        for posting in self.facts.postings.iter().filter(|posting| posting.book == self.book) {
            let sum = moved.entry((posting.invoice_id, posting.event.as_str())).or_default();
            sum.0 += i128::from(posting.units) * sign;
            sum.1 += posting.entries;
            balance += i128::from(posting.units) * sign;
        }
        let mut wrong = Vec::new();
        for invoice in self.invoices {
            self.documents_of(invoice, &moved, &mut wrong);
        }
        for ((id, event), _) in moved {
            let of_none = id.get() == 0 || self.write_offs().iter().any(|write_off| write_off.document == id);
            if !of_none && !self.invoices.iter().any(|invoice| invoice.invoice_id == id) {
                wrong.push(format!("an entry ({event}) names invoice {id}, which is not there"));
            }
        }
        self.written_off(sign, &mut wrong);
        let owed = self.owed();
        if balance != owed {
            wrong.push(format!("{}: the account stands at {balance} units, its documents at {owed}", name(self.book)));
        }
        wrong.into_iter().for_each(|wrong| self.findings.add("I5", wrong));
    }

    /// What runs gave up is booked, once each, and nothing else is.
    fn written_off(&self, sign: i128, wrong: &mut Vec<String>) {
        let mut booked: HashMap<InvoiceId, i128> = HashMap::new();
        for posting in self.facts.given_up_postings.iter().filter(|posting| posting.book == self.book) {
            *booked.entry(posting.invoice_id).or_default() += i128::from(posting.units) * sign;
        }
        for WriteOff { document, units, .. } in self.write_offs() {
            *booked.entry(*document).or_default() -= i128::from(*units);
        }
        for (document, units) in booked.into_iter().filter(|(_, units)| *units != 0) {
            wrong.push(format!("{}: the ledger is {units} units off for write-off {document}", name(self.book)));
        }
    }

    /// What the ledger has for one invoice, document by document.
    fn documents_of(
        &self,
        invoice: &Invoice,
        moved: &HashMap<(InvoiceId, &str), (i128, i64)>,
        wrong: &mut Vec<String>,
    ) {
        let id = invoice.invoice_id;
        let event = |name: &'static str| moved.get(&(id, name)).copied().unwrap_or_default();
        // An opening balance was booked when it came.
        let lines = list(&self.facts.lines, id).iter();
        let booked = lines.filter(|line| line.line_type != LineType::OpeningBalance);
        let billed: i128 = booked.map(|line| i128::from(line.units)).sum();
        let of_invoice = list(&self.facts.payments, id).iter();
        let payments: Vec<&Payment> =
            of_invoice.chain(self.credits().filter(|credit| credit.about_invoice == Some(id))).collect();
        let documents = |source: PaymentSource| {
            let of_source = payments.iter().filter(|payment| payment.source == source);
            of_source.fold((0, 0), |(sum, count), payment| (sum - i128::from(payment.units), count + 1))
        };
        let voided = if invoice.voided.is_some() { -billed } else { 0 };
        let (issued, issues) = event("issue");
        let mut facts =
            vec![("issue and corrections", issued + event("adjust").0, billed), ("void", event("void").0, voided)];
        let mut once = issues <= 1 && event("void").1 <= 1;
        for (what, source) in [
            ("payment", PaymentSource::Money),
            ("return", PaymentSource::Return),
            ("reversal", PaymentSource::Reversal),
            ("write_off", PaymentSource::WriteOff),
            ("credit_note", PaymentSource::CreditNote),
        ] {
            let ((booked, entries), (expected, count)) = (event(what), documents(source));
            facts.push((what, booked, expected));
            once &= entries == count;
        }
        for (what, booked, expected) in facts.into_iter().filter(|(_, booked, expected)| booked != expected) {
            wrong.push(format!("invoice {id}: the ledger has {booked} units for its {what}, not {expected}"));
        }
        if !once {
            wrong.push(format!("invoice {id}: a document has not exactly one entry"));
        }
    }

    /// What the party's documents say it is owed, or owes: the balances of its invoices less its credit.
    fn owed(&self) -> i128 {
        let mut owed = 0;
        for invoice in self.invoices {
            let payments = list(&self.facts.payments, invoice.invoice_id);
            let used = payments.iter().filter(|payment| payment.source == PaymentSource::Credit);
            owed += used.map(|payment| i128::from(payment.units)).sum::<i128>();
            let billed = if invoice.voided.is_some() { 0 } else { i128::from(invoice.billed_units) };
            owed += billed - i128::from(invoice.paid_units);
        }
        let pending = self.facts.openings.get(&self.book).map_or(0, |opening| match opening.invoice_id {
            None if opening.units > 0 => i128::from(opening.units),
            _ => 0,
        });
        owed + pending - self.credits().map(|credit| i128::from(credit.units)).sum::<i128>()
    }
}
