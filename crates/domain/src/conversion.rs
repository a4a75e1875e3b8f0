//! Conversions: what a tracker sends, what is kept of it, and what a record does to what is kept.

use crate::currency::Currency;
use crate::ids::{AdvertiserId, AffiliateId, OfferId};
use crate::money::{AmountError, Money};
use crate::time::{Day, Timestamp};

/// The longest conversion id, in characters.
pub const CONVERSION_ID_CHARS_MAX: usize = 64;
/// The longest descriptive text of a conversion, in characters.
pub const TEXT_CHARS_MAX: usize = 255;
/// The largest payout or revenue of one conversion, in whole currency units: far above any real one, and far enough
/// below the range of an amount that thousands of them still add up.
pub const AMOUNT_WHOLE_MAX: i64 = 1_000_000_000;

/// Where a conversion stands. Only approved ones are owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversionStatus {
    /// Counts.
    Approved,
    /// Not decided yet.
    Pending,
    /// Kept back by the tracker.
    Hold,
    /// Does not count.
    Rejected,
}

impl ConversionStatus {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConversionStatus::Approved => "approved",
            ConversionStatus::Pending => "pending",
            ConversionStatus::Hold => "hold",
            ConversionStatus::Rejected => "rejected",
        }
    }

    /// The status for a tracker's word or number; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<ConversionStatus> {
        Some(match text {
            "approved" | "confirmed" | "1" => ConversionStatus::Approved,
            "pending" | "2" => ConversionStatus::Pending,
            "hold" | "5" => ConversionStatus::Hold,
            "rejected" | "declined" | "invalid" | "reversed" | "3" => ConversionStatus::Rejected,
            _ => return None,
        })
    }
}

/// The names of the descriptive texts, in the order of [`Texts`].
pub const TEXT_NAMES: [&str; 10] =
    ["sale_amount", "goal", "click_id", "country", "sub1", "sub2", "sub3", "sub4", "sub5", "comment"];

/// The place of the sale amount among them.
pub const SALE_AMOUNT: usize = 0;

/// The place of the comment among them.
pub const COMMENT: usize = 9;

/// The descriptive texts of a conversion, in the order of [`TEXT_NAMES`].
pub type Texts = [Option<Box<str>>; TEXT_NAMES.len()];

/// What one received record says. `None`: the record does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversionRecord {
    /// The identity within the network.
    pub conversion_id: Box<str>,
    /// Who is paid.
    pub affiliate_id: Option<AffiliateId>,
    /// What was promoted.
    pub offer_id: Option<OfferId>,
    /// Who pays.
    pub advertiser_id: Option<AdvertiserId>,
    /// Where it stands.
    pub status: Option<ConversionStatus>,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// When it is taken to have happened where it is new and does not say.
    pub assumed_at: Option<Timestamp>,
    /// What is owed to the affiliate, as a decimal in the payout currency.
    pub payout: Option<Box<str>>,
    /// The payout's currency.
    pub payout_currency: Option<Currency>,
    /// What the advertiser owes, as a decimal in the revenue currency.
    pub revenue: Option<Box<str>>,
    /// The revenue's currency.
    pub revenue_currency: Option<Currency>,
    /// When the tracker last changed it.
    pub updated_at: Option<Timestamp>,
    /// The descriptive texts.
    pub texts: Texts,
}

/// A conversion as it was last received, its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The identity within the network.
    pub conversion_id: Box<str>,
    /// Where it stands.
    pub status: ConversionStatus,
    /// Who is paid.
    pub affiliate_id: AffiliateId,
    /// What was promoted.
    pub offer_id: OfferId,
    /// Who pays, where the offer has an advertiser.
    pub advertiser_id: Option<AdvertiserId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What is owed to the affiliate.
    pub payout: Money,
    /// What the advertiser owes.
    pub revenue: Money,
    /// When the tracker last changed it, as far as it said.
    pub updated_at: Option<Timestamp>,
    /// The descriptive texts.
    pub texts: Texts,
}

/// Where an entry counts: the epoch it was ingested in, the day it belongs to, the day from which it can be billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPlace {
    /// The network's epoch at ingest.
    pub epoch: i64,
    /// The day in the books: the billing day, or the first open day when that one is locked.
    pub posting_day: Day,
    /// The billing day plus the offer's hold days.
    pub billable_day: Day,
}

/// In whose books a conversion does not count, since it was billed there before the network moved over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Elsewhere {
    /// Its affiliate's.
    pub payable: bool,
    /// Its advertiser's.
    pub receivable: bool,
}

