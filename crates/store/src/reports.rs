//! What reports ask of the ledger, the accruals and the log.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::ledger::Account;
use quittance_domain::time::Day;

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

macro_rules! margin {
    ($key:literal) => {
        concat!(
            "SELECT COALESCE(",
            $key,
            ", 0), payout_currency, revenue_currency, CAST(SUM(sign) AS BIGINT), \
             CAST(SUM(CASE WHEN elsewhere IS NULL OR elsewhere = 2 THEN payout_units ELSE 0 END) AS BIGINT), \
             CAST(SUM(CASE WHEN elsewhere IS NULL OR elsewhere = 1 THEN revenue_units ELSE 0 END) AS BIGINT) \
             FROM conversion_log WHERE network_id = $1 AND posting_day >= $2 AND posting_day <= $3 \
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
    };
}

statements! {
    STATEMENT = "SELECT posting_day, entry_id, event, invoice_id, document_no, CAST(SUM(units) AS BIGINT) FROM postings \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency = $4 AND account = $5 AND posting_day >= $6 \
        AND posting_day <= $7 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2";
    BALANCE_BEFORE = "SELECT COALESCE(CAST(SUM(units) AS BIGINT), 0) FROM postings WHERE network_id = $1 AND kind = $2 \
        AND party_id = $3 AND currency = $4 AND account = $5 AND posting_day < $6";
    OPEN = "SELECT party_id, currency, invoice_id, CAST(SUM(units) AS BIGINT), MIN(posting_day) FROM postings \
        WHERE network_id = $1 AND kind = $2 AND account = $3 AND posting_day <= $4 GROUP BY 1, 2, 3 \
        HAVING SUM(units) <> 0 ORDER BY 1, 2, 3";
    CREDIT_USED = "SELECT party_id, currency, invoice_id, CAST(SUM(CASE WHEN source = 'credit' THEN units ELSE -units END) \
        AS BIGINT) FROM payments WHERE network_id = $1 AND kind = $2 AND paid_day <= $3 AND (source = 'credit' \
        OR (invoice_id = 0 AND source IN ('credit_payout', 'reversal'))) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    ACCRUED = "SELECT party_id, currency, CAST(SUM(units) AS BIGINT), CAST(SUM(conversions) AS BIGINT) FROM accruals \
        WHERE network_id = $1 AND kind = $2 AND origin_id = 0 AND posting_day <= $3 GROUP BY 1, 2 ORDER BY 1, 2";
    BILLED = "SELECT l.party_id, COALESCE(l.source_currency, i.currency), CAST(SUM(l.taken_units) AS BIGINT), \
        CAST(SUM(l.conversions) AS BIGINT) FROM invoices i JOIN invoice_lines l ON l.network_id = i.network_id \
        AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id WHERE i.network_id = $1 \
        AND i.kind = $2 AND i.status <> 'void' AND l.line_type = 'conversions' AND i.created_at < $3 GROUP BY 1, 2 \
        ORDER BY 1, 2";
    GIVEN_UP = "SELECT party_id, currency, CAST(SUM(units) AS BIGINT) FROM write_offs WHERE network_id = $1 AND kind = $2 \
        AND written_off_at < $3 GROUP BY 1, 2 ORDER BY 1, 2";
    MARGIN_BY_OFFER = margin!("offer_id");
    MARGIN_BY_AFFILIATE = margin!("affiliate_id");
    MARGIN_BY_ADVERTISER = margin!("advertiser_id");
    JOURNAL = "SELECT entry_id, posting_day, event, invoice_id, kind, party_id, account, units, currency FROM postings \
        WHERE network_id = $1 AND posting_day >= $2 AND posting_day <= $3 ORDER BY entry_id, posting_no LIMIT $4";
    LAST_RUN = "SELECT MAX(run_id) FROM runs WHERE network_id = $1 AND kind = $2 AND status = 'done'";
}

/// A line of a party's statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The day in the books.
    pub day: Day,
    /// The entry.
    pub entry_id: i64,
    /// What happened.
    pub event: String,
    /// The invoice; 0: none.
    pub invoice_id: i64,
    /// Billing units; positive is debit.
    pub units: i64,
}

/// The movements of a party's account in a range of days, and how it stood before.
///
/// # Errors
/// What the database says.
pub fn statement(
    tx: &mut dyn Tx,
    network: NetworkId,
    book: Book,
    from: Day,
    through: Day,
) -> Result<(i64, Vec<StatementRow>)> {
    let account = Account::of_party(book.kind);
    let code = account.code();
    let mut params = vec![
        network.get().into(),
        book.kind.as_str().into(),
        book.party_id.into(),
        book.currency.code().into(),
        Param::Text(&code),
        day_number(from).into(),
    ];
    let before = tx.query_one(BALANCE_BEFORE, &params)?.map_or(Ok(0), |row| row.int(0))?;
    params.push(day_number(through).into());
    let row = |row: &Row| {
        Ok(StatementRow {
            day: day(row.int(0)?)?,
            entry_id: row.int(1)?,
            event: row.string(2)?,
            invoice_id: row.int(3)?,
            units: row.int(5)?,
        })
    };
    Ok((before, tx.query(STATEMENT, &params)?.iter().map(row).collect::<Result<_>>()?))
}

/// What is open on a party's account for one invoice (0: for none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenItem {
    /// Whose, and in which currency.
    pub book: Book,
    /// The invoice; 0: none.
    pub invoice_id: i64,
    /// Billing units; positive is debit.
    pub units: i64,
    /// The day of the first movement.
    pub day: Day,
}

