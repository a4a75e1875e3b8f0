//! The network file: parties, offers, managers, payment systems, currencies and settings in one document.
//!
//! Importing a file again updates: a key that is left out keeps its value, a list that is given replaces the old one,
//! nothing is deleted. Everything is read and checked before anything is written, and all of it is written in one
//! transaction. The file comes as JSON; who reads TOML turns it into JSON first.

mod bonuses;
mod file;
mod party_plan;
mod plan;
mod reader;
mod rules;

use quittance_domain::currency::Currency;
use quittance_domain::time::{Timestamp, Zone};
use quittance_store::{Tx, networks as table};
use serde_json::{Map, Value, json};

use self::file::NetworkFile;
use self::plan::Plan;
pub use self::reader::Problem;
use self::reader::Problems;
pub(crate) use self::reader::{email, text};
use crate::error::{Error, Result};
use crate::networks::{self, Network, NewNetwork};
use crate::settings::Settings;
use crate::{Call, Engine};

/// How many entries of one kind became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Were not there before.
    pub created: u64,
    /// Are different now.
    pub updated: u64,
    /// Are as they were.
    pub unchanged: u64,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFileReport {
    /// The network.
    pub network: Network,
    /// The import has made it.
    pub network_created: bool,
    /// What became of the entries of each list, by the list's key in the file.
    pub counts: Vec<(&'static str, EntryCounts)>,
}

impl Engine {
    /// Imports a network file. The network is the one that the file names, and is made where there is none of that
    /// name; a file that names none is for the network called `chosen`, or for the only one there is.
    ///
    /// The inner error is everything that is wrong in the file; nothing was written then.
    ///
    /// # Errors
    /// The network is not found, a setting cannot change any more, or what the store says. Nothing was written.
    pub fn import_network(
        &self,
        now: Timestamp,
        chosen: Option<&str>,
        file: &Value,
    ) -> Result<std::result::Result<NetworkFileReport, Vec<Problem>>> {
        let mut found = Problems::default();
        let file = NetworkFile::read(file, &mut found);
        if let (Some(chosen), Some(name)) = (chosen, &file.network.name)
            && chosen != name
        {
            found.add("network.name", format!("the file is for {name:?}, and {chosen:?} was chosen"));
        }
        self.store.write(|tx| {
            let mut problems = found.clone();
            let target = Target::find(tx, chosen, &file, &mut problems)?;
            let plan = match target.currency() {
                Some(currency) => plan::plan(tx, target.existing(), currency, &file, &mut problems)?,
                None => Plan::default(),
            };
            if !problems.0.is_empty() {
                return Ok(Err(problems.0));
            }
            let network_created = target.existing().is_none();
            let network = target.write(tx, now, &file)?;
            let call = Call { network: network.network_id, actor: ACTOR.to_owned(), now, claimed: None };
            let counts = plan.write(tx, &call)?;
            Ok(Ok(NetworkFileReport { network, network_created, counts }))
        })
    }
}

/// What is wrong with one of some entries of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryProblem {
    /// Which entry, counted from 0.
    pub(crate) entry: usize,
    /// The key at fault; empty where it is the entry as a whole.
    pub(crate) field: String,
    /// What is wrong, with the value.
    pub(crate) detail: String,
}

impl EntryProblem {
    fn of(problem: Problem, list: &str) -> EntryProblem {
        let Problem { place, detail } = problem;
        let place = place.strip_prefix(list).and_then(|rest| rest.strip_prefix('[')?.split_once(']'));
        let (entry, field) = place.unwrap_or(("0", ""));
        let field = field.strip_prefix('.').unwrap_or(field).to_owned();
        EntryProblem { entry: entry.parse().unwrap_or(0), field, detail }
    }

    /// What is wrong, behind the key at fault.
    pub(crate) fn named(&self) -> String {
        if self.field.is_empty() { self.detail.clone() } else { format!("{}: {}", self.field, self.detail) }
    }
}

/// Entries of a list of the file, laid over what there is.
fn planned(
    tx: &mut dyn Tx,
    call: &Call,
    list: &str,
    entries: Vec<Map<String, Value>>,
) -> Result<std::result::Result<Plan, Vec<EntryProblem>>> {
    let mut problems = Problems::default();
    let file = NetworkFile::read(&json!({ list: entries }), &mut problems);
    let network = networks::network(tx, call.network)?;
    let plan = plan::plan(tx, Some(&network), network.currency, &file, &mut problems)?;
    if problems.0.is_empty() {
        return Ok(Ok(plan));
    }
    Ok(Err(problems.0.into_iter().map(|problem| EntryProblem::of(problem, list)).collect()))
}

