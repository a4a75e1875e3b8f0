//! `quittance import network`: parties, offers, managers, payment systems and so on from one file.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use quittance_engine::network_file::NetworkFileReport;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{self, Exit};
use crate::output::{self, Side, Table};

/// A network file to import.
#[derive(Debug, Args)]
pub(crate) struct ImportNetwork {
    /// The file, TOML or JSON; `-` is standard input.
    ///
    /// Importing it again updates: a key that is left out keeps its value, a list that is given replaces the old one,
    /// nothing is deleted. The network is made where there is none of its name. Where anything in the file is wrong,
    /// all of that is named and nothing is changed.
    file: PathBuf,
}

impl ImportNetwork {
    /// The file that is read.
    pub(crate) fn input(&self) -> &Path {
        &self.file
    }

    /// Does it.
    ///
    /// # Errors
    /// The file cannot be read, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let text = read(&self.file)?;
        let shown = self.file.display();
        let file = parse(&text, is_json(&self.file, &text)).with_context(|| format!("cannot understand {shown}"))?;
        let engine = context.engine()?;
        match engine.import_network(context.now(), context.config.network.as_deref(), &file)? {
            Err(problems) => {
                problems.iter().for_each(|problem| failure::complain(&format!("{shown}: {problem}")));
                failure::complain(&format!("{shown}: nothing was imported"));
                Ok(Exit::Failed)
            }
            Ok(report) => {
                print(context, &report)?;
                Ok(Exit::Done)
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// JSON by its name or its first character, which no TOML file can have.
fn is_json(path: &Path, text: &str) -> bool {
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    named || text.trim_start().starts_with('{')
}

fn parse(text: &str, json: bool) -> anyhow::Result<Value> {
    // Some editors begin a file with a byte order mark.
    let text = text.trim_start_matches('\u{feff}');
    if json {
        return Ok(serde_json::from_str(text)?);
    }
    let table: toml::Table = text.parse()?;
    Ok(Value::Object(table.into_iter().map(|(key, value)| (key, to_json(value))).collect()))
}

fn to_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        // Nothing in the file is one: the engine says so, with the number and its place.
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        toml::Value::Boolean(flag) => flag.into(),
        // A date without quotes is as good as one in quotes.
        toml::Value::Datetime(at) => at.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, to_json(value))).collect())
        }
    }
}

fn print(context: &Context, report: &NetworkFileReport) -> anyhow::Result<()> {
    let network = &report.network;
    if context.json {
        let mut answer = Map::new();
        let made = report.network_created;
        let of = json!({ "id": network.network_id.get(), "name": network.name, "created": made });
        answer.insert("network".to_owned(), of);
        for (key, counts) in &report.counts {
            let counts = json!({
                "created": counts.created,
                "updated": counts.updated,
                "unchanged": counts.unchanged,
            });
            answer.insert((*key).to_owned(), counts);
        }
        return output::json(&Value::Object(answer));
    }
    let made = if report.network_created { "made network" } else { "network" };
    output::line(&format!("{made} {}: {}", network.network_id, network.name))?;
    let columns =
        [("imported", Side::Left), ("created", Side::Right), ("updated", Side::Right), ("unchanged", Side::Right)];
    let mut table = Table::new(&columns);
    for (key, counts) in &report.counts {
        let numbers = [counts.created, counts.updated, counts.unchanged].map(|number| number.to_string());
        table.row(std::iter::once(key.replace('_', " ")).chain(numbers));
    }
    table.print()
}
