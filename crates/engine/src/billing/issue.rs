//! Issuing: the decided invoices of one batch are written set-wise, their ids and numbers with them.

use std::collections::BTreeMap;

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::{EntryId, InvoiceId, InvoiceKind, InvoiceNumber, NetworkId, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::ledger::Booking;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::planner::PlannedLine;
use quittance_domain::time::{Day, Timestamp};
use quittance_store::accruals::{self, BookState};
use quittance_store::invoices::{self, HistoryRow, Invoice, Issued, Line, TakeOff};
use quittance_store::ledger::{self, BookedEntry};
use quittance_store::parties::Party;
use quittance_store::runs::RunTotal;
use quittance_store::takes::{self, Take};
use quittance_store::write_offs::{self, WriteOff};
use quittance_store::{Tx, networks};

use super::decide::{BookTake, Decided, Decisions, GivenUp};
use super::extras;
use super::sharing::{self, NewShares};
use crate::error::Result;
use crate::invoices::booking;
use crate::{Call, events, give_back};

/// The counter of a network's ledger entries.
pub(crate) const ENTRY_IDS: &str = "entry_id";

/// What the invoices of a batch have in common.
pub(super) struct Header<'a> {
    pub(super) network: NetworkId,
    pub(super) kind: InvoiceKind,
    pub(super) run_id: RunId,
    /// The present epoch, locked: where what is left of a taken day goes.
    pub(super) epoch: i64,
    pub(super) call: &'a Call,
    pub(super) actor: &'a str,
    pub(super) now: Timestamp,
    pub(super) posting_day: Day,
    pub(super) first_invoice_id: i64,
    pub(super) first_invoice_number: i64,
    pub(super) auto_approve: bool,
    pub(super) internal_notes: &'a str,
}

/// Writes the invoices; answers what was issued, by currency, and the ids.
pub(super) fn issue(
    tx: &mut dyn Tx,
    header: &Header<'_>,
    decisions: &Decisions,
) -> Result<(Vec<RunTotal>, Vec<InvoiceId>)> {
    give_up(tx, header, &decisions.give_up)?;
    let count = decisions.issue.len() as i64;
    if count == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let network = header.network;
    let first_id = networks::next(tx, network, networks::COUNTER_INVOICE_ID, header.first_invoice_id, count)?;
    let number_counter = networks::invoice_number_counter(header.kind);
    let first_number = networks::next(tx, network, number_counter, header.first_invoice_number, count)?;
    let first_entry = networks::next(tx, network, ENTRY_IDS, 1, count)?;
    let mut issued = Vec::with_capacity(decisions.issue.len());
    let mut entries = Vec::with_capacity(decisions.issue.len());
    for (offset, decided) in (0..).zip(&decisions.issue) {
        let ids = (InvoiceId::new(first_id + offset), InvoiceNumber::new(first_number + offset));
        let party = decisions.parties.get(&decided.book.party_id);
        let invoice = build(header, decided, ids, party);
        entries.extend(entry(header, &invoice, EntryId::new(first_entry + offset))?);
        issued.push(invoice);
    }
    invoices::issue(tx, network, &issued)?;
    for Issued { invoice, history, .. } in &issued {
        let mut before = None;
        for row in history {
            events::tell_invoice(tx, header.call, invoice, row, before);
            before = Some(row.status);
        }
    }
    ledger::add(tx, network, &entries)?;
    let books: Vec<BookState> =
        decisions.issue.iter().flat_map(|decided| decided.takes.iter().map(|take| take.after)).collect();
    accruals::set_books(tx, network, &books)?;
    // An invoice of converted amounts may be the first thing in its own currency.
    let new = |decided: &&Decided| decided.takes.iter().all(|take| take.before.book != decided.book);
    let new: Vec<Book> = decisions.issue.iter().filter(new).map(|decided| decided.book).collect();
    accruals::ensure_books(tx, network, &new)?;
    let both = decisions.issue.iter().zip(&issued);
    let taken: Vec<Take> = both.flat_map(|(decided, issued)| takes_of(decided, issued)).collect();
    takes::add(tx, network, &taken)?;
    for (decided, issued) in decisions.issue.iter().zip(&issued) {
        let left = decided.takes.iter().flat_map(|take| &take.left);
        let left: Vec<TakeOff> = left.map(|left| TakeOff { given_epoch: header.epoch, ..left.clone() }).collect();
        give_back::leave(tx, network, &issued.invoice, header.epoch, &left)?;
    }
    let both = decisions.issue.iter().zip(&issued);
    extras::mark(tx, network, both.map(|(decided, issued)| (&issued.invoice, &decided.extras)))?;
    let mut shares = Vec::new();
    for (decided, Issued { invoice, lines, emptied, .. }) in decisions.issue.iter().zip(&issued) {
        let Some(rules) = decisions.rules.get(&invoice.book.party_id) else { continue };
        let new = NewShares { past: &decisions.past_terms, rules, first: decided.first_shared, slots: &decided.slots };
        shares.extend(sharing::refer(tx, network, &new, invoice, (lines, emptied))?);
    }
    sharing::add_referrals(tx, header.call, header.epoch, &shares)?;
    Ok((totals(&issued)?, issued.iter().map(|issued| issued.invoice.invoice_id).collect()))
}

