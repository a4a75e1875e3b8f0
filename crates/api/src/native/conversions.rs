//! Conversions in, and what is accrued from them.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode, header};
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::{Day, Zone};
use quittance_engine::ingest::{BATCH_RECORDS_MAX, IngestReport, Positioned, Rejection};
use quittance_engine::invoices::{AccrualFilter, DayAccrual};
use quittance_engine::keys::Actor;
use quittance_engine::records::{self, Columns, Format, InputError, RawRow, RowParser};
use quittance_http::idempotency::{Answer, once};
use quittance_http::limits::count;
use quittance_http::{AppState, Problem, gather};
use serde_json::{Value, json};

use super::params::Query;
use super::wire;

/// How many times larger than the request's limit its decompressed body may be.
const INFLATION_MAX: usize = 8;

/// The format that a content type names; told by the first character where it names none.
fn format(headers: &HeaderMap) -> Option<Format> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match value.split(';').next().unwrap_or_default().trim() {
        "text/csv" => Some(Format::Csv),
        "application/x-ndjson" | "application/jsonl" => Some(Format::JsonLines),
        _ => None,
    }
}

/// Records and refusals of a body, by their place in it, counted from 0.
struct Parsed {
    records: Vec<Positioned>,
    refused: Vec<Rejection>,
}

fn parse(body: &[u8], format: Option<Format>, zone: Zone, bytes_max: usize) -> Result<Parsed, Problem> {
    let bad = |error: InputError| Problem::bad_request("", error.to_string());
    let (text, format) = records::open(body, format).map_err(bad)?;
    // A small body can hold a very large one.
    let mut text = std::io::Read::take(text, (bytes_max * INFLATION_MAX) as u64);
    let parser = std::cell::RefCell::new(RowParser::new(zone, Columns::default(), Vec::new()));
    let mut parsed = Parsed { records: Vec::new(), refused: Vec::new() };
    let mut position = 0;
    let mut header = |cells| {
        parser.borrow_mut().columns = Columns::from_header(cells, &[])?;
        Ok(())
    };
    let mut each = |row: RawRow| {
        if position == BATCH_RECORDS_MAX as u64 {
            return Err(InputError::Stopped(format!("a batch has at most {BATCH_RECORDS_MAX} records")));
        }
        match parser.borrow_mut().parse(&row.raw) {
            Ok(record) => parsed.records.push(Positioned { position, record }),
            Err(error) => parsed.refused.push(Rejection { position, field: error.field, detail: error.detail }),
        }
        position += 1;
        Ok(())
    };
    match records::read_rows(&mut text, format, &mut header, &mut each) {
        Ok(()) => Ok(parsed),
        Err(InputError::Stopped(detail)) => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)),
        Err(error) => Err(bad(error)),
    }
}

/// A report with what could not even be read.
fn with_refused(mut report: IngestReport, refused: Vec<Rejection>) -> IngestReport {
    report.counts.rejected += refused.len() as u64;
    report.rejections.extend(refused);
    report.rejections.sort_by_key(|rejection| rejection.position);
    report
}

pub(super) async fn batch(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let create_missing = Query::read(pairs, &["create_missing"])?.flag("create_missing")?;
    let call = actor.call((state.clock)());
    let zone_call = call.clone();
    let zone = state.run(move |engine| engine.zone_of(&zone_call)).await?;
    let parsed = parse(&body, format(&headers), zone, count(state.limits.body_bytes_max))?;
    once(&state, &actor, "POST conversions:batch", &headers, &body, |_| async {
        let Parsed { records, refused } = parsed;
        let report = gather::receive(&state, call, records, create_missing).await?;
        Ok(Answer::json(StatusCode::OK, &wire::ingest(&with_refused(report, refused))))
    })
    .await
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    let view = state.run(move |engine| engine.conversion(&call, &id)).await?;
    Ok(Answer::json(StatusCode::OK, &wire::conversion_view(&view)))
}

const ACCRUALS: &[&str] = &["limit", "cursor", "affiliate_id", "advertiser_id", "kind", "from", "through"];

pub(super) async fn accruals(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Answer, Problem> {
    let query = Query::read(pairs, ACCRUALS)?;
    let limit = query.limit()?;
    let after = query.parsed("cursor", "a cursor of this list", cursor)?;
    let (affiliate, advertiser) = (query.int("affiliate_id")?, query.int("advertiser_id")?);
    let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
    let kind = advertiser.map(|_| InvoiceKind::Receivable).or(affiliate.map(|_| InvoiceKind::Payable)).or(kind);
    let filter = AccrualFilter {
        kind: kind.unwrap_or(InvoiceKind::Payable),
        party_id: affiliate.or(advertiser),
        from: query.day("from")?.unwrap_or(Day::MIN),
        through: query.day("through")?.unwrap_or(Day::MAX),
    };
    let call = actor.call((state.clock)());
    let page = state.run(move |engine| engine.accruals(&call, &filter, after, limit)).await?;
    let full = page.len() as i64 == limit;
    let next = page.last().filter(|_| full).map(as_cursor);
    let rows: Vec<Value> = page.iter().map(|row| wire::accrual(row, filter.kind)).collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "accruals": rows, "next_cursor": next })))
}

/// A cursor is the key of the last row: party, currency, day, offer.
fn as_cursor(row: &DayAccrual) -> String {
    format!("{}.{}.{}.{}", row.party_id, row.currency, row.posting_day.number(), row.offer_id)
}

fn cursor(text: &str) -> Option<DayAccrual> {
    let mut parts = text.split('.');
    let row = DayAccrual {
        party_id: parts.next()?.parse().ok()?,
        currency: Currency::parse(parts.next()?).ok()?,
        posting_day: Day::from_number(parts.next()?.parse().ok()?),
        offer_id: parts.next()?.parse().ok()?,
        units: 0,
        conversions: 0,
    };
    parts.next().is_none().then_some(row)
}
