//! Requests that carry an idempotency key: the first does its work, a repeat is answered with what the first was.
//!
//! Where the effect is one transaction, [`begin`] and [`finish`] go into that same transaction: then the answer is kept
//! exactly if the effect is. Where an effect spans transactions, [`Engine::claim_idempotency`] comes before it, and
//! [`Engine::finish_idempotency`] or [`Engine::release_idempotency`] after it; such an effect must bear being started
//! again, since a process may die in between.
//!
//! A command of the command line claims nothing beforehand: its key is kept with its effect ([`Held::WithEffect`]), what it
//! printed after it.

use std::borrow::Cow;

use quittance_domain::ids::{KeyId, NetworkId};
use quittance_domain::time::Timestamp;
use quittance_store::idempotency::Kept;
pub use quittance_store::idempotency::Scope;
use quittance_store::{Tx, idempotency as table};

use crate::error::{Error, Result};
use crate::{Call, Engine};

/// How long an answer is kept: 24 hours.
pub const KEPT_MICROS: i64 = 24 * HOUR;
/// When a claim that was neither answered nor released is given up although its process lives. Longer than any request is
/// served. That of a dead process is taken over at once.
pub const ABANDONED_MICROS: i64 = HOUR;

/// How long after a claim an answer that is not kept yet may still come.
const ANSWERING_MICROS: i64 = 60_000_000;
const HOUR: i64 = 3_600_000_000;
/// The longest key that a client may send.
const KEY_CHARS_MAX: usize = 255;
/// How many requests one transaction forgets.
const PURGE_ROWS_MAX: i64 = 1_000;

/// What is to be done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first: do it, and then finish or release with this claim.
    Fresh(Claim),
    /// It was done before: give the same answer.
    Repeat {
        /// The answer's status.
        status: i64,
        /// The answer's body.
        answer: String,
    },
    /// The key was used for another body.
    Mismatch,
    /// The first is being done right now.
    InProgress,
}

/// The right to answer a request: whose claim it is is told by when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    claimed_at: Timestamp,
}

/// How a key is held while its request is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It was claimed beforehand.
    Claimed(Claim),
    /// It is claimed in the transaction of the effect, with the hash of what was asked for.
    WithEffect(String),
}

/// A request with a key: what a use case needs to note, in its own transaction, that it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The access key.
    pub key: KeyId,
    /// The method and path pattern.
    pub route: Cow<'static, str>,
    /// What the client sent.
    pub idempotency_key: String,
    /// How the key is held.
    pub held: Held,
}

impl Claimed {
    /// A command of the command line: its key is kept with its effect.
    #[must_use]
    pub fn command(key: &str, body_hash: String) -> Claimed {
        let (route, held) = (Cow::Borrowed(COMMAND_LINE), Held::WithEffect(body_hash));
        Claimed { key: KeyId::new(0), route, idempotency_key: key.to_owned(), held }
    }

    /// The same for a part of what was asked for, which is done in a transaction of its own.
    #[must_use]
    pub fn part(&self, part: impl std::fmt::Display) -> Claimed {
        Claimed { route: format!("{}/{part}", self.route).into(), ..self.clone() }
    }

    fn scope(&self, network: NetworkId) -> Scope<'_> {
        Scope { network, key: self.key, route: &self.route, idempotency_key: &self.idempotency_key }
    }
}

/// What stands for the route of commands.
const COMMAND_LINE: &str = "command line";

/// The status of a request that was carried out and whose answer is not kept yet.
pub const DONE_UNANSWERED: i64 = 0;

/// Notes that a request is carried out, in the transaction that does it: a repeat does nothing, whatever becomes of the
/// process before the answer is kept.
pub(crate) fn mark_done(tx: &mut dyn Tx, call: &crate::Call) -> Result<()> {
    let Some(claimed) = &call.claimed else { return Ok(()) };
    let scope = claimed.scope(call.network);
    match &claimed.held {
        Held::Claimed(claim) => finish(tx, &scope, *claim, DONE_UNANSWERED, ""),
        Held::WithEffect(body_hash) => keep(tx, &scope, body_hash, call.now, (DONE_UNANSWERED, "")),
    }
}

