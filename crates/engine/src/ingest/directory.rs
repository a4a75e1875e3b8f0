//! What ingest must know of affiliates, advertisers and offers: loaded when first named, kept for the whole input.

use std::collections::{BTreeSet, HashMap, HashSet};

use quittance_domain::accrual::Book;
use quittance_domain::conversion::{Conversion, DefaultAmount, Elsewhere, RecordDefaults};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, AffiliateId, NetworkId, OfferId, PartyKind};
use quittance_domain::time::Day;
use quittance_store::parties::{OfferAdvertiser, Party};
use quittance_store::{Tx, parties};

use super::Positioned;
use crate::error::Result;
use crate::party_rules::PartyRules;

/// How many entries a directory may have that is kept from one input to the next.
const KEPT_ENTRIES_MAX: usize = 200_000;

/// What a new conversion takes from its offer.
#[derive(Debug, Clone)]
pub(super) struct OfferFacts {
    pub(super) advertiser_id: Option<AdvertiserId>,
    pub(super) hold_days: i32,
    payout: Option<DefaultAmount>,
    payout_currency: Option<Currency>,
    revenue: Option<DefaultAmount>,
}

/// What ingest must know of a party.
#[derive(Debug, Clone, Copy)]
struct PartyFacts {
    currency: Currency,
    /// The last day whose conversions were billed before the party moved over.
    elsewhere_through: Option<Day>,
}

impl PartyFacts {
    fn of(party: &Party) -> Result<PartyFacts> {
        let elsewhere_through = PartyRules::of(party)?.billed_elsewhere_through;
        Ok(PartyFacts { currency: party.currency, elsewhere_through })
    }
}

/// The parties and offers that records of an input have named so far.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    network_currency: Currency,
    /// What it has read is of this version, as far as it has read anything.
    version: i64,
    affiliates: HashMap<i64, PartyFacts>,
    advertisers: HashMap<i64, PartyFacts>,
    offers: HashMap<i64, OfferFacts>,
    /// Offers and the advertisers whose conversions they are known to have had.
    pub(super) served: HashSet<OfferAdvertiser>,
    /// Books that an earlier batch of the input has written to, and so has made.
    pub(super) books: HashSet<Book>,
}

/// The ids that a batch names and the directory does not know.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    pub(super) affiliates: BTreeSet<i64>,
    pub(super) advertisers: BTreeSet<i64>,
    pub(super) offers: BTreeSet<i64>,
}

impl Unknown {
    pub(super) fn is_empty(&self) -> bool {
        self.affiliates.is_empty() && self.advertisers.is_empty() && self.offers.is_empty()
    }
}

impl Directory {
    pub(super) fn new(network_currency: Currency, version: i64) -> Directory {
        Directory {
            network_currency,
            version,
            affiliates: HashMap::new(),
            advertisers: HashMap::new(),
            offers: HashMap::new(),
            served: HashSet::new(),
            books: HashSet::new(),
        }
    }

    /// Whether it may be kept for the next input: it is of this currency, and not too large.
    pub(super) fn is_worth_keeping(&self, network_currency: Currency) -> bool {
        let parties = self.affiliates.len() + self.advertisers.len() + self.offers.len();
        let entries = parties + self.served.len() + self.books.len();
        self.network_currency == network_currency && entries <= KEPT_ENTRIES_MAX
    }

    /// An empty one in its place, where parties or offers were changed since it was read.
    pub(super) fn outdated(&self, version: i64) -> Option<Directory> {
        let fresh = || Directory {
            served: self.served.clone(),
            books: self.books.clone(),
            ..Directory::new(self.network_currency, version)
        };
        (self.version != version).then(fresh)
    }

    pub(super) fn network_currency(&self) -> Currency {
        self.network_currency
    }

    /// What the records name that is not known yet.
    pub(super) fn unknown(&self, batches: &[&[Positioned]]) -> Unknown {
        let mut unknown = Unknown::default();
        for Positioned { record, .. } in batches.iter().copied().flatten() {
            let new = record.affiliate_id.map(AffiliateId::get).filter(|id| !self.affiliates.contains_key(id));
            unknown.affiliates.extend(new);
            let new = record.advertiser_id.map(AdvertiserId::get).filter(|id| !self.advertisers.contains_key(id));
            unknown.advertisers.extend(new);
            let new = record.offer_id.map(OfferId::get).filter(|id| !self.offers.contains_key(id));
            unknown.offers.extend(new);
        }
        unknown
    }

