//! The plain model: billing runs and the schedule.

use std::collections::{BTreeMap, BTreeSet};

use crate::extras;
use crate::model::{Book, CENT, CONVERTS, Entry, FRACTIONS, Invoice, Kind, Model, Place, Status};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    FirstUnbilled,
    LastInvoice,
    Day(i32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Only(Vec<i64>),
    Except(i64),
}

#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) through: i32,
    pub(crate) from: From,
    pub(crate) wanted: Wanted,
    pub(crate) offers: Option<Vec<i64>>,
    pub(crate) advertisers: Option<Vec<i64>>,
    pub(crate) currencies: Option<Vec<&'static str>>,
    pub(crate) countries: Option<Vec<&'static str>>,
    pub(crate) sum: Option<i64>,
    pub(crate) is_final: bool,
    pub(crate) scheduled: bool,
}

impl Request {
    pub(crate) fn all(kind: Kind, through: i32) -> Request {
        Request {
            kind,
            through,
            from: From::FirstUnbilled,
            wanted: Wanted::All,
            offers: None,
            advertisers: None,
            currencies: None,
            countries: None,
            sum: None,
            is_final: false,
            scheduled: false,
        }
    }

    /// Only some conversions of a book are asked for.
    fn chooses(&self) -> bool {
        self.sum.is_some() || self.offers.is_some() || self.countries.is_some() || self.advertisers.is_some()
    }

    fn asks_for(&self, entry: &Entry) -> bool {
        let state = &entry.state;
        self.offers.as_ref().is_none_or(|offers| offers.contains(&state.offer))
            && self.advertisers.as_ref().is_none_or(|ids| ids.contains(&state.advertiser))
            && self.countries.as_ref().is_none_or(|c| c.iter().any(|c| c.eq_ignore_ascii_case(state.country)))
    }
}

/// What is left out: party, currency, amount and reason.
pub(crate) type Skip = (i64, &'static str, i64, &'static str);

/// What the engine says of a book with parts of cents, where a total near zero depends on the rounding of each line.
pub(crate) type Hints = BTreeMap<Book, i64>;

/// What becomes of the books of one invoice.
enum Decision {
    Issue(Box<Invoice>, Rated, extras::Extras),
    GiveUp(Vec<usize>),
    Skip(Vec<Skip>),
}

/// The entries that an invoice takes, and what it multiplies each by.
type Rated = (Vec<usize>, Vec<i64>);

/// The first days on which the schedule bills.
pub(crate) const AUTO_START: i32 = 20_454 + 30;

impl Model {
    /// The periods of the invoices that took of a book.
    fn periods(&self, book: Book) -> Vec<(i32, i32)> {
        let of_book = |i: &&Invoice| {
            (i.book.kind, i.book.party) == (book.kind, book.party)
                && i.sources.contains(book.currency)
                && i.status != Status::Void
        };
        self.invoices.iter().filter(of_book).map(|i| (i.start, i.end)).collect()
    }

    /// Carries a run out; `hints` are the totals of the invoices that the engine issues. Answers what is left out.
    pub(crate) fn run(&mut self, request: &Request, hints: &Hints) -> Vec<Skip> {
        let mut groups: BTreeMap<Book, Vec<Book>> = BTreeMap::new();
        for book in &self.books {
            let asked = match &request.wanted {
                Wanted::All => true,
                Wanted::Only(ids) => ids.contains(&book.party),
                Wanted::Except(id) => book.party != *id,
            };
            let currency = request.currencies.as_ref().is_none_or(|wanted| wanted.contains(&book.currency));
            if asked && currency && book.kind == request.kind {
                let converts = book.kind == Kind::Payable && book.party == CONVERTS;
                let of = Book { currency: if converts { "USD" } else { book.currency }, ..*book };
                groups.entry(of).or_default().push(*book);
            }
        }
        let known = self.referrals.len();
        let (mut skips, mut issued) = (self.held(request, groups.values().flatten()), Vec::new());
        if request.scheduled {
            groups.values().for_each(|sources| skips.extend(self.before_start(request, sources)));
        }
        let mut decided: Vec<Decision> = Vec::new();
        for (book, sources) in &groups {
            let (decision, without_rate) = self.decide(request, *book, sources, known, hints);
            skips.extend(without_rate);
            decided.push(decision);
        }
        // Ids are given to what is given up first.
        for decision in &decided {
            if let Decision::GiveUp(taken) = decision {
                taken.iter().for_each(|n| self.log[*n].place = Place::WrittenOff);
                self.next_id += 1;
            }
        }
        for decision in decided {
            match decision {
                Decision::Issue(invoice, rated, extras) => issued.push(self.issue(*invoice, rated, extras)),
                Decision::Skip(left) => skips.extend(left),
                Decision::GiveUp(_) => {}
            }
        }
        for index in issued {
            self.refer_new(index);
            if self.auto_approve {
                self.approve(index);
            }
        }
        skips
    }

