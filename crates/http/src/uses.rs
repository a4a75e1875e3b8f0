//! When keys were used: remembered here, and noted in the database now and then, so that no request waits for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use quittance_domain::ids::{KeyId, NetworkId};
use quittance_domain::time::Timestamp;
use quittance_engine::keys::Actor;

/// How many keys are remembered at most. More of them between two notes are left out of this one.
const KEYS_MAX: usize = 100_000;

/// The last use of keys that is not noted yet.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<(NetworkId, KeyId), Timestamp>>);

impl KeyUses {
    /// Remembers that a key is used.
    pub(crate) fn remember(&self, actor: &Actor, now: Timestamp) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (actor.network, actor.key);
        if uses.len() < KEYS_MAX || uses.contains_key(&place) {
            uses.insert(place, now);
        }
    }

    /// What is to be noted; it is forgotten here.
    pub fn take(&self) -> Vec<(NetworkId, KeyId, Timestamp)> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uses.drain().map(|((network, key), at)| (network, key, at)).collect()
    }
}
