//! One file per command: its arguments, what it does by the engine, what it prints.

pub(crate) mod backup;
pub(crate) mod bill;
pub(crate) mod copy;
pub(crate) mod credit;
pub(crate) mod demo;
pub(crate) mod import_balances;
pub(crate) mod import_conversions;
pub(crate) mod import_network;
pub(crate) mod import_rates;
pub(crate) mod invoice;
pub(crate) mod invoices;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod network;
pub(crate) mod offer;
mod one_party;
pub(crate) mod openapi;
pub(crate) mod party;
pub(crate) mod pay;
pub(crate) mod pull;
pub(crate) mod rates;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod users;
pub(crate) mod verify;

use anyhow::Context as _;
use quittance_domain::time::{Day, Timestamp, Zone, parse_instant};
use quittance_engine::invoices::OnRepeat;

/// What becomes of a payment that is like one that there is: people repeat commands.
fn on_repeat(again: bool) -> OnRepeat {
    if again { OnRepeat::Meant } else { OnRepeat::Refused }
}

/// An instant from a flag: as everywhere, or a day, which is its first instant in the network's time zone.
fn instant(flag: &str, text: &str, zone: &Zone) -> anyhow::Result<Timestamp> {
    match Day::parse(text) {
        Ok(day) => Ok(zone.start_of_day(day)),
        Err(_) => parse_instant(text, zone).with_context(|| format!("--{flag}")),
    }
}

/// A day from a flag.
fn day(flag: &str, text: &str) -> anyhow::Result<Day> {
    Day::parse(text).with_context(|| format!("--{flag}"))
}
