//! The server's webhook file: where events of the fleet are sent. The secret that signs them is in a
//! file of its own. It is read as strictly as the project's files.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};

use super::syntax::decode::{At, Decode, Reader, Spot};
use super::syntax::source::{Source, read_limited, sorted};
use super::syntax::yaml;
use super::typed::webhook::{RawWebhook, WebhookEvent};
use super::urls::parse_url;

/// Where events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The url.
    pub url: String,
    /// The file of the secret, if deliveries are signed.
    pub secret_file: Option<Utf8PathBuf>,
    /// The words of the kinds that are sent; `None` for all.
    pub events: Option<Vec<&'static str>>,
    /// How long the receiver may take to answer.
    pub timeout: Duration,
}

/// Reads the file.
pub fn read(path: &Utf8Path) -> Result<Webhook> {
    let Some((bytes, _)) = read_limited(path)? else {
        return Err(Error::usage(format!("there is no webhook file {path}"))
            .hint("write `url: https://…` into it, or leave out --webhook"));
    };
    let (source, refused) = Source::new(path.to_owned(), bytes);
    let mut reader = Reader::new(&source);
    reader.problems.extend(refused);
    let webhook = if reader.problems.is_empty() {
        from_source(&source, &mut reader)
    } else {
        None
    };
    match webhook {
        Some(webhook) if reader.problems.is_empty() => Ok(webhook),
        _ => {
            let problems = sorted(reader.problems);
            Err(Error::problems_in("the webhook file", problems))
        }
    }
}

fn from_source(source: &Source, reader: &mut Reader<'_>) -> Option<Webhook> {
    const TIMEOUT: Duration = Duration::from_secs(10);
    let (node, problems) = yaml::parse(source);
    reader.problems.extend(problems);
    let Some(node) = node.filter(|node| !node.is_null()) else {
        reader.problem(
            &(0..0),
            "the file is empty",
            "write `url: https://…` into it",
        );
        return None;
    };
    let RawWebhook {
        url,
        secret_file,
        events,
        timeout,
        spans: _,
    } = RawWebhook::decode(&node, Spot::File, reader)?;
    let At { value: url, span } = url?;
    if let Err((message, _)) = parse_url(&url) {
        let hint = "such as https://hooks.example.com/fleet";
        reader.problem(&span, message, hint);
        return None;
    }
    let folder = source.file.parent().unwrap_or(Utf8Path::new(""));
    Some(Webhook {
        url,
        secret_file: secret_file.map(|At { value, .. }| folder.join(value)),
        events: events.map(|events| {
            let word = |event: At<WebhookEvent>| event.value.0;
            events.into_iter().map(word).collect()
        }),
        timeout: timeout.map_or(TIMEOUT, |At { value, .. }| value.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(text: &str) -> Result<Webhook, String> {
        let source = Source {
            file: "/etc/larder/webhook.yml".into(),
            text: text.into(),
        };
        let mut reader = Reader::new(&source);
        let webhook = from_source(&source, &mut reader);
        let problems: Vec<String> = reader.problems.iter().map(ToString::to_string).collect();
        webhook
            .filter(|_| problems.is_empty())
            .ok_or_else(|| problems.join("\n"))
    }

    #[test]
    fn a_file_is_read() {
        let text =
            "url: http://127.0.0.1:9/x\nsecret_file: secret\nevents: [node_state]\ntimeout: 2s\n";
        let read = webhook(text).unwrap();
        assert_eq!(read.url, "http://127.0.0.1:9/x");
        assert_eq!(read.secret_file.unwrap(), "/etc/larder/secret");
        assert_eq!(read.events.unwrap(), ["node_state"]);
        assert_eq!(read.timeout, Duration::from_secs(2));
        let least = webhook("url: https://example.com").unwrap();
        assert_eq!(least.secret_file, None);
        assert_eq!(least.events, None);
        assert_eq!(least.timeout, Duration::from_secs(10));
    }

    #[test]
    fn problems_have_places() {
        for (text, expected) in [
            ("", "the file is empty"),
            ("events: []\n", "`url` is missing"),
            ("url: example\n", "1:6:"),
            (
                "url: https://x.example\nevents: [node_stat]\n",
                "did you mean `node_state`",
            ),
            (
                "url: https://x.example\ntimeout: 0s\n",
                "not a length of time",
            ),
            ("url: https://x.example\nsecret: x\n", "secret"),
        ] {
            let problems = webhook(text).expect_err(text);
            assert!(problems.contains(expected), "{text}\n{problems}");
        }
    }
}