    /// What known conversions name that is not in the directory yet.
    pub(super) fn unknown_of<'a>(&self, conversions: impl Iterator<Item = &'a Conversion>) -> Unknown {
        let mut unknown = Unknown::default();
        for conversion in conversions {
            let affiliate = conversion.affiliate_id.get();
            unknown.affiliates.extend(Some(affiliate).filter(|id| !self.affiliates.contains_key(id)));
            let advertiser = conversion.advertiser_id.map(AdvertiserId::get);
            unknown.advertisers.extend(advertiser.filter(|id| !self.advertisers.contains_key(id)));
            let offer = conversion.offer_id.get();
            unknown.offers.extend(Some(offer).filter(|id| !self.offers.contains_key(id)));
        }
        unknown
    }

    /// Looks unknown ids up; what the database has is known from now on.
    pub(super) fn load(&mut self, tx: &mut dyn Tx, network: NetworkId, unknown: &Unknown) -> Result<()> {
        let ids: Vec<i64> = unknown.offers.iter().copied().collect();
        let mut advertisers = unknown.advertisers.clone();
        self.served.extend(parties::advertisers_of_offers(tx, network, &ids)?);
        for offer in parties::offers_by_ids(tx, network, &ids)? {
            advertisers.extend(offer.advertiser_id);
            let facts = OfferFacts {
                advertiser_id: offer.advertiser_id.map(AdvertiserId::new),
                hold_days: i32::try_from(offer.hold_days).unwrap_or(0),
                payout: offer.payout.as_deref().and_then(DefaultAmount::parse),
                payout_currency: offer.payout_currency,
                revenue: offer.revenue.as_deref().and_then(DefaultAmount::parse),
            };
            self.offers.insert(offer.offer_id, facts);
        }
        let ids: Vec<i64> = unknown.affiliates.iter().copied().collect();
        for party in parties::by_ids(tx, network, PartyKind::Affiliate, &ids)? {
            self.affiliates.insert(party.party_id, PartyFacts::of(&party)?);
        }
        let ids: Vec<i64> = advertisers.into_iter().collect();
        for party in parties::by_ids(tx, network, PartyKind::Advertiser, &ids)? {
            self.advertisers.insert(party.party_id, PartyFacts::of(&party)?);
        }
        Ok(())
    }

    pub(super) fn has_affiliate(&self, id: AffiliateId) -> bool {
        self.affiliates.contains_key(&id.get())
    }

    pub(super) fn has_advertiser(&self, id: AdvertiserId) -> bool {
        self.advertisers.contains_key(&id.get())
    }

    pub(super) fn offer(&self, id: OfferId) -> Option<&OfferFacts> {
        self.offers.get(&id.get())
    }

    /// In whose books a conversion of a day does not count, since it was billed before the network or the party moved
    /// over.
    pub(super) fn elsewhere(&self, conversion: &Conversion, day: Day, network_through: Option<Day>) -> Elsewhere {
        let until = |facts: Option<&PartyFacts>| facts.and_then(|facts| facts.elsewhere_through).max(network_through);
        let advertiser = conversion.advertiser_id.and_then(|id| self.advertisers.get(&id.get()));
        Elsewhere {
            payable: until(self.affiliates.get(&conversion.affiliate_id.get())).is_some_and(|through| day <= through),
            receivable: until(advertiser).is_some_and(|through| day <= through),
        }
    }

    /// What stands in for the fields that a new record of this affiliate and offer leaves out.
    pub(super) fn defaults<'a>(
        &self,
        affiliate: AffiliateId,
        offer: &'a OfferFacts,
        advertiser: Option<AdvertiserId>,
    ) -> RecordDefaults<'a> {
        let advertiser = advertiser.or(offer.advertiser_id);
        let currency_of = |id: AdvertiserId| self.advertisers.get(&id.get()).map(|facts| facts.currency);
        RecordDefaults {
            advertiser_id: offer.advertiser_id,
            payout: offer.payout.as_ref(),
            payout_currency: offer.payout_currency,
            affiliate_currency: self
                .affiliates
                .get(&affiliate.get())
                .map_or(self.network_currency, |facts| facts.currency),
            revenue: offer.revenue.as_ref(),
            revenue_currency: advertiser.and_then(currency_of).unwrap_or(self.network_currency),
        }
    }
}
