//! The lines of invoices, and what rounding has left.

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::invoice::LineType;
use quittance_domain::period::Period;
use quittance_domain::planner::{Converted, PaidRate};
use quittance_domain::rates::Rate;
use quittance_domain::tax::Tax;
use quittance_domain::time::Timestamp;

use super::{Place, key, key_after, party_range};
use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! line_columns {
    () => {
        "SELECT invoice_id, line_no, line_type, offer_id, period_start, period_end, conversions, taken_units, units, \
         comment, created_at, source_currency, source_units, rate, rate_day, rate_source, tax FROM invoice_lines "
    };
}

statements! {
    LINES = concat!(line_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        ORDER BY line_no");
    LINES_AFTER = concat!(line_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        AND line_no > $5 ORDER BY line_no LIMIT $6");
    CORRECTIONS_AFTER = concat!(line_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 \
        AND line_no > $5 AND line_no <= $7 AND line_type = 'correction' ORDER BY line_no LIMIT $6");
    LINES_OF_PARTIES = concat!(line_columns!(), "WHERE network_id = $1 AND kind = $2 AND party_id >= $3 \
        AND party_id <= $4 ORDER BY invoice_id, line_no");
    DELETE_LINE = "DELETE FROM invoice_lines WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND invoice_id = $4 AND line_no = $5";
    UPDATE_LINE = "UPDATE invoice_lines SET conversions = $6, taken_units = $7, units = $8, source_units = $9 WHERE network_id = $1 \
        AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND line_no = $5";
    /// By which rates invoices have billed what they took of books in other currencies, the first invoice first.
    PAID_RATES = "SELECT l.party_id, l.source_currency, i.currency, l.offer_id, l.period_start, l.period_end, l.rate, l.rate_day, \
        l.rate_source FROM invoice_lines l JOIN invoices i ON i.network_id = l.network_id AND i.kind = l.kind \
        AND i.party_id = l.party_id AND i.invoice_id = l.invoice_id WHERE l.network_id = $1 AND l.kind = $2 \
        AND l.party_id {in:3} AND {within:l.party_id|3} AND {within:i.party_id|3} AND l.line_type = 'conversions' \
        AND l.source_currency IS NOT NULL AND l.taken_units > 0 AND i.status <> 'void' \
        ORDER BY l.party_id, l.invoice_id, l.line_no";
    /// Which days of which offers invoices have billed that are not void, or are in `$4`, the first invoice first.
    BILLED_PARTS = "SELECT l.party_id, COALESCE(l.source_currency, i.currency), l.invoice_id, l.offer_id, l.period_start, \
        l.period_end FROM invoice_lines l JOIN invoices i ON i.network_id = l.network_id AND i.kind = l.kind \
        AND i.party_id = l.party_id AND i.invoice_id = l.invoice_id WHERE l.network_id = $1 AND l.kind = $2 \
        AND l.party_id {in:3} AND {within:l.party_id|3} AND {within:i.party_id|3} AND l.line_type = 'conversions' \
        AND (i.status <> 'void' OR i.invoice_id {in:4}) \
        UNION ALL SELECT e.party_id, e.currency, e.invoice_id, e.offer_id, e.period_start, e.period_end \
        FROM emptied_lines e JOIN invoices i ON i.network_id = e.network_id AND i.kind = e.kind \
        AND i.party_id = e.party_id AND i.invoice_id = e.invoice_id WHERE e.network_id = $1 AND e.kind = $2 \
        AND e.party_id {in:3} AND {within:e.party_id|3} AND {within:i.party_id|3} \
        AND (i.status <> 'void' OR i.invoice_id {in:4}) ORDER BY 1, 3";
    /// What rounding has left in the books of some parties; an invoice whose lines are all exact is not read.
    REMAINDERS = "SELECT l.party_id, COALESCE(l.source_currency, i.currency), \
        CAST(SUM(l.taken_units - COALESCE(l.source_units, l.units)) AS BIGINT) FROM invoice_lines l \
        JOIN invoices i ON i.network_id = l.network_id AND i.kind = l.kind AND i.party_id = l.party_id \
        AND i.invoice_id = l.invoice_id WHERE l.network_id = $1 AND l.kind = $2 AND l.party_id {in:3} \
        AND l.line_type IN ('conversions', 'rounding') AND l.taken_units <> COALESCE(l.source_units, l.units) \
        AND i.status <> 'void' GROUP BY l.party_id, COALESCE(l.source_currency, i.currency)";
}

bulks! {
    INSERT_LINES = "invoice_lines" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "line_no" Int, "line_type" Text,
        "offer_id" Int, "period_start" Int, "period_end" Int, "conversions" Int, "taken_units" Int, "units" Int,
        "comment" Text, "created_at" Int, "source_currency" Text, "source_units" Int, "rate" Text, "rate_day" Int,
        "rate_source" Text, "tax" Text
    ] "";
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number within the invoice.
    pub line_no: i64,
    /// What it bills.
    pub line_type: LineType,
    /// The offer of a `conversions` line.
    pub offer_id: Option<OfferId>,
    /// The invoice's period, or the earlier one that it corrects.
    pub period: Period,
    /// The exact sum of the conversions, in their currency.
    pub taken: Tally,
    /// What is billed, in billing units of the invoice's currency: whole minor units.
    pub units: i64,
    /// Where the conversions are in another currency: the sum in that, and the rate.
    pub converted: Option<Converted>,
    /// What it is for, of lines that are not conversions.
    pub comment: String,
    /// How a tax line came about.
    pub tax: Option<Tax>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Line {
    /// The currency of the conversions, on an invoice in this one.
    #[must_use]
    pub fn source_currency(&self, invoice: Currency) -> Currency {
        self.converted.as_ref().map_or(invoice, |converted| converted.currency)
    }

    /// What the line takes from its book: whole minor units of the currency of the conversions, in billing units.
    #[must_use]
    pub fn source_units(&self) -> i64 {
        self.converted.as_ref().map_or(self.units, |converted| converted.units)
    }
}

/// A line as it is written, with the text of its rate.
pub(super) struct WrittenLine<'a> {
    line: &'a Line,
    rate: Option<String>,
    tax: Option<String>,
}

impl<'a> From<&'a Line> for WrittenLine<'a> {
    fn from(line: &'a Line) -> Self {
        WrittenLine {
            line,
            rate: line.converted.as_ref().map(|converted| converted.rate.exact()),
            tax: line.tax.as_ref().map(Tax::stored),
        }
    }
}

pub(super) fn push_line<'a>(
    values: &mut Vec<Param<'a>>,
    network: NetworkId,
    place: Place,
    WrittenLine { line, rate, tax }: &'a WrittenLine<'_>,
) {
    let converted = line.converted.as_ref();
    values.extend(key(network, place));
    values.extend([
        Param::Int(line.line_no),
        line.line_type.as_str().into(),
        line.offer_id.map(OfferId::get).into(),
        day_number(line.period.start).into(),
        day_number(line.period.end).into(),
        line.taken.conversions.into(),
        line.taken.units.into(),
        line.units.into(),
        (&line.comment).into(),
        line.created_at.micros().into(),
        converted.map(|converted| converted.currency.code()).into(),
        converted.map(|converted| converted.units).into(),
        rate.as_ref().into(),
        converted.map(|converted| day_number(converted.rate.day)).into(),
        converted.map(|converted| &converted.rate.source).into(),
        tax.as_ref().into(),
    ]);
}

