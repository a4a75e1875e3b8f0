//! What every request is served with.

use std::num::NonZeroU32;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use metrics_exporter_prometheus::PrometheusHandle;
use quittance_domain::time::Timestamp;
use quittance_engine::Engine;
use quittance_engine::records::Sources;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::Span;

use crate::client::Proxies;
use crate::gather::Gather;
use crate::limits::{Limits, count};
use crate::measure::names;
use crate::problem::Problem;
use crate::threads::Threads;
use crate::uses::KeyUses;

/// Counts requests by network and key.
type Limiter = RateLimiter<(i64, i64), DefaultKeyedStateStore<(i64, i64)>, DefaultClock, StateInformationMiddleware>;

/// How many requests a key may make at once, and how many of them are left. The answers to its requests carry it as an
/// extension, for interfaces that tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How many in all.
    pub limit: u32,
    /// How many are left now.
    pub remaining: u32,
}

/// Draws a secret, handed in: nothing below draws random numbers. `None`: the system has given none.
pub type Secrets = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// The state that all interfaces share. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What is in the state.
#[derive(Clone)]
pub struct Shared {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// The clock, handed in: nothing below reads one.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The limits.
    pub limits: Limits,
    /// Tells this process from others, and from itself after a start: the ids of its requests begin with it.
    pub instance: Arc<str>,
    /// The numbers that an operator watches, where they are recorded.
    pub metrics: Option<PrometheusHandle>,
    /// The proxies in front of the server.
    pub proxies: Arc<Proxies>,
    /// The uses of keys that are to be noted.
    pub key_uses: Arc<KeyUses>,
    /// The sources of records that a call can name.
    pub sources: Arc<Sources>,
    /// Draws the secret of a new access key; `None`: none are made over HTTP.
    pub secrets: Option<Secrets>,
    pub(crate) gather: Arc<Gather>,
    limiter: Arc<Limiter>,
    database: Arc<Semaphore>,
    lists: Arc<Threads>,
}

impl AppState {
    /// The state over an engine and a clock.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        limits: Limits,
        metrics: Option<PrometheusHandle>,
    ) -> AppState {
        let at_least_one = |n: u64| u32::try_from(n).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.requests_burst));
        let instance = format!("{:x}", clock().micros()).into();
        let shared = Shared {
            instance,
            engine,
            clock,
            limits,
            metrics,
            proxies: Arc::default(),
            sources: Arc::default(),
            key_uses: Arc::default(),
            secrets: None,
            gather: Arc::default(),
            limiter: Arc::new(RateLimiter::keyed(quota).with_middleware()),
            database: Arc::new(Semaphore::new(count(limits.database_requests_max))),
            lists: Arc::new(Threads::new(count(limits.list_threads))),
        };
        AppState(Arc::new(shared))
    }

    /// The same state with something changed, while it is set up.
    fn with(self, change: impl FnOnce(&mut Shared)) -> AppState {
        let mut shared = Arc::unwrap_or_clone(self.0);
        change(&mut shared);
        AppState(Arc::new(shared))
    }

    /// The same state behind proxies.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> AppState {
        self.with(|shared| shared.proxies = Arc::new(proxies))
    }

    /// The same with sources that the configuration names.
    #[must_use]
    pub fn knowing(self, sources: Sources) -> AppState {
        self.with(|shared| shared.sources = Arc::new(sources))
    }

    /// The same with secrets for access keys.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets) -> AppState {
        self.with(|shared| shared.secrets = Some(secrets))
    }

    /// A new secret.
    ///
    /// # Errors
    /// The system gives no random numbers, or nothing was handed in that draws some.
    pub fn secret(&self) -> Result<String, Problem> {
        let drawn = self.secrets.as_ref().and_then(|draw| draw());
        drawn.ok_or_else(|| Problem::internal(&"no secret could be drawn"))
    }

    /// What a key may do that has made no request yet.
    #[must_use]
    pub fn whole_allowance(&self) -> Allowance {
        let limit = u32::try_from(self.limits.requests_burst).unwrap_or(u32::MAX).max(1);
        Allowance { limit, remaining: limit }
    }

    /// Counts a request of a key of a network; what is left to it, or the seconds to wait where it has made too many.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn admit(&self, network: i64, key: i64) -> Result<Allowance, u64> {
        // Keys that have been quiet for long are forgotten, so that memory follows the keys in use.
        if self.limiter.len() > 10_000 {
            self.limiter.retain_recent();
        }
        let whole = self.whole_allowance();
        let left = self.limiter.check_key(&(network, key)).map_err(|_| 1_u64)?;
        Ok(Allowance { remaining: left.remaining_burst_capacity().min(whole.limit), ..whole })
    }

    /// Runs a use case that reads a page of a long list, on one of a few threads of their own; others wait their turn.
    ///
    /// # Errors
    /// The use case's, as a problem.
    pub async fn run_list<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> quittance_engine::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        // Whoever asked may be gone by then: nobody misses the answer.
        let span = Span::current();
        self.lists.run(move || drop(answer.send(span.in_scope(|| work(&engine)))));
        match answered.await {
            Ok(done) => done.map_err(|error| Problem::of(&error)),
            Err(_) => Err(Problem::internal(&"a page of a list was given up")),
        }
    }

    /// A place at the database, once there is one.
    async fn database_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let seconds = self.limits.database_wait_seconds_max;
        if let Ok(place) = Arc::clone(&self.database).try_acquire_owned() {
            return Ok(place);
        }
        metrics::gauge!(names::DATABASE_WAITING).increment(1);
        let place = Arc::clone(&self.database).acquire_owned();
        let place = tokio::time::timeout(Duration::from_secs(seconds), place).await;
        metrics::gauge!(names::DATABASE_WAITING).decrement(1);
        let Ok(place) = place else {
            let others = self.limits.database_requests_max;
            let detail =
                format!("{others} requests have been using the database for {seconds} seconds; try again later");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
            return Err(Problem { retry_after_seconds: Some(5), ..problem });
        };
        place.map_err(|_| Problem::unavailable())
    }

    /// Runs a use case that reads a row or two by their keys. Over an embedded database it is done before another thread
    /// would have begun it; else it is a use case as any other.
    ///
    /// # Errors
    /// The use case's, as a problem.
    pub async fn look_up<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> quittance_engine::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        if !self.engine.is_embedded() {
            return self.run(work).await;
        }
        match catch_unwind(AssertUnwindSafe(|| work(&self.engine))) {
            Ok(done) => done.map_err(|error| Problem::of(&error)),
            Err(_) => Err(Problem::internal(&"a look-up was given up")),
        }
    }

    /// Runs a use case, which blocks, beside the threads that serve connections.
    ///
    /// # Errors
    /// The use case's, as a problem.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> quittance_engine::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.database_place().await?;
        let engine = Arc::clone(&self.engine);
        let span = Span::current();
        let done = tokio::task::spawn_blocking(move || {
            metrics::gauge!(names::DATABASE_REQUESTS).increment(1);
            let done = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| work(&engine))));
            metrics::gauge!(names::DATABASE_REQUESTS).decrement(1);
            drop(permit);
            done.unwrap_or_else(|panic| resume_unwind(panic))
        });
        match done.await {
            Ok(done) => done.map_err(|error| Problem::of(&error)),
            Err(panic) => Err(Problem::internal(&panic)),
        }
    }
}
