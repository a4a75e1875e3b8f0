//! Searches for invoices, newest first, from any place in what is found. One that asks a single thing is answered from an
//! index alone (`alone`), one that asks several by the index of what is asked most narrowly (`together`).

pub(crate) mod alone;
pub(crate) mod together;

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::time::Day;

use self::alone::Alone;
use super::standing::{InvoiceSums, Standing};
use crate::error::Result;
use crate::tx::Tx;

/// A bound of balances in every currency: billing units where they are 10^-6, and where they are 10^-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceBound {
    /// Of ISO currencies.
    pub units_6: i64,
    /// Of crypto-currencies.
    pub units_8: i64,
}

/// Invoices of parties or with ids, whichever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Either {
    /// Of these parties.
    pub parties: Vec<i64>,
    /// With these ids.
    pub ids: Vec<i64>,
}

/// Which invoices of one kind are searched for. `None` asks for nothing; all that is asked must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceSearch {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// They stand in one of these ways.
    pub standings: Vec<Standing>,
    /// Whether the party does not see it.
    pub hidden: Option<bool>,
    /// With one of these payment terms in days; none counts as 0.
    pub payment_terms_days: Option<Vec<i64>>,
    /// The period starts on this day or later.
    pub starts_from: Option<Day>,
    /// The period ends on this day or earlier.
    pub ends_through: Option<Day>,
    /// More is left to pay than this.
    pub balance_above: Option<BalanceBound>,
    /// Less is left to pay than this.
    pub balance_below: Option<BalanceBound>,
    /// Of these parties.
    pub parties: Option<Vec<i64>>,
    /// With these ids.
    pub ids: Option<Vec<i64>>,
    /// What words were found in.
    pub either: Option<Either>,
}

impl InvoiceSearch {
    /// All invoices of a kind that are not void.
    #[must_use]
    pub fn of_kind(kind: InvoiceKind) -> InvoiceSearch {
        InvoiceSearch {
            kind,
            standings: vec![Standing::Open, Standing::Settled],
            hidden: None,
            payment_terms_days: None,
            starts_from: None,
            ends_through: None,
            balance_above: None,
            balance_below: None,
            parties: None,
            ids: None,
            either: None,
        }
    }
}

/// A page of what a search finds, and how many it finds in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The ids of the page, newest first.
    pub ids: Vec<i64>,
    /// How many there are.
    pub total: i64,
}

/// What a search finds, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundUnits {
    /// All of one currency.
    Alike {
        /// Their currency.
        currency: Currency,
        /// How many they are.
        invoices: i64,
        /// What they bill, in billing units.
        billed_units: i128,
        /// What was paid of them, in billing units.
        paid_units: i128,
        /// What is left to pay of them, in billing units.
        balance_units: i128,
    },
    /// By currency and last day.
    ByDay(Vec<InvoiceSums>),
}

/// A page of the invoices that a search finds, newest first: at most `limit` after the first `offset`.
///
/// # Errors
/// What the database says.
pub fn found(tx: &mut dyn Tx, network: NetworkId, search: &InvoiceSearch, page: (i64, i64)) -> Result<Found> {
    tx.read_by_indexes()?;
    match Alone::of(network, search) {
        Some(alone) => alone.found(tx, page),
        None => together::found(tx, network, search, page),
    }
}

/// The sums of the invoices that a search finds.
///
/// # Errors
/// What the database says.
pub fn sums_found(tx: &mut dyn Tx, network: NetworkId, search: &InvoiceSearch) -> Result<FoundUnits> {
    tx.read_by_indexes()?;
    if search.standings.contains(&Standing::Void) {
        return sums_with_void(tx, network, search);
    }
    match Alone::of(network, search) {
        Some(alone) => alone.sums(tx),
        None => together::sums(tx, network, search).map(FoundUnits::ByDay),
    }
}

/// The sums of what is found where void invoices are looked for, too: of these nothing is left to pay, but not all was paid.
fn sums_with_void(tx: &mut dyn Tx, network: NetworkId, search: &InvoiceSearch) -> Result<FoundUnits> {
    let (void, others) = search.standings.iter().partition(|standing| **standing == Standing::Void);
    let void = InvoiceSearch { standings: void, ..search.clone() };
    let mut sums: BTreeMap<(Currency, Day), InvoiceSums> = BTreeMap::new();
    for mut day in together::sums(tx, network, &void)? {
        day.paid_units = 0;
        sums.insert((day.currency, day.period_end), day);
    }
    for (currency, day, units) in together::paid_of_void(tx, network, &void)? {
        if let Some(day) = sums.get_mut(&(currency, day)) {
            day.paid_units = units;
        }
    }
    let others = InvoiceSearch { standings: others, ..search.clone() };
    let others = if others.standings.is_empty() { Vec::new() } else { together::sums(tx, network, &others)? };
    for day in others {
        sums.entry((day.currency, day.period_end)).and_modify(|sums| sums.add(&day)).or_insert(day);
    }
    Ok(FoundUnits::ByDay(sums.into_values().collect()))
}
