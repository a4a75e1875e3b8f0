//! Networks: making them, finding the one that is meant, and their settings.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId, PartyKind};
use quittance_domain::time::{Day, Timestamp, Zone};
pub use quittance_store::changes::ChangeRow;
use quittance_store::changes::{self, NewChange};
pub use quittance_store::networks::Network;
use quittance_store::{Tx, accruals, conversions, networks as table, parties};
use serde_json::json;

use crate::error::{Error, Result};
use crate::settings::{Change, Settings};
use crate::{Call, Engine};

/// The longest name of a network.
const NAME_CHARS_MAX: usize = 100;

impl Engine {
    /// Makes a network.
    ///
    /// # Errors
    /// The name is taken, empty, too long or not printable.
    pub fn create_network(&self, now: Timestamp, name: &str, zone: &Zone, currency: Currency) -> Result<Network> {
        let new = NewNetwork::checked(name, zone, currency)?;
        self.store.write(|tx| new.create(tx, now))
    }

    /// All networks, in the order in which they were made.
    ///
    /// # Errors
    /// What the store says.
    pub fn networks(&self) -> Result<Vec<Network>> {
        self.store.read(|tx| Ok(table::list(tx)?))
    }

    /// The network of an id.
    ///
    /// # Errors
    /// There is none.
    pub fn network(&self, id: NetworkId) -> Result<Network> {
        self.store.look_up(|tx| network(tx, id))
    }

    /// The network of a name; without a name, the only one there is.
    ///
    /// # Errors
    /// There is none of that name, or without a name, none at all or more than one.
    pub fn find_network(&self, name: Option<&str>) -> Result<Network> {
        self.store.read(|tx| find(tx, name))
    }

    /// The settings of the call's network.
    ///
    /// # Errors
    /// What the store says.
    pub fn network_settings(&self, call: &Call) -> Result<Settings> {
        self.store.read(|tx| settings(tx, call.network))
    }

    /// Whether a manager looks after a party.
    ///
    /// # Errors
    /// What the store says.
    pub fn manages(&self, call: &Call, manager_id: i64, kind: PartyKind, party_id: i64) -> Result<bool> {
        let found = self.store.read(|tx| parties::by_ids(tx, call.network, kind, &[party_id]))?;
        Ok(found.iter().any(|party| party.manager_id == Some(manager_id)))
    }

    /// Sets settings of the call's network: all of them, or none where one is refused. Answers what they are now.
    ///
    /// # Errors
    /// A name or a value is wrong, or what it asks for cannot change any more.
    pub fn set_network(&self, call: &Call, changes: &[(&str, &str)]) -> Result<Settings> {
        self.set_network_if(call, changes, &|_| true)
    }

    /// The same where the settings are still as the caller has read them.
    ///
    /// # Errors
    /// The same, and they are not as `expected` wants them.
    pub fn set_network_if(
        &self,
        call: &Call,
        changes: &[(&str, &str)],
        expected: &dyn Fn(&Settings) -> bool,
    ) -> Result<Settings> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            let mut settings = settings(tx, call.network)?;
            if !expected(&settings) {
                return Err(Error::Changed("the network's settings have changed: read them again".to_owned()));
            }
            let mut setting = Setting { tx, call, settings: &mut settings };
            for (name, value) in changes {
                setting.set(name, value)?;
            }
            crate::idempotency::mark_done(tx, call)?;
            Ok(settings)
        })
    }

    /// A page of the history of what is no invoice (settings, rates, parties), oldest first, after a place in it; only of
    /// one kind of thing where given.
    ///
    /// # Errors
    /// What the store says.
    pub fn changes(&self, call: &Call, after: i64, subject: Option<&str>, limit: i64) -> Result<Vec<ChangeRow>> {
        self.store.read(|tx| Ok(changes::after(tx, call.network, after, subject, limit)?))
    }

    /// The zone of the days of the call's network.
    ///
    /// # Errors
    /// What the store says.
    pub fn zone_of(&self, call: &Call) -> Result<Zone> {
        zone(&self.network(call.network)?)
    }
}

