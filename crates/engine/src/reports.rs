//! Reports: tables of figures that are shown, written as CSV or answered as JSON, all from one form.

use std::collections::BTreeMap;

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::{Day, Timestamp};
pub use quittance_store::reports::MarginBy;
use quittance_store::{invoices, reports as table};

use crate::billing::RunRequest;
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// A figure or a text of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text, or nothing.
    Text(String),
    /// A number: an id, a count.
    Number(i64),
    /// An amount as a decimal; its currency is in a column of its own.
    Amount(String),
}

impl Cell {
    fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    fn amount(units: i64, currency: Currency) -> Cell {
        Cell::Amount(Money::new(units, currency).to_decimal())
    }
}

/// A table of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The names of the columns, as JSON has them.
    pub columns: Vec<&'static str>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<Cell>>,
}

/// The last days of the ages by which balances are sorted.
const AGES: [i32; 3] = [30, 60, 90];
/// How many postings of the journal are shown at most.
pub const POSTINGS_MAX: i64 = 100_000;
/// How many invoices are read at a time.
const PAGE: i64 = 1_000;

impl Engine {
    /// A party's account, movement by movement, with how it stands after each. Above zero is what the network owes an
    /// affiliate, or an advertiser the network.
    ///
    /// # Errors
    /// What the store says.
    pub fn statement(&self, call: &Call, book: Book, from: Day, through: Day) -> Result<Report> {
        let (before, rows) =
            self.store.read(|tx| Ok::<_, Error>(table::statement(tx, call.network, book, from, through)?))?;
        let currency = book.currency;
        let mut balance = owed(book.kind, before);
        let line = |day: Day, event: &str, invoice: i64, units: Option<i64>, balance: i64| {
            vec![
                Cell::text(day.to_string()),
                Cell::text(event),
                if invoice == 0 { Cell::text("") } else { Cell::Number(invoice) },
                units.map_or(Cell::text(""), |units| Cell::amount(units, currency)),
                Cell::amount(balance, currency),
                Cell::text(currency.code()),
            ]
        };
        // Whoever asks from the beginning of time means from the first movement on.
        let start = if from == Day::MIN { rows.first().map_or(through, |row| row.day) } else { from };
        let mut report = Report {
            columns: vec!["date", "event", "invoice_id", "amount", "balance", "currency"],
            rows: vec![line(start, "balance_before", 0, None, balance)],
        };
        for row in rows {
            let units = owed(book.kind, row.units);
            balance = sum_units([balance, units])?;
            report.rows.push(line(row.day, &row.event, row.invoice_id, Some(units), balance));
        }
        Ok(report)
    }

    /// What is open with each party as of a day, by the age of its invoices in days since they were issued, and what of
    /// it is the party's credit.
    ///
    /// # Errors
    /// What the store says.
    pub fn balances_by_age(&self, call: &Call, kind: InvoiceKind, as_of: Day) -> Result<Report> {
        let (items, used) = self.store.read(|tx| {
            let items = table::open_items(tx, call.network, kind, as_of)?;
            Ok::<_, Error>((items, table::credit_used(tx, call.network, kind, as_of)?))
        })?;
        // Using credit moves nothing in the ledger: it is in the party's account like the invoice. What was paid out of it
        // is less credit, not something open of its own.
        let mut open: BTreeMap<(Book, i64), (i64, Day)> = BTreeMap::new();
        for item in items {
            open.insert((item.book, item.invoice_id), (owed(kind, item.units), item.day));
        }
        let mut credit: BTreeMap<Book, Vec<i64>> = BTreeMap::new();
        for (book, invoice, units) in used {
            let entry = open.entry((book, invoice)).or_insert((0, as_of));
            entry.0 = sum_units([entry.0, -units])?;
            credit.entry(book).or_default().push(units);
        }
        let mut by_book: BTreeMap<Book, [Vec<i64>; AGES.len() + 2]> = BTreeMap::new();
        for ((book, _), (units, day)) in open {
            let age = as_of.number() - day.number();
            let column = if units < 0 { AGES.len() + 1 } else { AGES.iter().filter(|last| age > **last).count() };
            by_book.entry(book).or_default()[column].push(units);
        }
        for (book, units) in credit {
            by_book.entry(book).or_default()[AGES.len() + 1].extend(units);
        }
        let mut report = Report {
            columns: vec![
                id_column(kind),
                "currency",
                "days_0_30",
                "days_31_60",
                "days_61_90",
                "days_over_90",
                "credit",
                "total",
            ],
            rows: Vec::new(),
        };
        for (book, columns) in by_book {
            let sums = columns.into_iter().map(sum_units).collect::<std::result::Result<Vec<i64>, _>>()?;
            let total = sum_units(sums.iter().copied())?;
            if sums.iter().all(|units| *units == 0) {
                continue;
            }
            let mut row = vec![Cell::Number(book.party_id), Cell::text(book.currency.code())];
            row.extend(sums.into_iter().map(|units| Cell::amount(units, book.currency)));
            row.push(Cell::amount(total, book.currency));
            report.rows.push(row);
        }
        Ok(report)
    }

