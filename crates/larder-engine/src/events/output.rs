//! Lines that builds print, on their way to the report. A build can print faster than a terminal
//! shows, so there is a limit for what is waiting: the build waits, and the memory stays bounded.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The most bytes of output that wait to be shown.
const MOST: usize = 256 * 1024;

/// A line that a build printed, without secrets.
#[derive(Clone, Debug)]
pub struct OutputLine {
    /// Its text, without the end of the line.
    pub text: String,
    /// The room that it takes until it has been shown.
    _room: Arc<Held>,
}

/// The room for lines that wait to be shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Room(Arc<(Mutex<usize>, Condvar)>);

#[derive(Debug)]
struct Held {
    room: Room,
    bytes: usize,
}

impl Room {
    /// A line that takes its room, as soon as there is some.
    pub(super) fn line(&self, text: &str) -> OutputLine {
        let (waiting, shown) = &*self.0;
        let full = |waiting: &mut usize| *waiting >= MOST;
        let mut waiting = shown
            .wait_while(waiting.lock().unwrap_or_else(PoisonError::into_inner), full)
            .unwrap_or_else(PoisonError::into_inner);
        // Empty lines take room, too.
        let bytes = text.len() + 64;
        *waiting += bytes;
        drop(waiting);
        OutputLine {
            text: text.to_owned(),
            _room: Arc::new(Held {
                room: self.clone(),
                bytes,
            }),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (waiting, shown) = &*self.room.0;
        *waiting.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        shown.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn what_waits_is_limited() {
        let room = Room::default();
        let line = "x".repeat(1024);
        let mut waiting: Vec<OutputLine> =
            (0..=MOST / (1024 + 64)).map(|_| room.line(&line)).collect();
        let (sender, receiver) = sync_channel(1);
        let full = room.clone();
        let thread = std::thread::spawn(move || sender.send(full.line("next")).is_ok());
        assert!(receiver.try_recv().is_err(), "there is no room for it yet");
        waiting.pop();
        assert_eq!(receiver.recv().unwrap().text, "next");
        assert!(thread.join().unwrap());
    }
}
