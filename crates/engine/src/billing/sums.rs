//! What is unbilled in some books, summed as a run sees it. It reads accruals, never conversions.

use std::collections::HashMap;

use quittance_domain::accrual::{Book, Bucket, Cut, Tally};
use quittance_domain::ids::{InvoiceKind, NetworkId, OfferId};
use quittance_domain::money::MoneyError;
use quittance_domain::period::Period;
use quittance_domain::time::Day;
use quittance_store::accruals::BookState;
use quittance_store::{Tx, invoices, runs};

use super::entries::Wanted;
use super::extras::Months;
use super::facts::{Facts, Setup};
use super::{FirstDay, RunRequest};
use crate::error::Result;
use crate::unbilled::{self, Picked};

/// What becomes of a row in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Billed: a day from the book's next start on, up to the run's last day; with the last day of the period in which a
    /// run has left it out, if one has.
    Own(Option<Day>),
    /// Billed: one day before the book's next start.
    Earlier(Day),
    /// Left: the request does not ask for it.
    Unasked,
    /// Left: its hold days are not over.
    Held,
    /// Left: a day after the run's last one.
    Later,
}

/// A sum over unbilled rows of one book.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnbilledSum {
    pub(super) offer_id: OfferId,
    pub(super) class: Class,
    pub(super) tally: Tally,
    /// The first posting day in it.
    pub(super) first_day: Day,
    /// The first epoch in it.
    pub(super) first_epoch: i64,
}

/// What decides over the rows of one book.
#[derive(Default)]
pub(super) struct Limits {
    next_start: Option<Day>,
    /// The first day that is asked for: of a book's own last invoice, also where it is billed with others.
    pub(super) from: Option<Day>,
    /// What picks have taken already.
    pub(super) picked: Picked,
    /// Up to which days runs have left the book out since its last invoice, in order.
    pub(super) left_through: Vec<Day>,
    /// What is billed of each day is told apart, since a term of a share may end on any of them.
    by_day: bool,
    /// The periods of its invoices, where anything depends on them.
    pub(super) billed_periods: Vec<Period>,
}

impl Limits {
    /// What becomes of an unbilled row.
    pub(super) fn class(&self, wanted: &Wanted, cut: Cut, bucket: &Bucket) -> Class {
        let day = bucket.place.posting_day;
        let earlier = self.next_start.is_some_and(|next| day < next);
        // A difference to an invoice that was issued is taken whatever the first day says.
        let difference = || earlier && self.billed_periods.iter().any(|period| period.contains(day));
        if day > cut.through {
            Class::Later
        } else if bucket.place.billable_day > cut.as_of {
            Class::Held
        } else if self.from.is_some_and(|from| day < from && !difference()) || !wanted.takes_any_of(bucket.offer_id) {
            Class::Unasked
        } else if earlier {
            Class::Earlier(day)
        } else {
            Class::Own(self.left_through.iter().copied().find(|left| day <= *left))
        }
    }
}

/// The limits of some books, whose next invoices start where `books` says; `own` says where that of each alone would.
pub(super) fn limits(
    tx: &mut dyn Tx,
    network: NetworkId,
    request: &RunRequest,
    facts: &Facts,
    books: &[BookState],
    own: &[BookState],
) -> Result<HashMap<Book, Limits>> {
    let parties = parties(books);
    let own_from: HashMap<Book, Option<Day>> =
        own.iter().map(|state| (state.book, first_day(request, facts, state))).collect();
    let of_book = |state: &BookState| {
        let from = own_from.get(&state.book).copied().flatten();
        let referrer = facts.referrer(state.book.party_id).filter(|_| request.kind == InvoiceKind::Payable);
        let by_day = referrer.is_some_and(|referrer| referrer.may_end_before(request.through));
        (state.book, Limits { next_start: state.next_start, from, by_day, ..Limits::default() })
    };
    let mut limits: HashMap<Book, Limits> = books.iter().map(of_book).collect();
    for (book, picked) in unbilled::picked(tx, network, request.kind, &parties)? {
        limits.entry(book).or_default().picked = picked;
    }
    if periods_matter(request) {
        billed_periods(tx, network, request, books, &mut limits)?;
    }
    if !request.is_unbound() {
        roll_over(tx, network, request, facts, &parties, &mut limits)?;
    }
    Ok(limits)
}

/// Whether a request depends on the periods of earlier invoices, whatever there is unbilled.
pub(super) fn periods_matter(request: &RunRequest) -> bool {
    request.from != FirstDay::FirstUnbilled || request.scheduled || request.by_entry()
}

/// Looks up the periods of the invoices of some books.
pub(super) fn billed_periods(
    tx: &mut dyn Tx,
    network: NetworkId,
    request: &RunRequest,
    books: &[BookState],
    limits: &mut HashMap<Book, Limits>,
) -> Result<()> {
    for (book, period) in invoices::periods_of(tx, network, request.kind, &parties(books))? {
        if let Some(limits) = limits.get_mut(&book) {
            limits.billed_periods.push(period);
        }
    }
    Ok(())
}

/// How many periods that were left out have lines of their own; older ones are together.
const LEFT_OUT_MAX: usize = 12;

