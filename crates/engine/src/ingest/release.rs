//! Releasing conversions on hold.

use quittance_domain::conversion::{ConversionEdit, ConversionStatus, edited_state};
use quittance_store::conversions::{self, State};
use quittance_store::networks;

use super::batch::{self, Override};
use crate::error::{Error, Result};
use crate::{Call, Engine};

impl Engine {
    /// Approves conversions that are still on hold. Answers how many were.
    pub(crate) fn release(&self, call: &Call, held: &[State]) -> Result<u64> {
        let session = self.session(call, None)?;
        let ids: Vec<&str> = held.iter().map(|state| &*state.known.conversion.conversion_id).collect();
        self.store.write(|tx| {
            let present = networks::present(tx, call.network)?;
            let mut states = conversions::known(tx, call.network, &ids)?;
            states.retain(|state| state.known.conversion.status == ConversionStatus::Hold);
            states.sort_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
            let context = session.context();
            let approved = ConversionEdit { status: Some(ConversionStatus::Approved), ..ConversionEdit::default() };
            let mut overrides = Vec::with_capacity(states.len());
            for state in states {
                let (next, received) =
                    edited_state(&state.known, &approved).map_err(|error| Error::invalid("", error.to_string()))?;
                overrides.push(Override { state, next, received });
            }
            batch::override_states(tx, &context, present, overrides)
        })
    }
}
