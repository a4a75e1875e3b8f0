//! What `verify` asks of the whole database: each statement answers the rows that break a rule, or the sums to be
//! compared.

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

macro_rules! off_accruals {
    () => {
        "SELECT kind, party_id, currency, epoch, posting_day, billable_day, offer_id, \
         CAST(SUM(units) AS BIGINT), CAST(SUM(conversions) AS BIGINT) FROM ( \
         SELECT 'payable' AS kind, affiliate_id AS party_id, payout_currency AS currency, epoch, posting_day, \
           billable_day, offer_id, payout_units AS units, sign AS conversions FROM conversion_log \
           WHERE network_id = $1 AND (elsewhere IS NULL OR elsewhere = 2) \
         UNION ALL SELECT 'receivable', advertiser_id, revenue_currency, epoch, posting_day, billable_day, offer_id, \
           revenue_units, sign FROM conversion_log \
           WHERE network_id = $1 AND advertiser_id IS NOT NULL AND revenue_units <> 0 \
           AND (elsewhere IS NULL OR elsewhere = 1) \
         UNION ALL SELECT kind, party_id, currency, epoch, posting_day, billable_day, offer_id, -units, -conversions \
           FROM accruals WHERE network_id = $1 AND origin_id = 0) entries \
         GROUP BY kind, party_id, currency, epoch, posting_day, billable_day, offer_id \
         HAVING SUM(units) <> 0 OR SUM(conversions) <> 0 ORDER BY 1, 2, 3, 4, 5, 6, 7 LIMIT $2"
    };
}

