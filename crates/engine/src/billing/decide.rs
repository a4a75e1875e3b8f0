//! From some books to a decision for each invoice that they could make: what it takes, a reason for none, or nothing.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use quittance_domain::accrual::{Book, Cut, Pick, Reach};
use quittance_domain::conversion::EntryPlace;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, OfferId};
use quittance_domain::money::sum_units;
use quittance_domain::period::Period;
use quittance_domain::planner::{
    Conditions, PaidRate, Plan, PlannedInvoice, Situation, SkipReason, Source, Unbilled, conversions_units, needs_rate,
    plan,
};
use quittance_domain::rates::{MissingRate, Rate};
use quittance_domain::time::Day;
use quittance_store::accruals::BookState;
use quittance_store::invoices::TakeOff;
use quittance_store::parties::Party;
use quittance_store::runs::RunSkip;
use quittance_store::{Tx, invoices, rates};

use super::RunRequest;
use super::entries::{Choosing, Wanted};
use super::extras::{BonusRules, Months, Pending, Taken};
use super::facts::{Facts, Setup};
use super::sharing::{PastTerms, Slots};
use super::sums::{Class, Limits, UnbilledSum, UnbilledSums, billed_periods, limits, periods_matter, unbilled_sums};
use crate::error::Result;
use crate::party_rules::PartyRules;

/// What an invoice takes of a book.
pub(super) struct BookTake {
    /// The book as it was.
    pub(super) before: BookState,
    /// The book as the invoice leaves it.
    pub(super) after: BookState,
    pub(super) reach: Reach,
    /// Entries that it reaches and that go back at once.
    pub(super) left: Vec<TakeOff>,
}

/// A negative total that a run gives up, by currency and with the days that it covers.
pub(super) struct GivenUp {
    pub(super) book: Book,
    pub(super) takes: Vec<BookTake>,
    pub(super) units: Vec<(Currency, i64, Period)>,
}

/// An invoice that a run will issue.
pub(super) struct Decided {
    /// Whose, and in which currency.
    pub(super) book: Book,
    pub(super) invoice: PlannedInvoice,
    /// What it takes: of the book in its currency, or of all of the party's.
    pub(super) takes: Vec<BookTake>,
    /// What it takes besides conversions.
    pub(super) extras: Taken,
    /// What it bills of each day, as far as shares of referrers need it.
    pub(super) slots: Slots,
    /// The day of the first commission that was shared with the referrer of today.
    pub(super) first_shared: Option<Day>,
}

/// The decisions for some books.
#[derive(Default)]
pub(super) struct Decisions {
    pub(super) issue: Vec<Decided>,
    pub(super) skips: Vec<RunSkip>,
    pub(super) give_up: Vec<GivenUp>,
    /// The parties of the books, for what an invoice keeps of them.
    pub(super) parties: HashMap<i64, Party>,
    pub(super) rules: HashMap<i64, PartyRules>,
    /// How earlier invoices are shared, of referred affiliates with differences to them.
    pub(super) past_terms: PastTerms,
    /// The rates that are missing, by the currencies from and into which.
    pub(super) missing_rates: HashMap<(Currency, Currency), MissingRate>,
}

/// The books that one invoice bills: one, or all of a party that has everything converted.
struct Group {
    /// Whose, and in which currency.
    book: Book,
    converts: bool,
    states: Vec<BookState>,
    /// Where the next invoice of each of them alone would start.
    own_next_starts: Vec<Option<Day>>,
}

/// Decides for some books of one kind, all of each party's that converts. They are locked where the decision is to be
/// carried out.
pub(super) fn decide(
    tx: &mut dyn Tx,
    setup: &Setup,
    request: &RunRequest,
    cut: Cut,
    books: &[BookState],
) -> Result<Decisions> {
    let mut ids: Vec<i64> = books.iter().map(|state| state.book.party_id).collect();
    ids.dedup();
    let facts = Facts::load(tx, setup, request.kind, &ids)?;
    let groups = groups(&facts, books);
    let states: Vec<BookState> = groups.iter().flat_map(|group| group.states.iter().copied()).collect();
    let mut limits = limits(tx, setup.network, request, &facts, &states, books)?;
    let sums = unbilled_sums(tx, setup, request, &states, &limits, cut)?;
    if sums.any_earlier() && !periods_matter(request) {
        billed_periods(tx, setup.network, request, &states, &mut limits)?;
    }
    let pending = Pending::load(tx, setup, request.kind, &ids, cut.epoch, &sums.months)?;
    let paid_rates = paid_rates(tx, setup, &facts, request, &sums)?;
    let past_terms = past_terms(tx, setup, &facts, request, &sums)?;
    let mut decisions = Decisions { past_terms, ..Decisions::default() };
    for group in &groups {
        let deciding = Deciding {
            tx,
            setup,
            request,
            cut,
            facts: &facts,
            limits: &limits,
            sums: &sums,
            pending: &pending,
            paid_rates: &paid_rates,
            group,
        };
        deciding.decide(&mut decisions)?;
    }
    decisions.parties = facts.parties;
    decisions.rules = facts.rules;
    Ok(decisions)
}

