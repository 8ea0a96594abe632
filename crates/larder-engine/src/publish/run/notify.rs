//! `publish.notify`: a line in a log and a report to a webhook at the end of a run. A failure here
//! is told, and fails nothing: what was published is published.

use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::channel::{Ended, Ready};
use crate::context::Context;
use crate::events::Level;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{ChannelKind, Name, Outcome, Version};
use larder_core::redact::mask;
use larder_remote::http::{Method, Request, parse_url};

/// The longest time that a webhook may take.
const WEBHOOK_TIME: Duration = Duration::from_secs(30);

/// How a channel of a subsystem ended.
#[derive(Clone, Debug)]
pub struct ChannelEnd {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The channel.
    pub channel: ChannelKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed or was skipped. It has no secrets.
    pub detail: Option<String>,
}

/// What a run did.
pub(super) struct Report {
    started: Timestamp,
    channels: Vec<ChannelEnd>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            started: Timestamp::now(),
            channels: Vec::new(),
        }
    }

    /// Adds how a channel ended.
    pub(super) fn add(&mut self, ready: &Ready<'_>, ended: &Ended) {
        let subsystem = ready.subsystem();
        let error = ended.error.as_ref().map(ToString::to_string);
        let detail = error.or(ended.reason.clone());
        self.channels.push(ChannelEnd {
            name: subsystem.name.clone(),
            version: subsystem.version.clone(),
            channel: ready.kind(),
            outcome: ended.outcome,
            detail: detail.map(|text| mask(&text).into_owned()),
        });
    }

    /// How the channels ended, in the order in which they were to be fed.
    pub(super) fn into_channels(self) -> Vec<ChannelEnd> {
        self.channels
    }

    /// Reports the run where the project says so.
    pub(super) fn send(&self, ctx: &Context, errors: &[Error]) {
        let notify = &ctx.project.publish.notify;
        if let Some(log) = &notify.log
            && let Err(error) = self.log(ctx, log, errors)
        {
            let text = format!("the run could not be logged: {error}");
            ctx.events.note(None, Level::Warning, text);
        }
        if notify.webhook.is_some()
            && let Err(error) = self.webhook(ctx, errors)
        {
            let text = format!("the webhook could not be told: {error}");
            ctx.events.note(None, Level::Warning, text);
        }
    }

    fn log(&self, ctx: &Context, log: &str, errors: &[Error]) -> Result<()> {
        let path = ctx.project.root.join(log);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .at("open", &path)?;
        // One write, so that lines of two runs do not mix.
        file.write_all(self.line(errors).as_bytes())
            .at("write", &path)
    }

    fn line(&self, errors: &[Error]) -> String {
        let result = if errors.is_empty() { "ok" } else { "failed" };
        let time = self
            .started
            .round(jiff::Unit::Second)
            .unwrap_or(self.started);
        let words: Vec<String> = self.channels.iter().map(words).collect();
        let mut line = format!("{time} {result}: {}", words.join(", "));
        if words.is_empty()
            && let Some(error) = errors.first()
        {
            line.push_str(&mask(error.message()));
        }
        line.push('\n');
        line
    }

    fn webhook(&self, ctx: &Context, errors: &[Error]) -> Result<()> {
        let Some(template) = &ctx.project.publish.notify.webhook else {
            return Ok(());
        };
        let key = "`publish.notify.webhook`";
        // The url may be a secret, so no message shows it.
        let url = template
            .render_environment(ctx.settings.environment())
            .map_err(|why| Error::usage(format!("{key}: {why}")))?;
        let url = parse_url(&url).map_err(|_| Error::usage(format!("{key} is not a url")))?;
        let report = json!({
            "project": ctx.project.name,
            "ok": errors.is_empty(),
            "started": self.started.to_string(),
            "channels": self.channels.iter().map(to_json).collect::<Vec<_>>(),
            "errors": errors.iter().map(|error| mask(error.message()).into_owned()).collect::<Vec<_>>(),
        });
        let request = Request::new(Method::POST, url)?
            .json(&report)?
            .anything()
            .total(WEBHOOK_TIME);
        match ctx.client.send(request) {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) => Err(Error::unavailable(format!(
                "{key} answered {}",
                answer.status
            ))),
            Err(error) if matches!(error.kind(), larder_core::error::Kind::Interrupted(_)) => {
                Err(error)
            }
            Err(_) => Err(Error::unavailable(format!("{key} did not answer"))),
        }
    }
}

fn words(end: &ChannelEnd) -> String {
    let ChannelEnd {
        name,
        version,
        channel,
        outcome,
        detail: _,
    } = end;
    format!("{name} {version} {channel} {outcome}")
}

fn to_json(end: &ChannelEnd) -> Value {
    let ChannelEnd {
        name,
        version,
        channel,
        outcome,
        detail,
    } = end;
    json!({
        "subsystem": name.as_str(),
        "version": version.as_str(),
        "channel": channel.as_str(),
        "outcome": outcome.as_str(),
        "detail": detail,
    })
}
