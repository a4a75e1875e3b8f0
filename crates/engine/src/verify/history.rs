//! I8: an invoice's history replays to its present state.

use quittance_store::invoices::{HistoryRow, Invoice};
use serde_json::Value;

use super::Findings;
use crate::invoices::{DOCUMENT, facts};

/// Replays the rows from the first to the last and compares.
pub(super) fn check(invoice: &Invoice, rows: &[HistoryRow], findings: &mut Findings) {
    let name = format!("invoice {}", invoice.invoice_id);
    let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
    let expected: Vec<i64> = (1..=invoice.version).collect();
    if versions != expected {
        findings.add("I8", format!("{name}: its history has the versions {versions:?}, not 1 to {}", invoice.version));
        return;
    }
    let Some(last) = rows.last() else { return };
    if last.status != invoice.status {
        findings.add("I8", format!("{name}: its history ends as {}, it is {}", last.status, invoice.status));
    }
    if (last.billed_units, last.paid_units) != (invoice.billed_units, invoice.paid_units) {
        findings.add(
            "I8",
            format!(
                "{name}: its history ends with {} units billed and {} paid, it has {} and {}",
                last.billed_units, last.paid_units, invoice.billed_units, invoice.paid_units
            ),
        );
    }
    match replay(rows) {
        Ok(replayed) if replayed == facts(invoice) => {}
        Ok(replayed) => {
            findings.add("I8", format!("{name}: its history replays to {replayed}, it is {}", facts(invoice)));
        }
        Err(reason) => findings.add("I8", format!("{name}: its history cannot be replayed: {reason}")),
    }
}

/// The facts that can be edited, as the rows leave them.
fn replay(rows: &[HistoryRow]) -> Result<Value, String> {
    let mut facts = Value::Null;
    for row in rows {
        let details: Value = serde_json::from_str(&row.details).map_err(|error| error.to_string())?;
        match row.action.as_str() {
            "issued" => facts = details,
            "edited" => {
                for (name, change) in details.as_object().into_iter().flatten() {
                    let none = Value::Null;
                    if facts.get(name).unwrap_or(&none) != change.get("from").unwrap_or(&none) {
                        return Err(format!("version {} edits {name} from another value than it had", row.version));
                    }
                    facts[name.as_str()] = change.get("to").cloned().unwrap_or_default();
                    if let Some(facts) = facts.as_object_mut() {
                        facts.retain(|name, value| !(value.is_null() && DOCUMENT.contains(&name.as_str())));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(facts)
}
