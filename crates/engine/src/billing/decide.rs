//! From some books to a decision for each invoice that they could make: what it takes, a reason for none, or nothing.

use std::collections::{BTreeSet, HashMap};

use quittance_domain::accrual::{Book, Cut, Pick, Reach};
use quittance_domain::conversion::EntryPlace;
use quittance_domain::currency::Currency;
use quittance_domain::ids::OfferId;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::period::Period;
use quittance_domain::planner::{Conditions, Plan, PlannedInvoice, Situation, SkipReason, Source, Unbilled, plan};
use quittance_domain::rates::Rate;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::accruals::BookState;
use quittance_store::invoices::TakeOff;
use quittance_store::parties::Party;
use quittance_store::runs::RunSkip;

use super::RunRequest;
use super::entries::Choosing;
use super::extras::{BonusRules, Months, Pending, Taken};
use super::facts::{Facts, Setup};
use super::sums::{
    Class, Limits, UnbilledSum, UnbilledSums, billed_periods, first_day, limits, periods_matter, unbilled_sums,
};
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
    let mut limits = limits(tx, setup.network, request, &facts, &states)?;
    let sums = unbilled_sums(tx, setup, request, &states, &limits, cut)?;
    if sums.any_earlier() && !periods_matter(request) {
        billed_periods(tx, setup.network, request, &states, &mut limits)?;
    }
    let pending = Pending::load(tx, setup.network, request.kind, &ids, cut.epoch, &sums.months)?;
    let mut decisions = Decisions::default();
    for group in &groups {
        let deciding =
            Deciding { tx, setup, request, cut, facts: &facts, limits: &limits, sums: &sums, pending: &pending, group };
        deciding.decide(&mut decisions)?;
    }
    decisions.parties = facts.parties;
    decisions.rules = facts.rules;
    Ok(decisions)
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
    group: &'a Group,
}

