//! The PostgreSQL driver: a bounded pool of connections, prepared statements, closures run again after a conflict.

pub(crate) mod inspect;
pub(crate) mod live;
mod outcome;
mod said;
mod tls;

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type};
use postgres::{Client, Statement};

use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::events::Outbox;
use crate::measure;
use crate::postgres::said::said;
use crate::tx::{Bulk, Kind, Param, Row, Tx, Value};

/// How often a closure is run again after a conflict before the caller is told.
const ATTEMPTS_MAX: u32 = 12;
/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// A database on a PostgreSQL server.
pub(crate) struct Postgres {
    server: tls::Server,
    idle: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    connections: Vec<Connection>,
    /// How many more may be opened.
    free: usize,
}

struct Connection {
    client: Client,
    statements: HashMap<String, Statement>,
}

type Boxed = Box<dyn std::error::Error + Sync + Send>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the server says, with the detail that `Display` leaves out.
fn message(error: &postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn failure(error: &postgres::Error) -> Error {
    let text = message(error);
    if error.is_closed() {
        return Error::Lost(text);
    }
    let Some(code) = error.code() else {
        return if error.source().is_some_and(|source| source.is::<std::io::Error>()) {
            Error::Lost(text)
        } else {
            Error::Database(text)
        };
    };
    said(code.code(), text)
}

impl Postgres {
    /// Reaches the server once, so that a wrong address or password is told at the start.
    ///
    /// # Errors
    /// [`Error::Open`] with what the server or the network says.
    pub(crate) fn open(url: &str, connections_max: usize) -> Result<Postgres> {
        let mut server = tls::Server::parse(url)?;
        let config = server.config();
        config.application_name("quittance");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let pool = Pool { connections: Vec::new(), free: connections_max };
        let this = Postgres { server, idle: Mutex::new(pool), returned: Condvar::new() };
        let connection = this.take()?;
        this.give_back(Some(connection));
        Ok(this)
    }

    fn connect(&self) -> Result<Connection> {
        let client = self.session()?;
        measure::connections_open(1);
        Ok(Connection { client, statements: HashMap::new() })
    }

    /// A session of its own, beside the pool.
    fn session(&self) -> Result<Client> {
        self.server.connect().map_err(|error| match failure(&error) {
            Error::Busy => Error::Busy,
            _ => Error::Open(message(&error)),
        })
    }

    /// An idle connection, a new one, or the next that somebody returns.
    fn take(&self) -> Result<Connection> {
        let mut pool = lock(&self.idle);
        loop {
            if let Some(connection) = pool.connections.pop() {
                if connection.client.is_closed() {
                    measure::connections_open(-1);
                    pool.free += 1;
                    continue;
                }
                return Ok(connection);
            }
            if pool.free > 0 {
                pool.free -= 1;
                drop(pool);
                return self.connect().inspect_err(|_| self.give_back(None));
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, connection: Option<Connection>) {
        let mut pool = lock(&self.idle);
        match connection {
            Some(connection) if !connection.client.is_closed() => pool.connections.push(connection),
            lost => {
                if lost.is_some() {
                    measure::connections_open(-1);
                }
                pool.free += 1;
            }
        }
        self.returned.notify_one();
    }

    fn with<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Connection) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let mut lease = Lease { pool: self, connection: Some(self.take()?) };
        measure::connections_busy(1);
        match lease.connection.as_mut() {
            Some(connection) => work(connection),
            None => Err(Error::Busy.into()),
        }
    }

    /// Runs a closure in a READ COMMITTED transaction, again after a serialization failure, a deadlock or a
    /// [`Tx::conflict`].
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn write<T, E: From<Error>>(
        &self,
        closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.attempt(End::Commit, closure)
    }

    /// Runs a closure as [`Postgres::write`] does, and rolls back what it has done.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn rehearse<T, E: From<Error>>(
        &self,
        closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.attempt(End::Rollback, closure)
    }

    fn attempt<T, E: From<Error>>(
        &self,
        end: End,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        for attempt in 1..=ATTEMPTS_MAX {
            match self.with(|connection| attempt_write(connection, end, &mut closure))? {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::Unknown { answer, transaction, why } => {
                    return self.settled(&transaction, &why).map(|()| answer).map_err(E::from);
                }
                Attempt::Again => {}
            }
            measure::retried();
            std::thread::sleep(PAUSE_MAX.min(Duration::from_millis(2 << attempt)));
        }
        Err(Error::Contention.into())
    }

    /// Runs a closure over one consistent, read-only state.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn read<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.with(|connection| {
            begin(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
            let answer = closure(&mut PostgresTx { connection, outbox: Outbox::new(), again: false });
            rollback(connection);
            answer
        })
    }

    /// Runs a closure whose one statement is a transaction of its own.
    ///
    /// # Errors
    /// The closure's, or the database's.
    pub(crate) fn look_up<T, E: From<Error>>(
        &self,
        mut closure: impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.with(|connection| closure(&mut PostgresTx { connection, outbox: Outbox::new(), again: false }))
    }

    /// Runs statements one after another, as one transaction of the server's own.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) fn batch(&self, sql: &str) -> Result<()> {
        self.with(|c| c.client.batch_execute(&Dialect::Postgres.expand(sql)).map_err(|e| failure(&e)))
    }
}

