//! The order of jobs: by priority, some at a time, and never two that push to the same place.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, PoisonError};

/// A job for the pool.
pub(super) trait Pooled: Sync {
    /// Jobs with a lower number are done first: the others wait until all of them have ended.
    fn priority(&self) -> i64;

    /// The places that it pushes to.
    fn places(&self) -> &[String];
}

/// Runs every job, and returns the results in the order of the jobs.
pub(super) fn run<J: Pooled, R: Send>(
    jobs: &[J],
    at_once: NonZeroUsize,
    work: impl Fn(&J) -> R + Sync,
) -> Vec<R> {
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(jobs.len(), || None);
    let priorities: BTreeSet<i64> = jobs.iter().map(Pooled::priority).collect();
    for priority in priorities {
        let group = jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.priority() == priority);
        let waiting: Vec<usize> = group.map(|(index, _)| index).collect();
        for (index, result) in run_group(jobs, waiting, at_once, &work) {
            results[index] = Some(result);
        }
    }
    results.into_iter().flatten().collect()
}

/// What the threads share.
struct State<R> {
    waiting: Vec<usize>,
    busy: BTreeSet<String>,
    results: Vec<(usize, R)>,
}

fn run_group<J: Pooled, R: Send>(
    jobs: &[J],
    waiting: Vec<usize>,
    at_once: NonZeroUsize,
    work: &(impl Fn(&J) -> R + Sync),
) -> Vec<(usize, R)> {
    let threads = at_once.get().min(waiting.len());
    let state = Mutex::new(State {
        waiting,
        busy: BTreeSet::new(),
        results: Vec::new(),
    });
    let ended = Condvar::new();
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let worker = || {
        let mut guard = lock();
        loop {
            let free = guard.waiting.iter().position(|index| {
                jobs[*index]
                    .places()
                    .iter()
                    .all(|place| !guard.busy.contains(place))
            });
            let Some(position) = free else {
                if guard.waiting.is_empty() {
                    return;
                }
                guard = ended.wait(guard).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let index = guard.waiting.remove(position);
            guard.busy.extend(jobs[index].places().iter().cloned());
            drop(guard);
            let result = work(&jobs[index]);
            guard = lock();
            for place in jobs[index].places() {
                guard.busy.remove(place);
            }
            guard.results.push((index, result));
            ended.notify_all();
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .results
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroUsize;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::{Pooled, run};

    #[derive(Debug)]
    struct Job {
        priority: i64,
        places: Vec<String>,
    }

    impl Pooled for Job {
        fn priority(&self) -> i64 {
            self.priority
        }
        fn places(&self) -> &[String] {
            &self.places
        }
    }

    fn jobs() -> impl Strategy<Value = Vec<Job>> {
        let job = (0..3_i64, prop::collection::vec("[abc]", 0..3))
            .prop_map(|(priority, places)| Job { priority, places });
        prop::collection::vec(job, 0..20)
    }

    proptest! {
        #[test]
        fn every_job_runs_once_by_priority_and_never_two_at_one_place(jobs in jobs(), at_once in 1..5_usize) {
            let running = Mutex::new((Vec::<usize>::new(), BTreeSet::new()));
            let numbered: Vec<Numbered<'_>> = jobs.iter().enumerate().map(|(number, job)| Numbered { number, job }).collect();
            let results = run(&numbered, NonZeroUsize::new(at_once).unwrap(), |one| {
                let mut state = running.lock().unwrap();
                for other in &state.0 {
                    let other = &jobs[*other];
                    assert_eq!(other.priority, one.job.priority);
                    assert!(other.places.iter().all(|place| !one.job.places.contains(place)));
                }
                assert!(state.0.len() < at_once);
                state.0.push(one.number);
                drop(state);
                std::thread::yield_now();
                let mut state = running.lock().unwrap();
                state.0.retain(|number| *number != one.number);
                state.1.insert(one.number);
                one.number
            });
            prop_assert_eq!(results, (0..jobs.len()).collect::<Vec<_>>());
        }
    }

    struct Numbered<'a> {
        number: usize,
        job: &'a Job,
    }

    impl Pooled for Numbered<'_> {
        fn priority(&self) -> i64 {
            self.job.priority
        }
        fn places(&self) -> &[String] {
            &self.job.places
        }
    }
}
