//! Approving, voiding, correcting and taking conversions off.

use std::collections::BTreeSet;

use quittance_domain::accrual::{Book, Tally};
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::{LineType, VoidReason};
use quittance_domain::money::{Money, Rounding, sum_units};
use quittance_store::accruals::{self, BookState};
use quittance_store::invoices::{self, Invoice, Line, Voided};
use quittance_store::{extras, takes};
use serde_json::json;

use super::change::{Change, booking};
use crate::billing::extras::count_again;
use crate::billing::sharing::unreferred;
use crate::error::{Error, Result};
use crate::give_back::{self, TakeOffRequest};
use crate::{Call, Engine};

/// The longest comment of a correction and text of a void, in characters.
pub(super) const COMMENT_CHARS_MAX: usize = 1000;

/// A text that is not too long.
pub(crate) fn bounded(field: &str, text: &str, chars_max: usize) -> Result<()> {
    let count = text.chars().count();
    if count > chars_max {
        let name = field.trim_start_matches('/');
        let detail = format!("{name}: the text has {count} characters, {chars_max} are allowed");
        return Err(Error::invalid(field, detail));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "the text holds a NUL character"));
    }
    Ok(())
}

impl Engine {
    /// Approves a pending invoice, and uses the party's credit for it.
    ///
    /// # Errors
    /// There is no such invoice, it is not pending, or its version is not `expected`.
    pub fn approve(&self, call: &Call, id: InvoiceId, expected: Option<i64>) -> Result<Invoice> {
        self.change(call, id, expected, |change| change.approve())
    }

    /// Takes an approval back while nothing is paid.
    ///
    /// # Errors
    /// There is no such invoice, it is not approved, something is paid, or its version is not `expected`.
    pub fn unapprove(&self, call: &Call, id: InvoiceId, expected: Option<i64>) -> Result<Invoice> {
        self.change(call, id, expected, |change| change.unapprove())
    }

    /// Voids an invoice that is not paid. What it took is unbilled again; what was paid becomes the party's credit.
    ///
    /// # Errors
    /// There is no such invoice, it is paid or void, or its version is not `expected`.
    pub fn void(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        reason: VoidReason,
        text: &str,
    ) -> Result<Invoice> {
        bounded("/text", text, COMMENT_CHARS_MAX)?;
        self.change(call, id, expected, |change| change.void(reason, text))
    }

    /// Says of a void invoice that it was deleted: lists leave it out from then on.
    ///
    /// # Errors
    /// There is no such invoice, or it is not void.
    pub fn delete_void(&self, call: &Call, id: InvoiceId) -> Result<Invoice> {
        self.change(call, id, None, |change| {
            let Some(voided) = change.invoice.voided.as_mut() else {
                return Err(Error::Conflict(format!("invoice {id} is {}, not void", change.invoice.status)));
            };
            let before = std::mem::replace(&mut voided.reason, VoidReason::Deleted.as_str().to_owned());
            change.record("void_reason_changed", &json!({ "from": before, "to": VoidReason::Deleted.as_str() }))
        })
    }

    /// Adds a correction: a line with an amount of either sign and a comment.
    ///
    /// # Errors
    /// The amount is none or is no whole number of minor units, the invoice is paid or void, the balance would fall
    /// below zero after a payment, or its version is not `expected`.
    pub fn correct(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        amount: &str,
        comment: &str,
    ) -> Result<Invoice> {
        bounded("/comment", comment, COMMENT_CHARS_MAX)?;
        self.change(call, id, expected, |change| change.correct(amount, comment))
    }

    /// Removes a correction.
    ///
    /// # Errors
    /// There is no such correction, or as [`Engine::correct`].
    pub fn remove_correction(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        line_no: i64,
    ) -> Result<Invoice> {
        self.change(call, id, expected, |change| change.remove_correction(line_no))
    }

    /// Takes conversions or offers off an invoice; they are unbilled again.
    ///
    /// # Errors
    /// Something is paid, the invoice is void, one of them is not on it, or its version is not `expected`.
    pub fn take_off(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        request: &TakeOffRequest,
    ) -> Result<Invoice> {
        self.change(call, id, expected, |change| change.take_off(request))
    }
}

/// The most corrections that an invoice is issued with.
const CORRECTIONS_MAX: usize = 1_000;

/// What can be said of corrections without their invoice.
pub(crate) fn check_corrections(corrections: &[(String, String)], currency: Currency) -> Result<()> {
    if corrections.len() > CORRECTIONS_MAX {
        let detail = format!("corrections: {} are given, at most {CORRECTIONS_MAX} are taken", corrections.len());
        return Err(Error::invalid("/corrections", detail));
    }
    for (amount, comment) in corrections {
        bounded("/comment", comment, COMMENT_CHARS_MAX)?;
        whole_amount("/amount", amount, currency)?;
    }
    Ok(())
}

/// An amount that can be paid: a whole number of minor units, not zero.
pub(super) fn whole_amount(field: &str, text: &str, currency: quittance_domain::currency::Currency) -> Result<Money> {
    let name = field.trim_start_matches('/');
    let money = Money::parse(text, currency).map_err(|e| Error::invalid(field, format!("{name}: {e}")))?;
    if money.units() % currency.minor_unit_units() != 0 {
        let digits = currency.minor_digits();
        let detail = format!("{name}: {text} has more decimals than the {digits} in which {currency} is paid");
        return Err(Error::invalid(field, detail));
    }
    if money.is_zero() {
        return Err(Error::invalid(field, format!("{name}: an amount of zero changes nothing")));
    }
    Ok(money)
}

