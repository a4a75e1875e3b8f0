//! Offers: what is promoted.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;

use super::list::pattern;
use crate::conversions::currency;
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// What a filter asks of an offer.
macro_rules! filtered {
    () => {
        "FROM offers WHERE network_id = $1 AND offer_id > $2 AND ($3 = 0 OR offer_id = $3) \
         AND ($4 = 0 OR advertiser_id = $4) AND ($5 = 0 OR offer_id {in:6}) AND ($7 = 0 OR advertiser_id {in:8}) \
         AND ($9 = '' OR LOWER(name) LIKE $9 ESCAPE '!' OR offer_id = $10)"
    };
}

statements! {
    OFFERS_BY_IDS = "SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue FROM offers \
        WHERE network_id = $1 AND offer_id {in:2} ORDER BY offer_id";
    OFFERS_PAGE = "SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue FROM offers \
        WHERE network_id = $1 AND offer_id > $2 ORDER BY offer_id LIMIT $3";
    OFFERS_LISTED = concat!("SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue ", filtered!(),
        " ORDER BY offer_id LIMIT $11 OFFSET $12");
    OFFERS_LISTED_BACKWARDS = concat!("SELECT offer_id, name, advertiser_id, hold_days, payout, payout_currency, revenue ",
        filtered!(), " ORDER BY offer_id DESC LIMIT $11 OFFSET $12");
    COUNT_OFFERS = concat!("SELECT COUNT(*) ", filtered!());
    LAST_OFFER_ID = "SELECT offer_id FROM offers WHERE network_id = $1 AND offer_id > 0 ORDER BY offer_id DESC LIMIT 1";
    HOLDING = "SELECT offer_id FROM offers {by:offers_holding} WHERE network_id = $1 AND hold_days > 0 ORDER BY offer_id";
    ADVERTISERS_OF_OFFERS = "SELECT offer_id, advertiser_id FROM offer_advertisers WHERE network_id = $1 \
        AND offer_id {in:2} ORDER BY offer_id, advertiser_id";
    OFFERS_OF_ADVERTISERS = "SELECT w.offer_id, MAX(CASE WHEN o.advertiser_id {in:2} THEN 0 ELSE 1 END) \
        FROM offer_advertisers w {by:offer_advertisers_by_advertiser} JOIN offer_advertisers o ON o.network_id = w.network_id AND o.offer_id = w.offer_id \
        WHERE w.network_id = $1 AND w.advertiser_id {in:2} GROUP BY w.offer_id ORDER BY w.offer_id";
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
    ADD_OFFER_ADVERTISERS = "offer_advertisers" ["network_id" Int, "offer_id" Int, "advertiser_id" Int]
        "ON CONFLICT (network_id, offer_id, advertiser_id) DO NOTHING";
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

/// Which offers to list; `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferFilter {
    /// Only this one.
    pub id: Option<i64>,
    /// Those with an id above this one.
    pub after: i64,
    /// Of this advertiser.
    pub advertiser_id: Option<i64>,
    /// Only these.
    pub ids: Option<Vec<i64>>,
    /// Of one of these advertisers.
    pub advertisers: Option<Vec<i64>>,
    /// Those whose name holds this, whatever the case of its Latin letters, and the one whose id it is.
    pub name_part_or_id: Option<String>,
    /// The last one first.
    pub backwards: bool,
}

impl OfferFilter {
    fn with_params<T>(&self, network: NetworkId, ask: impl FnOnce(Vec<Param<'_>>) -> Result<T>) -> Result<T> {
        let text = self.name_part_or_id.as_deref().unwrap_or_default();
        let pattern = pattern(text);
        let given = |list: &Option<Vec<i64>>| Param::Int(i64::from(list.is_some()));
        ask(vec![
            network.get().into(),
            self.after.into(),
            self.id.unwrap_or(0).into(),
            self.advertiser_id.unwrap_or(0).into(),
            given(&self.ids),
            Param::Ints(self.ids.as_deref().unwrap_or_default()),
            given(&self.advertisers),
            Param::Ints(self.advertisers.as_deref().unwrap_or_default()),
            Param::Text(&pattern),
            // No offer has the lowest of all ids.
            Param::Int(text.parse().unwrap_or(i64::MIN)),
        ])
    }
}

/// Offers by id: at most `limit` after the first `offset`.
///
/// # Errors
/// What the database says.
pub fn offers_listed(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &OfferFilter,
    (offset, limit): (i64, i64),
) -> Result<Vec<Offer>> {
    let statement = if filter.backwards { OFFERS_LISTED_BACKWARDS } else { OFFERS_LISTED };
    filter.with_params(network, |mut params| {
        params.extend([Param::Int(limit), Param::Int(offset)]);
        tx.query(statement, &params)?.iter().map(offer).collect()
    })
}

/// How many offers a filter finds.
///
/// # Errors
/// What the database says.
pub fn count_offers(tx: &mut dyn Tx, network: NetworkId, filter: &OfferFilter) -> Result<i64> {
    filter.with_params(network, |params| tx.query_one(COUNT_OFFERS, &params)?.map_or(Ok(0), |row| row.int(0)))
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

/// An offer and an advertiser whose conversions it has had; 0 stands for nobody.
pub type OfferAdvertiser = (i64, i64);

/// Whose conversions some offers have had.
///
/// # Errors
/// What the database says.
pub fn advertisers_of_offers(tx: &mut dyn Tx, network: NetworkId, offers: &[i64]) -> Result<Vec<OfferAdvertiser>> {
    let rows = tx.query(ADVERTISERS_OF_OFFERS, &[network.get().into(), Param::Ints(offers)])?;
    rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
}

/// Remembers whose conversions offers have.
///
/// # Errors
/// What the database says.
pub fn add_offer_advertisers(tx: &mut dyn Tx, network: NetworkId, pairs: &[OfferAdvertiser]) -> Result<()> {
    let values: Vec<Param<'_>> =
        pairs.iter().flat_map(|(o, a)| [network.get().into(), (*o).into(), (*a).into()]).collect();
    tx.bulk(&ADD_OFFER_ADVERTISERS, &values)?;
    Ok(())
}

/// The offers that have had conversions of these advertisers, and whether they have had others too.
///
/// # Errors
/// What the database says.
pub fn offers_of_advertisers(tx: &mut dyn Tx, network: NetworkId, advertisers: &[i64]) -> Result<Vec<(i64, bool)>> {
    let rows = tx.query(OFFERS_OF_ADVERTISERS, &[network.get().into(), Param::Ints(advertisers)])?;
    rows.iter().map(|row| Ok((row.int(0)?, row.flag(1)?))).collect()
}

/// The offers that hold their conversions for some days.
///
/// # Errors
/// What the database says.
pub fn holding_offers(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<i64>> {
    tx.query(HOLDING, &[network.get().into()])?.iter().map(|row| row.int(0)).collect()
}

/// The highest id of an offer; 0 where there is none.
///
/// # Errors
/// What the database says.
pub fn last_offer_id(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    tx.query_one(LAST_OFFER_ID, &[network.get().into()])?.map_or(Ok(0), |row| row.int(0))
}