/// The lines of an invoice in order.
///
/// # Errors
/// What the database says.
pub fn lines(tx: &mut dyn Tx, network: NetworkId, place: Place) -> Result<Vec<Line>> {
    tx.query(LINES, &key(network, place))?.iter().map(line).collect()
}

/// Hands over the lines of an invoice in order, without holding them all.
///
/// # Errors
/// What the database says.
pub fn each_line(tx: &mut dyn Tx, network: NetworkId, place: Place, each: &mut dyn FnMut(Line)) -> Result<()> {
    tx.query_each(LINES, &key(network, place), &mut |row| {
        each(line(&row)?);
        Ok(())
    })
}

/// At most `limit` lines of an invoice after a number, in order.
///
/// # Errors
/// What the database says.
pub fn lines_after(tx: &mut dyn Tx, network: NetworkId, place: Place, after: i64, limit: i64) -> Result<Vec<Line>> {
    tx.query(LINES_AFTER, &key_after(network, place, after, limit))?.iter().map(line).collect()
}

/// At most `limit` corrections of an invoice after a number and up to another, in order. It looks at every line between them.
///
/// # Errors
/// What the database says.
pub fn corrections_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    place: Place,
    (after, through): (i64, i64),
    limit: i64,
) -> Result<Vec<Line>> {
    let mut params = key_after(network, place, after, limit).to_vec();
    params.push(through.into());
    tx.query(CORRECTIONS_AFTER, &params)?.iter().map(line).collect()
}

/// Appends a line.
///
/// # Errors
/// What the database says.
pub fn add_line(tx: &mut dyn Tx, network: NetworkId, place: Place, line: &Line) -> Result<()> {
    let mut values = Vec::new();
    let line = WrittenLine::from(line);
    push_line(&mut values, network, place, &line);
    tx.bulk(&INSERT_LINES, &values)?;
    Ok(())
}

/// Removes a line; answers whether it was there.
///
/// # Errors
/// What the database says.
pub fn delete_line(tx: &mut dyn Tx, network: NetworkId, place: Place, line_no: i64) -> Result<bool> {
    let [a, b, c, d] = key(network, place);
    Ok(tx.execute(DELETE_LINE, &[a, b, c, d, line_no.into()])? == 1)
}

/// Replaces what a `conversions` line took.
///
/// # Errors
/// What the database says.
pub fn update_line(tx: &mut dyn Tx, network: NetworkId, place: Place, line: &Line) -> Result<()> {
    let [a, b, c, d] = key(network, place);
    let taken = line.taken;
    let source_units = line.converted.as_ref().map(|converted| converted.units);
    let no = line.line_no.into();
    let (count, exact) = (taken.conversions.into(), taken.units.into());
    let params = [a, b, c, d, no, count, exact, line.units.into(), source_units.into()];
    tx.execute(UPDATE_LINE, &params)?;
    Ok(())
}

