//! A run from its start to its end: recorded first, then batch by batch, so that a crash loses nothing and a repeat
//! continues.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use quittance_domain::accrual::{Book, Cut};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, RunId};
use quittance_domain::money::sum_units;
use quittance_domain::period::Period;
use quittance_domain::planner::PlannedInvoice;
use quittance_domain::time::Day;
use quittance_store::accruals::{self, BookState};
use quittance_store::runs::{self, Run, RunFilter, RunTotal};
use quittance_store::{Tx, networks, parties, write_offs};

use super::decide::{Decided, Decisions, decide};
use super::extras::Taken;
use super::facts::{Facts, Setup};
use super::issue::{Header, issue, write_offs_of};
use super::{BATCH_BOOKS_MAX, FirstDay, ListedRun, Parties, RunReport, RunRequest};
use crate::error::{Error, Result};
use crate::invoices::{NOTE_CHARS_MAX, bounded};
use crate::{Call, Engine, events, measure, schedule};

/// The counter of a network's runs.
const RUN_IDS: &str = "run_id";
/// The first party id and currency: before every book.
const BEFORE_ALL: (i64, &str) = (i64::MIN, "");

/// What a run of a network works with.
pub(super) struct Work<'a> {
    call: &'a Call,
    request: &'a RunRequest,
    setup: Setup,
    pub(super) today: Day,
    /// The parties that the request names, in order.
    named: Vec<i64>,
}

/// What is done with the invoices of a run in the transaction that issues them.
pub(super) type After<'a, T> = dyn FnMut(&mut dyn Tx, &Work<'_>, RunId, &[InvoiceId]) -> Result<T> + 'a;

impl Engine {
    /// Runs the billing that is asked for, or continues an unfinished run with equal parameters. `progress` hears
    /// after each batch what has been issued so far.
    ///
    /// # Errors
    /// The request is not valid, or what the store says; what was issued before stays issued, and a repeat continues.
    pub fn bill(&self, call: &Call, request: &RunRequest, progress: &mut dyn FnMut(&RunReport)) -> Result<RunReport> {
        let work = self.work(call, request)?;
        match self.store.write(|tx| work.start(tx))? {
            Some(run_id) => self.drive(&work, run_id, progress),
            None => Ok(RunReport::nothing(request)),
        }
    }

    fn drive(&self, work: &Work<'_>, run_id: RunId, progress: &mut dyn FnMut(&RunReport)) -> Result<RunReport> {
        measure::run(work.request.kind, || {
            while self.store.write(|tx| work.batch(tx, run_id))?.is_some() {
                progress(&self.progress(work.call, run_id)?);
            }
            self.run_report(work.call, run_id)
        })
    }

    /// A run of few books: all of it, and what is done with the invoices that it issues, in one transaction. It holds the
    /// lock on the epoch to its end, so that what it reads is complete all the same; where it fails, no run is left behind
    /// that a repeat would continue as of then.
    pub(super) fn bill_at_once<T>(&self, call: &Call, request: &RunRequest, after: &mut After<'_, T>) -> Result<T> {
        let work = self.work(call, request)?;
        let nothing = || Error::Conflict("the run was made meanwhile".to_owned());
        self.store.write(|tx| {
            let run_id = work.start(tx)?.ok_or_else(nothing)?;
            let mut issued = Vec::new();
            while let Some(more) = work.batch(tx, run_id)? {
                issued.extend(more);
            }
            after(tx, &work, run_id, &issued)
        })
    }

    /// Continues a run that was started, to its end.
    ///
    /// # Errors
    /// There is no such run, or as [`Engine::bill`].
    pub fn continue_run(&self, call: &Call, run_id: RunId, request: &RunRequest) -> Result<RunReport> {
        let work = self.work(call, request)?;
        self.drive(&work, run_id, &mut |_| {})
    }

