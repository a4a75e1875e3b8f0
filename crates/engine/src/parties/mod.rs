//! Affiliates and advertisers one by one: listed, shown with how they stand, made and changed.

mod bulk;
mod edit;
mod funds;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use self::bulk::{EntryOf, PartyProblem};
pub use self::funds::{Funds, FundsByAffiliate};
use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::Timestamp;
use quittance_store::Tx;
use quittance_store::parties::{self, PaymentMethod, PaymentSystem};
pub use quittance_store::parties::{Party, PartyFilter, PartySort};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::{Call, Engine, unbilled};

/// The most parties of one page.
const PAGE_MAX: i64 = 10_000;

/// What is kept about a party besides how it is billed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its site.
    pub website: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its country, as it was given.
    pub country: Option<String>,
    /// Notes that the party does not see.
    pub notes: Option<String>,
    /// Who has referred it.
    pub referrer: Option<ReferredBy>,
    /// What else a vendor's account holds of it, by the ids that its fields have there.
    pub custom_fields: BTreeMap<i64, String>,
}

/// Who has referred an affiliate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReferredBy {
    /// That affiliate.
    pub affiliate: i64,
    /// Its share in percent, as it was given.
    pub percent: Option<String>,
    /// What else was agreed, as it was given: basis, fee, threshold, term.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}

/// A party in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyRow {
    /// The party with its billing settings.
    pub party: Party,
    /// What else is kept about it.
    pub profile: Profile,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it, or a payment method of it, was last changed.
    pub updated_at: Timestamp,
}

/// A page of parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyPage {
    /// The parties, by id.
    pub parties: Vec<PartyRow>,
    /// How many the filter finds in all.
    pub total: i64,
}

/// A party's payment method with its system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodView {
    /// The method.
    pub method: PaymentMethod,
    /// The system, where it is still there.
    pub system: Option<PaymentSystem>,
    /// The party's details by the ids of the system's fields.
    pub details: BTreeMap<String, String>,
}

/// How a party stands in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyBalance {
    /// What its invoices that are not void bill.
    pub billed: Money,
    /// What was paid on them.
    pub paid: Money,
    /// What is left to pay.
    pub balance: Money,
    /// Its credit.
    pub credit: Money,
    /// What is approved and on no invoice yet.
    pub unbilled: Money,
}

impl PartyBalance {
    /// Of a party without any movement.
    fn none(currency: Currency) -> PartyBalance {
        let zero = Money::new(0, currency);
        PartyBalance { billed: zero, paid: zero, balance: zero, credit: zero, unbilled: zero }
    }
}

/// A party with everything about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyView {
    /// The party.
    pub row: PartyRow,
    /// Its payment methods in their order.
    pub methods: Vec<MethodView>,
    /// How it stands, by currency.
    pub balances: Vec<PartyBalance>,
}

