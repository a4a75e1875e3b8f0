//! Hold days of an offer, also for what it has unbilled: from which day that can be billed is said anew, in bounded
//! transactions, so that whoever was interrupted goes on by repeating it.

use std::collections::BTreeSet;

use quittance_domain::accrual::entries;
use quittance_domain::ids::{InvoiceKind, OfferId};
use quittance_domain::time::{Day, DayFinder};
use quittance_store::accruals::BookState;
use quittance_store::conversions::{self, State};
use quittance_store::parties::Offer;
use quittance_store::{Tx, accruals, networks, parties, runs};
use serde_json::{Map, Value};

use super::batch::{self, Context};
use super::session::Session;
use crate::error::{Error, Result};
use crate::places::Placed;
use crate::{Call, Engine, unbilled};

/// How many conversions are held anew in one transaction.
const TOGETHER: usize = 1_000;
/// How many conversions, or books, are read at a time.
const READ_MAX: i64 = 1_000;

/// What became of hold days that were set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldDaysReport {
    /// The offer as it is now.
    pub offer: Offer,
    /// Its hold days before.
    pub before: i64,
    /// What became of its conversions; `None`: it was not asked for, the days count for those that come later.
    pub applied: Option<HeldAnew>,
}

/// What became of the conversions of an offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeldAnew {
    /// Those that can be billed from another day on now.
    pub changed: u64,
    /// Those that stay as they are, since an invoice of their affiliate or of their advertiser bills them already.
    pub billed: u64,
}

impl Engine {
    /// Sets the hold days of an offer. They count for conversions that come from now on; with `apply` also for those that
    /// are approved and on no invoice, of the affiliate or of the advertiser, and for those on hold.
    ///
    /// Repeating it goes on where an earlier attempt has stopped.
    ///
    /// # Errors
    /// There is no such offer, the number is none, or, with `apply`, a billing run is under way.
    pub fn set_hold_days(&self, call: &Call, offer_id: i64, hold_days: i64, apply: bool) -> Result<HoldDaysReport> {
        if apply {
            self.store.read(|tx| no_run(tx, call))?;
        }
        let id = Value::from(offer_id);
        let before = self.entry::<Offer>(call, &id)?.hold_days;
        let entry = Map::from_iter([("hold_days".to_owned(), hold_days.into())]);
        if !apply {
            let offer = self.update_entry::<Offer>(call, &id, &entry, &|_| true)?;
            return Ok(HoldDaysReport { offer, before, applied: None });
        }
        // A key's work is done with the last transaction, since one that was cut short before is to go on.
        let begun = Call { claimed: None, ..call.clone() };
        let offer = self.update_entry::<Offer>(&begun, &id, &entry, &|_| true)?;
        let applied = Some(self.hold_anew(&begun, &offer)?);
        self.store.write(|tx| crate::idempotency::mark_done(tx, call))?;
        Ok(HoldDaysReport { offer, before, applied })
    }

    fn hold_anew(&self, call: &Call, offer: &Offer) -> Result<HeldAnew> {
        let session = self.session(call, None)?;
        let days = DayFinder::new(session.zone.clone());
        let (found, done) = (Vec::new(), HeldAnew::default());
        let mut work = HoldingAnew { engine: self, call, offer, session, days, found, done };
        for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
            work.of_kind(kind)?;
        }
        work.on_hold()?;
        work.write()?;
        Ok(work.done)
    }
}

/// Parties, each with a day in the books.
type PartyDays = BTreeSet<(i64, Day)>;

/// Looks for the conversions of an offer that wait for other hold days than it has, and writes them.
struct HoldingAnew<'a> {
    engine: &'a Engine,
    call: &'a Call,
    offer: &'a Offer,
    session: Session<'a>,
    days: DayFinder,
    /// The ids of those that were found and are not written yet.
    found: Vec<Box<str>>,
    done: HeldAnew,
}

