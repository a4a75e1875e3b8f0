//! What invoices bill besides conversions: shares of referrers, opening balances, volume bonuses.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::money::Money;
use quittance_domain::rates::Rate;
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::invoices::lines::read_rate;
use crate::networks;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// The counter of a network's referrals.
const REFERRAL_NUMBERS: &str = "referral_no";

macro_rules! referral_columns {
    () => {
        "SELECT affiliate_id, currency, referred_id, source_invoice, base_currency, units, basis, share, threshold_units, \
         referral_no, until_day, terms_of, first_day FROM referrals "
    };
}

/// What was recorded from `$4` on and before `$5`, of the referred affiliates in `$3` where `$2` is not 0.
macro_rules! recorded {
    ($by:literal) => {
        concat!("SELECT affiliate_id, currency, referred_id, source_invoice, base_currency, units, basis, share, threshold_units, \
         referral_no, until_day, terms_of, first_day, invoice_id, recorded_at FROM referrals ", $by, "WHERE network_id = $1 \
         AND ($2 = 0 OR referred_id {in:3}) \
         AND recorded_at >= $4 AND recorded_at < $5 ")
    };
}

statements! {
    PENDING_REFERRALS = concat!(referral_columns!(), "{by:referrals_pending} WHERE network_id = $1 \
        AND affiliate_id {in:2} AND {within:affiliate_id|2} AND epoch <= $3 AND invoice_id = 0 ORDER BY affiliate_id, currency, referred_id, referral_no");
    ANY_REFERRAL = "SELECT 1 FROM referrals WHERE network_id = $1 LIMIT 1";
    REFERRALS_OF_SOURCE = concat!(referral_columns!(), "{by:referrals_by_source} WHERE network_id = $1 AND source_invoice = $2 ORDER BY referral_no");
    RECORDED = concat!(recorded!("{by:referrals_by_time} "), "ORDER BY affiliate_id, referral_no");
    RECORDED_OF = concat!(recorded!(""), "AND affiliate_id {in:6} AND {within:affiliate_id|6} ORDER BY affiliate_id, referral_no");
    OWN_TERMS = concat!(referral_columns!(), "{by:referrals_by_referred} WHERE network_id = $1 AND referred_id {in:2} \
        AND {within:referred_id|2} AND terms_of = 0 ORDER BY referred_id, source_invoice, referral_no");
    FIRST_SHARED = "SELECT r.affiliate_id, r.referred_id, MIN(r.first_day) FROM referrals r {by:referrals_by_referred} \
        JOIN invoices i ON i.network_id = r.network_id AND i.kind = 'payable' AND i.party_id = r.referred_id \
        AND i.invoice_id = r.source_invoice WHERE r.network_id = $1 AND r.referred_id {in:2} AND {within:r.referred_id|2} \
        AND {within:i.party_id|2} AND r.first_day IS NOT NULL AND i.status <> 'void' GROUP BY r.affiliate_id, r.referred_id \
        ORDER BY r.affiliate_id, r.referred_id";
    PAID_SHARE_RATES = "SELECT r.source_invoice, r.base_currency, i.currency, l.rate, l.rate_day, l.rate_source \
        FROM referrals r {by:referrals_by_source} JOIN invoices i ON i.network_id = r.network_id AND i.kind = 'payable' \
        AND i.party_id = r.affiliate_id AND i.invoice_id = r.invoice_id JOIN invoice_lines l ON l.network_id = i.network_id \
        AND l.kind = i.kind AND l.party_id = i.party_id AND l.invoice_id = i.invoice_id WHERE r.network_id = $1 \
        AND r.source_invoice {in:2} AND {within:r.source_invoice|2} AND r.invoice_id <> 0 AND r.units > 0 \
        AND l.line_type = 'referral' AND l.source_currency = r.base_currency \
        ORDER BY r.referral_no, CASE WHEN l.units > 0 THEN 0 ELSE 1 END, l.line_no";
    TAKE_REFERRALS = "UPDATE referrals SET invoice_id = $4 WHERE network_id = $1 AND affiliate_id = $2 \
        AND referral_no {in:3} AND invoice_id = 0";
    RELEASE_REFERRALS = "UPDATE referrals {by:referrals_by_invoice} SET invoice_id = 0 WHERE network_id = $1 AND invoice_id = $2";
    FLAT_PAID = "SELECT 1 FROM referrals WHERE network_id = $1 AND affiliate_id = $2 AND referred_id = $3 \
        AND invoice_id <> 0 AND basis = $4 AND share = $5 LIMIT 1";
    OPENINGS_OF = "SELECT kind, party_id, currency, units, day, invoice_id FROM opening_balances WHERE network_id = $1 \
        AND kind = $2 AND party_id {in:3} ORDER BY party_id, currency";
    TAKE_OPENING = "UPDATE opening_balances SET invoice_id = $5 WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND currency = $4 AND invoice_id = 0";
    RELEASE_OPENING = "UPDATE opening_balances SET invoice_id = 0 WHERE network_id = $1 AND kind = $2 AND party_id = $3 \
        AND invoice_id = $4";
    BONUSES = "SELECT bonus_id, rules FROM bonuses WHERE network_id = $1 ORDER BY bonus_id";
    COUNTED = "SELECT b.party_id, b.currency, b.bonus_id, b.month, CAST(SUM(b.conversions) AS BIGINT), \
        CAST(SUM(b.units) AS BIGINT), CAST(SUM(b.bonus_units) AS BIGINT) FROM invoice_bonuses b JOIN invoices i \
        ON i.network_id = b.network_id AND i.kind = b.kind AND i.party_id = b.party_id AND i.invoice_id = b.invoice_id \
        WHERE b.network_id = $1 AND b.kind = $2 AND b.party_id {in:3} AND {within:b.party_id|3} \
        AND {within:i.party_id|3} AND b.month {in:4} AND i.status <> 'void' \
        GROUP BY b.party_id, b.currency, b.bonus_id, b.month ORDER BY 1, 2, 3, 4";
}

