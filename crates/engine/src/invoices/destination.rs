//! Where the money of invoices goes: an open one follows its party's methods, a paid one keeps what it was paid to.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_store::Tx;
use quittance_store::invoices::{self, Destination, Invoice, NewestQuery};
use quittance_store::parties::{self, Party, PaymentMethod, PaymentSystem};
use serde::Deserialize;
use serde_json::json;

use super::actions::bounded;
use super::change::Change;
use crate::billing::facts::method_for;
use crate::error::Result;
use crate::{Call, Engine};

/// The longest account, in characters.
const ACCOUNT_CHARS_MAX: usize = 1000;
/// The most invoices of one page.
const PAGE_MAX: i64 = 1000;

/// What of an invoice's destination is to be changed; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationEdit {
    /// The account. It stays until the party's methods change.
    pub account: Option<String>,
    /// Whether it is shown as paid in part.
    pub in_part: Option<bool>,
}

/// An invoice with where its money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// The party's account manager.
    pub manager_id: Option<i64>,
    /// The payment system's id and title; `None`: the party has no method for the currency.
    pub system: Option<(i64, String)>,
    /// The account: a line for each field of the system, unless it was written by hand.
    pub account: String,
    /// Somebody has marked it as paid in part.
    pub in_part: bool,
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewestPage {
    /// The invoices, newest first.
    pub ids: Vec<InvoiceId>,
    /// How many the query finds in all.
    pub total: i64,
}

/// A field of a payment system.
#[derive(Deserialize)]
pub(super) struct SystemField {
    pub(super) id: i64,
    pub(super) label: String,
}

/// The payment systems and methods of some parties.
struct Methods {
    systems: HashMap<i64, PaymentSystem>,
    methods: BTreeMap<i64, Vec<PaymentMethod>>,
}

impl Methods {
    fn load(tx: &mut dyn Tx, network: NetworkId, book: Book, ids: &[i64]) -> Result<Methods> {
        let systems = parties::systems(tx, network)?.into_iter().map(|system| (system.system_id, system)).collect();
        let mut methods: BTreeMap<i64, Vec<PaymentMethod>> = BTreeMap::new();
        for method in parties::methods_of(tx, network, book.kind.party_kind(), ids)? {
            methods.entry(method.party_id).or_default().push(method);
        }
        Ok(Methods { systems, methods })
    }

    /// The system and the account of a book's invoices.
    fn of(&self, book: Book) -> Option<((i64, String), String)> {
        let methods = self.methods.get(&book.party_id)?;
        let method = method_for(methods, &self.systems, book.currency)?;
        let system = self.systems.get(&method.system_id)?;
        Some(((system.system_id, system.title.clone()), account(system, method)))
    }
}

/// A line for each field of the system that the party has filled in: `Email: a@example.com`.
fn account(system: &PaymentSystem, method: &PaymentMethod) -> String {
    let fields: Vec<SystemField> = serde_json::from_str(&system.fields).unwrap_or_default();
    let values: BTreeMap<String, String> = serde_json::from_str(&method.fields).unwrap_or_default();
    let line = |field: &SystemField| values.get(&field.id.to_string()).map(|value| format!("{}: {value}", field.label));
    fields.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Keeps what a paid invoice was paid to. One that is paid no more follows its party's methods again.
pub(super) fn settle(tx: &mut dyn Tx, network: NetworkId, invoice: &Invoice) -> Result<()> {
    let (place, book) = (invoice.place(), invoice.book);
    let found = invoices::destinations(tx, network, book.kind, &[book.party_id], &[place.invoice_id.get()])?.pop();
    let present = found.map(|(_, destination)| destination);
    let paid = invoice.status == InvoiceStatus::Paid;
    let kept = present.as_ref().is_some_and(|present| present.system.is_some());
    let next = match present {
        _ if paid == kept => return Ok(()),
        Some(present) if !paid => Destination { system: None, account: None, ..present },
        present => {
            let present = present.unwrap_or_default();
            let Some((system, account)) = Methods::load(tx, network, book, &[book.party_id])?.of(book) else {
                return Ok(());
            };
            Destination { system: Some(system), account: Some(present.account.unwrap_or(account)), in_part: false }
        }
    };
    Ok(invoices::put_destination(tx, network, place, &next)?)
}

impl Engine {
    /// Changes what an invoice says of its destination.
    ///
    /// # Errors
    /// There is no such invoice, it is paid or void, or the account is too long.
    pub fn edit_destination(&self, call: &Call, id: InvoiceId, edit: &DestinationEdit) -> Result<Invoice> {
        check_destination(edit)?;
        self.change(call, id, None, |change| change.edit_destination(edit))
    }

    /// A page of a list with the newest first: at most 1000 after the first `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn newest_invoices(&self, call: &Call, query: &NewestQuery, (offset, limit): (i64, i64)) -> Result<NewestPage> {
        self.store.read(|tx| newest(tx, call, query, (offset.max(0), limit.clamp(0, PAGE_MAX))))
    }

    /// The same of those alone that satisfy a test of where their money goes. It goes over all that the query finds.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn newest_invoices_that(
        &self,
        call: &Call,
        query: &NewestQuery,
        (offset, limit): (i64, i64),
        test: impl Fn(&ShownInvoice) -> bool,
    ) -> Result<NewestPage> {
        let (mut found, mut place) = (NewestPage::default(), 0);
        loop {
            // A transaction a page: other work goes on between them.
            let read = self.store.read(|tx| {
                let page = newest(tx, call, query, (place, PAGE_MAX))?;
                let invoices = page.ids.iter().map(|id| invoices::one(tx, call.network, *id));
                let invoices = invoices.collect::<quittance_store::Result<Vec<_>>>()?;
                shown(tx, call, invoices.into_iter().flatten().collect())
            })?;
            place += PAGE_MAX;
            for invoice in read.iter().filter(|invoice| test(invoice)) {
                if found.total >= offset && (found.ids.len() as i64) < limit {
                    found.ids.push(invoice.invoice.invoice_id);
                }
                found.total += 1;
            }
            if (read.len() as i64) < PAGE_MAX {
                return Ok(found);
            }
        }
    }

    /// Invoices with where their money goes, in the order of the ids; those that are not there are left out.
    ///
    /// # Errors
    /// What the store says.
    pub fn shown_invoices(&self, call: &Call, ids: &[InvoiceId]) -> Result<Vec<ShownInvoice>> {
        self.store.read(|tx| {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(invoices::one(tx, call.network, *id)?);
            }
            shown(tx, call, found)
        })
    }
}

