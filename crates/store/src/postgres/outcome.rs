//! What became of a transaction whose connection was lost while it was committed: the server is asked for it.

use std::time::{Duration, Instant};

use postgres::SimpleQueryMessage;

use super::{Connection, Postgres, failure, rollback};
use crate::error::{Error, Result};

/// How long the server is asked, and how long after one try the next is made.
const ASKED_FOR: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Begins a transaction whose number is known, so that the server can be asked for it later. It is one message.
const BEGIN_KNOWN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()";

/// Begins a transaction; answers its number.
///
/// # Errors
/// What the server says.
pub(super) fn begin_known(connection: &mut Connection) -> Result<String> {
    let said = connection.client.simple_query(BEGIN_KNOWN).map_err(|error| {
        // It may have begun, and failed at the number: the next one of this connection must not find it.
        rollback(connection);
        failure(&error)
    })?;
    let number = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    number.ok_or_else(|| Error::Database("the server gives a transaction no number".to_owned()))
}

impl Postgres {
    /// Asks the server until it knows what became of a transaction: `Ok` where it was committed.
    ///
    /// # Errors
    /// [`Error::Lost`] where it was not, [`Error::CommitUnknown`] where that cannot be found out.
    pub(super) fn settled(&self, transaction: &str, why: &str) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < ASKED_FOR {
            match self.with(|connection| status(connection, transaction)) {
                Ok(Some(true)) => return Ok(()),
                Ok(Some(false)) => return Err(Error::Lost(why.to_owned())),
                Ok(None) | Err(Error::Lost(_) | Error::Open(_) | Error::NotNow(_) | Error::Busy) => {
                    std::thread::sleep(PAUSE)
                }
                // The server knows no such transaction: it is another one, or one that lost its last moments.
                Err(_) => break,
            }
        }
        Err(Error::CommitUnknown(why.to_owned()))
    }
}

/// Whether a transaction was committed; `None` while the server is still at it.
fn status(connection: &mut Connection, transaction: &str) -> Result<Option<bool>> {
    let asked = connection.client.query_one("SELECT pg_xact_status(CAST($1::TEXT AS xid8))", &[&transaction]);
    let status: Option<String> = asked.and_then(|row| row.try_get(0)).map_err(|error| failure(&error))?;
    match status.as_deref() {
        Some("committed") => Ok(Some(true)),
        Some("aborted") => Ok(Some(false)),
        Some(_) => Ok(None),
        None => Err(Error::Database("the server has forgotten the transaction".to_owned())),
    }
}
