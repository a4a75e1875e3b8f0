//! Conversions, what became of them, and what is accrued from them.

use quittance_domain::conversion::{KnownConversion, TEXT_NAMES};
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Timestamp;
use quittance_engine::ingest::{IngestReport, State};
use quittance_engine::invoices::{ConversionView, DayAccrual, InvoiceConversion as Entry};
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Amount, AmountGiven, Code, Date, Instant};

/// An entry of a conversion on an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoiceConversion {
    /// The conversion.
    pub conversion_id: String,
    /// Which of its states.
    pub revision: i64,
    /// That state was taken out, not put in.
    pub reversal: bool,
    /// The offer.
    pub offer_id: i64,
    /// The line that bills it; `null` where the line's entries cancel out.
    pub line: Option<i64>,
    /// The day in the books.
    pub day: Date,
    /// When the conversion happened.
    pub occurred_at: Instant,
    /// The amount in the currency of the conversion.
    pub amount: Amount,
    /// That currency.
    pub currency: Code,
}

/// A page of the conversions of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoiceConversionPage {
    /// The entries by day, offer and time.
    pub conversions: Vec<InvoiceConversion>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// An entry of a conversion on an invoice.
#[must_use]
pub fn conversion(entry: &Entry) -> InvoiceConversion {
    InvoiceConversion {
        conversion_id: entry.conversion_id.clone(),
        revision: entry.revision,
        reversal: entry.sign < 0,
        offer_id: entry.offer_id,
        line: entry.line_no,
        day: entry.posting_day.into(),
        occurred_at: entry.occurred_at.into(),
        amount: entry.amount.into(),
        currency: entry.amount.currency().into(),
    }
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BatchReport {
    /// Conversions that were not known.
    pub created: u64,
    /// Conversions that are different now.
    pub updated: u64,
    /// Records that say what was known.
    pub unchanged: u64,
    /// Records that are older than what is known.
    pub stale: u64,
    /// Records that were refused.
    pub rejected: u64,
    /// How many of the updated conversions went to another affiliate or offer.
    pub moved: u64,
    /// How many of the updated conversions are what they were before, by records that do not say when they were changed.
    pub returned: u64,
    /// Why each of them was refused.
    pub errors: Vec<Refused>,
}

/// A record that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    /// Its place in the batch, from 0.
    pub position: u64,
    /// A JSON pointer to the record, or to its field at fault.
    pub pointer: String,
    /// Why.
    pub detail: String,
}

/// What became of a batch. A rejection's pointer names the record and the field.
#[must_use]
pub fn ingest(report: &IngestReport) -> BatchReport {
    let errors = report.rejections.iter().map(|rejection| {
        let field = if rejection.field.is_empty() { String::new() } else { format!("/{}", rejection.field) };
        Refused {
            position: rejection.position,
            pointer: format!("/{}{field}", rejection.position),
            detail: rejection.detail.to_string(),
        }
    });
    BatchReport {
        created: report.counts.created,
        updated: report.counts.updated,
        unchanged: report.counts.unchanged,
        stale: report.counts.stale,
        rejected: report.counts.rejected,
        moved: report.counts.moved,
        returned: report.counts.returned,
        errors: errors.collect(),
    }
}

/// A conversion with the places of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conversion {
    /// Its id.
    pub conversion_id: String,
    /// Which of its states this is, from 1.
    pub revision: i64,
    /// `approved`, `pending`, `hold` or `rejected`.
    pub status: &'static str,
    /// The affiliate.
    pub affiliate_id: i64,
    /// The offer.
    pub offer_id: i64,
    /// The advertiser.
    pub advertiser_id: Option<i64>,
    /// When it happened.
    pub occurred_at: Instant,
    /// What is owed to the affiliate.
    pub payout: Amount,
    /// The currency of the payout.
    pub payout_currency: Code,
    /// What is owed by the advertiser.
    pub revenue: Amount,
    /// The currency of the revenue.
    pub revenue_currency: Code,
    /// The amount of the sale.
    pub sale_amount: Option<String>,
    /// What of it was reached.
    pub goal: Option<String>,
    /// The click.
    pub click_id: Option<String>,
    /// The country.
    pub country: Option<String>,
    /// A text of the tracker's own.
    pub sub1: Option<String>,
    /// A text of the tracker's own.
    pub sub2: Option<String>,
    /// A text of the tracker's own.
    pub sub3: Option<String>,
    /// A text of the tracker's own.
    pub sub4: Option<String>,
    /// A text of the tracker's own.
    pub sub5: Option<String>,
    /// A comment.
    pub comment: Option<String>,
    /// When the tracker last changed it, by what it says.
    pub updated_at: Option<Instant>,
    /// When this state was received.
    pub received_at: Instant,
    /// It was paid where it comes from, and counts in nobody's books; only where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub settled: Option<bool>,
    /// Its entries in the books, oldest first; only where one conversion is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub entries: Option<Vec<ConversionEntry>>,
}