/// Claims a scope and keeps its answer at once.
fn keep(
    tx: &mut dyn Tx,
    scope: &Scope<'_>,
    body_hash: &str,
    now: Timestamp,
    (status, answer): (i64, &str),
) -> Result<()> {
    match begin(tx, scope, body_hash, now, None)? {
        Begun::Fresh(claim) => finish(tx, scope, claim, status, answer),
        _ => Err(Error::Conflict(format!("what the key {:?} is for was done meanwhile", scope.idempotency_key))),
    }
}

/// Looks a request up and claims it where it is the first: for a process of a number, where the claim outlives the
/// transaction. On PostgreSQL this waits for another transaction that is just doing the same request.
///
/// # Errors
/// The client's key is empty, too long or not printable.
pub fn begin(tx: &mut dyn Tx, scope: &Scope<'_>, body_hash: &str, now: Timestamp, owner: Option<i64>) -> Result<Begun> {
    check_key(scope.idempotency_key)?;
    let fresh = Begun::Fresh(Claim { claimed_at: now });
    if table::claim(tx, scope, body_hash, now, owner)? {
        return Ok(fresh);
    }
    // Gone again: its claim was released after our try. The closure runs again and claims it.
    let Some(kept) = table::lock(tx, scope)? else {
        return Err(tx.conflict().into());
    };
    if let Some(begun) = standing(tx, kept, body_hash, now)? {
        return Ok(begun);
    }
    table::renew(tx, scope, body_hash, now, owner)?;
    Ok(fresh)
}

/// What is to be done about a request that is kept; `None`: its time is over, or the process that claimed it is dead.
fn standing(tx: &mut dyn Tx, kept: Kept, body_hash: &str, now: Timestamp) -> Result<Option<Begun>> {
    let age_micros = now.micros().saturating_sub(kept.created_at.micros());
    let answered = kept.answer.as_ref().is_some_and(|(status, _)| *status != DONE_UNANSWERED);
    // Of a claim of an earlier version it is not known.
    let lives = match kept.owner {
        Some(owner) if !answered => tx.lives(owner)?,
        _ => true,
    };
    if age_micros >= KEPT_MICROS || (kept.answer.is_none() && (age_micros >= ABANDONED_MICROS || !lives)) {
        return Ok(None);
    }
    if kept.body_hash != body_hash {
        return Ok(Some(Begun::Mismatch));
    }
    Ok(Some(match kept.answer {
        // It was carried out a moment ago, and its answer is about to be kept.
        Some((DONE_UNANSWERED, _)) if lives && age_micros < ANSWERING_MICROS => Begun::InProgress,
        Some((status, answer)) => Begun::Repeat { status, answer },
        None => Begun::InProgress,
    }))
}

/// Keeps the answer to a request.
///
/// # Errors
/// The claim was taken over meanwhile, because it looked abandoned; the transaction must not be committed then.
pub fn finish(tx: &mut dyn Tx, scope: &Scope<'_>, claim: Claim, status: i64, answer: &str) -> Result<()> {
    if table::finish(tx, scope, claim.claimed_at, status, answer)? {
        return Ok(());
    }
    let detail = "the same request was sent again and is being done by another process".to_owned();
    Err(Error::Conflict(detail))
}

impl Engine {
    /// [`begin`] in a transaction of its own, for an effect that spans transactions.
    ///
    /// # Errors
    /// As [`begin`].
    pub fn claim_idempotency(&self, scope: &Scope<'_>, body_hash: &str, now: Timestamp) -> Result<Begun> {
        let owner = self.store.owner()?;
        self.store.write(|tx| begin(tx, scope, body_hash, now, Some(owner)))
    }

