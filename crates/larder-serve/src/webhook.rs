//! Sends what happens in the fleet to a url: each event once it is kept, in order, at least once.
//!
//! One delivery at a time. Its number is written to a file in the data folder when the receiver has
//! taken it; the next start goes on after it. A receiver that is away is tried again with growing
//! pauses. Nothing is queued meanwhile: events are read from the store when it is back, and an event
//! `gap` stands for those that are no longer kept.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::project::webhook::Webhook;
use larder_remote::http::{self, Answer, Client, Method, Request};
use ring::hmac;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::fleet::Fleet;
use crate::fleet::reader::{GAP, Reader};
use crate::fleet::record::Event;
use crate::log::Log;

/// The file of the position, in the data folder.
const POSITION: &str = "webhook.json";
/// The first pause after a delivery that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest answer that is read.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Where events are sent, and how.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The receiver.
    pub webhook: Webhook,
    /// Deadlines and permissions of the client.
    pub http: http::Settings,
}

impl WebhookSettings {
    /// Reads the file of `--webhook`. The secret must be readable now, but is not kept.
    pub fn read(file: &Utf8Path, http: http::Settings) -> Result<Self> {
        let webhook = larder_core::project::webhook::read(file)?;
        secret(&webhook)?;
        http.check_scheme(&http::parse_url(&webhook.url)?)?;
        Ok(Self { webhook, http })
    }
}

/// What the file of the position has.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The number of the last event that was delivered or is not to be.
    delivered: u64,
}

/// Sends events until the server stops.
#[derive(Debug)]
pub struct Deliveries {
    settings: WebhookSettings,
    fleet: Arc<Fleet>,
    log: Log,
    file: Utf8PathBuf,
    after: u64,
}

impl Deliveries {
    /// Goes on after the last delivery. The first start begins with what happens from now on.
    pub fn open(
        settings: WebhookSettings,
        fleet: Arc<Fleet>,
        data: &Utf8Path,
        log: Log,
    ) -> Result<Self> {
        let file = data.join(POSITION);
        let after = if let Some(bytes) = fs::read_opt(&file)? {
            let position: Position = serde_json::from_slice(&bytes).map_err(|error| {
                Error::failed(format!("{file} can't be read"))
                    .cause(error)
                    .hint("remove it: deliveries then begin with what happens from now on")
            })?;
            position.delivered
        } else {
            let latest = *fleet.latest().borrow();
            keep(&file, latest)?;
            latest
        };
        Ok(Self {
            settings,
            fleet,
            log,
            file,
            after,
        })
    }

