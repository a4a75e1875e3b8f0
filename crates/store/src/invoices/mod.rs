//! Invoices with their lines, payments, take-offs and history.

pub(crate) mod counts;
pub(crate) mod destinations;
pub(crate) mod emptied;
pub(crate) mod filter;
pub(crate) mod history;
pub(crate) mod items;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod newest;
pub(crate) mod overdue;
pub(crate) mod parts;
pub(crate) mod payments;
pub(crate) mod search;
pub(crate) mod sorted;
pub(crate) mod standing;
pub(crate) mod take_offs;
pub(crate) mod texts;

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, InvoiceNumber, NetworkId, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::period::Period;
use quittance_domain::planner::Emptied;
use quittance_domain::time::{Day, Timestamp};

use self::counts::listed;
pub use self::counts::{Listed, counted};
pub use self::destinations::{
    Destination, destinations, erase_accounts, forget_accounts, put_destination, went_through, went_to,
};
pub use self::emptied::{emptied, emptied_of_parties, set_emptied};
pub use self::filter::{InvoiceFilter, last_id, list};
pub use self::history::{
    HistoryFilter, HistoryPlace, HistoryRow, NetworkHistoryRow, find_history, history, history_after,
    history_of_parties,
};
pub use self::items::{ItemRow, Measure, items, put_items};
use self::lines::WrittenLine;
pub use self::lines::{
    BilledPart, Line, PaidRateRow, add_line, billed_parts, corrections_after, delete_line, each_line, lines,
    lines_after, lines_of_parties, paid_rates, remainders, update_line,
};
pub use self::list::{
    Extent, InvoiceQuery, InvoiceRow, LastPayment, count_found, extent, id_at, id_of_number, nth_found, rows,
};
pub use self::newest::{NewestQuery, Spotted, count_newest, newest};
pub use self::overdue::{any_overdue, last_row, lock_overdue, set_overdue};
pub use self::parts::list_part;
pub use self::payments::{
    Foreign, Payment, add_payment, alike, credit, credit_notes, credit_notes_after, credit_payout_like,
    credit_payouts_after, left_of_payment, payment_of, payments, payments_after, payments_of_parties,
};
pub use self::search::{BalanceBound, Either, Found, FoundUnits, InvoiceSearch, found, sums_found};
pub use self::sorted::{SortBy, SortedQuery, count_sorted, sorted};
pub use self::standing::{InvoiceSums, Standing};
use self::standing::{SumChanges, stood};
pub use self::take_offs::{
    TakeOff, add_take_offs, any_take_off, offer_taken_off, take_offs, take_offs_among, take_offs_of_parties,
};
pub use self::texts::{PlacedText, TextKind, names_on_invoices, referral_comments, referrers_of, set_text, texts_of};
use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// What is read of an invoice, with the sums of its lines and payments.
macro_rules! invoice_fields {
    () => {
        "SELECT i.kind, i.party_id, i.invoice_id, i.number, i.currency, i.status, i.period_start, i.period_end, \
         i.due_day, i.payment_terms_days, i.hidden, i.public_notes, i.internal_notes, i.party_name, i.party_email, \
         i.run_id, i.void_epoch, i.void_reason, i.void_text, i.next_line, i.version, i.created_at, i.created_by, i.updated_at, \
         COALESCE((SELECT CAST(SUM(l.units) AS BIGINT) FROM invoice_lines l WHERE l.network_id = i.network_id \
           AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id), 0), \
         COALESCE((SELECT CAST(SUM(p.units) AS BIGINT) FROM payments p WHERE p.network_id = i.network_id \
           AND p.kind = i.kind AND p.party_id = i.party_id AND p.invoice_id = i.invoice_id), 0), \
         i.document_number, i.document_day"
    };
}
use invoice_fields;

macro_rules! invoice_columns {
    () => {
        concat!(invoice_fields!(), " FROM invoices i ")
    };
}

use invoice_columns;