    /// What is approved and not billed, by party and currency: of conversions in the books up to a day, less what
    /// invoices of that day or before have billed.
    ///
    /// # Errors
    /// What the store says.
    pub fn unbilled(&self, call: &Call, kind: InvoiceKind, as_of: Day) -> Result<Report> {
        let until = self.zone_of(call)?.start_of_day(as_of.plus_days(1));
        let (accrued, billed, given_up) = self.store.read(|tx| {
            let accrued = table::accrued(tx, call.network, kind, as_of)?;
            let billed = table::billed(tx, call.network, kind, until)?;
            Ok::<_, Error>((accrued, billed, table::given_up(tx, call.network, kind, until)?))
        })?;
        let mut left: BTreeMap<Book, (Vec<i64>, i64)> = BTreeMap::new();
        for (book, units, count) in accrued {
            left.insert(book, (vec![units], count));
        }
        for (book, units, count) in billed {
            let entry = left.entry(book).or_default();
            entry.0.push(-units);
            entry.1 -= count;
        }
        for (book, units) in given_up {
            left.entry(book).or_default().0.push(-units);
        }
        let columns = vec![id_column(kind), "currency", "amount", "conversions"];
        let mut report = Report { columns, rows: Vec::new() };
        for (book, (units, count)) in left {
            let units = sum_units(units)?;
            if (units, count) != (0, 0) {
                let (party, code) = (Cell::Number(book.party_id), Cell::text(book.currency.code()));
                report.rows.push(vec![party, code, Cell::amount(units, book.currency), Cell::Number(count)]);
            }
        }
        Ok(report)
    }

    /// What approved conversions of a range of days in the books cost and bring, and the difference, by offer or party and
    /// currency. Currencies never mix: what is paid in one and earned in another is on two rows.
    ///
    /// # Errors
    /// What the store says.
    pub fn margin(&self, call: &Call, by: MarginBy, from: Day, through: Day) -> Result<Report> {
        let rows = self.store.read(|tx| Ok::<_, Error>(table::margin(tx, call.network, by, from, through)?))?;
        let mut sums: BTreeMap<(i64, Currency), MarginSums> = BTreeMap::new();
        for row in rows {
            let paid = sums.entry((row.id, row.payout_currency)).or_default();
            paid.conversions += row.conversions;
            paid.payout.push(row.payout_units);
            sums.entry((row.id, row.revenue_currency)).or_default().revenue.push(row.revenue_units);
        }
        let key = match by {
            MarginBy::Offer => "offer_id",
            MarginBy::Affiliate => "affiliate_id",
            MarginBy::Advertiser => "advertiser_id",
        };
        let columns = vec![key, "currency", "conversions", "revenue", "payout", "margin"];
        let mut report = Report { columns, rows: Vec::new() };
        for ((id, currency), MarginSums { conversions, payout, revenue }) in sums {
            let (payout, revenue) = (sum_units(payout)?, sum_units(revenue)?);
            if (conversions, payout, revenue) == (0, 0, 0) {
                continue;
            }
            report.rows.push(vec![
                Cell::Number(id),
                Cell::text(currency.code()),
                Cell::Number(conversions),
                Cell::amount(revenue, currency),
                Cell::amount(payout, currency),
                Cell::amount(sum_units([revenue, -payout])?, currency),
            ]);
        }
        Ok(report)
    }

    /// What a run has left out and why; the last one of a kind where none is named.
    ///
    /// # Errors
    /// There is no such run.
    pub fn skipped(&self, call: &Call, kind: InvoiceKind, run: Option<RunId>) -> Result<Report> {
        let run = match run {
            Some(run) => Some(run),
            None => self.store.read(|tx| Ok::<_, Error>(table::last_run(tx, call.network, kind)?))?.map(RunId::new),
        };
        let Some(run) = run else { return Err(Error::NotFound(format!("there is no {kind} run yet"))) };
        let found = self.run_report(call, run)?;
        let columns = vec!["run_id", id_column(found.kind), "currency", "amount", "reason"];
        let row = |skip: &quittance_store::runs::RunSkip| {
            let (party, code) = (Cell::Number(skip.party_id), Cell::text(skip.currency.code()));
            let amount = Cell::amount(skip.units, skip.currency);
            vec![Cell::Number(run.get()), party, code, amount, Cell::text(&skip.reason)]
        };
        Ok(Report { columns, rows: found.skipped.iter().map(row).collect() })
    }

