//! Payment methods: a party's own details for a payment system.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{NetworkId, PartyKind};

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    METHODS_OF = "SELECT party_id, method_no, system_id, currency, main, fields FROM payment_methods \
        WHERE network_id = $1 AND kind = $2 AND party_id {in:3} ORDER BY party_id, method_no";
    PAID_THROUGH = "SELECT DISTINCT party_id FROM payment_methods {by:payment_methods_by_system} WHERE network_id = $1 \
        AND kind = $2 AND system_id {in:3} ORDER BY party_id LIMIT $4";
    WITH_DETAILS = "SELECT DISTINCT party_id FROM payment_methods {by:payment_methods_by_fields} WHERE network_id = $1 \
        AND kind = $2 AND fields {in:3} ORDER BY party_id";
    REMOVE_METHODS = "DELETE FROM payment_methods WHERE network_id = $1 AND kind = $2 AND party_id {in:3}";
}

bulks! {
    INSERT_METHODS = "payment_methods" [
        "network_id" Int, "kind" Text, "party_id" Int, "method_no" Int, "system_id" Int, "currency" Text,
        "main" Int, "fields" Text
    ] "";
}

/// A party's details for a payment system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    /// The party.
    pub party_id: i64,
    /// Its place among the party's methods, from 1.
    pub method_no: i64,
    /// The payment system.
    pub system_id: i64,
    /// What it takes; `None`: whatever the system does.
    pub currency: Option<Currency>,
    /// It is preferred among those that take a currency.
    pub main: bool,
    /// The values of the system's fields: a JSON object of texts by the field's id.
    pub fields: String,
}

fn method(row: &Row) -> Result<PaymentMethod> {
    Ok(PaymentMethod {
        party_id: row.int(0)?,
        method_no: row.int(1)?,
        system_id: row.int(2)?,
        currency: row.opt_text(3)?.map(currency).transpose()?,
        main: row.flag(4)?,
        fields: row.string(5)?,
    })
}

/// The payment methods of some parties, by party and place.
///
/// # Errors
/// What the database says.
pub fn methods_of(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, parties: &[i64]) -> Result<Vec<PaymentMethod>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties)];
    tx.query(METHODS_OF, &params)?.iter().map(method).collect()
}

/// Gives these parties these methods and no others.
///
/// # Errors
/// What the database says.
pub fn replace_methods(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    parties: &[i64],
    methods: &[PaymentMethod],
) -> Result<()> {
    tx.execute(REMOVE_METHODS, &[network.get().into(), kind.as_str().into(), Param::Ints(parties)])?;
    let mut values = Vec::with_capacity(methods.len() * 8);
    for method in methods {
        values.extend([
            network.get().into(),
            Param::from(kind.as_str()),
            method.party_id.into(),
            method.method_no.into(),
            method.system_id.into(),
            method.currency.as_ref().map(Currency::code).into(),
            method.main.into(),
            (&method.fields).into(),
        ]);
    }
    tx.bulk(&INSERT_METHODS, &values)?;
    Ok(())
}

/// The parties that have a method for one of some payment systems, in order: at most `limit`.
///
/// # Errors
/// What the database says.
pub fn paid_through(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: PartyKind,
    systems: &[i64],
    limit: i64,
) -> Result<Vec<i64>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(systems), limit.into()];
    tx.query(PAID_THROUGH, &params)?.iter().map(|row| row.int(0)).collect()
}

/// The parties that have a method with exactly these details, each a JSON object as it is kept, in order.
///
/// # Errors
/// What the database says.
pub fn with_details(tx: &mut dyn Tx, network: NetworkId, kind: PartyKind, details: &[&str]) -> Result<Vec<i64>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Texts(details)];
    tx.query(WITH_DETAILS, &params)?.iter().map(|row| row.int(0)).collect()
}
