//! Billing runs: what is asked, and what came of it.

mod asked;
mod by_sum;
mod decide;
mod entries;
pub(crate) mod extras;
pub(crate) mod facts;
pub(crate) mod issue;
mod itemized;
mod one;
mod payout;
pub(crate) mod referrals;
mod run;
pub(crate) mod sharing;
mod sums;

pub(crate) use run::{chose, is_scheduled, rehearse};

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::Day;
pub use quittance_store::runs::{Run, RunFilter, RunSkip, RunTotal};
pub use quittance_store::write_offs::WriteOff;

pub use self::asked::AskedInvoice;
pub use self::by_sum::SumRefusal;
pub use self::itemized::ItemizedInvoice;
pub use self::one::OneInvoice;
pub use self::payout::PayoutConditions;
use crate::error::Result;

/// How many books are dealt with in one transaction, and so how many invoices are issued in it at the most.
pub const BATCH_BOOKS_MAX: i64 = 500;

/// Which parties a run bills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Parties {
    /// All.
    #[default]
    All,
    /// Only these.
    Only(Vec<i64>),
    /// All but these.
    Except(Vec<i64>),
}

/// Where a run starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FirstDay {
    /// With the first unbilled conversion of each book.
    #[default]
    FirstUnbilled,
    /// Where the last invoice of each book ended.
    LastInvoice,
    /// On a day.
    Day(Day),
}

/// What is asked of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The last day, inclusive.
    pub through: Day,
    /// The first day; what differs from earlier invoices is taken whatever it says.
    pub from: FirstDay,
    /// Which parties.
    pub parties: Parties,
    /// Only these offers.
    pub offers: Option<Vec<i64>>,
    /// Only conversions of these advertisers.
    pub advertisers: Option<Vec<i64>>,
    /// Only these currencies of conversions.
    pub currencies: Option<Vec<Currency>>,
    /// Only conversions of these countries, as the tracker says them; case makes no difference.
    pub countries: Option<Vec<String>>,
    /// Only as many conversions of the one book that is asked for as add up to this, the last one whole.
    pub sum: Option<Money>,
    /// An invoice that somebody asks for by name, of one party: minimum, hold, payment method and an odd total do not
    /// keep it from being issued. A sum is always asked for by name.
    pub unbound: bool,
    /// What totals zero or less is not issued, also where nothing else keeps it from being so.
    pub positive: bool,
    /// What is issued is approved at once, also where the network's setting does not say so.
    pub approve: bool,
    /// Notes on each invoice that its party does not see.
    pub internal_notes: String,
    /// The schedule asks for it: nothing before the day on which a party's automatic invoices start is taken, and the
    /// parties go on to their next period.
    pub scheduled: bool,
}

impl RunRequest {
    /// A run over everything of all affiliates up to a day.
    #[must_use]
    pub fn payable_through(through: Day) -> RunRequest {
        RunRequest {
            kind: InvoiceKind::Payable,
            through,
            from: FirstDay::FirstUnbilled,
            parties: Parties::All,
            offers: None,
            advertisers: None,
            currencies: None,
            countries: None,
            sum: None,
            unbound: false,
            positive: false,
            approve: false,
            internal_notes: String::new(),
            scheduled: false,
        }
    }

    /// A run over everything of all advertisers up to a day.
    #[must_use]
    pub fn receivable_through(through: Day) -> RunRequest {
        RunRequest { kind: InvoiceKind::Receivable, ..RunRequest::payable_through(through) }
    }

    /// Whether single conversions are chosen, and not whole days of offers.
    fn by_entry(&self) -> bool {
        self.sum.is_some() || self.countries.is_some() || self.advertisers.is_some()
    }

    /// Whether only some conversions of a book are asked for.
    fn chooses(&self) -> bool {
        self.by_entry() || self.offers.is_some()
    }

    fn is_unbound(&self) -> bool {
        self.unbound || self.sum.is_some()
    }
}

/// What a run has issued and left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The run; `None` for a preview, which is recorded nowhere.
    pub run_id: Option<RunId>,
    /// What it issues.
    pub kind: InvoiceKind,
    /// The last day that it bills.
    pub through: Day,
    /// It has come to its end.
    pub done: bool,
    /// What it issued, by currency.
    pub totals: Vec<RunTotal>,
    /// What it left out, by party and currency.
    pub skipped: Vec<RunSkip>,
    /// Negative totals that it gave up, by party and currency.
    pub written_off: Vec<WriteOff>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    /// The run.
    pub run: Run,
    /// What it issued, by currency.
    pub totals: Vec<RunTotal>,
}

impl RunReport {
    /// Of a run that has not issued anything.
    fn nothing(request: &RunRequest) -> RunReport {
        let RunRequest { kind, through, .. } = *request;
        let (totals, skipped, written_off) = (Vec::new(), Vec::new(), Vec::new());
        RunReport { run_id: None, kind, through, done: true, totals, skipped, written_off }
    }

    /// This one and that of other parties in the same run.
    pub(crate) fn with(mut self, other: RunReport) -> Result<RunReport> {
        for total in other.totals {
            match self.totals.iter_mut().find(|known| known.currency == total.currency) {
                None => self.totals.push(total),
                Some(known) => {
                    known.invoices += total.invoices;
                    known.units = sum_units([known.units, total.units])?;
                }
            }
        }
        self.totals.sort_by_key(|total| total.currency.code());
        self.skipped.extend(other.skipped);
        self.skipped.sort_by_key(|skip| (skip.party_id, skip.currency.code()));
        self.written_off.extend(other.written_off);
        self.written_off.sort_by_key(|given_up| (given_up.party_id, given_up.currency.code()));
        self.done &= other.done;
        Ok(self)
    }

    /// How many invoices were issued.
    #[must_use]
    pub fn invoices(&self) -> i64 {
        self.totals.iter().map(|total| total.invoices).sum()
    }
}