/// Records what is given up: documents that take of their books and bill nothing.
fn give_up(tx: &mut dyn Tx, header: &Header<'_>, given_up: &[GivenUp]) -> Result<()> {
    let count = given_up.len() as i64;
    if count == 0 {
        return Ok(());
    }
    let network = header.network;
    let first_id = networks::next(tx, network, networks::COUNTER_INVOICE_ID, header.first_invoice_id, count)?;
    let first_entry = networks::next(tx, network, ENTRY_IDS, 1, count)?;
    let (mut documents, mut entries, mut books, mut taken) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (offset, given_up) in (0..).zip(given_up) {
        let document = InvoiceId::new(first_id + offset);
        let mut booking = Booking::default();
        for (currency, units, _) in &given_up.units {
            booking.write_off_unbilled(header.kind, Money::new(*units, *currency));
        }
        entries.extend(booking.entry()?.map(|entry| BookedEntry {
            book: given_up.book,
            entry_id: EntryId::new(first_entry + offset),
            invoice_id: document,
            event: "write_off",
            document_no: 0,
            posting_day: header.posting_day,
            recorded_at: header.now,
            entry,
        }));
        documents.extend(write_offs_of(header, given_up, document));
        books.extend(given_up.takes.iter().map(|take| take.after));
        taken.extend(given_up.takes.iter().map(|take| take_of(take, document)));
    }
    write_offs::add(tx, network, &documents)?;
    ledger::add(tx, network, &entries)?;
    accruals::set_books(tx, network, &books)?;
    Ok(takes::add(tx, network, &taken)?)
}

/// The rows of a document that gives up.
pub(super) fn write_offs_of(
    header: &Header<'_>,
    given_up: &GivenUp,
    document: InvoiceId,
) -> impl Iterator<Item = WriteOff> {
    given_up.units.iter().map(move |(currency, units, period)| WriteOff {
        kind: header.kind,
        party_id: given_up.book.party_id,
        document,
        currency: *currency,
        units: *units,
        period: *period,
        run_id: header.run_id,
        written_off_at: header.now,
        written_off_by: header.actor.to_owned(),
    })
}

