//! Offers: what is promoted.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    OFFERS_BY_IDS = "SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue FROM offers \
        WHERE network_id = $1 AND offer_id {in:2} ORDER BY offer_id";
    OFFERS_PAGE = "SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue FROM offers \
        WHERE network_id = $1 AND offer_id > $2 ORDER BY offer_id LIMIT $3";
}

bulks! {
    UPSERT_OFFERS = "offers" [
        "network_id" Int, "offer_id" Int, "name" Text, "advertiser_id" Int, "hold_days" Int, "payout" Text,
        "payout_currency" Text, "revenue" Text
    ] "ON CONFLICT (network_id, offer_id) DO UPDATE SET name = excluded.name, \
       advertiser_id = excluded.advertiser_id, hold_days = excluded.hold_days, payout = excluded.payout, \
       payout_currency = excluded.payout_currency, revenue = excluded.revenue";
    ENSURE_OFFERS = "offers" [
        "network_id" Int, "offer_id" Int, "name" Text, "advertiser_id" Int, "hold_days" Int, "payout" Text,
        "payout_currency" Text, "revenue" Text
    ] "ON CONFLICT (network_id, offer_id) DO NOTHING";
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub offer_id: i64,
    /// Its name.
    pub name: String,
    /// Who pays for its conversions.
    pub advertiser_id: Option<i64>,
    /// Days from a conversion's posting day until it may be billed.
    pub hold_days: i64,
    /// The payout of a conversion that says none: an amount, or `12 %` of the sale amount.
    pub payout: Option<String>,
    /// What the payout is in; `None`: the affiliate's currency.
    pub payout_currency: Option<Currency>,
    /// The revenue of a conversion that says none, in the same form.
    pub revenue: Option<String>,
}

impl Offer {
    /// An offer of which nothing is known but its id.
    #[must_use]
    pub fn unnamed(offer_id: i64) -> Offer {
        Offer {
            offer_id,
            name: format!("Offer {offer_id}"),
            advertiser_id: None,
            hold_days: 0,
            payout: None,
            payout_currency: None,
            revenue: None,
        }
    }
}

fn offer(row: &Row) -> Result<Offer> {
    Ok(Offer {
        offer_id: row.int(0)?,
        name: row.string(1)?,
        advertiser_id: row.opt_int(2)?,
        hold_days: row.int(3)?,
        payout: row.opt_string(4)?,
        payout_currency: row.opt_text(5)?.map(currency).transpose()?,
        revenue: row.opt_string(6)?,
    })
}

fn values(network: NetworkId, offers: &[Offer]) -> Vec<Param<'_>> {
    let mut values = Vec::with_capacity(offers.len() * 8);
    for offer in offers {
        values.extend([
            network.get().into(),
            offer.offer_id.into(),
            Param::from(&offer.name),
            offer.advertiser_id.into(),
            offer.hold_days.into(),
            offer.payout.as_deref().into(),
            offer.payout_currency.as_ref().map(Currency::code).into(),
            offer.revenue.as_deref().into(),
        ]);
    }
    values
}

/// The offers of these ids that there are, by id.
///
/// # Errors
/// What the database says.
pub fn offers_by_ids(tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<Vec<Offer>> {
    tx.query(OFFERS_BY_IDS, &[network.get().into(), Param::Ints(ids)])?.iter().map(offer).collect()
}

/// A page of offers, by id: at most `limit` with an id above `after`. The first page is after `i64::MIN`.
///
/// # Errors
/// What the database says.
pub fn offers(tx: &mut dyn Tx, network: NetworkId, after: i64, limit: i64) -> Result<Vec<Offer>> {
    tx.query(OFFERS_PAGE, &[network.get().into(), after.into(), limit.into()])?.iter().map(offer).collect()
}

/// Writes offers: new ones are made, known ones replaced. No id comes twice.
///
/// # Errors
/// What the database says.
pub fn upsert_offers(tx: &mut dyn Tx, network: NetworkId, offers: &[Offer]) -> Result<()> {
    tx.bulk(&UPSERT_OFFERS, &values(network, offers))?;
    Ok(())
}

/// Makes offers of these ids where there are none. Answers how many were made.
///
/// # Errors
/// What the database says.
pub fn ensure_offers(tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<u64> {
    let offers: Vec<Offer> = ids.iter().map(|id| Offer::unnamed(*id)).collect();
    tx.bulk(&ENSURE_OFFERS, &values(network, &offers))
}