    /// What a run would issue and leave out. Writes nothing. Where the run would go on with one that was cut short, that is
    /// found out by doing it in a transaction that is undone.
    ///
    /// # Errors
    /// As [`Engine::bill`].
    pub fn preview(&self, call: &Call, request: &RunRequest) -> Result<RunReport> {
        let parameters = canonical(request);
        if self.store.read(|tx| runs::unfinished(tx, call.network, request.kind, &parameters))?.is_some() {
            return self.store.rehearse(|tx| rehearse(tx, call, request));
        }
        let work = self.work(call, request)?;
        let nobody = work.header(RunId::new(0), work.today);
        let empty = || (RunReport::nothing(request), BTreeMap::<Currency, Vec<i64>>::new());
        let (mut report, mut issued) = empty();
        self.each_decision(&work, &mut |decisions| match decisions {
            None => (report, issued) = empty(),
            Some(decisions) => {
                for decided in decisions.issue {
                    issued.entry(decided.book.currency).or_default().push(decided.invoice.total_units);
                }
                report.skipped.extend(decisions.skips);
                let given_up = decisions.give_up.iter();
                report
                    .written_off
                    .extend(given_up.flat_map(|given_up| write_offs_of(&nobody, given_up, InvoiceId::new(0))));
            }
        })?;
        // As a run that is kept lists it.
        report.skipped.sort_by(|a, b| order(a).cmp(&order(b)));
        for (currency, units) in issued {
            let invoices = units.len() as i64;
            report.totals.push(RunTotal { currency, invoices, units: sum_units(units)? });
        }
        Ok(report)
    }

    /// What a run would issue, invoice by invoice: whose, and the total in billing units. Writes nothing.
    ///
    /// # Errors
    /// As [`Engine::bill`].
    pub(crate) fn planned(&self, call: &Call, request: &RunRequest) -> Result<Vec<(Book, i64)>> {
        let work = self.work(call, request)?;
        let mut planned = Vec::new();
        self.each_decision(&work, &mut |decisions| match decisions {
            None => planned.clear(),
            Some(decisions) => {
                planned.extend(decisions.issue.iter().map(|decided| (decided.book, decided.invoice.total_units)));
            }
        })?;
        Ok(planned)
    }

    /// Hands over what a run would decide, batch by batch; first none, since the whole may be done again.
    fn each_decision(&self, work: &Work<'_>, each: &mut dyn FnMut(Option<Decisions>)) -> Result<()> {
        let (call, request) = (work.call, work.request);
        self.store.read(|tx| {
            each(None);
            let epoch = networks::current_epoch(tx, call.network)?;
            let mut after = (BEFORE_ALL.0, BEFORE_ALL.1.to_owned());
            loop {
                let last = (after.0, after.1.as_str());
                let mut books = accruals::books_after(tx, call.network, request.kind, last, BATCH_BOOKS_MAX)?;
                books.extend(accruals::rest_of_party(tx, call.network, request.kind, &books)?);
                let Some(last) = books.last() else { return Ok::<_, Error>(()) };
                after = (last.book.party_id, last.book.currency.code().to_owned());
                let books = work.asked_for(books);
                each(Some(decide(tx, &work.setup, request, work.cut(epoch), &books)?));
            }
        })
    }

    /// What a run has issued and left out so far.
    ///
    /// # Errors
    /// There is no such run.
    pub fn run_report(&self, call: &Call, run_id: RunId) -> Result<RunReport> {
        self.store.read(|tx| report_of(tx, call, run_id))
    }

    /// A page of runs by id, after an id (0: from the start), each with what it has issued, without what it left out.
    ///
    /// # Errors
    /// What the store says.
    pub fn runs(&self, call: &Call, filter: &RunFilter, after: i64, limit: i64) -> Result<Vec<ListedRun>> {
        self.store.read(|tx| {
            let runs = runs::list(tx, call.network, filter, after, limit)?;
            let ids: Vec<i64> = runs.iter().map(|run| run.run_id.get()).collect();
            let mut totals: HashMap<i64, Vec<RunTotal>> = HashMap::new();
            for (id, total) in runs::totals_of(tx, call.network, &ids)? {
                totals.entry(id).or_default().push(total);
            }
            let mut listed = |run: Run| {
                let totals = totals.remove(&run.run_id.get()).unwrap_or_default();
                ListedRun { run, totals }
            };
            Ok(runs.into_iter().map(&mut listed).collect())
        })
    }

    /// What a run has issued so far. What it left out is read at the end: it may be long, and is said once.
    fn progress(&self, call: &Call, run_id: RunId) -> Result<RunReport> {
        self.store.read(|tx| {
            let run = runs::one(tx, call.network, run_id)?.ok_or_else(|| unknown(run_id))?;
            let totals = runs::totals(tx, call.network, run_id)?;
            Ok(RunReport { totals, ..of(&run) })
        })
    }