impl HoldingAnew<'_> {
    fn offer_id(&self) -> OfferId {
        OfferId::new(self.offer.offer_id)
    }

    /// Goes over the days on which the parties of one kind have something unbilled of the offer.
    fn of_kind(&mut self, kind: InvoiceKind) -> Result<()> {
        let mut after = (i64::MIN, String::new());
        loop {
            let (books, unbilled) = self.unbilled_days(kind, &after)?;
            for (party, day) in unbilled {
                self.of_day((kind, party), day)?;
            }
            let Some(last) = books.last() else { return Ok(()) };
            after = (last.book.party_id, last.book.currency.code().to_owned());
        }
    }

    /// The next books, and the parties and days of what they have unbilled of the offer.
    fn unbilled_days(&self, kind: InvoiceKind, after: &(i64, String)) -> Result<(Vec<BookState>, PartyDays)> {
        let (network, offer) = (self.call.network, self.offer_id());
        self.engine.store.read(|tx| {
            let books = accruals::books_after(tx, network, kind, (after.0, &after.1), READ_MAX)?;
            let mut parties: Vec<i64> = books.iter().map(|state| state.book.party_id).collect();
            parties.dedup();
            let picked = unbilled::picked(tx, network, kind, &parties)?;
            let epoch = networks::current_epoch(tx, network)?;
            let mut days = BTreeSet::new();
            unbilled::each(tx, (network, kind), &parties, epoch, &|book| picked.get(&book), &mut |bucket, _| {
                if bucket.offer_id == offer {
                    days.insert((bucket.book.party_id, bucket.place.posting_day));
                }
            })?;
            Ok::<_, Error>((books, days))
        })
    }

    fn of_day(&mut self, party: (InvoiceKind, i64), day: Day) -> Result<()> {
        let (network, place) = (self.call.network, (self.offer_id(), day));
        let mut after = String::new();
        loop {
            let states =
                self.engine.store.read(|tx| conversions::counting(tx, network, party, place, &after, READ_MAX))?;
            let Some(last) = states.last() else { return Ok(()) };
            after = last.known.conversion.conversion_id.to_string();
            self.take(&states)?;
        }
    }

    fn on_hold(&mut self) -> Result<()> {
        let (network, offer) = (self.call.network, self.offer_id());
        let mut after = (Day::MIN, String::new());
        loop {
            let place = (after.0, after.1.as_str());
            let states = self.engine.store.read(|tx| conversions::on_hold(tx, network, offer, place, READ_MAX))?;
            let Some(last) = states.last() else { return Ok(()) };
            after = (last.known.place.billable_day, last.known.conversion.conversion_id.to_string());
            self.take(&states)?;
        }
    }

    /// Keeps those that wait for another day, and writes them where they are many.
    fn take(&mut self, states: &[State]) -> Result<()> {
        for state in states {
            if state.known.place.billable_day != billable_day(&mut self.days, self.offer, state) {
                self.found.push(state.known.conversion.conversion_id.clone());
            }
        }
        if self.found.len() >= TOGETHER { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let found = std::mem::take(&mut self.found);
        for ids in found.chunks(TOGETHER) {
            let ids: Vec<&str> = ids.iter().map(|id| &**id).collect();
            let context = self.session.context();
            let done = self.engine.store.write(|tx| write(tx, &context, self.offer, &ids))?;
            self.done.changed += done.changed;
            self.done.billed += done.billed;
        }
        Ok(())
    }
}

/// From which day a conversion can be billed by the hold days of its offer.
fn billable_day(days: &mut DayFinder, offer: &Offer, state: &State) -> Day {
    days.day_of(state.known.conversion.occurred_at).plus_days(i32::try_from(offer.hold_days).unwrap_or(0))
}

/// Holds conversions anew that still are as they were found, and that no invoice bills.
fn write(tx: &mut dyn Tx, context: &Context<'_>, offer: &Offer, ids: &[&str]) -> Result<HeldAnew> {
    let call = context.call;
    // The epoch first, then the books, as whoever changes invoices does. No run can start until this is committed.
    let present = networks::present(tx, call.network)?;
    check(tx, call, offer)?;
    let mut states = conversions::known(tx, call.network, ids)?;
    states.sort_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
    let mut books = BTreeSet::new();
    for State { known, .. } in &states {
        books.extend(entries(&known.conversion, known.elsewhere).map(|(book, _)| book));
    }
    for book in books {
        accruals::lock_book(tx, call.network, book)?;
    }
    let (mut days, mut placed) = (DayFinder::new(context.zone.clone()), Placed::default());
    let (mut held, mut done) = (Vec::new(), HeldAnew::default());
    for state in states {
        let day = billable_day(&mut days, offer, &state);
        if state.known.conversion.offer_id.get() != offer.offer_id || state.known.place.billable_day == day {
            continue;
        }
        match placed.billed_and_unbilled(tx, call.network, &state.known)? {
            (0, _) => held.push((state, day)),
            (_, 0) => {}
            _ => done.billed += 1,
        }
    }
    done.changed = batch::hold_anew(tx, context, present, held)?;
    Ok(done)
}

/// Refuses where the offer has other hold days by now, or a run is about to bill what it has unbilled.
fn check(tx: &mut dyn Tx, call: &Call, offer: &Offer) -> Result<()> {
    let now = parties::offers_by_ids(tx, call.network, &[offer.offer_id])?.pop();
    if now.is_none_or(|now| now.hold_days != offer.hold_days) {
        return Err(Error::Changed(format!("the hold days of offer {} were changed meanwhile", offer.offer_id)));
    }
    no_run(tx, call)
}

fn no_run(tx: &mut dyn Tx, call: &Call) -> Result<()> {
    match runs::any_unfinished(tx, call.network)? {
        None => Ok(()),
        Some(run_id) => Err(Error::Conflict(format!(
            "billing run {run_id} is under way: repeat this when it is done, it goes on where it has stopped"
        ))),
    }
}
