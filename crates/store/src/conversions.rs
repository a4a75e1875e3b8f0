//! Conversions: their last received states and the superseded ones.

pub(crate) mod holds;
pub(crate) mod list;
mod received;
pub(crate) mod skip;
pub(crate) mod sums;

use quittance_domain::accrual::Bucket;
use quittance_domain::conversion::{
    Conversion, ConversionStatus, Elsewhere, EntryPlace, KnownConversion, SaleShare, TEXT_NAMES, Terms, Texts,
};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, AffiliateId, InvoiceKind, NetworkId, OfferId};
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};

pub use self::holds::{counting, on_hold};
pub use self::list::{ConversionFilter, ConversionPlace, count_listed, listed, listed_after, starting};
pub use self::sums::{ConversionSum, each_sum};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// How many columns a conversion's state has.
const STATE_COLUMNS: usize = FIRST_TEXT + TEXT_NAMES.len();

/// The place of the first of its texts among them.
const FIRST_TEXT: usize = 20;

/// How many rows are bound at a time, so that a large batch is not held twice.
const BULK_ROWS: usize = 5_000;

macro_rules! state_columns {
    () => {
        "network_id, conversion_id, revision, status, affiliate_id, offer_id, advertiser_id, occurred_at, \
         payout_units, payout_currency, revenue_units, revenue_currency, epoch, posting_day, billable_day, \
         received_at, updated_at, received, elsewhere, shares, sale_amount, goal, click_id, country, sub1, sub2, sub3, sub4, sub5, \
         comment"
    };
}
use state_columns;

/// The entries behind one accrual row: those put in there, and those taken out there.
macro_rules! entries_of_bucket {
    ($party:literal, $units:literal, $currency:literal, $only:literal) => {
        concat!(
            "SELECT conversion_id, revision, 1, ",
            $units,
            ", occurred_at, advertiser_id, country, revenue_units, revenue_currency \
             FROM conversions {by:conversions_by_place} WHERE network_id = $1 AND ",
            $party,
            " = $2 AND epoch = $3 \
             AND posting_day = $4 AND billable_day = $5 AND offer_id = $6 AND ",
            $currency,
            " = $7",
            $only,
            " AND status = 'approved' \
             UNION ALL SELECT conversion_id, revision, 1, ",
            $units,
            ", occurred_at, advertiser_id, country, revenue_units, revenue_currency \
             FROM conversion_revisions {by:conversion_revisions_by_place} WHERE network_id = $1 AND ",
            $party,
            " = $2 \
             AND epoch = $3 AND posting_day = $4 AND billable_day = $5 AND offer_id = $6 AND ",
            $currency,
            " = $7",
            $only,
            " AND status = 'approved' AND entry_kept = 0 \
             UNION ALL SELECT conversion_id, revision, -1, -",
            $units,
            ", occurred_at, advertiser_id, country, -revenue_units, revenue_currency \
             FROM conversion_revisions {by:conversion_revisions_by_end} WHERE network_id = $1 AND ",
            $party,
            " = $2 \
             AND end_epoch = $3 AND end_posting_day = $4 AND end_billable_day = $5 AND offer_id = $6 \
             AND ",
            $currency,
            " = $7",
            $only,
            " AND status = 'approved' AND entry_kept = 0 \
             ORDER BY 5, 1, 2, 3 DESC LIMIT $8 OFFSET $9"
        )
    };
}

