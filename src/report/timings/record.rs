//! Collects a recorded run: a thread receives the moments of the run, and samples how busy the
//! processors of the machine are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use larder_engine::events::{Event, Moment, What};

/// The time between two samples.
const SAMPLE: Duration = Duration::from_millis(100);

/// What a run recorded.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// What happened, in the order in which it was received.
    pub moments: Vec<Moment>,
    /// The share of the machine's processors that was busy, from the time of the sample before up to
    /// this time.
    pub busy: Vec<(Instant, f64)>,
}

/// A running recorder.
pub struct Recorder {
    thread: JoinHandle<Recorded>,
    ending: Arc<AtomicBool>,
}

impl Recorder {
    /// Starts the thread that receives the moments of a run.
    pub fn start(moments: Receiver<Moment>) -> Self {
        let ending = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ending);
        let thread = std::thread::spawn(move || collect(&moments, &seen));
        Self { thread, ending }
    }

    /// What was recorded up to now. It does not wait for senders that still exist.
    pub fn finish(self) -> Recorded {
        self.ending.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

fn collect(moments: &Receiver<Moment>, ending: &AtomicBool) -> Recorded {
    let mut recorded = Recorded::default();
    let (mut last, mut ticks) = (Instant::now(), ticks());
    loop {
        // Read the flag before the channel, so that everything that was sent before is received.
        let ending_seen = ending.load(Ordering::Acquire);
        let received = if ending_seen {
            moments.try_recv().map_err(|error| match error {
                TryRecvError::Empty | TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        } else {
            // The end of the run is only a flag, so this wait is short.
            moments.recv_timeout(Duration::from_millis(5))
        };
        match received {
            Ok(moment) => recorded.add(moment),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if last.elapsed() >= SAMPLE || ending_seen && recorded.busy.is_empty() {
            last = Instant::now();
            let now = self::ticks();
            if let (Some(before), Some(now)) = (ticks, now)
                && now.all > before.all
            {
                let busy = now.busy.saturating_sub(before.busy) as f64;
                let all = (now.all - before.all) as f64;
                recorded.busy.push((last, busy / all));
            }
            ticks = now;
        }
    }
    recorded
}

impl Recorded {
    /// Adds a moment. Of several reports of progress in a row for a target only the last one is kept.
    fn add(&mut self, moment: Moment) {
        let progress = |moment: &Moment| match &moment.what {
            What::Event(Event::Progress { target, .. }) => Some(target.clone()),
            _ => None,
        };
        if let Some(last) = self.moments.last_mut()
            && let Some(target) = progress(last)
            && progress(&moment) == Some(target)
        {
            *last = moment;
        } else {
            self.moments.push(moment);
        }
    }
}

/// What the processors did since the machine was started, in ticks.
#[derive(Clone, Copy)]
struct Ticks {
    busy: u64,
    all: u64,
}

/// As Linux counts them; `None` on other systems.
fn ticks() -> Option<Ticks> {
    let text = larder_core::fs::read_text_opt("/proc/stat").ok()??;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    // user nice system idle iowait irq softirq steal; the guests' ticks are in those of the user.
    let counts: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .filter_map(|count| count.parse().ok())
        .collect();
    let all: u64 = counts.iter().sum();
    let idle = counts.get(3)? + counts.get(4)?;
    let busy = all - idle;
    Some(Ticks { busy, all })
}
