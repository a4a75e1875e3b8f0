//! Postings of the ledger.

use quittance_engine::invoices::{ListedPosting, StoredPosting};
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

/// A page of the postings of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostingPage {
    /// The postings, oldest first.
    pub postings: Vec<Posting>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
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

/// A posting with the document that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerPosting {
    /// Its entry; the postings of an entry add up to zero.
    pub entry: i64,
    /// What happened.
    pub event: String,
    /// The account's code.
    pub account: String,
    /// The amount: positive is debit, negative is credit.
    pub amount: Amount,
    /// Its currency.
    pub currency: Code,
    /// The day in the books.
    pub date: Date,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// The affiliate of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The invoice, where it is about one.
    pub invoice_id: Option<i64>,
}

/// A page of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LedgerPage {
    /// The postings, by day and entry.
    pub postings: Vec<LedgerPosting>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A posting with the document that it is about.
#[must_use]
pub fn ledger_posting(listed: &ListedPosting) -> LedgerPosting {
    let (affiliate_id, advertiser_id) = super::party_ids(listed.kind, listed.party_id);
    let Posting { entry, event, account, amount, currency, date, recorded_at } = posting(&listed.posting);
    LedgerPosting {
        entry,
        event,
        account,
        amount,
        currency,
        date,
        recorded_at,
        affiliate_id,
        advertiser_id,
        invoice_id: Some(listed.invoice_id).filter(|id| *id > 0),
    }
}