/// How invoices are shared to which there are differences.
fn past_terms(
    tx: &mut dyn Tx,
    setup: &Setup,
    facts: &Facts,
    request: &RunRequest,
    sums: &UnbilledSums,
) -> Result<PastTerms> {
    if request.kind != InvoiceKind::Payable {
        return Ok(PastTerms::default());
    }
    let parties: Vec<i64> = sums.earlier().map(|book| book.party_id).collect::<BTreeSet<_>>().into_iter().collect();
    PastTerms::load(tx, setup.network, &parties, &[], &|party| facts.referrer(party).is_some())
}

/// By which rates invoices have billed what parties have converted, where anything of an earlier day is unbilled.
fn paid_rates(
    tx: &mut dyn Tx,
    setup: &Setup,
    facts: &Facts,
    request: &RunRequest,
    sums: &UnbilledSums,
) -> Result<HashMap<Book, Vec<PaidRate>>> {
    let converts = |book: &&Book| facts.converts_into(book.party_id).is_some_and(|into| into != book.currency);
    let converted = sums.earlier().filter(converts).map(|book| book.party_id);
    let parties: Vec<i64> = converted.collect::<BTreeSet<_>>().into_iter().collect();
    let mut paid: HashMap<Book, Vec<PaidRate>> = HashMap::new();
    if parties.is_empty() {
        return Ok(paid);
    }
    for row in invoices::paid_rates(tx, setup.network, request.kind, &parties)? {
        if facts.converts_into(row.book.party_id) == Some(row.into) {
            paid.entry(row.book).or_default().push(row.paid);
        }
    }
    Ok(paid)
}

fn groups(facts: &Facts, books: &[BookState]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for state in books {
        let into = facts.converts_into(state.book.party_id);
        let book = Book { currency: into.unwrap_or(state.book.currency), ..state.book };
        match groups.last_mut().filter(|group| group.converts && into.is_some() && group.book == book) {
            Some(group) => group.states.push(*state),
            None => {
                let (converts, states) = (into.is_some(), vec![*state]);
                groups.push(Group { book, converts, states, own_next_starts: Vec::new() });
            }
        }
    }
    for group in &mut groups {
        group.own_next_starts = group.states.iter().map(|state| state.next_start).collect();
    }
    // One invoice has one period: the books that it bills go on from the last of them.
    for group in groups.iter_mut().filter(|group| group.converts) {
        let next_start = group.states.iter().filter_map(|state| state.next_start).max();
        group.states.iter_mut().for_each(|state| state.next_start = next_start);
    }
    groups
}

/// What is known while one group is decided.
struct Deciding<'a> {
    tx: &'a mut dyn Tx,
    setup: &'a Setup,
    request: &'a RunRequest,
    cut: Cut,
    facts: &'a Facts,
    limits: &'a HashMap<Book, Limits>,
    sums: &'a UnbilledSums,
    pending: &'a Pending,
    paid_rates: &'a HashMap<Book, Vec<PaidRate>>,
    group: &'a Group,
}

