//! Negative totals that runs gave up.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, RunId};
use quittance_domain::period::Period;
use quittance_domain::time::Timestamp;

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! columns {
    () => {
        "SELECT kind, party_id, document_id, currency, units, period_start, period_end, run_id, written_off_at, \
         written_off_by FROM write_offs "
    };
}

statements! {
    OF_RUN = concat!(columns!(), "WHERE network_id = $1 AND run_id = $2 AND kind = $3 ORDER BY party_id, currency");
    OF_PARTIES = concat!(columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY party_id, document_id, currency");
}

bulks! {
    INSERT = "write_offs" [
        "network_id" Int, "kind" Text, "party_id" Int, "document_id" Int, "currency" Text, "units" Int,
        "period_start" Int, "period_end" Int, "run_id" Int, "written_off_at" Int, "written_off_by" Text
    ] "";
}

/// What a run gave up of one book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteOff {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The document that took of the book; it has an id as invoices have.
    pub document: InvoiceId,
    /// The currency.
    pub currency: Currency,
    /// The sum of its conversions in billing units.
    pub units: i64,
    /// The days that it covers.
    pub period: Period,
    /// The run.
    pub run_id: RunId,
    /// When.
    pub written_off_at: Timestamp,
    /// By whom.
    pub written_off_by: String,
}

fn write_off(row: &Row) -> Result<WriteOff> {
    let kind = row.text(0)?;
    Ok(WriteOff {
        kind: InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?,
        party_id: row.int(1)?,
        document: InvoiceId::new(row.int(2)?),
        currency: currency(row.text(3)?)?,
        units: row.int(4)?,
        period: Period { start: day(row.int(5)?)?, end: day(row.int(6)?)? },
        run_id: RunId::new(row.int(7)?),
        written_off_at: Timestamp::from_micros(row.int(8)?),
        written_off_by: row.string(9)?,
    })
}

/// Records what a run gave up.
///
/// # Errors
/// What the database says.
pub fn add(tx: &mut dyn Tx, network: NetworkId, write_offs: &[WriteOff]) -> Result<()> {
    let mut values = Vec::with_capacity(write_offs.len() * 11);
    for write_off in write_offs {
        values.extend([
            Param::Int(network.get()),
            write_off.kind.as_str().into(),
            write_off.party_id.into(),
            write_off.document.get().into(),
            write_off.currency.code().into(),
            write_off.units.into(),
            day_number(write_off.period.start).into(),
            day_number(write_off.period.end).into(),
            write_off.run_id.get().into(),
            write_off.written_off_at.micros().into(),
            (&write_off.written_off_by).into(),
        ]);
    }
    tx.bulk(&INSERT, &values)?;
    Ok(())
}

/// What a run gave up, by party and currency.
///
/// # Errors
/// What the database says.
pub fn of_run(tx: &mut dyn Tx, network: NetworkId, run_id: RunId, kind: InvoiceKind) -> Result<Vec<WriteOff>> {
    let params = [network.get().into(), run_id.get().into(), kind.as_str().into()];
    tx.query(OF_RUN, &params)?.iter().map(write_off).collect()
}

/// What was given up of a range of parties.
///
/// # Errors
/// What the database says.
pub fn of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<WriteOff>> {
    let params = [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()];
    tx.query(OF_PARTIES, &params)?.iter().map(write_off).collect()
}