    /// Looks at a request that another one is doing, without a change; `None`: it can be claimed now.
    ///
    /// # Errors
    /// What the store says.
    pub fn look_idempotency(&self, scope: &Scope<'_>, body_hash: &str, now: Timestamp) -> Result<Option<Begun>> {
        self.store.read(|tx| match table::find(tx, scope)? {
            Some(kept) => standing(tx, kept, body_hash, now),
            None => Ok(None),
        })
    }

    /// [`finish`] in a transaction of its own.
    ///
    /// # Errors
    /// As [`finish`].
    pub fn finish_idempotency(&self, scope: &Scope<'_>, claim: Claim, status: i64, answer: &str) -> Result<()> {
        self.store.write(|tx| finish(tx, scope, claim, status, answer))
    }

    /// What was kept of a command that has a key: `None` where it was not carried out.
    ///
    /// # Errors
    /// The key is empty, too long or not printable, or what the store says.
    pub fn done_before(&self, call: &Call) -> Result<Option<Begun>> {
        let Some(Claimed { held: Held::WithEffect(body_hash), .. }) = &call.claimed else { return Ok(None) };
        let scope = call.claimed.as_ref().map(|claimed| claimed.scope(call.network));
        let Some(scope) = scope else { return Ok(None) };
        check_key(scope.idempotency_key)?;
        let Some(kept) = self.store.look_up(|tx| Ok::<_, Error>(table::find(tx, &scope)?))? else { return Ok(None) };
        if call.now.micros().saturating_sub(kept.created_at.micros()) >= KEPT_MICROS {
            return Ok(None);
        }
        let (status, answer) = kept.answer.unwrap_or((DONE_UNANSWERED, String::new()));
        Ok(Some(if kept.body_hash == *body_hash { Begun::Repeat { status, answer } } else { Begun::Mismatch }))
    }

    /// Keeps what a command with a key has answered, and forgets what is kept for too long.
    ///
    /// # Errors
    /// Another command with the same key was carried out meanwhile, or what the store says.
    pub fn keep_outcome(&self, call: &Call, status: i64, answer: &str) -> Result<()> {
        let Some(claimed @ Claimed { held: Held::WithEffect(body_hash), .. }) = &call.claimed else { return Ok(()) };
        let scope = claimed.scope(call.network);
        let before = Timestamp::from_micros(call.now.micros().saturating_sub(KEPT_MICROS));
        self.store.write(|tx| {
            if !table::finish(tx, &scope, call.now, status, answer)? {
                keep(tx, &scope, body_hash, call.now, (status, answer))?;
            }
            table::purge(tx, before, PURGE_ROWS_MAX)?;
            Ok(())
        })
    }

    /// Gives a claim up, since the request failed: it may be sent again with the same key.
    ///
    /// # Errors
    /// What the store says.
    pub fn release_idempotency(&self, scope: &Scope<'_>, claim: Claim) -> Result<()> {
        self.store.write(|tx| {
            table::release(tx, scope, claim.claimed_at)?;
            Ok(())
        })
    }

    /// Forgets the requests whose time is over. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub fn purge_idempotency(&self, now: Timestamp) -> Result<u64> {
        let before = Timestamp::from_micros(now.micros().saturating_sub(KEPT_MICROS));
        let mut purged = 0;
        loop {
            match self.store.write(|tx| Ok::<_, Error>(table::purge(tx, before, PURGE_ROWS_MAX)?))? {
                0 => return Ok(purged),
                rows => purged += rows,
            }
        }
    }
}

fn check_key(key: &str) -> Result<()> {
    let chars = key.chars().count();
    if (1..=KEY_CHARS_MAX).contains(&chars) && !key.chars().any(char::is_control) {
        return Ok(());
    }
    let detail = format!("an idempotency key has 1 to {KEY_CHARS_MAX} printable characters, this one has {chars}");
    Err(Error::invalid("Idempotency-Key", detail))
}
