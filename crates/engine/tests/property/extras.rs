//! The plain model: what invoices bill besides conversions, worked out by hand from the rules of the product.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Book, CENT, Entry, Invoice, Kind, Model, Place, Status, cents};

/// What was billed to a referred affiliate, for whoever referred it.
#[derive(Debug, Clone)]
pub(crate) struct Referral {
    pub(crate) book: Book,
    pub(crate) referred: i64,
    pub(crate) source: usize,
    pub(crate) units: i64,
    /// The invoice that pays for it.
    pub(crate) taken: Option<usize>,
    pub(crate) terms: Terms,
    /// The invoice whose terms these are.
    pub(crate) of: usize,
}

/// What a referrer is promised: a percentage once so many cents have come together, up to a day; without one, 2.50 once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Terms {
    pub(crate) referrer: i64,
    pub(crate) percent: Option<i64>,
    pub(crate) threshold: i64,
    pub(crate) until: Option<i32>,
}

/// Days of an offer that an invoice has billed, also where everything there cancels out. The engine says it; which entries
/// that were is judged entry by entry.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) currency: &'static str,
    pub(crate) offer: i64,
    pub(crate) days: (i32, i32),
}

impl Part {
    fn holds(&self, e: &Entry) -> bool {
        (e.book.currency, e.state.offer) == (self.currency, self.offer) && (self.days.0..=self.days.1).contains(&e.day)
    }
}

/// 20 % on affiliate 4's invoices, 19 % on those of advertiser 2, each of all but the tax, rounded once.
pub(crate) fn tax(book: Book, base: i64) -> i64 {
    match (book.kind, book.party) {
        (Kind::Payable, 4) => cents(base * 20, 100),
        (Kind::Receivable, 2) => cents(base * 19, 100),
        _ => 0,
    }
}

/// A tax line is there, if only of zero.
pub(crate) fn minimum(book: Book) -> i64 {
    if book.kind == Kind::Payable && book.party == 5 && book.currency == "USD" { 500 * CENT } else { 0 }
}

/// The bonuses: 10 % on all of the month for affiliate 5 from 3 conversions on; 5 % on what lies above 20.00 USD of the
/// offers 1 and 2 for affiliate 1.
const BONUSES: usize = 2;

fn counts(bonus: usize, book: Book, offer: i64) -> bool {
    let party = book.kind == Kind::Payable && book.party == [5, 1][bonus];
    party && (bonus == 0 || offer <= 2)
}

fn due(bonus: usize, currency: &str, (number, units): (i64, i64)) -> i64 {
    let step = 2_000 * CENT;
    match bonus {
        0 if number >= 3 => cents(units * 10, 100),
        1 if currency == "USD" && units >= step => cents((units - step) * 5, 100),
        _ => 0,
    }
}

/// What an invoice takes besides conversions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub(crate) referral: i64,
    pub(crate) bonus: i64,
    /// There are lines of it.
    pub(crate) any: bool,
    pub(crate) referrals: BTreeSet<usize>,
    pub(crate) counted: BTreeMap<(usize, &'static str, i32), (i64, i64, i64)>,
}

/// The month of a day, as a number.
fn month(day: i32) -> i32 {
    let (mut first, mut number) = (20_454, 0);
    for length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < first + length {
            break;
        }
        first += length;
        number += 1;
    }
    // What lies before January 2026 is December and so on.
    if day < 20_454 { -1 - (20_453 - day) / 31 } else { number }
}

