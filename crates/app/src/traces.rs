//! Traces of requests, for builds with the feature `otlp`: each request is a span, sent to the collector that
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names. A caller's `traceparent` is its parent.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use opentelemetry::context::FutureExt as _;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::outbound::tls;

/// The variables that name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// How long a collector may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The way to the collector. What is not sent yet is sent when this is dropped.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Opens the way where a collector is named.
    ///
    /// # Errors
    /// The variables of the collector are not valid.
    pub(crate) fn open() -> anyhow::Result<Traces> {
        if ENDPOINTS.iter().all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty())) {
            return Ok(Traces(None));
        }
        let config = ureq::Agent::config_builder().tls_config(tls()).http_status_as_error(false);
        let collector = Collector(config.timeout_global(Some(ANSWER)).build().into());
        let exporter = SpanExporter::builder().with_http().with_http_client(collector).build();
        let exporter = exporter.context("the traces' collector")?;
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name("quittance");
        }
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Traces(Some(provider)))
    }

    /// The layer of the log that makes spans of requests.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        let provider = self.0.as_ref()?;
        Some(tracing_opentelemetry::layer().with_tracer(provider.tracer("quittance")))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// The routes, whose requests go on with the trace of whoever calls.
pub(crate) fn continued(routes: Router) -> Router {
    routes.layer(from_fn(|request: Request, next: Next| {
        let parent = global::get_text_map_propagator(|found| found.extract(&HeaderExtractor(request.headers())));
        next.run(request).with_context(parent)
    }))
}

/// Posts to the collector. It is called on the exporter's own thread, where it may block.
#[derive(Debug)]
struct Collector(ureq::Agent);

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: opentelemetry_http::Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.0.run(request.map(|body| body.to_vec()))?.into_parts();
        let body = body.into_with_config().limit(64 * 1024).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}
