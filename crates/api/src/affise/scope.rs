//! Whose parties a key reaches: a manager's those that it looks after, any other all. What it does not reach is as if it were
//! not there.

use quittance_domain::ids::{AdvertiserId, PartyKind};
use quittance_engine::ingest::State;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::parties::{PartyFilter, ReferredBy};
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

    /// Refuses a change of who has referred a partner, or of what that one gets, where a referrer before or after it is not
    /// reached: it would change what somebody else's affiliate earns.
    pub(super) fn check_referrer(
        self,
        engine: &Engine,
        call: &Call,
        before: Option<&ReferredBy>,
        after: Option<i64>,
    ) -> quittance_engine::Result<()> {
        let before = before.map(|referrer| referrer.affiliate);
        for referrer in before.into_iter().chain(after).filter(|id| *id != 0) {
            if !self.reaches(engine, call, PartyKind::Affiliate, referrer)? {
                let detail = format!("ref: Affiliates [{referrer}] not found");
                return Err(Error::invalid("ref", detail));
            }
        }
        Ok(())
    }

    /// Refuses to change what advertisers owe for conversions, where one of them is not reached.
    pub(super) fn check_revenue(
        self,
        engine: &Engine,
        call: &Call,
        name: &'static str,
        states: &[State],
    ) -> quittance_engine::Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        let own = self.parties(engine, call, PartyKind::Advertiser, None)?.unwrap_or_default();
        for state in states {
            let conversion = &state.known.conversion;
            let advertiser = conversion.advertiser_id.map(AdvertiserId::get);
            if advertiser.is_none_or(|id| own.binary_search(&id).is_err()) {
                let id = &conversion.conversion_id;
                let detail = format!("{name}: the manager of this key does not look after the advertiser of {id}");
                return Err(Error::invalid(name, detail));
            }
        }
        Ok(())
    }
}