statements! {
    /// Where the log and the accruals differ.
    OFF_ACCRUALS = off_accruals!();
    /// Where the present state of the conversions and the accruals differ, per book.
    OFF_BOOKS = "SELECT kind, party_id, currency, CAST(SUM(units) AS BIGINT), CAST(SUM(conversions) AS BIGINT) FROM ( \
        SELECT 'payable' AS kind, affiliate_id AS party_id, payout_currency AS currency, \
          CAST(SUM(payout_units) AS BIGINT) AS units, COUNT(*) AS conversions FROM conversions \
          WHERE network_id = $1 AND status = 'approved' AND (elsewhere IS NULL OR elsewhere = 2) \
          GROUP BY affiliate_id, payout_currency \
        UNION ALL SELECT 'receivable', advertiser_id, revenue_currency, CAST(SUM(revenue_units) AS BIGINT), COUNT(*) \
          FROM conversions WHERE network_id = $1 AND status = 'approved' AND advertiser_id IS NOT NULL \
          AND revenue_units <> 0 AND (elsewhere IS NULL OR elsewhere = 1) GROUP BY advertiser_id, revenue_currency \
        UNION ALL SELECT kind, party_id, currency, -CAST(SUM(units) AS BIGINT), -CAST(SUM(conversions) AS BIGINT) \
          FROM accruals WHERE network_id = $1 AND origin_id = 0 GROUP BY kind, party_id, currency) sums \
        GROUP BY kind, party_id, currency HAVING SUM(units) <> 0 OR SUM(conversions) <> 0 ORDER BY 1, 2, 3 LIMIT $2";
    NUMBERS = "SELECT kind, MIN(number), MAX(number), COUNT(*), COUNT(DISTINCT number) FROM invoices \
        WHERE network_id = $1 GROUP BY kind ORDER BY kind";
    /// Numbers after which one is missing.
    GAPS = "SELECT i.number FROM invoices i WHERE i.network_id = $1 AND i.kind = $2 AND i.number < $3 \
        AND NOT EXISTS (SELECT 1 FROM invoices n WHERE n.network_id = i.network_id AND n.kind = i.kind \
        AND n.number = i.number + 1) ORDER BY i.number LIMIT $4";
    /// Rows that name something which their network does not have.
    FOREIGN = "SELECT 'accruals' AS place, kind, party_id AS id, 'party' AS what, party_id AS missing FROM accruals a \
          WHERE network_id = $1 AND NOT EXISTS (SELECT 1 FROM parties p WHERE p.network_id = a.network_id \
          AND p.party_id = a.party_id AND p.kind = CASE WHEN a.kind = 'payable' THEN 'affiliate' ELSE 'advertiser' END) \
        UNION ALL SELECT 'accruals', kind, party_id, 'offer', offer_id FROM accruals a WHERE network_id = $1 \
          AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.network_id = a.network_id AND o.offer_id = a.offer_id) \
        UNION ALL SELECT 'invoices', kind, invoice_id, 'party', party_id FROM invoices i WHERE network_id = $1 \
          AND NOT EXISTS (SELECT 1 FROM parties p WHERE p.network_id = i.network_id AND p.party_id = i.party_id \
          AND p.kind = CASE WHEN i.kind = 'payable' THEN 'affiliate' ELSE 'advertiser' END) \
        UNION ALL SELECT 'invoices', kind, invoice_id, 'run', run_id FROM invoices i WHERE network_id = $1 \
          AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.network_id = i.network_id AND r.run_id = i.run_id) \
        UNION ALL SELECT 'invoice_lines', kind, invoice_id, 'offer', offer_id FROM invoice_lines l \
          WHERE network_id = $1 AND offer_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM offers o \
          WHERE o.network_id = l.network_id AND o.offer_id = l.offer_id) \
        UNION ALL SELECT 'offers', '', offer_id, 'advertiser', advertiser_id FROM offers f WHERE network_id = $1 \
          AND advertiser_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM parties p WHERE p.network_id = f.network_id \
          AND p.kind = 'advertiser' AND p.party_id = f.advertiser_id) \
        UNION ALL SELECT 'parties', kind, party_id, 'manager', manager_id FROM parties q WHERE network_id = $1 \
          AND manager_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM managers m WHERE m.network_id = q.network_id \
          AND m.manager_id = q.manager_id) \
        UNION ALL SELECT 'payment_methods', kind, party_id, 'payment system', system_id FROM payment_methods d \
          WHERE network_id = $1 AND NOT EXISTS (SELECT 1 FROM payment_systems s WHERE s.network_id = d.network_id \
          AND s.system_id = d.system_id) \
        UNION ALL SELECT 'networks', '', network_id, 'network', network_id FROM ( \
          SELECT network_id FROM conversions WHERE network_id = $1 GROUP BY network_id \
          UNION SELECT network_id FROM invoices WHERE network_id = $1 GROUP BY network_id) n \
          WHERE NOT EXISTS (SELECT 1 FROM networks w WHERE w.network_id = n.network_id) \
        ORDER BY 1, 2, 3, 4, 5 LIMIT $2";
    /// Conversions that do not count now and name something which their network does not have.
    FOREIGN_CONVERSIONS = "SELECT conversion_id FROM conversions c WHERE network_id = $1 AND status <> 'approved' \
        AND (NOT EXISTS (SELECT 1 FROM parties p WHERE p.network_id = c.network_id AND p.kind = 'affiliate' \
          AND p.party_id = c.affiliate_id) OR NOT EXISTS (SELECT 1 FROM offers o WHERE o.network_id = c.network_id \
          AND o.offer_id = c.offer_id)) ORDER BY conversion_id LIMIT $2";
    /// Entries of the ledger that do not balance.
    UNBALANCED = "SELECT entry_id, currency, CAST(SUM(units) AS BIGINT) FROM postings WHERE network_id = $1 \
        GROUP BY entry_id, currency HAVING SUM(units) <> 0 ORDER BY entry_id, currency LIMIT $2";
    OFF_TOTALS = "SELECT invoice_id, stored, found FROM (SELECT i.invoice_id, \
        i.billed_units || ' ' || i.balance_units || ' ' || i.standing AS stored, t.billed || ' ' || \
        (CASE WHEN i.status = 'void' THEN 0 ELSE t.billed - t.paid END) \
        || ' ' || (CASE WHEN i.status = 'void' THEN 2 WHEN t.billed = t.paid THEN 1 ELSE 0 END) AS found \
        FROM invoices i JOIN (SELECT j.invoice_id, COALESCE((SELECT CAST(SUM(l.units) AS BIGINT) FROM invoice_lines l \
        WHERE l.network_id = j.network_id AND l.kind = j.kind AND l.party_id = j.party_id \
        AND l.invoice_id = j.invoice_id), 0) AS billed, COALESCE((SELECT CAST(SUM(p.units) AS BIGINT) FROM payments p \
        WHERE p.network_id = j.network_id AND p.kind = j.kind AND p.party_id = j.party_id \
        AND p.invoice_id = j.invoice_id), 0) AS paid FROM invoices j WHERE j.network_id = $1) t \
        ON t.invoice_id = i.invoice_id WHERE i.network_id = $1) x WHERE stored <> found ORDER BY invoice_id LIMIT $2";
    OFF_SUMS = "SELECT kind, currency, period_end, standing FROM (SELECT kind, currency, period_end, standing, invoices, \
        billed_units, balance_units FROM invoice_sums WHERE network_id = $1 UNION ALL SELECT kind, currency, period_end, \
        standing, -COUNT(*), -CAST(SUM(billed_units) AS BIGINT), -CAST(SUM(balance_units) AS BIGINT) FROM invoices \
        WHERE network_id = $1 GROUP BY kind, currency, period_end, standing) s GROUP BY kind, currency, period_end, standing \
        HAVING SUM(invoices) <> 0 OR SUM(billed_units) <> 0 OR SUM(balance_units) <> 0 ORDER BY 1, 2, 3, 4 LIMIT $2";
    /// Invoices that lists tell otherwise than they stand.
    OFF_LISTED = "SELECT invoice_id, listed, found FROM (SELECT i.invoice_id, i.listed, \
        CASE WHEN i.void_reason = 'deleted' THEN 'deleted' WHEN i.status IN ('pending', 'approved') AND EXISTS \
        (SELECT 1 FROM invoice_destinations d WHERE d.network_id = i.network_id AND d.kind = i.kind \
        AND d.party_id = i.party_id AND d.invoice_id = i.invoice_id AND d.in_part = 1) THEN 'partly_paid' \
        ELSE i.status END AS found FROM invoices i WHERE i.network_id = $1) x WHERE listed <> found \
        ORDER BY invoice_id LIMIT $2";
    OFF_COUNTS = "SELECT kind, quarter, listed FROM (SELECT kind, quarter, listed, invoices FROM invoice_counts \
        WHERE network_id = $1 UNION ALL SELECT kind, created_at / 900000000, listed, -COUNT(*) FROM invoices \
        WHERE network_id = $1 GROUP BY kind, created_at / 900000000, listed) c GROUP BY kind, quarter, listed \
        HAVING SUM(invoices) <> 0 ORDER BY 1, 2, 3 LIMIT $2";
    /// What each event of each invoice moved in the party's own account, and with how many entries.
    PARTY_POSTINGS = "SELECT party_id, currency, invoice_id, event, CAST(SUM(units) AS BIGINT), \
        COUNT(DISTINCT entry_id) FROM postings WHERE network_id = $1 AND kind = $2 AND party_id >= $3 \
        AND party_id <= $4 AND account IN ('affiliate_payable', 'advertiser_receivable') \
        GROUP BY party_id, currency, invoice_id, event ORDER BY 1, 2, 3, 4";
    GIVEN_UP_POSTINGS = "SELECT party_id, currency, invoice_id, event, CAST(SUM(units) AS BIGINT), \
        COUNT(DISTINCT entry_id) FROM postings WHERE network_id = $1 AND kind = $2 AND party_id >= $3 \
        AND party_id <= $4 AND account = 'write_offs' AND document_no = 0 \
        GROUP BY party_id, currency, invoice_id, event ORDER BY 1, 2, 3, 4";
    PARTIES_AFTER = "SELECT DISTINCT party_id FROM books WHERE network_id = $1 AND kind = $2 AND party_id > $3 \
        ORDER BY party_id LIMIT $4";
}