statements! {
    KNOWN = concat!("SELECT ", state_columns!(), " FROM conversions WHERE network_id = $1 AND conversion_id {in:2}");
    /// The conversions whose ids are joined of one of these and something else. The sign before the end is the next one after
    /// what joins them. The list goes first: SQLite would go over all conversions for each of its texts.
    JOINED = concat!("SELECT ", state_columns!(), " FROM {each:2|base} CROSS JOIN conversions WHERE network_id = $1 \
        AND conversion_id >= base.value || '~' AND conversion_id < base.value || '\u{7f}'");
    ANY_CONVERSION = "SELECT 1 FROM conversions WHERE network_id = $1 LIMIT 1";
    ONE = concat!("SELECT ", state_columns!(), " FROM conversions WHERE network_id = $1 AND conversion_id = $2");
    REVISIONS = concat!("SELECT ", state_columns!(), ", end_epoch, end_posting_day, end_billable_day, entry_kept \
        FROM conversion_revisions WHERE network_id = $1 AND conversion_id = $2 ORDER BY revision");
    SUPERSEDED = concat!("SELECT ", state_columns!(), " FROM conversion_revisions WHERE network_id = $1 \
        AND conversion_id {in:2} ORDER BY conversion_id, revision");
    /// The entries behind one accrual row of an affiliate.
    ENTRIES_OF_PAYABLE = entries_of_bucket!("affiliate_id", "payout_units", "payout_currency", " AND (elsewhere IS NULL OR elsewhere = 2)");
    /// The entries behind one accrual row of an advertiser. Conversions without revenue have none.
    ENTRIES_OF_RECEIVABLE = entries_of_bucket!("advertiser_id", "revenue_units", "revenue_currency", " AND revenue_units <> 0 AND (elsewhere IS NULL OR elsewhere = 1)");
    REMEMBER_UPDATE = "UPDATE conversions SET updated_at = $3 WHERE network_id = $1 AND conversion_id = $2 \
        AND (updated_at IS NULL OR updated_at < $3)";
    /// Conversions on hold whose offer's hold days are over.
    RELEASABLE = concat!("SELECT ", state_columns!(), " FROM conversions c {by:conversions_on_hold} \
        WHERE network_id = $1 AND status = 'hold' AND billable_day <= $2 AND offer_id {in:3} \
        ORDER BY billable_day, conversion_id LIMIT $4");
    /// Whether a day up to one, and after another, has conversions that count nowhere for their day's sake; what was paid
    /// where it comes from (4) counts nowhere in any case.
    ELSEWHERE_AFTER = "SELECT 1 FROM conversions WHERE network_id = $1 AND posting_day > $2 AND posting_day <= $3 \
        AND elsewhere < 4 LIMIT 1";
    COUNT = "SELECT COUNT(*) FROM conversions WHERE network_id = $1";
}

bulks! {
    CREATE = "conversions" [
        "network_id" Int, "conversion_id" Text, "revision" Int, "status" Text, "affiliate_id" Int,
        "offer_id" Int, "advertiser_id" Int, "occurred_at" Int, "payout_units" Int, "payout_currency" Text,
        "revenue_units" Int, "revenue_currency" Text, "epoch" Int, "posting_day" Int, "billable_day" Int,
        "received_at" Int, "updated_at" Int, "received" Text, "elsewhere" Int, "shares" Text,
        "sale_amount" Text, "goal" Text, "click_id" Text, "country" Text,
        "sub1" Text, "sub2" Text, "sub3" Text, "sub4" Text, "sub5" Text, "comment" Text
    ] "";
    // The guard on the revision makes a change that crossed another one visible: its row is not counted.
    REVISE = "conversions" [
        "network_id" Int, "conversion_id" Text, "revision" Int, "status" Text, "affiliate_id" Int,
        "offer_id" Int, "advertiser_id" Int, "occurred_at" Int, "payout_units" Int, "payout_currency" Text,
        "revenue_units" Int, "revenue_currency" Text, "epoch" Int, "posting_day" Int, "billable_day" Int,
        "received_at" Int, "updated_at" Int, "received" Text, "elsewhere" Int, "shares" Text,
        "sale_amount" Text, "goal" Text, "click_id" Text, "country" Text,
        "sub1" Text, "sub2" Text, "sub3" Text, "sub4" Text, "sub5" Text, "comment" Text
    ] "ON CONFLICT (network_id, conversion_id) DO UPDATE SET revision = excluded.revision, \
       status = excluded.status, affiliate_id = excluded.affiliate_id, offer_id = excluded.offer_id, \
       advertiser_id = excluded.advertiser_id, occurred_at = excluded.occurred_at, \
       payout_units = excluded.payout_units, payout_currency = excluded.payout_currency, \
       revenue_units = excluded.revenue_units, revenue_currency = excluded.revenue_currency, \
       epoch = excluded.epoch, posting_day = excluded.posting_day, billable_day = excluded.billable_day, \
       received_at = excluded.received_at, updated_at = excluded.updated_at, \
       received = excluded.received, elsewhere = excluded.elsewhere, shares = excluded.shares, \
       sale_amount = excluded.sale_amount, \
       goal = excluded.goal, click_id = excluded.click_id, country = excluded.country, sub1 = excluded.sub1, \
       sub2 = excluded.sub2, sub3 = excluded.sub3, sub4 = excluded.sub4, sub5 = excluded.sub5, \
       comment = excluded.comment WHERE conversions.revision < excluded.revision";
    SUPERSEDE = "conversion_revisions" [
        "network_id" Int, "conversion_id" Text, "revision" Int, "status" Text, "affiliate_id" Int,
        "offer_id" Int, "advertiser_id" Int, "occurred_at" Int, "payout_units" Int, "payout_currency" Text,
        "revenue_units" Int, "revenue_currency" Text, "epoch" Int, "posting_day" Int, "billable_day" Int,
        "received_at" Int, "updated_at" Int, "received" Text, "elsewhere" Int, "shares" Text,
        "sale_amount" Text, "goal" Text, "click_id" Text, "country" Text,
        "sub1" Text, "sub2" Text, "sub3" Text, "sub4" Text, "sub5" Text, "comment" Text,
        "end_epoch" Int, "end_posting_day" Int, "end_billable_day" Int, "entry_kept" Int
    ] "";
}