/// A connection that goes back to the pool whatever happens, also when a closure panics.
struct Lease<'a> {
    pool: &'a Postgres,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection
            && std::thread::panicking()
        {
            rollback(connection);
        }
        measure::connections_busy(-1);
        self.pool.give_back(self.connection.take());
    }
}

fn begin(connection: &mut Connection, sql: &str) -> Result<()> {
    connection.client.batch_execute(sql).map_err(|e| failure(&e))
}

fn rollback(connection: &mut Connection) {
    // When even this fails the connection is closed, and the pool drops it.
    let _ = connection.client.batch_execute("ROLLBACK");
}

/// What became of an attempt to write.
enum Attempt<T> {
    /// It is durable.
    Done(T),
    /// It must be made again.
    Again,
    /// The connection was lost while it was committed.
    Unknown { answer: T, transaction: String, why: String },
}

/// How a transaction ends whose closure has no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
}

fn attempt_write<T, E: From<Error>>(
    connection: &mut Connection,
    end: End,
    closure: &mut impl FnMut(&mut dyn Tx) -> std::result::Result<T, E>,
) -> std::result::Result<Attempt<T>, E> {
    let transaction = outcome::begin_known(connection)?;
    let mut tx = PostgresTx { connection, outbox: Outbox::new(), again: false };
    let answer = closure(&mut tx);
    let again = tx.again;
    match answer {
        Ok(answer) if !again && end == End::Rollback => {
            rollback(connection);
            Ok(Attempt::Done(answer))
        }
        Ok(answer) if !again => match measure::commit(1, || connection.client.batch_execute("COMMIT")) {
            Ok(()) => Ok(Attempt::Done(answer)),
            Err(error) => match failure(&error) {
                Error::Contention => Ok(Attempt::Again),
                Error::Lost(why) => Ok(Attempt::Unknown { answer, transaction, why }),
                other => Err(other.into()),
            },
        },
        _ if again => {
            rollback(connection);
            Ok(Attempt::Again)
        }
        Err(error) => {
            rollback(connection);
            Err(error)
        }
        Ok(_) => Ok(Attempt::Again),
    }
}

