//! Whether a process lives, by the advisory lock of a session that the server ends with it.

use std::time::Duration;

use postgres::Client;

use super::{Postgres, failure};
use crate::error::{Error, Result};
use crate::tx::Tx;

/// The first number of a lock is of the schema, since several installations may share a database; the second is the
/// process's own.
const TAKE: &str =
    "SELECT pg_try_advisory_lock(hashtext('quittance ' || current_schema()), CAST(CAST($1 AS BIGINT) AS INT))";
/// Nobody holds the lock of a dead process. It is not kept from anybody: whoever asks shares it until it has its answer.
const LIVES: &str = "SELECT CAST(CASE WHEN pg_try_advisory_xact_lock_shared(hashtext('quittance ' || current_schema()), \
     CAST($1 AS INT)) THEN 0 ELSE 1 END AS BIGINT)";
/// How long the server has to say that the session is there.
const ANSWERS: Duration = Duration::from_secs(5);

/// The session of a process that lives.
pub(crate) struct Live {
    client: Client,
}

impl Live {
    /// Begins a session for a process.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) fn begin(postgres: &Postgres, owner: i64) -> Result<Live> {
        let mut client = postgres.session()?;
        let taken = client.query_one(TAKE, &[&owner]).and_then(|row| row.try_get::<_, bool>(0));
        match taken.map_err(|error| failure(&error))? {
            true => Ok(Live { client }),
            false => Err(Error::Database(format!("another process lives with the number {owner}"))),
        }
    }

    /// Whether the session is there still.
    pub(crate) fn holds(&mut self) -> bool {
        self.client.is_valid(ANSWERS).is_ok()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The server gives the lock up when it sees the session end; this is sooner.
        let _ = self.client.batch_execute("SELECT pg_advisory_unlock_all()");
    }
}

/// Whether the process of a number lives.
///
/// # Errors
/// What the server says.
pub(super) fn lives(tx: &mut dyn Tx, owner: i64) -> Result<bool> {
    tx.query_one(LIVES, &[owner.into()])?.map_or(Ok(true), |row| row.flag(0))
}
