//! From some books to a decision for each: an invoice with what it takes, a reason for none, or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quittance_domain::accrual::{Book, Cut, Pick, Reach};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId, OfferId};
use quittance_domain::money::Money;
use quittance_domain::period::Period;
use quittance_domain::planner::{Conditions, Plan, PlannedInvoice, Situation, SkipReason, Unbilled, plan};
use quittance_domain::time::Day;
use quittance_store::accruals::BookState;
use quittance_store::parties::{self, Party, PaymentMethod, PaymentSystem};
use quittance_store::runs::RunSkip;
use quittance_store::{Tx, invoices};

use super::RunRequest;
use super::sums::{Class, UnbilledSum, unbilled_sums};
use crate::error::Result;

/// What a whole run has in common.
pub(super) struct Setup {
    pub(super) network: NetworkId,
    pub(super) network_currency: Currency,
    pub(super) require_payment_method: bool,
    pub(super) currencies: HashMap<Currency, Option<i64>>,
    pub(super) systems: HashMap<i64, PaymentSystem>,
}

/// An invoice that a run will issue.
pub(super) struct Decided {
    /// The book as it was.
    pub(super) book: BookState,
    /// The book as the invoice leaves it.
    pub(super) book_after: BookState,
    /// The invoice.
    pub(super) invoice: PlannedInvoice,
    /// What it takes of the book.
    pub(super) reach: Reach,
}

/// The decisions for some books.
#[derive(Default)]
pub(super) struct Decisions {
    pub(super) issue: Vec<Decided>,
    pub(super) skips: Vec<RunSkip>,
    /// The parties of the books, for what an invoice keeps of them.
    pub(super) parties: HashMap<i64, Party>,
}

/// Decides for some books of one kind. They are locked where the decision is to be carried out.
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
    let sums = unbilled_sums(tx, setup.network, request, books, cut)?;
    let mut decisions = Decisions::default();
    for state in books {
        let Some(sums) = sums.get(&state.book) else { continue };
        let taking = take(tx, setup.network, request, cut, state, sums)?;
        let situation = Situation {
            book: state.book,
            from: request.from,
            through: cut.through,
            next_start: state.next_start,
            billed_periods: &taking.billed_periods,
            remainder_units: facts.remainders.get(&state.book).copied().unwrap_or(0),
            unbilled: &taking.unbilled,
            conditions: facts.conditions(setup, state.book),
        };
        match plan(&situation)? {
            Plan::Issue(invoice) => {
                let after = state.next_start.max(Some(invoice.period.end.plus_days(1)));
                let book_after = BookState { next_start: after, ..taking.book_after };
                decisions.issue.push(Decided { book: *state, book_after, invoice, reach: taking.reach });
            }
            Plan::Skip { reason, total_units } => decisions.skips.push(skip(state.book, reason, total_units)),
            Plan::Nothing => decisions.skips.extend(held_back(state.book, sums)?),
        }
    }
    decisions.parties = facts.parties;
    Ok(decisions)
}

/// What a book would be billed for, and what becomes of the book.
struct Taking {
    unbilled: Vec<Unbilled>,
    billed_periods: Vec<Period>,
    reach: Reach,
    book_after: BookState,
}

/// A run takes everything inside its cut, and the book keeps that cut, unless it leaves something behind there: then it
/// picks.
fn take(
    tx: &mut dyn Tx,
    network: NetworkId,
    request: &RunRequest,
    cut: Cut,
    state: &BookState,
    sums: &[UnbilledSum],
) -> Result<Taking> {
    let unbilled: Vec<Unbilled> = sums.iter().filter_map(unbilled).collect();
    let earlier = unbilled.iter().any(|u| u.earlier_day.is_some());
    let billed_periods =
        if earlier || request.from.is_some() { invoices::periods(tx, network, state.book)? } else { Vec::new() };
    // Another run may have cut this book with a later epoch meanwhile. All of that is committed too.
    let cut = Cut { epoch: cut.epoch.max(state.cut.epoch), ..cut };
    let behind = cut.through < state.cut.through || cut.as_of < state.cut.as_of;
    let picks = behind || sums.iter().any(|sum| sum.class == Class::Unasked);
    let book_after = BookState { next_take: state.next_take + 1, ..*state };
    if picks {
        let pick = pick(request, cut, state, &unbilled, &billed_periods);
        return Ok(Taking { unbilled, billed_periods, reach: Reach { cut, pick: Some(pick) }, book_after });
    }
    let left = sums.iter().filter(|sum| unbilled_class(sum.class).is_none()).map(|sum| sum.first_epoch).min();
    let book_after = BookState { cut, low_epoch: left.unwrap_or(cut.epoch + 1), ..book_after };
    Ok(Taking { unbilled, billed_periods, reach: Reach { cut, pick: None }, book_after })
}

