//! A network with a million invoices: 10,000 affiliates, each billed on each of 100 days. A hundred of them stand out in one
//! way each, so that each finds 10,000 invoices.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use super::program::Program;
use super::set_up;
use super::yardsticks::Postgres;

/// How many affiliates there are, with the ids from 1 on.
const AFFILIATES: u64 = 10_000;
/// How many days are billed.
const DAYS: u64 = 100;
/// How many invoices that makes.
pub(super) const INVOICES: u64 = AFFILIATES * DAYS;
/// The first day, in days since 1970: 2025-10-24.
const START: u64 = 20_385;
/// How many affiliates stand out in each way: together they have 10,000 invoices.
const GROUP: u64 = 100;
/// The name that the affiliates of one group have a part of.
pub(super) const NAME: &str = "Needle";
/// The manager who looks after another group.
pub(super) const MANAGER: u64 = 7;
/// The payment terms of another, in days.
pub(super) const TERMS: u64 = 15;

/// A day counted from the first one, as `YYYY-MM-DD`.
pub(super) fn day(number: u64) -> String {
    let month = [(31, "2025-10"), (30, "2025-11"), (31, "2025-12"), (31, "2026-01")];
    // The first day is the 24th of the first month.
    let mut left = number + 23;
    for (days, name) in month {
        if left < days {
            return format!("{name}-{:02}", left + 1);
        }
        left -= days;
    }
    format!("2026-02-{:02}", left + 1)
}

/// The payout of one conversion: a cent more from one to the next, from 1.00 to 90.99, and then again.
fn payout(affiliate: u64, number: u64) -> String {
    let cents = (affiliate * 7 + number * 7_919) % 9_000 + 100;
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// The affiliates that stand out.
fn network() -> anyhow::Result<String> {
    let mut text = format!("[[managers]]\nid = {MANAGER}\nname = \"Somebody\"\n");
    for affiliate in 1..=AFFILIATES {
        let own = match (affiliate - 1) / GROUP {
            0 => format!("manager = {MANAGER}"),
            1 => "hidden_default = true".to_owned(),
            2 => format!("payment_terms = {TERMS}"),
            _ => String::new(),
        };
        let name = if (affiliate - 1) / GROUP == 3 { NAME } else { "Partner" };
        writeln!(text, "[[affiliates]]\nid = {affiliate}\nname = \"{name} No {affiliate}\"\n{own}")?;
    }
    Ok(text)
}

/// Fills an empty database: imports a conversion of each affiliate and day, and bills day after day.
pub(super) fn fill(ours: &Program) -> anyhow::Result<()> {
    set_up(ours)?;
    let folder = tempfile::tempdir()?;
    let (file, csv) = (folder.path().join("network.toml"), folder.path().join("conversions.csv"));
    std::fs::write(&file, network()?)?;
    ours.run(&["import", "network", &file.display().to_string()])?;
    let mut out = BufWriter::new(std::fs::File::create(&csv)?);
    writeln!(out, "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency")?;
    for number in 0..DAYS {
        let at = (START + number) * 86_400 + 43_200;
        for affiliate in 1..=AFFILIATES {
            writeln!(out, "c{number}-{affiliate},{affiliate},1,approved,{at},{},USD", payout(affiliate, number))?;
        }
    }
    out.flush()?;
    ours.run(&["import", "conversions", &csv.display().to_string()])?;
    for number in 0..DAYS {
        let billed = ours.run(&["bill", "--through", &day(number), "--json"])?;
        let issued = super::issued(&billed)?;
        anyhow::ensure!(issued == AFFILIATES, "{issued} invoices were issued for {}", day(number));
    }
    ours.run(&["verify", "--fast"])?;
    Ok(())
}

/// Does what PostgreSQL does by itself within minutes of a change: counts the rows, and marks the pages that all see.
pub(super) fn settle(ours: &Program) -> anyhow::Result<()> {
    if let Some(server) = ours.server {
        Postgres { url: ours.url.clone(), server }.sql("VACUUM (ANALYZE)")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_one_another() {
        assert_eq!(
            (day(0), day(7), day(8), day(99)),
            ("2025-10-24".into(), "2025-10-31".into(), "2025-11-01".into(), "2026-01-31".into())
        );
        // 2025-10-24 is 20,385 days after 1970-01-01: 55 years with 14 leap days, and 296 days of the year before it.
        assert_eq!(START, 55 * 365 + 14 + 296);
    }
}
