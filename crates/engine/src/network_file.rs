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

/// Makes or changes one entry of a list of the file, which has an id or a code. The network is locked.
pub(crate) fn put_entry(tx: &mut dyn Tx, call: &Call, list: &str, entry: Map<String, Value>) -> Result<()> {
    let mut problems = Problems::default();
    let file = NetworkFile::read(&json!({ list: [entry] }), &mut problems);
    let network = networks::network(tx, call.network)?;
    let plan = plan::plan(tx, Some(&network), network.currency, &file, &mut problems)?;
    if let Some(Problem { place, detail }) = problems.0.into_iter().next() {
        let field = place.strip_prefix(&format!("{list}[0].")).unwrap_or_default().to_owned();
        let named = if field.is_empty() { detail } else { format!("{field}: {detail}") };
        return Err(Error::invalid(field, named));
    }
    plan.write(tx, call)?;
    Ok(())
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
