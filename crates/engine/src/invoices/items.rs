//! Invoices that somebody asks for with what they are to be for: an amount for each offer. What conversions of the offer bill
//! is on its lines; a correction makes up the difference to what was said.

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::{InvoiceStatus, LineType};
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::Day;
use quittance_store::Tx;
pub use quittance_store::invoices::Measure;
use quittance_store::invoices::{self, Invoice, ItemRow, Line};

use super::actions::{COMMENT_CHARS_MAX, bounded};
use super::change::Change;
use super::edit::{InvoiceEdit, check};
use crate::error::{Error, Result};
use crate::give_back::TakeOffRequest;
use crate::{Call, Engine};

/// The most items of an invoice.
const ITEMS_MAX: usize = 1_000;

/// An item that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The offer.
    pub offer_id: i64,
    /// What the quantity counts.
    pub measure: Measure,
    /// How many; as many as the conversions that are billed where not given.
    pub quantity: Option<i64>,
    /// The amount, a decimal in the invoice's currency of whole minor units; what conversions bill where not given.
    pub amount: Option<String>,
    /// What is to be said about it.
    pub comment: Option<String>,
}

/// What is to become of an invoice with items; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemizedRevision {
    /// What it is for, in place of what it was.
    pub items: Option<Vec<Item>>,
    /// What it says.
    pub edit: InvoiceEdit,
    /// It is paid in whole.
    pub settled: bool,
}

/// An item as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownItem {
    /// The offer; `None`: it is for no offer in particular.
    pub offer_id: Option<i64>,
    /// What the quantity counts.
    pub measure: Measure,
    /// How many.
    pub quantity: i64,
    /// The amount.
    pub amount: Money,
    /// What is said about it.
    pub comment: Option<String>,
}

impl Engine {
    /// Changes an invoice that is not paid: what it is for, what it says, and whether it is paid. Conversions of offers that
    /// it is for no longer are unbilled again.
    ///
    /// # Errors
    /// There is no such invoice, it is paid or void, a value is not valid, or something was paid and it is to be for
    /// something else.
    pub fn revise_itemized(&self, call: &Call, id: InvoiceId, revision: &ItemizedRevision) -> Result<Invoice> {
        check(&revision.edit)?;
        self.change(call, id, None, |change| {
            if matches!(change.invoice.status, InvoiceStatus::Paid | InvoiceStatus::Void) {
                let status = change.invoice.status;
                return Err(Error::Conflict(format!("invoice {id} is {status}: it can no longer change")));
            }
            change.itemize(revision)
        })
    }

    /// What an invoice is for: the items that were asked for, then the offers of its other conversions, then what else is on
    /// it. They add up to what it bills.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn shown_items(&self, call: &Call, id: InvoiceId) -> Result<Vec<ShownItem>> {
        self.store.read(|tx| {
            let invoice = invoices::one(tx, call.network, id)?.ok_or_else(|| super::change::no_invoice(id))?;
            let items = invoices::items(tx, call.network, invoice.place())?;
            let lines = invoices::lines(tx, call.network, invoice.place())?;
            shown(&lines, items, invoice.book.currency)
        })
    }
}

/// What can be said of items without their invoice.
pub(crate) fn check_items(items: &[Item], currency: Currency) -> Result<()> {
    if items.len() > ITEMS_MAX {
        let detail = format!("items: {} are given, at most {ITEMS_MAX} are taken", items.len());
        return Err(Error::invalid("items", detail));
    }
    for item in items {
        stated(item, currency)?;
        bounded("/comment", item.comment.as_deref().unwrap_or(""), COMMENT_CHARS_MAX)?;
        if let Some(quantity) = item.quantity.filter(|quantity| *quantity < 0) {
            return Err(Error::invalid("quantity", format!("quantity: {quantity} is below zero")));
        }
    }
    Ok(())
}

/// The amount that was said: whole minor units, zero too.
fn stated(item: &Item, currency: Currency) -> Result<Option<Money>> {
    let Some(text) = &item.amount else { return Ok(None) };
    let money = Money::parse(text, currency).map_err(|error| Error::invalid("amount", format!("amount: {error}")))?;
    if money.units() % currency.minor_unit_units() != 0 {
        let digits = currency.minor_digits();
        let detail = format!("amount: {text} has more decimals than the {digits} in which {currency} is paid");
        return Err(Error::invalid("amount", detail));
    }
    Ok(Some(money))
}

