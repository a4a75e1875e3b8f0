//! Single records of many callers, ingested together: whoever waits at the same time shares one transaction and one commit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::NetworkId;
use quittance_engine::Call;
use quittance_engine::ingest::{IngestReport, Positioned, Rejection};
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::state::AppState;

/// How many records go into one transaction at most.
const TOGETHER_MAX: usize = 1_000;
/// How many records of a network wait at most.
const WAITING_MAX: usize = 20_000;

/// What becomes of one record: nothing to say, or why it was refused.
pub type Received = Result<Option<Rejection>, Problem>;

struct Waiting {
    call: Call,
    record: ConversionRecord,
    answer: oneshot::Sender<Received>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// A task is ingesting what waits.
    busy: bool,
}

/// The records that wait, by network.
#[derive(Default)]
pub struct Gather(Mutex<HashMap<NetworkId, Queue>>);

impl Gather {
    fn queues<T>(&self, use_them: impl FnOnce(&mut HashMap<NetworkId, Queue>) -> T) -> T {
        use_them(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next records of a network; none: its task is done.
    fn next(&self, network: NetworkId) -> Vec<Waiting> {
        self.queues(|queues| {
            let Some(queue) = queues.get_mut(&network) else { return Vec::new() };
            let count = queue.waiting.len().min(TOGETHER_MAX);
            if count == 0 {
                queues.remove(&network);
                return Vec::new();
            }
            queue.waiting.drain(..count).collect()
        })
    }
}

/// Ingests one record, together with those of whoever calls at the same time. It is durable when this answers.
///
/// # Errors
/// Too many wait, or the database does not take them: nothing of the record was kept.
pub async fn receive(state: &AppState, call: Call, record: ConversionRecord) -> Received {
    let network = call.network;
    let (answer, told) = oneshot::channel();
    let lead = state.gather.queues(|queues| {
        let queue = queues.entry(network).or_default();
        if queue.waiting.len() >= WAITING_MAX {
            return None;
        }
        queue.waiting.push_back(Waiting { call, record, answer });
        Some(!std::mem::replace(&mut queue.busy, true))
    });
    let Some(lead) = lead else {
        let detail = format!("{WAITING_MAX} conversions wait to be recorded; try again later");
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        return Err(Problem { retry_after_seconds: Some(1), ..problem });
    };
    if lead {
        // A task of its own: a caller that goes away must not leave the others waiting.
        tokio::spawn(ingest_all(state.clone(), network));
    }
    told.await.unwrap_or_else(|_| Err(Problem::unavailable()))
}

async fn ingest_all(state: AppState, network: NetworkId) {
    loop {
        let waiting = state.gather.next(network);
        let Some(call) = waiting.last().map(|last| last.call.clone()) else { return };
        let (mut records, mut answers) = (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for (position, Waiting { record, answer, .. }) in (0..).zip(waiting) {
            records.push(Positioned { position, record });
            answers.push(answer);
        }
        let done = state.run(move |engine| engine.ingest(&call, &records, None)).await;
        if let Ok(report) = &done {
            metrics::counter!("quittance_conversions_ingested_total").increment(report.counts.total());
        }
        tell(answers, done);
    }
}

/// Tells each caller what became of its record. One that has gone away is not missed.
fn tell(answers: Vec<oneshot::Sender<Received>>, done: Result<IngestReport, Problem>) {
    let mut refused: HashMap<u64, Rejection> = HashMap::new();
    let failed = match done {
        Ok(report) => {
            refused.extend(report.rejections.into_iter().map(|rejection| (rejection.position, rejection)));
            None
        }
        Err(problem) => Some(problem),
    };
    for (position, answer) in (0..).zip(answers) {
        let received = match &failed {
            Some(problem) => Err(problem.clone()),
            None => Ok(refused.remove(&position)),
        };
        let _ = answer.send(received);
    }
}
