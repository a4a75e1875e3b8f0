//! Lists of invoices by where their money goes.

use std::collections::{BTreeMap, BTreeSet};

use quittance_store::invoices::{self, NewestQuery};
use quittance_store::parties::{self, PaymentSystem};

use super::destination::{NewestPage, SystemField};
use crate::error::Result;
use crate::{Call, Engine};

/// How many parties are looked up one by one; those of more are found among all invoices.
const PARTIES_MAX: i64 = 5_000;

/// Where the money is to go; empty lists ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationFilter {
    /// Through one of these payment systems: titles or ids.
    pub systems: Vec<String>,
    /// To one of these accounts.
    pub accounts: Vec<String>,
}

impl Engine {
    /// A page of those invoices whose money goes there, newest first: at most 1000 after the first `offset`. Where few parties
    /// can be meant, no others are looked at.
    ///
    /// # Errors
    /// What the store says.
    pub fn destined_invoices(
        &self,
        call: &Call,
        query: &NewestQuery,
        filter: &DestinationFilter,
        page: (i64, i64),
    ) -> Result<NewestPage> {
        let mut query = query.clone();
        let systems = self.payment_systems(call)?;
        if !filter.systems.is_empty() {
            let meant = |system: &&PaymentSystem| {
                let id = system.system_id.to_string();
                filter.systems.iter().any(|text| *text == system.title || *text == id)
            };
            query.systems = Some(systems.iter().filter(meant).map(|system| system.system_id).collect());
        }
        let Some(parties) = self.parties_paid_there(call, &query, &systems, filter)? else {
            return self.newest_invoices(call, &query, page);
        };
        let asked = query.parties.take();
        let parties = parties.into_iter().filter(|id| asked.as_ref().is_none_or(|asked| asked.contains(id)));
        query.parties = Some(parties.collect());
        if filter.accounts.is_empty() {
            return self.newest_invoices(call, &query, page);
        }
        self.newest_invoices_that(call, &query, page, |shown| filter.accounts.contains(&shown.account))
    }

    /// The parties whose invoices can be meant; `None`: too many to look up.
    fn parties_paid_there(
        &self,
        call: &Call,
        query: &NewestQuery,
        systems: &[PaymentSystem],
        filter: &DestinationFilter,
    ) -> Result<Option<BTreeSet<i64>>> {
        let (network, kind) = (call.network, query.kind);
        self.store.read(|tx| {
            if !filter.accounts.is_empty() {
                let accounts: Vec<&str> = filter.accounts.iter().map(String::as_str).collect();
                let details: Vec<String> = details(systems, &accounts);
                let details: Vec<&str> = details.iter().map(String::as_str).collect();
                let mut found: BTreeSet<i64> =
                    parties::with_details(tx, network, kind.party_kind(), &details)?.into_iter().collect();
                found.extend(invoices::went_to(tx, network, kind, &accounts)?);
                return Ok(Some(found));
            }
            let Some(ids) = &query.systems else { return Ok(None) };
            let most = PARTIES_MAX + 1;
            let mut found: BTreeSet<i64> =
                parties::paid_through(tx, network, kind.party_kind(), ids, most)?.into_iter().collect();
            found.extend(invoices::went_through(tx, network, kind, ids, most)?);
            Ok(Some(found).filter(|found| (found.len() as i64) < most))
        })
    }
}

/// The details of methods that show as one of some accounts: a line for each field of a system, as it is made of them.
fn details(systems: &[PaymentSystem], accounts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for system in systems {
        let fields: Vec<SystemField> = serde_json::from_str(&system.fields).unwrap_or_default();
        for account in accounts {
            let value = |line: &str| {
                fields.iter().find_map(|field| {
                    let value = line.strip_prefix(&field.label)?.strip_prefix(": ")?;
                    Some((field.id.to_string(), value.to_owned()))
                })
            };
            let values: Option<BTreeMap<String, String>> = account.lines().map(value).collect();
            found.extend(values.and_then(|values| serde_json::to_string(&values).ok()));
        }
    }
    found
}