/// What conversions bill by offer: amount and count.
fn by_offer(lines: &[Line]) -> Result<BTreeMap<OfferId, (i64, i64)>> {
    let mut offers: BTreeMap<OfferId, (i64, i64)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.line_type == LineType::Conversions) {
        let Some(offer) = line.offer_id else { continue };
        let (units, count) = offers.entry(offer).or_default();
        *units = sum_units([*units, line.units])?;
        *count = sum_units([*count, line.taken.conversions])?;
    }
    Ok(offers)
}

fn shown(lines: &[Line], items: Vec<ItemRow>, currency: Currency) -> Result<Vec<ShownItem>> {
    let mut offers = by_offer(lines)?;
    let mut rest: Vec<&Line> = lines.iter().filter(|line| line.line_type != LineType::Conversions).collect();
    let mut shown = Vec::with_capacity(items.len() + offers.len() + rest.len());
    for item in items {
        let (units, count) = offers.remove(&OfferId::new(item.offer_id)).unwrap_or_default();
        let made_up = rest.iter().position(|line| Some(line.line_no) == item.correction_line);
        let difference = made_up.map_or(0, |place| rest.remove(place).units);
        shown.push(ShownItem {
            offer_id: Some(item.offer_id),
            measure: item.measure,
            quantity: item.quantity.unwrap_or(count),
            amount: Money::new(sum_units([units, difference])?, currency),
            comment: item.comment,
        });
    }
    let plain = |offer_id, quantity, units, comment| ShownItem {
        offer_id,
        measure: Measure::Actions,
        quantity,
        amount: Money::new(units, currency),
        comment,
    };
    shown.extend(offers.into_iter().map(|(offer, (units, count))| plain(Some(offer.get()), count, units, None)));
    shown.extend(rest.into_iter().map(|line| {
        let said = if line.comment.is_empty() { line.line_type.as_str().to_owned() } else { line.comment.clone() };
        plain(None, 0, line.units, Some(said))
    }));
    Ok(shown)
}

/// Makes an invoice that was just issued what was asked for, in the same transaction.
pub(crate) fn itemized(
    tx: &mut dyn Tx,
    call: &Call,
    id: InvoiceId,
    today: Day,
    revision: &ItemizedRevision,
) -> Result<Invoice> {
    let mut change = Change::open(tx, call, id, today)?;
    change.itemize(revision)?;
    Ok(change.invoice)
}

impl Change<'_> {
    /// Carries out a revision.
    pub(super) fn itemize(&mut self, revision: &ItemizedRevision) -> Result<()> {
        if let Some(items) = &revision.items {
            self.put_items(items)?;
        }
        self.edit(&revision.edit)?;
        if revision.settled && self.invoice.status != InvoiceStatus::Paid {
            self.pay_rest()?;
        }
        Ok(())
    }

    /// Makes the invoice be for these items and nothing else that was asked for.
    fn put_items(&mut self, items: &[Item]) -> Result<()> {
        let currency = self.invoice.book.currency;
        check_items(items, currency)?;
        let (network, place) = (self.call.network, self.invoice.place());
        for before in invoices::items(self.tx, network, place)? {
            let Some(line_no) = before.correction_line else { continue };
            if self.lines()?.iter().any(|line| line.line_no == line_no) {
                self.remove_correction(line_no)?;
            }
        }
        let offers = by_offer(&self.lines()?)?;
        let dropped = offers.keys().filter(|offer| !items.iter().any(|item| item.offer_id == offer.get())).copied();
        let dropped: Vec<OfferId> = dropped.collect();
        if !dropped.is_empty() {
            self.take_off(&TakeOffRequest::Offers(dropped))?;
        }
        let mut billed = offers;
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            let own = billed.remove(&OfferId::new(item.offer_id)).map_or(0, |(units, _)| units);
            let difference = match stated(item, currency)? {
                Some(stated) => stated.checked_sub(self.money(own))?,
                None => self.money(0),
            };
            let correction_line = (!difference.is_zero()).then_some(self.invoice.next_line);
            if correction_line.is_some() {
                let comment = item.comment.clone().unwrap_or_else(|| format!("Offer {}", item.offer_id));
                self.add_correction(difference, &comment)?;
            }
            rows.push(ItemRow {
                offer_id: item.offer_id,
                measure: item.measure,
                quantity: item.quantity,
                comment: item.comment.clone().filter(|text| !text.is_empty()),
                correction_line,
            });
        }
        Ok(invoices::put_items(self.tx, network, place, &rows)?)
    }
}
