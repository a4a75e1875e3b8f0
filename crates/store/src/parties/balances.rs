//! How parties stand: what their invoices billed and what was paid.

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

statements! {
    BILLED_OF = "SELECT i.party_id, i.currency, CAST(SUM(l.units) AS BIGINT) FROM invoices i JOIN invoice_lines l \
        ON l.network_id = i.network_id AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id \
        WHERE i.network_id = $1 AND i.kind = $2 AND i.party_id {in:3} AND i.status <> 'void' GROUP BY 1, 2 ORDER BY 1, 2";
    OPEN_OF = "SELECT i.party_id, i.currency, CAST(SUM(l.units) AS BIGINT) FROM invoices i JOIN invoice_lines l \
        ON l.network_id = i.network_id AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id \
        WHERE i.network_id = $1 AND i.kind = $2 AND i.party_id {in:3} AND i.status IN ('pending', 'approved', 'partly_paid') \
        GROUP BY 1, 2 ORDER BY 1, 2";
    /// Where nothing is left to pay nothing is added: those invoices are not looked at, nor are the rows of the others.
    LEFT_OF = "SELECT party_id, currency, CAST(SUM(balance_units) AS BIGINT) FROM invoices {by:invoices_by_party} \
        WHERE network_id = $1 AND kind = $2 AND party_id {in:3} AND standing = 0 GROUP BY 1, 2 ORDER BY 1, 2";
    HELD_OF = "SELECT affiliate_id, payout_currency, CAST(SUM(payout_units) AS BIGINT) \
        FROM conversions {by:conversions_held} WHERE network_id = $1 AND status = 'hold' AND affiliate_id {in:2} \
        GROUP BY 1, 2 ORDER BY 1, 2";
    PAID_OF = "SELECT p.party_id, p.currency, \
        CAST(SUM(CASE WHEN i.status <> 'void' THEN p.units ELSE 0 END) AS BIGINT), \
        CAST(SUM(CASE WHEN p.invoice_id = 0 OR i.status = 'void' THEN p.units ELSE 0 END \
        - CASE WHEN p.source = 'credit' THEN p.units ELSE 0 END) AS BIGINT) FROM payments p \
        LEFT JOIN invoices i ON i.network_id = p.network_id AND i.kind = p.kind AND i.party_id = p.party_id \
        AND i.invoice_id = p.invoice_id WHERE p.network_id = $1 AND p.kind = $2 AND p.party_id {in:3} \
        GROUP BY 1, 2 ORDER BY 1, 2";
}

/// How a party stands in one currency, in billing units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// What its invoices that are not void bill.
    pub billed_units: i64,
    /// What was paid on them.
    pub paid_units: i64,
    /// Its credit.
    pub credit_units: i64,
}

/// How parties stand, by party and currency.
///
/// # Errors
/// What the database says.
pub fn standings(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<BTreeMap<(i64, Currency), Standing>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties)];
    let mut found: BTreeMap<(i64, Currency), Standing> = BTreeMap::new();
    for row in tx.query(BILLED_OF, &params)? {
        found.entry((row.int(0)?, currency(row.text(1)?)?)).or_default().billed_units = row.int(2)?;
    }
    for row in tx.query(PAID_OF, &params)? {
        let standing = found.entry((row.int(0)?, currency(row.text(1)?)?)).or_default();
        (standing.paid_units, standing.credit_units) = (row.int(2)?, row.int(3)?);
    }
    Ok(found)
}

/// An amount in billing units by party and currency.
pub type Amounts = BTreeMap<(i64, Currency), i64>;

fn amounts(tx: &mut dyn Tx, sql: &'static str, params: &[Param<'_>]) -> Result<Amounts> {
    let amount = |row: &crate::tx::Row| Ok(((row.int(0)?, currency(row.text(1)?)?), row.int(2)?));
    tx.query(sql, params)?.iter().map(amount).collect()
}

/// What the invoices of parties bill that are neither paid nor void.
///
/// # Errors
/// What the database says.
pub fn open_billed(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: &[i64]) -> Result<Amounts> {
    amounts(tx, OPEN_OF, &[network.get().into(), kind.as_str().into(), Param::Ints(parties)])
}

/// What is left to pay of the invoices of parties.
///
/// # Errors
/// What the database says.
pub fn left_to_pay(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: &[i64]) -> Result<Amounts> {
    amounts(tx, LEFT_OF, &[network.get().into(), kind.as_str().into(), Param::Ints(parties)])
}

/// The payouts of affiliates' conversions on hold.
///
/// # Errors
/// What the database says.
pub fn held(tx: &mut dyn Tx, network: NetworkId, affiliates: &[i64]) -> Result<Amounts> {
    amounts(tx, HELD_OF, &[network.get().into(), Param::Ints(affiliates)])
}
