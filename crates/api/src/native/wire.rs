//! The native interface's JSON, shared with the command line: amounts are decimal strings beside their currency, days
//! and instants ISO 8601.

use quittance_domain::conversion::TEXT_NAMES;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::Money;
use quittance_engine::balances::BalancesReport;
use quittance_engine::billing::RunReport;
use quittance_engine::ingest::IngestReport;
use quittance_engine::invoices::{
    ConversionView, DayAccrual, HistoryRow, Invoice, InvoiceConversion, Line, Payment, StoredPosting,
};
use quittance_engine::networks::{ChangeRow, Network};
use quittance_engine::rates::{DayQuote, RatesReport};
use quittance_engine::reports::{Cell, Report};
use quittance_engine::schedule::ScheduleReport;
use quittance_engine::settings::Settings;
use serde_json::{Map, Value, json};

/// Billing units as a decimal.
#[must_use]
pub fn amount(units: i64, currency: Currency) -> String {
    Money::new(units, currency).to_decimal()
}

/// The member that names the party of an invoice.
const fn party_id(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Payable => "affiliate_id",
        InvoiceKind::Receivable => "advertiser_id",
    }
}

/// A network with its settings.
#[must_use]
pub fn network(network: &Network, settings: &Settings) -> Value {
    let shown = settings.shown();
    let settings: Map<String, Value> = shown.into_iter().map(|(n, value)| (n.to_owned(), typed(n, &value))).collect();
    json!({ "id": network.network_id.get(), "name": network.name, "settings": settings })
}

/// The value of a setting in JSON's own types.
fn typed(name: &str, value: &str) -> Value {
    match (name, value) {
        (_, "none") => Value::Null,
        ("invoice_prefix", text) => text.into(),
        (_, "true") => true.into(),
        (_, "false") => false.into(),
        (_, text) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
    }
}

/// A row of the history of what is no invoice.
#[must_use]
pub fn change(row: &ChangeRow) -> Value {
    json!({
        "id": row.change_no,
        "at": row.happened_at.to_string(),
        "actor": row.actor,
        "subject": row.subject,
        "subject_id": row.subject_id,
        "action": row.action,
        "details": serde_json::from_str::<Value>(&row.details).unwrap_or_default(),
    })
}

/// What an import of opening balances has done.
#[must_use]
pub fn balances_report(report: &BalancesReport) -> Value {
    let errors: Vec<Value> =
        report.rejections.iter().map(|(line, detail)| json!({ "position": line, "detail": detail })).collect();
    json!({ "created": report.created, "unchanged": report.unchanged, "rejected": errors.len(), "errors": errors })
}

/// What a look at the schedule has done.
#[must_use]
pub fn schedule(report: &ScheduleReport) -> Value {
    json!({ "released": report.released, "runs": report.runs.iter().map(run).collect::<Vec<_>>() })
}

/// An invoice.
#[must_use]
pub fn invoice(invoice: &Invoice) -> Value {
    let currency = invoice.book.currency;
    let balance = invoice.billed_units.saturating_sub(invoice.paid_units);
    let mut json = json!({
        "id": invoice.invoice_id.get(),
        "number": invoice.number.get(),
        "kind": invoice.book.kind.as_str(),
        "status": invoice.status.as_str(),
        "currency": currency.code(),
        "billed": amount(invoice.billed_units, currency),
        "paid": amount(invoice.paid_units, currency),
        "balance": amount(balance, currency),
        "period": { "start": invoice.period.start.to_string(), "end": invoice.period.end.to_string() },
        "due_date": invoice.due_day.to_string(),
        "document_number": invoice.document_number,
        "document_date": invoice.document_day.map(|day| day.to_string()),
        "payment_terms": invoice.payment_terms_days,
        "hidden": invoice.hidden,
        "public_notes": invoice.public_notes,
        "internal_notes": invoice.internal_notes,
        "party": { "name": invoice.party_name, "email": invoice.party_email },
        "run_id": invoice.run_id.get(),
        "void": invoice.voided.as_ref().map(|v| json!({ "reason": v.reason, "text": v.text })),
        "version": invoice.version,
        "created_at": invoice.created_at.to_string(),
        "created_by": invoice.created_by,
        "updated_at": invoice.updated_at.to_string(),
    });
    json[party_id(invoice.book.kind)] = invoice.book.party_id.into();
    json
}

