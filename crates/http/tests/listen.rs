//! Clients that send slowly, too much, or nothing at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use axum::routing::post;
use axum::{Router, middleware};
use quittance_http::Limits;
use quittance_http::listen::{serve, whole_body};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves an echo while `work` goes on.
fn beside_a_server(limits: Limits, work: impl FnOnce(SocketAddr)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let echo = Router::new().route("/", post(|body: String| async { body }));
    let routes = echo.layer(middleware::from_fn_with_state(limits, whole_body));
    let (stop, stopped) = oneshot::channel::<()>();
    let server = runtime.spawn(serve(listener, routes, limits, async { drop(stopped.await) }));
    work(address);
    stop.send(()).unwrap();
    runtime.block_on(server).unwrap();
}

/// What the server says to these bytes until it closes the connection.
fn answer(address: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset has been closed, too.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_whole_request_is_answered() {
    beside_a_server(Limits::default(), |address| {
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("hi"), "{said}");
    });
}

#[test]
fn a_request_names_its_host_once() {
    beside_a_server(Limits::default(), |address| {
        let with = |version: &str, hosts: &str| {
            let rest = "Connection: close\r\nContent-Length: 2\r\n\r\nhi";
            answer(address, &format!("POST / HTTP/{version}\r\n{hosts}{rest}"))
        };
        for (hosts, told) in [("", "the request has no Host header"), ("Host: x\r\nHost: y\r\n", "more than one Host")]
        {
            let said = with("1.1", hosts);
            assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("content-type: text/plain"), "{said}");
            assert!(said.contains(told), "{said}");
        }
        // HTTP/1.0 knows no such header; an empty one names no host, which is allowed.
        assert!(with("1.0", "").starts_with("HTTP/1.0 200 "));
        assert!(with("1.1", "Host:\r\n").starts_with("HTTP/1.1 200 "));
    });
}

/// What is said about a head that does not come within a second.
const LATE: &str = "the head of the request did not arrive within 1 seconds";

#[test]
fn a_head_that_does_not_end_is_refused() {
    beside_a_server(Limits { header_seconds_max: 1, ..Limits::default() }, |address| {
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 ") && head.contains("\r\nConnection: close"), "{said}");
        assert!(head.contains("\r\nContent-Type: application/problem+json"), "{said}");
        assert!(head.ends_with(&format!("\r\nContent-Length: {}", body.len())), "{said}");
        assert!(body.contains(LATE) && body.contains("\"status\":408"), "{said}");
    });
}

#[test]
fn a_later_head_that_does_not_end_adds_nothing_to_what_was_answered() {
    beside_a_server(Limits { header_seconds_max: 1, ..Limits::default() }, |address| {
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiPOST /");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\nhi"), "{said}");
    });
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    beside_a_server(Limits { header_seconds_max: 1, ..Limits::default() }, |address| {
        assert_eq!(answer(address, ""), "");
        // A line end that belongs to nothing is no request that has begun.
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi\r\n");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\nhi"), "{said}");
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    beside_a_server(Limits { header_bytes_max: 8 * 1024, ..Limits::default() }, |address| {
        let said = answer(address, &format!("POST / HTTP/1.1\r\nX-Large: {}\r\n\r\n", "a".repeat(20_000)));
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
    });
}

#[test]
fn a_body_that_does_not_arrive_is_refused() {
    beside_a_server(Limits { body_seconds_max: 1, ..Limits::default() }, |address| {
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhi");
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    });
}

const REQUEST: &str = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";

/// A connection that has got its place, as an answer on it shows.
fn with_a_place(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

#[test]
fn one_connection_too_many_gets_the_place_of_one_that_goes() {
    let limits = Limits { connections_max: 1, connection_wait_millis_max: 60_000, ..Limits::default() };
    beside_a_server(limits, |address| {
        let idle = with_a_place(address);
        let waiting = std::thread::spawn(move || answer(address, REQUEST));
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!waiting.is_finished());
        drop(idle);
        assert!(waiting.join().unwrap().starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_connection_that_finds_no_place_is_told_when_to_come_again() {
    beside_a_server(Limits { connections_max: 1, connection_wait_millis_max: 0, ..Limits::default() }, |address| {
        let _first = with_a_place(address);
        let said = answer(address, "");
        assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("\r\nRetry-After: 1\r\n"), "{said}");
        assert!(said.ends_with("the server has as many connections as it takes; try again soon"), "{said}");
    });
}
