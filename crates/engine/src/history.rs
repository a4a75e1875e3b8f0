//! The history of everything: of invoices, and of what is none. Rows are only ever added.

use std::fmt::Display;
use std::str::FromStr;

use quittance_domain::ids::InvoiceId;
use quittance_domain::time::Timestamp;
use quittance_store::changes as change_table;
pub use quittance_store::changes::{ChangeFilter, ChangeRow};
use quittance_store::invoices;
pub use quittance_store::invoices::{HistoryFilter, NetworkHistoryRow};

use crate::error::Result;
use crate::{Call, Engine};

/// The largest page.
const PAGE_MAX: i64 = 10_000;

/// A part of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<R, P> {
    /// The rows, oldest first.
    pub rows: Vec<R>,
    /// After which place to read on, where there may be more. A part may hold less than was asked for and not be the last,
    /// where what is asked for is rare.
    pub next: Option<P>,
}

/// A place in the history of all invoices. As a text: microseconds, invoice and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPlace(invoices::HistoryPlace);

impl From<invoices::HistoryPlace> for HistoryPlace {
    fn from(place: invoices::HistoryPlace) -> HistoryPlace {
        HistoryPlace(place)
    }
}

impl Display for HistoryPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let invoices::HistoryPlace { happened_at, invoice_id, version } = self.0;
        write!(f, "{}_{invoice_id}_{version}", happened_at.micros())
    }
}

/// What is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPlace;

impl FromStr for HistoryPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> std::result::Result<HistoryPlace, NoPlace> {
        let numbers: Vec<i64> =
            text.split('_').map(|part| part.parse().map_err(|_| NoPlace)).collect::<std::result::Result<_, _>>()?;
        let [micros, invoice, version] = numbers[..] else { return Err(NoPlace) };
        let (happened_at, invoice_id) = (Timestamp::from_micros(micros), InvoiceId::new(invoice));
        Ok(HistoryPlace(invoices::HistoryPlace { happened_at, invoice_id, version }))
    }
}

impl Engine {
    /// What has happened to what is no invoice: settings, rates, parties, conversions, keys, webhooks.
    ///
    /// # Errors
    /// What the store says.
    pub fn find_changes(
        &self,
        call: &Call,
        filter: &ChangeFilter,
        after: i64,
        limit: i64,
    ) -> Result<Found<ChangeRow, i64>> {
        let limit = limit.clamp(1, PAGE_MAX);
        let (rows, next) = self.store.read(|tx| change_table::find(tx, call.network, filter, after, limit))?;
        Ok(Found { rows, next })
    }

    /// What has happened to all invoices, in the order of time.
    ///
    /// # Errors
    /// What the store says.
    pub fn find_history(
        &self,
        call: &Call,
        filter: &HistoryFilter,
        after: Option<HistoryPlace>,
        limit: i64,
    ) -> Result<Found<NetworkHistoryRow, HistoryPlace>> {
        let (limit, after) = (limit.clamp(1, PAGE_MAX), after.map(|HistoryPlace(place)| place));
        let (rows, next) = self.store.read(|tx| invoices::find_history(tx, call.network, filter, after, limit))?;
        Ok(Found { rows, next: next.map(HistoryPlace) })
    }
}
