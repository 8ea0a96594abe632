//! The page of the fleet as text. Whatever is not written here is escaped.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

use larder_core::human;

use crate::api::page::html::{Escaped, ICON};
use crate::fleet::record::{ChannelRecord, Event};
use crate::fleet::view::{Member, Node, Rollout};
use crate::index::name::Version;

/// How many members of a rollout are listed.
const MEMBERS: usize = 200;

/// What the page is made of. `pager` is HTML, the rest is text.
pub struct Parts<'a> {
    pub style: &'a str,
    pub script: &'a str,
    pub latest: u64,
    pub nodes: &'a [Node],
    pub found: &'a [&'a Node],
    pub count: usize,
    pub search: &'a str,
    pub pager: &'a str,
    pub channels: &'a [ChannelRecord],
    pub rollouts: &'a [Rollout],
    pub events: &'a [Event],
}

/// The whole page.
pub fn page(parts: &Parts<'_>) -> String {
    let Parts {
        style,
        script,
        latest,
        nodes,
        found,
        count,
        search,
        pager,
        channels,
        rollouts,
        events,
    } = parts;
    let counted = counted(nodes);
    let versions = versions(nodes, channels);
    let open: String = rollouts.iter().map(rollout).collect();
    let rows: String = found.iter().map(|node| row(node)).collect();
    let names: HashMap<&str, &str> = nodes
        .iter()
        .map(|node| (&*node.node_id, &*node.agent_id))
        .collect();
    let timeline: String = events.iter().map(|one| event(one, &names)).collect();
    let none = |is_empty: bool, text: &str| {
        if is_empty {
            format!("<p class=\"soft empty\">{text}</p>")
        } else {
            String::new()
        }
    };
    let no_version = none(nodes.is_empty(), "Nothing runs: there are no nodes yet.");
    let no_rollout = none(rollouts.is_empty(), "There are no rollouts yet.");
    let no_event = none(events.is_empty(), "Nothing has happened yet.");
    let no_node = none(
        found.is_empty(),
        if nodes.is_empty() {
            "There are no nodes yet. An agent makes its machine one: <code>larder agent --config \
             agent-config.toml</code>"
        } else {
            "There is no such node."
        },
    );
    let shown = if *count == nodes.len() {
        human::count(*count, "node")
    } else {
        format!("{count} of {}", human::count(nodes.len(), "node"))
    };
    let search = Escaped(search);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Fleet</title>\n<link rel=\"icon\" href=\"{ICON}\">\n<style>{style}</style>\n\
         </head>\n<body data-latest=\"{latest}\">\n\
         <a class=\"skip\" href=\"#nodes\">Skip to the nodes</a>\n\
         <header><h1>Fleet</h1><p id=\"counted\" class=\"soft\">{counted}</p>\
         <nav class=\"top\" aria-label=\"Pages of the server\"><a href=\"/\">Binaries</a></nav></header>\n\
         <main>\n<p id=\"live\" class=\"soft\" role=\"status\">This is a snapshot: load the page \
         again to see what has changed. With JavaScript it follows by itself.</p>\n\
         <section aria-labelledby=\"v\"><h2 id=\"v\">Versions</h2>\n\
         <div id=\"versions\" class=\"panel shares\">{versions}{no_version}</div></section>\n\
         <section aria-labelledby=\"r\"><h2 id=\"r\">Rollouts</h2>\n\
         <div id=\"rollouts\" class=\"rollouts\">{open}{no_rollout}</div></section>\n\
         <section id=\"nodes\" aria-labelledby=\"n\">\n\
         <div class=\"bar\"><h2 id=\"n\">Nodes</h2>\
         <form role=\"search\" action=\"/fleet\" method=\"get\">\
         <input id=\"q\" name=\"q\" type=\"search\" value=\"{search}\" maxlength=\"200\" \
         placeholder=\"Search agent, state, version, reason\" aria-label=\"Search the nodes\" \
         autocomplete=\"off\" spellcheck=\"false\"><button>Search</button></form></div>\n\
         <div id=\"list\"><p class=\"soft shown\">{shown}</p><div class=\"panel\"><table>\n\
         <thead><tr><th>Agent</th><th>State</th><th>Version</th><th>Health</th><th>Channel</th>\
         <th>Last seen</th><th>Reason</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         {no_node}</div>\n<div class=\"pages\">{pager}</div></div>\n</section>\n\
         <section aria-labelledby=\"t\"><h2 id=\"t\">Timeline</h2>\n\
         <div id=\"timeline\" class=\"panel\">{no_event}<ol class=\"timeline\">{timeline}</ol></div>\
         </section>\n</main>\n\
         <footer><a href=\"/api/nodes\">nodes</a> <a href=\"/api/rollouts\">rollouts</a> \
         <a href=\"/api/events?follow=false\">events</a> <a href=\"/openapi.json\">API</a></footer>\n\
         <dialog id=\"login\" aria-labelledby=\"l\"><form method=\"dialog\">\
         <h2 id=\"l\">This needs a token of the role admin</h2>\
         <p id=\"why\" class=\"soft\"></p>\
         <input id=\"token\" type=\"password\" aria-label=\"Token\" autocomplete=\"off\">\
         <p class=\"soft\">It is kept until this tab is closed.</p>\
         <p class=\"acts\"><button value=\"ok\">Go on</button>\
         <button value=\"\" formnovalidate>Cancel</button></p></form></dialog>\n\
         <script>{script}</script>\n</body>\n</html>\n"
    )
}