    /// Delivers until the server stops.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = self.deliver_all() => {}
        }
    }

    async fn deliver_all(self) {
        let mut reader = Reader::new(self.fleet.clone(), Some(self.after));
        let mut client = self.client();
        loop {
            let Ok(events) = reader.page().await else {
                // The fleet has logged why.
                tokio::time::sleep(LONGEST_PAUSE).await;
                continue;
            };
            let Some(last) = events.last().map(|event| event.id) else {
                if reader.more().await {
                    continue;
                }
                return;
            };
            for event in events.iter().filter(|event| self.is_wanted(event)) {
                self.deliver(event, &mut client).await;
                self.keep(event.id).await;
            }
            self.keep(last).await;
        }
    }

    fn is_wanted(&self, event: &Event) -> bool {
        let wanted = self.settings.webhook.events.as_ref();
        event.event == GAP || wanted.is_none_or(|wanted| wanted.contains(&event.event.as_str()))
    }

    /// Tries until the receiver has taken an event, or has said that it never will.
    async fn deliver(&self, event: &Event, client: &mut Client) {
        let mut pause = FIRST_PAUSE;
        let mut has_failed = false;
        loop {
            let (settings, sender, body) = (self.settings.clone(), client.clone(), event.clone());
            let sent = tokio::task::spawn_blocking(move || post(&settings, &sender, &body)).await;
            let Ok(sent) = sent else { return };
            let (why, wait) = match judged(sent) {
                Judged::Taken => {
                    if has_failed {
                        self.log.info("the webhook takes events again", &[]);
                    }
                    return;
                }
                Judged::Refused(why) => {
                    let message = format!("the webhook refuses event {}: {why}", event.id);
                    return self.log.warning(&message, &[]);
                }
                Judged::Later(why, wait) => (why, wait),
            };
            if !has_failed {
                let message = format!("the webhook does not take events and is tried again: {why}");
                self.log.warning(&message, &[]);
            }
            has_failed = true;
            // What a client has learnt of a host that is away holds for its whole life.
            *client = self.client();
            tokio::time::sleep(wait.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn keep(&self, delivered: u64) {
        let file = self.file.clone();
        let kept = tokio::task::spawn_blocking(move || keep(&file, delivered)).await;
        if let Ok(Err(error)) = kept {
            // The event is delivered once more after the next start, which is allowed.
            let message = format!("the position of the webhook can't be written: {error}");
            self.log.warning(&message, &[]);
        }
    }

    fn client(&self) -> Client {
        let settings = http::Settings {
            retries: 0,
            rate_limit_wait: Duration::ZERO,
            total: self.settings.webhook.timeout,
            ..self.settings.http.clone()
        };
        Client::new(settings, Cancel::new())
    }
}

/// What is to be done after a try.
#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Taken,
    /// The receiver says that this event is wrong: sending it again would not help.
    Refused(String),
    /// Again after a pause.
    Later(String, Option<Duration>),
}

fn judged(sent: Result<Answer>) -> Judged {
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => return Judged::Later(error.to_string(), None),
    };
    match answer.status {
        200..=299 => Judged::Taken,
        400 | 413 | 415 | 422 => Judged::Refused(answer.error().to_string()),
        _ => {
            let wait = answer
                .header("retry-after")
                .and_then(|text| text.parse().ok());
            Judged::Later(answer.error().to_string(), wait.map(Duration::from_secs))
        }
    }
}

/// Posts an event.
fn post(settings: &WebhookSettings, client: &Client, event: &Event) -> Result<Answer> {
    let body = serde_json::to_vec(event)
        .map_err(|error| Error::failed("an event can't be written as JSON").cause(error))?;
    let url = http::parse_url(&settings.webhook.url)?;
    let mut request = Request::new(Method::POST, url)?
        .header("x-larder-event", &event.event)?
        .header("x-larder-delivery", &event.id.to_string())?
        .anything()
        .limit(LONGEST_ANSWER)
        .total(settings.webhook.timeout);
    if let Some(secret) = secret(&settings.webhook)? {
        request = request.header("x-larder-signature", &signature(&secret, &body))?;
    }
    client.send(request.bytes(body, "application/json")?)
}

/// The header that shows who has sent a body: its HMAC (RFC 2104) with SHA-256.
fn signature(secret: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut header = "sha256=".to_owned();
    for byte in hmac::sign(&key, body).as_ref() {
        let _ = write!(header, "{byte:02x}");
    }
    header
}

/// The secret, as its file has it now: a changed one needs no restart.
fn secret(webhook: &Webhook) -> Result<Option<Vec<u8>>> {
    let Some(file) = &webhook.secret_file else {
        return Ok(None);
    };
    let missing = || {
        Error::usage(format!("there is no secret for the webhook in {file}"))
            .hint("write it there, such as with `openssl rand -hex 32`, or remove `secret_file`")
    };
    let bytes = fs::read_opt(file)?.ok_or_else(missing)?;
    let secret = bytes.trim_ascii().to_vec();
    if secret.is_empty() {
        return Err(missing());
    }
    Ok(Some(secret))
}

fn keep(file: &Utf8Path, delivered: u64) -> Result<()> {
    let bytes = serde_json::to_vec(&Position { delivered })
        .map_err(|error| Error::failed("a position can't be written as JSON").cause(error))?;
    fs::write_atomic(file, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_signed() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
