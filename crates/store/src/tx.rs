//! The small object-safe transaction that both databases implement, and the values that cross it.

use crate::error::{Error, Result};
use crate::events::Outbox;

/// A value bound to a placeholder. `$n` takes the n-th one (counted from 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Param<'a> {
    /// SQL NULL.
    Null,
    /// Any integer: an id, billing units, microseconds, a day number, 0 or 1.
    Int(i64),
    /// A text.
    Text(&'a str),
    /// Many integers, for `{in:n}`.
    Ints(&'a [i64]),
    /// Many texts, for `{in:n}`.
    Texts(&'a [&'a str]),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Param::Int(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Param::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Param::Text(value)
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Param::Text(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Param::Null, Into::into)
    }
}

/// A value read from a column. The schema has no other types.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
}

/// A row of an answer. Columns are counted from 0 in the order of the statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn wrong(&self, column: usize, wanted: &str) -> Error {
        Error::Corrupt(format!("column {column} is {:?}, not {wanted}", self.0.get(column)))
    }

    /// The integer in a column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the column is NULL, missing or a text.
    pub fn int(&self, column: usize) -> Result<i64> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            _ => Err(self.wrong(column, "an integer")),
        }
    }

    /// The truth value in a column of 0 and 1.
    ///
    /// # Errors
    /// As [`Row::int`].
    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    /// The integer in a column, `None` for NULL.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the column is missing or a text.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "an integer or NULL")),
        }
    }

    /// The text in a column.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the column is NULL, missing or an integer.
    pub fn text(&self, column: usize) -> Result<&str> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value),
            _ => Err(self.wrong(column, "a text")),
        }
    }

    /// The text in a column, `None` for NULL.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the column is missing or an integer.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(column, "a text or NULL")),
        }
    }

    /// Takes the text out of a column, which is NULL afterwards.
    ///
    /// # Errors
    /// As [`Row::text`].
    pub fn take_string(&mut self, column: usize) -> Result<String> {
        self.take_opt_string(column)?.ok_or_else(|| self.wrong(column, "a text"))
    }

    /// Takes the text out of a column, which is NULL afterwards; `None` for NULL.
    ///
    /// # Errors
    /// As [`Row::opt_text`].
    pub fn take_opt_string(&mut self, column: usize) -> Result<Option<String>> {
        match self.0.get_mut(column) {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => {
                let text = std::mem::take(text);
                self.0[column] = Value::Null;
                Ok(Some(text))
            }
            _ => Err(self.wrong(column, "a text or NULL")),
        }
    }

    /// Like [`Row::text`], owned.
    ///
    /// # Errors
    /// As [`Row::text`].
    pub fn string(&self, column: usize) -> Result<String> {
        Ok(self.text(column)?.to_owned())
    }

    /// Like [`Row::opt_text`], owned.
    ///
    /// # Errors
    /// As [`Row::opt_text`].
    pub fn opt_string(&self, column: usize) -> Result<Option<String>> {
        Ok(self.opt_text(column)?.map(str::to_owned))
    }
}

/// The type of a column in a bulk statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A 64-bit integer.
    Int,
    /// A text.
    Text,
}

/// A statement that writes many rows: into which table and columns, and what happens to rows that are there already.
#[derive(Debug)]
pub struct Bulk {
    /// The table.
    pub table: &'static str,
    /// Its columns in the order of a row's values.
    pub columns: &'static [(&'static str, Kind)],
    /// `""`: every row is new. Else an `ON CONFLICT …` clause in the common SQL.
    pub on_conflict: &'static str,
}

/// One transaction. It has no effect until the closure that was given it returns `Ok`.
pub trait Tx {
    /// Runs a statement; answers how many rows it changed.
    ///
    /// # Errors
    /// What the database says.
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64>;

    /// Runs a query and hands over its rows one by one, without holding them all.
    ///
    /// # Errors
    /// What the database or `each` says.
    fn query_each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(Row) -> Result<()>,
    ) -> Result<()>;

    /// Writes many rows. `values` holds the rows one after another, each as long as `bulk.columns`.
    /// Answers how many rows were written.
    ///
    /// # Errors
    /// What the database says. A row that is there already, where `bulk` says every row is new, runs the whole
    /// closure again on PostgreSQL: another transaction was faster.
    fn bulk(&mut self, bulk: &'static Bulk, values: &[Param<'_>]) -> Result<u64>;

    /// What the transaction makes happen: it is told to other systems if the transaction is committed.
    fn outbox(&mut self) -> &mut Outbox;

    /// An error that makes the store run the whole closure again, because another transaction changed what this
    /// one had read.
    fn conflict(&mut self) -> Error;

    /// Whether the process of a number lives that holds claims.
    ///
    /// # Errors
    /// What the database or the file system says.
    fn lives(&mut self, owner: i64) -> Result<bool>;

    /// Reads by indexes from now on until the transaction ends, also where statistics that are old, or missing, say that
    /// reading all of a table is cheaper.
    ///
    /// # Errors
    /// What the database says.
    fn read_by_indexes(&mut self) -> Result<()>;

    /// Lets the queries that follow join sets with each other as a whole, until it is called with `false`. PostgreSQL expects
    /// few rows of a set that it knows nothing of, and would go over all of it for each row of the other one; SQLite makes an
    /// index of such a set anyway.
    ///
    /// # Errors
    /// What the database says.
    fn join_whole_sets(&mut self, on: bool) -> Result<()>;

    /// Runs a query and answers all its rows: for answers that are small by construction.
    ///
    /// # Errors
    /// What the database says.
    fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.query_each(sql, params, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs a query that answers at most one row.
    ///
    /// # Errors
    /// What the database says.
    fn query_one(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, params)?.into_iter().next())
    }
}