/// What was last received of the fields that Quittance has changed since; `None`: not changed here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// Where it stood.
    pub status: Option<ConversionStatus>,
    /// What was owed to the affiliate.
    pub payout: Option<Money>,
    /// What the advertiser owed.
    pub revenue: Option<Money>,
    /// Its sale amount; the inner `None`: it had none.
    pub sale_amount: Option<Option<Box<str>>>,
    /// Its comment; the inner `None`: it had none.
    pub comment: Option<Option<Box<str>>>,
}

impl Received {
    /// The conversion as it was received, below what was changed here.
    #[must_use]
    pub fn under(&self, present: &Conversion) -> Conversion {
        let mut conversion = present.clone();
        conversion.status = self.status.unwrap_or(present.status);
        conversion.payout = self.payout.unwrap_or(present.payout);
        conversion.revenue = self.revenue.unwrap_or(present.revenue);
        for (place, text) in [(SALE_AMOUNT, &self.sale_amount), (COMMENT, &self.comment)] {
            if let Some(text) = text {
                conversion.texts[place].clone_from(text);
            }
        }
        conversion
    }

    /// What differs between a conversion as it was received and as it is now; `None` where nothing does.
    #[must_use]
    pub fn beneath(received: &Conversion, now: &Conversion) -> Option<Box<Received>> {
        let text = |place: usize| Some(received.texts[place].clone()).filter(|text| *text != now.texts[place]);
        let found = Received {
            status: Some(received.status).filter(|status| *status != now.status),
            payout: Some(received.payout).filter(|payout| *payout != now.payout),
            revenue: Some(received.revenue).filter(|revenue| *revenue != now.revenue),
            sale_amount: text(SALE_AMOUNT),
            comment: text(COMMENT),
        };
        (found != Received::default()).then(|| Box::new(found))
    }
}

/// What somebody changes about a conversion in Quittance. `None`: it stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversionEdit {
    /// Where it stands.
    pub status: Option<ConversionStatus>,
    /// What is owed to the affiliate, as a decimal in the payout's currency.
    pub payout: Option<String>,
    /// The payout's currency; another one than it has needs the payout.
    pub payout_currency: Option<Currency>,
    /// What the advertiser owes, as a decimal in the revenue's currency.
    pub revenue: Option<String>,
    /// The revenue's currency; another one than it has needs the revenue.
    pub revenue_currency: Option<Currency>,
    /// The sale amount, a decimal; an empty one takes it away. Payout and revenue stay as they are.
    pub sale_amount: Option<String>,
    /// The comment; an empty one takes it away.
    pub comment: Option<String>,
}

/// A known conversion as an edit leaves it, and what was last received of the fields that differ from it.
///
/// # Errors
/// An amount is none.
pub fn edited_state(
    known: &KnownConversion,
    edit: &ConversionEdit,
) -> Result<(Conversion, Option<Box<Received>>), RecordError> {
    let present = &known.conversion;
    let mut next = present.clone();
    next.status = edit.status.unwrap_or(present.status);
    next.payout = revised_amount("payout", edit.payout.as_deref(), edit.payout_currency, present.payout)?;
    next.revenue = revised_amount("revenue", edit.revenue.as_deref(), edit.revenue_currency, present.revenue)?;
    if let Some(sale) = edit.sale_amount.as_deref().filter(|text| !text.is_empty()) {
        amount("sale_amount", sale, next.payout.currency())?;
    }
    for (place, text) in [(SALE_AMOUNT, &edit.sale_amount), (COMMENT, &edit.comment)] {
        if let Some(text) = text {
            next.texts[place] = Some(text.as_str()).filter(|text| !text.is_empty()).map(Into::into);
        }
    }
    let received = known.received.as_ref().map_or_else(|| present.clone(), |received| received.under(present));
    let beneath = Received::beneath(&received, &next);
    Ok((next, beneath))
}

/// A conversion with what the books know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownConversion {
    /// Its state: as last received, but for what Quittance has changed since.
    pub conversion: Conversion,
    /// What was last received of what Quittance has changed since. The changes stay until a record arrives that differs
    /// from the last received one.
    pub received: Option<Box<Received>>,
    /// In whose books it does not count.
    pub elsewhere: Elsewhere,
    /// Counted from 1; each change adds 1.
    pub revision: i64,
    /// Where its entry counts while it is approved.
    pub place: EntryPlace,
}

