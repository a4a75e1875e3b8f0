//! Copying a whole database into another one, table by table in the order of their keys, so that a copy that was cut short
//! goes on where it stopped.

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::tx::{Bulk, Kind, Param, Row, Value};
use crate::{Store, Tx};

/// How many rows are copied in one transaction.
const ROWS_TOGETHER: i64 = 5_000;

/// Table, column, whether it holds integers, and its place in the primary key, from 1 (0: it is not in it).
const COLUMNS_SQLITE: &str = "SELECT t.name, c.name, c.type = 'INTEGER', c.pk FROM sqlite_schema t \
     JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid";
const COLUMNS_POSTGRES: &str = "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), \
     CAST(CASE WHEN c.data_type = 'bigint' THEN 1 ELSE 0 END AS BIGINT), CAST(COALESCE(k.ordinal_position, 0) AS BIGINT) \
     FROM information_schema.columns c \
     JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
       AND t.table_type = 'BASE TABLE' \
     LEFT JOIN information_schema.table_constraints p ON p.table_schema = c.table_schema AND p.table_name = c.table_name \
       AND p.constraint_type = 'PRIMARY KEY' \
     LEFT JOIN information_schema.key_column_usage k ON k.constraint_schema = p.constraint_schema \
       AND k.constraint_name = p.constraint_name AND k.column_name = c.column_name \
     WHERE c.table_schema = current_schema() ORDER BY c.table_name COLLATE \"C\", c.ordinal_position";

/// What is not copied: each database knows its own.
const LEFT_OUT: &str = "schema_versions";
/// The table that says what a database is about. It goes first, so that a target of something else is found out.
const FIRST: &str = "networks";

/// A table, with the statements that copy it. Each lives as long as the program: there are as many as tables.
#[derive(Debug)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    bulk: &'static Bulk,
    /// The places of the key's columns among all.
    key: Vec<usize>,
    count: &'static str,
    last: &'static str,
    from_start: &'static str,
    after_key: &'static str,
}

/// A column of a table.
struct Column {
    name: String,
    kind: Kind,
    /// Its place in the primary key, from 1; 0: it is not in it.
    key_place: i64,
}

impl CopiedTable {
    fn new(name: &str, columns: &[Column]) -> CopiedTable {
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let name = leak(name.to_owned());
        let mut key: Vec<usize> = (0..columns.len()).filter(|i| columns[*i].key_place > 0).collect();
        key.sort_by_key(|i| columns[*i].key_place);
        let list = |of: &mut dyn Iterator<Item = &str>| of.collect::<Vec<_>>().join(", ");
        let all = list(&mut columns.iter().map(|column| column.name.as_str()));
        let keys = list(&mut key.iter().map(|i| columns[*i].name.as_str()));
        let descending = list(&mut keys.split(", ").map(|column| leak(format!("{column} DESC"))));
        let holders = (1..=key.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
        let limit = key.len() + 1;
        let kinds: Vec<(&'static str, Kind)> =
            columns.iter().map(|column| (leak(column.name.clone()), column.kind)).collect();
        CopiedTable {
            name,
            bulk: Box::leak(Box::new(Bulk { table: name, columns: kinds.leak(), on_conflict: "" })),
            key,
            count: leak(format!("SELECT COUNT(*) FROM {name}")),
            last: leak(format!("SELECT {keys} FROM {name} ORDER BY {descending} LIMIT 1")),
            from_start: leak(format!("SELECT {all} FROM {name} ORDER BY {keys} LIMIT $1")),
            after_key: leak(format!(
                "SELECT {all} FROM {name} WHERE ({keys}) > ({holders}) ORDER BY {keys} LIMIT ${limit}"
            )),
        }
    }

    fn key_of(&self, row: &Row) -> Row {
        Row(self.key.iter().filter_map(|i| row.0.get(*i).cloned()).collect())
    }

    /// The next rows after a key.
    fn page(&self, tx: &mut dyn Tx, after: Option<&Row>) -> Result<Vec<Row>> {
        let Some(after) = after else { return tx.query(self.from_start, &[ROWS_TOGETHER.into()]) };
        let mut params: Vec<Param<'_>> = after.0.iter().map(param).collect();
        params.push(ROWS_TOGETHER.into());
        tx.query(self.after_key, &params)
    }
}

fn param(value: &Value) -> Param<'_> {
    match value {
        Value::Null => Param::Null,
        Value::Int(value) => Param::Int(*value),
        Value::Text(text) => Param::Text(text),
    }
}

/// The tables of a database, that of the networks first.
///
/// # Errors
/// What the database says.
pub fn tables(store: &Store) -> Result<Vec<CopiedTable>> {
    let sql = match store.dialect() {
        Dialect::Sqlite => COLUMNS_SQLITE,
        Dialect::Postgres => COLUMNS_POSTGRES,
    };
    let mut columns: Vec<(String, Vec<Column>)> = Vec::new();
    for row in store.read(|tx| tx.query(sql, &[]))? {
        let (table, kind) = (row.string(0)?, if row.flag(2)? { Kind::Int } else { Kind::Text });
        let column = Column { name: row.string(1)?, kind, key_place: row.int(3)? };
        match columns.last_mut().filter(|(name, _)| *name == table) {
            Some((_, of_table)) => of_table.push(column),
            None => columns.push((table, vec![column])),
        }
    }
    columns.retain(|(name, _)| name != LEFT_OUT);
    columns.sort_by_key(|(name, _)| name != FIRST);
    Ok(columns.iter().map(|(name, columns)| CopiedTable::new(name, columns)).collect())
}

/// Copies what a table has beyond what the target has of it already. `progress` hears of each batch. Answers how many rows
/// were copied now.
///
/// # Errors
/// What the databases say; what was copied before stays.
pub fn copy(from: &Store, to: &Store, table: &CopiedTable, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let mut after = to.read(|tx| tx.query_one(table.last, &[]))?;
    let mut copied = 0;
    loop {
        let rows = from.read(|tx| table.page(tx, after.as_ref()))?;
        let Some(last) = rows.last() else { return Ok(copied) };
        after = Some(table.key_of(last));
        let values: Vec<Param<'_>> = rows.iter().flat_map(|row| row.0.iter().map(param)).collect();
        to.write(|tx| tx.bulk(table.bulk, &values))?;
        copied += rows.len() as u64;
        progress(copied);
    }
}

/// How many rows a table has.
///
/// # Errors
/// What the database says.
pub fn count(store: &Store, table: &CopiedTable) -> Result<i64> {
    store.read(|tx| tx.query_one(table.count, &[]))?.map_or(Ok(0), |row| row.int(0))
}

/// Refuses a target that holds something else than the beginning of a copy of the source as it is now.
///
/// # Errors
/// [`Error::Unsupported`], saying so; what the databases say.
pub fn check_target(from: &Store, to: &Store, networks: &CopiedTable) -> Result<()> {
    let known = from.read(|tx| tx.query(networks.from_start, &[i64::MAX.into()]))?;
    let found = to.read(|tx| tx.query(networks.from_start, &[i64::MAX.into()]))?;
    if found.is_empty() || found == known {
        return Ok(());
    }
    let detail = "the target is not empty, and no copy of the source as it is now: name a database that nothing is in";
    Err(Error::Unsupported(detail.to_owned()))
}