impl Deciding<'_> {
    fn left_through(&self, book: Book) -> &[Day] {
        self.limits.get(&book).map_or(&[], |limits| &limits.left_through)
    }

    fn billed_periods(&self, book: Book) -> &[Period] {
        self.limits.get(&book).map_or(&[], |limits| &limits.billed_periods)
    }

    fn sums(&self, book: Book) -> &[UnbilledSum] {
        self.sums.of_book.get(&book).map_or(&[], Vec::as_slice)
    }

    fn decide(mut self, decisions: &mut Decisions) -> Result<()> {
        let group = self.group;
        if group.states.iter().all(|state| !self.pending.has(state.book) && self.sums(state.book).is_empty()) {
            return Ok(());
        }
        let mut takings = Vec::new();
        for (state, own_next_start) in group.states.iter().zip(&group.own_next_starts) {
            let mut taking = self.take(state)?;
            taking.take.after.next_start = *own_next_start;
            takings.push(taking);
        }
        let rates: Vec<Option<Rate>> = group.states.iter().map(|state| self.rate(state.book.currency)).collect();
        let lacks_rate = |(taking, rate): (&Taking, &Option<Rate>)| {
            rate.is_none() && (!taking.unbilled.is_empty() || self.pending.has(taking.take.before.book))
        };
        if group.converts && takings.iter().zip(&rates).any(lacks_rate) {
            return self.skip_each(&takings, decisions);
        }
        let extras = self.extras(&takings)?;
        let sources: Vec<Source<'_>> = takings
            .iter()
            .zip(rates)
            .map(|(taking, rate)| Source {
                currency: taking.take.before.book.currency,
                rate: rate.filter(|_| taking.take.before.book.currency != group.book.currency),
                billed_periods: self.billed_periods(taking.take.before.book),
                remainder_units: self.facts.remainders.get(&taking.take.before.book).copied().unwrap_or(0),
                unbilled: &taking.unbilled,
                left_through: self.left_through(taking.take.before.book),
            })
            .collect();
        let tax = self.facts.rules.get(&group.book.party_id).and_then(PartyRules::tax);
        let situation = Situation {
            extras: &extras.lines,
            tax: tax.as_ref(),
            currency: group.book.currency,
            // The start of automatic invoices is a bound, not the beginning of a period.
            from: group
                .states
                .iter()
                .filter(|_| !self.request.scheduled)
                .filter_map(|state| first_day(self.request, self.facts, state))
                .max(),
            through: takings.iter().map(|taking| taking.take.reach.cut.through).max().unwrap_or(self.cut.through),
            next_start: group.states.iter().filter_map(|state| state.next_start).max(),
            sources: &sources,
            conditions: Conditions {
                unbound: self.request.is_unbound(),
                ..self.facts.conditions(self.setup, group.book)
            },
        };
        // A share without a rate waits; whatever else there is does not wait for it.
        let waiting = extras.missing_rate.then(|| skip(group.book, SkipReason::MissingRate, 0));
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
                decisions.issue.push(decided(group.book, invoice, takings, extras));
            }
            Plan::Skip { reason: SkipReason::NotPositive, total_units } if total_units < 0 && gives_up => {
                decisions.give_up.push(given_up(group.book, situation.through, takings)?);
            }
            Plan::Skip { reason, total_units } => decisions.skips.push(skip(group.book, reason, total_units)),
            Plan::Nothing => {
                decisions.skips.extend(waiting);
                for state in &group.states {
                    decisions.skips.extend(held_back(state.book, self.sums(state.book))?);
                }
            }
        }
        Ok(())
    }

    /// What the invoice takes besides conversions. One whose conversions are chosen takes none of it; what it bills counts
    /// for the bonuses of later ones.
    fn extras(&self, takings: &[Taking]) -> Result<Taken> {
        if self.request.chooses() {
            return counted_only(&self.setup.bonuses, takings, &self.sums.months);
        }
        let with_months = |state: &BookState| (state.book, self.sums.months.get(&state.book));
        let books: Vec<_> = self.group.states.iter().map(with_months).collect();
        self.pending.take(self.group.book.currency, &self.setup.bonuses, &books, &|currency| self.rate(currency))
    }

    /// The rate from a currency into the invoice's, on the run's last day.
    fn rate(&self, from: Currency) -> Option<Rate> {
        let settings = &self.setup.settings;
        let into = self.group.book.currency;
        self.setup.rates.rate(from, into, self.cut.through, settings.rate_max_age_days, settings.currency)
    }

    /// Nothing of the party is billed, since a rate is missing: each book is reported with what it has.
    fn skip_each(&self, takings: &[Taking], decisions: &mut Decisions) -> Result<()> {
        for taking in takings {
            let book = taking.take.before.book;
            if !taking.unbilled.is_empty() || self.pending.has(book) {
                let units = sum_units(taking.unbilled.iter().map(|unbilled| unbilled.tally.units))?;
                decisions.skips.push(skip(book, SkipReason::MissingRate, units));
            }
        }
        Ok(())
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
            let pick = pick(self.request, self.facts, cut, state, &unbilled, self.billed_periods(state.book));
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
        let pick = pick(self.request, self.facts, cut, state, &chosen.unbilled, self.billed_periods(state.book));
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
    let mut totals = Vec::new();
    for source in sources {
        let units = sum_units(source.unbilled.iter().map(|unbilled| unbilled.tally.units))?;
        let exact = Money::new(units, source.currency);
        totals.push(source.rate.as_ref().map_or(Ok(exact), |rate| rate.convert(exact, into))?.units());
    }
    Ok(sum_units(totals)? < 0)
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
    Decided { book, takes: takes.collect(), invoice, extras }
}

/// The days and offers of what a request takes. No more rows of these epochs come, so the offers that are there now say
/// it for ever.
fn pick(
    request: &RunRequest,
    facts: &Facts,
    cut: Cut,
    state: &BookState,
    unbilled: &[Unbilled],
    billed: &[Period],
) -> Pick {
    let from = first_day(request, facts, state);
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
    RunSkip { party_id: book.party_id, currency: book.currency, units, reason: reason.as_str().to_owned() }
}

/// A book in which nothing can be billed because all of it waits for hold days.
fn held_back(book: Book, sums: &[UnbilledSum]) -> Result<Option<RunSkip>> {
    let held = sums.iter().filter(|sum| sum.class == Class::Held && !sum.tally.is_zero());
    let units: Vec<i64> = held.map(|sum| sum.tally.units).collect();
    if units.is_empty() {
        return Ok(None);
    }
    Ok(Some(skip(book, SkipReason::OfferHold, sum_units(units)?)))
}