statements! {
    PAID_AMONG = "SELECT invoice_id FROM invoices {by:invoices_by_id} WHERE network_id = $1 AND invoice_id {in:2} \
        AND status = 'paid' ORDER BY invoice_id";
    ONE = concat!(invoice_columns!(), "WHERE i.network_id = $1 AND i.invoice_id = $2");
    OF_PARTIES = concat!(invoice_columns!(), "WHERE i.network_id = $1 AND i.kind = $2 AND i.party_id >= $3 \
        AND i.party_id <= $4 ORDER BY i.invoice_id");
    LOCK_ONE = "SELECT invoice_id FROM invoices WHERE network_id = $1 AND invoice_id = $2 {lock:update}";
    PERIODS = "SELECT DISTINCT i.period_start, i.period_end, i.invoice_id FROM takes t JOIN invoices i \
        ON i.network_id = t.network_id AND i.kind = t.kind AND i.party_id = t.party_id AND i.invoice_id = t.document_id \
        WHERE t.network_id = $1 AND t.kind = $2 AND t.party_id = $3 AND t.currency = $4 AND i.status <> 'void' \
        ORDER BY 1, 3";
    PERIODS_OF = "SELECT DISTINCT t.party_id, t.currency, i.period_start, i.period_end, i.invoice_id FROM takes t \
        JOIN invoices i ON i.network_id = t.network_id AND i.kind = t.kind AND i.party_id = t.party_id \
        AND i.invoice_id = t.document_id WHERE t.network_id = $1 AND t.kind = $2 AND t.party_id {in:3} \
        AND {within:t.party_id|3} AND {within:i.party_id|3} AND i.status <> 'void' ORDER BY 1, 2, 3, 5";
    UPDATE = "UPDATE invoices SET status = $5, due_day = $6, payment_terms_days = $7, hidden = $8, public_notes = $9, \
        internal_notes = $10, void_epoch = $11, void_reason = $12, void_text = $13, next_line = $14, version = $15, \
        updated_at = $16, document_number = $17, document_day = $18, billed_units = $19, balance_units = $20, \
        standing = $21, listed = $22 WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND invoice_id = $4 AND version = $15 - 1";
}

bulks! {
    INSERT = "invoices" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "number" Int, "currency" Text,
        "status" Text, "period_start" Int, "period_end" Int, "due_day" Int, "payment_terms_days" Int, "hidden" Int,
        "public_notes" Text, "internal_notes" Text, "party_name" Text, "party_email" Text, "run_id" Int,
        "void_epoch" Int, "void_reason" Text, "void_text" Text, "next_line" Int, "version" Int,
        "created_at" Int, "created_by" Text, "updated_at" Int, "billed_units" Int, "balance_units" Int, "standing" Int,
        "listed" Text
    ] "";
}

/// Why and when an invoice was voided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voided {
    /// The epoch in which what it took was given back.
    pub epoch: i64,
    /// The reason's word.
    pub reason: String,
    /// The reason's text.
    pub text: String,
}

/// An invoice as its row holds it, with the sums of its lines and payments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// The book.
    pub book: Book,
    /// The id.
    pub invoice_id: InvoiceId,
    /// The gap-free number.
    pub number: InvoiceNumber,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// The period, both days inclusive.
    pub period: Period,
    /// When payment is due.
    pub due_day: Day,
    /// Payment terms, where the party has some.
    pub payment_terms_days: Option<i64>,
    /// The party does not see it.
    pub hidden: bool,
    /// Notes that the party sees.
    pub public_notes: String,
    /// Notes that it does not.
    pub internal_notes: String,
    /// The party's name at issue.
    pub party_name: String,
    /// The party's address at issue.
    pub party_email: Option<String>,
    /// The number of the other side's paper: of the invoice that an affiliate sent, or an advertiser was sent.
    pub document_number: Option<String>,
    /// The day of that paper.
    pub document_day: Option<Day>,
    /// The run that issued it.
    pub run_id: RunId,
    /// Where it is void: since when and why.
    pub voided: Option<Voided>,
    /// The number of the next line; numbers of removed lines are not used again.
    pub next_line: i64,
    /// Counted from 1; each change adds 1.
    pub version: i64,
    /// When it was issued.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The sum of its lines, in billing units.
    pub billed_units: i64,
    /// The sum of its payments, in billing units.
    pub paid_units: i64,
}

/// Where an invoice is kept: its id and the key of its party's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The invoice.
    pub invoice_id: InvoiceId,
}

impl Invoice {
    /// Where it is kept.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { kind: self.book.kind, party_id: self.book.party_id, invoice_id: self.invoice_id }
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.book.currency
    }
}

fn key(network: NetworkId, place: Place) -> [Param<'static>; 4] {
    [network.get().into(), place.kind.as_str().into(), place.party_id.into(), place.invoice_id.get().into()]
}

