//! The schedule: what is due by the parties' billing cycles, made once, also after a time off.
//!
//! Each party that is invoiced automatically keeps the last day of the last period that was dealt with. A period is due
//! when it is over and the party's delay has passed. Each is a run of its own, in order, so that catching up makes the
//! invoices that would have been made; the run that finishes moves the parties on in the same transaction, and of several
//! processes that come to the same run one starts it and all drive it.

use std::collections::BTreeMap;

use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::time::Day;
use quittance_store::parties::Party;
use quittance_store::{Tx, conversions, parties};

use crate::billing::{Parties, RunReport, RunRequest};
use crate::error::Result;
use crate::party_rules::PartyRules;
use crate::settings::Settings;
use crate::{Call, Engine};

/// How many conversions on hold are released in one transaction.
const RELEASE_MAX: i64 = 5_000;
/// How many runs one look at the schedule makes at most: years of weekly invoices.
const RUNS_MAX: usize = 1_000;

/// What a look at the schedule has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleReport {
    /// Conversions whose hold was over and that are approved now.
    pub released: u64,
    /// The runs, in order.
    pub runs: Vec<RunReport>,
}

impl Engine {
    /// Does what is due: tells of invoices that are overdue, releases conversions whose hold days are over, then makes each
    /// run that is due.
    ///
    /// # Errors
    /// What the store says. What was done before stays done, and the next look goes on.
    pub fn bill_due(&self, call: &Call, progress: &mut dyn FnMut(&RunReport)) -> Result<ScheduleReport> {
        self.tell_overdue(call)?;
        let mut report = ScheduleReport { released: self.release_holds(call)?, ..ScheduleReport::default() };
        while let Some(request) = self.next_due(call)?.filter(|_| report.runs.len() < RUNS_MAX) {
            report.runs.push(self.bill(call, &request, progress)?);
        }
        Ok(report)
    }

    /// What the next runs that are due would issue, one for each kind and last day. Writes nothing.
    ///
    /// # Errors
    /// What the store says.
    pub fn preview_due(&self, call: &Call) -> Result<Vec<RunReport>> {
        let due = self.due(call)?;
        due.into_iter().map(|request| self.preview(call, &request)).collect()
    }

    /// The runs that are due, each party's next period only, the earliest first.
    ///
    /// # Errors
    /// What the store says.
    pub fn due(&self, call: &Call) -> Result<Vec<RunRequest>> {
        let settings = self.network_settings(call)?;
        let today = self.zone_of(call)?.day_of(call.now);
        let all = self.store.read(|tx| parties::scheduled(tx, call.network))?;
        let mut due: BTreeMap<(Day, PartyKind), Vec<i64>> = BTreeMap::new();
        for party in &all {
            if let Some(end) = due_period_end(party, &settings, today)? {
                due.entry((end, party.kind)).or_default().push(party.party_id);
            }
        }
        let request = |((through, kind), ids): ((Day, PartyKind), Vec<i64>)| RunRequest {
            kind: kind.invoice_kind(),
            parties: Parties::Only(ids),
            scheduled: true,
            ..RunRequest::payable_through(through)
        };
        Ok(due.into_iter().map(request).collect())
    }

    fn next_due(&self, call: &Call) -> Result<Option<RunRequest>> {
        Ok(self.due(call)?.into_iter().next())
    }

    /// Approves the conversions on hold whose offer's hold days are over. Those of offers without hold days wait for the
    /// tracker. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub fn release_holds(&self, call: &Call) -> Result<u64> {
        let today = self.zone_of(call)?.day_of(call.now);
        let offers = self.store.read(|tx| parties::holding_offers(tx, call.network))?;
        let mut released = 0;
        loop {
            let held = self.store.read(|tx| conversions::releasable(tx, call.network, today, &offers, RELEASE_MAX))?;
            let count = if held.is_empty() { 0 } else { self.release(call, &held)? };
            if count == 0 {
                return Ok(released);
            }
            released += count;
        }
    }
}

/// The last day of a party's next period, where it is due.
fn due_period_end(party: &Party, settings: &Settings, today: Day) -> Result<Option<Day>> {
    let rules = PartyRules::of(party)?;
    let cycle = party.billing_cycle.as_deref().and_then(|title| BillingCycle::parse(title).ok());
    let (Some(cycle), Some(start)) = (cycle, rules.auto_start) else { return Ok(None) };
    let first = party.scheduled_through.map_or(start, |through| through.plus_days(1).max(start));
    let period = cycle.period_containing(first, &rules.starts(settings.week_start));
    Ok(period.map(|period| period.end).filter(|end| end.plus_days(rules.delay_days) < today))
}

/// Of the parties that a scheduled run is for, those that are still to be dealt with: another process may have been
/// faster.
pub(crate) fn still_due(tx: &mut dyn Tx, call: &Call, request: &RunRequest) -> Result<bool> {
    let Parties::Only(ids) = &request.parties else { return Ok(true) };
    let kind = request.kind.party_kind();
    let parties = parties::by_ids(tx, call.network, kind, ids)?;
    Ok(parties.iter().all(|party| party.scheduled_through.is_none_or(|through| through < request.through)))
}

/// Moves the parties of a scheduled run on.
pub(crate) fn dealt_with(tx: &mut dyn Tx, call: &Call, kind: InvoiceKind, ids: &[i64], through: Day) -> Result<()> {
    Ok(parties::set_scheduled(tx, call.network, kind.party_kind(), ids, through)?)
}
