//! Invoices, their lines and their history.

use quittance_domain::currency::Currency;
use quittance_engine::invoices::{HistoryRow as Row, Invoice as Known, Line as KnownLine};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::values::{Amount, Code, Date, Instant, Period};

/// An invoice. Of the members `affiliate_id` and `advertiser_id` it has the one that its kind says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invoice {
    /// Its id; it never changes.
    pub id: i64,
    /// Its number: gap-free by network and kind.
    pub number: i64,
    /// `payable`: owed to an affiliate; `receivable`: owed by an advertiser.
    #[schema(example = "payable")]
    pub kind: &'static str,
    /// The affiliate of a payable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser of a receivable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// `pending`, `approved`, `partly_paid`, `paid` or `void`.
    #[schema(example = "approved")]
    pub status: &'static str,
    /// Its currency.
    pub currency: Code,
    /// The sum of its lines.
    pub billed: Amount,
    /// The sum of its payments.
    pub paid: Amount,
    /// What is left to pay.
    pub balance: Amount,
    /// The days it is for.
    pub period: Period,
    /// When payment is due.
    pub due_date: Date,
    /// The number of the other side's paper.
    pub document_number: Option<String>,
    /// The day of the other side's paper.
    pub document_date: Option<Date>,
    /// Days from the end of the period to the due date.
    pub payment_terms: Option<i64>,
    /// The party does not see it.
    pub hidden: bool,
    /// Notes that the party sees.
    pub public_notes: String,
    /// Notes that it does not see; left out for its own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub internal_notes: Option<String>,
    /// The party as it was when the invoice was issued.
    pub party: InvoiceParty,
    /// The billing run that issued it; left out for a party's own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub run_id: Option<i64>,
    /// Why it is void.
    pub void: Option<VoidFacts>,
    /// Counted from 1; each change adds 1. It is the `ETag`.
    pub version: i64,
    /// When it was issued.
    pub created_at: Instant,
    /// By whom; left out for a party's own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_by: Option<String>,
    /// When it was last changed.
    pub updated_at: Instant,
}

impl Invoice {
    /// What the party itself may see of it.
    #[must_use]
    pub fn for_party(self) -> Invoice {
        Invoice { internal_notes: None, run_id: None, created_by: None, ..self }
    }
}

/// A party as an invoice keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoiceParty {
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: Option<String>,
}

/// Why an invoice is void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VoidFacts {
    /// `declined`, `deleted`, `replaced` or `other`.
    pub reason: String,
    /// In words.
    pub text: String,
}

/// An invoice.
#[must_use]
pub fn invoice(invoice: &Known) -> Invoice {
    let currency = invoice.book.currency;
    let (affiliate_id, advertiser_id) = super::party_ids(invoice.book.kind, invoice.book.party_id);
    Invoice {
        id: invoice.invoice_id.get(),
        number: invoice.number.get(),
        kind: invoice.book.kind.as_str(),
        affiliate_id,
        advertiser_id,
        status: invoice.status.as_str(),
        currency: currency.into(),
        billed: Amount::of(invoice.billed_units, currency),
        paid: Amount::of(invoice.paid_units, currency),
        balance: Amount::of(invoice.balance_units(), currency),
        period: invoice.period.into(),
        due_date: invoice.due_day.into(),
        document_number: invoice.document_number.clone(),
        document_date: invoice.document_day.map(Date::from),
        payment_terms: invoice.payment_terms_days,
        hidden: invoice.hidden,
        public_notes: invoice.public_notes.clone(),
        internal_notes: Some(invoice.internal_notes.clone()),
        party: InvoiceParty { name: invoice.party_name.clone(), email: invoice.party_email.clone() },
        run_id: Some(invoice.run_id.get()),
        void: invoice.voided.as_ref().map(|v| VoidFacts { reason: v.reason.clone(), text: v.text.clone() }),
        version: invoice.version,
        created_at: invoice.created_at.into(),
        created_by: Some(invoice.created_by.clone()),
        updated_at: invoice.updated_at.into(),
    }
}

/// Invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Invoices {
    /// The invoices.
    pub invoices: Vec<Invoice>,
}

/// A page of invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoicePage {
    /// The invoices.
    pub invoices: Vec<Invoice>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// Its number on the invoice.
    pub line: i64,
    /// `conversions`, `correction`, `referral`, `bonus`, `tax`, `rounding` and so on.
    pub r#type: &'static str,
    /// The offer of a line of conversions.
    pub offer_id: Option<i64>,
    /// The days it is for: an earlier period's where it bills differences to that.
    pub period: Period,
    /// How many conversions.
    pub conversions: i64,
    /// The amount before it was rounded, in the currency of the conversions.
    pub exact: Amount,
    /// The amount.
    pub amount: Amount,
    /// The invoice's currency.
    pub currency: Code,
    /// What it stands for, where its conversions are in another currency.
    pub source: Option<LineSource>,
    /// The comment of a correction, the text of a tax.
    pub comment: String,
}

/// What a line in another currency stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineSource {
    /// The currency of the conversions.
    pub currency: Code,
    /// Their amount.
    pub amount: Amount,
    /// The rate.
    pub rate: String,
    /// The rate as a fraction, where no decimal is exact.
    pub rate_exact: String,
    /// The day of the rate.
    pub rate_date: Date,
    /// Where the rate is from.
    pub rate_source: String,
}

/// A page of the lines of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LinePage {
    /// The lines in order.
    pub lines: Vec<Line>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A page of the corrections of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CorrectionPage {
    /// Those of its lines that somebody added by hand.
    pub corrections: Vec<Line>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A line of an invoice in a currency. Where its conversions are in another one, `source` says what it stands for.
#[must_use]
pub fn line(line: &KnownLine, currency: Currency) -> Line {
    let source = line.converted.as_ref().map(|converted| LineSource {
        currency: converted.currency.into(),
        amount: Amount::of(converted.units, converted.currency),
        rate: converted.rate.to_string(),
        rate_exact: converted.rate.exact(),
        rate_date: converted.rate.day.into(),
        rate_source: converted.rate.source.to_string(),
    });
    Line {
        line: line.line_no,
        r#type: line.line_type.as_str(),
        offer_id: line.offer_id.map(|id| id.get()),
        period: line.period.into(),
        conversions: line.taken.conversions,
        exact: Amount::of(line.taken.units, line.source_currency(currency)),
        amount: Amount::of(line.units, currency),
        currency: currency.into(),
        source,
        comment: line.comment.clone(),
    }
}

/// A row of an invoice's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryRow {
    /// The version that the change made.
    pub version: i64,
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// What was done.
    pub action: String,
    /// The status after it.
    pub status: &'static str,
    /// What was billed after it.
    pub billed: Amount,
    /// What was paid after it.
    pub paid: Amount,
    /// From what to what.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// A page of the history of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HistoryPage {
    /// Each change, oldest first.
    pub history: Vec<HistoryRow>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A row of the history of an invoice in a currency.
#[must_use]
pub fn history(row: &Row, currency: Currency) -> HistoryRow {
    HistoryRow {
        version: row.version,
        at: row.happened_at.into(),
        by: row.actor.clone(),
        action: row.action.clone(),
        status: row.status.as_str(),
        billed: Amount::of(row.billed_units, currency),
        paid: Amount::of(row.paid_units, currency),
        details: super::details(&row.details),
    }
}