/// What an event of a document moved in one account of the party's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyPosting {
    /// The book.
    pub book: Book,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The event.
    pub event: String,
    /// Billing units; positive is debit.
    pub units: i64,
    /// How many entries.
    pub entries: i64,
}

/// The numbers of one kind of invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The kind's word.
    pub kind: String,
    /// The first number.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// How many invoices.
    pub count: i64,
    /// How many different numbers.
    pub distinct: i64,
}

/// Where log and accruals differ: one text a bucket.
///
/// # Errors
/// What the database says.
pub fn off_accruals(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let rows = tx.query(OFF_ACCRUALS, &[network.get().into(), Param::Int(limit)])?;
    let text = |row: &Row| {
        let day = crate::conversions::day(row.int(4)?)?;
        Ok(format!(
            "{} party {} {}, offer {}, {day}, epoch {}: the log has {} units and {} conversions more than the accruals",
            row.text(0)?,
            row.int(1)?,
            row.text(2)?,
            row.int(6)?,
            row.int(3)?,
            row.int(7)?,
            row.int(8)?
        ))
    };
    rows.iter().map(text).collect()
}

/// Where the present state of the conversions and the accruals differ: one text a book.
///
/// # Errors
/// What the database says.
pub fn off_books(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let rows = tx.query(OFF_BOOKS, &[network.get().into(), Param::Int(limit)])?;
    let text = |row: &Row| {
        Ok(format!(
            "{} party {} {}: the conversions have {} units and {} conversions more than the accruals",
            row.text(0)?,
            row.int(1)?,
            row.text(2)?,
            row.int(3)?,
            row.int(4)?
        ))
    };
    rows.iter().map(text).collect()
}

