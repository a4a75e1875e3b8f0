//! The worker: takes what is to be sent, hands it to a few threads that send it, and starts again when one is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quittance_domain::time::Timestamp;
use quittance_engine::Engine;
use quittance_engine::webhooks::{Attempt, DeliveryState, Outcome, Transport};

/// How many attempts are under way at the same time.
const IN_FLIGHT_MAX: usize = 16;
/// How often it is looked what is to be sent, while nothing is under way.
const LOOK: Duration = Duration::from_secs(1);

/// What the threads work with.
struct Work {
    engine: Arc<Engine>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// A worker that runs until it is dropped. What is under way then is sent again by the next one, unless it is done in time.
pub(crate) struct Worker {
    stopped: Arc<AtomicBool>,
}

impl Worker {
    /// Starts one.
    pub(crate) fn start(
        engine: Arc<Engine>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Worker {
        let stopped = Arc::new(AtomicBool::new(false));
        let work = Arc::new(Work { engine, transport, clock });
        let (jobs, queue) = channel();
        let (done, ended) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..IN_FLIGHT_MAX {
            let (work, queue, done) = (Arc::clone(&work), Arc::clone(&queue), done.clone());
            std::thread::spawn(move || work.send_all(&queue, &done));
        }
        let until = Arc::clone(&stopped);
        std::thread::spawn(move || work.hand_out(&jobs, &ended, &until));
        Worker { stopped }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
    }
}

impl Work {
    /// Takes as much as there are free threads for, again and again.
    fn hand_out(&self, jobs: &Sender<Attempt>, ended: &Receiver<()>, stopped: &AtomicBool) {
        let mut under_way = 0_usize;
        for turn in 0.. {
            if stopped.load(Ordering::SeqCst) {
                return;
            }
            match self.engine.claim_deliveries((self.clock)(), IN_FLIGHT_MAX - under_way, turn) {
                Ok(attempts) => {
                    for attempt in attempts {
                        under_way += 1;
                        if jobs.send(attempt).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "what is to be sent to webhooks could not be looked up"),
            }
            // The first that ends makes room; others that have ended with it are counted with it.
            if ended.recv_timeout(LOOK).is_ok() {
                under_way = under_way.saturating_sub(1 + ended.try_iter().count());
            }
        }
    }

    /// Sends one after the other, as long as somebody hands them out.
    fn send_all(&self, queue: &Mutex<Receiver<Attempt>>, done: &Sender<()>) {
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(attempt) = next() {
            let outcome = self.transport.send(&attempt);
            self.record(&attempt, &outcome);
            if done.send(()).is_err() {
                return;
            }
        }
    }

    fn record(&self, attempt: &Attempt, outcome: &Outcome) {
        let (webhook, event) = (attempt.claimed.webhook_id, attempt.id.as_str());
        let state = match self.engine.record_attempt(attempt, outcome, (self.clock)()) {
            // Nobody knows of the attempt then: it is made again when its time is over.
            Err(error) => return tracing::warn!(webhook, event, %error, "an attempt could not be recorded"),
            Ok(state) => state,
        };
        let word = match state {
            Some(DeliveryState::Delivered) => "delivered",
            Some(DeliveryState::Pending) => "failed",
            Some(DeliveryState::GivenUp) => "given_up",
            None => "outrun",
        };
        metrics::counter!("quittance_webhook_attempts_total", "outcome" => word).increment(1);
        match state {
            Some(DeliveryState::GivenUp) => tracing::error!(webhook, event, ?outcome, "a delivery was given up"),
            Some(DeliveryState::Pending) => tracing::warn!(webhook, event, ?outcome, "an attempt failed"),
            _ => tracing::debug!(webhook, event, "delivered"),
        }
    }
}
