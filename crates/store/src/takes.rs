//! Takes: what documents took of the books. Which invoice an entry is on follows from them.

use quittance_domain::accrual::{Book, Cut, Pick, Reach};
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::period::Period;
use quittance_domain::time::Day;

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! take_columns {
    () => {
        "SELECT t.party_id, t.currency, t.take_no, t.document_id, t.epoch, t.through_day, t.as_of, t.low_epoch, \
         t.pick_days, t.pick_offers FROM "
    };
}

statements! {
    OF_BOOK = concat!(take_columns!(), "takes t WHERE t.network_id = $1 AND t.kind = $2 AND t.party_id = $3 \
        AND t.currency = $4 ORDER BY t.take_no");
    OF_DOCUMENT = concat!(take_columns!(), "takes t WHERE t.network_id = $1 AND t.kind = $2 AND t.party_id = $3 \
        AND t.document_id = $4 ORDER BY t.currency, t.take_no");
    OF_PARTIES = concat!(take_columns!(), "takes t WHERE t.network_id = $1 AND t.kind = $2 AND t.party_id >= $3 \
        AND t.party_id <= $4 ORDER BY t.party_id, t.currency, t.take_no");
    /// Picks that may have taken rows which the normal runs of their books have not.
    OPEN_PICKS = concat!(take_columns!(), "books b CROSS JOIN takes t {by:takes_picks} \
        WHERE t.network_id = b.network_id AND t.kind = b.kind AND t.party_id = b.party_id AND t.currency = b.currency \
        AND t.epoch >= b.low_epoch AND t.pick_days IS NOT NULL AND b.network_id = $1 AND b.kind = $2 \
        AND b.party_id {in:3} AND {within:b.party_id|3} AND {within:t.party_id|3} ORDER BY t.party_id, t.currency, t.take_no");
}

bulks! {
    INSERT = "takes" [
        "network_id" Int, "kind" Text, "party_id" Int, "currency" Text, "take_no" Int, "document_id" Int,
        "epoch" Int, "through_day" Int, "as_of" Int, "low_epoch" Int, "pick_days" Text, "pick_offers" Text
    ] "";
}

/// What a document took of a book: the rows that it reaches and no earlier take of the book does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// The book.
    pub book: Book,
    /// Its place among the takes of the book, counted from 1.
    pub take_no: i64,
    /// The document.
    pub document: InvoiceId,
    /// What it reaches.
    pub reach: Reach,
    /// No row that it took has an earlier epoch.
    pub low_epoch: i64,
}

fn days_text(days: &[Period]) -> String {
    let days = days.iter().map(|period| format!("{}:{}", period.start.number(), period.end.number()));
    days.collect::<Vec<_>>().join(",")
}

fn days(text: &str) -> Option<Vec<Period>> {
    let number = |text: &str| text.parse().ok().map(Day::from_number);
    let period = |text: &str| {
        let (start, end) = text.split_once(':')?;
        Some(Period { start: number(start)?, end: number(end)? })
    };
    text.split(',').map(period).collect()
}

fn offers_text(offers: &[OfferId]) -> String {
    offers.iter().map(|offer| offer.get().to_string()).collect::<Vec<_>>().join(",")
}

fn offers(text: &str) -> Option<Vec<OfferId>> {
    // A book that has nothing of the offers that were asked for: none are taken.
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',').map(|offer| offer.parse().ok().map(OfferId::new)).collect()
}

fn pick(row: &Row, column: usize) -> Result<Option<Pick>> {
    let Some(days_text) = row.opt_text(column)? else { return Ok(None) };
    let corrupt = |text: &str| Error::Corrupt(format!("{text:?} is no limit of a pick"));
    let of_offers = match row.opt_text(column + 1)? {
        Some(text) => Some(offers(text).ok_or_else(|| corrupt(text))?),
        None => None,
    };
    Ok(Some(Pick { days: days(days_text).ok_or_else(|| corrupt(days_text))?, offers: of_offers }))
}

fn take(kind: InvoiceKind, row: &Row) -> Result<Take> {
    let cut = Cut { epoch: row.int(4)?, through: day(row.int(5)?)?, as_of: day(row.int(6)?)? };
    Ok(Take {
        book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
        take_no: row.int(2)?,
        document: InvoiceId::new(row.int(3)?),
        reach: Reach { cut, pick: pick(row, 8)? },
        low_epoch: row.int(7)?,
    })
}

/// Records what documents took.
///
/// # Errors
/// What the database says; on PostgreSQL the closure runs again where another transaction took of a book meanwhile.
pub fn add(tx: &mut dyn Tx, network: NetworkId, takes: &[Take]) -> Result<()> {
    let limits: Vec<_> = takes
        .iter()
        .map(|take| {
            let pick = take.reach.pick.as_ref();
            (pick.map(|p| days_text(&p.days)), pick.and_then(|p| p.offers.as_deref()).map(offers_text))
        })
        .collect();
    let mut values = Vec::with_capacity(takes.len() * 12);
    for (take, (days, offers)) in takes.iter().zip(&limits) {
        let cut = take.reach.cut;
        values.extend([
            Param::Int(network.get()),
            take.book.kind.as_str().into(),
            take.book.party_id.into(),
            take.book.currency.code().into(),
            take.take_no.into(),
            take.document.get().into(),
            cut.epoch.into(),
            day_number(cut.through).into(),
            day_number(cut.as_of).into(),
            take.low_epoch.into(),
            days.as_ref().into(),
            offers.as_ref().into(),
        ]);
    }
    tx.bulk(&INSERT, &values)?;
    Ok(())
}

/// The takes of a book in order.
///
/// # Errors
/// What the database says.
pub fn of_book(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<Vec<Take>> {
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), book.currency.code().into()];
    tx.query(OF_BOOK, &params)?.iter().map(|row| take(book.kind, row)).collect()
}

/// What one document took, by book and in order.
///
/// # Errors
/// What the database says.
pub fn of_document(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    party_id: i64,
    document: InvoiceId,
) -> Result<Vec<Take>> {
    let params = [network.get().into(), kind.as_str().into(), party_id.into(), document.get().into()];
    tx.query(OF_DOCUMENT, &params)?.iter().map(|row| take(kind, row)).collect()
}

/// The takes of all books of a range of parties, by book and in order.
///
/// # Errors
/// What the database says.
pub fn of_parties(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: (i64, i64)) -> Result<Vec<Take>> {
    let params = [network.get().into(), kind.as_str().into(), parties.0.into(), parties.1.into()];
    tx.query(OF_PARTIES, &params)?.iter().map(|row| take(kind, row)).collect()
}

/// The picks of some parties that may have taken rows which are not inside the cut of their book.
///
/// # Errors
/// What the database says.
pub fn open_picks(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind, parties: &[i64]) -> Result<Vec<Take>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties)];
    tx.query(OPEN_PICKS, &params)?.iter().map(|row| take(kind, row)).collect()
}
