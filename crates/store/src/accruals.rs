//! Accruals and the books they make up: what is approved, and how far it is billed.

use quittance_domain::accrual::{Book, Bucket, Cut, Tally};
use quittance_domain::conversion::EntryPlace;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::time::Day;

use crate::conversions::{currency, day, day_number};
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

// CROSS JOIN makes SQLite begin with the books, so that it reads each book's rows from its low epoch on. It would begin
// with all accruals of the parties, and a run would cost more with each year of history.
macro_rules! unbilled_rows {
    () => {
        "FROM books b CROSS JOIN accruals a WHERE a.network_id = b.network_id AND a.kind = b.kind \
         AND a.party_id = b.party_id AND a.currency = b.currency AND a.epoch >= b.low_epoch \
         AND b.network_id = $1 AND b.kind = $2 AND b.party_id {in:3} \
         AND {within:b.party_id|3} AND {within:a.party_id|3} \
         AND (a.epoch > b.cut_epoch OR a.posting_day > b.cut_through OR a.billable_day > b.cut_as_of)"
    };
}

statements! {
    BOOKS_AFTER = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take FROM books \
        WHERE network_id = $1 AND kind = $2 AND (party_id, currency) > ($3, $4) \
        ORDER BY party_id, currency LIMIT $5 {lock:update}";
    BOOKS_OF_AFTER = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take FROM books \
        WHERE network_id = $1 AND kind = $2 AND (party_id, currency) > ($3, $4) AND party_id {in:6} \
        ORDER BY party_id, currency LIMIT $5 {lock:update}";
    READ_BOOKS_AFTER = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take FROM books \
        WHERE network_id = $1 AND kind = $2 AND (party_id, currency) > ($3, $4) \
        ORDER BY party_id, currency LIMIT $5";
    LOCK_REST_OF_PARTY = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take \
        FROM books WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency > $4 ORDER BY currency {lock:update}";
    REST_OF_PARTY = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take \
        FROM books WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency > $4 ORDER BY currency";
    BOOKS_OF_PARTIES = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take FROM books \
        WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 ORDER BY party_id, currency";
    LOCK_BOOK = "SELECT party_id, currency, cut_epoch, cut_through, cut_as_of, low_epoch, next_start, next_take FROM books \
        WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency = $4 {lock:update}";
    UNBILLED = concat!("SELECT a.party_id, a.currency, a.epoch, a.posting_day, a.billable_day, a.offer_id, a.units, \
        a.conversions ", unbilled_rows!(), " AND a.epoch <= CASE WHEN b.cut_epoch > $4 THEN b.cut_epoch ELSE $4 END");
    ROWS = "SELECT party_id, currency, epoch, posting_day, billable_day, offer_id, origin_id, units, conversions \
        FROM accruals WHERE network_id = $1 AND kind = $2 AND party_id = $3 AND currency = $4 \
        AND epoch >= $5 AND epoch <= $6 ORDER BY 3, 4, 5, 6, 7";
    /// Every accrual row of some parties: for `verify`.
    ALL_ROWS = "SELECT party_id, currency, epoch, posting_day, billable_day, offer_id, origin_id, units, conversions \
        FROM accruals WHERE network_id = $1 AND kind = $2 AND party_id >= $3 AND party_id <= $4 \
        ORDER BY 1, 2, 3, 4, 5, 6, 7";
    ANY_BETWEEN = "SELECT 1 FROM accruals WHERE network_id = $1 AND posting_day > $2 AND posting_day <= $3 \
        AND party_id >= $4 AND party_id <= $5 AND kind {in:6} LIMIT 1";
    LIST = "SELECT party_id, currency, posting_day, offer_id, CAST(SUM(units) AS BIGINT), \
        CAST(SUM(conversions) AS BIGINT) FROM accruals WHERE network_id = $1 AND kind = $2 AND origin_id = 0 \
        AND posting_day >= $3 AND posting_day <= $4 AND (party_id, currency, posting_day, offer_id) > ($5, $6, $7, $8) \
        AND party_id >= $9 AND party_id <= $10 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT $11";
}