/// What would be wrong with entries of a list of the file, each with an id or a code. Nothing is written.
pub(crate) fn check_entries(
    tx: &mut dyn Tx,
    call: &Call,
    list: &str,
    entries: Vec<Map<String, Value>>,
) -> Result<Vec<EntryProblem>> {
    Ok(planned(tx, call, list, entries)?.err().unwrap_or_default())
}

/// Makes or changes entries of a list of the file, each with an id or a code. The network is locked. Where something is wrong
/// with one of them none is written.
pub(crate) fn put_entries(
    tx: &mut dyn Tx,
    call: &Call,
    list: &str,
    entries: Vec<Map<String, Value>>,
) -> Result<Vec<EntryProblem>> {
    match planned(tx, call, list, entries)? {
        Ok(plan) => plan.write(tx, call).map(|_| Vec::new()),
        Err(problems) => Ok(problems),
    }
}

/// Makes or changes one entry of a list of the file.
///
/// # Errors
/// A value is wrong: the field is the entry's key.
pub(crate) fn put_entry(tx: &mut dyn Tx, call: &Call, list: &str, entry: Map<String, Value>) -> Result<()> {
    match put_entries(tx, call, list, vec![entry])?.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(Error::invalid(problem.field.clone(), problem.named())),
    }
}

/// Who sets what a network file says, in the history.
const ACTOR: &str = "network file";

/// The network that a file is for.
enum Target {
    Existing(Network),
    New(NewNetwork),
    /// What the file says of a new network is wrong; the problems say what.
    Wrong,
}

impl Target {
    fn find(tx: &mut dyn Tx, chosen: Option<&str>, file: &NetworkFile, problems: &mut Problems) -> Result<Target> {
        let network = match file.network.name.as_deref() {
            None => match networks::find(tx, chosen) {
                // What is wrong with the file may be why no network was found.
                Err(_) if !problems.0.is_empty() => return Ok(Target::Wrong),
                found => found?,
            },
            Some(name) => match table::by_name(tx, name)? {
                None => return Ok(Target::new(name, file, problems)),
                Some(network) => network,
            },
        };
        // Two imports take turns, so that each compares with what the other has written.
        table::lock(tx, network.network_id)?;
        check_settings(networks::settings(tx, network.network_id)?, file, problems);
        Ok(Target::Existing(network))
    }

    fn new(name: &str, file: &NetworkFile, problems: &mut Problems) -> Target {
        let mut required = |key: &str| {
            let value = file.network.settings.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
            if value.is_none() {
                problems.add(format!("network.{key}"), format!("is missing: the network {name:?} is new and needs it"));
            }
            value
        };
        let (zone, currency) = (required("time_zone"), required("currency"));
        // Where the currency is wrong, any other serves to check the rest.
        let base = currency.and_then(|code| Currency::parse(code).ok()).or_else(|| Currency::all().next());
        if let Some(base) = base {
            check_settings(Settings::new("UTC", base), file, problems);
        }
        let zone = zone.and_then(|zone| Zone::parse(zone).ok());
        let currency = currency.and_then(|code| Currency::parse(code).ok());
        // What is wrong with these two was found with the settings.
        let (Some(zone), Some(currency)) = (zone, currency) else {
            return Target::Wrong;
        };
        NewNetwork::checked(name, &zone, currency).map(Target::New).unwrap_or_else(|error| {
            problems.add("network.name", error.to_string());
            Target::Wrong
        })
    }

    fn existing(&self) -> Option<&Network> {
        match self {
            Target::Existing(network) => Some(network),
            Target::New(_) | Target::Wrong => None,
        }
    }

    fn currency(&self) -> Option<Currency> {
        match self {
            Target::Existing(network) => Some(network.currency),
            Target::New(new) => Some(new.currency),
            Target::Wrong => None,
        }
    }

    /// Makes the network where it is new, and sets its settings.
    fn write(self, tx: &mut dyn Tx, now: Timestamp, file: &NetworkFile) -> Result<Network> {
        let network = match self {
            Target::Existing(network) => network,
            Target::New(new) => new.create(tx, now)?,
            Target::Wrong => return Err(Error::invalid("network", "the file's network is wrong")),
        };
        let mut settings = networks::settings(tx, network.network_id)?;
        let call = Call { network: network.network_id, actor: ACTOR.to_owned(), now, claimed: None };
        let mut setting = networks::Setting { tx, call: &call, settings: &mut settings };
        for (name, value) in &file.network.settings {
            setting.set(name, value)?;
        }
        networks::network(tx, network.network_id)
    }
}

fn check_settings(mut settings: Settings, file: &NetworkFile, problems: &mut Problems) {
    for (name, value) in &file.network.settings {
        if let Err(error) = settings.apply(name, value) {
            let detail = error.to_string();
            let named = detail.strip_prefix(&format!("{name}: ")).map(str::to_owned);
            problems.add(format!("network.{name}"), named.unwrap_or(detail));
        }
    }
}
