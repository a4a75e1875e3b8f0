//! What every request is served with.

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use metrics_exporter_prometheus::PrometheusHandle;
use quittance_domain::time::Timestamp;
use quittance_engine::Engine;
use tokio::sync::{Semaphore, oneshot};

use crate::gather::Gather;
use crate::problem::Problem;

/// Limits on what one client can make the server do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a body may take to arrive, in seconds.
    pub body_seconds_max: u64,
    /// The most that the head of a request may take, in bytes.
    pub header_bytes_max: usize,
    /// How long the head of a request may take to arrive, in seconds. An idle connection is closed after as long.
    pub header_seconds_max: u64,
    /// How many connections are open at the same time; more wait to be accepted.
    pub connections_max: usize,
    /// How many requests a key may make a second, on average.
    pub requests_per_second: u32,
    /// How many requests a key may make at once before the average counts.
    pub requests_burst: u32,
    /// How many requests use the database at the same time.
    pub database_requests_max: usize,
    /// How many threads read pages of long lists: more would not be faster, and each holds memory.
    pub list_threads: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 16 * 1024 * 1024,
            body_seconds_max: 60,
            header_bytes_max: 64 * 1024,
            header_seconds_max: 30,
            connections_max: 1_024,
            requests_per_second: 500,
            requests_burst: 1000,
            database_requests_max: 32,
            list_threads: 4,
        }
    }
}

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

/// A page that is to be read.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that read pages as long as somebody can ask for them.
fn list_threads(count: usize) -> Sender<Job> {
    let (jobs, queue) = channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..count.max(1) {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok(job) = next() {
                // A defect in one page must not take the thread from the others; who asked is told.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        });
    }
    jobs
}

/// The state that all interfaces share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// The clock, handed in: nothing below reads one.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The limits.
    pub limits: Limits,
    /// The numbers that an operator watches, where they are recorded.
    pub metrics: Option<PrometheusHandle>,
    pub(crate) gather: Arc<Gather>,
    limiter: Arc<Limiter>,
    database: Arc<Semaphore>,
    lists: Sender<Job>,
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
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.requests_per_second))
            .allow_burst(at_least_one(limits.requests_burst));
        AppState {
            engine,
            clock,
            limits,
            metrics,
            gather: Arc::default(),
            limiter: Arc::new(RateLimiter::keyed(quota).with_middleware()),
            database: Arc::new(Semaphore::new(limits.database_requests_max)),
            lists: list_threads(limits.list_threads),
        }
    }

    /// What a key may do that has made no request yet.
    #[must_use]
    pub fn whole_allowance(&self) -> Allowance {
        let limit = self.limits.requests_burst.max(1);
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
        let job = Box::new(move || drop(answer.send(work(&engine))));
        self.lists.send(job).map_err(|_| Problem::unavailable())?;
        match answered.await {
            Ok(done) => done.map_err(|error| Problem::of(&error)),
            Err(_) => Err(Problem::internal(&"a page of a list was given up")),
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
        let permit = Arc::clone(&self.database).acquire_owned().await.map_err(|_| Problem::unavailable())?;
        let engine = Arc::clone(&self.engine);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&engine);
            drop(permit);
            done
        });
        match done.await {
            Ok(done) => done.map_err(|error| Problem::of(&error)),
            Err(panic) => Err(Problem::internal(&panic)),
        }
    }
}
