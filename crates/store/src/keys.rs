//! Access keys. Only their hashes are here.

use quittance_domain::ids::{KeyId, NetworkId, UserId};
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Row, Tx};

macro_rules! key_columns {
    () => {
        "SELECT network_id, key_id, name, role, party_id, created_at, revoked_at, expires_at, allowed, last_used_at, user_id, \
         suspended_at FROM api_keys "
    };
}

statements! {
    INSERT = "INSERT INTO api_keys (network_id, key_id, name, role, party_id, hash, created_at, expires_at, allowed, user_id, \
        suspended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    LIST = concat!(key_columns!(), "WHERE network_id = $1 ORDER BY key_id");
    BY_ID = concat!(key_columns!(), "WHERE network_id = $1 AND key_id = $2");
    BY_HASH = concat!(key_columns!(), "WHERE hash = $1");
    FOLLOW_USER = "UPDATE api_keys SET role = $3, party_id = $4, suspended_at = CASE WHEN CAST($5 AS BIGINT) IS NULL \
        THEN NULL ELSE COALESCE(suspended_at, $5) END WHERE network_id = $1 AND user_id = $2";
    ERASE_OF_USER = "UPDATE api_keys SET name = $3, revoked_at = COALESCE(revoked_at, $4) WHERE network_id = $1 AND user_id = $2";
    RENAME_OF_PARTY = "UPDATE api_keys SET name = $4 WHERE network_id = $1 AND role = $2 AND party_id = $3 AND user_id IS NULL";
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
    /// The user whose key it is, and whose role and party it has.
    pub user_id: Option<UserId>,
    /// Since when its user is disabled.
    pub suspended_at: Option<Timestamp>,
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
        user_id: row.opt_int(10)?.map(UserId::new),
        suspended_at: row.opt_int(11)?.map(Timestamp::from_micros),
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
        key.user_id.map(UserId::get).into(),
        key.suspended_at.map(Timestamp::micros).into(),
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

/// Gives the keys of a user its role and party, and says since when it is disabled.
///
/// # Errors
/// What the database says.
pub fn follow_user(
    tx: &mut dyn Tx,
    network: NetworkId,
    user: UserId,
    (role, party_id): (&str, Option<i64>),
    suspended_at: Option<Timestamp>,
) -> Result<()> {
    let suspended = suspended_at.map(Timestamp::micros);
    let params = [network.get().into(), user.get().into(), role.into(), party_id.into(), suspended.into()];
    tx.execute(FOLLOW_USER, &params)?;
    Ok(())
}

/// Revokes the keys of a user, and gives all of them a name that says nothing of a person.
///
/// # Errors
/// What the database says.
pub fn erase_of_user(tx: &mut dyn Tx, network: NetworkId, user: UserId, name: &str, now: Timestamp) -> Result<()> {
    tx.execute(ERASE_OF_USER, &[network.get().into(), user.get().into(), name.into(), now.micros().into()])?;
    Ok(())
}

/// Renames the keys that stand for a party and are no user's.
///
/// # Errors
/// What the database says.
pub fn rename_of_party(tx: &mut dyn Tx, network: NetworkId, role: &str, party_id: i64, name: &str) -> Result<()> {
    tx.execute(RENAME_OF_PARTY, &[network.get().into(), role.into(), party_id.into(), name.into()])?;
    Ok(())
}