/// An offer's payout or revenue where a record names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultAmount {
    /// A fixed decimal amount.
    Fixed(Box<str>),
    /// A share of the record's sale amount: `hundredths / 10^decimals` percent.
    Percent {
        /// The percentage without its decimal point.
        digits: i64,
        /// How many of its digits are decimals.
        decimals: u32,
    },
}

impl DefaultAmount {
    /// Reads `2.50` or `12.5 %`. `None` where it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<DefaultAmount> {
        let number = text.trim().strip_suffix('%').map(str::trim_end);
        let plain = |text: &str| {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let fits = !whole.is_empty() && whole.len() <= 9 && fraction.len() <= 8;
            fits && !text.ends_with('.') && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit())
        };
        match number {
            Some(number) if plain(number) => Some(DefaultAmount::Percent {
                digits: number.replace('.', "").parse().ok()?,
                decimals: number.split_once('.').map_or(0, |(_, fraction)| fraction.len() as u32),
            }),
            None if plain(text) => Some(DefaultAmount::Fixed(text.into())),
            _ => None,
        }
    }

    /// The amount in a currency, rounded half away from zero to the billing unit where it is a share.
    fn amount(&self, sale_amount: Option<&str>, currency: Currency) -> Result<Money, RecordError> {
        match self {
            DefaultAmount::Fixed(text) => amount("payout", text, currency),
            DefaultAmount::Percent { digits, decimals } => {
                let sale = sale_amount.ok_or(RecordError::Missing { field: "sale_amount" })?;
                let sale = amount("sale_amount", sale, currency)?;
                let divisor = 100 * 10_i128.pow((*decimals).min(12));
                let product = i128::from(sale.units()) * i128::from(*digits);
                let rounded = (2 * product + product.signum() * divisor) / (2 * divisor);
                let units = i64::try_from(rounded)
                    .map_err(|_| RecordError::TooLarge { field: "payout", value: rounded.to_string() })?;
                Ok(Money::new(units, currency))
            }
        }
    }
}

/// What stands in for the fields that a new record leaves out.
#[derive(Debug, Clone)]
pub struct RecordDefaults<'a> {
    /// The offer's advertiser.
    pub advertiser_id: Option<AdvertiserId>,
    /// The offer's payout.
    pub payout: Option<&'a DefaultAmount>,
    /// The offer's payout currency.
    pub payout_currency: Option<Currency>,
    /// The affiliate's currency.
    pub affiliate_currency: Currency,
    /// The offer's revenue.
    pub revenue: Option<&'a DefaultAmount>,
    /// The advertiser's currency.
    pub revenue_currency: Currency,
}

/// Why a record cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A required field is missing.
    #[error("{field} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
    /// An amount that is none.
    #[error("{field}: {error}")]
    Amount {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        error: AmountError,
    },
    /// An amount beyond [`AMOUNT_WHOLE_MAX`].
    #[error("{field}: {value} is beyond the largest amount of one conversion, {AMOUNT_WHOLE_MAX}")]
    TooLarge {
        /// The field's name.
        field: &'static str,
        /// The value.
        value: String,
    },
}

impl RecordError {
    /// The field that is at fault.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            RecordError::Missing { field }
            | RecordError::Amount { field, .. }
            | RecordError::TooLarge { field, .. } => field,
        }
    }
}

/// What a record does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Says what is known. `updated_at` holds the record's where it is newer than the known one.
    Unchanged {
        /// To be remembered: a later record that is older than this one is stale.
        updated_at: Option<Timestamp>,
    },
    /// Older than what is known.
    Stale,
    /// A new state of a known conversion.
    Revised(Box<Conversion>),
}

fn amount(field: &'static str, text: &str, currency: Currency) -> Result<Money, RecordError> {
    let money = Money::parse(text, currency).map_err(|error| RecordError::Amount { field, error })?;
    let whole = 10_i64.pow(currency.billing_digits());
    // The quotient is compared, since the limit in units does not fit for a crypto-currency's scale.
    if (money.units() / whole).unsigned_abs() > AMOUNT_WHOLE_MAX.unsigned_abs() {
        return Err(RecordError::TooLarge { field, value: text.to_owned() });
    }
    Ok(money)
}

/// The currency and amount that a known conversion has after a record: what the record leaves out stays.
fn revised_amount(
    field: &'static str,
    text: Option<&str>,
    currency: Option<Currency>,
    known: Money,
) -> Result<Money, RecordError> {
    let currency = currency.unwrap_or(known.currency());
    match text {
        Some(text) => amount(field, text, currency),
        None if currency == known.currency() => Ok(known),
        // The old figure would mean another amount in the new currency.
        None => Err(RecordError::Missing { field }),
    }
}