/// How many nodes are in which state.
fn counted(nodes: &[Node]) -> String {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        *states.entry(node.state.as_str()).or_default() += 1;
    }
    let mut text = human::count(nodes.len(), "node");
    for (state, count) in states {
        let _ = write!(text, " · {count} {state}");
    }
    text
}

/// A bar for each version.
fn versions(nodes: &[Node], channels: &[ChannelRecord]) -> String {
    let mut counts: BTreeMap<(&str, Option<Version>), usize> = BTreeMap::new();
    for node in nodes {
        let running = node.running.as_ref();
        let name = running.map_or(&node.name, |running| &running.name);
        let version = running.map(|running| Version::new(&running.version));
        *counts.entry((name, version)).or_default() += 1;
    }
    let mut text = String::new();
    // The newest version first.
    for ((name, version), count) in counts.iter().rev() {
        let of = |channel: &&ChannelRecord| {
            channel.name == *name
                && version
                    .as_ref()
                    .is_some_and(|v| v.as_str() == channel.version)
        };
        let mut pointing = String::new();
        for channel in channels.iter().filter(of) {
            let channel = Escaped(&channel.channel);
            let _ = write!(pointing, " <span class=\"tag\">{channel}</span>");
        }
        let version = version.as_ref().map_or("nothing runs", Version::as_str);
        let percent = 100 * count / nodes.len().max(1);
        let _ = writeln!(
            text,
            "<div class=\"share\"><span class=\"what\">{} <b>{}</b>{pointing}</span>{}\
             <span class=\"soft many\">{count} ({percent}%)</span></div>",
            Escaped(name),
            Escaped(version),
            Bar(&[("all", *count)], nodes.len())
        );
    }
    text
}

/// A bar in parts: the class of each and how much of the whole it is.
struct Bar<'a>(&'a [(&'a str, usize)], usize);

impl fmt::Display for Bar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(parts, whole) = self;
        let whole = (*whole).max(1);
        write!(
            f,
            "<svg class=\"line\" viewBox=\"0 0 {whole} 1\" preserveAspectRatio=\"none\" \
             aria-hidden=\"true\">"
        )?;
        let mut start = 0;
        for (class, size) in *parts {
            if *size > 0 {
                write!(
                    f,
                    "<rect class=\"{class}\" x=\"{start}\" width=\"{size}\" height=\"1\"/>"
                )?;
            }
            start += size;
        }
        f.write_str("</svg>")
    }
}

/// What a phase means for the bar and its colour.
fn kind(phase: &str) -> &'static str {
    match phase {
        "succeeded" => "good",
        "failed" | "timed_out" | "rolled_back" => "bad",
        "pending" => "none",
        "cancelled" => "off",
        _ => "busy",
    }
}

fn rollout(rollout: &Rollout) -> String {
    let state = rollout.state.as_str();
    let id = Escaped(&rollout.id);
    let count = |wanted: &str| {
        let of = |member: &&Member| kind(member.phase.as_str()) == wanted;
        rollout.members.iter().filter(of).count()
    };
    let kinds = ["good", "bad", "busy", "off"].map(|kind| (kind, count(kind)));
    let all = rollout.members.len();
    let mut steps = String::new();
    for (number, size) in rollout.sizes.iter().enumerate() {
        let name = match number
            .checked_sub(1)
            .and_then(|step| rollout.steps.get(step))
        {
            Some(percent) => format!("{percent}%"),
            None => "canary".to_owned(),
        };
        let has_passed = number < rollout.step || state == "succeeded";
        let now = if number == rollout.step && !has_passed {
            " aria-current=\"step\""
        } else {
            ""
        };
        let passed = if has_passed { " class=\"passed\"" } else { "" };
        let _ = write!(
            steps,
            "<li{now}{passed}>{name} <span class=\"soft\">{size}</span></li>"
        );
    }
    let verbs: &[&str] = match state {
        "running" => &["pause", "abort"],
        "paused" => &["resume", "abort"],
        _ => &[],
    };
    let mut buttons = String::new();
    for verb in verbs {
        let _ = write!(
            buttons,
            "<button type=\"button\" data-verb=\"{verb}\" data-rollout=\"{id}\" hidden>{verb}</button>"
        );
    }
    let members: String = rollout.members.iter().take(MEMBERS).map(member).collect();
    let more = all.saturating_sub(MEMBERS);
    let more = if more == 0 {
        String::new()
    } else {
        format!("<p class=\"soft\">and {more} more: /api/rollouts/{id}</p>")
    };
    let reason = rollout.reason.as_deref().map_or(String::new(), |reason| {
        format!("<p class=\"why\">{}</p>", Escaped(reason))
    });
    let summary = kinds
        .iter()
        .zip(["succeeded", "failed", "on their way", "cancelled"])
        .filter(|((_, count), _)| *count > 0)
        .map(|((_, count), word)| format!("{count} {word}"))
        .collect::<Vec<_>>()
        .join(" · ");
    let summary = if summary.is_empty() {
        "nothing started yet".to_owned()
    } else {
        summary
    };
    format!(
        "<article class=\"card\"><div class=\"bar\"><h3>{}/{} <span class=\"soft\">{} →</span> {}</h3>\
         <span class=\"state {state}\">{state}</span><span class=\"acts\">{buttons}</span></div>\n\
         {}\n<ol class=\"steps\">{steps}</ol>\n<p class=\"soft\">{summary}, of {} · \
         soak {} · started {} by {}</p>\n{reason}\
         <details id=\"of-{id}\"><summary>Members of {id}</summary><table><thead><tr><th>Rank</th>\
         <th>Agent</th><th>Phase</th><th>Reason</th></tr></thead><tbody>{members}</tbody></table>\
         {more}</details></article>\n",
        Escaped(&rollout.name),
        Escaped(&rollout.channel),
        Escaped(rollout.previous.as_deref().unwrap_or("nothing")),
        Escaped(&rollout.version),
        Bar(&kinds, all),
        human::count(all, "member"),
        Escaped(&rollout.soak),
        time(&rollout.started),
        Escaped(&rollout.by),
    )
}

