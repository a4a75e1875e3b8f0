//! What a source says it has paid itself, and what was billed of it here before.

use std::collections::{HashMap, HashSet};

use quittance_domain::accrual::{Book, entries};
use quittance_domain::ids::NetworkId;
use quittance_store::Tx;
use quittance_store::conversions::{self, State};
use quittance_store::takes::{self, Take};

use super::Positioned;
use crate::error::Result;

/// Of the known conversions of a batch in which a source says what it has paid: those that an invoice here has, or had.
/// They stay in the books,
/// since the payment that the source speaks of may be that of the invoice; to take it back would wrong whoever was paid
/// once. A query a book.
pub(super) fn billed_here(
    tx: &mut dyn Tx,
    network: NetworkId,
    batches: &[&[Positioned]],
    known: &[State],
) -> Result<HashSet<Box<str>>> {
    let mut billed = HashSet::new();
    if !batches.iter().copied().flatten().any(|positioned| positioned.record.settled) {
        return Ok(billed);
    }
    let mut takes: HashMap<Book, Vec<Take>> = HashMap::new();
    let revised = known.iter().map(|state| &state.known).filter(|known| known.revision > 1);
    let ids: Vec<&str> = revised.map(|known| &*known.conversion.conversion_id).collect();
    let before = if ids.is_empty() { Vec::new() } else { conversions::superseded(tx, network, &ids)? };
    for State { known, .. } in known.iter().chain(&before) {
        for (book, _) in entries(&known.conversion, known.elsewhere) {
            let takes = match takes.entry(book) {
                std::collections::hash_map::Entry::Occupied(found) => found.into_mut(),
                std::collections::hash_map::Entry::Vacant(free) => free.insert(takes::of_book(tx, network, book)?),
            };
            if takes.iter().any(|take| take.reach.holds(known.place, known.conversion.offer_id)) {
                billed.insert(known.conversion.conversion_id.clone());
            }
        }
    }
    Ok(billed)
}
