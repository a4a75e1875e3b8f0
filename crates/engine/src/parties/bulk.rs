//! Changes of several parties at once: all of them or none.

use quittance_domain::ids::PartyKind;
use quittance_store::parties::{self, PartyFilter};
use quittance_store::{Tx, networks as table};
use serde_json::{Map, Value};

use super::edit::{put_all, with_ids};
use super::{PartyRow, row};
use crate::error::{Error, Result};
use crate::network_file::{EntryProblem, check_entries};
use crate::{Call, Engine};

/// What is wrong with the change of one of several parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyProblem {
    /// The party.
    pub party_id: i64,
    /// The key of its entry at fault; empty where it is the entry as a whole.
    pub field: String,
    /// What is wrong, with the value.
    pub detail: String,
}

/// The entry that a network file would have for the change of a party, without its id; or the key at fault, and what is wrong.
pub type EntryOf<'a> = &'a dyn Fn(&PartyRow) -> std::result::Result<Map<String, Value>, (String, String)>;

/// What each party's entry is.
type Entries = Vec<(i64, Map<String, Value>)>;

impl Engine {
    /// Changes parties in one transaction, each by the entry that follows from what it is. Where something is wrong with one
    /// of them none is changed, and the answer says what.
    ///
    /// # Errors
    /// There is no party of one of the ids.
    pub fn update_parties(
        &self,
        call: &Call,
        kind: PartyKind,
        ids: &[i64],
        entry: EntryOf<'_>,
    ) -> Result<Vec<PartyProblem>> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            let (entries, problems) = entries(tx, call, kind, ids, entry)?;
            if !problems.is_empty() {
                return Ok(problems);
            }
            let problems = put_all(tx, call, kind, &entries)?;
            if problems.is_empty() {
                crate::idempotency::mark_done(tx, call)?;
            }
            Ok(of_parties(problems, &entries))
        })
    }

    /// What would be wrong with such a change. Nothing is changed.
    ///
    /// # Errors
    /// There is no party of one of the ids.
    pub fn check_parties(
        &self,
        call: &Call,
        kind: PartyKind,
        ids: &[i64],
        entry: EntryOf<'_>,
    ) -> Result<Vec<PartyProblem>> {
        self.store.read(|tx| {
            let (entries, mut problems) = entries(tx, call, kind, ids, entry)?;
            let found = check_entries(tx, call, &format!("{kind}s"), with_ids(&entries))?;
            problems.extend(of_parties(found, &entries));
            Ok(problems)
        })
    }
}

/// The entries of parties, and what is wrong with those that have none.
fn entries(
    tx: &mut dyn Tx,
    call: &Call,
    kind: PartyKind,
    ids: &[i64],
    entry: EntryOf<'_>,
) -> Result<(Entries, Vec<PartyProblem>)> {
    let filter = PartyFilter { ids: Some(ids.to_vec()), ..PartyFilter::default() };
    let found = parties::listed(tx, call.network, kind, &filter, (0, ids.len() as i64))?;
    let known = |id: &&i64| found.binary_search_by_key(*id, |(party, ..)| party.party_id).is_ok();
    if let Some(id) = ids.iter().find(|id| !known(id)) {
        return Err(Error::NotFound(format!("there is no {kind} {id}")));
    }
    let (mut entries, mut problems) = (Vec::with_capacity(found.len()), Vec::new());
    for party in found {
        let row = row(party)?;
        let party_id = row.party.party_id;
        match entry(&row) {
            Ok(entry) => entries.push((party_id, entry)),
            Err((field, detail)) => problems.push(PartyProblem { party_id, field, detail }),
        }
    }
    Ok((entries, problems))
}

fn of_parties(problems: Vec<EntryProblem>, entries: &Entries) -> Vec<PartyProblem> {
    let of_party = |problem: EntryProblem| {
        let EntryProblem { entry, field, detail } = problem;
        Some(PartyProblem { party_id: entries.get(entry)?.0, field, detail })
    };
    problems.into_iter().filter_map(of_party).collect()
}
