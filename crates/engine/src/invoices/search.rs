//! Searches for invoices, newest first, and sums over what they find.

use std::collections::BTreeSet;

use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::{Money, MoneyError, sum_units};
use quittance_store::invoices::{self, FoundUnits, InvoiceQuery};
pub use quittance_store::invoices::{BalanceBound, Either, InvoiceSearch, InvoiceSums, Standing};
use quittance_store::{Tx, parties};

use super::list::{ListedInvoice, with_settings};
use crate::error::{Error, Result};
use crate::rates::Converter;
use crate::{Call, Engine};

/// The most invoices of one page.
const PAGE_MAX: i64 = 2_000;

/// What is looked for, before it is known which parties that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceFind {
    /// What invoices are asked themselves.
    pub search: InvoiceSearch,
    /// Only of the parties that one of these managers looks after.
    pub managers: Option<Vec<i64>>,
    /// Each is the id of an invoice or of a party, or a part of a party's name; one of them is enough.
    pub words: Vec<String>,
}

/// A page of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundInvoices {
    /// The invoices, newest first.
    pub invoices: Vec<ListedInvoice>,
    /// How many there are in all.
    pub total: i64,
}

/// Sums over what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundSums {
    /// How many invoices there are.
    pub total: i64,
    /// What they bill: in their currency where they have one, else in the network's, at the rates of their last days.
    pub billed: Money,
    /// What was paid of it.
    pub paid: Money,
    /// What is left to pay.
    pub balance: Money,
}

impl Engine {
    /// A page of the invoices that are looked for, newest first: at most `limit`, or 2,000, after the first `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn search_invoices(
        &self,
        call: &Call,
        find: &InvoiceFind,
        (offset, limit): (i64, i64),
    ) -> Result<FoundInvoices> {
        self.store.read(|tx| {
            let search = resolved(tx, call, find)?;
            let page = (limit.clamp(0, PAGE_MAX), offset.max(0));
            let found = invoices::found(tx, call.network, &search, page)?;
            let query = InvoiceQuery { ids: Some(found.ids), ..InvoiceQuery::default() };
            let mut rows = invoices::rows(tx, call.network, &query, (i64::MIN, i64::MAX), PAGE_MAX)?;
            rows.sort_by_key(|row| std::cmp::Reverse((row.invoice.created_at, row.invoice.invoice_id)));
            Ok(FoundInvoices { invoices: with_settings(tx, call, rows)?, total: found.total })
        })
    }

    /// The sums over the invoices that are looked for.
    ///
    /// # Errors
    /// They are in several currencies, and a rate to the network's is missing.
    pub fn sum_invoices(&self, call: &Call, find: &InvoiceFind) -> Result<FoundSums> {
        self.store.read(|tx| {
            let search = resolved(tx, call, find)?;
            let sums = match invoices::sums_found(tx, call.network, &search)? {
                FoundUnits::ByDay(sums) => sums,
                FoundUnits::Alike { currency, invoices, billed_units, paid_units, balance_units } => {
                    let money = |units: i128| match i64::try_from(units) {
                        Ok(units) => Ok(Money::new(units, currency)),
                        Err(_) => Err(Error::from(MoneyError::Overflow)),
                    };
                    let [billed, paid, balance] = [billed_units, paid_units, balance_units].map(money);
                    return Ok(FoundSums { total: invoices, billed: billed?, paid: paid?, balance: balance? });
                }
            };
            let network = crate::networks::network(tx, call.network)?;
            let currencies: BTreeSet<Currency> = sums.iter().map(|sums| sums.currency).collect();
            let into = match currencies.first() {
                Some(only) if currencies.len() == 1 => *only,
                _ => network.currency,
            };
            let total = sum_units(sums.iter().map(|sums| sums.invoices))?;
            let [billed, paid, balance] = converted(tx, call, &sums, into)?;
            Ok(FoundSums { total, billed, paid, balance })
        })
    }
}

/// Billed, paid and balance in one currency. Where nothing is void, what is billed is paid or left also when it is converted.
fn converted(tx: &mut dyn Tx, call: &Call, sums: &[InvoiceSums], into: Currency) -> Result<[Money; 3]> {
    let days = sums.iter().map(|sums| (sums.currency, sums.period_end));
    let converter = Converter::read(tx, call, into, days)?;
    let [mut billed, mut paid, mut balance] = [const { Vec::new() }; 3];
    for InvoiceSums { currency, period_end, billed_units, paid_units, balance_units, .. } in sums {
        let one = |units: i64| converter.units(Money::new(units, *currency), *period_end);
        let void = sum_units([*billed_units, -*paid_units, -*balance_units])?;
        billed.push(one(*billed_units)?);
        balance.push(one(*balance_units)?);
        paid.push(sum_units([one(*billed_units)?, -one(void)?, -one(*balance_units)?])?);
    }
    let sum = |units: Vec<i64>| Ok::<_, Error>(Money::new(sum_units(units)?, into));
    Ok([sum(billed)?, sum(paid)?, sum(balance)?])
}

/// The search with the parties that managers and words mean.
fn resolved(tx: &mut dyn Tx, call: &Call, find: &InvoiceFind) -> Result<InvoiceSearch> {
    let mut search = find.search.clone();
    let kind = search.kind.party_kind();
    if let Some(managers) = &find.managers {
        let mut managed = parties::matching(tx, call.network, kind, Some(managers), "")?;
        if let Some(asked) = &search.parties {
            let asked: BTreeSet<i64> = asked.iter().copied().collect();
            managed.retain(|party| asked.contains(party));
        }
        search.parties = Some(managed);
    }
    if !find.words.is_empty() {
        let mut either = Either::default();
        for word in &find.words {
            either.parties.extend(parties::matching(tx, call.network, kind, None, word)?);
            if let Ok(id) = word.parse() {
                either.parties.push(id);
                either.ids.push(id);
            }
        }
        for ids in [&mut either.parties, &mut either.ids] {
            ids.sort_unstable();
            ids.dedup();
        }
        search.either = Some(either);
    }
    Ok(search)
}

impl InvoiceFind {
    /// All invoices of a kind that are not void.
    #[must_use]
    pub fn of_kind(kind: InvoiceKind) -> InvoiceFind {
        InvoiceFind { search: InvoiceSearch::of_kind(kind), managers: None, words: Vec::new() }
    }
}
