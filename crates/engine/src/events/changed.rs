//! Conversions that somebody may want to look at: those that were moved, and those that came back to what they were.

use quittance_domain::conversion::Conversion;
use serde::Serialize;
use serde_json::json;

use super::{EventType, tell};
use crate::Call;
use quittance_store::Tx;

/// How many conversions one event names.
const NAMED_MAX: usize = 100;

/// Who is paid for what.
#[derive(Debug, Clone, Copy, Serialize)]
struct Place {
    affiliate_id: i64,
    offer_id: i64,
}

impl Place {
    fn of(conversion: &Conversion) -> Place {
        Place { affiliate_id: conversion.affiliate_id.get(), offer_id: conversion.offer_id.get() }
    }
}

/// A conversion that a record has moved.
#[derive(Debug, Serialize)]
pub(crate) struct Moved {
    conversion_id: Box<str>,
    from: Place,
    to: Place,
}

impl Moved {
    /// What a record has made of a conversion.
    pub(crate) fn of(known: &Conversion, next: &Conversion) -> Moved {
        Moved { conversion_id: next.conversion_id.clone(), from: Place::of(known), to: Place::of(next) }
    }
}

/// A conversion that is what it was before.
#[derive(Debug, Serialize)]
pub(crate) struct Returned {
    conversion_id: Box<str>,
    from: &'static str,
    to: &'static str,
}

impl Returned {
    /// What a record has made of a conversion.
    pub(crate) fn of(known: &Conversion, next: &Conversion) -> Returned {
        let (from, to) = (known.status.as_str(), next.status.as_str());
        Returned { conversion_id: next.conversion_id.clone(), from, to }
    }
}

/// Tells which conversions were moved: several events where they are many.
pub(crate) fn tell_moved(tx: &mut dyn Tx, call: &Call, moved: &[Moved]) {
    for part in moved.chunks(NAMED_MAX) {
        let data = json!({ "moved": part.len(), "conversions": part });
        tell(tx, call, EventType::ConversionsMoved, ("conversions", None), data.to_string());
    }
}

/// Tells which conversions were returned: several events where they are many.
pub(crate) fn tell_returned(tx: &mut dyn Tx, call: &Call, returned: &[Returned]) {
    for part in returned.chunks(NAMED_MAX) {
        let data = json!({ "returned": part.len(), "conversions": part });
        tell(tx, call, EventType::ConversionsReturned, ("conversions", None), data.to_string());
    }
}
