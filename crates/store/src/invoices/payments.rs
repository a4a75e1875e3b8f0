//! The payments of invoices, and the credit that a party has.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, PaymentId};
use quittance_domain::invoice::PaymentSource;
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};

use super::{Place, key, key_after, party_range};
use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! payment_columns {
    () => {
        "SELECT invoice_id, payment_id, units, source, rail, paid_day, reference, recorded_at, recorded_by, currency, \
         transfer_id, of_payment, about_invoice, number, paid_currency, paid_units, worth_units, party_id FROM payments "
    };
}

statements! {
    PAYMENTS = concat!(payment_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY payment_id");
    PAYMENTS_AFTER = concat!(payment_columns!(), "{by:payments_by_invoice} WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND invoice_id = $4 AND payment_id > $5 ORDER BY payment_id LIMIT $6");
    CREDIT_NOTES_AFTER = concat!(payment_columns!(), "{by:payments_about} WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND about_invoice = $4 AND payment_id > $5 AND source = 'credit_note' ORDER BY payment_id LIMIT $6");
    ABOUT = concat!(payment_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND about_invoice = $4 \
        AND source = 'credit_note' ORDER BY payment_id");
    ONE = concat!(payment_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND payment_id = $4");
    PAYMENTS_OF_PARTIES = concat!(payment_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id >= $3 \
        AND party_id <= $4 ORDER BY invoice_id, payment_id");
    /// Money paid on a day under a reference, but for what came back whole.
    ALIKE = concat!(payment_columns!(), "p WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency = $4 AND paid_day = $5 \
        AND reference = $6 AND source = 'money' AND units + COALESCE((SELECT CAST(SUM(r.units) AS BIGINT) FROM payments r \
        WHERE r.network_id = p.network_id AND r.kind = p.kind AND r.party_id = p.party_id \
        AND r.of_payment = p.payment_id), 0) > 0 ORDER BY payment_id");
    /// What of a party's credit was paid out, and came back: rows without an invoice.
    CREDIT_PAYOUTS_AFTER = concat!(payment_columns!(), "{by:payments_by_invoice} WHERE network_id = $1 AND kind = $2 \
        AND party_id = $3 AND invoice_id = 0 AND payment_id > $4 AND (source = 'credit_payout' OR source = 'reversal') \
        ORDER BY payment_id LIMIT $5");
    /// Those of an amount and day that have not come back.
    CREDIT_PAYOUT_LIKE = "SELECT payment_id, reference FROM payments p {by:payments_by_invoice} WHERE p.network_id = $1 \
        AND p.kind = $2 AND p.party_id = $3 AND p.invoice_id = 0 AND p.source = 'credit_payout' AND p.currency = $4 \
        AND p.units = $5 AND p.paid_day = $6 AND NOT EXISTS (SELECT 1 FROM payments b WHERE b.network_id = p.network_id \
        AND b.kind = p.kind AND b.party_id = p.party_id AND b.invoice_id = 0 AND b.of_payment = p.payment_id) \
        ORDER BY payment_id";
    /// What is left of a payment: its amount less what came back.
    LEFT_OF = "SELECT COALESCE(CAST(SUM(units) AS BIGINT), 0) FROM payments WHERE network_id = $1 AND kind = $2 \
        AND party_id = $3 AND (payment_id = $4 OR of_payment = $4)";
    CREDIT = "SELECT COALESCE(CAST(SUM(CASE WHEN p.invoice_id = 0 OR i.status = 'void' THEN p.units ELSE 0 END \
        - CASE WHEN p.source = 'credit' THEN p.units ELSE 0 END) AS BIGINT), 0) FROM payments p \
        LEFT JOIN invoices i ON i.network_id = p.network_id AND i.kind = p.kind AND i.party_id = p.party_id \
        AND i.invoice_id = p.invoice_id WHERE p.network_id = $1 AND p.kind = $2 AND p.party_id = $3 \
        AND p.currency = $4";
}

bulks! {
    INSERT_PAYMENTS = "payments" [
        "network_id" Int, "kind" Text, "party_id" Int, "payment_id" Int, "invoice_id" Int, "currency" Text,
        "units" Int, "source" Text, "rail" Text, "paid_day" Int, "reference" Text, "recorded_at" Int,
        "recorded_by" Text, "transfer_id" Int, "of_payment" Int, "about_invoice" Int, "number" Int,
        "paid_currency" Text, "paid_units" Int, "worth_units" Int
    ] "";
}

/// Money in another currency than what it settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// What was paid.
    pub paid: Money,
    /// What that is worth by the rates of its day, in billing units of the currency that it settles.
    pub worth_units: i64,
}

/// A payment, or what else settles an invoice or is a party's credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The id.
    pub payment_id: PaymentId,
    /// The party.
    pub party_id: i64,
    /// The invoice; `None`: it is the party's credit.
    pub invoice_id: Option<InvoiceId>,
    /// The amount in billing units of the invoice's currency; negative where it came back.
    pub units: i64,
    /// Its currency.
    pub currency: Currency,
    /// What it is.
    pub source: PaymentSource,
    /// The rail that the money went over.
    pub rail: String,
    /// The day it was paid.
    pub paid_day: Day,
    /// The payer's reference, or the reason.
    pub reference: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// By whom.
    pub recorded_by: String,
    /// The id of the first payment of the same transfer: its own, where there is no other.
    pub transfer_id: PaymentId,
    /// The payment that came back or was a mistake.
    pub of_payment: Option<PaymentId>,
    /// The invoice that a credit is about: a paid one of a credit note, that of the transfer which was more than owed.
    pub about_invoice: Option<InvoiceId>,
    /// The gap-free number of a credit note.
    pub number: Option<i64>,
    /// Where it was paid in another currency.
    pub foreign: Option<Foreign>,
}

/// The payments of an invoice, oldest first.
///
/// # Errors
/// What the database says.
pub fn payments(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<Payment>> {
    tx.query(PAYMENTS, &key(network, place))?.iter().map(payment).collect()
}

/// The credit notes about an invoice, oldest first.
///
/// # Errors
/// What the database says.
pub fn credit_notes(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<Payment>> {
    tx.query(ABOUT, &key(network, place))?.iter().map(payment).collect()
}

/// At most `limit` payments of an invoice after an id, oldest first.
///
/// # Errors
/// What the database says.
pub fn payments_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    after: i64,
    limit: i64,
) -> Result<Vec<Payment>> {
    tx.query(PAYMENTS_AFTER, &key_after(network, place, after, limit))?.iter().map(payment).collect()
}

/// At most `limit` credit notes about an invoice after an id, oldest first.
///
/// # Errors
/// What the database says.
pub fn credit_notes_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    after: i64,
    limit: i64,
) -> Result<Vec<Payment>> {
    tx.query(CREDIT_NOTES_AFTER, &key_after(network, place, after, limit))?.iter().map(payment).collect()
}

/// One payment of a party.
///
/// # Errors
/// What the database says.
pub fn payment_of(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    party_id: i64,
    id: PaymentId,
) -> Result<Option<Payment>> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into(), id.get().into()];
    tx.query_one(ONE, &params)?.as_ref().map(payment).transpose()
}

