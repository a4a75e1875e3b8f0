//! Bodies that come compressed: made plain before a handler reads them, and never larger than a body may be.

use std::io::Read;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::limits::{Limits, count};
use crate::problem::Problem;

/// How a body is compressed.
enum Coding {
    Gzip,
    Zstd,
}

/// A layer that makes the body of a request plain by its `Content-Encoding`, below [`whole_body`](crate::listen::whole_body).
pub async fn plain_body(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let coding = match coding(&parts.headers) {
        Ok(None) => return next.run(Request::from_parts(parts, body)).await,
        Ok(Some(coding)) => coding,
        Err(problem) => return unsupported(problem),
    };
    // It was read whole by the layer above, within the limit.
    let Ok(packed) = to_bytes(body, count(limits.body_bytes_max)).await else {
        return too_large(limits).into_response();
    };
    let unpacked = tokio::task::spawn_blocking(move || unpack(&coding, &packed, limits.body_bytes_max)).await;
    match unpacked {
        Ok(Ok(Some(bytes))) => {
            parts.headers.remove(header::CONTENT_ENCODING);
            parts.headers.remove(header::CONTENT_LENGTH);
            next.run(Request::from_parts(parts, Body::from(bytes))).await
        }
        Ok(Ok(None)) => too_large(limits).into_response(),
        Ok(Err(error)) => Problem::bad_request("", format!("the body cannot be unpacked: {error}")).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

fn coding(headers: &HeaderMap) -> Result<Option<Coding>, Problem> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(None) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Coding::Gzip)),
        "zstd" => Ok(Some(Coding::Zstd)),
        other => {
            let detail = format!("Content-Encoding: {other:?} is neither gzip nor zstd");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail))
        }
    }
}

fn unsupported(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"));
    response
}

fn too_large(limits: Limits) -> Problem {
    let detail = format!("the body holds more than {} bytes", limits.body_bytes_max);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
}

/// The plain bytes; none where there are more than `bytes_max`.
fn unpack(coding: &Coding, packed: &Bytes, bytes_max: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    let read: Box<dyn Read> = match coding {
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(packed.as_ref())),
        Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(packed.as_ref())?),
    };
    read.take(bytes_max + 1).read_to_end(&mut plain)?;
    Ok(Some(plain).filter(|plain| plain.len() as u64 <= bytes_max))
}