fn member(member: &Member) -> String {
    let phase = member.phase.as_str();
    format!(
        "<tr><td class=\"rank\">{}</td><td class=\"name\">{}</td>\
         <td><span class=\"state {}\">{phase}</span></td><td class=\"reason\">{}</td></tr>\n",
        member.rank,
        Escaped(member.agent_id.as_deref().unwrap_or(&member.node)),
        kind(phase),
        Escaped(member.reason.as_deref().unwrap_or_default())
    )
}

/// One line of the table of nodes.
fn row(node: &Node) -> String {
    let state = node.state.as_str();
    let version = node
        .running
        .as_ref()
        .map_or("–", |running| &*running.version);
    let pinned = if node.pinned.is_some() || node.version.is_some() {
        " <span class=\"tag\">pinned</span>"
    } else {
        ""
    };
    let mut reason = node.reason.clone().unwrap_or_default();
    if !node.denied.is_empty() {
        let denied = format!("{} denied", human::count(node.denied.len(), "digest"));
        reason = if reason.is_empty() {
            denied
        } else {
            format!("{reason}; {denied}")
        };
    }
    format!(
        "<tr><td class=\"name\">{}</td><td><span class=\"state {state}\">{state}</span></td>\
         <td class=\"version\">{}{pinned}</td><td class=\"health\">{}</td>\
         <td class=\"channel\">{}</td><td class=\"seen\">{}</td><td class=\"reason\">{}</td></tr>\n",
        Escaped(&node.agent_id),
        Escaped(version),
        Escaped(node.health),
        Escaped(node.channel.as_deref().unwrap_or("–")),
        time(&node.last_seen),
        Escaped(&reason)
    )
}

fn event(event: &Event, names: &HashMap<&str, &str>) -> String {
    let mut words: Vec<&str> = Vec::new();
    let id = event.node_id.as_deref();
    let name = id.map(|id| names.get(id).copied().unwrap_or(id));
    words.extend(event.agent_id.as_deref().or(name));
    words.extend(event.rollout.as_deref());
    if event.rollout.is_none() {
        words.extend(event.name.as_deref());
    }
    words.extend(event.channel.as_deref());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let change = match (&event.from, &event.to) {
        (Some(from), to) => format!("{from} → {}", to.as_deref().unwrap_or("nothing")),
        (None, Some(to)) => to.clone(),
        (None, None) => text(&event.version),
    };
    let by = event.by.as_ref().map(|by| format!("by {by}"));
    format!(
        "<li><span class=\"when\">{}</span> <b>{}</b> {} <span>{}</span> \
         <span class=\"soft\">{} {}</span></li>\n",
        time(&event.time),
        Escaped(&event.event.replace('_', " ")),
        Escaped(&words.join(" ")),
        Escaped(&change),
        Escaped(&text(&event.reason)),
        Escaped(&text(&by))
    )
}

/// A time; the script makes `12 s ago` of it.
fn time(time: &str) -> String {
    // Seconds are enough for people.
    let short = match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    };
    let shown = short.replace('T', " ");
    format!(
        "<time datetime=\"{}\">{}</time>",
        Escaped(&short),
        Escaped(&shown)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_times_are_written() {
        let bar = Bar(&[("good", 2), ("bad", 0), ("busy", 1)], 5).to_string();
        assert!(bar.contains("viewBox=\"0 0 5 1\""), "{bar}");
        assert!(bar.contains("class=\"busy\" x=\"2\" width=\"1\""), "{bar}");
        assert!(!bar.contains("bad"), "{bar}");
        assert_eq!(
            time("2026-01-02T03:04:05.678Z"),
            "<time datetime=\"2026-01-02T03:04:05Z\">2026-01-02 03:04:05Z</time>"
        );
    }
}