/// A state of a conversion as a row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The conversion, its revision and where its entry counts.
    pub known: KnownConversion,
    /// When Quittance received it.
    pub received_at: Timestamp,
}

/// A state that another one has replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// The state as it was.
    pub state: State,
    /// Where its entry was taken out again.
    pub end: EntryPlace,
    /// The next state stands for the same entry: it was not taken out.
    pub entry_kept: bool,
}

/// One entry of the log in a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The conversion.
    pub conversion_id: String,
    /// Which of its states put the entry in or took it out.
    pub revision: i64,
    /// 1: put in; -1: taken out.
    pub sign: i64,
    /// The amount in billing units, negative where it was taken out.
    pub units: i64,
    /// When the conversion happened.
    pub occurred_at: Timestamp,
    /// Its advertiser.
    pub advertiser_id: Option<i64>,
    /// Its country, as the tracker says it.
    pub country: Option<String>,
    /// What the conversion brings, negative where it was taken out.
    pub revenue: Money,
}

/// A day from its number.
///
/// # Errors
/// [`Error::Corrupt`] where it is no day.
pub(crate) fn day(number: i64) -> Result<Day> {
    let number = i32::try_from(number).map_err(|_| Error::Corrupt(format!("{number} is no day")))?;
    Ok(Day::from_number(number))
}

/// A currency from its code.
///
/// # Errors
/// [`Error::Corrupt`] where it is none.
pub(crate) fn currency(code: &str) -> Result<Currency> {
    Currency::parse(code).map_err(|error| Error::Corrupt(error.to_string()))
}

pub(crate) fn day_number(day: Day) -> i64 {
    i64::from(day.number())
}

/// The bit of `elsewhere` for what was paid where it comes from, beside those of the two books.
const SETTLED: i64 = 4;

