//! The page of the fleet: versions, rollouts, nodes and what has happened, as they are now. The script
//! asks for the page again whenever something happens and replaces its parts, so that what is shown
//! is written in one place, and nothing is missing without a script.

mod html;

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, Method};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{LONGEST_SEARCH, send};
use crate::api::Handled;
use crate::api::parameters::Parameters;
use crate::fleet::view::Node;
use crate::problem::ProblemDocument;
use crate::server::Server;

const STYLE: &str = concat!(include_str!("../page.css"), include_str!("fleet.css"));
const SCRIPT: &str = include_str!("fleet.js");
/// How many nodes one page of the table has.
const ROWS: usize = 200;
/// How many rollouts are shown.
const ROLLOUTS: usize = 10;
/// How many events are shown.
const EVENTS: usize = 50;

/// What part of the nodes is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NodesPart {
    /// Words that the agent, its state, version, channel or reason has.
    q: Option<String>,
    /// The number of the page, from 1.
    #[param(maximum = 65535)]
    page: Option<u16>,
}

/// The page of the fleet
#[utoipa::path(get, path = "/fleet", params(NodesPart), responses(
    (status = 200, description = "Versions, rollouts, nodes and events", body = String, content_type = "text/html"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn fleet(
    State(server): State<Arc<Server>>,
    method: Method,
    headers: HeaderMap,
    Parameters(part): Parameters<NodesPart>,
) -> Handled {
    let fleet = &server.fleet;
    let search: String = part.q.as_deref().unwrap_or_default().trim().to_owned();
    let search: String = search.chars().take(LONGEST_SEARCH).collect();
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let nodes = fleet.nodes()?;
    let found: Vec<&Node> = nodes.iter().filter(|node| fits(node, &words)).collect();
    let pages = found.len().div_ceil(ROWS).max(1);
    let page = usize::from(part.page.unwrap_or(1)).clamp(1, pages);
    let latest = *fleet.latest().borrow();
    let mut events = fleet
        .events(latest.saturating_sub(EVENTS as u64), EVENTS)
        .await?;
    events.reverse();
    let rollouts = fleet.rollouts()?;
    let text = html::page(&html::Parts {
        style: STYLE,
        script: SCRIPT,
        latest,
        nodes: &nodes,
        found: &found[(page - 1) * ROWS..found.len().min(page * ROWS)],
        count: found.len(),
        search: &search,
        pager: &super::html::pager("/fleet", "nodes", &search, page, pages),
        channels: &fleet.channels()?,
        rollouts: &rollouts[..rollouts.len().min(ROLLOUTS)],
        events: &events,
    });
    send(&text, (STYLE, SCRIPT), &method, &headers)
}

fn fits(node: &Node, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let version = node.running.as_ref().map(|running| &*running.version);
    let all = format!(
        "{} {} {} {} {} {} {}",
        node.agent_id,
        node.node_id,
        node.state.as_str(),
        node.health,
        version.unwrap_or_default(),
        text(&node.channel),
        text(&node.reason),
    )
    .to_lowercase();
    words.iter().all(|word| all.contains(word.as_str()))
}
