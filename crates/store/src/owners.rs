//! Who holds claims and leases, and whether it lives.
//!
//! A process that claims something for longer than a transaction has a number, and with it a lock that the system takes from
//! it when it dies: on PostgreSQL that of a session, beside SQLite that of a file. So what a dead process held is taken over
//! at once, and what a living one holds is not.

use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::Tx;
use crate::{Backend, Store, postgres, sqlite};

statements! {
    START = "INSERT INTO owners (one, last_id) VALUES (1, 0) ON CONFLICT (one) DO NOTHING";
    ADVANCE = "UPDATE owners SET last_id = last_id + 1 WHERE one = 1";
    LAST = "SELECT last_id FROM owners WHERE one = 1";
}

/// The number of a process, and what tells that it lives.
pub(crate) struct Owner {
    id: i64,
    hold: Hold,
}

enum Hold {
    File(sqlite::live::Live),
    Session(Box<postgres::live::Live>),
}

impl Owner {
    /// Whether others still see it live.
    fn holds(&mut self) -> bool {
        match &mut self.hold {
            Hold::File(live) => live.holds(),
            Hold::Session(live) => live.holds(),
        }
    }
}

/// A number that no process of this database had before.
fn next(tx: &mut dyn Tx) -> Result<i64> {
    if tx.execute(ADVANCE, &[])? == 0 {
        tx.execute(START, &[])?;
        tx.execute(ADVANCE, &[])?;
    }
    tx.query_one(LAST, &[])?
        .map_or_else(|| Err(Error::Corrupt("there is no number of owners".to_owned())), |r| r.int(0))
}

impl Store {
    /// This process's number among those that hold claims. It is not to be asked for within a transaction.
    ///
    /// # Errors
    /// What the database or the file system says.
    pub fn owner(&self) -> Result<i64> {
        let mut owner = self.owner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(owner) = owner.as_mut()
            && owner.holds()
        {
            return Ok(owner.id);
        }
        // A session that was lost may take long to end, and nobody is to wait for that.
        if let Some(lost) = owner.take() {
            std::thread::spawn(move || drop(lost));
        }
        let id = self.write(next)?;
        let hold = match &self.backend {
            Backend::Sqlite(sqlite) => Hold::File(sqlite::live::Live::begin(sqlite.path(), id)?),
            Backend::Postgres(postgres) => Hold::Session(Box::new(postgres::live::Live::begin(postgres, id)?)),
        };
        *owner = Some(Owner { id, hold });
        Ok(id)
    }
}