bulks! {
    ADD_REFERRALS = "referrals" [
        "network_id" Int, "affiliate_id" Int, "referral_no" Int, "currency" Text, "referred_id" Int,
        "source_invoice" Int, "base_currency" Text, "units" Int, "basis" Text, "share" Text, "threshold_units" Int, "epoch" Int, "invoice_id" Int, "recorded_at" Int,
        "until_day" Int, "terms_of" Int, "first_day" Int
    ] "";
    ADD_OPENINGS = "opening_balances" [
        "network_id" Int, "kind" Text, "party_id" Int, "currency" Text, "units" Int, "day" Int, "invoice_id" Int,
        "recorded_at" Int, "recorded_by" Text
    ] "";
    PUT_BONUSES = "bonuses" ["network_id" Int, "bonus_id" Int, "rules" Text]
        "ON CONFLICT (network_id, bonus_id) DO UPDATE SET rules = excluded.rules";
    ADD_COUNTED = "invoice_bonuses" [
        "network_id" Int, "kind" Text, "party_id" Int, "invoice_id" Int, "bonus_id" Int, "month" Int, "currency" Text,
        "conversions" Int, "units" Int, "bonus_units" Int
    ] "ON CONFLICT (network_id, kind, party_id, invoice_id, bonus_id, month, currency) DO UPDATE SET \
       conversions = invoice_bonuses.conversions + excluded.conversions, \
       units = invoice_bonuses.units + excluded.units, \
       bonus_units = invoice_bonuses.bonus_units + excluded.bonus_units";
}

/// What a referred affiliate was billed, for its referrer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// The referrer.
    pub affiliate_id: i64,
    /// The currency of the referred one's invoice: the referrer's book in it has the share.
    pub currency: Currency,
    /// Whom it referred.
    pub referred_id: i64,
    /// The invoice of that one.
    pub source_invoice: InvoiceId,
    /// What the share is of; voids and changes are negative.
    pub base: Money,
    /// What that is: `payout`, `revenue`, `margin`; `flat` where the share is a fee.
    pub basis: String,
    /// A percentage, or the fee.
    pub share: String,
    /// Nothing is paid until so much has come together, in billing units of `currency`.
    pub threshold_units: i64,
    /// Its place among the network's; 0 before it is recorded.
    pub referral_no: i64,
    /// The last day whose conversions are shared.
    pub until: Option<Day>,
    /// The invoice by whose terms it is shared, which billed first what this is a difference to; `None`: by its own.
    pub terms_of: Option<InvoiceId>,
    /// The first day of a commission that is shared by these terms, as far as the invoice knows.
    pub first_day: Option<Day>,
}

