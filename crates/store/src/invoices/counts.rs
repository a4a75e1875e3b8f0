//! How many invoices there are by when they were issued and how lists tell where they stand: kept beside them, so that a list
//! of a million knows its length without counting.

use std::collections::BTreeMap;

use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;

use super::{Invoice, key};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Tx};

/// A quarter of an hour in microseconds: the days of every zone of today begin with one.
pub(super) const QUARTER_MICROS: i64 = 900_000_000;

statements! {
    COUNTS_FROM_NEW = "SELECT quarter, CAST(SUM(invoices) AS BIGINT) FROM invoice_counts WHERE network_id = $1 AND kind = $2 \
        AND listed {in:3} GROUP BY quarter ORDER BY quarter DESC";
    COUNTS_FROM_OLD = "SELECT quarter, CAST(SUM(invoices) AS BIGINT) FROM invoice_counts WHERE network_id = $1 AND kind = $2 \
        AND listed {in:3} GROUP BY quarter ORDER BY quarter";
    IN_PART = "SELECT in_part FROM invoice_destinations WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND invoice_id = $4";
    COUNTED = "SELECT COALESCE(CAST(SUM(invoices) AS BIGINT), 0) FROM invoice_counts WHERE network_id = $1 AND kind = $2 \
        AND quarter >= $3 AND quarter < $4 AND listed {in:5}";
}

bulks! {
    ADD_COUNTS = "invoice_counts" [
        "network_id" Int, "kind" Text, "quarter" Int, "listed" Text, "invoices" Int
    ] "ON CONFLICT (network_id, kind, quarter, listed) DO UPDATE SET invoices = invoice_counts.invoices + excluded.invoices";
}

/// How lists tell where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listed {
    /// By its status. One that is open and marked as paid in part counts as partly paid.
    Status(InvoiceStatus),
    /// Not at all: it is void since it was deleted.
    Deleted,
}

impl Listed {
    /// What lists show unless they are asked for less: all but what was deleted.
    pub const ALL: [Listed; 5] = [
        Listed::Status(InvoiceStatus::Pending),
        Listed::Status(InvoiceStatus::Approved),
        Listed::Status(InvoiceStatus::PartlyPaid),
        Listed::Status(InvoiceStatus::Paid),
        Listed::Status(InvoiceStatus::Void),
    ];

    /// The word that is kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Listed::Status(status) => status.as_str(),
            Listed::Deleted => "deleted",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Listed> {
        if text == Listed::Deleted.as_str() {
            return Ok(Listed::Deleted);
        }
        super::status(text).map(Listed::Status).map_err(|_| Error::Corrupt(format!("{text:?} of an invoice in lists")))
    }

    /// Of an invoice that is, or is not, marked as paid in part.
    pub(super) fn of(invoice: &Invoice, in_part: bool) -> Listed {
        match invoice.status {
            InvoiceStatus::Void if invoice.voided.as_ref().is_some_and(|voided| voided.reason == "deleted") => {
                Listed::Deleted
            }
            InvoiceStatus::Pending | InvoiceStatus::Approved if in_part => Listed::Status(InvoiceStatus::PartlyPaid),
            status => Listed::Status(status),
        }
    }

    pub(super) fn words(listed: &[Listed]) -> Vec<&'static str> {
        listed.iter().map(|listed| listed.as_str()).collect()
    }
}

/// How lists tell an invoice now. The mark was written before.
pub(super) fn listed(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<Listed> {
    let open = matches!(invoice.status, InvoiceStatus::Pending | InvoiceStatus::Approved);
    let mark = if open { tx.query_one(IN_PART, &key(network, invoice.place()))? } else { None };
    Ok(Listed::of(invoice, mark.map_or(Ok(false), |row| row.flag(0))?))
}

fn quarter(at: Timestamp) -> i64 {
    at.micros().div_euclid(QUARTER_MICROS)
}

/// What changes in the counts, by kind, quarter of an hour and how lists tell it.
#[derive(Default)]
pub(super) struct CountChanges(BTreeMap<(&'static str, i64, Listed), i64>);

impl CountChanges {
    pub(super) fn add(&mut self, invoice: &Invoice, listed: Listed, count: i64) {
        let place = (invoice.book.kind.as_str(), quarter(invoice.created_at), listed);
        *self.0.entry(place).or_default() += count;
    }

    /// Writes what has changed, in one order.
    pub(super) fn write(&self, tx: &mut dyn Tx, network: NetworkId) -> Result<()> {
        let mut values = Vec::new();
        for ((kind, quarter, listed), count) in self.0.iter().filter(|(_, count)| **count != 0) {
            let row =
                [network.get().into(), (*kind).into(), (*quarter).into(), listed.as_str().into(), (*count).into()];
            values.extend::<[Param<'_>; 5]>(row);
        }
        if !values.is_empty() {
            tx.bulk(&ADD_COUNTS, &values)?;
        }
        Ok(())
    }
}

/// How many invoices of one kind were issued in a range of whole quarters of an hour, the end not included.
///
/// # Errors
/// What the database says.
pub fn counted(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    (from, before): (i64, i64),
    listed: &[Listed],
) -> Result<i64> {
    let words = Listed::words(listed);
    let params = [network.get().into(), kind.as_str().into(), from.into(), before.into(), Param::Texts(&words)];
    tx.query_one(COUNTED, &params)?.map_or(Ok(0), |row| row.int(0))
}

/// Where a walk along the times of issue is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    /// Only invoices issued from the first instant on and before the second, in microseconds.
    pub(super) created: (i64, i64),
    /// How many of these are still left out.
    pub(super) left_out: i64,
}

/// Where a walk over the invoices of one kind that are not void is entered that leaves out the first `offset`, from the newest
/// or, `backwards`, from the oldest.
///
/// # Errors
/// What the database says.
pub(super) fn entered(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    offset: i64,
    backwards: bool,
) -> Result<Entered> {
    let not_void: Vec<Listed> =
        Listed::ALL.into_iter().filter(|listed| *listed != Listed::Status(InvoiceStatus::Void)).collect();
    let words = Listed::words(&not_void);
    let params = [network.get().into(), kind.as_str().into(), Param::Texts(&words)];
    let (mut entered, mut before) = (Entered { created: (i64::MIN, i64::MAX), left_out: offset }, 0_i64);
    tx.query_each(if backwards { COUNTS_FROM_OLD } else { COUNTS_FROM_NEW }, &params, &mut |row| {
        let (start, count) = (row.int(0)?.saturating_mul(QUARTER_MICROS), row.int(1)?);
        if before <= offset {
            let created = if backwards { (start, i64::MAX) } else { (i64::MIN, start.saturating_add(QUARTER_MICROS)) };
            entered = Entered { created, left_out: offset - before };
        }
        before = before.saturating_add(count);
        Ok(())
    })?;
    Ok(entered)
}
