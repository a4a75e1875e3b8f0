//! Ids of conversions that come without one.

use quittance_store::networks;

use crate::error::Result;
use crate::{Call, Engine};

/// The counter of conversions that came without an id.
const GENERATED: &str = "generated_conversion";

impl Engine {
    /// The first of some numbers that no conversion without an id has had before. Numbers that are not used are lost.
    ///
    /// # Errors
    /// What the store says.
    pub fn next_generated_conversions(&self, call: &Call, count: i64) -> Result<i64> {
        Ok(self.store.write(|tx| networks::next(tx, call.network, GENERATED, 1, count.max(1)))?)
    }
}