/// An entry of a conversion in a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversionEntry {
    /// `payable` or `receivable`.
    pub kind: &'static str,
    /// The affiliate of a payable entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser of a receivable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The amount; negative where it was taken out.
    pub amount: Amount,
    /// Its currency.
    pub currency: Code,
    /// The day in the books.
    pub day: Date,
    /// The invoice that it is on; `null`: it is unbilled.
    pub invoice_id: Option<i64>,
}

/// A conversion with the places of its entries.
#[must_use]
pub fn conversion_view(view: &ConversionView) -> Conversion {
    let entries = view.entries.iter().map(|entry| {
        let (affiliate_id, advertiser_id) = super::party_ids(entry.kind, entry.party_id);
        ConversionEntry {
            kind: entry.kind.as_str(),
            affiliate_id,
            advertiser_id,
            amount: entry.amount.into(),
            currency: entry.amount.currency().into(),
            day: entry.posting_day.into(),
            invoice_id: entry.invoice_id.map(|id| id.get()),
        }
    });
    Conversion { entries: Some(entries.collect()), ..known(&view.known, view.received_at) }
}

/// A conversion without its entries.
#[must_use]
pub fn conversion_state(state: &State) -> Conversion {
    known(&state.known, state.received_at)
}

fn known(known: &KnownConversion, received_at: Timestamp) -> Conversion {
    let conversion = &known.conversion;
    let text = |name: &str| {
        let at = TEXT_NAMES.iter().position(|known| *known == name)?;
        conversion.texts.get(at)?.as_deref().map(str::to_owned)
    };
    Conversion {
        conversion_id: conversion.conversion_id.to_string(),
        revision: known.revision,
        status: conversion.status.as_str(),
        affiliate_id: conversion.affiliate_id.get(),
        offer_id: conversion.offer_id.get(),
        advertiser_id: conversion.advertiser_id.map(|id| id.get()),
        occurred_at: conversion.occurred_at.into(),
        payout: conversion.payout.into(),
        payout_currency: conversion.payout.currency().into(),
        revenue: conversion.revenue.into(),
        revenue_currency: conversion.revenue.currency().into(),
        sale_amount: text("sale_amount"),
        goal: text("goal"),
        click_id: text("click_id"),
        country: text("country"),
        sub1: text("sub1"),
        sub2: text("sub2"),
        sub3: text("sub3"),
        sub4: text("sub4"),
        sub5: text("sub5"),
        comment: text("comment"),
        updated_at: conversion.updated_at.map(Instant::from),
        received_at: received_at.into(),
        settled: conversion.settled.then_some(true),
        entries: None,
    }
}

/// A page of conversions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversionPage {
    /// The conversions, by day in the books, offer, affiliate and id.
    pub conversions: Vec<Conversion>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of a conversion is to be changed: it stays so until the tracker says something new of it.
#[derive(Debug, Clone, ToSchema)]
pub struct ConversionEditRequest {
    /// `approved`, `pending`, `hold` or `rejected`.
    pub status: Option<String>,
    /// What is owed to the affiliate.
    pub payout: Option<AmountGiven>,
    /// The currency of the payout.
    pub payout_currency: Option<String>,
    /// What is owed by the advertiser.
    pub revenue: Option<AmountGiven>,
    /// The currency of the revenue.
    pub revenue_currency: Option<String>,
    /// The amount of the sale. What is a share of it by the offer's percentage is worked out anew.
    pub sale_amount: Option<AmountGiven>,
    /// The comment; an empty one takes it away.
    pub comment: Option<String>,
}

/// What is accrued for a party, offer and day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Accrual {
    /// `payable` or `receivable`.
    pub kind: &'static str,
    /// The affiliate of what is payable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser of what is receivable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The currency.
    pub currency: Code,
    /// The day in the books.
    pub day: Date,
    /// The offer.
    pub offer_id: i64,
    /// The approved amount.
    pub amount: Amount,
    /// Of how many conversions.
    pub conversions: i64,
}

/// A page of accruals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccrualPage {
    /// The accruals by party, currency, day and offer.
    pub accruals: Vec<Accrual>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What is accrued for a party, offer and day.
#[must_use]
pub fn accrual(row: &DayAccrual, kind: InvoiceKind) -> Accrual {
    let (affiliate_id, advertiser_id) = super::party_ids(kind, row.party_id);
    Accrual {
        kind: kind.as_str(),
        affiliate_id,
        advertiser_id,
        currency: row.currency.into(),
        day: row.posting_day.into(),
        offer_id: row.offer_id,
        amount: Amount::of(row.units, row.currency),
        conversions: row.conversions,
    }
}
