//! What was taken off invoices.

use std::collections::HashSet;

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
    ANY_TAKE_OFF = "SELECT 1 FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 LIMIT 1";
    OFFER_TAKEN_OFF = "SELECT DISTINCT given_epoch FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND invoice_id = $4 AND currency = $5 AND offer_id = $6 AND conversion_id = '' ORDER BY given_epoch";
    TAKE_OFFS_AMONG = "SELECT invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day, units, \
        conversions, given_epoch FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        AND currency = $5 AND offer_id = $6 AND conversion_id {in:7} \
        ORDER BY conversion_id, revision, sign, posting_day, billable_day";
    TAKE_OFFS_OF_PARTIES = "SELECT invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day, units, conversions, given_epoch \
        FROM take_offs WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, currency, offer_id, conversion_id, revision, sign, posting_day, billable_day";
    /// The revisions of some conversions whose entry the next one stands for.
    KEPT = "SELECT conversion_id, revision FROM conversion_revisions WHERE network_id = $1 AND conversion_id {in:2} \
        AND entry_kept = 1 AND status = 'approved' ORDER BY conversion_id, revision";
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
    /// The entry's revision: the present one, where others have stood for the same entry since it was taken off.
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
    let rows = tx.query(TAKE_OFFS, &key(network, place))?;
    followed(tx, network, &rows)
}

/// Whether anything was taken off an invoice.
///
/// # Errors
/// What the database says.
pub fn any_take_off(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<bool> {
    Ok(tx.query_one(ANY_TAKE_OFF, &key(network, place))?.is_some())
}

/// The epochs of the accrual rows to which all that was left of an offer in a currency went from an invoice.
///
/// # Errors
/// What the database says.
pub fn offer_taken_off(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    (currency, offer): (Currency, OfferId),
) -> Result<Vec<i64>> {
    let mut params = key(network, place).to_vec();
    params.extend([Param::Text(currency.code()), offer.get().into()]);
    tx.query(OFFER_TAKEN_OFF, &params)?.iter().map(|row| row.int(0)).collect()
}

/// What was taken off an invoice one by one of some conversions of an offer in a currency.
///
/// # Errors
/// What the database says.
pub fn take_offs_among(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    (currency, offer): (Currency, OfferId),
    conversions: &[&str],
) -> Result<Vec<TakeOff>> {
    let mut params = key(network, place).to_vec();
    params.extend([Param::Text(currency.code()), offer.get().into(), Param::Texts(conversions)]);
    let rows = tx.query(TAKE_OFFS_AMONG, &params)?;
    followed(tx, network, &rows)
}

fn followed(tx: &mut dyn Tx, network: NetworkId, rows: &[Row]) -> Result<Vec<TakeOff>> {
    let mut take_offs = rows.iter().map(take_off).collect::<Result<Vec<TakeOff>>>()?;
    let kept = kept(tx, network, &take_offs)?;
    take_offs.iter_mut().for_each(|take_off| follow(&kept, take_off));
    Ok(take_offs)
}

/// Revisions whose entry the next one stands for.
type Kept = HashSet<(String, i64)>;

/// How many conversions are asked about at a time.
const ASKED_TOGETHER: usize = 10_000;

/// Of the conversions that were taken off one by one.
fn kept(tx: &mut dyn Tx, network: NetworkId, take_offs: &[TakeOff]) -> Result<Kept> {
    let single = take_offs.iter().filter(|t| t.sign > 0 && !t.conversion_id.is_empty());
    let mut ids: Vec<&str> = single.map(|t| t.conversion_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut kept = Kept::new();
    for ids in ids.chunks(ASKED_TOGETHER) {
        for row in tx.query(KEPT, &[network.get().into(), Param::Texts(ids)])? {
            kept.insert((row.string(0)?, row.int(1)?));
        }
    }
    Ok(kept)
}

/// Brings what was taken off to the revision that stands for its entry now.
fn follow(kept: &Kept, take_off: &mut TakeOff) {
    if take_off.sign > 0 {
        let mut at = (take_off.conversion_id.clone(), take_off.revision);
        while kept.contains(&at) {
            at.1 += 1;
        }
        take_off.revision = at.1;
    }
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
