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
fn a_head_that_does_not_end_closes_the_connection() {
    beside_a_server(Limits { header_seconds_max: 1, ..Limits::default() }, |address| {
        let said = answer(address, "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        assert!(!said.contains(" 200 "), "{said}");
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

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    beside_a_server(Limits { connections_max: 1, ..Limits::default() }, |address| {
        let idle = TcpStream::connect(address).unwrap();
        let request = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi";
        let waiting = std::thread::spawn(move || answer(address, request));
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(!waiting.is_finished());
        drop(idle);
        assert!(waiting.join().unwrap().starts_with("HTTP/1.1 200 "));
    });
}
