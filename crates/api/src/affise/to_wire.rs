//! From the engine's types to the wire's.

use std::collections::{BTreeMap, HashMap};

use axum::http::StatusCode;
use quittance_domain::currency::Currency;
use quittance_domain::invoice::LineType;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::{Timestamp, Zone};
use quittance_engine::invoices::{ConversionQuery, InvoiceConversion, Line, ShownInvoice};
use quittance_engine::parties::Funds;
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde::Serialize;
use serde_json::value::RawValue;

use super::params::Page;
use super::quirks;
use super::wire::{self, Named, NamedOrList, Pagination, Success, SuccessOf, SuccessWithMessage};

/// How many conversions of an invoice are read at a time.
const CONVERSIONS: usize = 1000;
/// The decimals of every amount that is a text.
const DECIMALS: usize = 8;

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> quittance_engine::Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Conflict(format!("the answer cannot be written: {error}")))
}

/// An answer about one thing.
pub(super) fn answer(name: &str, value: impl Serialize) -> quittance_engine::Result<Answer> {
    let body = json(&Success { name, value, pagination: None })?;
    Ok(Answer { status: StatusCode::OK, body })
}

/// An answer with a page of a list.
pub(super) fn list(name: &str, value: impl Serialize, page: Page, total: i64) -> quittance_engine::Result<Answer> {
    let more = page.offset.saturating_add(page.limit) < total;
    let pagination = Pagination {
        per_page: page.limit,
        total_count: total,
        page: page.page,
        next_page: more.then_some(page.page + 1),
    };
    let body = json(&Success { name, value, pagination: Some(pagination) })?;
    Ok(Answer { status: StatusCode::OK, body })
}

/// An answer about something that has its id beside it.
pub(super) fn answer_of(name: &str, value: impl Serialize, id: i64) -> quittance_engine::Result<Answer> {
    let body = json(&SuccessOf { name, value, id })?;
    Ok(Answer { status: StatusCode::OK, body })
}

/// An answer with a message beside it.
pub(super) fn answer_with_message(
    name: &str,
    value: impl Serialize,
    message: &str,
) -> quittance_engine::Result<Answer> {
    let body = json(&SuccessWithMessage { name, value, message })?;
    Ok(Answer { status: StatusCode::OK, body })
}

/// A decimal as a JSON number as it is written; none where it is no number.
pub(super) fn raw(decimal: &str) -> Option<Box<RawValue>> {
    let valid = serde_json::from_str::<serde_json::Number>(decimal).is_ok();
    RawValue::from_string(decimal.to_owned()).ok().filter(|_| valid)
}

/// A decimal as a JSON number without zeros at its end.
pub(super) fn trimmed(decimal: &str) -> Option<Box<RawValue>> {
    match decimal.contains('.') {
        true => raw(decimal.trim_end_matches('0').trim_end_matches('.')),
        false => raw(decimal),
    }
}

/// An amount as a JSON number without zeros at its end.
pub(super) fn number(money: Money) -> Box<RawValue> {
    raw(&plain(money)).unwrap_or_default()
}

/// A decimal without zeros at its end.
pub(super) fn plain(money: Money) -> String {
    let decimal = money.to_decimal();
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.').to_owned() } else { decimal }
}

/// What an affiliate has in a currency. The balance is what is approved: conversions leave it when their payment is
/// completed.
pub(super) fn balance(funds: Option<&Funds>) -> wire::Balance {
    let zero = || raw("0").unwrap_or_default();
    let available = funds.map_or_else(zero, |funds| number(funds.available));
    let hold = funds.map_or_else(zero, |funds| number(funds.hold));
    wire::Balance { balance: available.clone(), hold, available }
}

/// The answer of a run, whether it has come to its end or goes on.
pub(super) fn generating() -> Result<Answer, Problem> {
    answer("message", quirks::GENERATES).map_err(|error| Problem::of(&error))
}

/// An amount as a text of 8 decimals: `35.50000000`.
pub(super) fn eight(money: Money) -> String {
    fixed(money, DECIMALS)
}