fn state(row: &Row) -> Result<State> {
    let status = row.text(3)?;
    let mut texts = Texts::default();
    for (i, text) in texts.iter_mut().enumerate() {
        *text = row.opt_text(FIRST_TEXT + i)?.map(Into::into);
    }
    let conversion = Conversion {
        conversion_id: row.text(1)?.into(),
        status: ConversionStatus::parse(status).ok_or_else(|| Error::Corrupt(format!("status {status}")))?,
        affiliate_id: AffiliateId::new(row.int(4)?),
        offer_id: OfferId::new(row.int(5)?),
        advertiser_id: row.opt_int(6)?.map(AdvertiserId::new),
        occurred_at: Timestamp::from_micros(row.int(7)?),
        payout: Money::new(row.int(8)?, currency(row.text(9)?)?),
        revenue: Money::new(row.int(10)?, currency(row.text(11)?)?),
        terms: row.opt_text(19)?.map_or(Ok(Terms::default()), terms)?,
        updated_at: row.opt_int(16)?.map(Timestamp::from_micros),
        settled: row.opt_int(18)?.unwrap_or(0) & SETTLED != 0,
        texts,
    };
    let place = EntryPlace { epoch: row.int(12)?, posting_day: day(row.int(13)?)?, billable_day: day(row.int(14)?)? };
    let received = match row.opt_text(17)? {
        Some(text) => Some(Box::new(received::read(text, &conversion)?)),
        None => None,
    };
    let bits = row.opt_int(18)?.unwrap_or(0);
    let known = KnownConversion {
        conversion,
        received,
        elsewhere: Elsewhere { payable: bits & 1 != 0, receivable: bits & 2 != 0 },
        revision: row.int(2)?,
        place,
    };
    Ok(State { known, received_at: Timestamp::from_micros(row.int(15)?) })
}

/// The shares of the sale amount that a payout and a revenue are, as `10 12.5`; before and after the space is nothing where one
/// is none.
fn terms(text: &str) -> Result<Terms> {
    let corrupt = || Error::Corrupt(format!("shares {text:?} of a conversion"));
    let (payout, revenue) = text.split_once(' ').ok_or_else(corrupt)?;
    let share = |text: &str| match text {
        "" => Ok(None),
        text => SaleShare::parse(text).map(Some).ok_or_else(corrupt),
    };
    Ok(Terms { payout: share(payout)?, revenue: share(revenue)? })
}

/// The text of such shares; `None` where neither is one.
fn terms_text(terms: Terms) -> Option<String> {
    let text = |share: Option<SaleShare>| share.map(|share| share.to_string()).unwrap_or_default();
    (terms != Terms::default()).then(|| format!("{} {}", text(terms.payout), text(terms.revenue)))
}

/// What a row holds as texts of its own making.
struct Packed {
    received: Option<String>,
    shares: Option<String>,
}

impl Packed {
    fn of(known: &KnownConversion) -> Packed {
        Packed { received: received::written(known), shares: terms_text(known.conversion.terms) }
    }
}

fn push_state<'a>(values: &mut Vec<Param<'a>>, network: NetworkId, state: &'a State, packed: &'a Packed) {
    let KnownConversion { conversion: c, elsewhere, revision, place, .. } = &state.known;
    let settled = if c.settled { SETTLED } else { 0 };
    let bits = i64::from(elsewhere.payable) + 2 * i64::from(elsewhere.receivable) + settled;
    values.extend([
        network.get().into(),
        Param::Text(&c.conversion_id),
        (*revision).into(),
        c.status.as_str().into(),
        c.affiliate_id.get().into(),
        c.offer_id.get().into(),
        c.advertiser_id.map(AdvertiserId::get).into(),
        c.occurred_at.micros().into(),
        c.payout.units().into(),
        c.payout.currency().code().into(),
        c.revenue.units().into(),
        c.revenue.currency().code().into(),
        place.epoch.into(),
        day_number(place.posting_day).into(),
        day_number(place.billable_day).into(),
        state.received_at.micros().into(),
        c.updated_at.map(Timestamp::micros).into(),
        packed.received.as_deref().into(),
        Some(bits).filter(|bits| *bits != 0).into(),
        packed.shares.as_deref().into(),
    ]);
    values.extend(c.texts.iter().map(|text| Param::from(text.as_deref())));
}

