//! Postings of the ledger.

use quittance_engine::invoices::StoredPosting;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Amount, Code, Date, Instant};

/// A posting of the ledger: positive is debit, negative is credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Posting {
    /// Its entry; the postings of an entry add up to zero.
    pub entry: i64,
    /// What happened.
    pub event: String,
    /// The account's code.
    pub account: String,
    /// The amount.
    pub amount: Amount,
    /// Its currency.
    pub currency: Code,
    /// The day in the books.
    pub date: Date,
    /// When it was recorded.
    pub recorded_at: Instant,
}

/// The postings of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Postings {
    /// The postings, oldest first.
    pub postings: Vec<Posting>,
}

/// A posting of the ledger: positive is debit, negative is credit.
#[must_use]
pub fn posting(posting: &StoredPosting) -> Posting {
    Posting {
        entry: posting.entry_id,
        event: posting.event.clone(),
        account: posting.account.clone(),
        amount: Amount::of(posting.units, posting.currency),
        currency: posting.currency.into(),
        date: posting.posting_day.into(),
        recorded_at: posting.recorded_at.into(),
    }
}