    /// What a run would issue, beside what the last one of its kind has issued, by party and currency.
    ///
    /// # Errors
    /// As [`Engine::preview`].
    pub fn compared(&self, call: &Call, request: &RunRequest) -> Result<Report> {
        let planned = self.planned(call, request)?;
        let last = self.store.read(|tx| Ok::<_, Error>(table::last_run(tx, call.network, request.kind)?))?;
        let mut both: BTreeMap<(i64, Currency), (Vec<i64>, Vec<i64>)> = BTreeMap::new();
        let mut after = 0;
        while let Some(run_id) = last.map(RunId::new) {
            let filter = invoices::InvoiceFilter { run_id: Some(run_id), ..invoices::InvoiceFilter::default() };
            let page = self.invoices(call, &filter, after, PAGE)?;
            for invoice in &page {
                let key = (invoice.book.party_id, invoice.book.currency);
                both.entry(key).or_default().0.push(invoice.billed_units);
            }
            match page.last() {
                Some(last) => after = last.invoice_id.get(),
                None => break,
            }
        }
        for (book, units) in planned {
            both.entry((book.party_id, book.currency)).or_default().1.push(units);
        }
        let columns = vec![id_column(request.kind), "currency", "last", "now", "difference"];
        let mut report = Report { columns, rows: Vec::new() };
        for ((party, currency), (last, now)) in both {
            let (last, now) = (sum_units(last)?, sum_units(now)?);
            let amounts = [last, now, sum_units([now, -last])?].map(|units| Cell::amount(units, currency));
            let mut row = vec![Cell::Number(party), Cell::text(currency.code())];
            row.extend(amounts);
            report.rows.push(row);
        }
        Ok(report)
    }

    /// The journal: every posting of a range of days in the books, by entry.
    ///
    /// # Errors
    /// There are more than [`POSTINGS_MAX`] of them, or what the store says.
    pub fn journal(&self, call: &Call, from: Day, through: Day) -> Result<Report> {
        let rows =
            self.store.read(|tx| Ok::<_, Error>(table::journal(tx, call.network, from, through, POSTINGS_MAX + 1)?))?;
        if rows.len() as i64 > POSTINGS_MAX {
            let detail =
                format!("there are more than {POSTINGS_MAX} postings from {from} to {through}: ask for fewer days");
            return Err(Error::invalid("through", detail));
        }
        let columns = vec!["entry", "date", "event", "invoice_id", "party", "account", "debit", "credit", "currency"];
        let row = |row: &table::JournalRow| {
            let amount = |units: i64| if units > 0 { Cell::amount(units, row.currency) } else { Cell::text("") };
            vec![
                Cell::Number(row.entry_id),
                Cell::text(row.day.to_string()),
                Cell::text(&row.event),
                if row.invoice_id == 0 { Cell::text("") } else { Cell::Number(row.invoice_id) },
                Cell::text(format!("{} {}", row.kind.party_kind(), row.party_id)),
                Cell::text(&row.account),
                amount(row.units),
                amount(-row.units),
                Cell::text(row.currency.code()),
            ]
        };
        Ok(Report { columns, rows: rows.iter().map(row).collect() })
    }

    /// The day of an instant in the network's zone: for reports that are asked for without one.
    ///
    /// # Errors
    /// What the store says.
    pub fn day_of(&self, call: &Call, at: Timestamp) -> Result<Day> {
        Ok(self.zone_of(call)?.day_of(at))
    }
}

/// What conversions of something cost and bring in one currency.
#[derive(Default)]
struct MarginSums {
    conversions: i64,
    payout: Vec<i64>,
    revenue: Vec<i64>,
}

/// A movement of a party's account as what is owed: a payable is a credit.
const fn owed(kind: InvoiceKind, units: i64) -> i64 {
    match kind {
        InvoiceKind::Payable => -units,
        InvoiceKind::Receivable => units,
    }
}

const fn id_column(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Payable => "affiliate_id",
        InvoiceKind::Receivable => "advertiser_id",
    }
}