impl Engine {
    /// A page of parties of one kind by id, and how many there are in all: at most `limit`, or 10,000, after the first
    /// `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn parties(
        &self,
        call: &Call,
        kind: PartyKind,
        filter: &PartyFilter,
        (offset, limit): (i64, i64),
    ) -> Result<PartyPage> {
        self.store.read(|tx| {
            let page = (offset.max(0), limit.clamp(0, PAGE_MAX));
            let listed = parties::listed(tx, call.network, kind, filter, page)?;
            let total = parties::count_listed(tx, call.network, kind, filter)?;
            let parties = listed.into_iter().map(row).collect::<Result<_>>()?;
            Ok(PartyPage { parties, total })
        })
    }

    /// The same without counting them, after or before an id that the filter names.
    ///
    /// # Errors
    /// What the store says.
    pub fn parties_page(
        &self,
        call: &Call,
        kind: PartyKind,
        filter: &PartyFilter,
        limit: i64,
    ) -> Result<Vec<PartyRow>> {
        self.store.read(|tx| {
            let listed = parties::listed(tx, call.network, kind, filter, (0, limit.clamp(0, PAGE_MAX)))?;
            listed.into_iter().map(row).collect()
        })
    }

    /// The names of the parties of these ids.
    ///
    /// # Errors
    /// What the store says.
    pub fn party_names(&self, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<HashMap<i64, String>> {
        let parties = self.store.read(|tx| parties::by_ids(tx, call.network, kind, ids))?;
        Ok(parties.into_iter().map(|party| (party.party_id, party.name)).collect())
    }

    /// The payment methods of some parties, those of each in their order.
    ///
    /// # Errors
    /// What the store says.
    pub fn party_methods(&self, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<BTreeMap<i64, Vec<MethodView>>> {
        self.store.read(|tx| methods(tx, call, kind, ids))
    }

    /// What is left to pay of the invoices of some parties, by party and currency; where nothing is there is nothing.
    ///
    /// # Errors
    /// What the store says.
    pub fn outstanding(&self, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<BTreeMap<i64, Vec<Money>>> {
        let left = self.store.read(|tx| parties::left_to_pay(tx, call.network, kind.invoice_kind(), ids))?;
        let mut outstanding: BTreeMap<i64, Vec<Money>> = BTreeMap::new();
        for ((party, currency), units) in left {
            outstanding.entry(party).or_default().push(Money::new(units, currency));
        }
        Ok(outstanding)
    }

    /// The ids of the parties of one kind whose name holds one of some words, in order.
    ///
    /// # Errors
    /// What the store says.
    pub fn parties_named(&self, call: &Call, kind: PartyKind, words: &[String]) -> Result<Vec<i64>> {
        let mut found = BTreeSet::new();
        self.store.read(|tx| {
            for word in words {
                found.extend(parties::matching(tx, call.network, kind, None, word)?);
            }
            Ok::<_, Error>(())
        })?;
        Ok(found.into_iter().collect())
    }

    /// How parties stand, by party and currency: at most `limit` parties after an id. One without any movement stands at
    /// zero in its own currency.
    ///
    /// # Errors
    /// What the store says.
    pub fn party_balances(
        &self,
        call: &Call,
        kind: PartyKind,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, PartyBalance)>> {
        self.store.read(|tx| {
            let filter = PartyFilter { after, ..PartyFilter::default() };
            let listed = parties::listed(tx, call.network, kind, &filter, (0, limit.clamp(0, PAGE_MAX)))?;
            let ids: Vec<i64> = listed.iter().map(|(party, ..)| party.party_id).collect();
            let mut balances = balances_of(tx, call, kind, &ids)?;
            let known: BTreeSet<i64> = balances.iter().map(|(party, _)| *party).collect();
            let idle = listed.iter().filter(|(party, ..)| !known.contains(&party.party_id));
            balances.extend(idle.map(|(party, ..)| (party.party_id, PartyBalance::none(party.currency))));
            balances.sort_by_key(|(party, balance)| (*party, balance.billed.currency()));
            Ok(balances)
        })
    }

    /// The highest id of a party of one kind; 0 where there is none.
    ///
    /// # Errors
    /// What the store says.
    pub fn last_party_id(&self, call: &Call, kind: PartyKind) -> Result<i64> {
        self.store.read(|tx| Ok(parties::last_id(tx, call.network, kind)?))
    }

    /// A party with its payment methods and how it stands.
    ///
    /// # Errors
    /// There is no such party.
    pub fn party(&self, call: &Call, kind: PartyKind, id: i64) -> Result<PartyView> {
        self.store.read(|tx| view(tx, call, kind, id))
    }
}

impl Engine {
    /// The ids of the parties of one kind that one of some managers looks after, in order.
    ///
    /// # Errors
    /// What the store says.
    pub fn managed_parties(&self, call: &Call, kind: PartyKind, managers: &[i64]) -> Result<Vec<i64>> {
        self.store.read(|tx| Ok(parties::matching(tx, call.network, kind, Some(managers), "")?))
    }

    /// The ids of the affiliates whom one has referred, and whom a manager looks after if one is named, in order: at most
    /// `limit`, or 10,000, after the first `offset`; and how many there are in all.
    ///
    /// # Errors
    /// What the store says.
    pub fn referred_by(
        &self,
        call: &Call,
        referrer: i64,
        manager: Option<i64>,
        (offset, limit): (i64, i64),
    ) -> Result<(Vec<i64>, i64)> {
        let page = (offset.max(0), limit.clamp(0, PAGE_MAX));
        self.store.read(|tx| Ok(parties::referred_by(tx, call.network, referrer, manager, page)?))
    }

    /// Those of some ids that parties of one kind have, in order.
    ///
    /// # Errors
    /// What the store says.
    pub fn known_parties(&self, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<Vec<i64>> {
        let found = self.store.read(|tx| parties::by_ids(tx, call.network, kind, ids))?;
        Ok(found.into_iter().map(|party| party.party_id).collect())
    }
}

fn row((party, created_at, updated_at): (Party, Timestamp, Timestamp)) -> Result<PartyRow> {
    let corrupt = |error| quittance_store::Error::Corrupt(format!("{} {}: {error}", party.kind, party.party_id));
    let profile = serde_json::from_str(&party.rules).map_err(corrupt)?;
    Ok(PartyRow { party, profile, created_at, updated_at })
}

fn view(tx: &mut dyn Tx, call: &Call, kind: PartyKind, id: i64) -> Result<PartyView> {
    let filter = PartyFilter { id: Some(id), ..PartyFilter::default() };
    let found = parties::listed(tx, call.network, kind, &filter, (0, 1))?.pop();
    let found = found.ok_or_else(|| Error::NotFound(format!("there is no {kind} {id}")))?;
    let methods = methods(tx, call, kind, &[id])?.remove(&id).unwrap_or_default();
    Ok(PartyView { row: row(found)?, methods, balances: balances(tx, call, kind, id)? })
}

fn methods(tx: &mut dyn Tx, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<BTreeMap<i64, Vec<MethodView>>> {
    let systems: HashMap<i64, PaymentSystem> =
        parties::systems(tx, call.network)?.into_iter().map(|system| (system.system_id, system)).collect();
    let mut methods: BTreeMap<i64, Vec<MethodView>> = BTreeMap::new();
    for method in parties::methods_of(tx, call.network, kind, ids)? {
        methods.entry(method.party_id).or_default().push(MethodView {
            system: systems.get(&method.system_id).cloned(),
            details: serde_json::from_str(&method.fields).unwrap_or_default(),
            method,
        });
    }
    Ok(methods)
}

fn balances(tx: &mut dyn Tx, call: &Call, kind: PartyKind, id: i64) -> Result<Vec<PartyBalance>> {
    Ok(balances_of(tx, call, kind, &[id])?.into_iter().map(|(_, balance)| balance).collect())
}

/// How some parties stand, by party and currency.
fn balances_of(tx: &mut dyn Tx, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<Vec<(i64, PartyBalance)>> {
    let kind = kind.invoice_kind();
    let mut by_book = parties::standings(tx, call.network, kind, ids)?;
    let unbilled = unbilled::of_parties(tx, call.network, kind, ids)?;
    for key in unbilled.keys() {
        by_book.entry(*key).or_default();
    }
    let balance = |((party, currency), standing): ((i64, Currency), parties::Standing)| {
        let money = |units| Money::new(units, currency);
        let balance = PartyBalance {
            billed: money(standing.billed_units),
            paid: money(standing.paid_units),
            balance: money(sum_units([standing.billed_units, -standing.paid_units])?),
            credit: money(standing.credit_units),
            unbilled: money(unbilled.get(&(party, currency)).map_or(0, |tally| tally.units)),
        };
        Ok((party, balance))
    };
    by_book.into_iter().map(balance).collect()
}
