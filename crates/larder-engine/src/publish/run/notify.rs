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
use larder_core::redact::mask;
use larder_remote::http::{Method, Request, parse_url};

/// The longest time that a webhook may take.
const WEBHOOK_TIME: Duration = Duration::from_secs(30);

/// What a run did.
pub(super) struct Report {
    started: Timestamp,
    channels: Vec<Value>,
    words: Vec<String>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            started: Timestamp::now(),
            channels: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Adds how a channel ended.
    pub(super) fn add(&mut self, ready: &Ready<'_>, ended: &Ended) {
        let subsystem = ready.subsystem();
        let error = ended.error.as_ref().map(ToString::to_string);
        let detail = error
            .or(ended.reason.clone())
            .map(|text| mask(&text).into_owned());
        self.channels.push(json!({
            "subsystem": subsystem.name.as_str(),
            "version": subsystem.version.as_str(),
            "channel": ready.kind().as_str(),
            "outcome": ended.outcome.as_str(),
            "detail": detail,
        }));
        self.words.push(format!(
            "{} {} {} {}",
            subsystem.name,
            subsystem.version,
            ready.kind(),
            ended.outcome
        ));
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
        let mut line = format!("{time} {result}: {}", self.words.join(", "));
        if self.words.is_empty()
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
            "channels": self.channels,
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
