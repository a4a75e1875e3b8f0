//! The ledger's postings. They are only ever added.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{EntryId, InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::ledger::Entry;
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    OF_INVOICE = "SELECT entry_id, posting_no, currency, account, units, posting_day, event, document_no, recorded_at \
        FROM postings WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY entry_id, posting_no";
    BALANCES = "SELECT account, currency, CAST(SUM(units) AS BIGINT) FROM postings WHERE network_id = $1 \
        GROUP BY account, currency ORDER BY account, currency";
}

bulks! {
    ADD = "postings" [
        "network_id" Int, "kind" Text, "party_id" Int, "entry_id" Int, "posting_no" Int, "currency" Text,
        "account" Text, "units" Int, "posting_day" Int, "event" Text, "invoice_id" Int, "document_no" Int,
        "recorded_at" Int
    ] "";
}

/// An entry with the document and event that it belongs to.
#[derive(Debug, Clone)]
pub struct BookedEntry {
    /// The book of the document.
    pub book: Book,
    /// The entry's id.
    pub entry_id: EntryId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// What happened: `issue`, `adjust`, `payment`, `void`.
    pub event: &'static str,
    /// Which of the invoice's documents: the payment's id, the version that a correction made, else 0.
    pub document_no: i64,
    /// The day in the books.
    pub posting_day: Day,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The balanced postings.
    pub entry: Entry,
}

/// One stored posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosting {
    /// Its entry.
    pub entry_id: i64,
    /// Its place in the entry.
    pub posting_no: i64,
    /// The currency.
    pub currency: Currency,
    /// The account's code.
    pub account: String,
    /// Billing units; positive is debit.
    pub units: i64,
    /// The day in the books.
    pub posting_day: Day,
    /// What happened.
    pub event: String,
    /// See [`BookedEntry::document_no`].
    pub document_no: i64,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Appends entries.
///
/// # Errors
/// What the database says.
pub fn add(tx: &mut dyn Tx, network: NetworkId, entries: &[BookedEntry]) -> Result<()> {
    let accounts: Vec<Vec<String>> =
        entries.iter().map(|e| e.entry.postings().iter().map(|p| p.account.code().into_owned()).collect()).collect();
    let mut values = Vec::with_capacity(entries.len() * 2 * 13);
    for (booked, accounts) in entries.iter().zip(&accounts) {
        for (no, (posting, account)) in (1..).zip(booked.entry.postings().iter().zip(accounts)) {
            values.extend([
                Param::Int(network.get()),
                booked.book.kind.as_str().into(),
                booked.book.party_id.into(),
                booked.entry_id.get().into(),
                Param::Int(no),
                posting.amount.currency().code().into(),
                account.into(),
                posting.amount.units().into(),
                day_number(booked.posting_day).into(),
                booked.event.into(),
                booked.invoice_id.get().into(),
                booked.document_no.into(),
                booked.recorded_at.micros().into(),
            ]);
        }
    }
    tx.bulk(&ADD, &values)?;
    Ok(())
}

/// The postings of one invoice, oldest first.
///
/// # Errors
/// What the database says.
pub fn of_invoice(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    party_id: i64,
    invoice: InvoiceId,
) -> Result<Vec<StoredPosting>> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into(), invoice.get().into()];
    let posting = |row: &Row| {
        Ok(StoredPosting {
            entry_id: row.int(0)?,
            posting_no: row.int(1)?,
            currency: currency(row.text(2)?)?,
            account: row.string(3)?,
            units: row.int(4)?,
            posting_day: day(row.int(5)?)?,
            event: row.string(6)?,
            document_no: row.int(7)?,
            recorded_at: Timestamp::from_micros(row.int(8)?),
        })
    };
    tx.query(OF_INVOICE, &params)?.iter().map(posting).collect()
}

/// The balance of each account in each currency, in billing units; positive is debit.
///
/// # Errors
/// What the database says.
pub fn balances(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<(String, Currency, i64)>> {
    let rows = tx.query(BALANCES, &[network.get().into()])?;
    rows.iter().map(|row| Ok((row.string(0)?, currency(row.text(1)?)?, row.int(2)?))).collect()
}
