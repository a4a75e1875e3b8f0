//! What PostgreSQL can say of itself without further rights: failed page sums, and its indexes where `amcheck` is installed.

use postgres::Client;

use super::{Postgres, failure, message};
use crate::Inspection;
use crate::error::{Error, Result};

const SUMS: &str = "SELECT current_setting('data_checksums') = 'on', \
    (SELECT COALESCE(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database())";
/// The function that checks an index, where this user may call it.
const CHECKER: &str = "SELECT quote_ident(n.nspname) FROM pg_proc p \
    JOIN pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' \
    JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'amcheck' \
    WHERE p.proname = 'bt_index_check' AND p.pronargs = 1 AND has_function_privilege(p.oid, 'execute')";
const INDEXES: &str = "SELECT c.oid, CAST(c.relname AS TEXT) FROM pg_class c JOIN pg_am a ON a.oid = c.relam \
    JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relkind = 'i' AND a.amname = 'btree' AND i.indisvalid \
    AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname";

/// Asks the server whether the database is whole.
///
/// # Errors
/// What the server says.
pub(crate) fn inspect(postgres: &Postgres, faults_max: usize) -> Result<Inspection> {
    postgres.with(|connection| {
        let client = &mut connection.client;
        let mut faults = Vec::new();
        let sums = sums(client, &mut faults).map_err(|error| failure(&error))?;
        let indexes = indexes(client, faults_max, &mut faults).map_err(|error| failure(&error))?;
        Ok::<_, Error>(Inspection { looked_at: format!("{sums}; {indexes}"), faults })
    })
}

fn sums(client: &mut Client, faults: &mut Vec<String>) -> std::result::Result<String, postgres::Error> {
    let row = client.query_one(SUMS, &[])?;
    let (on, failed): (bool, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let failed = failed.unwrap_or(0);
    if failed > 0 {
        faults.push(format!("the server has counted {failed} pages whose sum is wrong (pg_stat_database)"));
    }
    let sums = "page sums: the server checks each page that it reads";
    Ok(if on { sums } else { "no page sums: the server keeps none (data_checksums is off)" }.to_owned())
}

fn indexes(
    client: &mut Client,
    faults_max: usize,
    faults: &mut Vec<String>,
) -> std::result::Result<String, postgres::Error> {
    let Some(schema) = client.query_opt(CHECKER, &[])?.map(|row| row.try_get::<_, String>(0)).transpose()? else {
        return Ok("no indexes: amcheck is not installed, or not for this user".to_owned());
    };
    let check = client.prepare(&format!("SELECT {schema}.bt_index_check(CAST($1 AS OID)::regclass)"))?;
    let found = client.query(INDEXES, &[])?;
    for row in &found {
        let (oid, name): (u32, String) = (row.try_get(0)?, row.try_get(1)?);
        match client.query(&check, &[&oid]) {
            Err(error) if error.is_closed() => return Err(error),
            Err(error) if faults.len() < faults_max => faults.push(format!("index {name}: {}", message(&error))),
            _ => {}
        }
    }
    Ok(format!("{} indexes by amcheck", found.len()))
}
