//! What an import will write: the file's entries over what the database has, checked against it.

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{NetworkId, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_store::parties::{self, Manager, Offer, Party, PaymentMethod, PaymentSystem};
use quittance_store::{Tx, extras};

use super::EntryCounts;
use super::file::{ManagerEntry, NetworkFile, OfferEntry, SystemEntry, minimum_amount};
use super::party_plan;
use super::reader::{Patch, Problems};
use crate::error::{Error, Result};
use crate::events::EventType;
use crate::networks::{self, Network};
use crate::party_rules::PartyRules;
use crate::{Call, events};

/// The rows to write.
#[derive(Debug, Default)]
pub(super) struct Plan {
    currencies: Changed<(Currency, Option<i64>)>,
    systems: Changed<PaymentSystem>,
    managers: Changed<Manager>,
    advertisers: Changed<Party>,
    pub(super) affiliates: Changed<Party>,
    /// The affiliates whose payment methods are replaced, and by which.
    pub(super) methods: (Vec<i64>, Vec<PaymentMethod>),
    offers: Changed<Offer>,
    bonuses: Changed<(i64, String)>,
    pub(super) moved_over: Vec<MovedOver>,
}

/// The rows of one table that are new or different.
#[derive(Debug)]
pub(super) struct Changed<T> {
    rows: Vec<T>,
    pub(super) counts: EntryCounts,
}

impl<T> Default for Changed<T> {
    fn default() -> Self {
        Changed { rows: Vec::new(), counts: EntryCounts::default() }
    }
}

impl<T: PartialEq> Changed<T> {
    /// Takes a row; `also` where something that belongs to it has changed.
    pub(super) fn take(&mut self, before: Option<&T>, row: T, also: bool) {
        match before {
            None => self.counts.created += 1,
            Some(before) if *before != row || also => self.counts.updated += 1,
            Some(_) => {
                self.counts.unchanged += 1;
                return;
            }
        }
        self.rows.push(row);
    }
}

/// What entries can refer to: what the database has, with what the file brings.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) systems: BTreeMap<i64, PaymentSystem>,
    pub(super) managers: BTreeMap<i64, Manager>,
    pub(super) parties: BTreeMap<(PartyKind, i64), Party>,
    pub(super) methods: BTreeMap<i64, Vec<PaymentMethod>>,
}

/// Lays the file over what there is. What does not fit is added to the problems; the plan is of no use then.
pub(super) fn plan(
    tx: &mut dyn Tx,
    network: Option<&Network>,
    base: Currency,
    file: &NetworkFile,
    problems: &mut Problems,
) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut known = Known::default();
    let (mut currencies, mut offers) = (BTreeMap::new(), BTreeMap::new());
    if let Some(network) = network {
        let id = network.network_id;
        currencies = parties::currencies(tx, id)?.into_iter().collect();
        known.systems = parties::systems(tx, id)?.into_iter().map(|row| (row.system_id, row)).collect();
        known.managers = parties::managers(tx, id)?.into_iter().map(|row| (row.manager_id, row)).collect();
        known.load_parties(tx, id, file)?;
        let ids: Vec<i64> = file.offers.iter().map(|offer| offer.id).collect();
        offers = parties::offers_by_ids(tx, id, &ids)?.into_iter().map(|row| (row.offer_id, row)).collect();
    }
    for entry in &file.currencies {
        let before = currencies.get(&entry.currency).map(|minimum| (entry.currency, *minimum));
        let minimum = entry.minimum.clone().over(before.and_then(|(_, minimum)| minimum));
        plan.currencies.take(before.as_ref(), (entry.currency, minimum), false);
    }
    for entry in &file.systems {
        let before = known.systems.get(&entry.id).cloned();
        let row = system(entry, before.clone(), base, problems);
        plan.systems.take(before.as_ref(), row.clone(), false);
        known.systems.insert(entry.id, row);
    }
    for entry in &file.managers {
        let before = known.managers.get(&entry.id).cloned();
        let row = manager(entry, before.clone(), problems);
        plan.managers.take(before.as_ref(), row.clone(), false);
        known.managers.insert(entry.id, row);
    }
    party_plan::plan(&mut known, base, file, &mut plan, problems);
    for entry in &file.offers {
        let before = offers.get(&entry.id);
        let row = offer(entry, before, problems);
        check_advertiser(&row, entry, &known, problems);
        plan.offers.take(before, row, false);
    }
    check_moved_over(tx, network, &plan.moved_over, problems)?;
    check_loops(tx, network.map(|network| network.network_id), file, &known, problems)?;
    let before: BTreeMap<i64, String> = match network {
        Some(network) => extras::bonuses(tx, network.network_id)?.into_iter().collect(),
        None => BTreeMap::new(),
    };
    for entry in &file.bonuses {
        let old = before.get(&entry.id).map(|rules| (entry.id, rules.clone()));
        plan.bonuses.take(old.as_ref(), (entry.id, entry.rules.to_string()), false);
    }
    Ok(plan)
}

