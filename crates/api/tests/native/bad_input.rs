//! Requests that are too large, too deep, packed too well, or sent a hundred times at once.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use quittance_engine::keys::Role;
use quittance_http::Limits;
use quittance_testkit::both_databases;
use serde_json::json;

use crate::server::{Answered, Server, secret, server};

const MEBIBYTE: usize = 1024 * 1024;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// So many mebibytes of one byte, packed.
fn bomb(mebibytes: usize, byte: u8) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let part = vec![byte; MEBIBYTE];
    (0..mebibytes).for_each(|_| encoder.write_all(&part).unwrap());
    encoder.finish().unwrap()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(format!("/billing/v1{path}"));
    request = request.header("authorization", format!("Bearer {}", secret(Role::Admin)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn refused(answered: &Answered, status: StatusCode, said: &str) {
    assert_eq!(answered.status, status, "{}", answered.text());
    let detail = answered.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(said), "{detail}");
}

both_databases! {
    fn a_hundred_mebibytes_are_not_read(database) {
        let server = server(database);
        for path in ["/conversions:batch", "/invoices/1/payments"] {
            let parts = stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; MEBIBYTE]))));
            let answered = server.send(request("POST", path, &[], Body::from_stream(parts)));
            refused(&answered, StatusCode::PAYLOAD_TOO_LARGE, "larger than 16777216 bytes");
        }
    }

    fn millions_of_members_are_refused_before_they_are_read(database) {
        let limits = Limits { body_bytes_max: 256 * MEBIBYTE as u64, ..Limits::default() };
        let server = Server::start(database, limits);
        let mut body = String::from("{");
        (0..10_000_000).for_each(|number| body += &format!("\"{number}\":1,"));
        body += "\"x\":1}";
        let answered = server.send(request("POST", "/invoices/1/payments", &[], Body::from(body)));
        refused(&answered, StatusCode::PAYLOAD_TOO_LARGE, "larger than 1048576 bytes");
    }

    fn deep_nesting_is_an_error_and_no_more(database) {
        let server = server(database);
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let body = format!(r#"{{"amount": {deep}}}"#);
        refused(&server.send(request("POST", "/invoices/1/payments", &[], Body::from(body))), StatusCode::BAD_REQUEST, "recursion");
        let record = format!(r#"[{{"conversion_id": "x", "status": "approved", "goal": {deep}}}]"#);
        let answered = server.send(request("POST", "/conversions:batch", &[], Body::from(record)));
        assert!(answered.status == StatusCode::BAD_REQUEST || answered.json()["rejected"] == 1, "{}", answered.text());
    }

    fn packed_bodies_are_read_and_bombs_are_not(database) {
        let server = server(database);
        let edit = br#"{"public_notes": "packed"}"#;
        let patch = |coding: &str, body: Vec<u8>| server.send(request("PATCH", "/invoices/1", &[("content-encoding", coding)], Body::from(body)));
        assert_eq!(patch("gzip", gzip(edit)).json()["public_notes"], "packed");
        assert_eq!(patch("zstd", zstd::encode_all(&edit[..], 1).unwrap()).json()["version"], 2);
        refused(&patch("br", edit.to_vec()), StatusCode::UNSUPPORTED_MEDIA_TYPE, "neither gzip nor zstd");
        refused(&patch("gzip", edit.to_vec()), StatusCode::BAD_REQUEST, "cannot be unpacked");
        refused(&patch("gzip", bomb(200, b' ')), StatusCode::PAYLOAD_TOO_LARGE, "holds more than 16777216 bytes");
        let batch = |body: Vec<u8>| server.send(request("POST", "/conversions:batch", &[], Body::from(body)));
        let mut long = bomb(0, b' ');
        long.extend(gzip(br#"[{"conversion_id": ""#));
        long.extend(bomb(200, b'x'));
        refused(&batch(long), StatusCode::PAYLOAD_TOO_LARGE, "when it is unpacked");
        refused(&batch(bomb(200, b' ')), StatusCode::BAD_REQUEST, "blanks");
    }

    fn answers_are_packed_for_who_can_unpack_them(database) {
        let server = server(database);
        let plain = server.with(Role::Viewer, "GET", "/invoices", &[], "");
        assert!(!plain.headers.contains_key("content-encoding"));
        for coding in ["gzip", "zstd"] {
            let packed = server.with(Role::Viewer, "GET", "/invoices", &[("accept-encoding", coding)], "");
            assert_eq!(packed.headers["content-encoding"], coding);
            let mut unpacked = Vec::new();
            match coding {
                "gzip" => std::io::copy(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut unpacked).map(drop).unwrap(),
                _ => unpacked = zstd::decode_all(&packed.body[..]).unwrap(),
            }
            assert_eq!(unpacked, plain.body, "{coding}");
        }
    }

    fn a_hundred_twins_have_one_effect_and_one_answer(database) {
        let server = Arc::new(server(database));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let twins: Vec<_> = (0..100).map(|_| {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let headers = [("idempotency-key", "twins")];
                    server.answer(request("POST", "/invoices/1/payments", &headers, Body::from(r#"{"amount": "5"}"#))).await
                })
            }).collect();
            let mut answers = Vec::new();
            for twin in twins {
                answers.push(twin.await.unwrap());
            }
            answers
        });
        for answered in &answers {
            assert_eq!((answered.status, &answered.body), (StatusCode::CREATED, &answers[0].body), "{}", answered.text());
        }
        let payments = server.call(Role::Viewer, "GET", "/invoices/1/payments", "").1;
        assert_eq!(payments["payments"].as_array().unwrap().len(), 1);
        assert_eq!(server.call(Role::Viewer, "GET", "/invoices/1", "").1["paid"], json!("5.00"));
        let other = server.with(Role::Admin, "POST", "/invoices/1/payments", &[("idempotency-key", "twins")], r#"{"amount": "6"}"#);
        assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
        server.network.assert_verified();
    }
}
