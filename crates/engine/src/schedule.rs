//! The schedule: what is due by the parties' billing cycles, made once, also after a time off.
//!
//! Each party that is invoiced automatically keeps the last day of the last period that was dealt with. A period is due
//! when it is over and the party's delay has passed. Each is a run of its own, in order, so that catching up makes the
//! invoices that would have been made; the run that finishes moves the parties on in the same transaction, and of several
//! processes that come to the same run one starts it and all drive it.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::time::Day;
use quittance_store::parties::Party;
use quittance_store::runs::{self, RunFilter};
use quittance_store::{Tx, extras, parties};

use crate::billing::{self, Parties, RunReport, RunRequest};
use crate::error::Result;
use crate::ingest::Releasing;
use crate::party_rules::PartyRules;
use crate::settings::Settings;
use crate::{Call, Engine, networks};

/// How many runs one look at the schedule makes at most: years of weekly invoices.
const RUNS_MAX: usize = 1_000;
/// Of how many parties one transaction finds out what is due, where those of others make no difference to them.
const REHEARSED_TOGETHER: usize = 500;
/// How many runs are looked at for one of the schedule that has not come to its end.
const UNFINISHED_MAX: i64 = 100;

/// What a look at the schedule has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleReport {
    /// Conversions whose hold was over and that are approved now.
    pub released: u64,
    /// The runs, in order.
    pub runs: Vec<RunReport>,
}

/// Some parties whose schedule is looked at.
type Scheduled = BTreeSet<(PartyKind, i64)>;

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

    /// What [`Engine::bill_due`] would do, found out by doing it in transactions that are undone: what comes off hold, and
    /// each run after the ones before it. Nothing is written. Whoever writes waits for one such transaction at a time, which
    /// is about some parties only where no invoice of theirs depends on others'.
    ///
    /// # Errors
    /// What the store says.
    pub fn preview_due(&self, call: &Call) -> Result<ScheduleReport> {
        let releasing = self.releasing(call)?;
        let mut report = ScheduleReport::default();
        let mut runs: BTreeMap<(Day, PartyKind), RunReport> = BTreeMap::new();
        for some in self.store.read(|tx| apart(tx, call))? {
            let (released, made) = self.store.rehearse(|tx| rehearsed(tx, call, &releasing, &some))?;
            // Each of them releases everything.
            report.released = report.released.max(released);
            for run in made {
                let key = (run.through, run.kind.party_kind());
                let sum = match runs.remove(&key) {
                    Some(earlier) => earlier.with(run)?,
                    None => run,
                };
                runs.insert(key, sum);
            }
        }
        report.runs = runs.into_values().take(RUNS_MAX).collect();
        Ok(report)
    }

    /// The runs that are due, each party's next period only, the earliest first.
    ///
    /// # Errors
    /// What the store says.
    pub fn due(&self, call: &Call) -> Result<Vec<RunRequest>> {
        self.store.read(|tx| due(tx, call, None))
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
        let releasing = self.releasing(call)?;
        let mut released = 0;
        loop {
            let held = self.store.read(|tx| releasing.held(tx))?;
            let count = if held.is_empty() { 0 } else { self.store.write(|tx| releasing.release(tx, &held))? };
            if count == 0 {
                return Ok(released);
            }
            released += count;
        }
    }
}

/// The runs that are due, of all parties or of some.
fn due(tx: &mut dyn Tx, call: &Call, only: Option<&Scheduled>) -> Result<Vec<RunRequest>> {
    let settings = networks::settings(tx, call.network)?;
    let network = networks::network(tx, call.network)?;
    let today = networks::zone(&network)?.day_of(call.now);
    let mut due: BTreeMap<(Day, PartyKind), Vec<i64>> = BTreeMap::new();
    for party in parties::scheduled(tx, call.network)? {
        if only.is_some_and(|only| !only.contains(&(party.kind, party.party_id))) {
            continue;
        }
        if let Some(end) = due_period_end(&party, &settings, today)? {
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

/// Does what is due of some parties in the present transaction, which is going to be undone.
fn rehearsed(
    tx: &mut dyn Tx,
    call: &Call,
    releasing: &Releasing<'_>,
    some: &Scheduled,
) -> Result<(u64, Vec<RunReport>)> {
    let (mut released, mut runs) = (0, Vec::new());
    loop {
        let held = releasing.held(tx)?;
        let count = if held.is_empty() { 0 } else { releasing.release(tx, &held)? };
        if count == 0 {
            break;
        }
        released += count;
    }
    while let Some(request) = due(tx, call, Some(some))?.into_iter().next().filter(|_| runs.len() < RUNS_MAX) {
        runs.push(billing::rehearse(tx, call, &request)?);
    }
    Ok((released, runs))
}

/// The parties whose schedule can be looked at apart from the others', at least one set. Where there are referrals, the
/// invoices of affiliates make lines of others; and a run that is to be continued is one of all its parties.
fn apart(tx: &mut dyn Tx, call: &Call) -> Result<Vec<Scheduled>> {
    let scheduled = parties::scheduled(tx, call.network)?;
    let keys = |kind: PartyKind| {
        let of_kind = scheduled.iter().filter(move |party| party.kind == kind);
        of_kind.map(|party| (party.kind, party.party_id)).collect::<Vec<_>>()
    };
    let unfinished = RunFilter { done: Some(false), ..RunFilter::default() };
    let unfinished = runs::list(tx, call.network, &unfinished, 0, UNFINISHED_MAX)?;
    if unfinished.iter().any(|run| billing::is_scheduled(&run.parameters)) {
        return Ok(vec![scheduled.iter().map(|party| (party.kind, party.party_id)).collect()]);
    }
    let mut refers = extras::any_referral(tx, call.network)?;
    for party in &scheduled {
        refers |= PartyRules::of(party)?.referrer.is_some();
    }
    let affiliates = keys(PartyKind::Affiliate);
    let together = if refers { affiliates.len().max(1) } else { REHEARSED_TOGETHER };
    let mut sets: Vec<Scheduled> = affiliates.chunks(together).map(|part| part.iter().copied().collect()).collect();
    sets.extend(keys(PartyKind::Advertiser).chunks(REHEARSED_TOGETHER).map(|part| part.iter().copied().collect()));
    if sets.is_empty() {
        sets.push(Scheduled::new());
    }
    Ok(sets)
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
