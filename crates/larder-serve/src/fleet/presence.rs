//! Whether a node is there: how often its agent is to be heard, how long it may be away, and whether
//! two live processes claim to be the same node. Times are running times of the server, so that no
//! clock matters and a restart is no silence of the nodes.

use std::time::Duration;

/// The shortest interval of heartbeats unless `--heartbeat` says otherwise.
pub const LEAST: Duration = Duration::from_secs(10);
/// Nodes per second that the server wants to hear at most.
const NODES_PER_SECOND: f64 = 200.0;
/// The part of an interval by which the next heartbeat may come earlier or later, so that nodes which
/// started together do not stay together.
const JITTER: f64 = 0.25;
/// Intervals without a heartbeat after which a node is lost.
const LOST_AFTER: u32 = 3;
/// Nobody is lost for so long after a start of the server: every node needs the time to come back.
const CALM: Duration = Duration::from_mins(5);
/// The same in heartbeats, if that is less.
const CALM_HEARTBEATS: u32 = 25;

/// How often nodes are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    interval: Duration,
}

impl Rhythm {
    /// For so many nodes: never more often than `least`, and never more than the server can hear.
    pub fn new(nodes: usize, least: Duration) -> Self {
        let stretched = Duration::from_secs_f64(nodes as f64 / NODES_PER_SECOND);
        Self {
            interval: least.max(stretched),
        }
    }

    /// The mean time between two heartbeats.
    pub fn interval(self) -> Duration {
        self.interval
    }

    /// When a node is to be heard next; `chance` is a random number from 0 to 1.
    pub fn next(self, chance: f64) -> Duration {
        let factor = 1.0 - JITTER + 2.0 * JITTER * chance.clamp(0.0, 1.0);
        self.interval.mul_f64(factor)
    }

    /// How late a heartbeat may be.
    fn grace(self) -> Duration {
        self.interval
    }

    /// How long a node may be unheard until it is lost.
    pub fn patience(self) -> Duration {
        self.interval * LOST_AFTER + self.grace()
    }

    /// How long nobody is lost after a start of the server.
    fn calm(self) -> Duration {
        CALM.min(self.interval * CALM_HEARTBEATS)
    }
}

/// Whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It was heard in time.
    Ready,
    /// It is late.
    Suspect,
    /// It is away.
    Lost,
    /// Two live processes claim to be it.
    Conflict,
}

/// The processes that claim to be one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The process that is taken for the node, and when it was last heard.
    current: Option<(String, Duration)>,
    /// A process that was taken for it before, and when it was last heard since then.
    other: Option<(String, Duration)>,
    /// Whether the other one was heard after it was replaced.
    is_contested: bool,
}

impl Heard {
    /// Takes up a heartbeat of a process. A new process takes the place of the one before, which is
    /// what a restart looks like; if the one before is heard again, both are alive.
    pub fn heartbeat(&mut self, process: &str, now: Duration) {
        match (&mut self.current, &mut self.other) {
            (Some((current, last)), _) if current == process => *last = now,
            (_, Some((other, last))) if other == process => {
                *last = now;
                self.is_contested = true;
            }
            (current, other) => {
                *other = current.take();
                *current = Some((process.to_owned(), now));
                self.is_contested = false;
            }
        }
    }

    /// Whether a process has just taken the place of another one that may still be alive. If it is,
    /// that one is heard within this time.
    pub fn is_disputed(&self, now: Duration, rhythm: Rhythm) -> bool {
        self.other.as_ref().is_some_and(|(_, last)| {
            now.saturating_sub(*last) <= rhythm.interval.mul_f64(1.0 + JITTER) + rhythm.grace()
        })
    }

    /// The process that is taken for the node, and when it was last heard.
    pub fn current(&self) -> Option<&(String, Duration)> {
        self.current.as_ref()
    }

    /// The state at a time; `started` is when the server has started.
    pub fn presence(&mut self, now: Duration, started: Duration, rhythm: Rhythm) -> Presence {
        let lost_after = rhythm.patience();
        self.settle(now, lost_after);
        if self.is_contested {
            return Presence::Conflict;
        }
        let last = self.current.as_ref().map_or(started, |(_, last)| *last);
        // A node that the server knows from before was away while the server was.
        let away = now.saturating_sub(last.max(started));
        let may_be_lost = now.saturating_sub(started) >= rhythm.calm();
        if away > lost_after && may_be_lost {
            Presence::Lost
        } else if away > rhythm.interval + rhythm.grace() {
            Presence::Suspect
        } else {
            Presence::Ready
        }
    }

