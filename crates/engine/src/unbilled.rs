//! What is unbilled: the accrual rows of a book that are above its cut and that no pick has taken. Runs, balances and
//! `verify` ask here, so that they agree.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::accrual::{Book, Bucket, Reach, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_store::{Tx, accruals, networks, takes};

use crate::error::Result;

/// What picks have taken of a book beyond its cut.
#[derive(Debug, Default)]
pub(crate) struct Picked(Vec<Reach>);

impl Picked {
    /// Whether one of them has taken a row.
    pub(crate) fn has(&self, bucket: &Bucket) -> bool {
        self.0.iter().any(|reach| reach.holds(bucket.place, bucket.offer_id))
    }
}

/// What picks have taken of the books of some parties. A book that is not there has none.
pub(crate) fn picked(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<HashMap<Book, Picked>> {
    let mut picked: HashMap<Book, Picked> = HashMap::new();
    for pick in takes::open_picks(tx, network, kind, parties)? {
        picked.entry(pick.book).or_default().0.push(pick.reach);
    }
    Ok(picked)
}

/// Hands over the unbilled rows of all books of some parties, as a run with this epoch sees them: those of one book mostly
/// together. `picked` says what picks have taken of a book.
pub(crate) fn each<'p>(
    tx: &mut dyn Tx,
    (network, kind): (NetworkId, InvoiceKind),
    parties: &[i64],
    epoch: i64,
    picked: &dyn Fn(Book) -> Option<&'p Picked>,
    each: &mut dyn FnMut(Bucket, Tally),
) -> Result<()> {
    // Rows of one book mostly come together: what was picked of it is looked up once.
    let mut open: Option<(Book, Option<&Picked>)> = None;
    accruals::each_unbilled(tx, network, kind, parties, epoch, &mut |bucket, tally| {
        let of_book = match open {
            Some((book, of_book)) if book == bucket.book => of_book,
            _ => picked(bucket.book),
        };
        open = Some((bucket.book, of_book));
        if !of_book.is_some_and(|picked| picked.has(&bucket)) {
            each(bucket, tally);
        }
        Ok(())
    })?;
    Ok(())
}

/// What is unbilled now of some parties, by party and currency.
pub(crate) fn of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<BTreeMap<(i64, Currency), Tally>> {
    let picked = picked(tx, network, kind, parties)?;
    let epoch = networks::current_epoch(tx, network)?;
    let mut unbilled: BTreeMap<(i64, Currency), Tally> = BTreeMap::new();
    let mut overflow = Ok(());
    each(tx, (network, kind), parties, epoch, &|book| picked.get(&book), &mut |bucket, tally| {
        let added = unbilled.entry((bucket.book.party_id, bucket.book.currency)).or_default().add(tally);
        overflow = std::mem::replace(&mut overflow, Ok(())).and(added);
    })?;
    overflow?;
    Ok(unbilled)
}
