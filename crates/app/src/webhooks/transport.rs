//! The way to webhooks: HTTP and HTTPS, to addresses that are anybody's or that the operator has allowed.
//!
//! Which address that is is looked at after the host's name was resolved, and the connection goes to that address and no
//! other: a name that leads elsewhere the second time (DNS rebinding) does not help. No proxy is used, since it would resolve
//! the name again, and no redirect is followed.

use std::net::IpAddr;
use std::time::Duration;

use quittance_engine::addresses::{AddressRanges, is_public};
use quittance_engine::webhooks::{Attempt, Outcome, Transport};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

use crate::outbound::tls;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an attempt may take in all.
const WHOLE: Duration = Duration::from_secs(15);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;
/// How long a connection is kept for the next attempt: shorter than servers usually wait before they close it.
const IDLE: Duration = Duration::from_secs(3);

/// The way to webhooks.
pub(crate) struct Http {
    agent: Agent,
}

impl Http {
    /// Makes ready for attempts. `allowed` may be called although they are not public.
    pub(crate) fn open(allowed: AddressRanges) -> Http {
        let config = Agent::config_builder()
            .tls_config(tls())
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(WHOLE))
            .max_idle_age(IDLE)
            .user_agent(concat!("quittance/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = Guarded { allowed, system: DefaultResolver::default() };
        Http { agent: Agent::with_parts(config, DefaultConnector::default(), resolver) }
    }
}

impl Transport for Http {
    fn send(&self, attempt: &Attempt) -> Outcome {
        let request = self
            .agent
            .post(&attempt.url)
            .content_type("application/json")
            .header("webhook-id", &attempt.id)
            .header("webhook-timestamp", attempt.timestamp_seconds.to_string())
            .header("webhook-signature", &attempt.signature);
        match request.send(&attempt.body) {
            Ok(mut response) => {
                // What it says beside its status is of no use, but a connection can only be used again once it is read.
                let _ = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
                Outcome::Answered(response.status().as_u16())
            }
            Err(error) => Outcome::Failed(told(&error)),
        }
    }
}

/// Why there was no answer. A URL may hold a secret, and is not repeated.
fn told(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "there was no answer in time".to_owned(),
        Error::HostNotFound => "there is no such host".to_owned(),
        Error::BadUri(_) | Error::Http(_) => "the URL cannot be called".to_owned(),
        other => other.to_string(),
    }
}

/// An address that is not called.
#[derive(Debug)]
struct Refused(IpAddr);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the host's address {} is not public; `webhook_allow` names others that may be called", self.0)
    }
}

impl std::error::Error for Refused {}

/// Resolves names, and hands over those addresses alone that may be called.
#[derive(Debug)]
struct Guarded {
    allowed: AddressRanges,
    system: DefaultResolver,
}

impl Guarded {
    fn may_be_called(&self, address: IpAddr) -> bool {
        is_public(address) || self.allowed.contain(address)
    }
}

impl Resolver for Guarded {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        let mut may = self.empty();
        for address in found.iter().filter(|address| self.may_be_called(address.ip())) {
            may.push(*address);
        }
        match found.iter().next().filter(|_| may.is_empty()) {
            Some(refused) => Err(Error::Other(Box::new(Refused(refused.ip())))),
            None => Ok(may),
        }
    }
}
