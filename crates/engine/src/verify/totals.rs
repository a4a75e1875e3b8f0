//! What is checked over a whole network at once: the invoice numbers.

use quittance_domain::ids::InvoiceKind;
use quittance_store::{Tx, audit, networks};

use super::{Findings, VIOLATIONS_MAX};
use crate::Call;
use crate::error::Result;

/// I6: first to last, no gap, no repeat, and the next number follows the last.
pub(super) fn numbers(tx: &mut dyn Tx, call: &Call, findings: &mut Findings) -> Result<()> {
    for numbers in audit::numbers(tx, call.network)? {
        if numbers.distinct != numbers.count {
            let repeats = numbers.count - numbers.distinct;
            findings.add("I6", format!("{}: {repeats} numbers are given more than once", numbers.kind));
        }
        if numbers.last - numbers.first + 1 != numbers.distinct {
            let gaps = audit::gaps(tx, call.network, &numbers, VIOLATIONS_MAX as i64)?;
            for before in gaps {
                findings.add("I6", format!("{}: number {} is missing", numbers.kind, before + 1));
            }
        }
        let Some(kind) = InvoiceKind::parse(&numbers.kind) else { continue };
        let counter = networks::invoice_number_counter(kind);
        let next = networks::counter(tx, call.network, counter)?;
        if next != Some(numbers.last + 1) {
            let text = format!("{}: the last number is {}, the next would be {next:?}", numbers.kind, numbers.last);
            findings.add("I6", text);
        }
    }
    Ok(())
}
