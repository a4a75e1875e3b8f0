//! From the engine's types to the wire's.

use axum::http::StatusCode;
use quittance_domain::conversion::{Conversion, ConversionStatus};
use quittance_domain::ids::{AdvertiserId, InvoiceKind, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::{Timestamp, Zone};
use quittance_engine::invoices::ListedInvoice;
use quittance_engine::parties::PartyRow;
use quittance_engine::reference::{Manager, Offer};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde::Serialize;
use serde_json::value::RawValue;

use super::quirks;
use super::wire::{self, ConversionId};

/// A value as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal(&error))
}

/// A successful answer of one thing or list.
pub(super) fn answer<T: Serialize>(name: &str, value: T, total: Option<(&str, i64)>) -> Result<Answer, Problem> {
    let body = json(&wire::Answered { name, value, total })?;
    Ok(Answer { status: StatusCode::OK, body })
}

/// An amount as a JSON number with at least the decimals of its currency: `5.00`.
pub(super) fn number(money: Money) -> Box<RawValue> {
    raw(&money.to_decimal()).unwrap_or_default()
}

/// A decimal as a JSON number as it is written; none where it is no number.
fn raw(decimal: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(decimal.to_owned()).ok()
}

/// An instant in a zone: `2026-01-31 23:59:59`.
pub(super) fn local_time(at: Timestamp, zone: &Zone) -> String {
    zone.reading(at).replace('T', " ")
}

/// An instant in UTC: `2026-01-31T23:59:59Z`.
fn utc_time(at: Timestamp) -> String {
    format!("{}Z", Zone::utc().reading(at))
}

/// A row of an invoice.
pub(super) fn invoice<'a>(listed: &'a ListedInvoice, zone: &Zone) -> wire::Invoice<'a> {
    let ListedInvoice { invoice, approved_at, billing_cycle, payment_type, .. } = listed;
    let invoice_date = invoice.period.end.to_string();
    let (_, billing_cycle_name) = quirks::cycle(billing_cycle.as_deref());
    let total = Money::new(invoice.billed_units, invoice.book.currency).to_decimal();
    let payment_type = payment_type.as_deref().map(|rail| quirks::payment_type(rail).1);
    let date_approved = approved_at.map(|at| zone.day_of(at).to_string());
    let (invoice_id, invoice_status) = (invoice.invoice_id.get(), quirks::status_name(invoice.status));
    let (party_id, party_name) = (invoice.book.party_id, invoice.party_name.as_str());
    let currency_symbol = invoice.book.currency.code();
    match invoice.book.kind {
        InvoiceKind::Payable => wire::Invoice::Affiliate(wire::AffiliateInvoice {
            invoice_id,
            invoice_date,
            invoice_status,
            affiliate_id: party_id,
            affiliate_name: party_name,
            billing_cycle_name,
            currency_symbol,
            total_payout: total,
            payment_type,
            date_approved,
        }),
        InvoiceKind::Receivable => wire::Invoice::Advertiser(wire::AdvertiserInvoice {
            invoice_id,
            invoice_date,
            invoice_status,
            advertiser_id: party_id,
            advertiser_name: party_name,
            billing_cycle_name,
            currency_symbol,
            total_revenue: total,
            payment_type,
            date_approved,
        }),
    }
}

/// An id of a conversion, as a number where nothing is lost by that.
pub(super) fn conversion_id(id: &str) -> ConversionId<'_> {
    match id.parse::<i64>() {
        Ok(number) if number.to_string() == id => ConversionId::Number(number),
        _ => ConversionId::Text(id),
    }
}

/// A row of the report of conversions. What the tracker keeps back is pending here: there is no other word.
pub(super) fn reported<'a>(
    conversion: &'a Conversion,
    offer_name: Option<&'a str>,
    zone: &Zone,
) -> wire::ReportedConversion<'a> {
    let status = match conversion.status {
        ConversionStatus::Approved => "approved",
        ConversionStatus::Pending | ConversionStatus::Hold => "pending",
        ConversionStatus::Rejected => "rejected",
    };
    wire::ReportedConversion {
        conversion_id: conversion_id(&conversion.conversion_id),
        conversion_date: local_time(conversion.occurred_at, zone),
        conversion_status: status,
        affiliate_id: conversion.affiliate_id.get(),
        advertiser_id: conversion.advertiser_id.map(AdvertiserId::get),
        offer_id: conversion.offer_id.get(),
        offer_name,
        payout: number(conversion.payout),
        currency_symbol: conversion.payout.currency().code(),
        revenue: number(conversion.revenue),
        revenue_currency_symbol: conversion.revenue.currency().code(),
    }
}

/// A row of an affiliate.
pub(super) fn affiliate(row: &PartyRow) -> wire::Affiliate {
    let PartyRow { party, profile, created_at, .. } = row;
    wire::Affiliate {
        affiliate_id: party.party_id,
        affiliate_name: party.name.clone(),
        affiliate_status: party.status.clone(),
        account_manager_id: party.manager_id,
        website: profile.website.clone(),
        billing_cycle_id: quirks::cycle(party.billing_cycle.as_deref()).0,
        date_created: utc_time(*created_at),
    }
}

/// A row of an advertiser.
pub(super) fn advertiser(row: &PartyRow) -> wire::Advertiser {
    let PartyRow { party, profile, created_at, .. } = row;
    wire::Advertiser {
        advertiser_id: party.party_id,
        advertiser_name: party.name.clone(),
        advertiser_status: party.status.clone(),
        account_manager_id: party.manager_id,
        website: profile.website.clone(),
        billing_cycle_id: quirks::cycle(party.billing_cycle.as_deref()).0,
        date_created: utc_time(*created_at),
    }
}

/// The answer about a party that was written.
pub(super) fn written(row: &PartyRow, managers: &[Manager], zone: &Zone) -> Result<Answer, Problem> {
    let PartyRow { party, created_at, .. } = row;
    let manager = managers.iter().find(|manager| Some(manager.manager_id) == party.manager_id);
    let account_manager =
        manager.map(|manager| wire::AccountManager { id: manager.manager_id, name: manager.name.clone() });
    let date_created = local_time(*created_at, zone);
    let (name, status) = (party.name.clone(), party.status.clone());
    match party.kind {
        PartyKind::Affiliate => {
            let written = wire::WrittenAffiliate {
                affiliate_id: party.party_id,
                affiliate_name: name,
                affiliate_status: status,
                account_manager,
                date_created,
            };
            answer("affiliate", written, None)
        }
        PartyKind::Advertiser => {
            let written = wire::WrittenAdvertiser {
                advertiser_id: party.party_id,
                advertiser_name: name,
                advertiser_status: status,
                account_manager,
                date_created,
            };
            answer("advertiser", written, None)
        }
    }
}

/// A row of an offer: an amount, or a share of the sale amount.
pub(super) fn offer(offer: &Offer) -> wire::Offer {
    let amount = |text: &Option<String>| text.as_deref().filter(|text| !text.contains('%')).and_then(raw);
    let share = |text: &Option<String>| raw(text.as_deref()?.strip_suffix('%')?.trim());
    wire::Offer {
        offer_id: offer.offer_id,
        offer_name: offer.name.clone(),
        advertiser_id: offer.advertiser_id,
        payout: amount(&offer.payout),
        payout_percentage: share(&offer.payout),
        revenue: amount(&offer.revenue),
        revenue_percentage: share(&offer.revenue),
        currency_symbol: offer.payout_currency.as_ref().map(|currency| currency.code()),
    }
}