/// A party whose day up to which conversions were billed elsewhere changes.
#[derive(Debug)]
pub(super) struct MovedOver {
    pub(super) kind: PartyKind,
    pub(super) party_id: i64,
    pub(super) before: Option<Day>,
    pub(super) after: Option<Day>,
    pub(super) place: String,
}

/// What is recorded of the parties must not say otherwise.
fn check_moved_over(
    tx: &mut dyn Tx,
    network: Option<&Network>,
    moved: &[MovedOver],
    problems: &mut Problems,
) -> Result<()> {
    let Some(network) = network else { return Ok(()) };
    for MovedOver { kind, party_id, before, after, place } in moved {
        let party = Some((kind.invoice_kind(), *party_id));
        match networks::check_elsewhere(tx, network.network_id, party, *before, *after) {
            Err(Error::Conflict(detail)) => problems.add(place, detail),
            checked => checked?,
        }
    }
    Ok(())
}

/// The longest chain of referrers that is followed.
const REFERRERS_MAX: usize = 1_000;

/// Refuses referrers who were referred, directly or by others, by whom they have referred.
fn check_loops(
    tx: &mut dyn Tx,
    network: Option<NetworkId>,
    file: &NetworkFile,
    known: &Known,
    problems: &mut Problems,
) -> Result<()> {
    for entry in file.parties.iter().filter(|entry| entry.rules.referrer.is_some_and(|id| id != entry.id)) {
        let mut chain = vec![entry.id];
        let mut next = entry.rules.referrer;
        while let Some(id) = next.filter(|_| chain.len() < REFERRERS_MAX) {
            if let Some(start) = chain.iter().position(|seen| *seen == id) {
                if start == 0 {
                    let text: Vec<String> = chain.iter().map(i64::to_string).collect();
                    let detail = format!("affiliate {id} would have referred itself, by way of {}", text.join(", "));
                    problems.add(format!("{}.referrer.affiliate", entry.place), detail);
                }
                break;
            }
            chain.push(id);
            let row = match (known.parties.get(&(PartyKind::Affiliate, id)), network) {
                (Some(row), _) => Some(row.clone()),
                (None, Some(network)) => parties::by_ids(tx, network, PartyKind::Affiliate, &[id])?.pop(),
                // Of a network that is made by the file, all that there is stands in it.
                (None, None) => None,
            };
            next =
                row.map(|row| PartyRules::of(&row)).transpose()?.and_then(|rules| rules.referrer).map(|r| r.affiliate);
        }
    }
    Ok(())
}

impl Plan {
    /// Where the rows of a kind of parties go.
    pub(super) fn parties(&mut self, kind: PartyKind) -> &mut Changed<Party> {
        match kind {
            PartyKind::Affiliate => &mut self.affiliates,
            PartyKind::Advertiser => &mut self.advertisers,
        }
    }

    /// Writes the rows; answers what became of the entries of each list.
    pub(super) fn write(&self, tx: &mut dyn Tx, call: &Call) -> Result<Vec<(&'static str, EntryCounts)>> {
        let (network, now) = (call.network, call.now);
        quittance_store::networks::change_directory(tx, network)?;
        parties::upsert_currencies(tx, network, &self.currencies.rows)?;
        parties::upsert_systems(tx, network, &self.systems.rows)?;
        parties::upsert_managers(tx, network, &self.managers.rows)?;
        parties::upsert(tx, network, &self.advertisers.rows, now)?;
        parties::upsert(tx, network, &self.affiliates.rows, now)?;
        let (of, methods) = &self.methods;
        parties::replace_methods(tx, network, PartyKind::Affiliate, of, methods)?;
        for party_id in of {
            events::tell_party(tx, call, EventType::PaymentMethodChanged, PartyKind::Affiliate, *party_id);
        }
        parties::upsert_offers(tx, network, &self.offers.rows)?;
        extras::put_bonuses(tx, network, &self.bonuses.rows)?;
        Ok(vec![
            ("currencies", self.currencies.counts),
            ("payment_systems", self.systems.counts),
            ("managers", self.managers.counts),
            ("advertisers", self.advertisers.counts),
            ("affiliates", self.affiliates.counts),
            ("offers", self.offers.counts),
            ("bonuses", self.bonuses.counts),
        ])
    }
}