/// What can be said of an edit without its invoice.
pub(super) fn check_destination(edit: &DestinationEdit) -> Result<()> {
    bounded("/account", edit.account.as_deref().unwrap_or(""), ACCOUNT_CHARS_MAX)
}

impl Change<'_> {
    /// Changes what the invoice says of its destination.
    pub(super) fn edit_destination(&mut self, edit: &DestinationEdit) -> Result<()> {
        let balance = self.balance()?;
        self.state.may_correct(balance)?;
        let (network, place) = (self.call.network, self.invoice.place());
        let ids = [place.invoice_id.get()];
        let found = invoices::destinations(self.tx, network, place.kind, &[place.party_id], &ids)?;
        let before = found.into_iter().next().map(|(_, destination)| destination).unwrap_or_default();
        let next = Destination {
            account: edit.account.clone().or_else(|| before.account.clone()),
            in_part: edit.in_part.unwrap_or(before.in_part),
            ..before.clone()
        };
        if next == before {
            return Ok(());
        }
        invoices::put_destination(self.tx, network, place, &next)?;
        // An account is personal: the history must not keep it.
        let details = json!({ "account": next.account != before.account, "in_part": next.in_part });
        self.record("destination_changed", &details)
    }
}

fn newest(tx: &mut dyn Tx, call: &Call, query: &NewestQuery, page: (i64, i64)) -> Result<NewestPage> {
    let total = invoices::count_newest(tx, call.network, query)?;
    let spotted = invoices::newest(tx, call.network, query, page, total)?;
    Ok(NewestPage { ids: spotted.iter().map(|spotted| spotted.invoice_id).collect(), total })
}

fn shown(tx: &mut dyn Tx, call: &Call, found: Vec<Invoice>) -> Result<Vec<ShownInvoice>> {
    let Some(book) = found.first().map(|invoice| invoice.book) else { return Ok(Vec::new()) };
    let mut party_ids: Vec<i64> = found.iter().map(|invoice| invoice.book.party_id).collect();
    party_ids.sort_unstable();
    party_ids.dedup();
    let ids: Vec<i64> = found.iter().map(|invoice| invoice.invoice_id.get()).collect();
    let parties = parties::by_ids(tx, call.network, book.kind.party_kind(), &party_ids)?;
    let parties: HashMap<i64, Party> = parties.into_iter().map(|party| (party.party_id, party)).collect();
    let own: HashMap<InvoiceId, Destination> =
        invoices::destinations(tx, call.network, book.kind, &party_ids, &ids)?.into_iter().collect();
    let methods = Methods::load(tx, call.network, book, &party_ids)?;
    let of_invoice = |invoice: Invoice| {
        let own = own.get(&invoice.invoice_id).cloned().unwrap_or_default();
        let present = methods.of(invoice.book);
        let (system, account) = present.map_or((None, String::new()), |(system, account)| (Some(system), account));
        ShownInvoice {
            manager_id: parties.get(&invoice.book.party_id).and_then(|party| party.manager_id),
            system: own.system.or(system),
            account: own.account.unwrap_or(account),
            in_part: own.in_part,
            invoice,
        }
    };
    Ok(found.into_iter().map(of_invoice).collect())
}