/// What a network is made of, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewNetwork {
    name: String,
    time_zone: String,
    pub(crate) currency: Currency,
}

impl NewNetwork {
    /// Checks what a network is to be made of.
    pub(crate) fn checked(name: &str, zone: &Zone, currency: Currency) -> Result<NewNetwork> {
        let chars = name.chars().count();
        if name.trim() != name || !(1..=NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
            let detail = format!(
                "{name:?} is no name of a network: write 1 to {NAME_CHARS_MAX} printable characters without spaces at \
                 the ends"
            );
            return Err(Error::invalid("name", detail));
        }
        Ok(NewNetwork { name: name.to_owned(), time_zone: zone.name().to_owned(), currency })
    }

    /// Makes the network.
    pub(crate) fn create(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<Network> {
        if table::by_name(tx, &self.name)?.is_some() {
            return Err(Error::Conflict(format!("there is a network {:?} already", self.name)));
        }
        Ok(table::insert(tx, &self.name, &self.time_zone, self.currency, now)?)
    }
}

/// The network of an id.
pub(crate) fn network(tx: &mut dyn Tx, id: NetworkId) -> Result<Network> {
    table::by_id(tx, id)?.ok_or_else(|| Error::NotFound(format!("there is no network with the id {id}")))
}

/// The network of a name, or the only one.
pub(crate) fn find(tx: &mut dyn Tx, name: Option<&str>) -> Result<Network> {
    let mut all = table::list(tx)?;
    let names = |all: &[Network]| all.iter().map(|network| network.name.as_str()).collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        let detail = "there is no network yet: make one with `quittance network create NAME`, or import a network file";
        return Err(Error::NotFound(detail.to_owned()));
    }
    match name {
        Some(name) => match all.iter().position(|network| network.name == name) {
            Some(found) => Ok(all.swap_remove(found)),
            None => Err(Error::NotFound(format!("there is no network {name:?}; there are: {}", names(&all)))),
        },
        None if all.len() == 1 => Ok(all.swap_remove(0)),
        None => {
            let detail = format!("there are several networks, say which with --network NAME: {}", names(&all));
            Err(Error::invalid("network", detail))
        }
    }
}

/// The zone of a network's days.
pub(crate) fn zone(network: &Network) -> Result<Zone> {
    let corrupt = |error| quittance_store::Error::Corrupt(format!("time zone of {}: {error}", network.name));
    Ok(Zone::parse(&network.time_zone).map_err(corrupt)?)
}

/// The settings of a network.
pub(crate) fn settings(tx: &mut dyn Tx, id: NetworkId) -> Result<Settings> {
    let network = network(tx, id)?;
    let mut settings = Settings::new(&network.time_zone, network.currency);
    settings.locked_through = table::locked_through(tx, id)?;
    settings.billed_elsewhere_through = table::elsewhere_through(tx, id)?;
    settings.conversion_key = network.conversion_key;
    for (name, value) in table::settings(tx, id)? {
        let corrupt = |error: Error| quittance_store::Error::Corrupt(format!("setting {name} of {id}: {error}"));
        settings.apply(&name, &value).map_err(corrupt)?;
    }
    Ok(settings)
}

/// The settings of a network while they are changed.
pub(crate) struct Setting<'a> {
    pub(crate) tx: &'a mut dyn Tx,
    /// Who changes them, and when; its network is the one.
    pub(crate) call: &'a Call,
    pub(crate) settings: &'a mut Settings,
}