fn referral(row: &Row) -> Result<Referral> {
    Ok(Referral {
        affiliate_id: row.int(0)?,
        currency: currency(row.text(1)?)?,
        referred_id: row.int(2)?,
        source_invoice: InvoiceId::new(row.int(3)?),
        base: Money::new(row.int(5)?, currency(row.text(4)?)?),
        basis: row.string(6)?,
        share: row.string(7)?,
        threshold_units: row.int(8)?,
        referral_no: row.int(9)?,
        until: row.opt_int(10)?.map(day).transpose()?,
        terms_of: Some(row.int(11)?).filter(|id| *id != 0).map(InvoiceId::new),
        first_day: row.opt_int(12)?.map(day).transpose()?,
    })
}

/// By which terms the invoices of some referred affiliates are shared that have any: the first record of each invoice says it.
///
/// # Errors
/// What the database says.
pub fn own_terms(tx: &mut dyn Tx, network: NetworkId, referred: &[i64]) -> Result<Vec<Referral>> {
    tx.query(OWN_TERMS, &[network.get().into(), Param::Ints(referred)])?.iter().map(referral).collect()
}

/// A share that is on an invoice in another currency: the referred affiliate's invoice, the currency of the share and that of
/// the referrer's invoice.
pub type PaidShare = (InvoiceId, Currency, Currency);

/// By which rates the shares of some invoices were paid that are on an invoice in another currency, the first first. What
/// an invoice takes back in the same currency may go by an older rate; what it pays goes by its own.
///
/// # Errors
/// What the database says.
pub fn paid_share_rates(tx: &mut dyn Tx, network: NetworkId, sources: &[i64]) -> Result<Vec<(PaidShare, Rate)>> {
    let paid = |row: &Row| {
        let key = (InvoiceId::new(row.int(0)?), currency(row.text(1)?)?, currency(row.text(2)?)?);
        let rate =
            read_rate(row, 3)?.ok_or_else(|| Error::Corrupt("a line in another currency has no rate".to_owned()))?;
        Ok((key, rate))
    };
    tx.query(PAID_SHARE_RATES, &[network.get().into(), Param::Ints(sources)])?.iter().map(paid).collect()
}

/// The day of the first commission that was shared, by referrer and referred affiliate, of some referred ones.
///
/// # Errors
/// What the database says.
pub fn first_shared(tx: &mut dyn Tx, network: NetworkId, referred: &[i64]) -> Result<Vec<((i64, i64), Day)>> {
    let first = |row: &Row| Ok(((row.int(0)?, row.int(1)?), day(row.int(2)?)?));
    tx.query(FIRST_SHARED, &[network.get().into(), Param::Ints(referred)])?.iter().map(first).collect()
}

/// Whether the network has ever had a share for a referrer.
///
/// # Errors
/// What the database says.
pub fn any_referral(tx: &mut dyn Tx, network: NetworkId) -> Result<bool> {
    Ok(tx.query_one(ANY_REFERRAL, &[network.get().into()])?.is_some())
}

/// What came together up to an epoch and no invoice of these referrers has taken yet.
///
/// # Errors
/// What the database says.
pub fn pending_referrals(tx: &mut dyn Tx, network: NetworkId, referrers: &[i64], epoch: i64) -> Result<Vec<Referral>> {
    tx.query(PENDING_REFERRALS, &[network.get().into(), Param::Ints(referrers), epoch.into()])?
        .iter()
        .map(referral)
        .collect()
}

/// What an invoice of a referred affiliate has brought its referrer so far.
///
/// # Errors
/// What the database says.
pub fn referrals_of(tx: &mut dyn Tx, network: NetworkId, source: InvoiceId) -> Result<Vec<Referral>> {
    tx.query(REFERRALS_OF_SOURCE, &[network.get().into(), source.get().into()])?.iter().map(referral).collect()
}