/// The conversion that a first record makes.
///
/// # Errors
/// A required field is missing, or an amount is none.
pub fn first_state(record: &ConversionRecord, defaults: &RecordDefaults<'_>) -> Result<Conversion, RecordError> {
    let missing = |field| RecordError::Missing { field };
    let sale = record.texts[SALE_AMOUNT].as_deref();
    let payout_currency = match (record.payout_currency, &record.payout, defaults.payout_currency) {
        (Some(currency), _, _) => currency,
        // The offer's currency belongs to the offer's payout; a payout of the record's own is in the affiliate's.
        (None, None, Some(currency)) => currency,
        (None, _, _) => defaults.affiliate_currency,
    };
    let payout = match (&record.payout, defaults.payout) {
        (Some(text), _) => amount("payout", text, payout_currency)?,
        (None, Some(default)) => default.amount(sale, payout_currency)?,
        (None, None) => return Err(missing("payout")),
    };
    let revenue_currency = record.revenue_currency.unwrap_or(defaults.revenue_currency);
    let revenue = match (&record.revenue, defaults.revenue) {
        (Some(text), _) => amount("revenue", text, revenue_currency)?,
        (None, Some(default)) if record.revenue_currency.is_none() => default.amount(sale, revenue_currency)?,
        (None, _) => Money::zero(revenue_currency),
    };
    Ok(Conversion {
        status: record.status.ok_or(missing("status"))?,
        affiliate_id: record.affiliate_id.ok_or(missing("affiliate_id"))?,
        offer_id: record.offer_id.ok_or(missing("offer_id"))?,
        advertiser_id: record.advertiser_id.or(defaults.advertiser_id),
        occurred_at: record.occurred_at.or(record.assumed_at).ok_or(missing("occurred_at"))?,
        payout,
        revenue,
        updated_at: record.updated_at,
        conversion_id: record.conversion_id.clone(),
        texts: record.texts.clone(),
    })
}

/// What a record does to a known conversion. Fields that the record leaves out keep what was filled in at first.
///
/// # Errors
/// An amount is none, or a currency changes without its amount.
pub fn next_state(known: &KnownConversion, record: &ConversionRecord) -> Result<Outcome, RecordError> {
    let received;
    // A record is compared with what was received last, whatever was changed here since.
    let known = match &known.received {
        None => &known.conversion,
        Some(changed) => {
            received = changed.under(&known.conversion);
            &received
        }
    };
    let payout = revised_amount("payout", record.payout.as_deref(), record.payout_currency, known.payout)?;
    let revenue = revised_amount("revenue", record.revenue.as_deref(), record.revenue_currency, known.revenue)?;
    let mut texts = record.texts.clone();
    for (text, kept) in texts.iter_mut().zip(&known.texts) {
        if text.is_none() {
            text.clone_from(kept);
        }
    }
    let next = Conversion {
        conversion_id: record.conversion_id.clone(),
        status: record.status.unwrap_or(known.status),
        affiliate_id: record.affiliate_id.unwrap_or(known.affiliate_id),
        offer_id: record.offer_id.unwrap_or(known.offer_id),
        advertiser_id: record.advertiser_id.or(known.advertiser_id),
        occurred_at: record.occurred_at.unwrap_or(known.occurred_at),
        payout,
        revenue,
        updated_at: record.updated_at.or(known.updated_at),
        texts,
    };
    let older = matches!((record.updated_at, known.updated_at), (Some(new), Some(old)) if new < old);
    let same = Conversion { updated_at: known.updated_at, ..next.clone() } == *known;
    Ok(match (same, older) {
        (true, true) => Outcome::Unchanged { updated_at: None },
        (true, false) => {
            Outcome::Unchanged { updated_at: record.updated_at.filter(|_| next.updated_at != known.updated_at) }
        }
        (false, true) => Outcome::Stale,
        (false, false) => Outcome::Revised(Box::new(next)),
    })
}

/// Whether a new state stands for the same entry in the books as the old one, so that the entry is kept. The caller
/// knows whether both have the same billing day and count in the same books.
#[must_use]
pub fn keeps_entry(old: &Conversion, new: &Conversion, same_place: bool) -> bool {
    let counts = |c: &Conversion| c.status == ConversionStatus::Approved;
    let same_facts = old.affiliate_id == new.affiliate_id
        && old.offer_id == new.offer_id
        && old.advertiser_id == new.advertiser_id
        && old.payout == new.payout
        && old.revenue == new.revenue
        && same_place;
    counts(old) == counts(new) && (!counts(old) || same_facts)
}
