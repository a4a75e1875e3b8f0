//! Which partners and advertisers a client asks for: by the filters of addresses, and by those of tables.

use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::Timestamp;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::parties::PartyFilter;
use quittance_engine::reference::PaymentSystem;
use quittance_engine::{Call, Engine};
use quittance_http::Problem;

use super::error::bad;
use super::from_wire::{Fields, words};
use super::partner_billing::cycles_of;
use super::quirks::{ACCOUNT_STATUSES, UNKNOWN_FILTERS};
use super::to_wire::payment_type;

const SECOND_MICROS: i64 = 1_000_000;

/// What a key finds of all: a manager's only the parties that it looks after.
fn all(actor: &Actor) -> PartyFilter {
    let manager_id = (actor.role == Role::Manager).then(|| actor.party_id.unwrap_or(0));
    PartyFilter { after: i64::MIN, manager_id, ..PartyFilter::default() }
}

/// The filters of an address, such as `filter=account_status=active`: all of them must hold.
pub(super) fn of_query(actor: &Actor, pairs: &[(String, String)]) -> Result<PartyFilter, Problem> {
    let mut filter = all(actor);
    for (_, text) in pairs.iter().filter(|(name, _)| name == "filter") {
        let Some(place) = text.find(['=', '<', '>']) else { return Err(not_served(text)) };
        let (field, op, value) = (&text[..place], &text[place..=place], &text[place + 1..]);
        match (field, op) {
            ("account_status", "=") => match &filter.status {
                // Nobody stands in two ways.
                Some(other) if other != value => filter.ids = Some(Vec::new()),
                _ => filter.status = Some(value.to_owned()),
            },
            ("time_created", op) => {
                narrow((&mut filter.created_from, &mut filter.created_before), op, seconds(text, value)?);
            }
            ("time_saved", op) => {
                narrow((&mut filter.updated_from, &mut filter.updated_before), op, seconds(text, value)?);
            }
            _ => return Err(not_served(text)),
        }
    }
    Ok(filter)
}

fn not_served(text: &str) -> Problem {
    bad(
        "filter",
        format!("filter: {text:?} is not served; account_status=…, time_created and time_saved with =, < or > are"),
    )
}

/// Unix seconds, as answers have them.
fn seconds(text: &str, value: &str) -> Result<i64, Problem> {
    value.parse().map_err(|_| bad("filter", format!("filter: {text:?}: {value:?} is no time in Unix seconds")))
}

/// Lays a comparison with a second over the bounds of instants: what lies within the second is shown as that second.
fn narrow((from, before): (&mut Option<Timestamp>, &mut Option<Timestamp>), op: &str, second: i64) {
    let start = |second: i64| Timestamp::from_micros(second.saturating_mul(SECOND_MICROS));
    let next = start(second.saturating_add(1));
    let (lower, upper) = match op {
        ">" => (Some(next), None),
        "<" => (None, Some(start(second))),
        _ => (Some(start(second)), Some(next)),
    };
    *from = (*from).max(lower);
    *before = [*before, upper].into_iter().flatten().min();
}

/// What a table is asked for, before the network is looked at.
#[derive(Debug, Clone)]
pub(super) struct TableFilter {
    filter: PartyFilter,
    /// Parts of names, of which one is enough.
    words: Vec<String>,
    /// The vendor's payment type of the main method.
    payment_type: Option<String>,
}

impl TableFilter {
    /// From the body of a table.
    pub(super) fn read(actor: &Actor, kind: PartyKind, body: &Fields) -> Result<TableFilter, Problem> {
        let filters = body.object("filters")?;
        let word = |names: &[&str]| Ok::<_, Problem>(filters.text(names)?.filter(|word| !word.is_empty()));
        if let Some(name) = UNKNOWN_FILTERS.iter().find(|name| filters.asks(name)) {
            return Err(filters.invalid(name, "nothing is known of this here; leave it out"));
        }
        let status = word(&["account_status"])?;
        if let Some(status) = status.as_deref().filter(|status| !ACCOUNT_STATUSES.contains(status)) {
            let detail = format!("{status:?} is none of {}", ACCOUNT_STATUSES.join(", "));
            return Err(filters.invalid("account_status", &detail));
        }
        let cycles = match word(&["billing_frequency"])? {
            Some(word) => Some(cycles_of(&filters, &word)?.into_iter().map(BillingCycle::title).collect()),
            None => None,
        };
        let payment_type = match kind {
            PartyKind::Affiliate => word(&["payment_type"])?,
            PartyKind::Advertiser if filters.asks("payment_type") => {
                return Err(filters.invalid("payment_type", "advertisers have none; leave it out"));
            }
            PartyKind::Advertiser => None,
        };
        let countries = filters.texts("country_codes")?;
        let managers = filters.ids(&["account_manager_ids"])?;
        let filter = PartyFilter { status, cycles, countries, managers, ..all(actor) };
        Ok(TableFilter { filter, words: words(body)?, payment_type })
    }

    /// The filter, now that the network is there.
    pub(super) fn resolve(
        self,
        engine: &Engine,
        call: &Call,
        kind: PartyKind,
    ) -> quittance_engine::Result<PartyFilter> {
        let mut filter = self.filter;
        match self.words.as_slice() {
            [] => {}
            [word] => filter.name_part = Some(word.clone()),
            words => filter.ids = Some(engine.parties_named(call, kind, words)?),
        }
        if let Some(word) = self.payment_type {
            filter.main_systems = Some(systems_of(&engine.payment_systems(call)?, &word));
        }
        Ok(filter)
    }
}

/// The payment systems of a vendor's payment type; 0 stands for none.
fn systems_of(systems: &[PaymentSystem], word: &str) -> Vec<i64> {
    let of_type = systems.iter().filter(|system| payment_type(Some(&system.payment_type)) == word);
    let none = (payment_type(None) == word).then_some(0);
    of_type.map(|system| system.system_id).chain(none).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_all_instants_that_are_shown_as_it() {
        let bounds = |ops: &[(&str, i64)]| {
            let (mut from, mut before) = (None, None);
            ops.iter().for_each(|(op, second)| narrow((&mut from, &mut before), op, *second));
            (from.map(Timestamp::micros), before.map(Timestamp::micros))
        };
        assert_eq!(bounds(&[("=", 5)]), (Some(5_000_000), Some(6_000_000)));
        assert_eq!(bounds(&[(">", 5)]), (Some(6_000_000), None));
        assert_eq!(bounds(&[("<", 5)]), (None, Some(5_000_000)));
        assert_eq!(bounds(&[(">", 5), ("<", 9), (">", 2), ("<", 20)]), (Some(6_000_000), Some(9_000_000)));
        assert_eq!(bounds(&[(">", i64::MAX)]), (Some(i64::MAX), None));
    }
}