/// A referral with what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedReferral {
    /// What it is.
    pub referral: Referral,
    /// The referrer's invoice that took it.
    pub invoice: Option<InvoiceId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Whose referrals are looked for, and when they were recorded; `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFilter {
    /// Those of one of these referrers.
    pub referrers: Option<Vec<i64>>,
    /// Those of one of these referred affiliates.
    pub referred: Option<Vec<i64>>,
    /// Recorded at this instant or later.
    pub from: Timestamp,
    /// Recorded before this instant.
    pub before: Timestamp,
}

/// The referrals that a filter finds, by referrer and in the order in which they were recorded.
///
/// # Errors
/// What the database says.
pub fn recorded_referrals(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &RecordedFilter,
) -> Result<Vec<RecordedReferral>> {
    let mut params = vec![
        network.get().into(),
        Param::Int(i64::from(filter.referred.is_some())),
        Param::Ints(filter.referred.as_deref().unwrap_or_default()),
        filter.from.micros().into(),
        filter.before.micros().into(),
    ];
    let mut statement = RECORDED;
    if let Some(referrers) = &filter.referrers {
        statement = RECORDED_OF;
        params.push(Param::Ints(referrers));
    }
    let recorded = |row: &Row| {
        let invoice = Some(row.int(13)?).filter(|id| *id != 0).map(InvoiceId::new);
        Ok(RecordedReferral { referral: referral(row)?, invoice, recorded_at: Timestamp::from_micros(row.int(14)?) })
    };
    tx.query(statement, &params)?.iter().map(recorded).collect()
}

/// Records what referred affiliates were billed.
///
/// # Errors
/// What the database says.
pub fn add_referrals(
    tx: &mut dyn Tx,
    network: NetworkId,
    referrals: &[Referral],
    epoch: i64,
    now: Timestamp,
) -> Result<()> {
    if referrals.is_empty() {
        return Ok(());
    }
    let first = networks::next(tx, network, REFERRAL_NUMBERS, 1, referrals.len() as i64)?;
    let mut values = Vec::with_capacity(referrals.len() * 17);
    for (no, referral) in (first..).zip(referrals) {
        values.extend([
            Param::Int(network.get()),
            referral.affiliate_id.into(),
            Param::Int(no),
            referral.currency.code().into(),
            referral.referred_id.into(),
            referral.source_invoice.get().into(),
            referral.base.currency().code().into(),
            referral.base.units().into(),
            (&referral.basis).into(),
            (&referral.share).into(),
            referral.threshold_units.into(),
            epoch.into(),
            Param::Int(0),
            now.micros().into(),
            referral.until.map(day_number).into(),
            referral.terms_of.map_or(0, InvoiceId::get).into(),
            referral.first_day.map(day_number).into(),
        ]);
    }
    tx.bulk(&ADD_REFERRALS, &values)?;
    Ok(())
}

/// Marks what is pending of a referrer as taken by an invoice of it. Each number comes once.
///
/// # Errors
/// What the database says; the closure runs again where another transaction took some of it meanwhile.
pub fn take_referrals(
    tx: &mut dyn Tx,
    network: NetworkId,
    affiliate_id: i64,
    numbers: &[i64],
    invoice: InvoiceId,
) -> Result<()> {
    let params = [network.get().into(), affiliate_id.into(), Param::Ints(numbers), invoice.get().into()];
    if tx.execute(TAKE_REFERRALS, &params)? != numbers.len() as u64 {
        return Err(tx.conflict());
    }
    Ok(())
}

/// Whether the fee for a referred affiliate is on an invoice.
///
/// # Errors
/// What the database says.
pub fn flat_paid(tx: &mut dyn Tx, network: NetworkId, of: &Referral) -> Result<bool> {
    let params =
        [network.get().into(), of.affiliate_id.into(), of.referred_id.into(), (&of.basis).into(), (&of.share).into()];
    Ok(tx.query_one(FLAT_PAID, &params)?.is_some())
}

/// A balance that a party brought along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpeningBalance {
    /// Whose, and in which currency.
    pub book: Book,
    /// Billing units: above zero what the party is billed for on its next invoice, below what is its credit.
    pub units: i64,
    /// As of which day.
    pub day: Day,
    /// The invoice that took it.
    pub invoice_id: Option<InvoiceId>,
}

fn opening(row: &Row) -> Result<OpeningBalance> {
    let kind = row.text(0)?;
    let kind = InvoiceKind::parse(kind).ok_or_else(|| Error::Corrupt(format!("kind {kind}")))?;
    Ok(OpeningBalance {
        book: Book { kind, party_id: row.int(1)?, currency: currency(row.text(2)?)? },
        units: row.int(3)?,
        day: day(row.int(4)?)?,
        invoice_id: Some(row.int(5)?).filter(|id| *id != 0).map(InvoiceId::new),
    })
}

/// The opening balances of some parties.
///
/// # Errors
/// What the database says.
pub fn openings_of(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
) -> Result<Vec<OpeningBalance>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties)];
    tx.query(OPENINGS_OF, &params)?.iter().map(opening).collect()
}

/// Records opening balances.
///
/// # Errors
/// What the database says; a book has one at most.
pub fn add_openings(
    tx: &mut dyn Tx,
    network: NetworkId,
    openings: &[OpeningBalance],
    now: Timestamp,
    by: &str,
) -> Result<()> {
    let mut values = Vec::with_capacity(openings.len() * 9);
    for opening in openings {
        values.extend([
            Param::Int(network.get()),
            opening.book.kind.as_str().into(),
            opening.book.party_id.into(),
            opening.book.currency.code().into(),
            opening.units.into(),
            day_number(opening.day).into(),
            Param::Int(0),
            now.micros().into(),
            by.into(),
        ]);
    }
    tx.bulk(&ADD_OPENINGS, &values)?;
    Ok(())
}

/// Marks an opening balance as taken by an invoice.
///
/// # Errors
/// What the database says.
pub fn take_opening(tx: &mut dyn Tx, network: NetworkId, book: Book, invoice: InvoiceId) -> Result<()> {
    let params = [
        network.get().into(),
        book.kind.as_str().into(),
        book.party_id.into(),
        book.currency.code().into(),
        invoice.get().into(),
    ];
    tx.execute(TAKE_OPENING, &params)?;
    Ok(())
}

/// What a void invoice had taken besides conversions is pending again.
///
/// # Errors
/// What the database says.
pub fn release(tx: &mut dyn Tx, network: NetworkId, book: Book, invoice: InvoiceId) -> Result<()> {
    tx.execute(RELEASE_REFERRALS, &[network.get().into(), invoice.get().into()])?;
    let params = [network.get().into(), book.kind.as_str().into(), book.party_id.into(), invoice.get().into()];
    tx.execute(RELEASE_OPENING, &params)?;
    Ok(())
}

/// The network's volume bonuses: id and rules as JSON.
///
/// # Errors
/// What the database says.
pub fn bonuses(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<(i64, String)>> {
    tx.query(BONUSES, &[network.get().into()])?.iter().map(|row| Ok((row.int(0)?, row.string(1)?))).collect()
}

/// Writes volume bonuses, in place of those of the same ids.
///
/// # Errors
/// What the database says.
pub fn put_bonuses(tx: &mut dyn Tx, network: NetworkId, bonuses: &[(i64, String)]) -> Result<()> {
    let mut values = Vec::with_capacity(bonuses.len() * 3);
    for (id, rules) in bonuses {
        values.extend([Param::Int(network.get()), Param::Int(*id), Param::Text(rules)]);
    }
    tx.bulk(&PUT_BONUSES, &values)?;
    Ok(())
}

/// What invoices have counted and paid for a bonus in a calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Whose conversions, and in which currency.
    pub book: Book,
    /// The bonus.
    pub bonus_id: i64,
    /// The first day of the month.
    pub month: Day,
    /// How many.
    pub conversions: i64,
    /// What they come to, in billing units.
    pub units: i64,
    /// What was paid for it, in billing units.
    pub bonus_units: i64,
}

/// What the non-void invoices of some parties have counted in some months.
///
/// # Errors
/// What the database says.
pub fn counted(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    parties: &[i64],
    months: &[i64],
) -> Result<Vec<Counted>> {
    let params = [network.get().into(), kind.as_str().into(), Param::Ints(parties), Param::Ints(months)];
    let counted = |row: &Row| {
        Ok(Counted {
            book: Book { kind, party_id: row.int(0)?, currency: currency(row.text(1)?)? },
            bonus_id: row.int(2)?,
            month: day(row.int(3)?)?,
            conversions: row.int(4)?,
            units: row.int(5)?,
            bonus_units: row.int(6)?,
        })
    };
    tx.query(COUNTED, &params)?.iter().map(counted).collect()
}

/// Adds to what invoices count and pay. No invoice has a bonus, month and currency twice.
///
/// # Errors
/// What the database says.
pub fn add_counted(tx: &mut dyn Tx, network: NetworkId, counted: &[(InvoiceId, Counted)]) -> Result<()> {
    let mut values = Vec::with_capacity(counted.len() * 10);
    for (invoice, row) in counted {
        values.extend([
            Param::Int(network.get()),
            row.book.kind.as_str().into(),
            row.book.party_id.into(),
            invoice.get().into(),
            row.bonus_id.into(),
            day_number(row.month).into(),
            row.book.currency.code().into(),
            row.conversions.into(),
            row.units.into(),
            row.bonus_units.into(),
        ]);
    }
    tx.bulk(&ADD_COUNTED, &values)?;
    Ok(())
}
