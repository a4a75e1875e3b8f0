//! Every difference between the two databases' SQL, each a named token that the drivers expand.
//!
//! A statement is written once. Where the databases differ it holds a token in braces; text without braces is the
//! same on both.

use std::borrow::Cow;

use crate::tx::{Bulk, Kind};

/// Which database a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded SQLite.
    Sqlite,
    /// PostgreSQL 14 or later.
    Postgres,
}

impl Dialect {
    /// The text of one token, of the thirteen there are.
    ///
    /// `{int}` and `{text}` are column types; `{clustered}` ends the definition of a table, which lives in its primary
    /// key where the database can do that (`{clustered:n}`: fills its pages to n percent at first, so that a row that is
    /// soon changed again stays where it is); `{lock:update}` and `{lock:share}` lock the rows that a query reads;
    /// `{turn:shared}` and `{turn:alone}` wait for one's turn at the network in `$1`; `{in:n}` compares with the list in
    /// `$n`; `{within:column|n}` says beside it that the column is from the least to the greatest of `$n`, since PostgreSQL
    /// without statistics reads all of a table for a list, and only a part for bounds; `{each:n|name}` is the list of texts in
    /// `$n` as a table of that name with the column `value`; `{by:name}` after a table names the index to read it by, which SQLite cannot tell without statistics;
    /// `{json:column|key.key}` is a value within a JSON object that a column holds, as text, and NULL where there is none;
    /// `{amount:units|currency}`, `{day:number}` and `{instant:micros}` make values readable in views.
    fn token(self, token: &str) -> Cow<'static, str> {
        let sqlite = self == Dialect::Sqlite;
        match token {
            "int" if sqlite => "INTEGER".into(),
            "int" => "BIGINT".into(),
            "text" if sqlite => "TEXT".into(),
            "text" => "TEXT COLLATE \"C\"".into(),
            "clustered" if sqlite => "STRICT, WITHOUT ROWID".into(),
            _ => match token.split_once(':') {
                // One writer at a time holds SQLite's only lock, so a write transaction has locked what it reads.
                Some(("lock", mode)) if !sqlite => format!("FOR {}", mode.to_uppercase()).into(),
                Some(("turn", _)) if sqlite => "$1".into(),
                Some(("turn", mode)) => Self::turn(mode).into(),
                Some(("in", n)) if sqlite => format!("IN (SELECT value FROM rarray(${n}))").into(),
                Some(("in", n)) => format!("= ANY(${n})").into(),
                Some(("each", of)) => self.each(of).into(),
                Some(("within", _)) if sqlite => "TRUE".into(),
                Some(("within", of)) => Self::within(of).into(),
                Some(("clustered", _)) if sqlite => self.token("clustered"),
                Some(("clustered", percent)) => format!("WITH (fillfactor = {percent})").into(),
                Some(("by", index)) if sqlite => format!("INDEXED BY {index}").into(),
                Some(("json", of)) => self.json(of).into(),
                Some(("amount", of)) => self.amount(of).into(),
                Some(("day", number)) if sqlite => format!("date(({number}) * 86400, 'unixepoch')").into(),
                Some(("day", number)) => format!("DATE '1970-01-01' + CAST({number} AS INTEGER)").into(),
                Some(("instant", micros)) => self.instant(micros).into(),
                _ => "".into(),
            },
        }
    }

    /// A place in a queue, until the transaction ends. Row locks alone know no queue: those who share one pass a writer
    /// that waits, for ever where they overlap. Nothing but fairness depends on it. The first number means "Quittance's
    /// networks".
    fn turn(mode: &str) -> String {
        let function = if mode == "shared" { "pg_advisory_xact_lock_shared" } else { "pg_advisory_xact_lock" };
        format!("CAST({function}(5178850, CAST(CAST($1 AS BIGINT) % 2147483647 AS INTEGER)) AS TEXT)")
    }

    fn each(self, of: &str) -> String {
        let (n, name) = of.split_once('|').unwrap_or((of, "each"));
        match self {
            Dialect::Sqlite => format!("rarray(${n}) {name}"),
            Dialect::Postgres => format!("unnest(CAST(${n} AS TEXT[])) {name}(value)"),
        }
    }

    fn within(of: &str) -> String {
        let (column, n) = of.split_once('|').unwrap_or((of, "1"));
        let bound = |which| format!("(SELECT {which}(id) FROM unnest(CAST(${n} AS BIGINT[])) id)");
        format!("{column} >= {} AND {column} <= {}", bound("MIN"), bound("MAX"))
    }

    /// The path is to a text or a number.
    fn json(self, of: &str) -> String {
        let (column, path) = of.split_once('|').unwrap_or((of, ""));
        match self {
            Dialect::Sqlite => format!("CAST(json_extract({column}, '$.{path}') AS TEXT)"),
            // A path in braces would be taken for a token.
            Dialect::Postgres => {
                format!("json_extract_path_text(CAST({column} AS JSON), '{}')", path.replace('.', "', '"))
            }
        }
    }

    /// Billing units as a decimal: of 8 digits for the crypto-currencies, of 6 for all others.
    fn amount(self, of: &str) -> String {
        let (units, currency) = of.split_once('|').unwrap_or((of, "''"));
        let crypto = format!("{currency} IN ('BTC', 'ETH', 'USDC', 'USDT')");
        match self {
            Dialect::Postgres => {
                format!("CAST({units} AS NUMERIC) * CASE WHEN {crypto} THEN 0.00000001 ELSE 0.000001 END")
            }
            Dialect::Sqlite => {
                let decimal = |digits: u32| {
                    let one = 10_i64.pow(digits);
                    format!(
                        "printf('%s%d.%0{digits}d', CASE WHEN {units} < 0 THEN '-' ELSE '' END, \
                         abs({units}) / {one}, abs({units}) % {one})"
                    )
                };
                format!("CASE WHEN {crypto} THEN {} ELSE {} END", decimal(8), decimal(6))
            }
        }
    }

    /// Microseconds since 1970 as an instant in UTC.
    fn instant(self, micros: &str) -> String {
        match self {
            Dialect::Postgres => format!("TIMESTAMPTZ 'epoch' + {micros} * INTERVAL '1 microsecond'"),
            Dialect::Sqlite => {
                // The remainder of a time before 1970 is negative in SQL.
                let part = format!("((({micros}) % 1000000 + 1000000) % 1000000)");
                format!(
                    "strftime('%Y-%m-%dT%H:%M:%S', (({micros}) - {part}) / 1000000, 'unixepoch') \
                     || printf('.%06dZ', {part})"
                )
            }
        }
    }

    /// A statement with its tokens expanded.
    #[must_use]
    pub fn expand(self, sql: &str) -> Cow<'_, str> {
        if !sql.contains('{') {
            return Cow::Borrowed(sql);
        }
        let mut out = String::with_capacity(sql.len() + 32);
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (token, tail) = after.split_once('}').unwrap_or((after, ""));
            out.push_str(&self.token(token));
            rest = tail;
        }
        out.push_str(rest);
        Cow::Owned(out)
    }

    /// The text of a bulk statement: one row for SQLite, arrays of columns for PostgreSQL.
    #[must_use]
    pub fn bulk(self, bulk: &Bulk) -> String {
        let names: Vec<&str> = bulk.columns.iter().map(|(name, _)| *name).collect();
        let holders = bulk.columns.iter().enumerate().map(|(i, (_, kind))| match (self, kind) {
            (Dialect::Sqlite, _) => format!("${}", i + 1),
            (Dialect::Postgres, Kind::Int) => format!("${}::BIGINT[]", i + 1),
            (Dialect::Postgres, Kind::Text) => format!("${}::TEXT[]", i + 1),
        });
        let holders = holders.collect::<Vec<_>>().join(", ");
        let source = match self {
            Dialect::Sqlite => format!("VALUES ({holders})"),
            Dialect::Postgres => format!("SELECT * FROM unnest({holders})"),
        };
        format!("INSERT INTO {} ({}) {source} {}", bulk.table, names.join(", "), bulk.on_conflict)
    }

    /// The text of a `COPY` of a bulk statement's rows, for PostgreSQL.
    #[must_use]
    pub fn copy(bulk: &Bulk) -> String {
        let names: Vec<&str> = bulk.columns.iter().map(|(name, _)| *name).collect();
        format!("COPY {} ({}) FROM STDIN BINARY", bulk.table, names.join(", "))
    }
}
