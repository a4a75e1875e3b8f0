//! Whose parties a key reaches: a manager's those that it looks after, any other all. What it does not reach is as if it were
//! not there.

use quittance_domain::ids::PartyKind;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::parties::PartyFilter;
use quittance_engine::{Call, Engine, Error};

/// What a key reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope(Option<i64>);

impl Scope {
    pub(super) fn of(actor: &Actor) -> Scope {
        Scope((actor.role == Role::Manager).then(|| actor.party_id.unwrap_or(0)))
    }

    /// The manager whose key it is.
    pub(super) fn manager(self) -> Option<i64> {
        self.0
    }

    pub(super) fn reaches(
        self,
        engine: &Engine,
        call: &Call,
        kind: PartyKind,
        party: i64,
    ) -> quittance_engine::Result<bool> {
        self.0.map_or(Ok(true), |manager| engine.manages(call, manager, kind, party))
    }

    /// Refuses a party that is not reached as one that is not there.
    pub(super) fn check(
        self,
        engine: &Engine,
        call: &Call,
        kind: PartyKind,
        party: i64,
    ) -> quittance_engine::Result<()> {
        match self.reaches(engine, call, kind, party)? {
            true => Ok(()),
            false => Err(Error::NotFound(format!("there is no {kind} {party}"))),
        }
    }

    /// Those of the parties that are asked for that are reached; `None` is all.
    pub(super) fn parties(
        self,
        engine: &Engine,
        call: &Call,
        kind: PartyKind,
        asked: Option<Vec<i64>>,
    ) -> quittance_engine::Result<Option<Vec<i64>>> {
        let Some(manager) = self.0 else { return Ok(asked) };
        let own = engine.managed_parties(call, kind, &[manager])?;
        Ok(Some(match asked {
            None => own,
            Some(asked) => asked.into_iter().filter(|id| own.binary_search(id).is_ok()).collect(),
        }))
    }

    /// A filter of parties that finds no others.
    pub(super) fn within(self, filter: PartyFilter) -> PartyFilter {
        match self.0 {
            Some(manager) => PartyFilter { manager_id: Some(manager), ..filter },
            None => filter,
        }
    }
}
