//! Flushing of what is about to be installed: several sets at once, if several wait for it.
//!
//! What becomes visible must be on the disk before. That is done three times for a set (see
//! [`super::bin`]), and each time for a handful of files and folders: a file system writes its
//! journal for each of them. Flushing the whole file system costs hardly more than flushing one file,
//! whatever the number of sets that wait. So the sets of a run gather:
//!
//! - One set that waits alone, with nothing else going on, flushes its own files and folders.
//! - Otherwise the first one waits for others, until all that is being worked on waits, until
//!   [`MANY`] wait, or for [`GATHER`]. Then one of them flushes the file system for all. Those that
//!   come meanwhile are the next group.
//!
//! The file system may also have data of other programs that nobody has flushed. If flushing takes
//! longer than [`TOO_LONG`] because of that, each set of the rest of the run flushes its own. So it
//! does where the file system can't be flushed as a whole, and after a failure, which is then
//! reported for the file that it hit.
//!
//! This module does not know what is flushed, nor why.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use larder_core::error::Result;
use larder_core::fs::OwnFolder;

/// How many sets are flushed without waiting for more.
const MANY: usize = 32;
/// How long the first of a group waits for others.
const GATHER: Duration = Duration::from_millis(5);
/// Flushing a file system that takes so long flushes the data of others.
const TOO_LONG: Duration = Duration::from_millis(500);

/// The sets of a run that are being installed.
#[derive(Debug, Default)]
pub struct Commits {
    state: Mutex<Gathered>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Gathered {
    /// How many steps are being worked on; each may come here soon.
    working: usize,
    /// The numbers of those that wait, with their file systems.
    waiting: Vec<(u64, u64)>,
    next: u64,
    /// Whether one of them gathers or flushes.
    is_led: bool,
    /// Those that were in a group, and whether all of it was flushed.
    ended: BTreeMap<u64, bool>,
    /// Whether each flushes its own from now on.
    apart: bool,
}

/// How a set is flushed: together with others.
pub struct Flushing<'a> {
    /// The sets of this run.
    pub commits: &'a Commits,
    /// Called before the set waits for others: from then on its step needs no processor.
    pub waits: &'a dyn Fn(),
}

impl Flushing<'_> {
    /// Returns when what a set wrote is on the disk. `folder` is in its file system, and `own` flushes
    /// each of its files and folders.
    pub(super) fn flush(&self, folder: &OwnFolder, own: impl FnOnce() -> Result<()>) -> Result<()> {
        let Some(file_system) = folder.flushable_file_system() else {
            return own();
        };
        (self.waits)();
        let whole = || folder.sync_file_system().is_ok();
        if self.commits.is_flushed(file_system, whole) {
            Ok(())
        } else {
            own()
        }
    }
}

/// A step that is being worked on.
#[derive(Debug)]
pub struct Working<'a>(&'a Commits);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.state().working -= 1;
        self.0.changed.notify_all();
    }
}

impl Commits {
    fn state(&self) -> MutexGuard<'_, Gathered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a step is being worked on, as long as the result lives.
    pub fn working(&self) -> Working<'_> {
        self.state().working += 1;
        Working(self)
    }

    /// Waits until the file system was flushed for a group. `false`: the caller has to flush its own.
    fn is_flushed(&self, file_system: u64, whole: impl FnOnce() -> bool) -> bool {
        let mut state = self.state();
        if state.apart {
            return false;
        }
        let number = state.next;
        state.next += 1;
        state.waiting.push((number, file_system));
        self.changed.notify_all();
        loop {
            if let Some(flushed) = state.ended.remove(&number) {
                return flushed;
            }
            if !state.is_led {
                break;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_led = true;
        let state = self.gather(state);
        self.lead(state, number, file_system, whole)
    }

    /// Waits for others.
    fn gather<'a>(&self, mut state: MutexGuard<'a, Gathered>) -> MutexGuard<'a, Gathered> {
        let start = Instant::now();
        loop {
            let left = GATHER.saturating_sub(start.elapsed());
            let waiting = state.waiting.len();
            if waiting >= state.working || waiting >= MANY || left.is_zero() {
                return state;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Flushes for all that wait for the same file system. Returns whether that was done for the
    /// caller, too.
    fn lead(
        &self,
        mut state: MutexGuard<'_, Gathered>,
        number: u64,
        file_system: u64,
        whole: impl FnOnce() -> bool,
    ) -> bool {
        let is_of = |(_, other): &mut (u64, u64)| *other == file_system;
        let group: Vec<u64> = state
            .waiting
            .extract_if(.., is_of)
            .map(|(number, _)| number)
            .collect();
        drop(state);
        let start = Instant::now();
        let flushed = group.len() > 1 && whole();
        let took = start.elapsed();
        let mut state = self.state();
        state.apart |= group.len() > 1 && (!flushed || took > TOO_LONG);
        let others = group.into_iter().filter(|other| *other != number);
        state.ended.extend(others.map(|other| (other, flushed)));
        state.is_led = false;
        drop(state);
        self.changed.notify_all();
        flushed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    /// What `count` sets that wait at once are answered, and how often the file system was flushed.
    fn together(commits: &Commits, systems: &[u64], works: bool) -> (Vec<bool>, usize) {
        let flushes = AtomicUsize::new(0);
        let answers = thread::scope(|scope| {
            let working: Vec<Working<'_>> = systems.iter().map(|_| commits.working()).collect();
            let threads: Vec<_> = systems
                .iter()
                .zip(working)
                .map(|(system, _working)| {
                    let flushes = &flushes;
                    scope.spawn(move || {
                        commits.is_flushed(*system, || {
                            flushes.fetch_add(1, Ordering::SeqCst);
                            works
                        })
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        (answers, flushes.into_inner())
    }

    #[test]
    fn one_set_flushes_its_own_at_once() {
        let commits = Commits::default();
        assert_eq!(together(&commits, &[7], true), (vec![false], 0));
        // Others are being worked on, and none of them comes.
        let _others = [commits.working(), commits.working()];
        assert_eq!(together(&commits, &[7], true), (vec![false], 0));
    }

    #[test]
    fn every_set_of_a_group_is_flushed_before_it_goes_on() {
        for count in [2, 3, 40, 200] {
            let commits = Commits::default();
            let (answers, flushes) = together(&commits, &vec![7; count], true);
            // Each was flushed with others, or has to flush its own.
            let own = answers.iter().filter(|flushed| !**flushed).count();
            assert!(flushes + own <= count && (flushes > 0 || own == count));
            assert!(commits.state().waiting.is_empty() && commits.state().ended.is_empty());
        }
    }

    #[test]
    fn sets_of_another_file_system_are_not_in_the_group() {
        let commits = Commits::default();
        let (answers, flushes) = together(&commits, &[1, 2, 3, 4], true);
        assert_eq!((answers, flushes), (vec![false; 4], 0));
    }

    #[test]
    fn after_a_failure_each_flushes_its_own() {
        for _ in 0..20 {
            let commits = Commits::default();
            let (answers, flushes) = together(&commits, &[7; 8], false);
            assert_eq!(answers, vec![false; 8]);
            if flushes > 0 {
                assert!(commits.state().apart);
                assert_eq!(together(&commits, &[7; 8], true), (vec![false; 8], 0));
            }
        }
    }
}
