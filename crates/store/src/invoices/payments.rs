//! The payments of invoices, and the credit that a party has.

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, PaymentId};
use quittance_domain::time::{Day, Timestamp};

use super::{Invoice, Place, key, party_range};
use crate::conversions::{day, day_number};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Row, Tx};

statements! {
    PAYMENTS = "SELECT invoice_id, payment_id, units, source, rail, paid_day, reference, recorded_at, recorded_by FROM payments \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 ORDER BY payment_id";
    PAYMENTS_OF_PARTIES = "SELECT invoice_id, payment_id, units, source, rail, paid_day, reference, recorded_at, recorded_by \
        FROM payments WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY invoice_id, payment_id";
    CREDIT = "SELECT COALESCE(CAST(SUM(CASE WHEN i.status = 'void' THEN p.units ELSE 0 END \
        - CASE WHEN p.source = 'credit' THEN p.units ELSE 0 END) AS BIGINT), 0) FROM payments p \
        JOIN invoices i ON i.network_id = p.network_id AND i.kind = p.kind AND i.party_id = p.party_id \
        AND i.invoice_id = p.invoice_id WHERE p.network_id = $1 AND p.kind = $2 AND p.party_id = $3 \
        AND p.currency = $4";
}

bulks! {
    INSERT_PAYMENTS = "payments" [
        "network_id" Int, "kind" Text, "party_id" Int, "payment_id" Int, "invoice_id" Int, "currency" Text,
        "units" Int, "source" Text, "rail" Text, "paid_day" Int, "reference" Text, "recorded_at" Int,
        "recorded_by" Text
    ] "";
}

/// A payment, or the use of a party's credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The id.
    pub payment_id: PaymentId,
    /// The amount in billing units.
    pub units: i64,
    /// `money`, or `credit` where the party's credit was used.
    pub source: String,
    /// The rail that the money went over.
    pub rail: String,
    /// The day it was paid.
    pub paid_day: Day,
    /// The payer's reference.
    pub reference: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// By whom.
    pub recorded_by: String,
}

/// The payments of an invoice, oldest first.
///
/// # Errors
/// What the database says.
pub fn payments(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<Payment>> {
    tx.query(PAYMENTS, &key(network, place))?.iter().map(payment).collect()
}

/// Records a payment of an invoice.
///
/// # Errors
/// What the database says.
pub fn add_payment(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice, payment: &Payment) -> Result<()> {
    let [a, b, c, d] = key(network, invoice.place());
    let values = [
        a,
        b,
        c,
        payment.payment_id.get().into(),
        d,
        invoice.book.currency.code().into(),
        payment.units.into(),
        (&payment.source).into(),
        (&payment.rail).into(),
        day_number(payment.paid_day).into(),
        (&payment.reference).into(),
        payment.recorded_at.micros().into(),
        (&payment.recorded_by).into(),
    ];
    tx.bulk(&INSERT_PAYMENTS, &values)?;
    Ok(())
}

/// The credit of a party in a currency, in billing units: payments of invoices that were voided, less what of them
/// other invoices have used.
///
/// # Errors
/// What the database says.
pub fn credit(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<i64> {
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), book.currency.code().into()];
    tx.query_one(CREDIT, &params)?.map_or(Ok(0), |row| row.int(0))
}

fn payment(row: &Row) -> Result<Payment> {
    Ok(Payment {
        payment_id: PaymentId::new(row.int(1)?),
        units: row.int(2)?,
        source: row.string(3)?,
        rail: row.string(4)?,
        paid_day: day(row.int(5)?)?,
        reference: row.string(6)?,
        recorded_at: Timestamp::from_micros(row.int(7)?),
        recorded_by: row.string(8)?,
    })
}

/// The payments of all invoices of a range of parties, with the invoice, in order.
///
/// # Errors
/// What the database says.
pub fn payments_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<(InvoiceId, Payment)>> {
    let rows = tx.query(PAYMENTS_OF_PARTIES, &party_range(network, kind, parties))?;
    rows.iter().map(|row| Ok((InvoiceId::new(row.int(0)?), payment(row)?))).collect()
}