/// The money that was paid in a book on a day under a reference and has not come back whole, oldest first.
///
/// # Errors
/// What the database says.
pub fn alike(tx: &mut dyn Tx, network: NetworkId, book: Book, day: Day, reference: &str) -> Result<Vec<Payment>> {
    let params = [
        network.get().into(),
        book.kind.as_str().into(),
        book.party_id.into(),
        book.currency.code().into(),
        day_number(day).into(),
        reference.into(),
    ];
    tx.query(ALIKE, &params)?.iter().map(payment).collect()
}

/// What is left of a payment after what came back of it, in billing units.
///
/// # Errors
/// What the database says.
pub fn left_of_payment(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    party_id: i64,
    id: PaymentId,
) -> Result<i64> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into(), id.get().into()];
    tx.query_one(LEFT_OF, &params)?.map_or(Ok(0), |row| row.int(0))
}

/// Records a payment of a party.
///
/// # Errors
/// What the database says.
pub fn add_payment(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, payment: &Payment) -> Result<()> {
    let foreign = payment.foreign.as_ref();
    let values = [
        Param::Int(network.get()),
        kind.as_str().into(),
        payment.party_id.into(),
        payment.payment_id.get().into(),
        payment.invoice_id.map_or(0, InvoiceId::get).into(),
        payment.currency.code().into(),
        payment.units.into(),
        payment.source.as_str().into(),
        (&payment.rail).into(),
        day_number(payment.paid_day).into(),
        (&payment.reference).into(),
        payment.recorded_at.micros().into(),
        (&payment.recorded_by).into(),
        payment.transfer_id.get().into(),
        payment.of_payment.map(PaymentId::get).into(),
        payment.about_invoice.map(InvoiceId::get).into(),
        payment.number.into(),
        foreign.map(|foreign| foreign.paid.currency().code()).into(),
        foreign.map(|foreign| foreign.paid.units()).into(),
        foreign.map(|foreign| foreign.worth_units).into(),
    ];
    tx.bulk(&INSERT_PAYMENTS, &values)?;
    Ok(())
}