fn key_after(network: NetworkId, place: Place, after: i64, limit: i64) -> [Param<'static>; 6] {
    let [a, b, c, d] = key(network, place);
    [a, b, c, d, after.into(), limit.into()]
}

fn party_range(network: NetworkId, kind: InvoiceKind, parties: (i64, i64)) -> [Param<'static>; 4] {
    [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()]
}

fn status(text: &str) -> Result<InvoiceStatus> {
    InvoiceStatus::parse(text).ok_or_else(|| Error::Corrupt(format!("invoice status {text}")))
}

fn invoice(mut row: Row) -> Result<Invoice> {
    let kind = row.text(0)?;
    let kind = InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?;
    let voided = match row.opt_int(16)? {
        Some(epoch) => Some(Voided {
            epoch,
            reason: row.take_opt_string(17)?.unwrap_or_default(),
            text: row.take_opt_string(18)?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(Invoice {
        book: Book { kind, party_id: row.int(1)?, currency: currency(row.text(4)?)? },
        invoice_id: InvoiceId::new(row.int(2)?),
        number: InvoiceNumber::new(row.int(3)?),
        status: status(row.text(5)?)?,
        period: Period { start: day(row.int(6)?)?, end: day(row.int(7)?)? },
        due_day: day(row.int(8)?)?,
        payment_terms_days: row.opt_int(9)?,
        hidden: row.flag(10)?,
        public_notes: row.take_string(11)?,
        internal_notes: row.take_string(12)?,
        party_name: row.take_string(13)?,
        party_email: row.take_opt_string(14)?,
        run_id: RunId::new(row.int(15)?),
        voided,
        next_line: row.int(19)?,
        version: row.int(20)?,
        created_at: Timestamp::from_micros(row.int(21)?),
        created_by: row.take_string(22)?,
        updated_at: Timestamp::from_micros(row.int(23)?),
        billed_units: row.int(24)?,
        paid_units: row.int(25)?,
        document_number: row.take_opt_string(26)?,
        document_day: row.opt_int(27)?.map(day).transpose()?,
    })
}

fn push_invoice<'a>(values: &mut Vec<Param<'a>>, network: NetworkId, i: &'a Invoice) {
    values.extend(key(network, i.place()));
    values.extend([
        Param::Int(i.number.get()),
        i.book.currency.code().into(),
        i.status.as_str().into(),
        day_number(i.period.start).into(),
        day_number(i.period.end).into(),
        day_number(i.due_day).into(),
        i.payment_terms_days.into(),
        i.hidden.into(),
        (&i.public_notes).into(),
        (&i.internal_notes).into(),
        (&i.party_name).into(),
        i.party_email.as_ref().into(),
        i.run_id.get().into(),
    ]);
    values.extend([
        Param::from(i.voided.as_ref().map(|v| v.epoch)),
        i.voided.as_ref().map(|v| &v.reason).into(),
        i.voided.as_ref().map(|v| &v.text).into(),
        i.next_line.into(),
        i.version.into(),
        i.created_at.micros().into(),
        (&i.created_by).into(),
        i.updated_at.micros().into(),
        i.billed_units.into(),
        i.balance_units().into(),
        i.standing().number().into(),
        Listed::of(i, false).as_str().into(),
    ]);
}

/// An invoice with its lines and the first row of its history, as it is issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The invoice.
    pub invoice: Invoice,
    /// Its lines.
    pub lines: Vec<Line>,
    /// The periods of offers in which everything cancels out.
    pub emptied: Vec<Emptied>,
    /// Its history so far.
    pub history: Vec<HistoryRow>,
}

/// Writes new invoices with their lines and history.
///
/// # Errors
/// What the database says.
pub fn issue(tx: &mut dyn Tx, network: NetworkId, issued: &[Issued]) -> Result<()> {
    let (mut invoices, mut all_lines, mut all_history) = (Vec::new(), Vec::new(), Vec::new());
    let written: Vec<Vec<WrittenLine<'_>>> =
        issued.iter().map(|new| new.lines.iter().map(WrittenLine::from).collect()).collect();
    for (new, written) in issued.iter().zip(&written) {
        push_invoice(&mut invoices, network, &new.invoice);
        written.iter().for_each(|line| lines::push_line(&mut all_lines, network, new.invoice.place(), line));
        new.history.iter().for_each(|row| history::push_history(&mut all_history, network, new.invoice.place(), row));
    }
    tx.bulk(&INSERT, &invoices)?;
    tx.bulk(&lines::INSERT_LINES, &all_lines)?;
    tx.bulk(&history::INSERT_HISTORY, &all_history)?;
    let emptied = issued.iter().flat_map(|new| new.emptied.iter().map(|emptied| (new.invoice.place(), emptied)));
    emptied::add_emptied(tx, network, emptied)?;
    let mut sums = SumChanges::default();
    issued.iter().for_each(|new| sums.take_in(&new.invoice, Listed::of(&new.invoice, false)));
    sums.write(tx, network)
}

/// One invoice.
///
/// # Errors
/// What the database says.
pub fn one(tx: &mut dyn Tx, network: NetworkId, id: InvoiceId) -> Result<Option<Invoice>> {
    tx.query_one(ONE, &[network.get().into(), id.get().into()])?.map(invoice).transpose()
}

/// Which of some invoices are paid, by id.
///
/// # Errors
/// What the database says.
pub fn paid_among(tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<Vec<InvoiceId>> {
    let rows = tx.query(PAID_AMONG, &[network.get().into(), Param::Ints(ids)])?;
    rows.iter().map(|row| Ok(InvoiceId::new(row.int(0)?))).collect()
}

/// One invoice, locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub fn lock(tx: &mut dyn Tx, network: NetworkId, id: InvoiceId) -> Result<Option<Invoice>> {
    tx.query(LOCK_ONE, &[network.get().into(), id.get().into()])?;
    one(tx, network, id)
}

/// The periods of the non-void invoices that took something of a book, by start.
///
/// # Errors
/// What the database says.
pub fn periods(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<Vec<Period>> {
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), book.currency.code().into()];
    let period = |row: &Row| Ok(Period { start: day(row.int(0)?)?, end: day(row.int(1)?)? });
    tx.query(PERIODS, &params)?.iter().map(period).collect()
}