impl Change<'_> {
    pub(super) fn approve(&mut self) -> Result<()> {
        let (at, by) = (self.at(), self.by());
        self.transition(|state| state.approve(at, by))?;
        self.record("approved", &json!({}))?;
        self.use_credit()
    }

    pub(super) fn unapprove(&mut self) -> Result<()> {
        self.transition(quittance_domain::invoice::InvoiceState::unapprove)?;
        self.record("unapproved", &json!({}))
    }

    pub(super) fn void(&mut self, reason: VoidReason, text: &str) -> Result<()> {
        let (at, by) = (self.at(), self.by());
        self.transition(|state| state.void(at, by, reason, text.to_owned()))?;
        self.refuse_noted()?;
        self.take_back_write_offs()?;
        let epoch = give_back::give_back_all(self.tx, self.call.network, &self.invoice)?;
        self.invoice.voided = Some(Voided { epoch, reason: reason.as_str().to_owned(), text: text.to_owned() });
        let lines = self.lines()?;
        unreferred(self.tx, self.call, self.present.epoch, &self.invoice)?;
        extras::release(self.tx, self.call.network, self.invoice.book, self.invoice.invoice_id)?;
        let billed = booking(self.invoice.book, &lines);
        self.book("void", 0, self.today, &billed.reversed())?;
        self.record("voided", &json!({ "reason": reason.as_str(), "text": text }))?;
        self.move_next_start()
    }

    /// The next invoice of each book starts after the last that is not void.
    fn move_next_start(&mut self) -> Result<()> {
        let (network, kind, party) = (self.call.network, self.invoice.book.kind, self.invoice.book.party_id);
        let taken = takes::of_document(self.tx, network, kind, party, self.invoice.invoice_id)?;
        let books: BTreeSet<Book> = taken.into_iter().map(|take| take.book).collect();
        for book in books {
            let Some(state) = accruals::lock_book(self.tx, network, book)? else { continue };
            let periods = invoices::periods(self.tx, network, book)?;
            let next_start = periods.iter().map(|period| period.end.plus_days(1)).max();
            accruals::set_books(self.tx, network, &[BookState { next_start, ..state }])?;
        }
        Ok(())
    }

    /// Adds a correction of an amount as it was written.
    pub(super) fn correct(&mut self, amount: &str, comment: &str) -> Result<()> {
        let money = whole_amount("/amount", amount, self.invoice.book.currency)?;
        self.add_correction(money, comment)
    }

    pub(super) fn add_correction(&mut self, money: Money, comment: &str) -> Result<()> {
        let before = self.lines()?;
        let line = Line {
            line_no: self.invoice.next_line,
            line_type: LineType::Correction,
            offer_id: None,
            period: self.invoice.period,
            taken: Tally::default(),
            units: money.units(),
            converted: None,
            comment: comment.to_owned(),
            tax: None,
            created_at: self.at(),
        };
        self.invoice.next_line += 1;
        invoices::add_line(self.tx, self.call.network, self.invoice.place(), &line)?;
        self.recorrected(&before)?;
        let details = json!({ "line": line.line_no, "amount": money.to_decimal(), "comment": comment });
        self.record("corrected", &details)
    }

    pub(super) fn remove_correction(&mut self, line_no: i64) -> Result<()> {
        let lines = self.lines()?;
        let line = lines.iter().find(|line| line.line_no == line_no && line.line_type == LineType::Correction);
        let line = line.ok_or_else(|| {
            Error::NotFound(format!("invoice {} has no correction {line_no}", self.invoice.invoice_id))
        })?;
        invoices::delete_line(self.tx, self.call.network, self.invoice.place(), line_no)?;
        self.recorrected(&lines)?;
        let amount = self.money(line.units).to_decimal();
        let details = json!({ "line": line_no, "amount": amount, "comment": line.comment });
        self.record("correction_removed", &details)
    }

    /// Bills the corrections as they are now, and lets the state decide whether it may: tax follows them, so only then is
    /// it known what is left to pay. What is refused leaves nothing behind.
    fn recorrected(&mut self, before: &[Line]) -> Result<()> {
        self.rebill(before)?;
        let (at, by, balance) = (self.at(), self.by(), self.balance()?);
        self.transition(|state| state.correct(at, by, balance))
    }

    pub(super) fn take_off(&mut self, request: &TakeOffRequest) -> Result<()> {
        self.state.may_take_off()?;
        let taken = give_back::take_off(self.tx, self.call.network, &self.invoice, request)?;
        let less = taken.iter().map(|(slot, t)| (*slot, Tally { units: -t.units, conversions: -t.conversions }));
        count_again(self.tx, self.call.network, &self.invoice, less)?;
        let before = self.lines()?;
        self.bill_again(&before)?;
        let units = sum_units(taken.values().map(|tally| tally.units))?;
        self.rebill(&before)?;
        let what = match request {
            TakeOffRequest::Conversions(ids) => json!({ "conversions": ids }),
            TakeOffRequest::Offers(ids) => json!({ "offers": ids.iter().map(|id| id.get()).collect::<Vec<_>>() }),
        };
        let details = json!({ "taken_off": what, "amount": self.money(units).to_decimal() });
        self.record("taken_off", &details)
    }
}

/// Makes the amount of a line that of what it takes now.
pub(super) fn round(line: &mut Line, currency: Currency) -> Result<()> {
    let exact = Money::new(line.taken.units, line.source_currency(currency));
    let rounded = exact.round_to_minor(Rounding::HalfAwayFromZero)?;
    line.units = match &mut line.converted {
        None => rounded.units(),
        Some(converted) => {
            converted.units = rounded.units();
            converted.rate.convert(rounded, currency)?.units()
        }
    };
    Ok(())
}
