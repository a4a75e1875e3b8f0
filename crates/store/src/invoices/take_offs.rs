//! What was taken off invoices.

use quittance_domain::accrual::Tally;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::time::Day;

use super::{Place, key, party_range};
use crate::conversions::{currency, day, day_number};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    TAKE_OFFS = "SELECT invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day, units, conversions, \
        given_epoch FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY currency, offer_id, conversion_id, revision, sign, posting_day, billable_day";
    TAKE_OFFS_OF_PARTIES = "SELECT invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day, units, conversions, given_epoch \
        FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day";
}

bulks! {
    INSERT_TAKE_OFFS = "take_offs" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "currency" Text, "offer_id" Int, "conversion_id" Text,
        "revision" Int, "sign" Int, "posting_day" Int, "billable_day" Int, "units" Int, "conversions" Int,
        "given_epoch" Int
    ] "";
}

/// Something that was taken off an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeOff {
    /// The currency of the book.
    pub currency: Currency,
    /// The offer.
    pub offer_id: OfferId,
    /// The conversion; empty: all that was left of the offer.
    pub conversion_id: String,
    /// The entry's revision.
    pub revision: i64,
    /// The entry's sign.
    pub sign: i64,
    /// The entry's day in the books.
    pub posting_day: Day,
    /// The entry's billable day.
    pub billable_day: Day,
    /// What was taken off.
    pub tally: Tally,
    /// The epoch of the accrual row that it went to.
    pub given_epoch: i64,
}

/// What was taken off an invoice.
///
/// # Errors
/// What the database says.
pub fn take_offs(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<TakeOff>> {
    tx.query(TAKE_OFFS, &key(network, place))?.iter().map(take_off).collect()
}

/// Records what was taken off an invoice.
///
/// # Errors
/// What the database says.
pub fn add_take_offs(tx: &mut dyn Tx, network: NetworkId, place: Place, take_offs: &[TakeOff]) -> Result<()> {
    let mut values = Vec::new();
    for t in take_offs {
        values.extend(key(network, place));
        values.extend([
            Param::Text(t.currency.code()),
            t.offer_id.get().into(),
            (&t.conversion_id).into(),
            t.revision.into(),
            t.sign.into(),
            day_number(t.posting_day).into(),
            day_number(t.billable_day).into(),
            t.tally.units.into(),
            t.tally.conversions.into(),
            t.given_epoch.into(),
        ]);
    }
    tx.bulk(&INSERT_TAKE_OFFS, &values)?;
    Ok(())
}

fn take_off(row: &Row) -> Result<TakeOff> {
    Ok(TakeOff {
        currency: currency(row.text(1)?)?,
        offer_id: OfferId::new(row.int(2)?),
        conversion_id: row.string(3)?,
        revision: row.int(4)?,
        sign: row.int(5)?,
        posting_day: day(row.int(6)?)?,
        billable_day: day(row.int(7)?)?,
        tally: Tally { units: row.int(8)?, conversions: row.int(9)? },
        given_epoch: row.int(10)?,
    })
}

/// What was taken off of all invoices of a range of parties, with the invoice, in order.
///
/// # Errors
/// What the database says.
pub fn take_offs_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<(InvoiceId, TakeOff)>> {
    let rows = tx.query(TAKE_OFFS_OF_PARTIES, &party_range(network, kind, parties))?;
    rows.iter().map(|row| Ok((InvoiceId::new(row.int(0)?), take_off(row)?))).collect()
}