struct PostgresTx<'a> {
    connection: &'a mut Connection,
    outbox: Outbox,
    /// Whether the whole closure must be run again.
    again: bool,
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Boxed> {
        match self {
            Param::Null => Ok(IsNull::Yes),
            Param::Int(value) => value.to_sql(ty, out),
            Param::Text(value) => value.to_sql(ty, out),
            Param::Ints(values) => values.to_sql(ty, out),
            Param::Texts(values) => values.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

impl PostgresTx<'_> {
    fn fail(&mut self, error: &postgres::Error) -> Error {
        let failure = failure(error);
        self.again |= matches!(failure, Error::Contention);
        failure
    }

    /// Each number is one of 64 bits, whatever the server would take it for: it takes `$4` in `$4 = 0` for one of 32.
    fn prepare(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Statement> {
        // Where there was no number at first, the server has chosen.
        let narrow = |(param, kind): (&Param<'_>, &Type)| matches!(param, Param::Int(_)) && *kind == Type::INT4;
        if let Some(statement) = self.connection.statements.get(sql)
            && !params.iter().zip(statement.params()).any(narrow)
        {
            return Ok(statement.clone());
        }
        let kind = |param: &Param<'_>| if matches!(param, Param::Int(_)) { Type::INT8 } else { Type::UNKNOWN };
        let types: Vec<Type> = params.iter().map(kind).collect();
        let prepared = self.connection.client.prepare_typed(&Dialect::Postgres.expand(sql), &types);
        let statement = prepared.map_err(|e| self.fail(&e))?;
        self.connection.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// `COPY`, the fastest way in, where no row can be there already.
    fn copy(&mut self, bulk: &Bulk, values: &[Param<'_>]) -> Result<u64> {
        let types: Vec<Type> =
            bulk.columns.iter().map(|(_, kind)| if *kind == Kind::Int { Type::INT8 } else { Type::TEXT }).collect();
        let copied = (|| {
            let writer = self.connection.client.copy_in(&Dialect::copy(bulk))?;
            let mut writer = BinaryCopyInWriter::new(writer, &types);
            let mut row: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(types.len());
            for values in values.chunks_exact(types.len()) {
                row.clear();
                row.extend(values.iter().map(|value| value as &(dyn ToSql + Sync)));
                writer.write(&row)?;
            }
            writer.finish()
        })();
        copied.map_err(|error| {
            // Somebody else inserted the same row between our look and our copy.
            self.again |= error.code() == Some(&SqlState::UNIQUE_VIOLATION);
            self.fail(&error)
        })
    }
}

/// The values of one column of many rows.
enum Column<'a> {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
}

fn columns<'a>(bulk: &Bulk, values: &[Param<'a>]) -> Vec<Column<'a>> {
    let width = bulk.columns.len();
    let column = |i: usize, kind: &Kind| {
        let cells = values.chunks_exact(width).map(|row| row[i]);
        match kind {
            Kind::Int => Column::Ints(cells.map(|c| if let Param::Int(v) = c { Some(v) } else { None }).collect()),
            Kind::Text => Column::Texts(cells.map(|c| if let Param::Text(v) = c { Some(v) } else { None }).collect()),
        }
    };
    bulk.columns.iter().enumerate().map(|(i, (_, kind))| column(i, kind)).collect()
}

/// What a column of each type is read as.
impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Value, Boxed> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Value::Int),
            Type::INT4 => i32::from_sql(ty, raw).map(|value| Value::Int(value.into())),
            _ => String::from_sql(ty, raw).map(Value::Text),
        }
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Value, Boxed> {
        Ok(Value::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4) || <String as FromSql<'_>>::accepts(ty)
    }
}

fn value(row: &postgres::Row, i: usize) -> Result<Value> {
    row.try_get(i).map_err(|error| Error::Corrupt(format!("column {i}: {}", message(&error))))
}

impl Tx for PostgresTx<'_> {
    fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let statement = self.prepare(sql, params)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
        let done = self.connection.client.execute(&statement, &params);
        done.map_err(|e| self.fail(&e))
    }

    fn query_each(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(Row) -> Result<()>,
    ) -> Result<()> {
        let statement = self.prepare(sql, params)?;
        let mut inner = Ok(());
        let outcome = (|| {
            let params = params.iter().map(|p| p as &dyn ToSql);
            let mut rows = self.connection.client.query_raw(&statement, params.collect::<Vec<_>>())?;
            while let Some(row) = rows.next()? {
                let values = (0..row.len()).map(|i| value(&row, i)).collect::<Result<_>>();
                inner = values.and_then(|values| each(Row(values)));
                if inner.is_err() {
                    break;
                }
            }
            Ok(())
        })();
        outcome.map_err(|e: postgres::Error| self.fail(&e))?;
        inner
    }

    fn bulk(&mut self, bulk: &'static Bulk, values: &[Param<'_>]) -> Result<u64> {
        if values.is_empty() {
            return Ok(0);
        }
        if bulk.on_conflict.is_empty() {
            return self.copy(bulk, values);
        }
        let statement = self.prepare(&Dialect::Postgres.bulk(bulk), &[])?;
        let columns = columns(bulk, values);
        let params: Vec<&(dyn ToSql + Sync)> = columns
            .iter()
            .map(|column| match column {
                Column::Ints(values) => values as &(dyn ToSql + Sync),
                Column::Texts(values) => values as &(dyn ToSql + Sync),
            })
            .collect();
        let done = self.connection.client.execute(&statement, &params);
        done.map_err(|e| self.fail(&e))
    }

    fn lives(&mut self, owner: i64) -> Result<bool> {
        live::lives(self, owner)
    }

    fn read_by_indexes(&mut self) -> Result<()> {
        self.connection
            .client
            .batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            .map_err(|e| self.fail(&e))
    }

    fn join_whole_sets(&mut self, on: bool) -> Result<()> {
        let set = if on { "SET LOCAL enable_nestloop = off" } else { "SET LOCAL enable_nestloop = on" };
        self.connection.client.batch_execute(set).map_err(|e| self.fail(&e))
    }

    fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    fn conflict(&mut self) -> Error {
        self.again = true;
        Error::Contention
    }
}
