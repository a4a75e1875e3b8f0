//! Inputs of conversions that were imported whole.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::statements::statements;
use crate::tx::Tx;

statements! {
    WITH_HEAD = "SELECT digest, imported_at FROM inputs WHERE network_id = $1 AND head = $2 ORDER BY digest";
    ADD = "INSERT INTO inputs (network_id, imported_at, bytes, head, digest) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (network_id, head, digest) DO NOTHING";
}

/// What an input is known by again. Two inputs with the same digests are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The digest of its first bytes.
    pub head: String,
    /// The digest of all of them.
    pub digest: String,
    /// How many there are.
    pub bytes: u64,
}

/// The inputs that begin like this one: their digests, and when each was imported whole first.
///
/// # Errors
/// What the database says.
pub fn with_head(tx: &mut dyn Tx, network: NetworkId, head: &str) -> Result<Vec<(String, Timestamp)>> {
    let rows = tx.query(WITH_HEAD, &[network.get().into(), head.into()])?;
    rows.iter().map(|row| Ok((row.string(0)?, Timestamp::from_micros(row.int(1)?)))).collect()
}

/// Remembers an input that was imported whole.
///
/// # Errors
/// What the database says.
pub fn add(tx: &mut dyn Tx, network: NetworkId, input: &Input, now: Timestamp) -> Result<()> {
    let bytes = i64::try_from(input.bytes).unwrap_or(i64::MAX);
    let params = [
        network.get().into(),
        now.micros().into(),
        bytes.into(),
        input.head.as_str().into(),
        input.digest.as_str().into(),
    ];
    tx.execute(ADD, &params)?;
    Ok(())
}
