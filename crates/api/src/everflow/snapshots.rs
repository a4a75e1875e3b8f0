//! The history of a conversion in the vendor's form: a snapshot of what it was after each change that an invoice may follow.

use quittance_engine::ingest::State;
use serde_json::{Value, json};

use super::conversions::{Amounts, status, text_of};
use super::wire::{amount_or_null, seconds};

/// The snapshots of a conversion that had some states and is in the last of them, the oldest first; with what each was worth
/// in the currency in which the conversion is shown.
pub(super) fn of(states: &[State], amounts: &[Amounts]) -> Vec<Value> {
    let changes = states.windows(2).zip(amounts.iter().skip(1));
    changes.flat_map(|(pair, worth)| between(&pair[0], &pair[1], worth)).collect()
}

/// What changed from one state to the next: a change of the status is told by itself.
fn between(before: &State, after: &State, worth: &Amounts) -> Vec<Value> {
    let (old, new) = (&before.known.conversion, &after.known.conversion);
    let amounts = (old.payout, old.revenue) != (new.payout, new.revenue);
    let sale = text_of(old, "sale_amount") != text_of(new, "sale_amount");
    let of_amounts = match (amounts, sale) {
        (true, true) => Some("payout_revenue_and_sale_amount"),
        (true, false) => Some("payout_revenue"),
        (false, true) => Some("sale_amount"),
        (false, false) => None,
    };
    let of_status = (status(old.status) != status(new.status)).then_some("status");
    let kinds = [of_status, of_amounts].into_iter().flatten();
    kinds.map(|kind| snapshot(kind, after, worth)).collect()
}

fn snapshot(kind: &str, after: &State, worth: &Amounts) -> Value {
    let conversion = &after.known.conversion;
    json!({
        "snapshot_type": kind,
        // What was changed here stands over what was received; the rest came from the tracker, by whatever way.
        "initiator": if after.known.received.is_some() { "manual" } else { "csv" },
        "payout": amount_or_null(worth.payout),
        "revenue": amount_or_null(worth.revenue),
        "status": status(conversion.status),
        "unix_timestamp": seconds(after.received_at),
        "network_employee": {},
    })
}
