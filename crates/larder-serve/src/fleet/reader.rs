//! Reading events at the pace of whoever reads them.
//!
//! A reader has nothing but a position: it takes pages from the store, so that one who is slow or
//! away needs no memory and delays nobody. Numbers have no holes, so events that were removed before
//! they were read are noticed; an event `gap` stands for them.

use std::sync::Arc;

use tokio::sync::watch;

use super::Fleet;
use super::record::Event;
use crate::problem::Result;

/// How many events are read at once.
const PAGE: usize = 256;

/// The word of the event that stands for events which can't be read any more.
pub const GAP: &str = "gap";

/// A position among the events.
#[derive(Debug)]
pub struct Reader {
    fleet: Arc<Fleet>,
    /// The number of the last event that was read.
    position: u64,
    latest: watch::Receiver<u64>,
    /// Whether the event after the position is expected next. Otherwise it is the oldest one.
    follows: bool,
}

impl Reader {
    /// A reader of the events after a number, or of all that are kept.
    pub fn new(fleet: Arc<Fleet>, after: Option<u64>) -> Self {
        Self {
            latest: fleet.latest(),
            fleet,
            position: after.unwrap_or(0),
            follows: after.is_some(),
        }
    }

    /// The next events; none if there are no more now.
    pub async fn page(&mut self) -> Result<Vec<Event>> {
        let latest = *self.latest.borrow_and_update();
        if self.follows && self.position > latest {
            let gap = gap(
                self.position,
                0,
                "the server does not know this event: its events were counted anew",
            );
            self.position = 0;
            self.follows = false;
            return Ok(vec![gap]);
        }
        if self.position == latest {
            return Ok(Vec::new());
        }
        let mut events = self.fleet.events(self.position, PAGE).await?;
        // The store may have more already than the fleet knows: that comes with the next page.
        events.retain(|event| event.id <= latest);
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(events);
        };
        let (before, end) = (first.id - 1, last.id);
        if self.follows && before > self.position {
            let reason = "these events are no longer kept";
            events.insert(0, gap(self.position, before, reason));
        }
        self.position = end;
        self.follows = true;
        Ok(events)
    }

    /// Waits until there are more events. False if there never will be.
    pub async fn more(&mut self) -> bool {
        let position = self.position;
        let grown = self.latest.wait_for(|latest| *latest > position);
        grown.await.is_ok()
    }
}

/// Stands for the events after `from` and up to `to`.
fn gap(from: u64, to: u64, reason: &str) -> Event {
    Event {
        id: to,
        time: jiff::Timestamp::now().to_string(),
        event: GAP.to_owned(),
        from: Some(from.to_string()),
        to: Some(to.to_string()),
        reason: Some(reason.to_owned()),
        ..Event::default()
    }
}
