//! Changing what invoices say and where they stand at once: all of them, or none.

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_store::Tx;
use quittance_store::invoices::{Invoice, Standing};

use super::change::{Change, no_invoice};
use super::destination::{DestinationEdit, check_destination};
use super::edit::{InvoiceEdit, check};
use crate::error::{Error, Result};
use crate::give_back::TakeOffRequest;
use crate::{Call, Engine};

/// The most invoices that are changed together.
pub const TOGETHER_MAX: usize = 1_000;

/// What is to become of an invoice; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revision {
    /// What it says.
    pub edit: InvoiceEdit,
    /// Where it stands: open stays open, settled is paid in whole, void is deleted.
    pub standing: Option<Standing>,
}

/// A step in an invoice's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is approved.
    Approve,
    /// Its approval is taken back.
    Unapprove,
    /// It is paid in whole.
    Pay,
    /// It is made void.
    Void(VoidReason),
}

/// What is to become of an invoice in one go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WholeRevision {
    /// Where its money goes.
    pub destination: DestinationEdit,
    /// What it says.
    pub edit: InvoiceEdit,
    /// Its next step, after the rest.
    pub step: Option<Step>,
}

impl Engine {
    /// Changes an invoice as `decide` says of it as it stands: all of that, or nothing.
    ///
    /// # Errors
    /// There is no such invoice, or what `decide` says of it; its status does not allow the change, or a value is not valid.
    pub fn revise_whole(
        &self,
        call: &Call,
        id: InvoiceId,
        decide: &dyn Fn(&Invoice) -> Result<WholeRevision>,
    ) -> Result<Invoice> {
        self.change(call, id, None, |change| {
            let WholeRevision { destination, edit, step } = decide(&change.invoice)?;
            check(&edit)?;
            check_destination(&destination)?;
            if destination != DestinationEdit::default() {
                change.edit_destination(&destination)?;
            }
            change.edit(&edit)?;
            match step {
                None => Ok(()),
                Some(Step::Approve) => change.approve(),
                Some(Step::Unapprove) => change.unapprove(),
                Some(Step::Pay) => change.pay_rest(),
                Some(Step::Void(reason)) => change.void(reason, ""),
            }
        })
    }

    /// Takes several lots of conversions or offers off an invoice, all or none; they are unbilled again.
    ///
    /// # Errors
    /// As [`Engine::take_off`].
    pub fn take_off_all(&self, call: &Call, id: InvoiceId, requests: &[TakeOffRequest]) -> Result<Invoice> {
        self.change(call, id, None, |change| requests.iter().try_for_each(|request| change.take_off(request)))
    }

    /// Changes invoices of one kind, all of them or none. Answers them in the order of their ids.
    ///
    /// # Errors
    /// There is no such invoice of that kind, one is void, one is settled and is to be open, or its status does not allow
    /// the change; a value is not valid.
    pub fn revise(
        &self,
        call: &Call,
        kind: InvoiceKind,
        ids: &[InvoiceId],
        revision: &Revision,
    ) -> Result<Vec<Invoice>> {
        check(&revision.edit)?;
        if ids.len() > TOGETHER_MAX {
            let detail = format!("{} invoices are named, at most {TOGETHER_MAX} are changed at a time", ids.len());
            return Err(Error::invalid("", detail));
        }
        // Whoever changes several locks them in this order.
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let today = self.zone_of(call)?.day_of(call.now);
        self.store.write(|tx| {
            let mut revised = Vec::with_capacity(ids.len());
            for id in &ids {
                let mut change = Change::open(tx, call, *id, today)?;
                if change.invoice.book.kind != kind {
                    return Err(no_invoice(*id));
                }
                change.revise(revision)?;
                revised.push(change.invoice);
            }
            crate::idempotency::mark_done(tx, call)?;
            Ok(revised)
        })
    }
}

impl Change<'_> {
    fn revise(&mut self, revision: &Revision) -> Result<()> {
        let id = self.invoice.invoice_id;
        if self.invoice.status == InvoiceStatus::Void {
            return Err(Error::Conflict(format!("invoice {id} is void: nothing can be changed about it")));
        }
        self.edit(&revision.edit)?;
        match (revision.standing, self.invoice.standing()) {
            (Some(Standing::Open), Standing::Settled) => Err(Error::Conflict(format!(
                "invoice {id} has nothing left to pay; return its payment to open it again"
            ))),
            (Some(Standing::Settled), Standing::Open) => self.pay_rest(),
            (Some(Standing::Void), _) => self.void(VoidReason::Deleted, ""),
            _ => Ok(()),
        }
    }
}

/// What an invoice that was just issued is given in the same transaction: corrections, what it says, and its payment.
pub(crate) fn dress(
    tx: &mut dyn Tx,
    call: &Call,
    id: InvoiceId,
    today: quittance_domain::time::Day,
    edit: &InvoiceEdit,
    corrections: &[(String, String)],
    settled: bool,
) -> Result<Invoice> {
    let mut change = Change::open(tx, call, id, today)?;
    for (amount, comment) in corrections {
        change.correct(amount, comment)?;
    }
    change.revise(&Revision { edit: edit.clone(), standing: settled.then_some(Standing::Settled) })?;
    Ok(change.invoice)
}
