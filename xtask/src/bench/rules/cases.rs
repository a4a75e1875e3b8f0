//! The rules, each with the run that it is measured on.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::super::Program;
use super::super::data::{ADVERTISERS, AFFILIATES, OFFERS};
use super::super::report::Goal;
use super::import_network;
use super::stock::{Month, Stock, affiliates};

/// What is done before a run, not measured: with the program, the month, and where files go.
type Step = fn(&Program, &Month, &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()>;

/// One of the two runs that are compared.
pub(super) struct Side {
    /// What the database holds.
    pub(super) stock: Stock,
    /// What switches the rule on.
    pub(super) prepare: Step,
    /// The run.
    pub(super) run: fn(&Month) -> Vec<String>,
}

/// Two runs that are compared.
pub(super) struct Case {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) goal: Goal,
    /// What happens in both databases before the run.
    pub(super) ahead: Step,
    pub(super) without: Side,
    pub(super) with: Side,
}

/// What the requirements say: at most so many times the run without the rule.
const GOAL: Goal = Goal::AtMost(1.3);
/// The row of a rule beside the same run without it.
const RULE: &str = "B12";
/// The row of a rule over more conversions for the same invoices.
const GROWTH: &str = "B13";
/// What neither run needs.
const NOTHING: Step = |_, _, _| Ok(());
/// The run of a month, without any rule.
const MONTH: Side = Side { stock: Stock::Plain, prepare: NOTHING, run: whole };

/// A rule of the run itself.
const fn asked(name: &'static str, run: fn(&Month) -> Vec<String>) -> Case {
    Case { id: RULE, name, goal: GOAL, ahead: NOTHING, without: MONTH, with: Side { run, ..MONTH } }
}

/// A rule that is switched on before the run.
const fn set(name: &'static str, prepare: Step) -> Case {
    Case { id: RULE, name, goal: GOAL, ahead: NOTHING, without: MONTH, with: Side { prepare, ..MONTH } }
}

/// A rule that is in the way of the import.
const fn imported(name: &'static str, stock: Stock) -> Case {
    Case { id: RULE, name, goal: GOAL, ahead: NOTHING, without: MONTH, with: Side { stock, ..MONTH } }
}

/// The run over five times the conversions for the same invoices.
const fn growth(
    name: &'static str,
    (few, many): (Stock, Stock),
    prepare: Step,
    run: fn(&Month) -> Vec<String>,
) -> Case {
    let (without, with) = (Side { stock: few, prepare, run }, Side { stock: many, prepare, run });
    Case { id: GROWTH, name, goal: GOAL, ahead: NOTHING, without, with }
}

/// All that is measured, in the order of the table.
pub(super) const CASES: &[Case] = &[
    asked("from a day", |month| with(month, ["--from", &month.day(2)])),
    Case { ahead: first_half, ..asked("from the last invoice", |month| with(month, ["--from", "last-invoice"])) },
    asked("offers, all but one", all_offers),
    asked("advertisers, all but one", all_advertisers),
    asked("currencies, all", |month| with(month, ["--currency", "USD", "--currency", "EUR", "--currency", "GBP"])),
    Case {
        id: RULE,
        name: "everything converted",
        goal: GOAL,
        ahead: NOTHING,
        without: Side { stock: Stock::Euros, ..MONTH },
        with: Side { stock: Stock::Euros, prepare: converting, ..MONTH },
    },
    set("tax", |ours, _, file| {
        rules(ours, file, |_| "tax = { mode = \"rate\", rate = \"19\", text = \"VAT 19 %\" }".to_owned())
    }),
    Case { ahead: first_half, ..set("referral", referred) },
    Case { ahead: first_half, ..set("volume bonus", bonus) },
    Case { with: Side { prepare: scheduled, run: |_| vec!["bill".to_owned()], ..MONTH }, ..asked("schedule", whole) },
    imported("hold days", Stock::Hold),
    set("minimum, reached", |ours, _, file| minimum(ours, file, "0.01")),
    set("minimum, then rolled over", rolled_over),
    Case { ahead: negatives, ..set("negatives given up", given_up) },
    imported("billed elsewhere", Stock::Elsewhere),
    growth("from a day, 5 times the conversions", (Stock::Few, Stock::Many), NOTHING, |month| {
        with(month, ["--from", &month.day(2)])
    }),
    growth("offers, 5 times the conversions", (Stock::Few, Stock::Many), NOTHING, all_offers),
    growth("bonus, 5 times the conversions", (Stock::Few, Stock::Many), bonus, whole),
    growth("hold days, 5 times the conversions", (Stock::FewHold, Stock::ManyHold), NOTHING, whole),
    Case {
        id: "", goal: Goal::None, ..asked("receivables ÷ payables", |month| with(month, ["--kind", "receivable"]))
    },
    Case {
        id: "",
        goal: Goal::None,
        ..set("minimum, nobody reaches it", |ours, _, file| minimum(ours, file, "1000000"))
    },
];