/// At most `limit` of the payments of a party's credit and of those that came back, after an id, oldest first.
///
/// # Errors
/// What the database says.
pub fn credit_payouts_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    (kind, party_id): (InvoiceKind, i64),
    after: i64,
    limit: i64,
) -> Result<Vec<Payment>> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into(), after.into(), Param::Int(limit)];
    tx.query(CREDIT_PAYOUTS_AFTER, &params)?.iter().map(payment).collect()
}

/// A payment of credit with the same amount (negative, in billing units), day and reference, that has not come back.
///
/// # Errors
/// What the database says.
pub fn credit_payout_like(
    tx: &mut dyn Tx,
    network: NetworkId,
    book: Book,
    (units, paid_day, reference): (i64, Day, &str),
) -> Result<Option<PaymentId>> {
    let params = [
        network.get().into(),
        book.kind.as_str().into(),
        book.party_id.into(),
        book.currency.code().into(),
        units.into(),
        day_number(paid_day).into(),
    ];
    for row in tx.query(CREDIT_PAYOUT_LIKE, &params)? {
        if row.text(1)? == reference {
            return Ok(Some(PaymentId::new(row.int(0)?)));
        }
    }
    Ok(None)
}

/// The credit of a party in a currency, in billing units: what was paid on invoices that were voided, what was paid
/// beyond what was owed, and credit notes, less what of all that other invoices have used and what was paid out.
///
/// # Errors
/// What the database says.
pub fn credit(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<i64> {
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), book.currency.code().into()];
    tx.query_one(CREDIT, &params)?.map_or(Ok(0), |row| row.int(0))
}

fn payment(row: &Row) -> Result<Payment> {
    let source = row.text(3)?;
    let payment_id = |column| Ok::<_, Error>(row.opt_int(column)?.map(PaymentId::new));
    let foreign = match row.opt_text(14)? {
        Some(code) => Some(Foreign { paid: Money::new(row.int(15)?, currency(code)?), worth_units: row.int(16)? }),
        None => None,
    };
    Ok(Payment {
        invoice_id: Some(row.int(0)?).filter(|id| *id != 0).map(InvoiceId::new),
        payment_id: PaymentId::new(row.int(1)?),
        units: row.int(2)?,
        source: PaymentSource::parse(source).ok_or_else(|| Error::Corrupt(format!("payment source {source}")))?,
        rail: row.string(4)?,
        paid_day: day(row.int(5)?)?,
        reference: row.string(6)?,
        recorded_at: Timestamp::from_micros(row.int(7)?),
        recorded_by: row.string(8)?,
        currency: currency(row.text(9)?)?,
        transfer_id: PaymentId::new(row.int(10)?),
        of_payment: payment_id(11)?,
        about_invoice: row.opt_int(12)?.map(InvoiceId::new),
        number: row.opt_int(13)?,
        party_id: row.int(17)?,
        foreign,
    })
}

/// The payments of a range of parties, by invoice and in order; first those without an invoice.
///
/// # Errors
/// What the database says.
pub fn payments_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<Payment>> {
    tx.query(PAYMENTS_OF_PARTIES, &party_range(network, kind, parties))?.iter().map(payment).collect()
}