impl Setting<'_> {
    /// Sets one, in the database and in `settings`, and says so in the history.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let (before, id) = (self.settings.clone(), self.call.network);
        let change = self.settings.apply(name, value)?;
        if *self.settings == before {
            return Ok(());
        }
        match change {
            Change::Nothing => {}
            Change::TimeZone => table::set_time_zone(self.tx, id, &self.settings.time_zone)?,
            Change::LockedThrough => self.lock(before.locked_through)?,
            Change::BilledElsewhere => self.elsewhere(before.billed_elsewhere_through)?,
            Change::Setting => table::put_setting(self.tx, id, name, Some(value))?,
            Change::BeforeFirstConversion => {
                if conversions::any(self.tx, id)? {
                    let detail = format!(
                        "{name} can be set only before the first conversion, and there are conversions already, with ids made \
                         of {}",
                        before.conversion_key.as_str()
                    );
                    return Err(Error::Conflict(detail));
                }
                table::set_conversion_key(self.tx, id, self.settings.conversion_key)?;
            }
            Change::BeforeFirstInvoice => {
                if has_invoices(self.tx, id)? {
                    let detail =
                        format!("{name} can be set only before the first invoice, and there are invoices already");
                    return Err(Error::Conflict(detail));
                }
                table::put_setting(self.tx, id, name, Some(value))?;
            }
        }
        let shown = |settings: &Settings| settings.shown().into_iter().find(|(shown, _)| *shown == name);
        let (old, new) = (shown(&before).map(|(_, value)| value), shown(self.settings).map(|(_, value)| value));
        let reopened = change == Change::LockedThrough && self.settings.locked_through < before.locked_through;
        let row = NewChange {
            subject: "setting",
            subject_id: name.to_owned(),
            action: if reopened { "reopened" } else { "set" },
            details: json!({ "from": old, "to": new }).to_string(),
        };
        Ok(changes::add(self.tx, id, &self.call.actor, self.call.now, &[row])?)
    }

    /// Says up to which day conversions were billed elsewhere. What is recorded already must not say otherwise.
    fn elsewhere(&mut self, before: Option<Day>) -> Result<()> {
        let (id, after) = (self.call.network, self.settings.billed_elsewhere_through);
        check_elsewhere(self.tx, id, None, before, after)?;
        Ok(table::set_elsewhere_through(self.tx, id, after)?)
    }

    /// Locks the books up to a day that is over, or opens them again.
    fn lock(&mut self, before: Option<Day>) -> Result<()> {
        let through = self.settings.locked_through;
        let today = Zone::parse(&self.settings.time_zone).map(|zone| zone.day_of(self.call.now));
        let today = today.map_err(|error| Error::invalid("time_zone", error.to_string()))?;
        if through > before && through.is_some_and(|through| through >= today) {
            let detail = format!("locked_through: only days that are over can be locked, today is {today}");
            return Err(Error::invalid("locked_through", detail));
        }
        Ok(table::set_locked_through(self.tx, self.call.network, through)?)
    }
}

/// Refuses a change of the day up to which conversions were billed elsewhere where conversions of the days between are
/// recorded: they count, or count nowhere, by the day that held when they came.
pub(crate) fn check_elsewhere(
    tx: &mut dyn Tx,
    id: NetworkId,
    party: Option<(InvoiceKind, i64)>,
    before: Option<Day>,
    after: Option<Day>,
) -> Result<()> {
    let (old, new) = (before.unwrap_or(Day::MIN), after.unwrap_or(Day::MIN));
    let refuse = |what: &str| {
        let detail = format!(
            "billed_elsewhere_through: conversions of the days after {} and up to {} are recorded already and {what}; it is \
             set before they are imported",
            old.min(new),
            old.max(new)
        );
        Err(Error::Conflict(detail))
    };
    if new > old && accruals::any_between(tx, id, old, new, party)? {
        return refuse("count");
    }
    if new < old && conversions::any_elsewhere(tx, id, new, old)? {
        return refuse("count nowhere");
    }
    Ok(())
}

fn has_invoices(tx: &mut dyn Tx, id: NetworkId) -> Result<bool> {
    let numbers = [InvoiceKind::Payable, InvoiceKind::Receivable].map(table::invoice_number_counter);
    for counter in [table::COUNTER_INVOICE_ID].into_iter().chain(numbers) {
        if table::counter(tx, id, counter)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