/// An amount as a text of so many decimals, cut where it has more.
pub(super) fn fixed(money: Money, decimals: usize) -> String {
    let decimal = money.to_decimal();
    let (whole, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
    let fraction = &fraction[..fraction.len().min(decimals)];
    format!("{whole}.{fraction:0<decimals$}")
}

/// An instant in the network's zone: `2026-01-31 23:59:59`.
pub(super) fn local_time(at: Timestamp, zone: &Zone) -> String {
    zone.reading(at).replace('T', " ")
}

/// An instant in UTC: `2026-01-31T23:59:59Z`.
pub(super) fn utc(at: Timestamp) -> String {
    format!("{}Z", Zone::utc().reading(at))
}

/// The first name of somebody, and what comes after it.
pub(super) fn names(name: &str) -> (&str, &str) {
    name.split_once(' ').unwrap_or((name, ""))
}

/// What payments are shown with.
#[derive(Clone)]
pub(super) struct Showing {
    pub(super) call: Call,
    pub(super) zone: Zone,
}

impl Showing {
    pub(super) fn of(engine: &Engine, call: &Call) -> quittance_engine::Result<Showing> {
        Ok(Showing { call: call.clone(), zone: engine.zone_of(call)? })
    }

    /// Payments with everything about them.
    pub(super) fn payments(
        &self,
        engine: &Engine,
        shown: Vec<ShownInvoice>,
    ) -> quittance_engine::Result<Vec<wire::Payment>> {
        let mut conversions = Vec::with_capacity(shown.len());
        for invoice in &shown {
            conversions.push(self.conversions(engine, invoice)?);
        }
        let mut offers: Vec<i64> = conversions.iter().flatten().map(|conversion| conversion.offer_id).collect();
        offers.sort_unstable();
        offers.dedup();
        let titles: HashMap<i64, String> =
            engine.offers_by_ids(&self.call, &offers)?.into_iter().map(|offer| (offer.offer_id, offer.name)).collect();
        let mut payments = Vec::with_capacity(shown.len());
        for (invoice, conversions) in shown.into_iter().zip(conversions) {
            let lines = engine.invoice_lines(&self.call, invoice.invoice.invoice_id)?;
            payments.push(self.payment(invoice, &lines, &conversions, &titles)?);
        }
        Ok(payments)
    }

    fn conversions(&self, engine: &Engine, shown: &ShownInvoice) -> quittance_engine::Result<Vec<InvoiceConversion>> {
        let mut query = ConversionQuery { limit: CONVERSIONS, ..ConversionQuery::default() };
        let mut found = Vec::new();
        loop {
            let page = engine.invoice_conversions(&self.call, shown.invoice.invoice_id, &query)?;
            found.extend(page.conversions);
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    fn payment(
        &self,
        shown: ShownInvoice,
        lines: &[Line],
        conversions: &[InvoiceConversion],
        titles: &HashMap<i64, String>,
    ) -> quittance_engine::Result<wire::Payment> {
        let status = quirks::code(&shown).to_string();
        let ShownInvoice { invoice, manager_id, system, account, .. } = shown;
        let currency = invoice.book.currency;
        let referred = lines.iter().filter(|line| line.line_type == LineType::Referral).map(|line| line.units);
        let has_referral = referred.clone().next().is_some();
        let referred = Money::new(sum_units(referred)?, currency);
        let (pay_sys, pay_sys_name) = system.unwrap_or_default();
        let actions = actions(conversions);
        Ok(wire::Payment {
            id: invoice.invoice_id.get(),
            pid: invoice.book.party_id,
            manager_id: manager_id.map(quirks::manager_id),
            posted_date: local_time(invoice.created_at, &self.zone),
            pay_sys,
            pay_sys_name,
            pay_acc: account,
            status,
            revenue: eight(Money::new(invoice.billed_units, currency)),
            ref_revenue: has_referral.then(|| eight(referred)),
            currency: quirks::currency_id(currency).to_string(),
            currency_code: currency.code(),
            comment: invoice.public_notes,
            notes: invoice.internal_notes,
            details: wire::Details { details: details(conversions, titles), count: actions.len() as i64 },
            cpa_actions: actions,
            ref_ids: [],
            additional_payments: self.corrections(invoice.invoice_id.get(), currency, lines),
            updated_at: local_time(invoice.updated_at, &self.zone),
        })
    }

    fn corrections(&self, invoice: i64, currency: Currency, lines: &[Line]) -> NamedOrList<wire::AdditionalPayment> {
        let corrections = lines.iter().filter(|line| line.line_type == LineType::Correction);
        let row = |line: &Line| {
            let payment = wire::AdditionalPayment {
                posted_date: local_time(line.created_at, &self.zone),
                revenue: eight(Money::new(line.units, currency)),
                currency: quirks::currency_id(currency).to_string(),
                comment: line.comment.clone(),
            };
            (quirks::correction_id(invoice, line.line_no).to_string(), payment)
        };
        NamedOrList(corrections.map(row).collect())
    }
}

/// The conversions that an invoice counts, each once, in their order.
fn actions(conversions: &[InvoiceConversion]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let counted = conversions.iter().filter(|conversion| conversion.sign > 0);
    counted.map(|c| &c.conversion_id).filter(|id| seen.insert(id.as_str())).cloned().collect()
}

/// How many conversions of each offer have each payout. What was taken out again counts negative.
fn details(conversions: &[InvoiceConversion], titles: &HashMap<i64, String>) -> NamedOrList<wire::OfferDetails> {
    let mut counts: BTreeMap<i64, BTreeMap<(i64, Currency), i64>> = BTreeMap::new();
    for conversion in conversions {
        let payout = (conversion.amount.units().saturating_mul(conversion.sign), conversion.amount.currency());
        *counts.entry(conversion.offer_id).or_default().entry(payout).or_default() += conversion.sign;
    }
    let offer = |(id, payouts): (i64, BTreeMap<(i64, Currency), i64>)| {
        let costs = payouts.into_iter().filter(|(_, count)| *count != 0).map(|((units, currency), count)| {
            let cost = wire::Cost { count, currency: quirks::currency_id(currency) };
            (eight(Money::new(units, currency)), cost)
        });
        let cost = Named(costs.collect::<Vec<_>>());
        let title = titles.get(&id).cloned().unwrap_or_else(|| format!("Offer {id}"));
        (!cost.0.is_empty()).then(|| (id.to_string(), wire::OfferDetails { title, cost }))
    };
    NamedOrList(counts.into_iter().filter_map(offer).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_eight_decimals() {
        let amount = |text: &str, code: &str| eight(Money::parse(text, Currency::parse(code).unwrap()).unwrap());
        assert_eq!(amount("35.5", "USD"), "35.50000000");
        assert_eq!(amount("-0.000001", "USD"), "-0.00000100");
        assert_eq!(amount("7", "JPY"), "7.00000000");
        assert_eq!(amount("0.00000001", "BTC"), "0.00000001");
    }
}
