//! What ingest knows of parties and offers, kept from one small input to the next: without it each batch of a client would
//! read them anew.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use quittance_domain::ids::NetworkId;

use super::directory::Directory;

/// What one input leaves to the next.
pub(super) struct Kept {
    pub(super) directory: Directory,
    /// The last batch named conversions that were known.
    pub(super) expects_known: bool,
}

/// The directories of the networks that nobody is using now. Whoever takes one has it alone; who finds none starts anew.
#[derive(Default)]
pub(crate) struct Directories(Mutex<HashMap<NetworkId, Kept>>);

impl Directories {
    pub(super) fn take(&self, network: NetworkId) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network)
    }

    pub(super) fn keep(&self, network: NetworkId, kept: Kept) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(network, kept);
    }
}