impl Deciding<'_> {
    fn left_through(&self, book: Book) -> &[Day] {
        self.limits.get(&book).map_or(&[], |limits| &limits.left_through)
    }

    fn billed_periods(&self, book: Book) -> &[Period] {
        self.limits.get(&book).map_or(&[], |limits| &limits.billed_periods)
    }

    fn first_day(&self, book: Book) -> Option<Day> {
        self.limits.get(&book).and_then(|limits| limits.from)
    }

    fn sums(&self, book: Book) -> &[UnbilledSum] {
        self.sums.of_book.get(&book).map_or(&[], Vec::as_slice)
    }

    fn decide(mut self, decisions: &mut Decisions) -> Result<()> {
        let group = self.group;
        if group.states.iter().all(|state| !self.pending.has(state.book) && self.sums(state.book).is_empty()) {
            return Ok(());
        }
        // What waits for hold days is left whatever becomes of the rest.
        for state in &group.states {
            decisions.skips.extend(held_back(state.book, self.sums(state.book), &self.setup.wanted)?);
        }
        if self.request.scheduled {
            for state in &group.states {
                decisions.skips.extend(before_start(state.book, self.sums(state.book))?);
            }
        }
        let takings = self.takings(decisions)?;
        if takings.is_empty() {
            return Ok(());
        }
        let without_rate = Cell::new(None);
        let extras = self.extras(&takings, &without_rate)?;
        // A share without a rate waits; whatever else there is does not wait for it.
        let waiting = without_rate.get().filter(|_| extras.missing_rate);
        let waiting = waiting.map(|from| self.without_rate((group.book, 0), from, decisions)).transpose()?;
        let sources: Vec<Source<'_>> = takings.iter().map(|taking| self.source(taking)).collect();
        let tax = self.facts.rules.get(&group.book.party_id).and_then(PartyRules::tax);
        let situation = Situation {
            extras: &extras.lines,
            tax: tax.as_ref(),
            currency: group.book.currency,
            // The start of automatic invoices is a bound, not the beginning of a period.
            from: takings
                .iter()
                .filter(|_| !self.request.scheduled)
                .filter_map(|taking| self.first_day(taking.take.before.book))
                .max(),
            through: takings.iter().map(|taking| taking.take.reach.cut.through).max().unwrap_or(self.cut.through),
            next_start: takings.iter().filter_map(|taking| taking.take.before.next_start).max(),
            sources: &sources,
            conditions: Conditions {
                unbound: self.request.is_unbound(),
                ..self.facts.conditions(self.setup, group.book)
            },
        };
        // Only conversions are given up. A share or bonus that is taken back, and is more than they come to, is carried.
        // And a run for chosen ones says nothing of what the others come to.
        let gives_up = !self.request.chooses()
            && !self.setup.settings.carry_negatives
            && (extras.lines.is_empty() || conversions_are_negative(&sources, group.book.currency)?);
        match plan(&situation)? {
            Plan::Issue(invoice) if self.request.positive && invoice.total_units <= 0 => {
                decisions.skips.push(skip(group.book, SkipReason::NotPositive, invoice.total_units));
            }
            Plan::Issue(invoice) => {
                decisions.skips.extend(waiting);
                let slots = self.slots(&takings, &decisions.past_terms);
                let issued = decided(group.book, invoice, takings, extras);
                let first_shared = self.facts.first_shared(group.book.party_id);
                decisions.issue.push(Decided { slots, first_shared, ..issued });
            }
            Plan::Skip { reason: SkipReason::NotPositive, total_units } if total_units < 0 && gives_up => {
                decisions.give_up.push(given_up(group.book, situation.through, takings)?);
            }
            Plan::Skip { reason, total_units } => decisions.skips.push(skip(group.book, reason, total_units)),
            Plan::Nothing => decisions.skips.extend(waiting),
        }
        Ok(())
    }

    /// What the invoice takes besides conversions. One whose conversions are chosen takes none of it; what it bills counts
    /// for the bonuses of later ones.
    /// `without_rate` hears of a currency from which there is no rate.
    fn extras(&self, takings: &[Taking], without_rate: &Cell<Option<Currency>>) -> Result<Taken> {
        if self.request.chooses() {
            return counted_only(&self.setup.bonuses, takings, &self.sums.months);
        }
        let rated =
            takings.iter().map(|taking| taking.take.before.book).filter(|book| self.rate(book.currency).is_some());
        let books: Vec<_> = rated.map(|book| (book, self.sums.months.get(&book))).collect();
        let rates = |currency| {
            let rate = self.rate(currency);
            if rate.is_none() && without_rate.get().is_none() {
                without_rate.set(Some(currency));
            }
            rate
        };
        self.pending.take(self.group.book.currency, &self.setup.bonuses, &books, &rates)
    }

    /// What the invoice bills of each day, where its party was referred, or was when earlier days were billed.
    fn slots(&self, takings: &[Taking], past: &PastTerms) -> Slots {
        let party = self.group.book.party_id;
        if self.facts.referrer(party).is_none() && !past.has(party) {
            return Slots::new();
        }
        let of_taking = |taking: &Taking| {
            let currency = taking.take.before.book.currency;
            let slot = move |u: &Unbilled| ((currency, u.earlier_day.unwrap_or(u.first_day), u.offer_id), u.tally);
            taking.unbilled.iter().map(slot).collect::<Slots>()
        };
        takings.iter().flat_map(of_taking).collect()
    }

    /// What the invoice takes of each of its books. One without a rate waits for it, and says so; the others do not wait.
    fn takings(&mut self, decisions: &mut Decisions) -> Result<Vec<Taking>> {
        let group = self.group;
        let mut takings = Vec::new();
        for (state, own_next_start) in group.states.iter().zip(&group.own_next_starts) {
            let mut taking = self.take(state)?;
            taking.take.after.next_start = *own_next_start;
            if self.rate(state.book.currency).is_some() {
                takings.push(taking);
                continue;
            }
            // Bonuses count whatever is taken and are paid in the invoice's currency: without a rate nothing is counted.
            let counts = self.setup.bonuses.iter().any(|bonus| bonus.is_for(state.book));
            let waits = !taking.unbilled.is_empty() && (counts || needs_rate(&self.source(&taking))?);
            if waits || self.pending.has(state.book) {
                let unbilled = taking.unbilled.iter().filter(|_| waits);
                let units = sum_units(unbilled.map(|unbilled| unbilled.tally.units))?;
                let skip = self.without_rate((state.book, units), state.book.currency, decisions)?;
                decisions.skips.push(skip);
            }
            if !waits {
                takings.push(taking);
            }
        }
        Ok(takings)
    }

    /// What is to be billed of a book, as the planner wants it.
    fn source<'a>(&'a self, taking: &'a Taking) -> Source<'a> {
        let book = taking.take.before.book;
        let paid_rates = self.paid_rates.get(&book).map_or(&[][..], Vec::as_slice);
        // Without a rate of the run there is only what is taken back at the rates that it was paid at.
        let rate = self.rate(book.currency).or_else(|| paid_rates.first().map(|paid| paid.rate.clone()));
        Source {
            currency: book.currency,
            rate: rate.filter(|_| book.currency != self.group.book.currency),
            paid_rates,
            billed_periods: self.billed_periods(book),
            remainder_units: self.facts.remainders.get(&book).copied().unwrap_or(0),
            unbilled: &taking.unbilled,
            left_through: self.left_through(book),
        }
    }

    /// What is left of a book since there is no rate from a currency into the invoice's.
    fn without_rate(
        &mut self,
        (book, units): (Book, i64),
        from: Currency,
        decisions: &mut Decisions,
    ) -> Result<RunSkip> {
        let (into, day, settings) = (self.group.book.currency, self.cut.through, &self.setup.settings);
        let missing = match decisions.missing_rates.get(&(from, into)) {
            Some(missing) => missing.clone(),
            None => {
                let newest = rates::newest_day(self.tx, self.setup.network, (from, into), day)?;
                let table =
                    newest.map(|newest| rates::table(self.tx, self.setup.network, newest, newest)).transpose()?;
                let rate = table.zip(newest).and_then(|(table, day)| table.rate(from, into, day, 0, settings.currency));
                let newest = rate.map(|rate| (rate.day, rate.to_string()));
                let missing = MissingRate { from, into, day, newest };
                decisions.missing_rates.insert((from, into), missing.clone());
                missing
            }
        };
        Ok(RunSkip { missing_rate: Some(missing), ..skip(book, SkipReason::MissingRate, units) })
    }

    /// The rate from a currency into the invoice's, on the run's last day.
    fn rate(&self, from: Currency) -> Option<Rate> {
        let settings = &self.setup.settings;
        let into = self.group.book.currency;
        self.setup.rates.rate(from, into, self.cut.through, settings.rate_max_age_days, settings.currency)
    }

    /// What an invoice would take of a book. It takes everything inside the run's cut, and the book keeps that cut,
    /// unless it leaves something behind there: then it picks.
    fn take(&mut self, state: &BookState) -> Result<Taking> {
        let sums = self.sums.of_book.get(&state.book).map_or(&[][..], Vec::as_slice);
        let unbilled: Vec<Unbilled> = sums.iter().filter_map(billed).collect();
        let wanted = &self.setup.wanted;
        if self.request.sum.is_some() || unbilled.iter().any(|unbilled| !wanted.takes_all_of(unbilled.offer_id)) {
            return self.choose(state);
        }
        // Another run may have cut this book with a later epoch meanwhile. All of that is committed too.
        let cut = Cut { epoch: self.cut.epoch.max(state.cut.epoch), ..self.cut };
        let behind = cut.through < state.cut.through || cut.as_of < state.cut.as_of;
        let unasked = sums.iter().any(|sum| sum.class == Class::Unasked);
        // An unbound one takes what later runs must not take for held any more.
        let picks = behind || unasked || self.request.is_unbound();
        let after = BookState { next_take: state.next_take + 1, ..*state };
        if picks {
            let pick =
                pick(self.request, self.first_day(state.book), cut, state, &unbilled, self.billed_periods(state.book));
            let reach = Reach { cut, pick: Some(pick) };
            return Ok(Taking {
                unbilled,
                by_entry: false,
                take: BookTake { before: *state, after, reach, left: Vec::new() },
            });
        }
        let left = sums.iter().filter(|sum| billed(sum).is_none()).map(|sum| sum.first_epoch).min();
        let after = BookState { cut, low_epoch: left.unwrap_or(cut.epoch + 1), ..after };
        let reach = Reach { cut, pick: None };
        Ok(Taking { unbilled, by_entry: false, take: BookTake { before: *state, after, reach, left: Vec::new() } })
    }

    /// What an invoice would take of a book whose conversions are chosen one by one.
    fn choose(&mut self, state: &BookState) -> Result<Taking> {
        let cut = Cut { epoch: self.cut.epoch.max(state.cut.epoch), ..self.cut };
        let none = Limits::default();
        let limits = self.limits.get(&state.book).unwrap_or(&none);
        let (network, request, wanted) = (self.setup.network, self.request, &self.setup.wanted);
        let chosen = Choosing { tx: &mut *self.tx, network, request, wanted, cut, limits, state }.choose()?;
        let through = if request.sum.is_some() { chosen.last_day.unwrap_or(cut.through) } else { cut.through };
        let cut = Cut { through, ..cut };
        let pick = pick(
            self.request,
            self.first_day(state.book),
            cut,
            state,
            &chosen.unbilled,
            self.billed_periods(state.book),
        );
        // Days after the last one that was chosen are not reached, so nothing has to be taken off there.
        let left = chosen.left.into_iter().filter(|left| {
            let place = EntryPlace { epoch: cut.epoch, posting_day: left.posting_day, billable_day: left.billable_day };
            Reach { cut, pick: Some(pick.clone()) }.holds(place, left.offer_id)
        });
        let left = left.collect();
        let reach = Reach { cut, pick: Some(pick) };
        let after = BookState { next_take: state.next_take + 1, ..*state };
        Ok(Taking { unbilled: chosen.unbilled, by_entry: true, take: BookTake { before: *state, after, reach, left } })
    }
}

