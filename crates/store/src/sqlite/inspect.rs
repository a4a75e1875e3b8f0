//! What SQLite says of its own file.

use super::{Sqlite, failure};
use crate::Inspection;
use crate::error::{Error, Result};

const LOOKED_AT: &str = "every page, index and constraint by SQLite's integrity_check; an SQLite file has no page sums, so amounts are proved by the others";

/// Has SQLite check the whole file, by a connection that has read nothing of it yet.
///
/// # Errors
/// The file cannot be read at all.
pub(crate) fn inspect(sqlite: &Sqlite, faults_max: usize) -> Result<Inspection> {
    sqlite.in_place()?;
    let connection = sqlite.reader()?;
    let checked = (|| {
        let mut statement = connection.prepare(&format!("PRAGMA integrity_check({faults_max})"))?;
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<String>>>()
    })();
    let mut faults = match checked.map_err(failure) {
        Ok(said) => said,
        // It found more than it can go on with.
        Err(error @ (Error::Corrupt(_) | Error::Database(_) | Error::Open(_))) => vec![error.to_string()],
        Err(error) => return Err(error),
    };
    faults.retain(|fault| fault != "ok");
    Ok(Inspection { looked_at: LOOKED_AT.to_owned(), faults })
}
