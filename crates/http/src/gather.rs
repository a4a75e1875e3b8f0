//! Records of many callers, ingested together: whoever waits at the same time shares one transaction and one commit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use quittance_domain::ids::NetworkId;
use quittance_engine::Call;
use quittance_engine::ingest::{IngestReport, Positioned, TOGETHER_RECORDS_MAX};
use tokio::sync::oneshot;

use crate::measure::names;
use crate::problem::Problem;
use crate::state::AppState;

/// How many records wait at most under one key.
const WAITING_MAX: usize = 100_000;

/// What becomes of one batch.
pub type Received = Result<IngestReport, Problem>;

struct Waiting {
    call: Call,
    records: Vec<Positioned>,
    answer: oneshot::Sender<Received>,
}

/// Those whose records may share a transaction: it is made in the name of one actor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Together {
    network: NetworkId,
    actor: String,
    create_missing: Option<bool>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// How many records wait.
    records: usize,
    /// A task is ingesting what waits.
    busy: bool,
}

/// The records that wait.
#[derive(Default)]
pub struct Gather(Mutex<HashMap<Together, Queue>>);

impl Gather {
    fn queues<T>(&self, use_them: impl FnOnce(&mut HashMap<Together, Queue>) -> T) -> T {
        use_them(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next batches of a queue, as many as go into one transaction; none: its task is done.
    fn next(&self, together: &Together) -> Vec<Waiting> {
        self.queues(|queues| {
            let Some(queue) = queues.get_mut(together) else { return Vec::new() };
            let (mut next, mut records) = (Vec::new(), 0);
            while let Some(first) = queue.waiting.front() {
                records += first.records.len();
                if records > TOGETHER_RECORDS_MAX && !next.is_empty() {
                    break;
                }
                next.extend(queue.waiting.pop_front());
            }
            let taken: usize = next.iter().map(|waiting: &Waiting| waiting.records.len()).sum();
            queue.records -= taken;
            metrics::gauge!(names::GATHERED).decrement(taken as f64);
            if next.is_empty() {
                queues.remove(together);
            }
            next
        })
    }
}

/// Ingests records of one caller, at most [`BATCH_RECORDS_MAX`](quittance_engine::ingest::BATCH_RECORDS_MAX), together with
/// those of whoever calls at the same time with the same key. They are durable when this answers.
///
/// # Errors
/// Too many wait, or the database does not take them: nothing of the records was kept.
pub async fn receive(state: &AppState, call: Call, records: Vec<Positioned>, create_missing: Option<bool>) -> Received {
    let together = Together { network: call.network, actor: call.actor.clone(), create_missing };
    let (answer, told) = oneshot::channel();
    let count = records.len();
    let lead = state.gather.queues(|queues| {
        let queue = queues.entry(together.clone()).or_default();
        if queue.records + count > WAITING_MAX {
            return None;
        }
        queue.records += count;
        metrics::gauge!(names::GATHERED).increment(count as f64);
        queue.waiting.push_back(Waiting { call, records, answer });
        Some(!std::mem::replace(&mut queue.busy, true))
    });
    let Some(lead) = lead else {
        let detail = format!("{WAITING_MAX} conversions wait to be recorded; try again later");
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        return Err(Problem { retry_after_seconds: Some(1), ..problem });
    };
    if lead {
        // A task of its own: a caller that goes away must not leave the others waiting.
        tokio::spawn(ingest_all(state.clone(), together));
    }
    told.await.unwrap_or_else(|_| Err(Problem::unavailable()))
}

async fn ingest_all(state: AppState, together: Together) {
    loop {
        let waiting = state.gather.next(&together);
        let Some(call) = waiting.last().map(|last| last.call.clone()) else { return };
        let (mut batches, mut answers) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for Waiting { records, answer, .. } in waiting {
            batches.push(records);
            answers.push(answer);
        }
        let create_missing = together.create_missing;
        let done = state.run(move |engine| {
            let batches: Vec<&[Positioned]> = batches.iter().map(Vec::as_slice).collect();
            engine.ingest_together(&call, &batches, create_missing)
        });
        tell(answers, done.await);
    }
}

/// Tells each caller what became of its records. One that has gone away is not missed.
fn tell(answers: Vec<oneshot::Sender<Received>>, done: Result<Vec<IngestReport>, Problem>) {
    match done {
        Ok(reports) => {
            for (answer, report) in answers.into_iter().zip(reports) {
                let _ = answer.send(Ok(report));
            }
        }
        Err(problem) => {
            for answer in answers {
                let _ = answer.send(Err(problem.clone()));
            }
        }
    }
}
