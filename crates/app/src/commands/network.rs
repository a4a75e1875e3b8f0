//! `quittance network`: making networks, listing them, their settings.

use clap::{Args, Subcommand};
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use quittance_domain::time::Zone;
use quittance_engine::networks::Network;
use quittance_engine::settings::Settings;
use serde_json::{Value, json};

use crate::cli::Nature;
use crate::context::Context;
use crate::failure::Exit;
use crate::output::{self, Side, Table};

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Makes a network.
    Create(Create),
    /// Lists the networks of the database.
    List,
    /// Shows the settings of a network.
    Show,
    /// Sets settings of a network: all that are given, or none where one is refused.
    ///
    /// Keys: time_zone, auto_approve, require_payment_method, create_missing, conversion_key,
    /// rejected_is_final, week_start, overpayment, carry_negatives, referral_shows, rate_max_age_days, locked_through,
    /// billed_elsewhere_through, first_invoice_id, first_invoice_number, invoice_prefix. `quittance network show` tells what they are.
    Set(Set),
    /// Shows the history of settings, rates and parties, oldest first: who changed what, when, from what to what.
    History(History),
}

/// A part of the history.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only of one kind of thing: setting, rate, affiliate, advertiser.
    #[arg(long, value_name = "KIND")]
    subject: Option<String>,
    /// After the row of this number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
    /// How many rows at most.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

/// A network to make.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name.
    name: String,
    /// The IANA time zone of its days and periods, such as America/New_York.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = |text: &str| Zone::parse(text))]
    time_zone: Zone,
    /// Its base currency, which can never change.
    #[arg(long, value_name = "CODE", default_value = "USD", value_parser = |text: &str| Currency::parse(text))]
    currency: Currency,
}

/// Settings to set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// A setting and its new value, such as auto_approve=true.
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    changes: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as auto_approve=true".to_owned()),
    }
}

impl NetworkCommand {
    /// What it is.
    pub(crate) fn nature(&self) -> Nature {
        match self {
            NetworkCommand::Create(_) | NetworkCommand::Set(_) => Nature::Settles,
            NetworkCommand::List | NetworkCommand::Show | NetworkCommand::History(_) => Nature::Reads,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            NetworkCommand::Create(command) => create(context, command)?,
            NetworkCommand::List => list(context)?,
            NetworkCommand::Show => show(context)?,
            NetworkCommand::Set(command) => set(context, command)?,
            NetworkCommand::History(command) => history(context, command)?,
        }
        Ok(Exit::Done)
    }
}

fn create(context: &Context, command: &Create) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let network = engine.create_network(context.now(), &command.name, &command.time_zone, command.currency)?;
    if context.json {
        return output::json(&to_json(&network));
    }
    let Network { network_id, name, time_zone, currency, .. } = network;
    output::line(&format!("made network {network_id}: {name} ({time_zone}, {currency})"))
}

fn list(context: &Context) -> anyhow::Result<()> {
    let networks = context.engine()?.networks()?;
    if context.json {
        let networks: Vec<Value> = networks.iter().map(to_json).collect();
        return output::json(&json!({ "networks": networks }));
    }
    let columns = [("id", Side::Right), ("name", Side::Left), ("time zone", Side::Left), ("currency", Side::Left)];
    let mut table = Table::new(&columns);
    for network in networks {
        let Network { network_id, name, time_zone, currency, .. } = network;
        table.row([network_id.to_string(), name, time_zone, currency.to_string()]);
    }
    table.print()
}

fn show(context: &Context) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    print_settings(context, &engine.network(call.network)?, &engine.network_settings(&call)?)
}

fn set(context: &Context, command: &Set) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let changes: Vec<(&str, &str)> = command.changes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let settings = engine.set_network(&call, &changes)?;
    print_settings(context, &engine.network(call.network)?, &settings)
}

fn history(context: &Context, command: &History) -> anyhow::Result<()> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let rows = engine.changes(&call, command.after, command.subject.as_deref(), command.limit)?;
    if context.json {
        return output::json(&json!({ "changes": rows.iter().map(wire::change).collect::<Vec<_>>() }));
    }
    let columns = ["at", "by", "what", "which", "action", "details"].map(|name| (name, Side::Left));
    let mut table = Table::new(&[&[("no", Side::Right)], columns.as_slice()].concat());
    for row in rows {
        let (no, at) = (row.change_no.to_string(), row.happened_at.to_string());
        table.row([no, at, row.actor, row.subject, row.subject_id, row.action, row.details]);
    }
    table.print()
}

fn print_settings(context: &Context, network: &Network, settings: &Settings) -> anyhow::Result<()> {
    if context.json {
        return output::json(&wire::network(network, settings));
    }
    let mut table = Table::new(&[("setting", Side::Left), ("value", Side::Left)]);
    for (name, value) in settings.shown() {
        table.row([name.to_owned(), value]);
    }
    table.print()
}

fn to_json(network: &Network) -> Value {
    json!({
        "id": network.network_id.get(),
        "name": network.name,
        "time_zone": network.time_zone,
        "currency": network.currency.code(),
    })
}
