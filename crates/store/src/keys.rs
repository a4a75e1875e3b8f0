//! Access keys. Only their hashes are here.

use quittance_domain::ids::{KeyId, NetworkId};
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Row, Tx};

statements! {
    INSERT = "INSERT INTO api_keys (network_id, key_id, name, role, party_id, hash, created_at, expires_at, allowed) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "SELECT network_id, key_id, name, role, party_id, created_at, revoked_at, expires_at, \
        allowed, last_used_at FROM api_keys \
        WHERE network_id = $1 ORDER BY key_id";
    BY_ID = "SELECT network_id, key_id, name, role, party_id, created_at, revoked_at, expires_at, \
        allowed, last_used_at FROM api_keys \
        WHERE network_id = $1 AND key_id = $2";
    BY_HASH = "SELECT network_id, key_id, name, role, party_id, created_at, revoked_at, expires_at, \
        allowed, last_used_at FROM api_keys WHERE hash = $1";
    REVOKE = "UPDATE api_keys SET revoked_at = $3 WHERE network_id = $1 AND key_id = $2 AND revoked_at IS NULL";
    // Several processes may have seen the same key at work: what one of them has noted of the last minute is enough.
    USE = "UPDATE api_keys SET last_used_at = $3 WHERE network_id = $1 AND key_id = $2 \
        AND (last_used_at IS NULL OR last_used_at < $4)";
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The network it opens.
    pub network_id: NetworkId,
    /// Its id.
    pub key_id: KeyId,
    /// What it is for.
    pub name: String,
    /// The word of its role.
    pub role: String,
    /// The affiliate, advertiser or manager that it stands for, where its role is one of these.
    pub party_id: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// The ranges of addresses that it may be used from, separated by spaces; `None`: any.
    pub allowed: Option<String>,
    /// When it was last used, as far as that was noted.
    pub last_used_at: Option<Timestamp>,
}

fn key(row: &Row) -> Result<ApiKey> {
    Ok(ApiKey {
        network_id: NetworkId::new(row.int(0)?),
        key_id: KeyId::new(row.int(1)?),
        name: row.string(2)?,
        role: row.string(3)?,
        party_id: row.opt_int(4)?,
        created_at: Timestamp::from_micros(row.int(5)?),
        revoked_at: row.opt_int(6)?.map(Timestamp::from_micros),
        expires_at: row.opt_int(7)?.map(Timestamp::from_micros),
        allowed: row.opt_string(8)?,
        last_used_at: row.opt_int(9)?.map(Timestamp::from_micros),
    })
}

/// Records a key with the hash of its secret.
///
/// # Errors
/// What the database says.
pub fn insert(tx: &mut dyn Tx, key: &ApiKey, hash: &str) -> Result<()> {
    let params = [
        key.network_id.get().into(),
        key.key_id.get().into(),
        (&key.name).into(),
        (&key.role).into(),
        key.party_id.into(),
        hash.into(),
        key.created_at.micros().into(),
        key.expires_at.map(Timestamp::micros).into(),
        key.allowed.as_ref().into(),
    ];
    tx.execute(INSERT, &params)?;
    Ok(())
}

/// The keys of a network, also revoked ones, by id.
///
/// # Errors
/// What the database says.
pub fn list(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<ApiKey>> {
    tx.query(LIST, &[network.get().into()])?.iter().map(key).collect()
}

/// One key, also where it is revoked.
///
/// # Errors
/// What the database says.
pub fn by_id(tx: &mut dyn Tx, network: NetworkId, id: KeyId) -> Result<Option<ApiKey>> {
    tx.query_one(BY_ID, &[network.get().into(), id.get().into()])?.as_ref().map(key).transpose()
}

/// The key of a hash, of whichever network, also where it is revoked.
///
/// # Errors
/// What the database says.
pub fn by_hash(tx: &mut dyn Tx, hash: &str) -> Result<Option<ApiKey>> {
    tx.query_one(BY_HASH, &[hash.into()])?.as_ref().map(key).transpose()
}

/// Revokes a key. Answers whether there was one that was not revoked yet.
///
/// # Errors
/// What the database says.
pub fn revoke(tx: &mut dyn Tx, network: NetworkId, id: KeyId, now: Timestamp) -> Result<bool> {
    Ok(tx.execute(REVOKE, &[network.get().into(), id.get().into(), now.micros().into()])? > 0)
}

/// Notes that a key was used, where no use of it is noted since `before`.
///
/// # Errors
/// What the database says.
pub fn note_use(tx: &mut dyn Tx, network: NetworkId, id: KeyId, used_at: Timestamp, before: Timestamp) -> Result<()> {
    let params = [network.get().into(), id.get().into(), used_at.micros().into(), before.micros().into()];
    tx.execute(USE, &params)?;
    Ok(())
}