/// Whether conversions come to less than nothing, in the currency of their invoice.
fn conversions_are_negative(sources: &[Source<'_>], into: Currency) -> Result<bool> {
    let totals = sources.iter().map(|source| conversions_units(source, into));
    Ok(sum_units(totals.collect::<std::result::Result<Vec<_>, _>>()?)? < 0)
}

/// The books of a negative total that is given up.
fn given_up(book: Book, through: Day, takings: Vec<Taking>) -> Result<GivenUp> {
    let mut given_up = GivenUp { book, takes: Vec::new(), units: Vec::new() };
    for taking in takings.into_iter().filter(|taking| !taking.unbilled.is_empty()) {
        let units = sum_units(taking.unbilled.iter().map(|unbilled| unbilled.tally.units))?;
        let first = taking.unbilled.iter().map(|unbilled| unbilled.first_day).min().unwrap_or(through);
        given_up.units.push((
            taking.take.before.book.currency,
            units,
            Period { start: first.min(through), end: through },
        ));
        given_up.takes.push(taking.take);
    }
    Ok(given_up)
}

/// What an invoice of chosen conversions counts for bonuses, without paying any.
fn counted_only(bonuses: &[BonusRules], takings: &[Taking], of_days: &HashMap<Book, Months>) -> Result<Taken> {
    let mut taken = Taken::default();
    for taking in takings {
        let book = taking.take.before.book;
        let mut months = Months::new();
        if taking.by_entry {
            for unbilled in &taking.unbilled {
                let key = (unbilled.offer_id, unbilled.first_day.first_of_month());
                months.entry(key).or_default().add(unbilled.tally)?;
            }
        } else if let Some(of_book) = of_days.get(&book) {
            months.clone_from(of_book);
        }
        taken.count(bonuses, book, &months)?;
    }
    Ok(taken)
}

/// What a book would be billed for.
struct Taking {
    unbilled: Vec<Unbilled>,
    /// They were chosen one by one: each is of one day.
    by_entry: bool,
    take: BookTake,
}

fn decided(book: Book, invoice: PlannedInvoice, takings: Vec<Taking>, extras: Taken) -> Decided {
    let next_start = Some(invoice.period.end.plus_days(1));
    let takes = takings.into_iter().map(|taking| {
        let after = BookState { next_start: taking.take.after.next_start.max(next_start), ..taking.take.after };
        BookTake { after, ..taking.take }
    });
    Decided { book, takes: takes.collect(), invoice, extras, slots: Slots::new(), first_shared: None }
}

/// The days and offers of what a request takes. No more rows of these epochs come, so the offers that are there now say
/// it for ever.
fn pick(
    request: &RunRequest,
    from: Option<Day>,
    cut: Cut,
    state: &BookState,
    unbilled: &[Unbilled],
    billed: &[Period],
) -> Pick {
    let mut days = vec![Period { start: from.unwrap_or(Day::MIN).min(cut.through), end: cut.through }];
    if let (Some(_), Some(next)) = (from, state.next_start) {
        let before = |period: &Period| Period { end: period.end.min(next.plus_days(-1)), ..*period };
        days.extend(billed.iter().map(before).filter(|period| period.start <= period.end));
    }
    let only_some = request.offers.is_some() || request.by_entry();
    let offers = only_some.then(|| {
        let taken: BTreeSet<OfferId> = unbilled.iter().map(|unbilled| unbilled.offer_id).collect();
        taken.into_iter().collect()
    });
    Pick { days, offers }
}

/// What is billed of a sum; `None` where it is not billed now.
fn billed(sum: &UnbilledSum) -> Option<Unbilled> {
    let (earlier_day, left_through) = match sum.class {
        Class::Own(left_through) => (None, left_through),
        Class::Earlier(day) => (Some(day), None),
        Class::Unasked | Class::Held | Class::Later => return None,
    };
    let UnbilledSum { offer_id, first_day, tally, .. } = *sum;
    Some(Unbilled { offer_id, earlier_day, left_through, first_day, tally })
}

fn skip(book: Book, reason: SkipReason, units: i64) -> RunSkip {
    let (party_id, currency, reason) = (book.party_id, book.currency, reason.as_str().to_owned());
    RunSkip { party_id, currency, units, reason, missing_rate: None }
}

/// What the schedule leaves for a run by hand, since it lies before the party's automatic invoices start: nothing else is
/// not asked for in a run of the schedule.
fn before_start(book: Book, sums: &[UnbilledSum]) -> Result<Option<RunSkip>> {
    let before: Vec<i64> = sums
        .iter()
        .filter(|sum| sum.class == Class::Unasked && !sum.tally.is_zero())
        .map(|sum| sum.tally.units)
        .collect();
    if before.is_empty() {
        return Ok(None);
    }
    Ok(Some(skip(book, SkipReason::BeforeAutoStart, sum_units(before)?)))
}

/// What of a book is asked for and waits for hold days.
fn held_back(book: Book, sums: &[UnbilledSum], wanted: &Wanted) -> Result<Option<RunSkip>> {
    let waits = |sum: &&UnbilledSum| sum.class == Class::Held && wanted.takes_any_of(sum.offer_id);
    let held = sums.iter().filter(waits).filter(|sum| !sum.tally.is_zero());
    let units: Vec<i64> = held.map(|sum| sum.tally.units).collect();
    if units.is_empty() {
        return Ok(None);
    }
    Ok(Some(skip(book, SkipReason::OfferHold, sum_units(units)?)))
}
