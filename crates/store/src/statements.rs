//! Every statement of the store is declared through one macro, so that a test can prepare each on both databases.

use crate::dialect::Dialect;
use crate::{
    accruals, audit, changes, conversions, events, extras, idempotency, inputs, invoices, keys, ledger, networks,
    owners, parties, pulls, rates, reports, runs, takes, users, webhooks, write_offs,
};

/// Declares statements as constants and lists them in `STATEMENTS`.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)*) => {
        $($(#[$doc])* const $name: &str = $sql;)*
        /// Every statement of this module, with its name.
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use statements;

/// Declares bulk statements and lists them in `BULKS`.
macro_rules! bulks {
    ($($name:ident = $table:literal [$($column:literal $kind:ident),* $(,)?] $conflict:expr;)*) => {
        $(pub(super) static $name: crate::tx::Bulk = crate::tx::Bulk {
            table: $table,
            columns: &[$(($column, crate::tx::Kind::$kind)),*],
            on_conflict: $conflict,
        };)*
        /// Every bulk statement of this module.
        pub(crate) static BULKS: &[&crate::tx::Bulk] = &[$(&$name),*];
    };
}
pub(crate) use bulks;

/// Every statement of the store with its name and its text for one database.
#[must_use]
pub fn catalogue(dialect: Dialect) -> Vec<(&'static str, String)> {
    let plain = [
        accruals::STATEMENTS,
        conversions::STATEMENTS,
        conversions::holds::STATEMENTS,
        conversions::list::STATEMENTS,
        conversions::skip::STATEMENTS,
        conversions::sums::STATEMENTS,
        events::STATEMENTS,
        owners::STATEMENTS,
        extras::STATEMENTS,
        idempotency::STATEMENTS,
        inputs::STATEMENTS,
        invoices::STATEMENTS,
        invoices::counts::STATEMENTS,
        invoices::destinations::STATEMENTS,
        invoices::emptied::STATEMENTS,
        invoices::filter::STATEMENTS,
        invoices::history::STATEMENTS,
        invoices::items::STATEMENTS,
        invoices::lines::STATEMENTS,
        invoices::list::STATEMENTS,
        invoices::newest::STATEMENTS,
        invoices::overdue::STATEMENTS,
        invoices::parts::STATEMENTS,
        invoices::payments::STATEMENTS,
        invoices::search::alone::STATEMENTS,
        invoices::search::together::STATEMENTS,
        invoices::sorted::STATEMENTS,
        invoices::standing::STATEMENTS,
        invoices::take_offs::STATEMENTS,
        invoices::texts::STATEMENTS,
        audit::STATEMENTS,
        changes::STATEMENTS,
        keys::STATEMENTS,
        ledger::STATEMENTS,
        networks::STATEMENTS,
        parties::STATEMENTS,
        parties::balances::STATEMENTS,
        parties::list::STATEMENTS,
        parties::methods::STATEMENTS,
        parties::offers::STATEMENTS,
        parties::reference::STATEMENTS,
        pulls::STATEMENTS,
        rates::STATEMENTS,
        reports::STATEMENTS,
        runs::STATEMENTS,
        takes::STATEMENTS,
        users::STATEMENTS,
        webhooks::STATEMENTS,
        webhooks::deliveries::STATEMENTS,
        write_offs::STATEMENTS,
    ];
    let bulks = [
        accruals::BULKS,
        changes::BULKS,
        conversions::BULKS,
        events::BULKS,
        extras::BULKS,
        invoices::BULKS,
        invoices::counts::BULKS,
        invoices::destinations::BULKS,
        invoices::emptied::BULKS,
        invoices::history::BULKS,
        invoices::items::BULKS,
        invoices::lines::BULKS,
        invoices::payments::BULKS,
        invoices::standing::BULKS,
        invoices::take_offs::BULKS,
        ledger::BULKS,
        parties::BULKS,
        parties::methods::BULKS,
        parties::offers::BULKS,
        parties::reference::BULKS,
        rates::BULKS,
        runs::BULKS,
        takes::BULKS,
        webhooks::deliveries::BULKS,
        write_offs::BULKS,
    ];
    let plain = plain.into_iter().flatten().map(|(name, sql)| (*name, dialect.expand(sql).into_owned()));
    let bulks = bulks.into_iter().flatten().map(|bulk| (bulk.table, dialect.bulk(bulk)));
    plain.chain(bulks).collect()
}
