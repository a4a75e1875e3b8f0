//! Invoices as this vendor shows them. Which field stands where differs between tables and single invoices, and between
//! the network and its partners.

use std::collections::{BTreeSet, HashMap};

use quittance_domain::invoice::{InvoiceStatus, LineType, PaymentSource};
use quittance_domain::money::Money;
use quittance_domain::period::Period;
use quittance_domain::time::Timestamp;
use quittance_engine::invoices::{FoundSums, Invoice, Line, ListedInvoice, Payment, Standing};
use quittance_engine::parties::Party;
use serde_json::{Map, Value, json};

use super::quirks::{DETAIL_TIME, DETAILS_PER_INVOICE, PAYMENT_TYPES};
use super::wire::{Side, amount, end_time, seconds, start_time, status};

/// What of the network invoices show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) network_id: i64,
    pub(super) timezone_id: i64,
}

/// A payment type in the vendor's word.
pub(super) fn payment_type(ours: Option<&str>) -> &str {
    let Some(ours) = ours else { return "none" };
    PAYMENT_TYPES.iter().find(|(name, _)| *name == ours).map_or(ours, |(_, theirs)| theirs)
}

fn money(invoice: &Invoice, units: i64) -> Value {
    amount(Money::new(units, invoice.book.currency))
}

/// What every form of an invoice has.
fn common(shown: Shown, side: Side, invoice: &Invoice) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert(side.invoice_key(), invoice.invoice_id.get().into());
    let Value::Object(rest) = json!({
        "network_id": shown.network_id,
        "start_time": start_time(invoice.period.start),
        "end_time": end_time(invoice.period.end),
        "timezone_id": shown.timezone_id,
        "balance": money(invoice, invoice.balance_units()),
        "currency_id": invoice.book.currency.code(),
        "time_created": seconds(invoice.created_at),
        "time_saved": seconds(invoice.updated_at),
    }) else {
        return fields;
    };
    fields.extend(rest);
    fields
}

fn totals(fields: &mut Map<String, Value>, invoice: &Invoice) {
    fields.insert("billed".to_owned(), money(invoice, invoice.billed_units));
    fields.insert("paid".to_owned(), money(invoice, invoice.paid_units));
}

fn inside(fields: &mut Map<String, Value>, side: Side, invoice: &Invoice) {
    fields.insert(side.party_key(), invoice.book.party_id.into());
    fields.insert(format!("is_hidden_{}", side.word), invoice.hidden.into());
    fields.insert("payment_terms".to_owned(), invoice.payment_terms_days.unwrap_or(0).into());
    fields.insert("public_notes".to_owned(), invoice.public_notes.clone().into());
    fields.insert("internal_notes".to_owned(), invoice.internal_notes.clone().into());
}

/// When the last of what settles an invoice was recorded; that of one of nothing, when it was made.
fn paid_at(listed: &ListedInvoice) -> Option<Timestamp> {
    let settled = status(listed.invoice.standing()) == "paid";
    settled.then(|| listed.settled_at.or(listed.approved_at).unwrap_or(listed.invoice.created_at))
}

/// A row of the network's table.
pub(super) fn row(shown: Shown, side: Side, listed: &ListedInvoice) -> Value {
    let invoice = &listed.invoice;
    let mut fields = common(shown, side, invoice);
    totals(&mut fields, invoice);
    inside(&mut fields, side, invoice);
    let name = listed.party.as_ref().map_or(&invoice.party_name, |party| &party.name);
    fields.insert(format!("network_{}_name", side.word), name.clone().into());
    fields.insert(format!("{}_invoice_status", side.word), status(invoice.standing()).into());
    let by = listed.system.as_ref().map(|system| system.payment_type.as_str());
    fields.insert("payment_type".to_owned(), payment_type(by).into());
    let payable = by.is_some() && invoice.standing() != Standing::Void;
    fields.insert("is_payable".to_owned(), payable.into());
    let progress = match invoice.status {
        _ if status(invoice.standing()) == "paid" => "complete",
        InvoiceStatus::PartlyPaid => "in_progress",
        _ => "not_initiated",
    };
    fields.insert("payment_status".to_owned(), progress.into());
    fields.insert("paid_date".to_owned(), paid_at(listed).map_or(0, seconds).into());
    Value::Object(fields)
}

/// A row of a partner's own table.
pub(super) fn own_row(shown: Shown, side: Side, listed: &ListedInvoice) -> Value {
    let invoice = &listed.invoice;
    let mut fields = common(shown, side, invoice);
    totals(&mut fields, invoice);
    fields.insert(format!("{}_invoice_status", side.word), status(invoice.standing()).into());
    fields.insert("payment_terms".to_owned(), format!("Net {}", invoice.payment_terms_days.unwrap_or(0)).into());
    fields.insert("notes".to_owned(), invoice.public_notes.clone().into());
    Value::Object(fields)
}

/// What belongs to a single invoice.
pub(super) struct Parts {
    pub(super) lines: Vec<Line>,
    pub(super) payments: Vec<Payment>,
    pub(super) offers: HashMap<i64, String>,
    /// The party, where it is asked for.
    pub(super) party: Option<Party>,
}