fn build(
    header: &Header<'_>,
    decided: &Decided,
    (invoice_id, number): (InvoiceId, InvoiceNumber),
    party: Option<&Party>,
) -> Issued {
    let plan = &decided.invoice;
    let terms = party.and_then(|party| party.payment_terms_days);
    let cycle = party.and_then(|party| BillingCycle::parse(party.billing_cycle.as_deref()?).ok());
    let due_days = terms.and_then(|days| u32::try_from(days).ok());
    let invoice = Invoice {
        book: decided.book,
        invoice_id,
        number,
        status: InvoiceStatus::Pending,
        period: plan.period,
        due_day: cycle.unwrap_or(BillingCycle::Manual).due_date(plan.period.end, due_days),
        payment_terms_days: terms,
        hidden: party.is_some_and(|party| party.hidden_default),
        public_notes: String::new(),
        internal_notes: header.internal_notes.to_owned(),
        party_name: party.map(|party| party.name.clone()).unwrap_or_default(),
        document_number: None,
        document_day: None,
        party_email: party.and_then(|party| party.email.clone()),
        run_id: header.run_id,
        voided: None,
        next_line: plan.lines.len() as i64 + 1,
        version: 1,
        created_at: header.now,
        created_by: header.actor.to_owned(),
        updated_at: header.now,
        billed_units: plan.total_units,
        paid_units: 0,
    };
    let lines = (1..).zip(&plan.lines).map(|(no, planned)| line(header, no, planned)).collect();
    let history = vec![issued_row(header, &invoice)];
    let mut issued = Issued { invoice, lines, emptied: plan.emptied.clone(), history };
    if header.auto_approve {
        approve(header, &mut issued);
    }
    issued
}

fn takes_of<'a>(decided: &'a Decided, issued: &Issued) -> impl Iterator<Item = Take> + use<'a> {
    let document = issued.invoice.invoice_id;
    decided.takes.iter().map(move |take| take_of(take, document))
}

fn take_of(BookTake { before, reach, .. }: &BookTake, document: InvoiceId) -> Take {
    Take { book: before.book, take_no: before.next_take, document, reach: reach.clone(), low_epoch: before.low_epoch }
}

fn line(header: &Header<'_>, line_no: i64, planned: &PlannedLine) -> Line {
    Line {
        line_no,
        line_type: planned.line_type,
        offer_id: planned.offer_id,
        period: planned.period,
        taken: planned.taken,
        units: planned.units,
        converted: planned.converted.clone(),
        comment: planned.comment.clone(),
        tax: planned.tax.clone(),
        created_at: header.now,
    }
}

fn issued_row(header: &Header<'_>, invoice: &Invoice) -> HistoryRow {
    HistoryRow {
        version: 1,
        happened_at: header.now,
        actor: header.actor.to_owned(),
        action: "issued".to_owned(),
        status: InvoiceStatus::Pending,
        billed_units: invoice.billed_units,
        paid_units: 0,
        details: crate::invoices::issue_details(invoice),
    }
}

/// The network's setting approves each invoice as it is issued. A party's credit is used right after, by the caller.
fn approve(header: &Header<'_>, issued: &mut Issued) {
    issued.invoice.status = InvoiceStatus::Approved;
    issued.invoice.version = 2;
    issued.history.push(HistoryRow {
        version: 2,
        happened_at: header.now,
        actor: header.actor.to_owned(),
        action: "approved".to_owned(),
        status: InvoiceStatus::Approved,
        billed_units: issued.invoice.billed_units,
        paid_units: 0,
        details: r#"{"automatic":true}"#.to_owned(),
    });
}

fn entry(header: &Header<'_>, issued: &Issued, entry_id: EntryId) -> Result<Option<BookedEntry>> {
    let Issued { invoice, lines, .. } = issued;
    let entry = booking(invoice.book, lines).entry()?;
    Ok(entry.map(|entry| BookedEntry {
        book: invoice.book,
        entry_id,
        invoice_id: invoice.invoice_id,
        event: "issue",
        document_no: 0,
        posting_day: header.posting_day,
        recorded_at: header.now,
        entry,
    }))
}

fn totals(issued: &[Issued]) -> Result<Vec<RunTotal>> {
    let mut by_currency: BTreeMap<Currency, Vec<i64>> = BTreeMap::new();
    for Issued { invoice, .. } in issued {
        by_currency.entry(invoice.book.currency).or_default().push(invoice.billed_units);
    }
    let total = |(currency, units): (Currency, Vec<i64>)| {
        let invoices = units.len() as i64;
        Ok(RunTotal { currency, invoices, units: sum_units(units)? })
    };
    by_currency.into_iter().map(total).collect()
}