    /// What of some books waits for hold days: it is left whatever becomes of the rest.
    fn held<'a>(&self, request: &Request, books: impl Iterator<Item = &'a Book>) -> Vec<Skip> {
        let mut skips = Vec::new();
        for book in books {
            let (_, held) = self.takes(request, *book, None);
            if self.has_lines_by_offer(&held) {
                let units = held.iter().map(|n| self.log[*n].units).sum();
                skips.push((book.party, book.currency, units, "offer_hold"));
            }
        }
        skips
    }

    fn issue(&mut self, invoice: Invoice, (taken, rates): Rated, extras: extras::Extras) -> usize {
        let index = self.invoices.len();
        self.next_id += 1;
        for (n, rate) in taken.into_iter().zip(rates) {
            (self.log[n].place, self.log[n].rate) = (Place::Invoice(index), rate);
        }
        extras.referrals.iter().for_each(|n| self.referrals[*n].taken = Some(index));
        self.books.insert(invoice.book);
        self.invoices.push(Invoice { id: self.next_id, ..invoice });
        index
    }

    /// The unbilled entries of a book that a request takes, and those that only wait for hold days.
    fn takes(&self, request: &Request, book: Book, next: Option<i32>) -> (Vec<usize>, Vec<usize>) {
        let periods = self.periods(book);
        let covered = |day: i32| periods.iter().any(|(start, end)| (*start..=*end).contains(&day));
        let from = match request.from {
            _ if request.scheduled => Some(AUTO_START),
            From::FirstUnbilled => None,
            From::LastInvoice => periods.iter().map(|period| period.1 + 1).max(),
            From::Day(day) => Some(day),
        };
        let bound = !request.is_final && request.sum.is_none();
        let (mut taken, mut held) = (Vec::new(), Vec::new());
        for (n, e) in self.log.iter().enumerate() {
            if e.place != Place::Unbilled || e.book != book || e.day > request.through {
                continue;
            }
            if bound && e.billable > self.today {
                if request.offers.as_ref().is_none_or(|offers| offers.contains(&e.state.offer)) {
                    held.push(n);
                }
                continue;
            }
            let difference = next.is_some_and(|next| e.day < next) && covered(e.day);
            if (difference || from.is_none_or(|from| e.day >= from)) && request.asks_for(e) {
                taken.push(n);
            }
        }
        if let Some(sum) = request.sum {
            taken = self.up_to(sum, taken, next);
        }
        (taken, held)
    }

    /// What the schedule leaves since it lies before the first day on which it bills.
    fn before_start(&self, request: &Request, sources: &[Book]) -> Vec<Skip> {
        let next = sources.iter().filter_map(|source| self.periods(*source).iter().map(|p| p.1 + 1).max()).max();
        let mut left = Vec::new();
        for book in sources {
            let periods = self.periods(*book);
            let covered = |day: i32| periods.iter().any(|(start, end)| (*start..=*end).contains(&day));
            let before = |e: &Entry| {
                let difference = next.is_some_and(|next| e.day < next) && covered(e.day);
                e.place == Place::Unbilled
                    && e.book == *book
                    && e.day < AUTO_START.min(request.through + 1)
                    && e.billable <= self.today
                    && !difference
            };
            let entries: Vec<usize> = (0..self.log.len()).filter(|n| before(&self.log[*n])).collect();
            if self.has_lines_by_offer(&entries) {
                let sum = entries.iter().map(|n| self.log[*n].units).sum();
                left.push((book.party, book.currency, sum, "before_auto_start"));
            }
        }
        left
    }

    /// Differences to earlier periods first, then by time, until the sum is reached.
    fn up_to(&self, sum: i64, taken: Vec<usize>, next: Option<i32>) -> Vec<usize> {
        let earlier = |n: &usize| next.is_some_and(|next| self.log[*n].day < next);
        let (mut chosen, mut own): (Vec<usize>, Vec<usize>) = taken.into_iter().partition(earlier);
        let order = |n: &usize| {
            let e = &self.log[*n];
            (e.day, e.state.day, e.state.second, e.conversion.clone(), e.revision, -e.sign)
        };
        own.sort_by_key(order);
        let mut reached: i64 = chosen.iter().map(|n| self.log[*n].units).sum();
        for n in own {
            if reached >= sum {
                break;
            }
            reached += self.log[n].units;
            chosen.push(n);
        }
        chosen
    }

    /// By which rate each of some entries of one book is billed; `None`: one of them waits for a rate. What takes more back
    /// of an earlier day of an offer than it adds goes by the rate that the first invoice has paid it at.
    fn rates_of(&self, taken: &[usize], into: &str, (through, next): (i32, Option<i32>)) -> Option<Vec<i64>> {
        let mut days: BTreeMap<(i64, i32), i64> = BTreeMap::new();
        for e in taken.iter().map(|n| &self.log[*n]) {
            *days.entry((e.state.offer, e.day)).or_default() += e.units;
        }
        let rate = |n: &usize| {
            let e = &self.log[*n];
            let earlier = next.is_some_and(|next| e.day < next);
            let of_day = days[&(e.state.offer, e.day)];
            let back = earlier && of_day < 0;
            let paid = self.paid.iter().find(|paid| paid.0 == e.state.offer && (paid.1..=paid.2).contains(&e.day));
            let paid = paid.filter(|_| back && e.book.currency != into).map(|paid| paid.3);
            // What comes to nothing does so by any rate.
            let any = self.paid.first().filter(|_| earlier && of_day == 0).map(|paid| paid.3);
            paid.or_else(|| self.rate(e.book.currency, into, through)).or(any)
        };
        taken.iter().map(rate).collect()
    }

    fn decide(
        &self,
        request: &Request,
        book: Book,
        sources: &[Book],
        known: usize,
        hints: &Hints,
    ) -> (Decision, Vec<Skip>) {
        let next = sources.iter().filter_map(|source| self.periods(*source).iter().map(|p| p.1 + 1).max()).max();
        let (mut taken, mut held, mut rates, mut without_rate) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let sum = |entries: &[usize]| entries.iter().map(|n| self.log[*n].units).sum::<i64>();
        for source in sources {
            let (takes, holds) = self.takes(request, *source, next);
            match self.rates_of(&takes, book.currency, (request.through, next)) {
                None => without_rate.push((source.party, source.currency, sum(&takes), "missing_rate")),
                Some(of_source) => {
                    taken.extend(takes);
                    rates.extend(of_source);
                    held.push((*source, holds));
                }
            }
        }
        let none = held.is_empty();
        let decision = if none {
            Decision::Skip(Vec::new())
        } else {
            self.decide_on(request, (book, next), held, (taken, rates), known, hints)
        };
        (decision, without_rate)
    }

    fn decide_on(
        &self,
        request: &Request,
        (book, next): (Book, Option<i32>),
        held: Vec<(Book, Vec<usize>)>,
        (taken, rates): Rated,
        known: usize,
        hints: &Hints,
    ) -> Decision {
        let end = match request.sum {
            None => request.through,
            Some(_) => taken.iter().map(|n| self.log[*n].day).max().unwrap_or(request.through),
        };
        let extras = self.extras(book, &taken, !request.chooses(), known, request.through);
        if !self.has_lines(&taken, hints, book) && !extras.any {
            return Decision::Skip(Vec::new());
        }
        let first = taken.iter().map(|n| self.log[*n].day).min().unwrap_or(end);
        let from = match request.from {
            From::Day(day) => Some(day),
            From::LastInvoice => {
                held.iter().filter_map(|(of, _)| self.periods(*of).iter().map(|p| p.1 + 1).max()).max()
            }
            From::FirstUnbilled => None,
        };
        let start = match (from, next.filter(|next| *next <= end)) {
            (Some(from), Some(next)) => from.max(next),
            (Some(from), None) => from,
            (None, Some(next)) => next,
            (None, None) => first,
        };
        let invoice = Invoice {
            id: 0,
            book,
            sources: held.iter().map(|(source, _)| source.currency).collect(),
            start: start.min(end),
            end,
            rate_day: request.through,
            status: Status::Pending,
            corrections: Vec::new(),
            referral: extras.referral,
            bonus: extras.bonus,
            counted: extras.counted.clone(),
            rounding: 0,
            terms: None,
            frozen: None,
            chosen: request.chooses(),
            off: BTreeSet::new(),
        };
        let base: i64 = taken.iter().zip(&rates).map(|(n, rate)| self.log[*n].units * rate).sum();
        let conversions = base;
        let base = base + extras.referral + extras.bonus;
        let total = base + extras::tax(book, base);
        self.judge(request, invoice, (total, conversions), (taken, rates), extras, hints)
    }

    fn judge(
        &self,
        request: &Request,
        mut invoice: Invoice,
        (mut total, total_of_conversions): (i64, i64),
        (taken, rates): Rated,
        extras: extras::Extras,
        hints: &Hints,
    ) -> Decision {
        let book = invoice.book;
        if book.kind == Kind::Payable && book.party == FRACTIONS {
            // Each line may be half a cent off, and what is left of earlier ones may come with it.
            if let Some(issued) = hints.get(&book) {
                assert!((issued - total).abs() <= 50 * CENT, "{book:?}: {issued} issued, {total} taken");
                invoice.rounding = issued - total;
                total = *issued;
            } else if total.abs() <= 50 * CENT
                && request.sum.is_none()
                && !request.is_final
                && (!self.gives_up_negatives || request.chooses())
            {
                total = 0;
            }
        }
        // Only conversions are given up, and only where it is they that are negative.
        let conversions = if extras.any { total_of_conversions } else { total };
        let bound = !request.is_final && request.sum.is_none();
        let on_hold = book.kind == Kind::Payable && self.on_hold.contains(&book.party);
        let skip = |reason| Decision::Skip(vec![(book.party, book.currency, total, reason)]);
        match () {
            () if bound && on_hold => skip("party_on_hold"),
            () if bound && total < 0 && self.gives_up_negatives && conversions < 0 && !request.chooses() => {
                Decision::GiveUp(taken)
            }
            () if bound && total <= 0 => skip("not_positive"),
            () if bound && total < extras::minimum(book) => skip("below_minimum"),
            () => Decision::Issue(Box::new(invoice), (taken, rates), extras),
        }
    }

    pub(crate) fn has_lines_by_offer(&self, taken: &[usize]) -> bool {
        let mut offers: BTreeMap<(&str, i64), (i64, i64)> = BTreeMap::new();
        for e in taken.iter().map(|n| &self.log[*n]) {
            let sum = offers.entry((e.book.currency, e.state.offer)).or_default();
            *sum = (sum.0 + e.units, sum.1 + e.sign);
        }
        offers.values().any(|sum| *sum != (0, 0))
    }

    /// Whether anything is left of what is taken; where each offer comes to nothing, its periods decide: the engine says.
    fn has_lines(&self, taken: &[usize], hints: &Hints, book: Book) -> bool {
        self.has_lines_by_offer(taken) || (!taken.is_empty() && hints.contains_key(&book))
    }

    /// The next run of the schedule: kind, parties and last day.
    fn due(&self) -> Option<(i32, Kind, BTreeSet<i64>)> {
        let mut due: BTreeMap<(i32, Kind), BTreeSet<i64>> = BTreeMap::new();
        for (kind, party, delay) in [(Kind::Payable, 4, 0), (Kind::Payable, 5, 2), (Kind::Receivable, 2, 1)] {
            let through = self.scheduled_through.get(&(kind, party));
            let first = through.map_or(AUTO_START, |through| (through + 1).max(AUTO_START));
            let end = match (kind, party) {
                // Weeks end on Sundays; 4 January 2026 is one.
                (Kind::Payable, 4) => first + (20_457 - first).rem_euclid(7),
                (Kind::Payable, _) => month_end(first),
                _ => middle_or_end(first),
            };
            if end + delay < self.today {
                due.entry((end, kind)).or_default().insert(party);
            }
        }
        due.into_iter().next().map(|((end, kind), parties)| (end, kind, parties))
    }

    /// Does what is due: releases holds, then each run in order. Answers what each leaves out.
    pub(crate) fn schedule(&mut self, hints: &[Hints]) -> Vec<Vec<Skip>> {
        self.release();
        let mut left = Vec::new();
        while let Some((end, kind, parties)) = self.due() {
            let wanted = Wanted::Only(parties.iter().copied().collect());
            let request = Request { wanted, scheduled: true, ..Request::all(kind, end) };
            let none = Hints::new();
            let skips = self.run(&request, hints.get(left.len()).unwrap_or(&none));
            left.push(skips);
            for party in parties {
                self.scheduled_through.insert((kind, party), end);
            }
        }
        left
    }
}

/// The last day of a month of 2026.
fn month_end(day: i32) -> i32 {
    let mut end = 20_453;
    for length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        end += length;
        if day <= end {
            break;
        }
    }
    end
}

/// The fifteenth, or the last day of the month.
fn middle_or_end(day: i32) -> i32 {
    let before = month_end(month_end(day) - 31);
    let first = if before < month_end(day) { before } else { 20_453 };
    let start = if day <= 20_453 + 31 { 20_453 } else { first };
    if day <= start + 15 { start + 15 } else { month_end(day) }
}
