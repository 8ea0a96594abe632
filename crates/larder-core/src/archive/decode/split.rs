//! Unpacks pieces of one stream on several threads, and delivers them in order.
//!
//! A format says where its pieces end, and how one of them is unpacked without the others. What it
//! says is only a guess: a piece that does not prove to be one ends the splitting, and the caller
//! goes on from its start in the ordinary way. So a stream gives the same bytes, or is refused,
//! whether it is split or not.
//!
//! rayon's pool unpacks pieces ahead. The thread that delivers them unpacks a piece itself if the
//! pool has not begun with it, so it never waits for a pool whose threads wait for it.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use flate2::Crc;

use super::super::pipe::Pump;

/// Most threads for one stream. The thread that hashes and writes is not faster than these.
const MAX_THREADS: usize = 4;

/// A format whose streams may consist of independent pieces.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// The size of the buffer that a piece is unpacked into.
    pub(super) unpacked: usize,
    /// With fewer threads than these, reading in order is faster.
    pub(super) least_threads: usize,
    /// Reads the next piece into an empty buffer. Returns false if what follows does not look like
    /// a piece; the buffer then has what was read.
    pub(super) read: fn(&mut dyn BufRead, &mut Vec<u8>) -> io::Result<bool>,
    /// Unpacks a piece and returns its size. Nothing if it is damaged, or not a piece.
    /// What it appends to the piece is removed again.
    pub(super) unpack: fn(&mut Vec<u8>, &mut [u8]) -> Option<usize>,
}

/// Where splitting ended.
#[derive(Debug)]
pub(super) enum End {
    /// The receiver has stopped.
    Stopped,
    /// The rest must be read in the ordinary way. These bytes of it were read already.
    Rest(Vec<u8>),
}

/// Splits a stream as far as possible, on that many threads or as many as the pool has. `deliver`
/// is called with each unpacked piece and its checksum, in order.
pub(super) fn split(
    format: Format,
    from: &mut dyn BufRead,
    pump: &Pump,
    threads: Option<usize>,
    deliver: impl FnMut(&[u8], &Crc),
) -> io::Result<End> {
    let mut splitting = Splitting {
        format,
        pump,
        deliver,
        jobs: VecDeque::new(),
        spare: Vec::new(),
        buffers: 0,
    };
    // The pool is started only for a piece, because most archives are small or not in pieces.
    let mut threads = threads;
    loop {
        let mut piece = mem::take(&mut splitting.spare);
        piece.clear();
        let end = if (format.read)(from, &mut piece)? {
            let threads = *threads.get_or_insert_with(rayon::current_num_threads);
            if threads < format.least_threads {
                return Ok(End::Rest(piece));
            }
            splitting.submit(piece, threads.min(MAX_THREADS) + 1)
        } else {
            Some(splitting.finish(piece))
        };
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

struct Splitting<'a, F> {
    format: Format,
    pump: &'a Pump,
    deliver: F,
    jobs: VecDeque<Arc<Slot>>,
    /// A piece whose memory can be used again.
    spare: Vec<u8>,
    /// The number of output buffers.
    buffers: usize,
}

impl<F: FnMut(&[u8], &Crc)> Splitting<'_, F> {
    fn submit(&mut self, piece: Vec<u8>, window: usize) -> Option<End> {
        let is_done = |slot: &Arc<Slot>| matches!(*slot.lock(), State::Done(_));
        while self.jobs.len() >= window || self.jobs.front().is_some_and(is_done) {
            if let Some(end) = self.send_first(&piece) {
                return Some(end);
            }
        }
        // Two more buffers than pieces: the receiver holds one, and one waits for it.
        let most = window + 2;
        let Some(output) = self
            .pump
            .buffer(self.format.unpacked, &mut self.buffers, most)
        else {
            return Some(End::Stopped);
        };
        let slot = Arc::new(Slot::new(Job::new(self.format, piece, output)));
        self.jobs.push_back(Arc::clone(&slot));
        rayon::spawn(move || slot.run());
        None
    }

    /// Sends all pieces. The rest follows them.
    fn finish(&mut self, rest: Vec<u8>) -> End {
        while !self.jobs.is_empty() {
            if let Some(end) = self.send_first(&rest) {
                return end;
            }
        }
        End::Rest(rest)
    }

    /// Sends the first piece. If it is none, it begins the rest, and `after` is what was read last.
    fn send_first(&mut self, after: &[u8]) -> Option<End> {
        let job = self.jobs.pop_front()?.take(true);
        let Some(size) = job.unpacked else {
            let mut rest = job.piece;
            for slot in self.jobs.drain(..) {
                rest.extend_from_slice(&slot.take(false).piece);
            }
            rest.extend_from_slice(after);
            return Some(End::Rest(rest));
        };
        (self.deliver)(&job.output[..size], &job.crc);
        self.spare = job.piece;
        (!self.pump.send(job.output, size)).then_some(End::Stopped)
    }
}

struct Job {
    format: Format,
    piece: Vec<u8>,
    output: Vec<u8>,
    unpacked: Option<usize>,
    crc: Crc,
}

impl Job {
    fn new(format: Format, piece: Vec<u8>, output: Vec<u8>) -> Self {
        Self {
            format,
            piece,
            output,
            unpacked: None,
            crc: Crc::new(),
        }
    }

    fn run(&mut self) {
        // If a decompressor crashes, the ordinary reader is asked, as for any damaged piece.
        let length = self.piece.len();
        let unpack = || (self.format.unpack)(&mut self.piece, &mut self.output);
        self.unpacked = catch_unwind(AssertUnwindSafe(unpack)).ok().flatten();
        self.piece.truncate(length);
        self.crc.update(&self.output[..self.unpacked.unwrap_or(0)]);
    }
}

/// A piece that any thread may unpack.
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting(Job),
    Taken,
    Done(Job),
}

impl Slot {
    fn new(job: Job) -> Self {
        Self {
            state: Mutex::new(State::Waiting(job)),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unpacks the piece, unless another thread does.
    fn run(&self) {
        let mut state = self.lock();
        let mut job = match mem::replace(&mut *state, State::Taken) {
            State::Waiting(job) => job,
            other => {
                *state = other;
                return;
            }
        };
        drop(state);
        job.run();
        *self.lock() = State::Done(job);
        self.changed.notify_one();
    }

    /// Takes the piece. If no thread has begun with it, it is unpacked here if that is wanted.
    fn take(&self, unpack: bool) -> Job {
        let mut state = self.lock();
        loop {
            match mem::replace(&mut *state, State::Taken) {
                State::Waiting(mut job) => {
                    drop(state);
                    if unpack {
                        job.run();
                    }
                    return job;
                }
                State::Done(job) => return job,
                State::Taken => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}