/// The conversions of these ids that are known, in no order.
///
/// # Errors
/// What the database says.
pub fn known(tx: &mut dyn Tx, network: NetworkId, ids: &[&str]) -> Result<Vec<State>> {
    let mut states = Vec::new();
    tx.query_each(KNOWN, &[network.get().into(), Param::Texts(ids)], &mut |row| {
        states.push(state(&row)?);
        Ok(())
    })?;
    Ok(states)
}

/// The conversions whose ids are joined of one of these texts and something else, in no order.
///
/// # Errors
/// What the database says.
pub fn joined(tx: &mut dyn Tx, network: NetworkId, bases: &[&str]) -> Result<Vec<State>> {
    // The bounds of each text are unknown to PostgreSQL, which would guess that they hold much of the table.
    tx.read_by_indexes()?;
    tx.query(JOINED, &[network.get().into(), Param::Texts(bases)])?.iter().map(state).collect()
}

/// Whether the network has any conversion.
///
/// # Errors
/// What the database says.
pub fn any(tx: &mut dyn Tx, network: NetworkId) -> Result<bool> {
    Ok(tx.query_one(ANY_CONVERSION, &[network.get().into()])?.is_some())
}

/// The superseded states of many conversions, by id and then the oldest first.
///
/// # Errors
/// What the database says.
pub fn superseded(tx: &mut dyn Tx, network: NetworkId, ids: &[&str]) -> Result<Vec<State>> {
    tx.query(SUPERSEDED, &[network.get().into(), Param::Texts(ids)])?.iter().map(state).collect()
}

/// One conversion.
///
/// # Errors
/// What the database says.
pub fn one(tx: &mut dyn Tx, network: NetworkId, id: &str) -> Result<Option<State>> {
    tx.query_one(ONE, &[network.get().into(), id.into()])?.as_ref().map(state).transpose()
}

/// The superseded states of one conversion, oldest first.
///
/// # Errors
/// What the database says.
pub fn revisions(tx: &mut dyn Tx, network: NetworkId, id: &str) -> Result<Vec<Superseded>> {
    let rows = tx.query(REVISIONS, &[network.get().into(), id.into()])?;
    rows.iter()
        .map(|row| {
            let end = EntryPlace {
                epoch: row.int(STATE_COLUMNS)?,
                posting_day: day(row.int(STATE_COLUMNS + 1)?)?,
                billable_day: day(row.int(STATE_COLUMNS + 2)?)?,
            };
            Ok(Superseded { state: state(row)?, end, entry_kept: row.flag(STATE_COLUMNS + 3)? })
        })
        .collect()
}

/// Inserts conversions of unknown ids.
///
/// # Errors
/// What the database says; on PostgreSQL the closure runs again where another transaction inserted one of them.
pub fn create(tx: &mut dyn Tx, network: NetworkId, states: &[&State]) -> Result<()> {
    for part in states.chunks(BULK_ROWS) {
        let packed: Vec<Packed> = part.iter().map(|state| Packed::of(&state.known)).collect();
        let mut values = Vec::with_capacity(part.len() * STATE_COLUMNS);
        for (state, packed) in part.iter().zip(&packed) {
            push_state(&mut values, network, state, packed);
        }
        tx.bulk(&CREATE, &values)?;
    }
    Ok(())
}

/// Replaces the states of known conversions by newer revisions.
///
/// # Errors
/// What the database says; the closure runs again where another transaction changed one of them meanwhile.
pub fn revise(tx: &mut dyn Tx, network: NetworkId, states: &[&State]) -> Result<()> {
    let mut values = Vec::with_capacity(states.len() * STATE_COLUMNS);
    let packed: Vec<Packed> = states.iter().map(|state| Packed::of(&state.known)).collect();
    for (state, packed) in states.iter().zip(&packed) {
        push_state(&mut values, network, state, packed);
    }
    let changed = tx.bulk(&REVISE, &values)?;
    if changed != states.len() as u64 {
        return Err(tx.conflict());
    }
    Ok(())
}