    fn work<'a>(&self, call: &'a Call, request: &'a RunRequest) -> Result<Work<'a>> {
        self.store.read(|tx| Work::open(tx, call, request))
    }
}

/// Makes a whole run in the present transaction, which is going to be undone: what it has issued and left out is what the
/// run would. What it wants others to be told of is forgotten at once.
pub(crate) fn rehearse(tx: &mut dyn Tx, call: &Call, request: &RunRequest) -> Result<RunReport> {
    let work = Work::open(tx, call, request)?;
    let Some(run_id) = work.start(tx)? else { return Ok(RunReport::nothing(request)) };
    while work.batch(tx, run_id)?.is_some() {
        tx.outbox().clear();
    }
    Ok(RunReport { run_id: None, ..report_of(tx, call, run_id)? })
}

fn report_of(tx: &mut dyn Tx, call: &Call, run_id: RunId) -> Result<RunReport> {
    let run = runs::one(tx, call.network, run_id)?.ok_or_else(|| unknown(run_id))?;
    Ok(RunReport {
        totals: runs::totals(tx, call.network, run_id)?,
        skipped: runs::skips(tx, call.network, run_id)?,
        written_off: write_offs::of_run(tx, call.network, run_id, run.kind)?,
        ..of(&run)
    })
}

/// The report of a run, without what it has issued and left out.
fn of(run: &Run) -> RunReport {
    RunReport {
        run_id: Some(run.run_id),
        kind: run.kind,
        through: run.cut.through,
        done: run.done,
        totals: Vec::new(),
        skipped: Vec::new(),
        written_off: Vec::new(),
    }
}

fn unknown(run_id: RunId) -> Error {
    Error::NotFound(format!("there is no billing run {run_id}"))
}

fn sorted(ids: &[i64]) -> Vec<i64> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What can be said of a request without the database.
fn check(request: &RunRequest, today: Day) -> Result<()> {
    if request.through > today {
        let detail = format!("through: {} is in the future, today is {today}", request.through);
        return Err(Error::invalid("/through", detail));
    }
    if let FirstDay::Day(from) = request.from
        && from > request.through
    {
        let detail = format!("from: {from} is after through, {}", request.through);
        return Err(Error::invalid("/from", detail));
    }
    let one_party = matches!(&request.parties, Parties::Only(ids) if ids.len() == 1);
    if request.unbound && !one_party {
        let detail = "an invoice without conditions is for one party at a time: name it";
        return Err(Error::invalid("/final", detail));
    }
    if request.advertisers.is_some() && request.kind == InvoiceKind::Receivable {
        let detail =
            "conversion_advertisers: the invoices of a receivable run are with advertisers: name them as parties";
        return Err(Error::invalid("/conversion_advertisers", detail));
    }
    bounded("/internal_notes", &request.internal_notes, NOTE_CHARS_MAX)?;
    check_sum(request, one_party)
}

fn check_sum(request: &RunRequest, one_party: bool) -> Result<()> {
    let Some(sum) = request.sum else { return Ok(()) };
    let one_book = one_party && request.currencies.as_deref() == Some(&[sum.currency()]);
    if !one_book {
        return Err(Error::invalid("/sum", "sum: a run by sum is for one party and one currency: name both"));
    }
    if !sum.is_positive() {
        return Err(Error::invalid("/sum", format!("sum: {sum} is not above zero")));
    }
    Ok(())
}

fn check_parties(tx: &mut dyn Tx, call: &Call, request: &RunRequest) -> Result<()> {
    let (Parties::Only(ids) | Parties::Except(ids)) = &request.parties else { return Ok(()) };
    let kind = request.kind.party_kind();
    let known = parties::by_ids(tx, call.network, kind, ids)?;
    let known: HashSet<i64> = known.iter().map(|party| party.party_id).collect();
    match ids.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(Error::invalid(format!("/{kind}s"), format!("there is no {kind} {id}"))),
        None => Ok(()),
    }
}

