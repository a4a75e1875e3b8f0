//! What is unbilled in some books, summed as a run sees it. It reads accruals, never conversions.

use std::collections::HashMap;

use quittance_domain::accrual::{Book, Bucket, Cut, Tally};
use quittance_domain::conversion::EntryPlace;
use quittance_domain::ids::{InvoiceKind, NetworkId, OfferId};
use quittance_domain::money::MoneyError;
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::accruals::{self, BookState};

use crate::error::Result;

/// What becomes of a row in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Billed: a day from the book's next start on, up to the run's last day.
    Own,
    /// Billed: one day before the book's next start.
    Earlier(Day),
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

fn class(place: EntryPlace, cut: Cut, next_start: Option<Day>) -> Class {
    let day = place.posting_day;
    if day > cut.through {
        Class::Later
    } else if place.billable_day > cut.as_of {
        Class::Held
    } else if next_start.is_some_and(|next| day < next) {
        Class::Earlier(day)
    } else {
        Class::Own
    }
}

/// The sums of one book while its rows come in.
#[derive(Default)]
struct OfBook(HashMap<(OfferId, Class), UnbilledSum>);

impl OfBook {
    fn add(&mut self, bucket: Bucket, tally: Tally, class: Class) -> std::result::Result<(), MoneyError> {
        let Bucket { place, offer_id, .. } = bucket;
        let sum = self.0.entry((offer_id, class)).or_insert(UnbilledSum {
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

/// The unbilled sums of some books, as a run with this cut sees them.
///
/// # Errors
/// What the store says, or a sum that does not fit.
pub(super) fn unbilled_sums(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    books: &[BookState],
    cut: Cut,
) -> Result<HashMap<Book, Vec<UnbilledSum>>> {
    let mut parties: Vec<i64> = books.iter().map(|state| state.book.party_id).collect();
    parties.dedup();
    let next_starts: HashMap<Book, Option<Day>> = books.iter().map(|state| (state.book, state.next_start)).collect();
    let mut sums: HashMap<Book, OfBook> = HashMap::new();
    // Buckets of one book mostly come together: its sums are looked up once.
    let mut overflow = None;
    let mut open: Option<(Book, Option<Day>, OfBook)> = None;
    accruals::each_unbilled(tx, network, kind, &parties, cut.epoch, &mut |bucket, tally| {
        let book = bucket.book;
        if open.as_ref().is_none_or(|(opened, ..)| *opened != book) {
            if let Some((closed, _, of_book)) = open.take() {
                sums.insert(closed, of_book);
            }
            let next_start = next_starts.get(&book).copied().flatten();
            open = Some((book, next_start, sums.remove(&book).unwrap_or_default()));
        }
        let Some((_, next_start, of_book)) = &mut open else { return Ok(()) };
        let class = class(bucket.place, cut, *next_start);
        if let Err(error) = of_book.add(bucket, tally, class) {
            overflow.get_or_insert(error);
        }
        Ok(())
    })?;
    if let Some(overflow) = overflow {
        return Err(overflow.into());
    }
    sums.extend(open.map(|(book, _, of_book)| (book, of_book)));
    Ok(sums.into_iter().map(|(book, of_book)| (book, of_book.0.into_values().collect())).collect())
}
