//! Events that are too old are forgotten.

use quittance_domain::time::Timestamp;
use quittance_store::{events as table, networks, webhooks};

use crate::Engine;
use crate::error::Result;

/// How long events are kept, in days.
pub const KEPT_DAYS: i64 = 90;
/// How many events one transaction forgets.
const FORGET_MAX: i64 = 1_000;
const DAY_MICROS: i64 = 86_400_000_000;

impl Engine {
    /// Forgets events that are too old, of all networks. What a webhook has not come to yet stays. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub fn purge_events(&self, now: Timestamp) -> Result<u64> {
        let before = Timestamp::from_micros(now.micros().saturating_sub(KEPT_DAYS * DAY_MICROS));
        let mut purged = 0;
        for network in self.store.read(networks::list)? {
            loop {
                let rows = self.store.write(|tx| {
                    let through = webhooks::least_cursor(tx, network.network_id)?.unwrap_or(i64::MAX);
                    table::forget(tx, network.network_id, before, through, FORGET_MAX)
                })?;
                purged += rows;
                if rows == 0 {
                    break;
                }
            }
        }
        Ok(purged)
    }
}
