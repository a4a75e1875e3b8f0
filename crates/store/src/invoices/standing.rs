//! What invoices are found by besides what they say: where they stand, their totals beside what these are sums of, and
//! the sums over many of them.

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Day;

use super::counts::{CountChanges, Listed};
use super::{Invoice, Place, key};
use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    STANDING = "SELECT standing, billed_units, balance_units, listed FROM invoices WHERE network_id = $1 AND kind = $2 \
        AND party_id = $3 AND invoice_id = $4";
    SUMS = "SELECT currency, period_end, CAST(SUM(invoices) AS BIGINT), CAST(SUM(billed_units) AS BIGINT), \
        CAST(SUM(balance_units) AS BIGINT) FROM invoice_sums s WHERE network_id = $1 AND kind = $2 AND standing {in:3} \
        AND period_end <= $4 AND invoices > 0 GROUP BY currency, period_end ORDER BY currency, period_end";
}

bulks! {
    ADD_SUMS = "invoice_sums" [
        "network_id" Int, "kind" Text, "currency" Text, "period_end" Int, "standing" Int, "invoices" Int,
        "billed_units" Int, "balance_units" Int
    ] "ON CONFLICT (network_id, kind, currency, period_end, standing) DO UPDATE SET \
       invoices = invoice_sums.invoices + excluded.invoices, \
       billed_units = invoice_sums.billed_units + excluded.billed_units, \
       balance_units = invoice_sums.balance_units + excluded.balance_units";
}

/// Where an invoice stands, as lists tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Something is left to pay, or to be paid back.
    Open,
    /// Nothing is left to pay.
    Settled,
    /// It is void.
    Void,
}

impl Standing {
    /// Its number in the database.
    pub(super) const fn number(self) -> i64 {
        match self {
            Standing::Open => 0,
            Standing::Settled => 1,
            Standing::Void => 2,
        }
    }

    fn of_number(number: i64) -> Result<Standing> {
        let all = [Standing::Open, Standing::Settled, Standing::Void];
        let found = all.into_iter().find(|standing| standing.number() == number);
        found.ok_or_else(|| Error::Corrupt(format!("standing {number} of an invoice")))
    }
}

impl Invoice {
    /// What is left to pay, in billing units: of a void invoice nothing, whatever was paid of it.
    #[must_use]
    pub fn balance_units(&self) -> i64 {
        match self.status {
            InvoiceStatus::Void => 0,
            _ => self.billed_units.saturating_sub(self.paid_units),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match self.status {
            InvoiceStatus::Void => Standing::Void,
            _ if self.balance_units() == 0 => Standing::Settled,
            _ => Standing::Open,
        }
    }
}

/// The sums of invoices of one currency that end on the same day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvoiceSums {
    /// Their currency.
    pub currency: Currency,
    /// The last day of their periods.
    pub period_end: Day,
    /// How many they are.
    pub invoices: i64,
    /// What they bill, in billing units.
    pub billed_units: i64,
    /// What was paid of them, in billing units.
    pub paid_units: i64,
    /// What is left to pay of them, in billing units.
    pub balance_units: i64,
}

impl InvoiceSums {
    /// Adds those of other invoices of the same currency and day.
    pub(super) fn add(&mut self, other: &InvoiceSums) {
        self.invoices += other.invoices;
        self.billed_units = self.billed_units.saturating_add(other.billed_units);
        self.paid_units = self.paid_units.saturating_add(other.paid_units);
        self.balance_units = self.balance_units.saturating_add(other.balance_units);
    }
}

/// Sums of a row: currency, last day, count, billed and balance. What is not left to pay was paid, unless they are void.
pub(super) fn sums_of(row: &Row) -> Result<InvoiceSums> {
    let (billed_units, balance_units) = (row.int(3)?, row.int(4)?);
    Ok(InvoiceSums {
        currency: currency(row.text(0)?)?,
        period_end: day(row.int(1)?)?,
        invoices: row.int(2)?,
        billed_units,
        paid_units: billed_units.saturating_sub(balance_units),
        balance_units,
    })
}

/// The sums of all invoices of one kind that stand like this and end on this day or earlier, by currency and last day.
///
/// # Errors
/// What the database says.
pub(super) fn sums_of_all(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    standings: &[Standing],
    through: Day,
) -> Result<Vec<InvoiceSums>> {
    let standings: Vec<i64> = standings.iter().map(|standing| standing.number()).collect();
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(&standings), day_number(through).into()];
    tx.query(SUMS, &params)?.iter().map(sums_of).collect()
}

/// Where an invoice stood when it was last written, and its totals then.
pub(super) struct Stood {
    standing: Standing,
    billed_units: i64,
    balance_units: i64,
    listed: Listed,
}

/// Where an invoice stands by its row.
pub(super) fn stood(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Option<Stood>> {
    let row = tx.query_one(STANDING, &key(network, place))?;
    let stood = |row: Row| {
        let standing = Standing::of_number(row.int(0)?)?;
        let listed = Listed::parse(row.text(3)?)?;
        Ok(Stood { standing, billed_units: row.int(1)?, balance_units: row.int(2)?, listed })
    };
    row.map(stood).transpose()
}

/// What changes in the sums over many invoices.
#[derive(Default)]
pub(super) struct SumChanges {
    /// By kind, currency, last day and standing: count, billed and balance.
    sums: BTreeMap<(&'static str, &'static str, i64, i64), [i64; 3]>,
    counts: CountChanges,
}

impl SumChanges {
    fn add(&mut self, invoice: &Invoice, standing: Standing, amounts: [i64; 3]) {
        let place = (invoice.book.kind.as_str(), invoice.book.currency.code(), day_number(invoice.period.end));
        let sums = self.sums.entry((place.0, place.1, place.2, standing.number())).or_default();
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum = sum.saturating_add(amount);
        }
    }

    /// Takes an invoice in.
    pub(super) fn take_in(&mut self, invoice: &Invoice, listed: Listed) {
        self.add(invoice, invoice.standing(), [1, invoice.billed_units, invoice.balance_units()]);
        self.counts.add(invoice, listed, 1);
    }

    /// Takes an invoice out as it stood.
    pub(super) fn take_out(&mut self, invoice: &Invoice, stood: &Stood) {
        self.add(
            invoice,
            stood.standing,
            [-1, stood.billed_units.saturating_neg(), stood.balance_units.saturating_neg()],
        );
        self.counts.add(invoice, stood.listed, -1);
    }

    /// Writes what has changed, in one order, so that two who write do not wait for each other in a circle.
    pub(super) fn write(&self, tx: &mut dyn Tx, network: NetworkId) -> Result<()> {
        let mut values = Vec::new();
        for (&(kind, currency, period_end, standing), sums) in self.sums.iter().filter(|(_, sums)| **sums != [0; 3]) {
            values.extend([
                Param::Int(network.get()),
                kind.into(),
                currency.into(),
                period_end.into(),
                standing.into(),
            ]);
            values.extend(sums.map(Param::Int));
        }
        if !values.is_empty() {
            tx.bulk(&ADD_SUMS, &values)?;
        }
        self.counts.write(tx, network)
    }
}
