//! Conversions: what a tracker sends, what is kept of it, and what a record does to what is kept.

use crate::currency::Currency;
use crate::ids::{AdvertiserId, AffiliateId, OfferId};
use crate::money::{AmountError, Money};
use crate::time::{Day, Timestamp};

mod shares;

pub use self::shares::{DefaultAmount, SaleShare, Terms};
use self::shares::{Owed, Sale};

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

    /// The status for a word that means the same to every tracker, in any case; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<ConversionStatus> {
        WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, status)| *status)
    }
}

/// The words of trackers that mean the same everywhere, our own first.
const WORDS: [(&str, ConversionStatus); 11] = [
    ("approved", ConversionStatus::Approved),
    ("pending", ConversionStatus::Pending),
    ("hold", ConversionStatus::Hold),
    ("rejected", ConversionStatus::Rejected),
    ("confirmed", ConversionStatus::Approved),
    ("sale", ConversionStatus::Approved),
    ("declined", ConversionStatus::Rejected),
    ("invalid", ConversionStatus::Rejected),
    ("reversed", ConversionStatus::Rejected),
    ("trash", ConversionStatus::Rejected),
    ("not_found", ConversionStatus::Rejected),
];

/// The names of the descriptive texts, in the order of [`Texts`].
pub const TEXT_NAMES: [&str; 10] =
    ["sale_amount", "goal", "click_id", "country", "sub1", "sub2", "sub3", "sub4", "sub5", "comment"];

/// The place of the sale amount among them.
pub const SALE_AMOUNT: usize = 0;

/// The place of the goal among them.
pub const GOAL: usize = 1;

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
    /// The source says that it has paid the conversion itself.
    pub settled: bool,
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
    /// Which shares of the sale amount these are.
    pub terms: Terms,
    /// When the tracker last changed it, as far as it said.
    pub updated_at: Option<Timestamp>,
    /// It was paid where it comes from: once it was, it counts in nobody's books, whatever is said of it later.
    pub settled: bool,
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

impl Elsewhere {
    /// In nobody's books.
    pub const BOTH: Elsewhere = Elsewhere { payable: true, receivable: true };
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
    /// Which shares of the sale amount these were.
    pub terms: Option<Terms>,
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
        conversion.terms = self.terms.unwrap_or(present.terms);
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
            terms: Some(received.terms).filter(|terms| *terms != now.terms),
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
    /// The sale amount, a decimal; an empty one takes it away. What is a share of it is worked out anew, unless it is given
    /// here, too.
    pub sale_amount: Option<String>,
    /// The comment; an empty one takes it away.
    pub comment: Option<String>,
}

/// A known conversion as an edit leaves it, and what was last received of the fields that differ from it.
///
/// # Errors
/// An amount is none, or a sale amount is taken away of which something is a share.
pub fn edited_state(
    known: &KnownConversion,
    edit: &ConversionEdit,
) -> Result<(Conversion, Option<Box<Received>>), RecordError> {
    let present = &known.conversion;
    let mut next = present.clone();
    next.status = edit.status.unwrap_or(present.status);
    for (place, text) in [(SALE_AMOUNT, &edit.sale_amount), (COMMENT, &edit.comment)] {
        if let Some(text) = text {
            next.texts[place] = Some(text.as_str()).filter(|text| !text.is_empty()).map(Into::into);
        }
    }
    let sale = Sale { known: present.texts[SALE_AMOUNT].as_deref(), next: next.texts[SALE_AMOUNT].as_deref() };
    let payout = present.payout_owed().revised("payout", edit.payout.as_deref(), edit.payout_currency, sale)?;
    let revenue = present.revenue_owed().revised("revenue", edit.revenue.as_deref(), edit.revenue_currency, sale)?;
    if let Some(sale) = edit.sale_amount.as_deref().filter(|text| !text.is_empty()) {
        amount("sale_amount", sale, payout.amount.currency())?;
    }
    next.owes(payout, revenue);
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
    /// A sale amount is taken away of which something is a share.
    #[error("sale_amount: {of} is {share} % of it: set {of} too, or a sale amount of 0")]
    ShareOfNothing {
        /// What is the share: payout or revenue.
        of: &'static str,
        /// The share.
        share: SaleShare,
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
            RecordError::ShareOfNothing { .. } => "sale_amount",
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
        (Some(text), _) => Owed::given(amount("payout", text, payout_currency)?),
        (None, Some(default)) => default.owed("payout", sale, payout_currency)?,
        (None, None) => return Err(missing("payout")),
    };
    // A share is in the currency of what it is a share of, where the record says one.
    let of_sale = record
        .payout_currency
        .filter(|_| record.revenue.is_none() && defaults.revenue.is_some_and(DefaultAmount::is_share));
    let revenue_currency = record.revenue_currency.or(of_sale).unwrap_or(defaults.revenue_currency);
    // A fixed amount of the offer is in the advertiser's currency; a share is in that of what it is a share of.
    let default = defaults.revenue.filter(|default| record.revenue_currency.is_none() || default.is_share());
    let revenue = match (&record.revenue, default) {
        (Some(text), _) => Owed::given(amount("revenue", text, revenue_currency)?),
        (None, Some(default)) => default.owed("revenue", sale, revenue_currency)?,
        (None, None) => Owed::given(Money::zero(revenue_currency)),
    };
    Ok(Conversion {
        status: record.status.ok_or(missing("status"))?,
        affiliate_id: record.affiliate_id.ok_or(missing("affiliate_id"))?,
        offer_id: record.offer_id.ok_or(missing("offer_id"))?,
        advertiser_id: record.advertiser_id.or(defaults.advertiser_id),
        occurred_at: record.occurred_at.or(record.assumed_at).ok_or(missing("occurred_at"))?,
        payout: payout.amount,
        revenue: revenue.amount,
        terms: Terms { payout: payout.share, revenue: revenue.share },
        updated_at: record.updated_at,
        settled: record.settled,
        conversion_id: record.conversion_id.clone(),
        texts: record.texts.clone(),
    })
}

/// What a record does to a known conversion. Fields that the record leaves out keep what was filled in at first; but what was
/// worked out as a share of the sale amount follows it, at the share of that time.
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
    let mut texts = record.texts.clone();
    for (text, kept) in texts.iter_mut().zip(&known.texts) {
        if text.is_none() {
            text.clone_from(kept);
        }
    }
    let sale = Sale { known: known.texts[SALE_AMOUNT].as_deref(), next: texts[SALE_AMOUNT].as_deref() };
    let payout = known.payout_owed().revised("payout", record.payout.as_deref(), record.payout_currency, sale)?;
    let revenue = known.revenue_owed().revised("revenue", record.revenue.as_deref(), record.revenue_currency, sale)?;
    let next = Conversion {
        // The caller has found it by that id; the record may name it by a part of it.
        conversion_id: known.conversion_id.clone(),
        status: record.status.unwrap_or(known.status),
        affiliate_id: record.affiliate_id.unwrap_or(known.affiliate_id),
        offer_id: record.offer_id.unwrap_or(known.offer_id),
        advertiser_id: record.advertiser_id.or(known.advertiser_id),
        occurred_at: record.occurred_at.unwrap_or(known.occurred_at),
        payout: payout.amount,
        revenue: revenue.amount,
        terms: Terms { payout: payout.share, revenue: revenue.share },
        updated_at: record.updated_at.or(known.updated_at),
        settled: known.settled || record.settled,
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
