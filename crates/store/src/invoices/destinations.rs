//! Where the money of an invoice goes, where that is not simply its party's method of today.

use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};

use super::{Place, key};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    OF_INVOICES = "SELECT invoice_id, system_id, system_title, account, in_part FROM invoice_destinations \
        WHERE network_id = $1 AND kind = $2 AND party_id {in:3} AND invoice_id {in:4} ORDER BY invoice_id";
    WENT_THROUGH = "SELECT DISTINCT party_id FROM invoice_destinations {by:invoice_destinations_by_system} \
        WHERE network_id = $1 AND kind = $2 AND system_id {in:3} AND system_id IS NOT NULL ORDER BY party_id LIMIT $4";
    WENT_TO = "SELECT DISTINCT party_id FROM invoice_destinations {by:invoice_destinations_by_account} \
        WHERE network_id = $1 AND kind = $2 AND account {in:3} AND account IS NOT NULL ORDER BY party_id";
    FORGET_ACCOUNTS = "UPDATE invoice_destinations SET account = NULL \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND system_id IS NULL";
    ERASE_ACCOUNTS = "UPDATE invoice_destinations SET account = '' \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND account IS NOT NULL";
}

bulks! {
    PUT = "invoice_destinations" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "system_id" Int, "system_title" Text,
        "account" Text, "in_part" Int
    ] "ON CONFLICT (network_id, kind, party_id, invoice_id) DO UPDATE SET system_id = excluded.system_id, \
       system_title = excluded.system_title, account = excluded.account, in_part = excluded.in_part";
}

/// Where the money of an invoice goes, as far as it says so itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// The payment system that it was paid through, once it is paid.
    pub system: Option<(i64, String)>,
    /// The account: as it was when the invoice was paid; before that, as it was written by hand.
    pub account: Option<String>,
    /// Somebody has marked it as paid in part.
    pub in_part: bool,
}

fn destination(row: &Row) -> Result<(InvoiceId, Destination)> {
    let system = match row.opt_int(1)? {
        Some(id) => Some((id, row.opt_string(2)?.unwrap_or_default())),
        None => None,
    };
    Ok((InvoiceId::new(row.int(0)?), Destination { system, account: row.opt_string(3)?, in_part: row.flag(4)? }))
}

/// What invoices of one kind say themselves, by id; those that say nothing are left out.
///
/// # Errors
/// What the database says.
pub fn destinations(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
    ids: &[i64],
) -> Result<Vec<(InvoiceId, Destination)>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties), Param::Ints(ids)];
    tx.query(OF_INVOICES, &params)?.iter().map(destination).collect()
}

/// The parties of invoices that were paid through one of some systems, in order: at most `limit`.
///
/// # Errors
/// What the database says.
pub fn went_through(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    systems: &[i64],
    limit: i64,
) -> Result<Vec<i64>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(systems), limit.into()];
    tx.query(WENT_THROUGH, &params)?.iter().map(|row| row.int(0)).collect()
}

/// The parties of invoices that say one of some accounts themselves, in order.
///
/// # Errors
/// What the database says.
pub fn went_to(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, accounts: &[&str]) -> Result<Vec<i64>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Texts(accounts)];
    tx.query(WENT_TO, &params)?.iter().map(|row| row.int(0)).collect()
}

/// Writes what an invoice says itself.
///
/// # Errors
/// What the database says.
pub fn put_destination(tx: &mut dyn Tx, network: NetworkId, place: Place, destination: &Destination) -> Result<()> {
    let system = destination.system.as_ref();
    let mut values = key(network, place).to_vec();
    values.extend([
        Param::from(system.map(|(id, _)| *id)),
        system.map(|(_, title)| title).into(),
        destination.account.as_ref().into(),
        destination.in_part.into(),
    ]);
    tx.bulk(&PUT, &values)?;
    Ok(())
}

/// Forgets the accounts that were written by hand on a party's invoices that are not paid.
///
/// # Errors
/// What the database says.
pub fn forget_accounts(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, party_id: i64) -> Result<()> {
    tx.execute(FORGET_ACCOUNTS, &[network.get().into(), kind.as_str().into(), party_id.into()])?;
    Ok(())
}

/// Erases the accounts on a party's invoices.
///
/// # Errors
/// What the database says.
pub fn erase_accounts(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, party_id: i64) -> Result<()> {
    tx.execute(ERASE_ACCOUNTS, &[network.get().into(), kind.as_str().into(), party_id.into()])?;
    Ok(())
}
