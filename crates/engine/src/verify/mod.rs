//! `verify`: every invariant of the books, checked on a live database.
//!
//! | | invariant |
//! |---|---|
//! | I1 | per party, offer, currency and day the accruals are the sums over the conversion log, per book over the conversions |
//! | I2 | every log entry is in exactly one place: on one non-void invoice, or unbilled |
//! | I3 | each `conversions` line is the rounded sum of what it took; approved = billed + unbilled + remainder |
//! | I4 | billed, paid and balance are sums, and the status agrees with them |
//! | I5 | every entry of the ledger balances; the parties' accounts agree with their invoices |
//! | I6 | invoice numbers have no gap and no repeat |
//! | I7 | nothing of a network refers to another |
//! | I8 | the history of an invoice replays to its present state |
//! | DB | the database finds no fault in itself: pages, indexes, constraints |
//!
//! The work is cut into short reads, a few hundred parties each, so that writers are not held up. What belongs to one
//! party is always looked at in one consistent state.

mod accounts;
mod books;
mod facts;
mod history;
mod totals;

use std::collections::BTreeMap;

use quittance_domain::ids::InvoiceKind;
use quittance_store::{Tx, audit};

use crate::error::{ErrorKind, Result};
use crate::{Call, Engine};

/// How many violations of one invariant are named; the rest is counted.
pub const VIOLATIONS_MAX: usize = 50;
/// How many parties are looked at in one read.
const PARTIES_PER_READ: i64 = 250;

/// The invariants, each with what it says.
pub const INVARIANTS: [(&str, &str); 9] = [
    ("I1", "accruals equal the conversion log"),
    ("I2", "every log entry is in exactly one place"),
    ("I3", "invoice lines equal what they took; nothing is lost to rounding"),
    ("I4", "billed, paid, balance and status agree"),
    ("I5", "the ledger balances and agrees with the invoices"),
    ("I6", "invoice numbers have no gap and no repeat"),
    ("I7", "nothing refers to another network"),
    ("I8", "each invoice's history replays to its present state"),
    (DATABASE, "the database finds no fault in itself"),
];

/// What the database says of itself stands beside the invariants of what is in it.
const DATABASE: &str = "DB";
/// What needs all of the database to be read.
const SLOW: [&str; 2] = ["I1", DATABASE];

/// The outcome for one invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvariantReport {
    /// Its number, as `I1`.
    pub id: &'static str,
    /// What it says.
    pub title: &'static str,
    /// It was looked at.
    pub checked: bool,
    /// Where it does not hold, with the ids.
    pub violations: Vec<String>,
    /// How many violations were not named.
    pub more: u64,
    /// What was looked at, or why it was not; empty where the title says it.
    pub note: String,
}

impl InvariantReport {
    /// Whether it holds.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Collects violations, a bounded number of each invariant.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    named: BTreeMap<&'static str, (Vec<String>, u64)>,
}

impl Findings {
    pub(crate) fn add(&mut self, invariant: &'static str, violation: impl Into<String>) {
        let (named, more) = self.named.entry(invariant).or_default();
        if named.len() < VIOLATIONS_MAX {
            named.push(violation.into());
        } else {
            *more += 1;
        }
    }

    fn add_all(&mut self, invariant: &'static str, violations: Vec<String>) {
        violations.into_iter().for_each(|violation| self.add(invariant, violation));
    }

    fn report(mut self, fast: bool, cut_short: bool, looked_at: &str) -> Vec<InvariantReport> {
        let report = |(id, title): (&'static str, &'static str)| {
            let (violations, more) = self.named.remove(id).unwrap_or_default();
            let (checked, note) = match id {
                _ if fast && SLOW.contains(&id) && violations.is_empty() => (false, "left out by --fast"),
                DATABASE => (true, looked_at),
                _ if cut_short && violations.is_empty() => (false, "not to its end, since the database cannot be read"),
                _ => (true, ""),
            };
            InvariantReport { id, title, checked, violations, more, note: note.to_owned() }
        };
        INVARIANTS.into_iter().map(report).collect()
    }
}

impl Engine {
    /// Checks every invariant, and asks the database whether it is whole. `fast` leaves out what must read every conversion
    /// (I1, DB).
    ///
    /// # Errors
    /// What the store says. A violation is no error, and neither is a database that cannot be read to its end: the report
    /// names it.
    pub fn verify(&self, call: &Call, fast: bool) -> Result<Vec<InvariantReport>> {
        let mut findings = Findings::default();
        let mut looked_at = String::new();
        if !fast {
            let inspection = self.store.inspect(VIOLATIONS_MAX)?;
            looked_at = inspection.looked_at;
            findings.add_all(DATABASE, inspection.faults);
        }
        let cut_short = match self.verify_books(call, fast, &mut findings) {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::Internal => {
                findings.add(DATABASE, error.to_string());
                true
            }
            Err(error) => return Err(error),
        };
        Ok(findings.report(fast, cut_short, &looked_at))
    }

    fn verify_books(&self, call: &Call, fast: bool, findings: &mut Findings) -> Result<()> {
        let limit = VIOLATIONS_MAX as i64 + 1;
        if !fast {
            let (log, books) = self.store.read(|tx| {
                let log = audit::off_accruals(tx, call.network, limit)?;
                Ok::<_, crate::Error>((log, audit::off_books(tx, call.network, limit)?))
            })?;
            findings.add_all("I1", log);
            findings.add_all("I1", books);
            let foreign = self.store.read(|tx| audit::foreign_conversions(tx, call.network, limit))?;
            findings.add_all("I7", foreign);
        }
        for kind in [InvoiceKind::Payable, InvoiceKind::Receivable] {
            self.verify_parties(call, kind, findings)?;
        }
        let found = self.store.read(|tx| {
            let mut found = Findings::default();
            found.add_all("I4", audit::off_totals(tx, call.network, limit)?);
            found.add_all("I5", audit::unbalanced(tx, call.network, limit)?);
            totals::numbers(tx, call, &mut found)?;
            found.add_all("I7", audit::foreign(tx, call.network, limit)?);
            Ok::<_, crate::Error>(found)
        })?;
        for (invariant, (violations, _)) in found.named {
            findings.add_all(invariant, violations);
        }
        Ok(())
    }

    fn verify_parties(&self, call: &Call, kind: InvoiceKind, findings: &mut Findings) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let chunk = self.store.read(|tx| chunk(tx, call, kind, after))?;
            let Some((last, found)) = chunk else { return Ok(()) };
            after = last;
            for (invariant, (violations, more)) in found.named {
                findings.add_all(invariant, violations);
                if let Some((_, counted)) = findings.named.get_mut(invariant) {
                    *counted += more;
                }
            }
        }
    }
}

/// Checks the next parties; answers the last of them, or `None` after the end.
fn chunk(tx: &mut dyn Tx, call: &Call, kind: InvoiceKind, after: i64) -> Result<Option<(i64, Findings)>> {
    let parties = audit::parties_after(tx, call.network, kind, after, PARTIES_PER_READ)?;
    let (Some(first), Some(last)) = (parties.first(), parties.last()) else { return Ok(None) };
    let mut findings = Findings::default();
    books::check(tx, call, kind, (*first, *last), &mut findings)?;
    Ok(Some((*last, findings)))
}