/// The parameters in a form in which equal requests are equal texts.
fn canonical(request: &RunRequest) -> String {
    let mut parameters = serde_json::json!({ "through": request.through.to_string() });
    match request.from {
        FirstDay::FirstUnbilled => {}
        FirstDay::LastInvoice => parameters["from"] = "last_invoice".into(),
        FirstDay::Day(day) => parameters["from"] = day.to_string().into(),
    }
    match &request.parties {
        Parties::All => {}
        Parties::Only(ids) => parameters["only"] = sorted(ids).into(),
        Parties::Except(ids) => parameters["except"] = sorted(ids).into(),
    }
    if let Some(offers) = &request.offers {
        parameters["offers"] = sorted(offers).into();
    }
    if let Some(advertisers) = &request.advertisers {
        parameters["conversion_advertisers"] = sorted(advertisers).into();
    }
    let words =
        |words: &mut dyn Iterator<Item = String>| words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>();
    if let Some(currencies) = &request.currencies {
        parameters["currencies"] = words(&mut currencies.iter().map(|currency| currency.to_string())).into();
    }
    if let Some(countries) = &request.countries {
        parameters["countries"] = words(&mut countries.iter().map(|country| country.to_lowercase())).into();
    }
    if let Some(sum) = request.sum {
        parameters["sum"] = sum.to_decimal().into();
    }
    if request.scheduled {
        parameters["scheduled"] = true.into();
    }
    if request.unbound {
        parameters["final"] = true.into();
    }
    if request.approve {
        parameters["approve"] = true.into();
    }
    if !request.internal_notes.is_empty() {
        parameters["internal_notes"] = request.internal_notes.as_str().into();
    }
    if request.positive {
        parameters["positive"] = true.into();
    }
    parameters.to_string()
}

/// Whether the run of these parameters chose conversions: by offer, advertiser or country, or up to a sum.
pub(crate) fn chose(parameters: &str) -> bool {
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap_or_default();
    ["offers", "conversion_advertisers", "countries", "sum"].iter().any(|name| parameters.get(name).is_some())
}

/// Whether the schedule asked for the run of these parameters.
pub(crate) fn is_scheduled(parameters: &str) -> bool {
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap_or_default();
    parameters.get("scheduled").is_some()
}

impl<'a> Work<'a> {
    /// What a request needs that is as it should be.
    fn open(tx: &mut dyn Tx, call: &'a Call, request: &'a RunRequest) -> Result<Work<'a>> {
        let network = crate::networks::network(tx, call.network)?;
        let today = crate::networks::zone(&network)?.day_of(call.now);
        let settings = crate::networks::settings(tx, call.network)?;
        check(request, today)?;
        check_parties(tx, call, request)?;
        let setup = Setup::load(tx, call.network, settings, request)?;
        let named = match &request.parties {
            Parties::All => Vec::new(),
            Parties::Only(ids) | Parties::Except(ids) => sorted(ids),
        };
        Ok(Work { call, request, setup, today, named })
    }
}