/// An invoice as the network sees it.
pub(super) fn single(shown: Shown, side: Side, invoice: &Invoice, parts: &Parts) -> Value {
    let mut fields = common(shown, side, invoice);
    inside(&mut fields, side, invoice);
    fields.insert("status".to_owned(), status(invoice.standing()).into());
    let mut relationship = relationship(shown, side, invoice, parts, true);
    if let Some(party) = &parts.party {
        relationship[side.word] = json!({
            side.party_key(): party.party_id,
            "network_id": shown.network_id,
            "name": party.name,
            "account_status": party.status,
        });
    }
    fields.insert("relationship".to_owned(), relationship);
    fields.insert("details".to_owned(), Value::Null);
    fields.insert("extra_periods".to_owned(), extra_periods(invoice, &parts.lines));
    Value::Object(fields)
}

/// An invoice as its partner sees it.
pub(super) fn own_single(shown: Shown, side: Side, invoice: &Invoice, parts: &Parts) -> Value {
    let mut fields = common(shown, side, invoice);
    fields.insert(side.party_key(), invoice.book.party_id.into());
    fields.insert("status".to_owned(), status(invoice.standing()).into());
    fields.insert("notes".to_owned(), invoice.public_notes.clone().into());
    fields.insert("relationship".to_owned(), relationship(shown, side, invoice, parts, false));
    fields.insert("extra_periods".to_owned(), extra_periods(invoice, &parts.lines));
    Value::Object(fields)
}

fn relationship(shown: Shown, side: Side, invoice: &Invoice, parts: &Parts, inside: bool) -> Value {
    let details: Vec<Value> = parts.lines.iter().map(|line| detail(side, invoice, line, &parts.offers)).collect();
    let payments: Vec<Value> = parts.payments.iter().map(|paid| payment(shown, side, invoice, paid, inside)).collect();
    json!({ "details": details, "payments": payments })
}

/// The earlier periods that lines are for.
fn extra_periods(invoice: &Invoice, lines: &[Line]) -> Value {
    let conversions = lines.iter().filter(|line| line.line_type == LineType::Conversions);
    let earlier: BTreeSet<(_, _)> = conversions
        .filter(|line| line.period.end < invoice.period.start)
        .map(|line| (line.period.start, line.period.end))
        .collect();
    let period = |Period { start, end }: Period| json!({ "start_time": start_time(start), "end_time": end_time(end) });
    if earlier.is_empty() {
        return Value::Null;
    }
    earlier.into_iter().map(|(start, end)| period(Period { start, end })).collect()
}

fn detail(side: Side, invoice: &Invoice, line: &Line, offers: &HashMap<i64, String>) -> Value {
    let offer = line.offer_id.map_or(0, |offer| offer.get());
    let source = line.source_currency(invoice.book.currency);
    let id = invoice.invoice_id.get().saturating_mul(DETAILS_PER_INVOICE).saturating_add(line.line_no);
    let kind = match line.line_type {
        LineType::Conversions => "offer_detail",
        LineType::Referral => "referral",
        LineType::Tax => "vat",
        LineType::Correction | LineType::Bonus | LineType::OpeningBalance | LineType::Rounding => "adjustment",
    };
    let referral = if line.line_type == LineType::Referral { id } else { 0 };
    json!({
        format!("network_{}_invoice_detail_id", side.word): id,
        side.invoice_key(): invoice.invoice_id.get(),
        "network_offer_id": offer,
        "network_offer_name": offers.get(&offer).cloned().unwrap_or_default(),
        "amount": amount(Money::new(line.source_units(), source)),
        "invoice_currency_amount": money(invoice, line.units),
        "currency_id": source.code(),
        "notes": line.comment,
        "quantity": line.taken.conversions,
        "time_created": DETAIL_TIME,
        "time_saved": DETAIL_TIME,
        "referral_history_id": referral,
        "type": kind,
    })
}

fn payment(shown: Shown, side: Side, invoice: &Invoice, paid: &Payment, inside: bool) -> Value {
    let came_back = matches!(paid.source, PaymentSource::Return | PaymentSource::Reversal);
    let at = seconds(paid.recorded_at);
    let original = paid.foreign.map_or(Money::new(paid.units, paid.currency), |foreign| foreign.paid);
    let mut fields = json!({
        format!("network_{}_payment_id", side.word): paid.payment_id.get(),
        "network_id": shown.network_id,
        side.invoice_key(): invoice.invoice_id.get(),
        "status": if came_back { "rejected" } else { "success" },
        "payment_type": payment_type(Some(&paid.rail)),
        "notes": "",
        "amount": amount(Money::new(paid.units, paid.currency)),
        "currency": paid.currency.code(),
        "unix_timestamp": at,
        "payee_original_amount": amount(original),
        "payee_fee_amount": 0,
        "payee_currency": original.currency().code(),
        "time_approved": at,
        "time_completed": at,
    });
    if inside {
        fields["confirmation_code"] = paid.reference.clone().into();
        fields["tax_id"] = "".into();
        fields["is_auto_generated"] = (paid.source != PaymentSource::Money).into();
        fields["debug_info"] = "".into();
        fields["relationship"] = json!({ "employee": { "full_name": paid.recorded_by } });
    }
    fields
}

/// The summary of what was found.
pub(super) fn summary(sums: &FoundSums) -> Value {
    json!({
        "total_count": sums.total,
        "balance": amount(sums.balance),
        "billed": amount(sums.billed),
        "paid": amount(sums.paid),
    })
}
