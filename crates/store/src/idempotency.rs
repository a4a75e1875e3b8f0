//! What was answered to requests that carried an idempotency key.

use quittance_domain::ids::{KeyId, NetworkId};
use quittance_domain::time::Timestamp;

use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

statements! {
    CLAIM = "INSERT INTO idempotency_keys \
        (network_id, key_id, route, idempotency_key, body_hash, created_at, owner) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (network_id, key_id, route, idempotency_key) DO NOTHING";
    LOCK_ONE = "SELECT body_hash, created_at, status, answer, owner FROM idempotency_keys \
        WHERE network_id = $1 AND key_id = $2 AND route = $3 AND idempotency_key = $4 {lock:update}";
    FIND_ONE = "SELECT body_hash, created_at, status, answer, owner FROM idempotency_keys \
        WHERE network_id = $1 AND key_id = $2 AND route = $3 AND idempotency_key = $4";
    RENEW = "UPDATE idempotency_keys SET body_hash = $5, created_at = $6, status = NULL, answer = NULL, \
        owner = $7 \
        WHERE network_id = $1 AND key_id = $2 AND route = $3 AND idempotency_key = $4";
    FINISH = "UPDATE idempotency_keys SET status = $6, answer = $7 \
        WHERE network_id = $1 AND key_id = $2 AND route = $3 AND idempotency_key = $4 AND created_at = $5 \
        AND (status IS NULL OR status = 0)";
    RELEASE = "DELETE FROM idempotency_keys \
        WHERE network_id = $1 AND key_id = $2 AND route = $3 AND idempotency_key = $4 AND created_at = $5 \
        AND status IS NULL";
    PURGE = "DELETE FROM idempotency_keys WHERE created_at <= \
        (SELECT MAX(created_at) FROM (SELECT created_at FROM idempotency_keys WHERE created_at < $1 \
        ORDER BY created_at LIMIT $2) AS oldest)";
}

/// Which request: an idempotency key means something only for one access key and route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// The network.
    pub network: NetworkId,
    /// The access key.
    pub key: KeyId,
    /// The method and path pattern.
    pub route: &'a str,
    /// What the client sent.
    pub idempotency_key: &'a str,
}

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The hash of its body.
    pub body_hash: String,
    /// When it came.
    pub created_at: Timestamp,
    /// Status and body of the answer, once there is one.
    pub answer: Option<(i64, String)>,
    /// The process that claimed it, where it claimed it for longer than a transaction.
    pub owner: Option<i64>,
}

impl<'a> Scope<'a> {
    fn params(&self) -> [Param<'a>; 4] {
        [self.network.get().into(), self.key.get().into(), self.route.into(), self.idempotency_key.into()]
    }
}

/// Claims a scope that nobody has claimed; answers whether it did. Where another transaction is just claiming it, this
/// waits until that one ends.
///
/// # Errors
/// What the database says.
pub fn claim(tx: &mut dyn Tx, scope: &Scope<'_>, body_hash: &str, now: Timestamp, owner: Option<i64>) -> Result<bool> {
    let [a, b, c, d] = scope.params();
    Ok(tx.execute(CLAIM, &[a, b, c, d, body_hash.into(), now.micros().into(), owner.into()])? > 0)
}

/// What is kept of a request, locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub fn lock(tx: &mut dyn Tx, scope: &Scope<'_>) -> Result<Option<Kept>> {
    tx.query_one(LOCK_ONE, &scope.params())?.map(kept).transpose()
}

/// What is kept of a request, as it is now.
///
/// # Errors
/// What the database says.
pub fn find(tx: &mut dyn Tx, scope: &Scope<'_>) -> Result<Option<Kept>> {
    tx.query_one(FIND_ONE, &scope.params())?.map(kept).transpose()
}

fn kept(row: Row) -> Result<Kept> {
    let answer = match (row.opt_int(2)?, row.opt_string(3)?) {
        (Some(status), Some(answer)) => Some((status, answer)),
        (None, None) => None,
        _ => {
            return Err(Error::Corrupt("a kept answer has no status, or no text".into()));
        }
    };
    let (created_at, owner) = (Timestamp::from_micros(row.int(1)?), row.opt_int(4)?);
    Ok(Kept { body_hash: row.string(0)?, created_at, answer, owner })
}

/// Claims a scope anew whose last claim is over. The caller has locked it.
///
/// # Errors
/// What the database says.
pub fn renew(tx: &mut dyn Tx, scope: &Scope<'_>, body_hash: &str, now: Timestamp, owner: Option<i64>) -> Result<()> {
    let [a, b, c, d] = scope.params();
    tx.execute(RENEW, &[a, b, c, d, body_hash.into(), now.micros().into(), owner.into()])?;
    Ok(())
}

/// Keeps the answer to the request that made the claim at `claimed_at`; answers whether the claim was still its own.
///
/// # Errors
/// What the database says.
pub fn finish(tx: &mut dyn Tx, scope: &Scope<'_>, claimed_at: Timestamp, status: i64, answer: &str) -> Result<bool> {
    let [a, b, c, d] = scope.params();
    let changed = tx.execute(FINISH, &[a, b, c, d, claimed_at.micros().into(), status.into(), answer.into()])?;
    Ok(changed > 0)
}

/// Gives up the claim made at `claimed_at`, unless it was answered; answers whether there was one.
///
/// # Errors
/// What the database says.
pub fn release(tx: &mut dyn Tx, scope: &Scope<'_>, claimed_at: Timestamp) -> Result<bool> {
    let [a, b, c, d] = scope.params();
    Ok(tx.execute(RELEASE, &[a, b, c, d, claimed_at.micros().into()])? > 0)
}

/// Forgets about `limit` of the requests that came before an instant, the oldest first. Answers how many.
///
/// # Errors
/// What the database says.
pub fn purge(tx: &mut dyn Tx, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(PURGE, &[before.micros().into(), limit.into()])
}
