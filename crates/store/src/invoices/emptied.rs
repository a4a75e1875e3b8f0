//! The periods of an offer on an invoice in which everything cancels out: there is no line for them, and their days belong to
//! no other.

use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::period::Period;
use quittance_domain::planner::Emptied;
use quittance_domain::rates::Rate;

use super::lines::read_rate;
use super::{Place, key, party_range};
use crate::conversions::{currency, day, day_number};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    EMPTIED = "SELECT invoice_id, currency, offer_id, period_start, period_end, rate, rate_day, rate_source FROM emptied_lines \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY currency, offer_id, period_start, period_end";
    EMPTIED_OF_PARTIES = "SELECT invoice_id, currency, offer_id, period_start, period_end, rate, rate_day, rate_source \
        FROM emptied_lines WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, currency, offer_id, period_start, period_end";
    DELETE_EMPTIED = "DELETE FROM emptied_lines WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4";
}

bulks! {
    INSERT_EMPTIED = "emptied_lines" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "currency" Text, "offer_id" Int,
        "period_start" Int, "period_end" Int, "rate" Text, "rate_day" Int, "rate_source" Text
    ] "";
}

fn emptied_line(row: &Row) -> Result<Emptied> {
    Ok(Emptied {
        currency: currency(row.text(1)?)?,
        offer_id: OfferId::new(row.int(2)?),
        period: Period { start: day(row.int(3)?)?, end: day(row.int(4)?)? },
        rate: read_rate(row, 5)?,
    })
}

/// Those of an invoice.
///
/// # Errors
/// What the database says.
pub fn emptied(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<Emptied>> {
    tx.query(EMPTIED, &key(network, place))?.iter().map(emptied_line).collect()
}

/// Those of all invoices of a range of parties.
///
/// # Errors
/// What the database says.
pub fn emptied_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<(InvoiceId, Emptied)>> {
    let of = |row: &Row| Ok((InvoiceId::new(row.int(0)?), emptied_line(row)?));
    tx.query(EMPTIED_OF_PARTIES, &party_range(network, kind, parties))?.iter().map(of).collect()
}

/// Puts those of an invoice in place of what was recorded of it.
///
/// # Errors
/// What the database says.
pub fn set_emptied(tx: &mut dyn Tx, network: NetworkId, place: Place, emptied: &[Emptied]) -> Result<()> {
    tx.execute(DELETE_EMPTIED, &key(network, place))?;
    add_emptied(tx, network, emptied.iter().map(|emptied| (place, emptied)))
}

/// Records those of new invoices.
pub(super) fn add_emptied<'a>(
    tx: &mut dyn Tx,
    network: NetworkId,
    emptied: impl Iterator<Item = (Place, &'a Emptied)>,
) -> Result<()> {
    let written: Vec<_> =
        emptied.map(|(place, emptied)| (place, emptied, emptied.rate.as_ref().map(Rate::exact))).collect();
    if written.is_empty() {
        return Ok(());
    }
    let mut values: Vec<Param<'_>> = Vec::with_capacity(written.len() * 11);
    for (place, emptied, exact) in &written {
        let rate = emptied.rate.as_ref();
        values.extend(key(network, *place));
        values.extend([
            Param::Text(emptied.currency.code()),
            emptied.offer_id.get().into(),
            day_number(emptied.period.start).into(),
            day_number(emptied.period.end).into(),
            exact.as_ref().into(),
            rate.map(|rate| day_number(rate.day)).into(),
            rate.map(|rate| &rate.source).into(),
        ]);
    }
    tx.bulk(&INSERT_EMPTIED, &values)?;
    Ok(())
}