/// A line of an invoice in a currency. Where its conversions are in another one, `source` says what it stands for.
#[must_use]
pub fn line(line: &Line, currency: Currency) -> Value {
    let source = line.converted.as_ref().map(|converted| {
        json!({
            "currency": converted.currency.code(),
            "amount": amount(converted.units, converted.currency),
            "rate": converted.rate.to_string(),
            "rate_exact": converted.rate.exact(),
            "rate_date": converted.rate.day.to_string(),
            "rate_source": converted.rate.source,
        })
    });
    json!({
        "line": line.line_no,
        "type": line.line_type.as_str(),
        "offer_id": line.offer_id.map(|id| id.get()),
        "period": { "start": line.period.start.to_string(), "end": line.period.end.to_string() },
        "conversions": line.taken.conversions,
        "exact": amount(line.taken.units, line.source_currency(currency)),
        "amount": amount(line.units, currency),
        "currency": currency.code(),
        "source": source,
        "comment": line.comment,
    })
}

/// A payment, or what else settles an invoice or is a party's credit.
#[must_use]
pub fn payment(payment: &Payment) -> Value {
    let paid = payment
        .foreign
        .map(|foreign| json!({ "amount": foreign.paid.to_decimal(), "currency": foreign.paid.currency().code() }));
    json!({
        "id": payment.payment_id.get(),
        "invoice_id": payment.invoice_id.map(|id| id.get()),
        "amount": amount(payment.units, payment.currency),
        "currency": payment.currency.code(),
        "paid": paid,
        "source": payment.source.as_str(),
        "rail": payment.rail,
        "date": payment.paid_day.to_string(),
        "reference": payment.reference,
        "transfer_id": payment.transfer_id.get(),
        "of_payment": payment.of_payment.map(|id| id.get()),
        "about_invoice": payment.about_invoice.map(|id| id.get()),
        "number": payment.number,
        "recorded_at": payment.recorded_at.to_string(),
        "recorded_by": payment.recorded_by,
    })
}

/// A row of the history of an invoice in a currency.
#[must_use]
pub fn history(row: &HistoryRow, currency: Currency) -> Value {
    json!({
        "version": row.version,
        "at": row.happened_at.to_string(),
        "by": row.actor,
        "action": row.action,
        "status": row.status.as_str(),
        "billed": amount(row.billed_units, currency),
        "paid": amount(row.paid_units, currency),
        "details": serde_json::from_str::<Value>(&row.details).unwrap_or_default(),
    })
}

/// An entry of a conversion on an invoice.
#[must_use]
pub fn conversion(entry: &InvoiceConversion) -> Value {
    json!({
        "conversion_id": entry.conversion_id,
        "revision": entry.revision,
        "reversal": entry.sign < 0,
        "offer_id": entry.offer_id,
        "line": entry.line_no,
        "day": entry.posting_day.to_string(),
        "occurred_at": entry.occurred_at.to_string(),
        "amount": entry.amount.to_decimal(),
        "currency": entry.amount.currency().code(),
    })
}

/// A posting of the ledger: positive is debit, negative is credit.
#[must_use]
pub fn posting(posting: &StoredPosting) -> Value {
    json!({
        "entry": posting.entry_id,
        "event": posting.event,
        "account": posting.account,
        "amount": amount(posting.units, posting.currency),
        "currency": posting.currency.code(),
        "date": posting.posting_day.to_string(),
        "recorded_at": posting.recorded_at.to_string(),
    })
}

/// A billing run, in the shape that scripts read.
#[must_use]
pub fn run(report: &RunReport) -> Value {
    let totals = report.totals.iter().map(|t| (t.currency.code().to_owned(), Value::from(amount(t.units, t.currency))));
    let skipped = report.skipped.iter().map(|skip| {
        let mut json = json!({
            "currency": skip.currency.code(),
            "amount": amount(skip.units, skip.currency),
            "reason": skip.reason,
        });
        json[party_id(report.kind)] = skip.party_id.into();
        json
    });
    let written_off = report.written_off.iter().map(|given_up| {
        let mut json = json!({
            "currency": given_up.currency.code(),
            "amount": amount(given_up.units, given_up.currency),
            "period": { "start": given_up.period.start.to_string(), "end": given_up.period.end.to_string() },
        });
        json[party_id(report.kind)] = given_up.party_id.into();
        json
    });
    json!({
        "run_id": report.run_id.map(|id| id.get()),
        "kind": report.kind.as_str(),
        "status": if report.done { "done" } else { "running" },
        "invoices": report.invoices(),
        "totals": totals.collect::<serde_json::Map<_, _>>(),
        "skipped": skipped.collect::<Vec<_>>(),
        "written_off": written_off.collect::<Vec<_>>(),
    })
}

