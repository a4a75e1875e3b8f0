//! Billing runs: what is asked, and what came of it.

mod decide;
pub(crate) mod facts;
pub(crate) mod issue;
mod run;
mod sums;

use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::time::Day;
use quittance_store::runs::{RunSkip, RunTotal};

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

/// What is asked of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRequest {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The last day, inclusive.
    pub through: Day,
    /// The first day; what differs from earlier invoices is taken whatever it says.
    pub from: Option<Day>,
    /// Which parties.
    pub parties: Parties,
    /// Only these offers.
    pub offers: Option<Vec<i64>>,
}

impl RunRequest {
    /// A run over everything of all affiliates up to a day.
    #[must_use]
    pub fn payable_through(through: Day) -> RunRequest {
        RunRequest { kind: InvoiceKind::Payable, through, from: None, parties: Parties::All, offers: None }
    }

    /// A run over everything of all advertisers up to a day.
    #[must_use]
    pub fn receivable_through(through: Day) -> RunRequest {
        RunRequest { kind: InvoiceKind::Receivable, ..RunRequest::payable_through(through) }
    }
}

/// What a run has issued and left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The run; `None` for a preview, which is recorded nowhere.
    pub run_id: Option<RunId>,
    /// What it issues.
    pub kind: InvoiceKind,
    /// It has come to its end.
    pub done: bool,
    /// What it issued, by currency.
    pub totals: Vec<RunTotal>,
    /// What it left out, by party and currency.
    pub skipped: Vec<RunSkip>,
}

impl RunReport {
    /// How many invoices were issued.
    #[must_use]
    pub fn invoices(&self) -> i64 {
        self.totals.iter().map(|total| total.invoices).sum()
    }
}