/// The periods of the non-void invoices that took something of the books of some parties, by book and start.
///
/// # Errors
/// What the database says.
pub fn periods_of(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<Vec<(Book, Period)>> {
    let period = |row: &Row| {
        let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
        Ok((book, Period { start: day(row.int(2)?)?, end: day(row.int(3)?)? }))
    };
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties)];
    tx.query(PERIODS_OF, &params)?.iter().map(period).collect()
}

/// Writes a changed invoice and the row of history that says what changed. `invoice.version` is the new one.
///
/// # Errors
/// What the database says; the closure runs again where another transaction changed the invoice meanwhile.
pub fn update(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice, row: &HistoryRow) -> Result<()> {
    let [a, b, c, d] = key(network, invoice.place());
    let voided = invoice.voided.as_ref();
    let listed = listed(tx, network, invoice)?;
    let params = [
        a,
        b,
        c,
        d,
        invoice.status.as_str().into(),
        day_number(invoice.due_day).into(),
        invoice.payment_terms_days.into(),
        invoice.hidden.into(),
        (&invoice.public_notes).into(),
        (&invoice.internal_notes).into(),
        voided.map(|v| v.epoch).into(),
        voided.map(|v| &v.reason).into(),
        voided.map(|v| &v.text).into(),
        invoice.next_line.into(),
        invoice.version.into(),
        invoice.updated_at.micros().into(),
        invoice.document_number.as_ref().into(),
        invoice.document_day.map(day_number).into(),
        invoice.billed_units.into(),
        invoice.balance_units().into(),
        invoice.standing().number().into(),
        listed.as_str().into(),
    ];
    let mut sums = SumChanges::default();
    if let Some(stood) = stood(tx, network, invoice.place())? {
        sums.take_out(invoice, &stood);
    }
    sums.take_in(invoice, listed);
    if tx.execute(UPDATE, &params)? != 1 {
        return Err(tx.conflict());
    }
    let mut values = Vec::new();
    history::push_history(&mut values, network, invoice.place(), row);
    tx.bulk(&history::INSERT_HISTORY, &values)?;
    sums.write(tx, network)
}

/// All invoices of a range of parties, in the order of their ids.
///
/// # Errors
/// What the database says.
pub fn of_parties(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: (i64, i64)) -> Result<Vec<Invoice>> {
    tx.query(OF_PARTIES, &party_range(network, kind, parties))?.into_iter().map(invoice).collect()
}