fn whole(month: &Month) -> Vec<String> {
    ["bill", "--through", month.last_day()].map(str::to_owned).to_vec()
}

fn with<const N: usize>(month: &Month, more: [&str; N]) -> Vec<String> {
    let mut args = whole(month);
    args.extend(more.map(str::to_owned));
    args
}

/// All but one: what is billed is nearly the same, and something is left behind.
fn all_but_one(month: &Month, condition: &str, last: u64) -> Vec<String> {
    let mut args = whole(month);
    args.extend((2..=last).flat_map(|id| [condition.to_owned(), id.to_string()]));
    args
}

fn all_offers(month: &Month) -> Vec<String> {
    all_but_one(month, "--offer", OFFERS)
}

fn all_advertisers(month: &Month) -> Vec<String> {
    all_but_one(month, "--conversion-advertiser", ADVERTISERS)
}

/// The first half of the month is billed already.
fn first_half(ours: &Program, month: &Month, _: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    ours.run(&["bill", "--through", &month.day(14)])?;
    Ok(())
}

/// Gives every affiliate these lines in the network file.
fn rules(ours: &Program, file: &dyn Fn(&str) -> PathBuf, rules: impl Fn(usize) -> String) -> anyhow::Result<()> {
    import_network(ours, &file("rules.toml"), &affiliates(rules))
}

fn minimum(ours: &Program, file: &dyn Fn(&str) -> PathBuf, minimum: &str) -> anyhow::Result<()> {
    let currencies = ["USD", "EUR", "GBP"];
    let table = |code| format!("[[currencies]]\ncode = \"{code}\"\nminimum_payment = \"{minimum}\"\n");
    import_network(ours, &file("minimum.toml"), &currencies.map(table).concat())
}

/// The first days of the month were below the minimum.
fn rolled_over(ours: &Program, month: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    minimum(ours, file, "1000000")?;
    ours.run(&["bill", "--through", &month.day(2)])?;
    minimum(ours, file, "0")
}

/// Everyone is paid in dollars.
fn converting(ours: &Program, month: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    rules(ours, file, |_| "currency = \"USD\"\ncurrency_policy = \"convert\"".to_owned())?;
    let rates = file("rates.csv");
    std::fs::write(&rates, format!("date,base,quote,rate\n{},EUR,USD,1.1\n", month.last_day()))?;
    ours.run(&["import", "rates", &rates.display().to_string()])?;
    Ok(())
}

/// Everyone but the first has a referrer; a referrer has ten.
fn referred(ours: &Program, _: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    rules(ours, file, |id| match id {
        1 => String::new(),
        _ => format!("referrer = {{ affiliate = {}, percent = \"5\" }}", (id - 2) / 10 + 1),
    })
}

/// A step that few reach, and one that everyone does.
fn bonus(ours: &Program, _: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    let bonus = "[[bonuses]]\nid = 1\ntitle = \"Volume\"\nmeasure = \"conversions\"\nretroactive = true\n\
        tiers = [{ from = \"1\", percent = \"1\" }, { from = \"1000\", percent = \"2\" }]\n";
    import_network(ours, &file("bonus.toml"), bonus)
}

/// The month is the one period of everybody's that is due.
fn scheduled(ours: &Program, month: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    let first = month.day(1);
    rules(ours, file, |_| format!("billing_cycle = \"monthly\"\nauto_invoice = true\nauto_start = \"{first}\""))
}

/// Every tenth affiliate owes something: a conversion of minus a million in each currency.
fn negatives(ours: &Program, month: &Month, file: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    let mut csv = "conversion_id,affiliate_id,offer_id,status,occurred_at,payout,payout_currency\n".to_owned();
    for affiliate in (10..=AFFILIATES).step_by(10) {
        for currency in ["USD", "EUR", "GBP"] {
            let day = month.day(3);
            writeln!(csv, "owed-{affiliate}-{currency},{affiliate},1,approved,{day}T12:00:00Z,-1000000,{currency}")?;
        }
    }
    let path = file("negatives.csv");
    std::fs::write(&path, csv)?;
    ours.run(&["import", "conversions", &path.display().to_string()])?;
    Ok(())
}

fn given_up(ours: &Program, _: &Month, _: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    ours.run(&["network", "set", "carry_negatives=false"])?;
    Ok(())
}
