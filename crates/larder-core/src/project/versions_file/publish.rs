//! `publish:` of `versions.yml`: the settings of a publishing run. Its defaults for the channels
//! are kept as they are written, because each recipe is merged with them.

use crate::project::domain::publish::{Gate, Notify, PublishRun};
use crate::project::recipe_file::{check_template, retry};
use crate::project::syntax::decode::{At, Reader};
use crate::project::template::{Scope, Template};
use crate::project::typed::publish::{RawNotify, RawPublishDefaults};
use crate::project::typed::publish_words::GateWord;
use crate::project::typed::words::{Count, Timeout};

/// The most channels that are published at a time.
const MOST: u64 = 64;

/// The settings of a publishing run. Reports templates that are not valid.
pub(super) fn publish_run(raw: &RawPublishDefaults, reader: &mut Reader<'_>) -> PublishRun {
    let default = PublishRun::default();
    if let Some(url) = &raw.url {
        check_template(&url.value, &url.span, Scope::Asset, reader);
    }
    let notify = raw.notify.clone().unwrap_or_default();
    let RawNotify {
        log,
        webhook,
        spans: _,
    } = notify;
    if let Some(webhook) = &webhook {
        check_template(&webhook.value.0, &webhook.span, Scope::Environment, reader);
    }
    PublishRun {
        maintainer: raw.maintainer.as_ref().map(|at| at.value.0.clone()),
        retry: raw.retry.as_ref().map_or(default.retry, retry),
        timeout: raw.timeout.as_ref().map_or(
            default.timeout,
            |At {
                 value: Timeout(time),
                 ..
             }| *time,
        ),
        concurrency: raw.concurrency.as_ref().map_or(default.concurrency, |at| {
            let Count(count) = at.value;
            usize::try_from(count.min(MOST)).unwrap_or(default.concurrency)
        }),
        gate: match raw.gate.as_ref().map(|at| at.value) {
            None | Some(GateWord::Anonymous) => Gate::Anonymous,
            Some(GateWord::Token) => Gate::Token,
        },
        notify: Notify {
            log: log.map(|at| at.value.0),
            webhook: webhook.map(|at| Template(at.value.0)),
        },
    }
}
