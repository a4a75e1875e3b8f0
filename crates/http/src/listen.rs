//! Listening: connections are counted, and what a client may take to send is bounded, so that none holds a place by
//! sending slowly or without end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

use crate::client::Peer;
use crate::limits::{Limits, count};
use crate::measure::names;
use crate::problem::Problem;

/// How long to wait before connections are accepted again when the system has no more of them.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long a client that finds no place, or that was too slow, may take to read that.
const REFUSAL_MAX: Duration = Duration::from_secs(1);
/// What a client is told for which there is no place.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 62\r\n\r\n\
    the server has as many connections as it takes; try again soon";

/// Serves until `stop` ends; then no connection is accepted, idle ones are closed, and answers under way are
/// finished.
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let door = Arc::new(Door::new(limits));
    let routes = routes.layer(middleware::from_fn(addressed));
    // Each connection has a receiver until it ends.
    let (stopping, _) = watch::channel(());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (door, routes, stopped) = (Arc::clone(&door), routes.clone(), stopping.subscribe());
                tokio::spawn(async move { door.serve(stream, routes, stopped).await });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = stopping.send(());
    stopping.closed().await;
}

/// A layer that refuses a request of HTTP/1.1 that does not name its host once: RFC 9112 wants it so, since of two names a
/// server in front may have gone by the other.
async fn addressed(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11) {
        return next.run(request).await;
    }
    let told = match hosts {
        0 => "the request has no Host header; HTTP/1.1 requires one\n",
        _ => "the request has more than one Host header\n",
    };
    (StatusCode::BAD_REQUEST, told).into_response()
}

/// Lets as many connections in as there are places, has as many more wait for a moment, and tells the others to come again.
struct Door {
    http: http1::Builder,
    places: Arc<Semaphore>,
    waiting: Semaphore,
    wait_max: Duration,
    head_seconds_max: u64,
}

impl Door {
    fn new(limits: Limits) -> Door {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(limits.header_seconds_max))
            .max_buf_size(count(limits.header_bytes_max));
        let connections = count(limits.connections_max);
        Door {
            http,
            places: Arc::new(Semaphore::new(connections)),
            waiting: Semaphore::new(connections),
            wait_max: Duration::from_millis(limits.connection_wait_millis_max),
            head_seconds_max: limits.header_seconds_max,
        }
    }

    /// A place, where one is free soon enough.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places);
        if let Ok(place) = Arc::clone(&place).try_acquire_owned() {
            return Some(place);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        tokio::time::timeout(self.wait_max, place.acquire_owned()).await.ok()?.ok()
    }

    async fn serve(&self, mut stream: TcpStream, routes: Router, mut stopped: watch::Receiver<()>) {
        let Some(_place) = self.place().await else {
            metrics::counter!(names::CONNECTIONS_REFUSED).increment(1);
            let _ = tokio::time::timeout(REFUSAL_MAX, stream.write_all(FULL)).await;
            return;
        };
        metrics::gauge!(names::CONNECTIONS).increment(1);
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok().map(|address| Peer(address.ip()));
        let asked = Arc::new(AtomicBool::new(false));
        let asking = Arc::clone(&asked);
        let service = routes.map_request(move |mut request: hyper::Request<Incoming>| {
            asking.store(true, Ordering::Relaxed);
            peer.map(|peer| request.extensions_mut().insert(peer));
            request
        });
        let mut connection = self.http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            _ = stopped.changed() => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
            // After a first request an answer may be on its way still, and this one would end up in the middle of it.
            if error.is_timeout() && !asked.load(Ordering::Relaxed) {
                let parts = connection.into_parts();
                self.end_late(parts.io.into_inner(), &parts.read_buf).await;
            }
        }
        metrics::gauge!(names::CONNECTIONS).decrement(1);
    }

    /// Tells a client whose request has not come in time, if anything of it has come: else the connection was only idle.
    async fn end_late(&self, mut stream: TcpStream, begun: &[u8]) {
        // Line ends may come between requests, and begin none.
        if begun.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return;
        }
        let answer = late(self.head_seconds_max);
        let telling = async {
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            // What the client still sends is read, since a connection that is closed with something unread is reset, and
            // the answer may be lost.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
        };
        let _ = tokio::time::timeout(REFUSAL_MAX, telling).await;
    }
}

/// What a client is told whose request's head did not come in time.
fn late(seconds: u64) -> String {
    let detail = format!("the head of the request did not arrive within {seconds} seconds");
    let body = Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail).body().to_string();
    format!(
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/problem+json\r\n\
        Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A layer that reads the whole body of a request before its handler runs: at most so many bytes, in at most so many
/// seconds.
pub async fn whole_body(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seconds = limits.body_seconds_max;
    let read = tokio::time::timeout(Duration::from_secs(seconds), to_bytes(body, count(limits.body_bytes_max))).await;
    match read {
        Ok(Ok(body)) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Ok(Err(_)) => {
            let detail = format!("the body is larger than {} bytes, or broke off", limits.body_bytes_max);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail).into_response()
        }
        Err(_) => {
            let detail = format!("the body did not arrive within {seconds} seconds");
            Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail).into_response()
        }
    }
}
