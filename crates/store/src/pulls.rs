//! How far the accounts of other systems were read.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

use crate::Tx;
use crate::error::Result;
use crate::statements::statements;

statements! {
    PLACE = "SELECT place FROM pull_places WHERE network_id = $1 AND source = $2 AND resource = $3";
    KEEP = "INSERT INTO pull_places (network_id, source, resource, place, updated_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (network_id, source, resource) DO UPDATE SET place = excluded.place, \
        updated_at = excluded.updated_at";
}

/// How far a resource of a source was read, as who read it has written it down; `None` where it never was.
///
/// # Errors
/// What the database says.
pub fn place(tx: &mut dyn Tx, network: NetworkId, source: &str, resource: &str) -> Result<Option<String>> {
    let params = [network.get().into(), source.into(), resource.into()];
    tx.query_one(PLACE, &params)?.map(|row| row.string(0)).transpose()
}

/// Keeps how far a resource of a source was read, in the place of what was kept before.
///
/// # Errors
/// What the database says.
pub fn keep(
    tx: &mut dyn Tx,
    network: NetworkId,
    (source, resource): (&str, &str),
    place: &str,
    now: Timestamp,
) -> Result<()> {
    let params = [network.get().into(), source.into(), resource.into(), place.into(), now.micros().into()];
    tx.execute(KEEP, &params)?;
    Ok(())
}