bulks! {
    ADD = "accruals" [
        "network_id" Int, "kind" Text, "party_id" Int, "currency" Text, "epoch" Int, "posting_day" Int,
        "billable_day" Int, "offer_id" Int, "origin_id" Int, "units" Int, "conversions" Int
    ] "ON CONFLICT (network_id, party_id, kind, currency, epoch, posting_day, billable_day, offer_id, origin_id) \
       DO UPDATE SET units = accruals.units + excluded.units, \
       conversions = accruals.conversions + excluded.conversions";
    ENSURE_BOOKS = "books" [
        "network_id" Int, "kind" Text, "party_id" Int, "currency" Text, "cut_epoch" Int, "cut_through" Int,
        "cut_as_of" Int, "low_epoch" Int, "next_start" Int, "next_take" Int
    ] "ON CONFLICT (network_id, kind, party_id, currency) DO NOTHING";
    SET_BOOKS = "books" [
        "network_id" Int, "kind" Text, "party_id" Int, "currency" Text, "cut_epoch" Int, "cut_through" Int,
        "cut_as_of" Int, "low_epoch" Int, "next_start" Int, "next_take" Int
    ] "ON CONFLICT (network_id, kind, party_id, currency) DO UPDATE SET cut_epoch = excluded.cut_epoch, \
       cut_through = excluded.cut_through, cut_as_of = excluded.cut_as_of, low_epoch = excluded.low_epoch, \
       next_start = excluded.next_start, next_take = excluded.next_take";
}

/// How far a book is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookState {
    /// The book.
    pub book: Book,
    /// The cut of its last normal run.
    pub cut: Cut,
    /// No unbilled row has an earlier epoch.
    pub low_epoch: i64,
    /// The day after its last non-void invoice ended.
    pub next_start: Option<Day>,
    /// The number of its next take.
    pub next_take: i64,
}

impl BookState {
    /// A book of which nothing was billed.
    #[must_use]
    pub const fn unbilled(book: Book) -> BookState {
        BookState { book, cut: Cut::NONE, low_epoch: 0, next_start: None, next_take: 1 }
    }
}

/// The key of an accrual row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Book, place and offer.
    pub bucket: Bucket,
    /// The invoice that gave the row back; `None` for what ingest put in.
    pub origin: Option<InvoiceId>,
}

/// One accrual row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccrualRow {
    /// Its key.
    pub key: RowKey,
    /// Its amount and count.
    pub tally: Tally,
}

fn place(row: &Row, column: usize) -> Result<EntryPlace> {
    Ok(EntryPlace {
        epoch: row.int(column)?,
        posting_day: day(row.int(column + 1)?)?,
        billable_day: day(row.int(column + 2)?)?,
    })
}

fn accrual_row(kind: InvoiceKind, row: &Row) -> Result<AccrualRow> {
    let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
    let bucket = Bucket { book, place: place(row, 2)?, offer_id: OfferId::new(row.int(5)?) };
    let origin = Some(row.int(6)?).filter(|id| *id != 0).map(InvoiceId::new);
    let tally = Tally { units: row.int(7)?, conversions: row.int(8)? };
    Ok(AccrualRow { key: RowKey { bucket, origin }, tally })
}

fn book_state(kind: InvoiceKind, row: &Row) -> Result<BookState> {
    Ok(BookState {
        book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
        cut: Cut { epoch: row.int(2)?, through: day(row.int(3)?)?, as_of: day(row.int(4)?)? },
        low_epoch: row.int(5)?,
        next_start: row.opt_int(6)?.map(day).transpose()?,
        next_take: row.int(7)?,
    })
}

fn push_book(values: &mut Vec<Param<'_>>, network: NetworkId, state: &BookState) {
    values.extend([
        Param::Int(network.get()),
        state.book.kind.as_str().into(),
        state.book.party_id.into(),
        state.book.currency.code().into(),
        state.cut.epoch.into(),
        day_number(state.cut.through).into(),
        day_number(state.cut.as_of).into(),
        state.low_epoch.into(),
        state.next_start.map(day_number).into(),
        state.next_take.into(),
    ]);
}

/// Makes books, where they are missing: every accrual row belongs to one.
///
/// # Errors
/// What the database says.
pub fn ensure_books(tx: &mut dyn Tx, network: NetworkId, books: &[Book]) -> Result<()> {
    let mut values = Vec::with_capacity(books.len() * 10);
    for book in books {
        push_book(&mut values, network, &BookState::unbilled(*book));
    }
    tx.bulk(&ENSURE_BOOKS, &values)?;
    Ok(())
}

