//! What has happened in the fleet, and what happens: JSON lines, or server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! A task for each client reads pages of events and hands over one at a time. It waits until the
//! connection has taken that before it reads the next, so a slow client costs a position and a page.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use crate::api::Handled;
use crate::api::parameters::Parameters;
use crate::fleet::reader::{GAP, Reader};
use crate::fleet::record::Event;
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// How long nothing is sent at most: proxies end connections that are silent, and the end of a client
/// is noticed when something is sent to it.
const SILENCE: Duration = Duration::from_secs(15);
/// When a browser connects again, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass on each event at once.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Which events are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only events after this number. The header Last-Event-ID counts more. Default: all that are kept.
    after: Option<u64>,
    /// Only the last so many of the events that are kept. `after` counts more.
    last: Option<u64>,
    /// Whether to go on as events happen. Default: true.
    follow: Option<bool>,
    /// Only events of the rollout with this id.
    rollout: Option<String>,
    /// Only events of this node: a `node_id`, or else an `agent_id`.
    node: Option<String>,
}

/// What happens in the fleet
///
/// A stream of events that goes on as they happen: one event per line, as JSON; with `Accept: text/event-stream` as server-sent events. Where
/// events are missing because they are no longer kept, an event `gap` says so.
#[utoipa::path(get, path = "/api/events",
    params(Wanted, ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last event that the client has")),
    responses(
    (status = 200, description = "The events, the oldest first", content(
        (Event = "application/x-ndjson"),
        (String = "text/event-stream"),
    )),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn events(
    State(server): State<Arc<Server>>,
    Parameters(wanted): Parameters<Wanted>,
    method: Method,
    headers: HeaderMap,
) -> Handled {
    server.fleet.is_here()?;
    let form = if wants_stream(&headers) {
        Form::ServerSent
    } else {
        Form::Lines
    };
    let after = match (last_event_id(&headers)?.or(wanted.after), wanted.last) {
        (None, Some(last)) => Some(server.fleet.latest().borrow().saturating_sub(last)),
        (after, _) => after,
    };
    let only = Only {
        node_id: wanted
            .node
            .as_deref()
            .and_then(|id| Some(server.fleet.node(id).ok()?.node_id)),
        node: wanted.node,
        rollout: wanted.rollout,
    };
    if method == Method::HEAD {
        // Its length is not known, as that of the answer to GET is not.
        let nothing = tokio_stream::empty::<Result<Bytes, std::convert::Infallible>>();
        return Ok(form.response(Body::from_stream(nothing)));
    }
    let mut reader = Reader::new(server.fleet.clone(), after);
    // A store that can't be read is a problem now, not the end of a stream.
    let first = reader.page().await?;
    let follows = wanted.follow.unwrap_or(true);
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = send(reader, first, (form, only, follows), &sender) => {}
            // The end of the server does not wait for those who follow it.
            () = server.stopped(), if follows => {}
        }
    });
    let pieces = ReceiverStream::new(receiver).map(Ok::<Bytes, std::convert::Infallible>);
    Ok(form.response(Body::from_stream(pieces)))
}

/// Sends events until there are no more, or the client is gone.
async fn send(
    mut reader: Reader,
    first: Vec<Event>,
    (form, only, follows): (Form, Only, bool),
    sender: &mpsc::Sender<Bytes>,
) {
    let mut piece = String::new();
    if form == Form::ServerSent {
        piece.push_str(RETRY);
    }
    let mut page = Ok(first);
    loop {
        // A client that is cut off here asks again for what it has not got.
        let Ok(events) = page else { return };
        let is_last = events.is_empty();
        for event in events.iter().filter(|event| only.admits(event)) {
            form.write(event, &mut piece);
        }
        if !piece.is_empty()
            && sender
                .send(std::mem::take(&mut piece).into())
                .await
                .is_err()
        {
            return;
        }
        if is_last {
            if !follows {
                return;
            }
            tokio::select! {
                grown = reader.more() => if !grown { return },
                () = tokio::time::sleep(SILENCE) => piece.push_str(form.nothing()),
                () = sender.closed() => return,
            }
        }
        page = reader.page().await;
    }
}

/// Which events a client wants.
#[derive(Debug)]
struct Only {
    rollout: Option<String>,
    /// As the client wrote it.
    node: Option<String>,
    /// The id of that node, if there is one now.
    node_id: Option<String>,
}

impl Only {
    fn admits(&self, event: &Event) -> bool {
        if event.event == GAP {
            return true;
        }
        let is_node = self.node.is_none()
            || event.agent_id == self.node
            || event.node_id == self.node
            || (self.node_id.is_some() && event.node_id == self.node_id);
        is_node && (self.rollout.is_none() || event.rollout == self.rollout)
    }
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    ServerSent,
}

impl Form {
    fn write(self, event: &Event, piece: &mut String) {
        let json = serde_json::to_string(event).unwrap_or_default();
        match self {
            Self::Lines => piece.push_str(&json),
            Self::ServerSent => {
                let (id, kind) = (event.id, &event.event);
                let _ = writeln!(piece, "id: {id}\nevent: {kind}\ndata: {json}");
            }
        }
        piece.push('\n');
    }

    /// What means nothing to a client: a comment, or an empty line.
    fn nothing(self) -> &'static str {
        match self {
            Self::Lines => "\n",
            Self::ServerSent => ": nothing new\n\n",
        }
    }

    fn response(self, body: Body) -> Response {
        let media_type = match self {
            Self::Lines => "application/x-ndjson",
            Self::ServerSent => "text/event-stream",
        };
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (VARY, HeaderValue::from_static("accept")),
            UNBUFFERED,
        ];
        (headers, body).into_response()
    }
}

/// Whether a client asks for server-sent events.
fn wants_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter();
    let mut types = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    types.any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let is_refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").map(str::parse::<f32>);
            weight.is_some_and(|weight| weight == Ok(0.0))
        });
        media_type.eq_ignore_ascii_case("text/event-stream") && !is_refused
    })
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(LAST_EVENT_ID).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| Problem::bad_request("Last-Event-ID is not the number of an event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_sent_events_are_asked_for() {
        for (accept, wants) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some("text/event-stream"), true),
            (Some("Text/Event-Stream; q=0.5"), true),
            (Some("application/json, text/event-stream"), true),
            (Some("text/event-stream;q=0"), false),
            (Some("text/event-stream;q=0.0, */*"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(wants_stream(&headers), wants, "{accept:?}");
        }
    }
}
