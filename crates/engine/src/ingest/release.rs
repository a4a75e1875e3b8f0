//! Releasing conversions on hold.

use quittance_domain::conversion::{ConversionEdit, ConversionStatus, edited_state};
use quittance_domain::time::Day;
use quittance_store::conversions::{self, State};
use quittance_store::{Tx, networks, parties};

use super::batch::{self, Override};
use super::session::Session;
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// How many conversions on hold are released in one transaction.
const RELEASE_MAX: i64 = 5_000;

/// What it takes to release conversions.
pub(crate) struct Releasing<'a> {
    session: Session<'a>,
    call: &'a Call,
    today: Day,
}

impl Engine {
    /// What it takes to release conversions.
    pub(crate) fn releasing<'a>(&'a self, call: &'a Call) -> Result<Releasing<'a>> {
        let session = self.session(call, None)?;
        let today = session.zone.day_of(call.now);
        Ok(Releasing { session, call, today })
    }
}

impl Releasing<'_> {
    /// Some of the conversions on hold whose offer's hold days are over. Those of offers without hold days wait for the
    /// tracker.
    pub(crate) fn held(&self, tx: &mut dyn Tx) -> Result<Vec<State>> {
        let offers = parties::holding_offers(tx, self.call.network)?;
        Ok(conversions::releasable(tx, self.call.network, self.today, &offers, RELEASE_MAX)?)
    }

    /// Approves conversions that are still on hold. Answers how many were.
    pub(crate) fn release(&self, tx: &mut dyn Tx, held: &[State]) -> Result<u64> {
        let call = self.call;
        let ids: Vec<&str> = held.iter().map(|state| &*state.known.conversion.conversion_id).collect();
        let present = networks::present(tx, call.network)?;
        let mut states = conversions::known(tx, call.network, &ids)?;
        states.retain(|state| state.known.conversion.status == ConversionStatus::Hold);
        states.sort_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
        let context = self.session.context();
        let approved = ConversionEdit { status: Some(ConversionStatus::Approved), ..ConversionEdit::default() };
        let mut overrides = Vec::with_capacity(states.len());
        for state in states {
            let (next, received) =
                edited_state(&state.known, &approved).map_err(|error| Error::invalid("", error.to_string()))?;
            overrides.push(Override { state, next, received });
        }
        batch::override_states(tx, &context, present, overrides)
    }
}
