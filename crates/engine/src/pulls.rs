//! How far the accounts of other systems were read, so that reading goes on where it stopped.

use quittance_store::pulls;

use crate::error::Result;
use crate::{Call, Engine};

impl Engine {
    /// How far a resource of a source was read, as the reader has written it down; `None` where it never was. A source is
    /// an account's address, a resource what is listed there.
    ///
    /// # Errors
    /// What the store says.
    pub fn pull_place(&self, call: &Call, source: &str, resource: &str) -> Result<Option<String>> {
        Ok(self.store.read(|tx| pulls::place(tx, call.network, source, resource))?)
    }

    /// Keeps how far a resource of a source was read. The reader calls it when what it has read is durable: ingest does
    /// nothing twice, so that after a crash between the two the same is read once more, and nothing is left out.
    ///
    /// # Errors
    /// What the store says.
    pub fn keep_pull_place(&self, call: &Call, source: &str, resource: &str, place: &str) -> Result<()> {
        Ok(self.store.write(|tx| pulls::keep(tx, call.network, (source, resource), place, call.now))?)
    }
}