/// A rate of a day: one unit of the base is so many of the quoted currency.
#[must_use]
pub fn rate(rate: &DayQuote) -> Value {
    json!({
        "date": rate.day.to_string(),
        "base": rate.base.code(),
        "quote": rate.quoted.code(),
        "rate": rate.quote.quote.to_string(),
        "source": rate.quote.source,
    })
}

/// What an import of rates did.
#[must_use]
pub fn rates_report(report: &RatesReport) -> Value {
    let errors = report.rejections.iter().map(|r| json!({ "position": r.line, "detail": r.detail }));
    json!({
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": report.rejections.len(),
        "days": report.days.map(|(start, end)| json!({ "start": start.to_string(), "end": end.to_string() })),
        "warnings": report.warnings,
        "errors": errors.collect::<Vec<_>>(),
    })
}

/// What became of a batch. A rejection's pointer names the record and the field.
#[must_use]
pub fn ingest(report: &IngestReport) -> Value {
    let errors = report.rejections.iter().map(|rejection| {
        let field = if rejection.field.is_empty() { String::new() } else { format!("/{}", rejection.field) };
        json!({
            "position": rejection.position,
            "pointer": format!("/{}{field}", rejection.position),
            "detail": rejection.detail,
        })
    });
    json!({
        "created": report.counts.created,
        "updated": report.counts.updated,
        "unchanged": report.counts.unchanged,
        "stale": report.counts.stale,
        "rejected": report.counts.rejected,
        "errors": errors.collect::<Vec<_>>(),
    })
}

/// A conversion with the places of its entries.
#[must_use]
pub fn conversion_view(view: &ConversionView) -> Value {
    let conversion = &view.known.conversion;
    let entries = view.entries.iter().map(|entry| {
        let mut json = json!({
            "kind": entry.kind.as_str(),
            "amount": entry.amount.to_decimal(),
            "currency": entry.amount.currency().code(),
            "day": entry.posting_day.to_string(),
            "invoice_id": entry.invoice_id.map(|id| id.get()),
        });
        json[party_id(entry.kind)] = entry.party_id.into();
        json
    });
    let mut json = json!({
        "conversion_id": conversion.conversion_id,
        "revision": view.known.revision,
        "status": conversion.status.as_str(),
        "affiliate_id": conversion.affiliate_id.get(),
        "offer_id": conversion.offer_id.get(),
        "advertiser_id": conversion.advertiser_id.map(|id| id.get()),
        "occurred_at": conversion.occurred_at.to_string(),
        "payout": conversion.payout.to_decimal(),
        "payout_currency": conversion.payout.currency().code(),
        "revenue": conversion.revenue.to_decimal(),
        "revenue_currency": conversion.revenue.currency().code(),
        "updated_at": conversion.updated_at.map(|at| at.to_string()),
        "received_at": view.received_at.to_string(),
        "entries": entries.collect::<Vec<_>>(),
    });
    for (name, text) in TEXT_NAMES.iter().zip(&conversion.texts) {
        json[*name] = text.as_deref().into();
    }
    json
}

/// What is accrued for a party, offer and day.
#[must_use]
pub fn accrual(row: &DayAccrual, kind: InvoiceKind) -> Value {
    let mut json = json!({
        "kind": kind.as_str(),
        "currency": row.currency.code(),
        "day": row.posting_day.to_string(),
        "offer_id": row.offer_id,
        "amount": amount(row.units, row.currency),
        "conversions": row.conversions,
    });
    json[party_id(kind)] = row.party_id.into();
    json
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) if text.is_empty() => Value::Null,
        Cell::Text(text) | Cell::Amount(text) => text.as_str().into(),
        Cell::Number(number) => (*number).into(),
    }
}

/// A report: its rows as objects.
#[must_use]
pub fn report(report: &Report) -> Value {
    let row = |row: &Vec<Cell>| -> Value {
        let members = report.columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), cell(value)));
        Value::Object(members.collect())
    };
    json!({ "rows": report.rows.iter().map(row).collect::<Vec<_>>() })
}

/// A report as CSV with a header line.
///
/// # Errors
/// It cannot be written.
pub fn report_csv(report: &Report) -> std::result::Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&report.columns)?;
    for row in &report.rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Text(text) | Cell::Amount(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
        }))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
