//! Opening balances: what parties were owed, or owed, when the network moved over.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{EntryId, InvoiceId, InvoiceKind, PartyKind, PaymentId};
use quittance_domain::invoice::PaymentSource;
use quittance_domain::ledger::Booking;
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_store::extras::{self, OpeningBalance};
use quittance_store::invoices::{self, Payment};
use quittance_store::ledger::{self, BookedEntry};
use quittance_store::networks::{self, Present};
use quittance_store::{Tx, accruals, parties};

use crate::billing::issue::ENTRY_IDS;
use crate::error::{Error, Result};
use crate::invoices::PAYMENT_IDS;
use crate::records::layout::{Fit, Layout};
use crate::records::{self, Decimal, Format};
use crate::{Call, Engine};

/// The largest file, also when it is unpacked.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The columns that a file needs.
const COLUMNS: [&str; 4] = ["kind", "party_id", "currency", "amount"];

/// What an import of opening balances did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalancesReport {
    /// Balances that were not known.
    pub created: u64,
    /// Balances that were recorded before.
    pub unchanged: u64,
    /// Lines that were not taken, and why.
    pub rejections: Vec<(u64, String)>,
}

impl Engine {
    /// Imports opening balances: CSV with the columns `kind` (affiliate or advertiser), `party_id`, `currency`, `amount`
    /// and optionally `date`. Above zero is what the network owes an affiliate, or an advertiser the network: the ledger
    /// has it at once, and the party's next invoice a line of it. Below zero is the party's credit. A party has one in
    /// each currency; the same again changes nothing.
    ///
    /// # Errors
    /// The file cannot be read, or what the store says. A line that is wrong is no error: the report names it.
    pub fn import_balances(&self, call: &Call, input: impl Read + Send) -> Result<BalancesReport> {
        self.import_balances_with(call, input, Decimal::Point)
    }

    /// The same of a file whose amounts have another sign before their decimals.
    ///
    /// # Errors
    /// As [`Engine::import_balances`].
    pub fn import_balances_with(
        &self,
        call: &Call,
        input: impl Read + Send,
        decimal: Decimal,
    ) -> Result<BalancesReport> {
        let (rows, rejections) = read(input, decimal)?;
        let today = self.zone_of(call)?.day_of(call.now);
        self.store.write(|tx| {
            let present = networks::present(tx, call.network)?;
            let mut report = BalancesReport { rejections: rejections.clone(), ..BalancesReport::default() };
            let mut import = Import { tx, call, today, present, report: &mut report };
            import.rows(&rows)?;
            report.rejections.sort();
            crate::idempotency::mark_done(tx, call)?;
            Ok(report)
        })
    }
}

/// A line of the file.
#[derive(Debug, Clone)]
struct FileRow {
    line: u64,
    book: Book,
    amount: Money,
    day: Option<Day>,
}

type Rejections = Vec<(u64, String)>;

fn bad(why: &dyn std::fmt::Display) -> Error {
    Error::invalid("file", format!("the file cannot be read: {why}"))
}

/// How well some cells are the header of such a file.
fn fit(cells: &csv::ByteRecord) -> Fit {
    let is = |cell: &[u8], name: &str| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    let known = COLUMNS.iter().filter(|name| cells.iter().any(|cell| is(cell, name))).count();
    Fit { complete: known == COLUMNS.len(), known }
}

fn read(input: impl Read + Send, decimal: Decimal) -> Result<(Vec<FileRow>, Rejections)> {
    let (text, _) = records::open(input, Some(Format::Csv)).map_err(|error| bad(&error))?;
    let mut text = Read::take(text, FILE_BYTES_MAX);
    let (layout, text) = Layout::read(&mut text, &fit).map_err(|error| bad(&error))?;
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.trim(csv::Trim::All).flexible(true).delimiter(layout.separator).from_reader(text);
    let header = reader.headers().map_err(|error| bad(&error))?.clone();
    let column = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let required = |name: &str| {
        let told = || layout.told(header.as_byte_record());
        column(name).ok_or_else(|| {
            bad(&format!("its header has no column {name}: it needs kind,party_id,currency,amount; {}", told()))
        })
    };
    let columns = [required("kind")?, required("party_id")?, required("currency")?, required("amount")?];
    let date = column("date");
    let (mut rows, mut rejections) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| bad(&error))?;
        let line = record.position().map_or(0, csv::Position::line) + layout.lines_above;
        let texts = columns.map(|column| record.get(column).unwrap_or(""));
        let date = date.and_then(|column| record.get(column)).filter(|date| !date.is_empty());
        match row(line, texts, date, decimal) {
            Ok(row) => rows.push(row),
            Err(detail) => rejections.push((line, detail)),
        }
    }
    Ok((rows, rejections))
}