impl Known {
    /// The parties that the file has entries for, or refers to.
    fn load_parties(&mut self, tx: &mut dyn Tx, network: NetworkId, file: &NetworkFile) -> Result<()> {
        let entries = |kind| file.parties.iter().filter(move |entry| entry.kind == kind);
        let mut affiliates: Vec<i64> = entries(PartyKind::Affiliate).map(|entry| entry.id).collect();
        let methods = parties::methods_of(tx, network, PartyKind::Affiliate, &affiliates)?;
        for method in methods {
            self.methods.entry(method.party_id).or_default().push(method);
        }
        affiliates.extend(file.parties.iter().filter_map(|entry| entry.rules.referrer));
        let mut advertisers: Vec<i64> = entries(PartyKind::Advertiser).map(|entry| entry.id).collect();
        advertisers.extend(file.offers.iter().filter_map(|entry| match entry.advertiser {
            Patch::Set(id) => Some(id),
            Patch::Keep | Patch::Clear => None,
        }));
        for (kind, ids) in [(PartyKind::Affiliate, affiliates), (PartyKind::Advertiser, advertisers)] {
            let rows = parties::by_ids(tx, network, kind, &ids)?;
            self.parties.extend(rows.into_iter().map(|row| ((kind, row.party_id), row)));
        }
        Ok(())
    }
}

/// A name that an entry gives, or that was there before.
pub(super) fn required(
    given: Option<&String>,
    before: Option<String>,
    place: &str,
    key: &str,
    problems: &mut Problems,
) -> String {
    given.cloned().or(before).unwrap_or_else(|| {
        let place = format!("{place}.{key}");
        // It may be there and wrong, which was said already.
        if problems.0.iter().all(|problem| problem.place != place) {
            problems.add(place, "is missing: the entry is new and needs it");
        }
        String::new()
    })
}

fn system(
    entry: &SystemEntry,
    before: Option<PaymentSystem>,
    base: Currency,
    problems: &mut Problems,
) -> PaymentSystem {
    let place = &entry.place;
    let old = before.as_ref();
    let currency = entry.currency.clone().over(old.and_then(|row| row.currency));
    // As text, since units of one currency are not those of another.
    let stored = old.and_then(|row| Some(Money::new(row.minimum_units?, row.currency.unwrap_or(base)).to_decimal()));
    let minimum = entry.minimum.clone().over(stored);
    let minimum = minimum
        .and_then(|text| minimum_amount(&text, currency.unwrap_or(base), format!("{place}.minimum_payment"), problems));
    let fields = match &entry.fields {
        Some(fields) => serde_json::to_string(fields).unwrap_or_default(),
        None => old.map_or_else(|| "[]".to_owned(), |row| row.fields.clone()),
    };
    PaymentSystem {
        system_id: entry.id,
        title: required(entry.title.as_ref(), old.map(|row| row.title.clone()), place, "title", problems),
        payment_type: required(
            entry.payment_type.as_ref(),
            old.map(|row| row.payment_type.clone()),
            place,
            "type",
            problems,
        ),
        currency,
        minimum_units: minimum.map(Money::units),
        fields,
    }
}

fn manager(entry: &ManagerEntry, before: Option<Manager>, problems: &mut Problems) -> Manager {
    let (name, email) = before.map_or((None, None), |row| (Some(row.name), row.email));
    Manager {
        manager_id: entry.id,
        name: required(entry.name.as_ref(), name, &entry.place, "name", problems),
        email: entry.email.clone().over(email),
    }
}

fn offer(entry: &OfferEntry, before: Option<&Offer>, problems: &mut Problems) -> Offer {
    let name = required(entry.name.as_ref(), before.map(|row| row.name.clone()), &entry.place, "name", problems);
    let old = before.cloned().unwrap_or_else(|| Offer::unnamed(entry.id));
    let row = Offer {
        offer_id: entry.id,
        name,
        advertiser_id: entry.advertiser.clone().over(old.advertiser_id),
        hold_days: entry.hold_days.unwrap_or(old.hold_days),
        payout: entry.payout.clone().over(old.payout),
        payout_currency: entry.payout_currency.clone().over(old.payout_currency),
        revenue: entry.revenue.clone().over(old.revenue),
    };
    if let (Some(payout), Some(currency)) = (&row.payout, row.payout_currency)
        && !payout.contains('%')
        && let Err(error) = Money::parse(payout, currency)
    {
        problems.add(format!("{}.payout", entry.place), error.to_string());
    }
    row
}

fn check_advertiser(row: &Offer, entry: &OfferEntry, known: &Known, problems: &mut Problems) {
    let Some(id) = row.advertiser_id else { return };
    // One that was there before is there still: nothing is ever deleted.
    if matches!(entry.advertiser, Patch::Set(_)) && !known.parties.contains_key(&(PartyKind::Advertiser, id)) {
        problems.add(format!("{}.advertiser", entry.place), format!("there is no advertiser {id}"));
    }
}