impl Work<'_> {
    /// What is issued is approved at once.
    fn approves(&self) -> bool {
        self.setup.settings.auto_approve || self.request.approve
    }

    fn cut(&self, epoch: i64) -> Cut {
        // What is asked for by name does not wait for hold days.
        let as_of = if self.request.is_unbound() { Day::MAX } else { self.today };
        Cut { epoch, through: self.request.through, as_of }
    }

    /// Records the run. Raising the epoch and committing at once is what makes everything up to it complete.
    /// Answers none where another process has made this run of the schedule meanwhile.
    fn start(&self, tx: &mut dyn Tx) -> Result<Option<RunId>> {
        let (network, kind) = (self.call.network, self.request.kind);
        let parameters = canonical(self.request);
        // The exclusive lock on the epoch comes first: of two processes that start the same run, the second finds it.
        let epoch = networks::raise_epoch(tx, network)?;
        if let Some(run) = runs::unfinished(tx, network, kind, &parameters)? {
            return Ok(Some(run.run_id));
        }
        if self.request.scheduled && !schedule::still_due(tx, self.call, self.request)? {
            return Ok(None);
        }
        let run_id = RunId::new(networks::next(tx, network, RUN_IDS, 1, 1)?);
        let run = Run {
            run_id,
            kind,
            parameters,
            cut: self.cut(epoch),
            done: false,
            last: (BEFORE_ALL.0, BEFORE_ALL.1.to_owned()),
            started_at: self.call.now,
            started_by: self.call.actor.clone(),
            finished_at: None,
        };
        runs::insert(tx, network, &run)?;
        Ok(Some(run_id))
    }

    fn asked_for(&self, mut books: Vec<BookState>) -> Vec<BookState> {
        match &self.request.parties {
            Parties::All => {}
            Parties::Only(_) => books.retain(|state| self.named.binary_search(&state.book.party_id).is_ok()),
            Parties::Except(_) => books.retain(|state| self.named.binary_search(&state.book.party_id).is_err()),
        }
        if let Some(currencies) = &self.request.currencies {
            books.retain(|state| currencies.contains(&state.book.currency));
        }
        books
    }

    fn header(&self, run_id: RunId, posting_day: Day) -> Header<'_> {
        let settings = &self.setup.settings;
        Header {
            network: self.call.network,
            kind: self.request.kind,
            run_id,
            epoch: 0,
            call: self.call,
            actor: &self.call.actor,
            now: self.call.now,
            posting_day,
            first_invoice_id: settings.first_invoice_id,
            first_invoice_number: settings.first_invoice_number,
            auto_approve: self.approves(),
            internal_notes: &self.request.internal_notes,
        }
    }

    /// Issues an invoice of a party that bills nothing.
    pub(super) fn issue_empty(
        &self,
        tx: &mut dyn Tx,
        run_id: RunId,
        party_id: i64,
        currency: Currency,
        period: Period,
    ) -> Result<InvoiceId> {
        let (network, kind) = (self.call.network, self.request.kind);
        let present = networks::present(tx, network)?;
        let facts = Facts::load(tx, &self.setup, kind, &[party_id])?;
        let empty = Decided {
            book: Book { kind, party_id, currency },
            invoice: PlannedInvoice { period, lines: Vec::new(), emptied: Vec::new(), total_units: 0 },
            takes: Vec::new(),
            extras: Taken::default(),
            slots: Vec::new(),
            first_shared: None,
        };
        let decisions =
            Decisions { issue: vec![empty], parties: facts.parties, rules: facts.rules, ..Decisions::default() };
        let header = Header { epoch: present.epoch, ..self.header(run_id, present.posting_day(self.today)) };
        let (totals, issued) = issue(tx, &header, &decisions)?;
        runs::add_totals(tx, network, run_id, &totals)?;
        issued.first().copied().ok_or_else(|| Error::Conflict("the invoice was not issued".to_owned()))
    }

    /// Deals with the next books of the run; answers what it has issued, or `None` at its end.
    fn batch(&self, tx: &mut dyn Tx, run_id: RunId) -> Result<Option<Vec<InvoiceId>>> {
        let network = self.call.network;
        // What is left of the days that are taken goes back in the present epoch. Whoever needs it locks it first.
        let present = networks::present(tx, network)?;
        let run = runs::lock(tx, network, run_id)?.ok_or_else(|| unknown(run_id))?;
        if run.done {
            return Ok(None);
        }
        let only = match &self.request.parties {
            Parties::Only(_) => Some(self.named.as_slice()),
            Parties::All | Parties::Except(_) => None,
        };
        let after = (run.last.0, run.last.1.as_str());
        let mut books = accruals::lock_books_after(tx, network, run.kind, after, only, BATCH_BOOKS_MAX)?;
        books.extend(accruals::lock_rest_of_party(tx, network, run.kind, &books)?);
        let Some(last) = books.last().map(|state| state.book) else {
            runs::finish(tx, network, run_id, self.call.now)?;
            let totals = runs::totals(tx, network, run_id)?;
            events::tell_run(tx, self.call, &run, &totals);
            if let (true, Some(ids)) = (self.request.scheduled, only) {
                schedule::dealt_with(tx, self.call, run.kind, ids, run.cut.through)?;
            }
            return Ok(None);
        };
        let books = self.asked_for(books);
        let decisions = decide(tx, &self.setup, self.request, run.cut, &books)?;
        let posting_day = present.posting_day(run.cut.as_of.min(self.today));
        let header = Header { epoch: present.epoch, ..self.header(run_id, posting_day) };
        let (totals, issued) = issue(tx, &header, &decisions)?;
        if self.approves() {
            for invoice_id in &issued {
                crate::invoices::use_credit(tx, self.call, *invoice_id, self.today)?;
            }
        }
        runs::add_totals(tx, network, run_id, &totals)?;
        runs::add_skips(tx, network, run_id, &decisions.skips)?;
        runs::advance(tx, network, run_id, (last.party_id, last.currency.code()))?;
        Ok(Some(issued))
    }
}

/// The order in which what runs have left out is listed.
fn order(skip: &runs::RunSkip) -> (i64, &'static str, &str) {
    (skip.party_id, skip.currency.code(), &skip.reason)
}