/// Appends superseded states to the log.
///
/// # Errors
/// What the database says; on PostgreSQL the closure runs again where another transaction superseded the same state.
pub fn supersede(tx: &mut dyn Tx, network: NetworkId, superseded: &[Superseded]) -> Result<()> {
    let mut values = Vec::with_capacity(superseded.len() * (STATE_COLUMNS + 4));
    let packed: Vec<Packed> = superseded.iter().map(|old| Packed::of(&old.state.known)).collect();
    for (old, packed) in superseded.iter().zip(&packed) {
        push_state(&mut values, network, &old.state, packed);
        values.extend([
            Param::Int(old.end.epoch),
            day_number(old.end.posting_day).into(),
            day_number(old.end.billable_day).into(),
            old.entry_kept.into(),
        ]);
    }
    tx.bulk(&SUPERSEDE, &values)?;
    Ok(())
}

/// Remembers a newer time of update of a conversion that is otherwise unchanged.
///
/// # Errors
/// What the database says.
pub fn remember_update(tx: &mut dyn Tx, network: NetworkId, id: &str, updated_at: Timestamp) -> Result<()> {
    tx.execute(REMEMBER_UPDATE, &[network.get().into(), id.into(), updated_at.micros().into()])?;
    Ok(())
}

/// Which part of a list to read.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// How many to leave out first.
    pub start: usize,
    /// How many to read at most.
    pub limit: usize,
}

impl Part {
    /// The whole list.
    pub const ALL: Part = Part { start: 0, limit: usize::MAX };
}

/// A part of the entries behind one accrual row that ingest made, in the order of their happening.
///
/// # Errors
/// What the database says.
pub fn entries_of_bucket(tx: &mut dyn Tx, network: NetworkId, bucket: &Bucket, part: Part) -> Result<Vec<LogEntry>> {
    let sql = match bucket.book.kind {
        InvoiceKind::Payable => ENTRIES_OF_PAYABLE,
        InvoiceKind::Receivable => ENTRIES_OF_RECEIVABLE,
    };
    let place = bucket.place;
    let params = [
        network.get().into(),
        bucket.book.party_id.into(),
        place.epoch.into(),
        day_number(place.posting_day).into(),
        day_number(place.billable_day).into(),
        bucket.offer_id.get().into(),
        bucket.book.currency.code().into(),
        i64::try_from(part.limit).unwrap_or(i64::MAX).into(),
        i64::try_from(part.start).unwrap_or(i64::MAX).into(),
    ];
    tx.query(sql, &params)?
        .iter()
        .map(|row| {
            Ok(LogEntry {
                conversion_id: row.string(0)?,
                revision: row.int(1)?,
                sign: row.int(2)?,
                units: row.int(3)?,
                occurred_at: Timestamp::from_micros(row.int(4)?),
                advertiser_id: row.opt_int(5)?,
                country: row.opt_string(6)?,
                revenue: Money::new(row.int(7)?, currency(row.text(8)?)?),
            })
        })
        .collect()
}

/// Conversions on hold of these offers that can be billed from a day up to this one, at most so many.
///
/// # Errors
/// What the database says.
pub fn releasable(tx: &mut dyn Tx, network: NetworkId, today: Day, offers: &[i64], limit: i64) -> Result<Vec<State>> {
    let params = [network.get().into(), day_number(today).into(), Param::Ints(offers), Param::Int(limit)];
    tx.query(RELEASABLE, &params)?.iter().map(state).collect()
}

/// Whether any conversion of a day after `after` and up to `through` counts nowhere, since it was billed elsewhere.
///
/// # Errors
/// What the database says.
pub fn any_elsewhere(tx: &mut dyn Tx, network: NetworkId, after: Day, through: Day) -> Result<bool> {
    let params = [network.get().into(), day_number(after).into(), day_number(through).into()];
    Ok(tx.query_one(ELSEWHERE_AFTER, &params)?.is_some())
}

/// How many conversions the network has.
///
/// # Errors
/// What the database says.
pub fn count(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    tx.query_one(COUNT, &[network.get().into()])?.map_or(Ok(0), |row| row.int(0))
}
