//! A connection to SQLite with what is known of the statements that it runs, and the transaction over it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::{failure, live};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::events::Outbox;
use crate::tx::{Bulk, Param, Row, Tx, Value};

/// A statement as SQLite reads it.
struct Text {
    sql: String,
    /// Which parameter each of its placeholders takes: SQLite counts placeholders in order of appearance, the common SQL by
    /// the number in the name.
    takes: Vec<usize>,
}

/// What a text was made from, which is there as long as the program: its address and its length.
type Source = (usize, usize);

/// A connection, with the texts of the statements that it has run.
pub(super) struct Session {
    pub(super) connection: Connection,
    texts: RefCell<HashMap<Source, Arc<Text>>>,
}

impl Session {
    pub(super) fn new(connection: Connection) -> Session {
        Session { connection, texts: RefCell::default() }
    }

    /// A transaction over what the connection has begun.
    pub(super) fn tx(&self) -> SqliteTx<'_> {
        SqliteTx { session: self, outbox: Outbox::new() }
    }

    /// Runs a statement that begins or ends something.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn control(&self, sql: &'static str) -> Result<()> {
        self.connection.prepare_cached(sql).and_then(|mut statement| statement.raw_execute()).map_err(failure)?;
        Ok(())
    }

    /// The text of a source, made when it is first asked for.
    fn text(&self, source: Source, make: impl FnOnce() -> String) -> Result<Arc<Text>> {
        if let Some(text) = self.texts.borrow().get(&source) {
            return Ok(Arc::clone(text));
        }
        let sql = make();
        let takes = placeholders(&self.connection.prepare_cached(&sql).map_err(failure)?)?;
        let text = Arc::new(Text { sql, takes });
        self.texts.borrow_mut().insert(source, Arc::clone(&text));
        Ok(text)
    }

    fn prepare(&self, text: &Text) -> Result<CachedStatement<'_>> {
        self.connection.prepare_cached(&text.sql).map_err(failure)
    }
}

fn placeholders(statement: &CachedStatement<'_>) -> Result<Vec<usize>> {
    let number = |i| statement.parameter_name(i)?.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1);
    (1..=statement.parameter_count())
        .map(|i| number(i).ok_or_else(|| Error::Database(format!("placeholder {i} has no number"))))
        .collect()
}

/// A transaction of a session.
pub(super) struct SqliteTx<'a> {
    session: &'a Session,
    outbox: Outbox,
}

struct Bound<'a>(&'a Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Param::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Param::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Param::Text(value) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Param::Ints(values) => array(values.iter().map(|v| SqlValue::Integer(*v)).collect()),
            Param::Texts(values) => array(values.iter().map(|v| SqlValue::Text((*v).to_owned())).collect()),
        })
    }
}

/// A list for the `rarray` table function, which knows it by the name of its type.
fn array(values: Vec<SqlValue>) -> ToSqlOutput<'static> {
    ToSqlOutput::from_rc(std::rc::Rc::new(values), c"rarray")
}

impl SqliteTx<'_> {
    fn bind(&self, sql: &'static str, params: &[Param<'_>]) -> Result<CachedStatement<'_>> {
        let text = self.session.text((sql.as_ptr().addr(), sql.len()), || Dialect::Sqlite.expand(sql).into_owned())?;
        let mut statement = self.session.prepare(&text)?;
        for (i, n) in text.takes.iter().enumerate() {
            let param = params.get(*n).ok_or_else(|| Error::Database(format!("placeholder {} has no value", i + 1)))?;
            statement.raw_bind_parameter(i + 1, Bound(param)).map_err(failure)?;
        }
        Ok(statement)
    }
}

/// A value of a row.
fn value(column: usize, found: ValueRef<'_>) -> Result<Value> {
    match found {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(bytes) => String::from_utf8(bytes.to_vec())
            .map(Value::Text)
            .map_err(|_| Error::Corrupt(format!("column {column} is not UTF-8"))),
        other => Err(Error::Corrupt(format!("column {column} is a {:?}", other.data_type()))),
    }
}

impl Tx for SqliteTx<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let changed = self.bind(sql, params)?.raw_execute().map_err(failure)?;
        Ok(changed as u64)
    }

    fn query_each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(Row) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.bind(sql, params)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(failure)? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                values.push(value(column, row.get_ref(column).map_err(failure)?)?);
            }
            each(Row(values))?;
        }
        Ok(())
    }

    fn bulk(&mut self, bulk: &'static Bulk, values: &[Param<'_>]) -> Result<u64> {
        let text = self.session.text((std::ptr::from_ref(bulk).addr(), 0), || Dialect::Sqlite.bulk(bulk))?;
        let mut statement = self.session.prepare(&text)?;
        let mut changed = 0;
        for row in values.chunks_exact(bulk.columns.len()) {
            for (i, value) in row.iter().enumerate() {
                statement.raw_bind_parameter(i + 1, Bound(value)).map_err(failure)?;
            }
            changed += statement.raw_execute().map_err(failure)?;
        }
        Ok(changed as u64)
    }

    fn join_whole_sets(&mut self, _on: bool) -> Result<()> {
        // It makes an index of a set that it joins with.
        Ok(())
    }

    fn lives(&mut self, owner: i64) -> Result<bool> {
        // A database in memory has no other process.
        let path = self.session.connection.path().filter(|path| !path.is_empty());
        path.map_or(Ok(false), |path| live::lives(Path::new(path), owner))
    }

    fn read_by_indexes(&mut self) -> Result<()> {
        // Its statements name the indexes that they are read by.
        Ok(())
    }

    fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    fn conflict(&mut self) -> Error {
        // One writer at a time: nobody can have changed what was read.
        Error::Contention
    }
}
