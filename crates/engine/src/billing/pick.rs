//! Picks: runs that take some rows of a book and leave earlier ones behind. The explicit, rare path; its cost is the
//! rows of that one book.

use quittance_domain::accrual::Cut;
use quittance_domain::ids::NetworkId;
use quittance_domain::period::Period;
use quittance_domain::planner::Unbilled;
use quittance_domain::time::Day;
use quittance_store::accruals::{self, AccrualRow, BookState};
use quittance_store::{Tx, invoices};

use super::RunRequest;
use super::decide::Taking;
use crate::error::Result;

/// The rows of a book that a request takes.
pub(super) fn take(
    tx: &mut dyn Tx,
    network: NetworkId,
    request: &RunRequest,
    cut: Cut,
    state: &BookState,
) -> Result<Taking> {
    let billed_periods = match state.next_start {
        Some(_) => invoices::periods(tx, network, state.book)?,
        None => Vec::new(),
    };
    let rows = accruals::unbilled_rows(tx, network, state.book.kind, &[state.book.party_id], cut.epoch)?;
    let of_book = rows.into_iter().filter(|row| row.key.bucket.book == state.book);
    let rows: Vec<AccrualRow> =
        of_book.filter(|row| wanted(row, request, cut, state.next_start, &billed_periods)).collect();
    let unbilled = rows.iter().map(|row| unbilled(row, state.next_start)).collect();
    Ok(Taking { unbilled, billed_periods, book_after: *state, picked: Some(rows) })
}

fn wanted(
    row: &AccrualRow,
    request: &RunRequest,
    cut: Cut,
    next_start: Option<Day>,
    billed_periods: &[Period],
) -> bool {
    let bucket = &row.key.bucket;
    let day = bucket.place.posting_day;
    // A difference to an invoice that was issued is taken whatever the first day says.
    let difference = next_start.is_some_and(|next| day < next) && billed_periods.iter().any(|p| p.contains(day));
    day <= cut.through
        && bucket.place.billable_day <= cut.as_of
        && (difference || request.from.is_none_or(|from| day >= from))
        && request.offers.as_ref().is_none_or(|offers| offers.contains(&bucket.offer_id.get()))
}

fn unbilled(row: &AccrualRow, next_start: Option<Day>) -> Unbilled {
    let day = row.key.bucket.place.posting_day;
    let earlier_day = next_start.filter(|next| day < *next).map(|_| day);
    Unbilled { offer_id: row.key.bucket.offer_id, earlier_day, first_day: day, tally: row.tally }
}