/// What rounding has left in the books of some parties, in billing units. A book that is not named has nothing left.
///
/// # Errors
/// What the database says.
pub fn remainders(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: &[i64]) -> Result<Vec<(Book, i64)>> {
    let rows = tx.query(REMAINDERS, &[network.get().into(), kind.as_str().into(), Param::Ints(parties)])?;
    rows.iter()
        .map(|row| {
            let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
            Ok((book, row.int(2)?))
        })
        .collect()
}

fn line(row: &Row) -> Result<Line> {
    let line_type = row.text(2)?;
    Ok(Line {
        line_no: row.int(1)?,
        line_type: LineType::parse(line_type).ok_or_else(|| Error::Corrupt(format!("line type {line_type}")))?,
        offer_id: row.opt_int(3)?.map(OfferId::new),
        period: Period { start: day(row.int(4)?)?, end: day(row.int(5)?)? },
        taken: Tally { conversions: row.int(6)?, units: row.int(7)? },
        units: row.int(8)?,
        comment: row.string(9)?,
        tax: tax(row)?,
        created_at: Timestamp::from_micros(row.int(10)?),
        converted: converted(row)?,
    })
}

fn tax(row: &Row) -> Result<Option<Tax>> {
    let Some(stored) = row.opt_text(16)? else { return Ok(None) };
    let tax = Tax::read(stored, row.string(9)?);
    tax.map(Some).ok_or_else(|| Error::Corrupt(format!("tax {stored}")))
}

fn converted(row: &Row) -> Result<Option<Converted>> {
    let Some(code) = row.opt_text(11)? else { return Ok(None) };
    let rate =
        read_rate(row, 13)?.ok_or_else(|| Error::Corrupt("a line in another currency has no rate".to_owned()))?;
    Ok(Some(Converted { currency: currency(code)?, units: row.int(12)?, rate }))
}

/// A rate from three columns, the exact figure, the day and the source; `None` where there is none.
pub(crate) fn read_rate(row: &Row, column: usize) -> Result<Option<Rate>> {
    let Some(exact) = row.opt_text(column)? else { return Ok(None) };
    let rate = Rate::read(exact, day(row.int(column + 1)?)?, row.string(column + 2)?);
    rate.map(Some).ok_or_else(|| Error::Corrupt(format!("rate {exact}")))
}

/// A rate by which an invoice has billed what it took of a book in another currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidRateRow {
    /// The book.
    pub book: Book,
    /// The invoice's currency.
    pub into: Currency,
    /// Of which offer and days, and the rate.
    pub paid: PaidRate,
}

/// The rates by which the non-void invoices of some parties have billed what they took of books in other currencies, by
/// party, the first invoice first.
///
/// # Errors
/// What the database says.
pub fn paid_rates(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: &[i64]) -> Result<Vec<PaidRateRow>> {
    let rows = tx.query(PAID_RATES, &[network.get().into(), kind.as_str().into(), Param::Ints(parties)])?;
    let paid = |row: &Row| {
        let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
        let period = Period { start: day(row.int(4)?)?, end: day(row.int(5)?)? };
        let (offer_id, rate) = (OfferId::new(row.int(3)?), read_rate(row, 6)?);
        let rate = rate.ok_or_else(|| Error::Corrupt("a line in another currency has no rate".to_owned()))?;
        Ok(PaidRateRow { book, into: currency(row.text(2)?)?, paid: PaidRate { offer_id, period, rate } })
    };
    rows.iter().map(paid).collect()
}

/// Days of an offer that an invoice has billed, also where everything there cancels out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledPart {
    /// The book.
    pub book: Book,
    /// The invoice.
    pub invoice: InvoiceId,
    /// The offer.
    pub offer_id: OfferId,
    /// The days.
    pub period: Period,
}

/// What the invoices of some parties have billed that are not void, or are among `also`, by party, the first invoice first.
///
/// # Errors
/// What the database says.
pub fn billed_parts(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
    also: &[i64],
) -> Result<Vec<BilledPart>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties), Param::Ints(also)];
    let part = |row: &Row| {
        Ok(BilledPart {
            book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
            invoice: InvoiceId::new(row.int(2)?),
            offer_id: OfferId::new(row.int(3)?),
            period: Period { start: day(row.int(4)?)?, end: day(row.int(5)?)? },
        })
    };
    tx.query(BILLED_PARTS, &params)?.iter().map(part).collect()
}

/// The lines of all invoices of a range of parties, with the invoice, in order.
///
/// # Errors
/// What the database says.
pub fn lines_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<(InvoiceId, Line)>> {
    let rows = tx.query(LINES_OF_PARTIES, &party_range(network, kind, parties))?;
    rows.iter().map(|row| Ok((InvoiceId::new(row.int(0)?), line(row)?))).collect()
}