/// What is open on the accounts of all parties of a kind as of a day, by party, currency and invoice.
///
/// # Errors
/// What the database says.
pub fn open_items(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, as_of: Day) -> Result<Vec<OpenItem>> {
    let account = Account::of_party(kind);
    let code = account.code();
    let params = [network.get().into(), kind.as_str().into(), Param::Text(&code), day_number(as_of).into()];
    let item = |row: &Row| {
        Ok(OpenItem {
            book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
            invoice_id: row.int(2)?,
            units: row.int(3)?,
            day: day(row.int(4)?)?,
        })
    };
    tx.query(OPEN, &params)?.iter().map(item).collect()
}

/// A book, an invoice and an amount in billing units.
pub type OfInvoice = (Book, i64, i64);

/// What invoices have used of their parties' credit up to a day, and what of it was paid out (of invoice 0).
///
/// # Errors
/// What the database says.
pub fn credit_used(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, as_of: Day) -> Result<Vec<OfInvoice>> {
    let params = [network.get().into(), kind.as_str().into(), day_number(as_of).into()];
    let used = |row: &Row| {
        let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
        Ok((book, row.int(2)?, row.int(3)?))
    };
    tx.query(CREDIT_USED, &params)?.iter().map(used).collect()
}

/// A book, billing units and conversions.
pub type OfBook = (Book, i64, i64);

fn of_book(kind: InvoiceKind, row: &Row) -> Result<OfBook> {
    let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
    Ok((book, row.int(2)?, row.int(3)?))
}

/// What is approved up to a day in the books, billed or not.
///
/// # Errors
/// What the database says.
pub fn accrued(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, as_of: Day) -> Result<Vec<OfBook>> {
    let params = [network.get().into(), kind.as_str().into(), day_number(as_of).into()];
    tx.query(ACCRUED, &params)?.iter().map(|row| of_book(kind, row)).collect()
}

/// What invoices that were issued before an instant, and are not void, have billed of the conversions.
///
/// # Errors
/// What the database says.
pub fn billed(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    before: quittance_domain::time::Timestamp,
) -> Result<Vec<OfBook>> {
    let params = [network.get().into(), kind.as_str().into(), before.micros().into()];
    tx.query(BILLED, &params)?.iter().map(|row| of_book(kind, row)).collect()
}

/// What runs have given up before an instant.
///
/// # Errors
/// What the database says.
pub fn given_up(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    before: quittance_domain::time::Timestamp,
) -> Result<Vec<(Book, i64)>> {
    let params = [network.get().into(), kind.as_str().into(), before.micros().into()];
    let row = |row: &Row| Ok((Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? }, row.int(2)?));
    tx.query(GIVEN_UP, &params)?.iter().map(row).collect()
}

/// What a margin is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarginBy {
    /// The offer.
    Offer,
    /// The affiliate.
    Affiliate,
    /// The advertiser; 0: none.
    Advertiser,
}

/// What conversions of something cost and bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginRow {
    /// The offer or party.
    pub id: i64,
    /// What the payouts are in.
    pub payout_currency: Currency,
    /// What the revenues are in.
    pub revenue_currency: Currency,
    /// How many, net.
    pub conversions: i64,
    /// The payouts in billing units.
    pub payout_units: i64,
    /// The revenues in billing units.
    pub revenue_units: i64,
}

/// What approved conversions of a range of days cost and bring. It reads them.
///
/// # Errors
/// What the database says.
pub fn margin(tx: &mut dyn Tx, network: NetworkId, by: MarginBy, from: Day, through: Day) -> Result<Vec<MarginRow>> {
    let sql = match by {
        MarginBy::Offer => MARGIN_BY_OFFER,
        MarginBy::Affiliate => MARGIN_BY_AFFILIATE,
        MarginBy::Advertiser => MARGIN_BY_ADVERTISER,
    };
    let params = [network.get().into(), day_number(from).into(), day_number(through).into()];
    let row = |row: &Row| {
        Ok(MarginRow {
            id: row.int(0)?,
            payout_currency: currency(row.text(1)?)?,
            revenue_currency: currency(row.text(2)?)?,
            conversions: row.int(3)?,
            payout_units: row.int(4)?,
            revenue_units: row.int(5)?,
        })
    };
    tx.query(sql, &params)?.iter().map(row).collect()
}

/// The last run of a kind that has come to its end.
///
/// # Errors
/// What the database says.
pub fn last_run(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind) -> Result<Option<i64>> {
    let row = tx.query_one(LAST_RUN, &[network.get().into(), kind.as_str().into()])?;
    row.map_or(Ok(None), |row| row.opt_int(0))
}

/// A posting of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Its entry.
    pub entry_id: i64,
    /// The day in the books.
    pub day: Day,
    /// What happened.
    pub event: String,
    /// The invoice; 0: none.
    pub invoice_id: i64,
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The account's code.
    pub account: String,
    /// Billing units; positive is debit.
    pub units: i64,
    /// Their currency.
    pub currency: Currency,
}

/// The postings of a range of days, by entry.
///
/// # Errors
/// What the database says.
pub fn journal(tx: &mut dyn Tx, network: NetworkId, from: Day, through: Day, limit: i64) -> Result<Vec<JournalRow>> {
    let params = [network.get().into(), day_number(from).into(), day_number(through).into(), Param::Int(limit)];
    let row = |row: &Row| {
        let kind = row.text(4)?;
        Ok(JournalRow {
            entry_id: row.int(0)?,
            day: day(row.int(1)?)?,
            event: row.string(2)?,
            invoice_id: row.int(3)?,
            kind: InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?,
            party_id: row.int(5)?,
            account: row.string(6)?,
            units: row.int(7)?,
            currency: currency(row.text(8)?)?,
        })
    };
    tx.query(JOURNAL, &params)?.iter().map(row).collect()
}
