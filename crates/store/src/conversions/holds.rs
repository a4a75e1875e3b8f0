//! Conversions of one offer, to be held for another number of days.

use quittance_domain::ids::{InvoiceKind, NetworkId, OfferId};
use quittance_domain::time::Day;

use super::{State, day_number, state};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

statements! {
    /// Those that count in the books of an affiliate.
    COUNTING_FOR_AFFILIATE = concat!("SELECT ", super::state_columns!(), " FROM conversions {by:conversions_by_place} \
        WHERE network_id = $1 AND posting_day = $2 AND offer_id = $3 AND affiliate_id = $4 AND conversion_id > $5 \
        AND status = 'approved' AND (elsewhere IS NULL OR elsewhere = 2) ORDER BY conversion_id LIMIT $6");
    /// Those that count in the books of an advertiser alone, since the affiliate was paid elsewhere.
    COUNTING_FOR_ADVERTISER_ALONE = concat!("SELECT ", super::state_columns!(), " FROM conversions \
        {by:conversions_by_place} WHERE network_id = $1 AND posting_day = $2 AND offer_id = $3 AND advertiser_id = $4 \
        AND conversion_id > $5 AND status = 'approved' AND elsewhere = 1 ORDER BY conversion_id LIMIT $6");
    ON_HOLD = concat!("SELECT ", super::state_columns!(), " FROM conversions {by:conversions_on_hold} \
        WHERE network_id = $1 AND status = 'hold' AND offer_id = $2 AND (billable_day, conversion_id) > ($3, $4) \
        ORDER BY billable_day, conversion_id LIMIT $5");
}

/// The approved conversions of an offer that a party has on a day in the books, by id after one: at most `limit`. Of an
/// affiliate all that count for it, of an advertiser those that count for nobody else.
///
/// # Errors
/// What the database says.
pub fn counting(
    tx: &mut dyn Tx,
    network: NetworkId,
    (kind, party): (InvoiceKind, i64),
    (offer, day): (OfferId, Day),
    after: &str,
    limit: i64,
) -> Result<Vec<State>> {
    let sql = match kind {
        InvoiceKind::Payable => COUNTING_FOR_AFFILIATE,
        InvoiceKind::Receivable => COUNTING_FOR_ADVERTISER_ALONE,
    };
    let params = [
        network.get().into(),
        day_number(day).into(),
        offer.get().into(),
        party.into(),
        after.into(),
        Param::Int(limit),
    ];
    tx.query(sql, &params)?.iter().map(state).collect()
}

/// The conversions of an offer with the status `hold`, by the day on which their hold is over and id, after one: at most
/// `limit`.
///
/// # Errors
/// What the database says.
pub fn on_hold(
    tx: &mut dyn Tx,
    network: NetworkId,
    offer: OfferId,
    (day, id): (Day, &str),
    limit: i64,
) -> Result<Vec<State>> {
    let params = [network.get().into(), offer.get().into(), day_number(day).into(), id.into(), Param::Int(limit)];
    tx.query(ON_HOLD, &params)?.iter().map(state).collect()
}
