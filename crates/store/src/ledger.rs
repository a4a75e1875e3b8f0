//! The ledger's postings. They are only ever added.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{EntryId, InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::ledger::Entry;
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    /// The postings of an invoice among so many of its party: there is no index by invoice.
    OF_INVOICE_AFTER = "SELECT entry_id, posting_no, currency, account, units, posting_day, event, document_no, recorded_at \
        FROM (SELECT entry_id, posting_no, currency, account, units, posting_day, event, document_no, recorded_at, invoice_id \
        FROM postings WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND (entry_id, posting_no) > ($4, $5) \
        ORDER BY entry_id, posting_no LIMIT $6) looked_at WHERE invoice_id = $7 ORDER BY entry_id, posting_no LIMIT $8";
    OF_INVOICE_LOOKED_AT = "SELECT entry_id, posting_no FROM postings WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND (entry_id, posting_no) > ($4, $5) ORDER BY entry_id, posting_no LIMIT 1 OFFSET 9999";
    LISTED = "SELECT entry_id, posting_no, currency, account, units, posting_day, event, document_no, recorded_at, kind, \
        party_id, invoice_id FROM postings {by:postings_by_day} WHERE network_id = $1 AND posting_day + 0 >= $2 \
        AND posting_day <= $3 AND (posting_day, entry_id, posting_no) > ($4, $5, $6) AND ($7 = '' OR account = $7) \
        AND ($8 = '' OR kind = $8) AND ($9 = '' OR currency = $9) AND ($10 = '' OR event = $10) \
        ORDER BY posting_day, entry_id, posting_no LIMIT $11";
    LISTED_OF_PARTY = "SELECT entry_id, posting_no, currency, account, units, posting_day, event, document_no, recorded_at, \
        kind, party_id, invoice_id FROM postings WHERE network_id = $1 AND kind = $8 AND party_id = $12 \
        AND posting_day >= $2 AND posting_day <= $3 AND (posting_day, entry_id, posting_no) > ($4, $5, $6) \
        AND ($7 = '' OR account = $7) AND ($9 = '' OR currency = $9) AND ($10 = '' OR event = $10) \
        ORDER BY posting_day, entry_id, posting_no LIMIT $11";
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

fn posting(row: &Row) -> Result<StoredPosting> {
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
}

/// Which postings to list; `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingFilter {
    /// The first day in the books.
    pub from: Day,
    /// The last day in the books, inclusive.
    pub through: Day,
    /// Of this account, by its code.
    pub account: Option<String>,
    /// Of documents with affiliates, or with advertisers.
    pub kind: Option<InvoiceKind>,
    /// Of this party; needs `kind`.
    pub party_id: Option<i64>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Of this event.
    pub event: Option<String>,
}

/// The place of a posting in the books: its day, its entry, its place in that.
pub type PostingPlace = (Day, i64, i64);

/// A posting with the document that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPosting {
    /// The posting.
    pub posting: StoredPosting,
    /// The kind of the document's book.
    pub kind: InvoiceKind,
    /// The party of the document.
    pub party_id: i64,
    /// The invoice; 0: none.
    pub invoice_id: i64,
}

/// A page of postings by day, entry and place, after a place: at most `limit`.
///
/// # Errors
/// What the database says.
pub fn listed(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &PostingFilter,
    after: Option<PostingPlace>,
    limit: i64,
) -> Result<Vec<ListedPosting>> {
    // The place is where the index is entered, and so never before the first day.
    let start = (filter.from, i64::MIN, i64::MIN);
    let (after_day, after_entry, after_no) = after.filter(|after| after.0 >= filter.from).unwrap_or(start);
    let kind = match (filter.kind, filter.party_id) {
        (None, Some(_)) => InvoiceKind::Payable.as_str(),
        (kind, _) => kind.map_or("", InvoiceKind::as_str),
    };
    let mut params = vec![
        network.get().into(),
        day_number(filter.from).into(),
        day_number(filter.through).into(),
        day_number(after_day).into(),
        after_entry.into(),
        after_no.into(),
        filter.account.as_deref().unwrap_or("").into(),
        kind.into(),
        filter.currency.as_ref().map_or("", Currency::code).into(),
        filter.event.as_deref().unwrap_or("").into(),
        Param::Int(limit),
    ];
    let sql = match filter.party_id {
        None => LISTED,
        Some(party) => {
            params.push(party.into());
            LISTED_OF_PARTY
        }
    };
    let listed = |row: &Row| {
        let kind = row.text(9)?;
        Ok(ListedPosting {
            posting: posting(row)?,
            kind: InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?,
            party_id: row.int(10)?,
            invoice_id: row.int(11)?,
        })
    };
    tx.query(sql, &params)?.iter().map(listed).collect()
}

/// A place among the postings of a party: the entry, and the place in that.
pub type EntryPlace = (i64, i64);

/// How many postings one search of those of an invoice looks at. [`OF_INVOICE_LOOKED_AT`] names the last of them.
const LOOKED_AT_MAX: i64 = 10_000;

/// At most `limit` postings of an invoice after a place, oldest first, and how far the search has come, where it has not
/// come to the end of the party's.
///
/// # Errors
/// What the database says.
pub fn of_invoice_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    (kind, party_id, invoice): (InvoiceKind, i64, InvoiceId),
    after: Option<EntryPlace>,
    limit: i64,
) -> Result<(Vec<StoredPosting>, Option<EntryPlace>)> {
    let (entry, posting_no) = after.unwrap_or((i64::MIN, i64::MIN));
    let looked_at = [network.get().into(), kind.as_str().into(), party_id.into(), entry.into(), posting_no.into()];
    let mut params = looked_at.to_vec();
    params.extend([Param::Int(LOOKED_AT_MAX), invoice.get().into(), limit.into()]);
    let found = tx.query(OF_INVOICE_AFTER, &params)?.iter().map(posting).collect::<Result<Vec<_>>>()?;
    if i64::try_from(found.len()).is_ok_and(|count| count == limit) {
        let last = found.last().map(|posting| (posting.entry_id, posting.posting_no));
        return Ok((found, last));
    }
    let last = tx.query_one(OF_INVOICE_LOOKED_AT, &looked_at)?;
    Ok((found, last.map(|row| Ok::<_, Error>((row.int(0)?, row.int(1)?))).transpose()?))
}

/// The balance of each account in each currency, in billing units; positive is debit.
///
/// # Errors
/// What the database says.
pub fn balances(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<(String, Currency, i64)>> {
    let rows = tx.query(BALANCES, &[network.get().into()])?;
    rows.iter().map(|row| Ok((row.string(0)?, currency(row.text(1)?)?, row.int(2)?))).collect()
}
