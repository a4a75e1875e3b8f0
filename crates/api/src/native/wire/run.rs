//! Billing runs.

use std::collections::BTreeMap;

use quittance_domain::rates::MissingRate as Missing;
use quittance_engine::billing::{ListedRun as Known, RunReport};
use quittance_engine::schedule::ScheduleReport;
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Amount, Code, Date, Instant, Period};

/// What a billing run did, does, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Run {
    /// Its id; `null` of a dry run.
    pub run_id: Option<i64>,
    /// `payable` or `receivable`.
    pub kind: &'static str,
    /// The last day that it bills.
    pub through: Date,
    /// `running` or `done`.
    pub status: &'static str,
    /// How many invoices it issued.
    pub invoices: i64,
    /// Their sums by currency.
    pub totals: BTreeMap<String, Amount>,
    /// What it left out.
    pub skipped: Vec<RunSkip>,
    /// Negative totals that it gave up.
    pub written_off: Vec<RunWriteOff>,
}

/// A party that a run left out in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunSkip {
    /// The affiliate, of a payable run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser, of a receivable run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The currency.
    pub currency: Code,
    /// What would have been billed.
    pub amount: Amount,
    /// Why not: `below_minimum`, `no_payment_method`, `not_positive`, `party_on_hold`, `party_inactive`, `offer_hold`,
    /// `before_auto_start`, `missing_rate`. A party may be there more than once.
    pub reason: String,
    /// The rate that it waits for; only where the reason is `missing_rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub missing_rate: Option<MissingRate>,
}

/// A rate that something waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingRate {
    /// The currency that there is.
    pub from: Code,
    /// The currency that is wanted.
    pub to: Code,
    /// The day for which a rate is wanted.
    pub date: Date,
    /// The newest rate up to then, which is too old; `null` where there is none.
    pub newest: Option<NewestRate>,
}

/// The newest rate that there is of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewestRate {
    /// Its day.
    pub date: Date,
    /// How many units of the wanted currency one unit was.
    pub rate: String,
}

fn missing_rate(missing: &Missing) -> MissingRate {
    let newest = missing.newest.as_ref();
    MissingRate {
        from: missing.from.into(),
        to: missing.into.into(),
        date: missing.day.into(),
        newest: newest.map(|(day, rate)| NewestRate { date: (*day).into(), rate: rate.clone() }),
    }
}

/// A negative total that a run gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunWriteOff {
    /// The affiliate, of a payable run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser, of a receivable run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The currency.
    pub currency: Code,
    /// The amount.
    pub amount: Amount,
    /// The days it was for.
    pub period: Period,
}

/// A billing run, in the shape that scripts read.
#[must_use]
pub fn run(report: &RunReport) -> Run {
    let totals = report.totals.iter().map(|t| (t.currency.code().to_owned(), Amount::of(t.units, t.currency)));
    let skipped = report.skipped.iter().map(|skip| {
        let (affiliate_id, advertiser_id) = super::party_ids(report.kind, skip.party_id);
        RunSkip {
            affiliate_id,
            advertiser_id,
            currency: skip.currency.into(),
            amount: Amount::of(skip.units, skip.currency),
            reason: skip.reason.to_string(),
            missing_rate: skip.missing_rate.as_ref().map(missing_rate),
        }
    });
    let written_off = report.written_off.iter().map(|given_up| {
        let (affiliate_id, advertiser_id) = super::party_ids(report.kind, given_up.party_id);
        RunWriteOff {
            affiliate_id,
            advertiser_id,
            currency: given_up.currency.into(),
            amount: Amount::of(given_up.units, given_up.currency),
            period: given_up.period.into(),
        }
    });
    Run {
        run_id: report.run_id.map(|id| id.get()),
        kind: report.kind.as_str(),
        through: report.through.into(),
        status: if report.done { "done" } else { "running" },
        invoices: report.invoices(),
        totals: totals.collect(),
        skipped: skipped.collect(),
        written_off: written_off.collect(),
    }
}

/// What was due by schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DueRuns {
    /// How many conversions came off hold, or would.
    pub released: u64,
    /// The runs that were made or would be, in order.
    pub runs: Vec<Run>,
}

/// What a look at the schedule has done.
#[must_use]
pub fn schedule(report: &ScheduleReport) -> DueRuns {
    DueRuns { released: report.released, runs: report.runs.iter().map(run).collect() }
}

/// A billing run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListedRun {
    /// Its id.
    pub run_id: i64,
    /// `payable` or `receivable`.
    pub kind: &'static str,
    /// `running` or `done`.
    pub status: &'static str,
    /// The last day that it bills.
    pub through: Date,
    /// How many invoices it has issued.
    pub invoices: i64,
    /// Their sums by currency.
    pub totals: BTreeMap<String, Amount>,
    /// When it was started.
    pub started_at: Instant,
    /// By whom.
    pub started_by: String,
    /// When it came to its end.
    pub finished_at: Option<Instant>,
}

/// A page of billing runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub billing_runs: Vec<ListedRun>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A billing run in a list.
#[must_use]
pub fn listed_run(listed: &Known) -> ListedRun {
    let Known { run, totals } = listed;
    ListedRun {
        run_id: run.run_id.get(),
        kind: run.kind.as_str(),
        status: if run.done { "done" } else { "running" },
        through: run.cut.through.into(),
        invoices: totals.iter().map(|total| total.invoices).sum(),
        totals: totals.iter().map(|t| (t.currency.code().to_owned(), Amount::of(t.units, t.currency))).collect(),
        started_at: run.started_at.into(),
        started_by: run.started_by.clone(),
        finished_at: run.finished_at.map(Instant::from),
    }
}
