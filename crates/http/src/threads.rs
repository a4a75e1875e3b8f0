//! Threads of their own for pages of long lists: a few, so that many readers at the same time hold little memory.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What a thread is to do.
type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Nobody can ask any more.
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
}

impl Shared {
    fn queue<T>(&self, use_it: impl FnOnce(&mut Queue) -> T) -> T {
        use_it(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next job, once there is one; none: there will be none.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The threads. They end when this is dropped and what was asked for is done.
pub(crate) struct Threads(Arc<Shared>);

impl Threads {
    /// So many threads, at least one.
    pub(crate) fn new(count: usize) -> Threads {
        let shared = Arc::new(Shared::default());
        for _ in 0..count.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                while let Some(job) = shared.next() {
                    // A defect in one page must not take the thread from the others; who asked is told.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            });
        }
        Threads(shared)
    }

    /// Has a job done as soon as a thread is free.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.0.queue(|queue| queue.jobs.push_back(Box::new(job)));
        self.0.more.notify_one();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.queue(|queue| queue.closed = true);
        self.0.more.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn every_job_is_done_also_after_one_that_panics_and_before_the_threads_end() {
        let threads = Threads::new(2);
        let (done, told) = channel();
        for n in 0..100 {
            let done = done.clone();
            threads.run(move || {
                assert!(n != 3, "a defect");
                done.send(n).unwrap();
            });
        }
        drop((threads, done));
        let mut all: Vec<i32> = told.iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..100).filter(|n| *n != 3).collect::<Vec<_>>());
    }
}
