//! Whose documents a key sees: a party its own visible ones, a manager those of the parties it manages.

use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_engine::invoices::Invoice;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::{Call, Engine, Error};

/// The kind of invoice that a party's own key sees; `None` for the network's own people.
#[must_use]
pub fn own_kind(role: Role) -> Option<InvoiceKind> {
    match role {
        Role::Affiliate => Some(InvoiceKind::Payable),
        Role::Advertiser => Some(InvoiceKind::Receivable),
        _ => None,
    }
}

/// Refuses a manager's key what is not of a party that it manages.
///
/// # Errors
/// The manager does not look after the party.
pub fn check_manager(engine: &Engine, actor: &Actor, call: &Call, kind: PartyKind, party: i64) -> Result<(), Error> {
    if actor.role == Role::Manager && !engine.manages(call, actor.party_id.unwrap_or(0), kind, party)? {
        return Err(Error::Forbidden(format!("the key's manager does not manage {} {party}", kind.as_str())));
    }
    Ok(())
}

/// An invoice that the actor may see; any other is as if it were not there.
///
/// # Errors
/// There is no such invoice, or not for this actor.
pub fn visible(engine: &Engine, actor: &Actor, call: &Call, id: InvoiceId) -> Result<Invoice, Error> {
    let invoice = engine.invoice(call, id)?;
    let book = invoice.book;
    check_manager(engine, actor, call, book.kind.party_kind(), book.party_id)?;
    match own_kind(actor.role) {
        Some(kind) if kind != book.kind || Some(book.party_id) != actor.party_id || invoice.hidden => {
            Err(Error::NotFound(format!("there is no invoice {id}")))
        }
        _ => Ok(invoice),
    }
}