/// The numbers of the invoices, by kind.
///
/// # Errors
/// What the database says.
pub fn numbers(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<Numbers>> {
    let numbers = |row: &Row| {
        Ok(Numbers {
            kind: row.string(0)?,
            first: row.int(1)?,
            last: row.int(2)?,
            count: row.int(3)?,
            distinct: row.int(4)?,
        })
    };
    tx.query(NUMBERS, &[network.get().into()])?.iter().map(numbers).collect()
}

/// Numbers of a kind after which one is missing.
///
/// # Errors
/// What the database says.
pub fn gaps(tx: &mut dyn Tx, network: NetworkId, numbers: &Numbers, limit: i64) -> Result<Vec<i64>> {
    let params = [network.get().into(), (&numbers.kind).into(), numbers.last.into(), Param::Int(limit)];
    tx.query(GAPS, &params)?.iter().map(|row| row.int(0)).collect()
}

/// Rows that name something which their network does not have: one text a row.
///
/// # Errors
/// What the database says.
pub fn foreign(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let rows = tx.query(FOREIGN, &[network.get().into(), Param::Int(limit)])?;
    let text = |row: &Row| {
        let (place, kind, id, what, missing) = (row.text(0)?, row.text(1)?, row.int(2)?, row.text(3)?, row.int(4)?);
        Ok(format!("{place} {kind} {id}: {what} {missing} is not in this network"))
    };
    rows.iter().map(text).collect()
}

/// Conversions that do not count now and name something which their network does not have.
///
/// # Errors
/// What the database says.
pub fn foreign_conversions(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let rows = tx.query(FOREIGN_CONVERSIONS, &[network.get().into(), Param::Int(limit)])?;
    rows.iter()
        .map(|row| Ok(format!("conversion {:?}: its affiliate or offer is not in this network", row.text(0)?)))
        .collect()
}

/// Entries of the ledger that do not balance: one text an entry.
///
/// # Errors
/// What the database says.
pub fn unbalanced(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let rows = tx.query(UNBALANCED, &[network.get().into(), Param::Int(limit)])?;
    let text = |row: &Row| {
        Ok(format!("entry {} {}: debits less credits are {} units", row.int(0)?, row.text(1)?, row.int(2)?))
    };
    rows.iter().map(text).collect()
}

/// Invoices whose totals beside them, and the sums over many, are not those of their lines and payments: one text each.
///
/// # Errors
/// What the database says.
pub fn off_totals(tx: &mut dyn Tx, network: NetworkId, limit: i64) -> Result<Vec<String>> {
    let params = [network.get().into(), Param::Int(limit)];
    let off = |row: &Row| {
        let (id, stored, found) = (row.int(0)?, row.text(1)?, row.text(2)?);
        Ok(format!("invoice {id}: it is found by billed, balance and standing {stored}, its rows say {found}"))
    };
    let mut texts = tx.query(OFF_TOTALS, &params)?.iter().map(off).collect::<Result<Vec<String>>>()?;
    for row in tx.query(OFF_SUMS, &params)? {
        let (kind, currency, end, standing) = (row.text(0)?, row.text(1)?, row.int(2)?, row.int(3)?);
        texts.push(format!(
            "the sums of {kind} {currency} ending on day {end}, standing {standing}, are not its invoices'"
        ));
    }
    for row in tx.query(OFF_LISTED, &params)? {
        let (id, listed, found) = (row.int(0)?, row.text(1)?, row.text(2)?);
        texts.push(format!("invoice {id}: lists find it as {listed}, it is {found}"));
    }
    for row in tx.query(OFF_COUNTS, &params)? {
        let (kind, quarter, listed) = (row.text(0)?, row.int(1)?, row.text(2)?);
        texts.push(format!(
            "the count of {kind} invoices issued in the quarter of an hour {quarter}, {listed}, is wrong"
        ));
    }
    Ok(texts)
}

/// What each event of each invoice of a range of parties moved in the party's own account.
///
/// # Errors
/// What the database says.
pub fn party_postings(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<PartyPosting>> {
    postings(tx, PARTY_POSTINGS, network, kind, parties)
}

/// What runs booked as given up without an invoice, of a range of parties, by document; this does not touch the parties'
/// own accounts.
///
/// # Errors
/// What the database says.
pub fn given_up_postings(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<PartyPosting>> {
    postings(tx, GIVEN_UP_POSTINGS, network, kind, parties)
}

fn postings(
    tx: &mut dyn Tx,
    sql: &'static str,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<PartyPosting>> {
    let params = [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()];
    let posting = |row: &Row| {
        Ok(PartyPosting {
            book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
            invoice_id: InvoiceId::new(row.int(2)?),
            event: row.string(3)?,
            units: row.int(4)?,
            entries: row.int(5)?,
        })
    };
    tx.query(sql, &params)?.iter().map(posting).collect()
}

/// The next parties of a kind that have a book, in order.
///
/// # Errors
/// What the database says.
pub fn parties_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>> {
    let params = [network.get().into(), kind.as_str().into(), after.into(), Param::Int(limit)];
    tx.query(PARTIES_AFTER, &params)?.iter().map(|row| row.int(0)).collect()
}
