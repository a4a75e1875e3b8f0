//! Erasing a party's personal data, with the books left intact.

use quittance_domain::ids::PartyKind;
use quittance_domain::invoice::InvoiceStatus;
use quittance_store::changes::{self, NewChange};
use quittance_store::invoices::{self, InvoiceFilter};
use quittance_store::{networks, parties};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::events::EventType;
use crate::{Call, Engine, events, users};

impl Engine {
    /// Erases what is personal of a party: its name and address, also on its invoices, the details of its payment methods,
    /// its tax id, site, telephone number, country, notes and custom fields, its users, and its keys, which are revoked. Amounts,
    /// lines, payments and the ledger stay as they are.
    ///
    /// # Errors
    /// There is no such party, or an invoice of it is neither paid nor void: it has to be settled first.
    pub fn erase_party(&self, call: &Call, kind: PartyKind, party_id: i64) -> Result<()> {
        self.store.write(|tx| {
            networks::lock(tx, call.network)?;
            let found = parties::by_ids(tx, call.network, kind, &[party_id])?.pop();
            let party = found.ok_or_else(|| Error::NotFound(format!("there is no {kind} {party_id}")))?;
            for status in [InvoiceStatus::Pending, InvoiceStatus::Approved, InvoiceStatus::PartlyPaid] {
                let filter = InvoiceFilter {
                    kind: Some(kind.invoice_kind()),
                    party_id: Some(party_id),
                    statuses: vec![status],
                    ..InvoiceFilter::default()
                };
                if let Some(open) = invoices::list(tx, call.network, &filter, 0, 1)?.first() {
                    let detail =
                        format!("invoice {} of {kind} {party_id} is {status}: settle it first", open.invoice_id);
                    return Err(Error::Conflict(detail));
                }
            }
            let rules = without_personal(&party.rules);
            parties::erase(tx, call.network, kind, party_id, &format!("Erased {kind} {party_id}"), &rules, call.now)?;
            users::erase_of_party(tx, call, kind, party_id)?;
            invoices::erase_accounts(tx, call.network, kind.invoice_kind(), party_id)?;
            let change = NewChange {
                subject: kind.as_str(),
                subject_id: party_id.to_string(),
                action: "erased",
                details: "{}".to_owned(),
            };
            changes::add(tx, call.network, &call.actor, call.now, &[change])?;
            events::tell_party(tx, call, EventType::PartyErased, kind, party_id);
            crate::idempotency::mark_done(tx, call)
        })
    }
}

fn without_personal(rules: &str) -> String {
    let mut rules: Value = serde_json::from_str(rules).unwrap_or_default();
    if let Some(tax) = rules.get_mut("tax").and_then(Value::as_object_mut) {
        tax.remove("id");
    }
    if let Some(rules) = rules.as_object_mut() {
        rules.retain(|key, _| !["website", "phone", "country", "notes", "custom_fields"].contains(&key.as_str()));
    }
    rules.to_string()
}