/// Adds amounts and counts to accrual rows of the present epoch. Their books exist.
///
/// # Errors
/// What the database says, also where a sum leaves the range of an amount.
pub fn add(tx: &mut dyn Tx, network: NetworkId, rows: &[AccrualRow]) -> Result<()> {
    let mut values = Vec::with_capacity(rows.len() * 11);
    for AccrualRow { key: RowKey { bucket, origin }, tally } in rows {
        values.extend([
            Param::Int(network.get()),
            bucket.book.kind.as_str().into(),
            bucket.book.party_id.into(),
            bucket.book.currency.code().into(),
            bucket.place.epoch.into(),
            day_number(bucket.place.posting_day).into(),
            day_number(bucket.place.billable_day).into(),
            bucket.offer_id.get().into(),
            origin.map_or(0, InvoiceId::get).into(),
            tally.units.into(),
            tally.conversions.into(),
        ]);
    }
    tx.bulk(&ADD, &values)?;
    Ok(())
}

/// The next books of a kind after one, in order, locked until the transaction ends; only those of `parties` where
/// given, which are in order too. There are none left where none is answered.
///
/// # Errors
/// What the database says.
pub fn lock_books_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    after: (i64, &str),
    parties: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<BookState>> {
    let [a, b, c, d, e]: [Param<'_>; 5] =
        [network.get().into(), kind.as_str().into(), after.0.into(), after.1.into(), Param::Int(limit)];
    let Some(parties) = parties else {
        return tx.query(BOOKS_AFTER, &[a, b, c, d, e])?.iter().map(|row| book_state(kind, row)).collect();
    };
    // A database goes through the whole list for each page: it is given the part in which the page will be.
    let rest = &parties[parties.partition_point(|id| *id < after.0)..];
    for some in rest.chunks(usize::try_from(limit).unwrap_or(usize::MAX).max(1)) {
        let rows = tx.query(BOOKS_OF_AFTER, &[a, b, c, d, e, Param::Ints(some)])?;
        if !rows.is_empty() {
            return rows.iter().map(|row| book_state(kind, row)).collect();
        }
    }
    Ok(Vec::new())
}

/// The next books of a kind after one, in order, without a lock.
///
/// # Errors
/// What the database says.
pub fn books_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    after: (i64, &str),
    limit: i64,
) -> Result<Vec<BookState>> {
    let params = [network.get().into(), kind.as_str().into(), after.0.into(), after.1.into(), Param::Int(limit)];
    tx.query(READ_BOOKS_AFTER, &params)?.iter().map(|row| book_state(kind, row)).collect()
}

fn rest_of(
    tx: &mut dyn Tx,
    sql: &'static str,
    network: NetworkId,
    kind: InvoiceKind,
    books: &[BookState],
) -> Result<Vec<BookState>> {
    let Some(last) = books.last().map(|state| state.book) else { return Ok(Vec::new()) };
    let params = [network.get().into(), kind.as_str().into(), last.party_id.into(), last.currency.code().into()];
    tx.query(sql, &params)?.iter().map(|row| book_state(kind, row)).collect()
}

/// The books that the last party of a page has beyond it, locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub fn lock_rest_of_party(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    books: &[BookState],
) -> Result<Vec<BookState>> {
    rest_of(tx, LOCK_REST_OF_PARTY, network, kind, books)
}

/// The books that the last party of a page has beyond it, without a lock.
///
/// # Errors
/// What the database says.
pub fn rest_of_party(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    books: &[BookState],
) -> Result<Vec<BookState>> {
    rest_of(tx, REST_OF_PARTY, network, kind, books)
}

/// All books of a range of parties.
///
/// # Errors
/// What the database says.
pub fn books_of_parties(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<BookState>> {
    let params = [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()];
    tx.query(BOOKS_OF_PARTIES, &params)?.iter().map(|row| book_state(kind, row)).collect()
}

/// One book, locked until the transaction ends.
///
/// # Errors
/// What the database says.
pub fn lock_book(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<Option<BookState>> {
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), book.currency.code().into()];
    tx.query_one(LOCK_BOOK, &params)?.map(|row| book_state(book.kind, &row)).transpose()
}

/// Replaces the states of books.
///
/// # Errors
/// What the database says.
pub fn set_books(tx: &mut dyn Tx, network: NetworkId, states: &[BookState]) -> Result<()> {
    let mut values = Vec::with_capacity(states.len() * 10);
    states.iter().for_each(|state| push_book(&mut values, network, state));
    tx.bulk(&SET_BOOKS, &values)?;
    Ok(())
}

/// Hands over the unbilled buckets of all books of some parties, as a run with this epoch sees them: those of one book
/// mostly together, else in no order. What invoices gave back comes as buckets of its own.
///
/// # Errors
/// What the database or `each` says.
pub fn each_unbilled(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
    epoch: i64,
    each: &mut dyn FnMut(Bucket, Tally) -> Result<()>,
) -> Result<()> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties), epoch.into()];
    tx.query_each(UNBILLED, &params, &mut |row| {
        let book = Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? };
        let bucket = Bucket { book, place: place(&row, 2)?, offer_id: OfferId::new(row.int(5)?) };
        each(bucket, Tally { units: row.int(6)?, conversions: row.int(7)? })
    })
}