fn row(
    line: u64,
    [kind, party, currency, amount]: [&str; 4],
    date: Option<&str>,
    decimal: Decimal,
) -> std::result::Result<FileRow, String> {
    let kind = PartyKind::parse(kind).ok_or_else(|| format!("kind: {kind:?} is neither affiliate nor advertiser"))?;
    let party_id = party.parse().map_err(|_| format!("party_id: {party:?} is no id"))?;
    let currency = Currency::parse(currency).map_err(|error| format!("currency: {error}"))?;
    let amount = decimal.plain(amount).map_err(|detail| format!("amount: {detail}"))?;
    let amount = Money::parse(&amount, currency).map_err(|error| format!("amount: {error}"))?;
    if amount.units() % currency.minor_unit_units() != 0 || amount.is_zero() {
        return Err(format!("amount: {amount} is no whole number of minor units of {currency}, or zero"));
    }
    let day = date.map(Day::parse).transpose().map_err(|error| format!("date: {error}"))?;
    Ok(FileRow { line, book: Book { kind: kind.invoice_kind(), party_id, currency }, amount, day })
}

struct Import<'a> {
    tx: &'a mut dyn Tx,
    call: &'a Call,
    today: Day,
    present: Present,
    report: &'a mut BalancesReport,
}

impl Import<'_> {
    fn rows(&mut self, rows: &[FileRow]) -> Result<()> {
        let (mut known, mut there) = (BTreeMap::new(), BTreeSet::new());
        for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
            let of_kind = rows.iter().filter(|row| row.book.kind == kind);
            let ids: Vec<i64> = of_kind.map(|row| row.book.party_id).collect();
            for opening in extras::openings_of(self.tx, self.call.network, kind, &ids)? {
                known.insert(opening.book, opening.units);
            }
            let parties = parties::by_ids(self.tx, self.call.network, kind.party_kind(), &ids)?;
            there.extend(parties.into_iter().map(|party| (kind, party.party_id)));
        }
        for row in rows {
            if !there.contains(&(row.book.kind, row.book.party_id)) {
                let detail = format!("party_id: there is no {} {}", row.book.kind.party_kind(), row.book.party_id);
                self.report.rejections.push((row.line, detail));
                continue;
            }
            match known.get(&row.book) {
                Some(units) if *units == row.amount.units() => self.report.unchanged += 1,
                Some(units) => {
                    let before = Money::new(*units, row.book.currency);
                    let detail = format!("amount: the opening balance in {} is {before} already", row.book.currency);
                    self.report.rejections.push((row.line, detail));
                }
                None => {
                    self.open(row)?;
                    known.insert(row.book, row.amount.units());
                    self.report.created += 1;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, FileRow { book, amount, day, .. }: &FileRow) -> Result<()> {
        let (network, day) = (self.call.network, day.unwrap_or(self.today));
        accruals::ensure_books(self.tx, network, &[*book])?;
        let opening = OpeningBalance { book: *book, units: amount.units(), day, invoice_id: None };
        extras::add_openings(self.tx, network, &[opening], self.call.now, &self.call.actor)?;
        if amount.is_negative() {
            self.credit(*book, amount.negate()?, day)?;
        }
        let mut booking = Booking::default();
        booking.open(book.kind, *amount);
        let Some(entry) = booking.entry()? else { return Ok(()) };
        let entry = BookedEntry {
            book: *book,
            entry_id: EntryId::new(networks::next(self.tx, network, ENTRY_IDS, 1, 1)?),
            invoice_id: InvoiceId::new(0),
            event: "opening",
            document_no: 0,
            posting_day: self.present.posting_day(day),
            recorded_at: self.call.now,
            entry,
        };
        Ok(ledger::add(self.tx, network, &[entry])?)
    }

    fn credit(&mut self, book: Book, amount: Money, paid_day: Day) -> Result<()> {
        let payment_id = PaymentId::new(networks::next(self.tx, self.call.network, PAYMENT_IDS, 1, 1)?);
        let payment = Payment {
            payment_id,
            party_id: book.party_id,
            invoice_id: None,
            units: amount.units(),
            currency: book.currency,
            source: PaymentSource::OpeningBalance,
            rail: "opening_balance".to_owned(),
            paid_day,
            reference: String::new(),
            recorded_at: self.call.now,
            recorded_by: self.call.actor.clone(),
            transfer_id: payment_id,
            of_payment: None,
            about_invoice: None,
            number: None,
            foreign: None,
        };
        Ok(invoices::add_payment(self.tx, self.call.network, book.kind, &payment)?)
    }
}
