//! Calls to other servers.

use std::sync::Arc;
use std::time::Duration;

use quittance_api::pull::{Answer, BODY_BYTES_MAX, Fetch, FetchError, Request};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, http};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// How long an answer may keep one waiting, and how long its body may take. Reports of large accounts take minutes.
const ANSWER: Duration = Duration::from_secs(300);

/// How connections are encrypted: by the machine's certificates, or those of `SSL_CERT_FILE`.
pub(crate) fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found.certs.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&roots))
        .build()
}

/// The way to other servers: HTTP and HTTPS, by the machine's certificates, or those of `SSL_CERT_FILE`.
pub(crate) struct Outbound {
    agent: Agent,
}

impl Outbound {
    /// Makes ready for calls.
    pub(crate) fn open() -> Outbound {
        let config = Agent::config_builder()
            .tls_config(tls())
            .http_status_as_error(false)
            // A redirect would carry the key to somebody else: who calls is told of it.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(ANSWER))
            .user_agent(concat!("quittance/", env!("CARGO_PKG_VERSION")))
            .build();
        Outbound { agent: config.into() }
    }

    fn send(&self, request: &Request) -> Result<http::Response<Body>, Error> {
        let address = request.address();
        match &request.body {
            None => {
                let headers = request.headers.iter();
                headers.fold(self.agent.get(&address), |call, (name, value)| call.header(*name, value)).call()
            }
            Some(body) => {
                let call = self.agent.post(&address).content_type("application/json");
                request.headers.iter().fold(call, |call, (name, value)| call.header(*name, value)).send(body)
            }
        }
    }
}

impl Fetch for Outbound {
    fn fetch(&mut self, request: &Request) -> Result<Answer, FetchError> {
        let mut response = self.send(request).map_err(|error| refused(&error))?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = response.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| refused(&error))?;
        Ok(Answer { status, retry_after, body })
    }

    fn wait(&mut self, seconds: u64) {
        std::thread::sleep(Duration::from_secs(seconds));
    }
}

/// What a failure means. An address may hold a key, and is not shown.
fn refused(error: &Error) -> FetchError {
    match error {
        Error::BodyExceedsLimit(_) => FetchError::TooLarge,
        Error::BadUri(_) | Error::Http(_) => {
            FetchError::Unreachable("the address or the key cannot be sent".to_owned())
        }
        Error::HostNotFound => FetchError::Unreachable("there is no such host".to_owned()),
        other => FetchError::Unreachable(other.to_string()),
    }
}
