//! Where there is no gRPC, the agent asks over HTTP what it is to run.

use std::time::Duration;

use larder_core::cancel::Cancel;
use larder_core::error::Result;
use tokio::sync::{mpsc, watch};

use super::http::{Catalog, Found};
use crate::agent::config::Wanted;
use crate::agent::release::{DEFAULT_SOAK, Offer, Release};
use crate::agent::supervise::Event;
use crate::agent::view::View;
use crate::log::Log;

/// Asks a blocking question on a thread that may block.
pub async fn ask<T: Send + 'static>(
    question: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(question).await {
        Ok(answer) => answer,
        Err(error) => {
            Err(larder_core::error::Error::failed("a task of the agent failed").cause(error))
        }
    }
}

/// Who asks, and what is known.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The server.
    pub catalog: Catalog,
    /// What the configuration wants.
    pub wanted: Wanted,
    /// The time between two questions.
    pub interval: Duration,
    /// How the agent is.
    pub view: watch::Receiver<View>,
    /// Ends the questions.
    pub cancel: Cancel,
    /// The log.
    pub log: Log,
}

impl Poll {
    /// Asks until the agent ends.
    pub async fn run(self, events: mpsc::UnboundedSender<Event>) {
        let mut said = None;
        let mut view = self.view.clone();
        loop {
            if let Some(event) = self.question(&mut said).await
                && events.send(event).is_err()
            {
                return;
            }
            let pause = jittered(self.interval);
            let was_idle = view.borrow_and_update().picture.is_idle;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // An agent that has nothing left to run does not wait.
                _ = view.wait_for(|view| view.picture.is_idle && !was_idle) => {}
                _ = self.cancel.cancelled() => return,
            }
        }
    }

    /// Asks once, if there is something to ask.
    async fn question(&self, said: &mut Option<String>) -> Option<Event> {
        let current = self.view.borrow().current.clone();
        let known = |version: &str| {
            let current = current.as_ref();
            current.is_some_and(|current: &Release| current.version == version)
        };
        match (&self.wanted, &current) {
            // It stays with what it runs.
            (Wanted::Latest, Some(_)) => return None,
            (Wanted::Version(version), _) if known(version) => return Some(Event::Offered(None)),
            _ => {}
        }
        let found = {
            let (catalog, wanted) = (self.catalog.clone(), self.wanted.clone());
            let (cancel, current) = (self.cancel.clone(), current.clone());
            ask(move || match (&wanted, current) {
                (Wanted::Channel(channel), Some(current)) => {
                    // The version that runs needs no second question.
                    match catalog.channel(channel, &cancel)? {
                        Some(version) if version == current.version => Ok(None),
                        Some(version) => catalog.version(&version, &cancel).map(Some),
                        None => Ok(Some(Found::Nothing(format!(
                            "the server has no channel `{channel}`; the agent keeps what runs"
                        )))),
                    }
                }
                _ => catalog.wanted(&wanted, &cancel).map(Some),
            })
            .await
        };
        let (text, event) = match found {
            Ok(None) => (None, Some(Event::Offered(None))),
            Ok(Some(Found::Release(release))) => {
                (None, Some(Event::Offered(Some(offer(release, false)))))
            }
            Ok(Some(Found::Nothing(why))) => (Some(why), None),
            Err(_) if self.cancel.signal().is_some() => return None,
            Err(error) => (Some(error.to_string()), None),
        };
        // What stays so is said once.
        if *said != text {
            match &text {
                Some(text) => self.log.warning(text, &[]),
                None => self.log.info("the server answers", &[]),
            }
            *said = text;
        }
        event
    }
}

/// What was found, as an offer.
pub fn offer(release: Release, is_first: bool) -> Offer {
    Offer {
        release,
        rollout: String::new(),
        soak: DEFAULT_SOAK,
        delay: Duration::ZERO,
        is_first,
    }
}

/// A time that is up to a tenth shorter or longer, so that agents do not ask all at once.
pub fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.9 + 0.2 * random())
}

/// A random number from 0 to 1.
pub fn random() -> f64 {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 4];
    // Without random numbers all agents come at the same time, which is not wrong.
    let _ = SystemRandom::new().fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