/// What runs have left out since the last invoice rolls over with its periods.
fn roll_over(
    tx: &mut dyn Tx,
    network: NetworkId,
    request: &RunRequest,
    facts: &Facts,
    parties: &[i64],
    limits: &mut HashMap<Book, Limits>,
) -> Result<()> {
    let mut books: HashMap<i64, Vec<Book>> = HashMap::new();
    for book in limits.keys() {
        books.entry(book.party_id).or_default().push(*book);
    }
    for (book, through) in runs::left_through(tx, network, request.kind, parties)? {
        // An invoice that would have had everything converted was left out with all books of its party.
        let converts = facts.converts_into(book.party_id) == Some(book.currency);
        let of_party = books.get(&book.party_id).into_iter().flatten().filter(|_| converts).copied();
        for left in of_party.chain([book]) {
            let Some(of_book) = limits.get_mut(&left) else { continue };
            if of_book.next_start.is_none_or(|next| through >= next) && through < request.through {
                of_book.left_through.push(through);
            }
        }
    }
    for of_book in limits.values_mut() {
        of_book.left_through.sort_unstable();
        of_book.left_through.dedup();
        let more = of_book.left_through.len().saturating_sub(LEFT_OUT_MAX);
        of_book.left_through.drain(..more);
    }
    Ok(())
}

fn parties(books: &[BookState]) -> Vec<i64> {
    let mut parties: Vec<i64> = books.iter().map(|state| state.book.party_id).collect();
    parties.dedup();
    parties
}

/// The first day that a request asks for of a book.
fn first_day(request: &RunRequest, facts: &Facts, state: &BookState) -> Option<Day> {
    if request.scheduled {
        return facts.rules.get(&state.book.party_id).and_then(|rules| rules.auto_start);
    }
    match request.from {
        FirstDay::FirstUnbilled => None,
        FirstDay::LastInvoice => state.next_start,
        FirstDay::Day(day) => Some(day),
    }
}

/// The sums of one book while its rows come in.
#[derive(Default)]
struct OfBook {
    sums: HashMap<(OfferId, Class, Option<Day>), UnbilledSum>,
    months: Months,
}

impl OfBook {
    fn add(
        &mut self,
        bucket: Bucket,
        tally: Tally,
        class: Class,
        (by_month, by_day): (bool, bool),
    ) -> std::result::Result<(), MoneyError> {
        let Bucket { place, offer_id, .. } = bucket;
        if by_month && matches!(class, Class::Own(_) | Class::Earlier(_)) {
            self.months.entry((offer_id, place.posting_day.first_of_month())).or_default().add(tally)?;
        }
        let day = Some(place.posting_day).filter(|_| by_day && matches!(class, Class::Own(_)));
        let sum = self.sums.entry((offer_id, class, day)).or_insert(UnbilledSum {
            offer_id,
            class,
            tally: Tally::default(),
            first_day: place.posting_day,
            first_epoch: place.epoch,
        });
        sum.first_day = sum.first_day.min(place.posting_day);
        sum.first_epoch = sum.first_epoch.min(place.epoch);
        sum.tally.add(tally)
    }
}

/// What is unbilled in some books.
#[derive(Default)]
pub(super) struct UnbilledSums {
    pub(super) of_book: HashMap<Book, Vec<UnbilledSum>>,
    /// What is billed of them by calendar month, where there are volume bonuses.
    pub(super) months: HashMap<Book, Months>,
}

impl UnbilledSums {
    /// Whether anything is to be billed of a day before the start of its book's next period.
    pub(super) fn any_earlier(&self) -> bool {
        self.earlier().next().is_some()
    }

    /// The books of which anything is to be billed of a day before the start of their next period.
    pub(super) fn earlier(&self) -> impl Iterator<Item = &Book> {
        let earlier = |sum: &UnbilledSum| matches!(sum.class, Class::Earlier(_));
        self.of_book.iter().filter(move |(_, sums)| sums.iter().any(earlier)).map(|(book, _)| book)
    }
}

/// The unbilled sums of some books, as a run with this cut sees them.
///
/// # Errors
/// What the store says, or a sum that does not fit.
pub(super) fn unbilled_sums(
    tx: &mut dyn Tx,
    setup: &Setup,
    request: &RunRequest,
    books: &[BookState],
    limits: &HashMap<Book, Limits>,
    cut: Cut,
) -> Result<UnbilledSums> {
    let (parties, by_month) = (parties(books), !setup.bonuses.is_empty());
    let mut sums: HashMap<Book, OfBook> = HashMap::new();
    // Buckets of one book mostly come together: what it needs is looked up once.
    let mut overflow = None;
    let mut open: Option<(Book, Option<&Limits>, OfBook)> = None;
    let picked = |book: Book| limits.get(&book).map(|limits| &limits.picked);
    unbilled::each(tx, (setup.network, request.kind), &parties, cut.epoch, &picked, &mut |bucket, tally| {
        let book = bucket.book;
        if open.as_ref().is_none_or(|(opened, ..)| *opened != book) {
            if let Some((closed, _, of_book)) = open.take() {
                sums.insert(closed, of_book);
            }
            open = Some((book, limits.get(&book), sums.remove(&book).unwrap_or_default()));
        }
        // A book that is not asked for has no limits.
        let Some((_, Some(limits), of_book)) = &mut open else { return };
        let class = limits.class(&setup.wanted, cut, &bucket);
        if let Err(error) = of_book.add(bucket, tally, class, (by_month, limits.by_day)) {
            overflow.get_or_insert(error);
        }
    })?;
    if let Some(overflow) = overflow {
        return Err(overflow.into());
    }
    sums.extend(open.map(|(book, _, of_book)| (book, of_book)));
    let mut unbilled = UnbilledSums::default();
    for (book, OfBook { sums, months }) in sums {
        unbilled.of_book.insert(book, sums.into_values().collect());
        if !months.is_empty() {
            unbilled.months.insert(book, months);
        }
    }
    Ok(unbilled)
}
