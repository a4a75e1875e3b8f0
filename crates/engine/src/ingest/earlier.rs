//! What conversions were before they changed.

use std::collections::HashMap;

use quittance_store::conversions::{self, State};

use super::BATCH_RECORDS_MAX;
use crate::error::{Error, Result};
use crate::{Call, Engine};

impl Engine {
    /// The states that conversions of some ids had before the present one, the oldest first, by id. Conversions that have
    /// not changed are not among them.
    ///
    /// # Errors
    /// There are more than 10,000 ids.
    pub fn earlier_states(&self, call: &Call, ids: &[&str]) -> Result<HashMap<String, Vec<State>>> {
        if ids.len() > BATCH_RECORDS_MAX {
            let detail =
                format!("at most {BATCH_RECORDS_MAX} conversions are named at a time, these are {}", ids.len());
            return Err(Error::invalid("", detail));
        }
        let mut earlier: HashMap<String, Vec<State>> = HashMap::new();
        for state in self.store.read(|tx| conversions::superseded(tx, call.network, ids))? {
            earlier.entry(state.known.conversion.conversion_id.to_string()).or_default().push(state);
        }
        Ok(earlier)
    }
}