/// The rows of a book of a range of epochs, both inclusive, by place.
///
/// # Errors
/// What the database says.
pub fn rows(tx: &mut dyn Tx, network: NetworkId, book: Book, epochs: (i64, i64)) -> Result<Vec<AccrualRow>> {
    let mut rows = Vec::new();
    each_row(tx, network, book, epochs, &mut |row| rows.push(row))?;
    Ok(rows)
}

/// Hands over the same one by one, without holding them all.
///
/// # Errors
/// What the database says.
pub fn each_row(
    tx: &mut dyn Tx,
    network: NetworkId,
    book: Book,
    epochs: (i64, i64),
    each: &mut dyn FnMut(AccrualRow),
) -> Result<()> {
    let params = [
        network.get().into(),
        book.kind.as_str().into(),
        book.party_id.into(),
        book.currency.code().into(),
        epochs.0.into(),
        epochs.1.into(),
    ];
    tx.query_each(ROWS, &params, &mut |row| {
        each(accrual_row(book.kind, &row)?);
        Ok(())
    })
}

/// Every row of a range of parties, by book and place.
///
/// # Errors
/// What the database says.
pub fn all_rows(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: (i64, i64),
) -> Result<Vec<AccrualRow>> {
    let params = [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()];
    let mut rows = Vec::new();
    tx.query_each(ALL_ROWS, &params, &mut |row| {
        rows.push(accrual_row(kind, &row)?);
        Ok(())
    })?;
    Ok(rows)
}

/// Whether anything is accrued on a day after `after` and up to `through`; of one party only, where given.
///
/// # Errors
/// What the database says.
pub fn any_between(
    tx: &mut dyn Tx,
    network: NetworkId,
    after: Day,
    through: Day,
    party: Option<(InvoiceKind, i64)>,
) -> Result<bool> {
    let both = [InvoiceKind::Payable.as_str(), InvoiceKind::Receivable.as_str()];
    let of_one = party.map(|(kind, _)| [kind.as_str()]);
    let ids = party.map_or((i64::MIN, i64::MAX), |(_, id)| (id, id));
    let params = [
        network.get().into(),
        day_number(after).into(),
        day_number(through).into(),
        ids.0.into(),
        ids.1.into(),
        Param::Texts(of_one.as_ref().map_or(&both[..], |kind| &kind[..])),
    ];
    Ok(tx.query_one(ANY_BETWEEN, &params)?.is_some())
}

/// What is accrued per book, day and offer, whether billed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayAccrual {
    /// The party.
    pub party_id: i64,
    /// The currency.
    pub currency: Currency,
    /// The day in the books.
    pub posting_day: Day,
    /// The offer.
    pub offer_id: i64,
    /// Billing units.
    pub units: i64,
    /// Conversions.
    pub conversions: i64,
}

/// Which accruals to list.
#[derive(Debug, Clone, Copy)]
pub struct AccrualFilter {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// Only this party.
    pub party_id: Option<i64>,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub through: Day,
}

/// A page of accruals in the order of party, currency, day and offer, after the last of the page before.
///
/// # Errors
/// What the database says.
pub fn list(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &AccrualFilter,
    after: Option<DayAccrual>,
    limit: i64,
) -> Result<Vec<DayAccrual>> {
    let code = after.map_or("", |last| last.currency.code());
    let params = [
        network.get().into(),
        filter.kind.as_str().into(),
        day_number(filter.from).into(),
        day_number(filter.through).into(),
        after.map_or(i64::MIN, |last| last.party_id).into(),
        code.into(),
        after.map_or(i64::MIN, |last| day_number(last.posting_day)).into(),
        after.map_or(i64::MIN, |last| last.offer_id).into(),
        filter.party_id.unwrap_or(i64::MIN).into(),
        filter.party_id.unwrap_or(i64::MAX).into(),
        Param::Int(limit),
    ];
    let rows = tx.query(LIST, &params)?;
    rows.iter()
        .map(|row| {
            Ok(DayAccrual {
                party_id: row.int(0)?,
                currency: currency(row.text(1)?)?,
                posting_day: day(row.int(2)?)?,
                offer_id: row.int(3)?,
                units: row.int(4)?,
                conversions: row.int(5)?,
            })
        })
        .collect()
}