impl Model {
    /// What some entries and the invoice's book count for the bonuses; what they pay only where the run pays extras.
    pub(crate) fn extras(&self, book: Book, taken: &[usize], pays: bool, known: usize, end: i32) -> Extras {
        let mut extras = Extras::default();
        for bonus in 0..BONUSES {
            let mut months: BTreeMap<(&'static str, i32), (i64, i64)> = BTreeMap::new();
            for entry in taken.iter().map(|n| &self.log[*n]).filter(|e| counts(bonus, e.book, e.state.offer)) {
                let sum = months.entry((entry.book.currency, month(entry.day))).or_default();
                *sum = (sum.0 + entry.sign, sum.1 + entry.units);
            }
            for ((currency, month), new) in months {
                let key = (bonus, currency, month);
                let of_book =
                    |i: &&Invoice| i.book.kind == book.kind && i.book.party == book.party && i.frozen.is_none();
                let before = self.invoices.iter().filter(of_book).filter_map(|i| i.counted.get(&key));
                let before = before.fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                let owed = due(bonus, currency, (before.0 + new.0, before.1 + new.1));
                let more = if pays { owed - before.2 } else { 0 };
                extras.counted.insert(key, (new.0, new.1, more));
                extras.any |= more != 0;
                extras.bonus += more * self.rate(currency, book.currency, end).unwrap_or(1);
            }
        }
        if pays && book.kind == Kind::Payable {
            self.shares(book, known, &mut extras);
        }
        extras
    }

    /// What referred affiliates have brought a referrer: of those that were recorded before the run.
    fn shares(&self, book: Book, known: usize, extras: &mut Extras) {
        let mut groups: BTreeMap<(i64, Option<i64>), Vec<usize>> = BTreeMap::new();
        for (n, r) in self.referrals.iter().take(known).enumerate() {
            if r.taken.is_none() && r.book == book {
                groups.entry((r.referred, r.terms.percent)).or_default().push(n);
            }
        }
        for ((_, percent), pending) in groups {
            let base: i64 = pending.iter().map(|n| self.referrals[*n].units).sum();
            let threshold = pending.iter().map(|n| self.referrals[*n].terms.threshold).max().unwrap() * CENT;
            let share = match percent {
                Some(percent) if base.abs() >= threshold => cents(base * percent, 100),
                None if base > 0 && !self.fee_is_paid() && !self.fee_elsewhere(book, known) => 250 * CENT,
                _ => 0,
            };
            if share != 0 {
                extras.referral += share;
                extras.any = true;
                extras.referrals.extend(pending);
            }
        }
    }

    /// Of several currencies the first pays the fee that has something to pay it for.
    fn fee_elsewhere(&self, book: Book, known: usize) -> bool {
        let euros = Book { currency: "EUR", ..book };
        let pending =
            self.referrals.iter().take(known).filter(|r| r.taken.is_none() && r.book == euros && r.referred == 1);
        book.currency != "EUR" && pending.map(|r| r.units).sum::<i64>() > 0
    }

    /// The fee is paid once.
    fn fee_is_paid(&self) -> bool {
        self.referrals.iter().any(|r| r.referred == 1 && r.taken.is_some())
    }

    /// The invoice whose terms an entry on an invoice is shared by: the first that is not void and has billed its offer on its
    /// day.
    fn shared_as(&self, index: usize, e: &Entry) -> usize {
        let counts = |i: &usize| self.invoices[*i].status != Status::Void || self.known(index, *i).is_some();
        let billed = |i: &usize| {
            let invoice = &self.invoices[*i];
            (invoice.book.kind, invoice.book.party) == (e.book.kind, e.book.party)
                && self.parts.get(&invoice.id).into_iter().flatten().any(|part| part.holds(e))
        };
        (0..index).filter(counts).find(billed).unwrap_or(index)
    }

    /// The terms of a share that is known of an invoice by those of another, or its own.
    fn known(&self, index: usize, of: usize) -> Option<Terms> {
        self.referrals.iter().find(|r| r.source == index && r.of == of).map(|r| r.terms)
    }

    /// What the entries on an invoice are shared by, and how much of them.
    fn bases(&self, index: usize) -> BTreeMap<usize, (Terms, i64)> {
        let mut bases: BTreeMap<usize, (Terms, i64)> = BTreeMap::new();
        for e in self.on(index).into_iter().map(|n| &self.log[n]) {
            let of = self.shared_as(index, e);
            let Some(terms) = self.invoices[of].terms.filter(|terms| terms.until.is_none_or(|until| e.day <= until))
            else {
                continue;
            };
            bases.entry(of).or_insert((terms, 0)).1 += e.units;
        }
        bases
    }

    /// What a new invoice brings whoever has referred its affiliate.
    pub(crate) fn refer_new(&mut self, index: usize) {
        let book = self.invoices[index].book;
        if book.kind != Kind::Payable {
            return;
        }
        let terms = self.referrers.get(&book.party).copied();
        self.invoices[index].terms = terms;
        let start = self.invoices[index].start;
        let mut bases = self.bases(index);
        if let Some(terms) = terms.filter(|terms| terms.until.is_none_or(|until| start <= until)) {
            bases.entry(index).or_insert((terms, 0));
        }
        if !bases.contains_key(&index) {
            self.invoices[index].terms = None;
        }
        for (of, (terms, units)) in bases {
            if of == index || units != 0 {
                self.record(index, of, terms, units);
            }
        }
    }

    fn record(&mut self, index: usize, of: usize, terms: Terms, units: i64) {
        let book = self.invoices[index].book;
        let of_referrer = Book { party: terms.referrer, ..book };
        self.books.insert(of_referrer);
        let referred = book.party;
        self.referrals.push(Referral { book: of_referrer, referred, source: index, units, taken: None, terms, of });
    }

    /// What a change of an invoice's entries brings its referrers; a void one brings nothing any more.
    pub(crate) fn refer_again(&mut self, index: usize) {
        if self.invoices[index].book.kind != Kind::Payable {
            return;
        }
        let void = self.invoices[index].status == Status::Void;
        let mut bases = if void { BTreeMap::new() } else { self.bases(index) };
        for r in self.referrals.iter().filter(|r| r.source == index) {
            bases.entry(r.of).or_insert((r.terms, 0)).1 -= r.units;
        }
        for (of, (terms, units)) in bases.into_iter().filter(|(_, (_, units))| *units != 0) {
            self.record(index, of, terms, units);
        }
    }

    /// What a change of the entries on an invoice does to what it counts.
    pub(crate) fn count_again(&mut self, index: usize, entries: &[usize], sign: i64) {
        for n in entries {
            let entry = self.log[*n].clone();
            for bonus in (0..BONUSES).filter(|bonus| counts(*bonus, entry.book, entry.state.offer)) {
                let key = (bonus, entry.book.currency, month(entry.day));
                let sum = self.invoices[index].counted.entry(key).or_default();
                *sum = (sum.0 + sign * entry.sign, sum.1 + sign * entry.units, sum.2);
            }
        }
    }

    /// The entries on an invoice.
    pub(crate) fn on(&self, index: usize) -> Vec<usize> {
        (0..self.log.len()).filter(|n| self.log[*n].place == Place::Invoice(index)).collect()
    }
}
