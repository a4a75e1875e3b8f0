//! Listening: connections are counted, and what a client may take to send is bounded, so that none holds a place by
//! sending slowly or without end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::problem::Problem;
use crate::state::Limits;

/// How long to wait before connections are accepted again when the system has no more of them.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `stop` ends; then no connection is accepted, idle ones are closed, and answers under way are
/// finished.
pub async fn serve(listener: TcpListener, routes: Router, limits: Limits, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_seconds_max))
        .max_buf_size(limits.header_bytes_max);
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A layer that reads the whole body of a request before its handler runs: at most so many bytes, in at most so many
/// seconds.
pub async fn whole_body(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seconds = limits.body_seconds_max;
    let read = tokio::time::timeout(Duration::from_secs(seconds), to_bytes(body, limits.body_bytes_max)).await;
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