    /// A conflict ends when only one of the two is heard any more: that one is the node.
    fn settle(&mut self, now: Duration, lost_after: Duration) {
        if !self.is_contested {
            return;
        }
        let is_away = |process: &Option<(String, Duration)>| {
            process
                .as_ref()
                .is_none_or(|(_, last)| now.saturating_sub(*last) > lost_after)
        };
        let (current_away, other_away) = (is_away(&self.current), is_away(&self.other));
        if current_away && !other_away {
            self.current = self.other.take();
        }
        if current_away || other_away {
            self.other = None;
            self.is_contested = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Heard, LEAST, Presence, Rhythm};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn many_nodes_are_heard_less_often() {
        for (nodes, seconds) in [(0, 10), (1_000, 10), (2_000, 10), (10_000, 50)] {
            assert_eq!(Rhythm::new(nodes, LEAST).interval(), SECOND * seconds);
        }
        let short = Duration::from_millis(200);
        assert_eq!(Rhythm::new(3, short).interval(), short);
        let rhythm = Rhythm::new(0, LEAST);
        assert_eq!(rhythm.next(0.0), Duration::from_millis(7_500));
        assert_eq!(rhythm.next(1.0), Duration::from_millis(12_500));
    }

    #[test]
    fn a_node_that_is_not_heard_is_suspect_and_then_lost() {
        let rhythm = Rhythm::new(0, LEAST);
        let mut heard = Heard::default();
        heard.heartbeat("one", SECOND * 1_000);
        let mut at =
            |seconds: u32| heard.presence(SECOND * (1_000 + seconds), Duration::ZERO, rhythm);
        for (seconds, presence) in [
            (0, Presence::Ready),
            (20, Presence::Ready),
            (21, Presence::Suspect),
            (40, Presence::Suspect),
            (41, Presence::Lost),
        ] {
            assert_eq!(at(seconds), presence, "after {seconds} s");
        }
    }

    #[test]
    fn nobody_is_lost_right_after_a_start_of_the_server() {
        let rhythm = Rhythm::new(0, LEAST);
        let mut heard = Heard::default();
        heard.heartbeat("one", SECOND * 10);
        let started = SECOND * 1_000;
        let mut at = |seconds: u32| heard.presence(started + SECOND * seconds, started, rhythm);
        assert_eq!(at(0), Presence::Ready);
        assert_eq!(
            at(249),
            Presence::Suspect,
            "25 heartbeats are less than five minutes"
        );
        assert_eq!(at(250), Presence::Lost);
    }

    #[test]
    fn a_restart_is_no_conflict_and_two_live_processes_are() {
        let rhythm = Rhythm::new(0, LEAST);
        let mut heard = Heard::default();
        for (process, at, presence) in [
            ("one", 1, Presence::Ready),
            ("two", 5, Presence::Ready),
            ("one", 11, Presence::Conflict),
            ("two", 15, Presence::Conflict),
            // One of them ends: the other one is the node.
            ("one", 50, Presence::Conflict),
            ("one", 60, Presence::Ready),
            ("three", 61, Presence::Ready),
        ] {
            let now = SECOND * at;
            heard.heartbeat(process, now);
            let found = heard.presence(now, Duration::ZERO, rhythm);
            assert_eq!(found, presence, "{process} at {at} s");
        }
    }

    proptest! {
        #[test]
        fn a_process_that_keeps_the_rhythm_is_ready(nodes in 0..20_000_usize, chances in prop::collection::vec(0.0..=1.0_f64, 1..50)) {
            let rhythm = Rhythm::new(nodes, LEAST);
            let mut heard = Heard::default();
            let mut now = SECOND;
            for chance in chances {
                heard.heartbeat("one", now);
                now += rhythm.next(chance);
                prop_assert_eq!(heard.presence(now, Duration::ZERO, rhythm), Presence::Ready);
            }
        }
    }
}