/// The days and offers of what a request takes. No more rows of these epochs come, so the offers that are there now say
/// it for ever.
fn pick(request: &RunRequest, cut: Cut, state: &BookState, unbilled: &[Unbilled], billed: &[Period]) -> Pick {
    let mut days = vec![Period { start: request.from.unwrap_or(Day::MIN), end: cut.through }];
    if let (Some(_), Some(next)) = (request.from, state.next_start) {
        let before = |period: &Period| Period { end: period.end.min(next.plus_days(-1)), ..*period };
        days.extend(billed.iter().map(before).filter(|period| period.start <= period.end));
    }
    let offers = request.offers.as_ref().map(|_| {
        let taken: BTreeSet<OfferId> = unbilled.iter().map(|unbilled| unbilled.offer_id).collect();
        taken.into_iter().collect()
    });
    Pick { days, offers }
}

/// The earlier day of a class that is billed (`Some(None)`: the own period); `None` where it is not billed now.
fn unbilled_class(class: Class) -> Option<Option<Day>> {
    match class {
        Class::Own => Some(None),
        Class::Earlier(day) => Some(Some(day)),
        Class::Unasked | Class::Held | Class::Later => None,
    }
}

fn unbilled(sum: &UnbilledSum) -> Option<Unbilled> {
    let earlier_day = unbilled_class(sum.class)?;
    Some(Unbilled { offer_id: sum.offer_id, earlier_day, first_day: sum.first_day, tally: sum.tally })
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
    Ok(Some(skip(book, SkipReason::OfferHold, quittance_domain::money::sum_units(units)?)))
}

/// What the conditions of some parties depend on.
struct Facts {
    parties: HashMap<i64, Party>,
    methods: BTreeMap<i64, Vec<PaymentMethod>>,
    remainders: HashMap<Book, i64>,
}

impl Facts {
    fn load(tx: &mut dyn Tx, setup: &Setup, kind: InvoiceKind, ids: &[i64]) -> Result<Facts> {
        let party_kind = kind.party_kind();
        let parties = parties::by_ids(tx, setup.network, party_kind, ids)?;
        let mut methods: BTreeMap<i64, Vec<PaymentMethod>> = BTreeMap::new();
        for method in parties::methods_of(tx, setup.network, party_kind, ids)? {
            methods.entry(method.party_id).or_default().push(method);
        }
        let remainders = invoices::remainders(tx, setup.network, kind, ids)?.into_iter().collect();
        Ok(Facts { parties: parties.into_iter().map(|p| (p.party_id, p)).collect(), methods, remainders })
    }

    fn conditions(&self, setup: &Setup, book: Book) -> Conditions {
        let party = self.parties.get(&book.party_id);
        let methods = self.methods.get(&book.party_id).map_or(&[][..], Vec::as_slice);
        let method = method_for(methods, &setup.systems, book.currency);
        let system = method.and_then(|method| setup.systems.get(&method.system_id));
        let of_system = system.and_then(|system| minimum_of(system, setup.network_currency, book.currency));
        let of_party = party.filter(|p| p.currency == book.currency).and_then(|p| p.minimum_units);
        let of_currency = setup.currencies.get(&book.currency).copied().flatten();
        let on_hold = party.is_some_and(|party| party.on_hold);
        match book.kind {
            InvoiceKind::Payable => Conditions {
                on_hold,
                payable: method.is_some() || !setup.require_payment_method,
                minimum_units: of_system.or(of_party).or(of_currency).unwrap_or(0),
            },
            // Payment systems and the minimums of currencies are about paying out.
            InvoiceKind::Receivable => Conditions { on_hold, payable: true, minimum_units: of_party.unwrap_or(0) },
        }
    }
}

/// The payment method with which an amount in a currency would be paid: the main one, else the first, of those in
/// the currency; else of those that name none.
pub(crate) fn method_for<'a>(
    methods: &'a [PaymentMethod],
    systems: &HashMap<i64, PaymentSystem>,
    currency: Currency,
) -> Option<&'a PaymentMethod> {
    let currency_of =
        |m: &PaymentMethod| m.currency.or_else(|| systems.get(&m.system_id).and_then(|system| system.currency));
    let best = |wanted: Option<Currency>| {
        let fitting = methods.iter().filter(|m| currency_of(m) == wanted);
        fitting.min_by_key(|m| (!m.main, m.method_no))
    };
    best(Some(currency)).or_else(|| best(None))
}

/// A payment system's minimum in a currency. One that names no currency states it in the network's, and means the same
/// figure in each.
fn minimum_of(system: &PaymentSystem, network_currency: Currency, currency: Currency) -> Option<i64> {
    let minimum = Money::new(system.minimum_units?, system.currency.unwrap_or(network_currency));
    if system.currency.is_some() {
        return Some(minimum.units()).filter(|_| minimum.currency() == currency);
    }
    Money::parse(&minimum.to_decimal(), currency).ok().map(Money::units)
}

impl Setup {
    /// What a run needs to know of its network.
    pub(super) fn load(
        tx: &mut dyn Tx,
        network: NetworkId,
        network_currency: Currency,
        require_payment_method: bool,
    ) -> Result<Setup> {
        let systems = parties::systems(tx, network)?.into_iter().map(|s| (s.system_id, s)).collect();
        let currencies = parties::currencies(tx, network)?.into_iter().collect();
        Ok(Setup { network, network_currency, require_payment_method, currencies, systems })
    }
}
