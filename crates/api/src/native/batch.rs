//! Conversions in, by batches.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode, header};
use quittance_domain::time::Zone;
use quittance_engine::ingest::{BATCH_RECORDS_MAX, IngestReport, Positioned, Rejection};
use quittance_engine::keys::Actor;
use quittance_engine::records::{self, Columns, Format, InputError, RawRow, Reading, RowParser};
use quittance_http::idempotency::{Answer, once};
use quittance_http::limits::count;
use quittance_http::{AppState, Problem, gather};

use super::describe::{Given, Parameters};
use super::params::{Form, Param, Query, param};
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

fn parse(
    body: &[u8],
    format: Option<Format>,
    zone: Zone,
    reading: &Reading,
    bytes_max: usize,
) -> Result<Parsed, Problem> {
    let bad = |error: InputError| Problem::bad_request("", error.to_string());
    let (text, format) = records::open(body, format).map_err(bad)?;
    // A small body can hold a very large one.
    let mut text = std::io::Read::take(text, (bytes_max * INFLATION_MAX) as u64);
    let parser = std::cell::RefCell::new(RowParser::new(zone, reading));
    let mut parsed = Parsed { records: Vec::new(), refused: Vec::new() };
    let mut position = 0;
    let mut header = |cells| {
        parser.borrow_mut().columns = Columns::from_header(cells, reading)?;
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
    let read = records::read_rows(&mut text, format, reading, &mut header, &mut each);
    if text.limit() == 0 {
        let detail = format!("the batch holds more than {} bytes when it is unpacked", bytes_max * INFLATION_MAX);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
    }
    match read {
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

/// The parameters of a batch.
pub(super) struct BatchParameters;

impl Parameters for BatchParameters {
    const ALL: &'static [Param] = &[
        param(
            "create_missing",
            Form::Flag,
            "Whether unknown affiliates and offers are made; left out: as the network's setting says.",
        ),
        param(
            "source",
            Form::Text,
            "Whose words and numbers the records use, where trackers disagree about them: `awin`, `keitaro`, … or one of the \
             configuration.",
        ),
        super::params::DECIMAL,
    ];
}

/// How the records are to be read.
fn reading(state: &AppState, query: &Query) -> Result<Reading, Problem> {
    let source = query.text("source").map(|name| state.sources.named(name)).transpose();
    let source = source.map_err(|detail| Problem::bad_request("source", detail))?;
    Ok(Reading { source, decimal: query.decimal_mark()?, ..Reading::default() })
}

/// Takes a batch of conversions.
///
/// The body is a JSON array, lines of JSON or CSV with a header line, plain or compressed by gzip or zstd; it has at most
/// 10,000 records. A table may have commas, semicolons, tabs or bars between its columns, and be in UTF-16. Bad records are refused, each with its reason; good ones are kept, durably, when this answers.
#[utoipa::path(post, path = "/conversions:batch", tag = "Conversions", params(Given<BatchParameters>),
    request_body(content(
        (Vec<wire::ConversionRecord> = "application/json"),
        (String = "application/x-ndjson"),
        (String = "text/csv"),
    )),
    responses((status = 200, description = "What became of the records.", body = wire::BatchReport)))]
pub(super) async fn batch(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let query = Query::of(pairs, BatchParameters::ALL)?;
    let (create_missing, reading) = (query.flag("create_missing")?, reading(&state, &query)?);
    let call = actor.call((state.clock)());
    let zone_call = call.clone();
    let zone = state.look_up(move |engine| engine.zone_of(&zone_call)).await?;
    let (sent, format, bytes_max) = (body.clone(), format(&headers), count(state.limits.body_bytes_max));
    // A large batch keeps a thread busy for a while, which must not be one that serves connections.
    let parsed = tokio::task::spawn_blocking(move || parse(&sent, format, zone, &reading, bytes_max));
    let parsed = parsed.await.map_err(|error| Problem::internal(&error))??;
    once(&state, &actor, "POST conversions:batch", &headers, &body, |_| async {
        let Parsed { records, refused } = parsed;
        let report = gather::receive(&state, call, records, create_missing).await?;
        Answer::of(StatusCode::OK, &wire::ingest(&with_refused(report, refused)))
    })
    .await
}
