//! Checks the health of a process over HTTP, until it is told to stop. Does not know what follows
//! from a check.

use std::time::Duration;

use larder_remote::http::{Client, Request, Settings};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::Message;
use super::config::Health;
use super::server::poll::ask;

/// The longest time that a check may take.
const LONGEST: Duration = Duration::from_secs(2);

/// The largest answer of a check.
const LIMIT: u64 = 1024 * 1024;

/// The settings of the client for checks: each has one try.
pub fn settings(of_downloads: &Settings) -> Settings {
    Settings {
        retries: 0,
        connect: LONGEST,
        idle: LONGEST,
        total: LONGEST,
        forgets_hosts: true,
        ..of_downloads.clone()
    }
}

/// Checks a process again and again.
pub async fn watch(
    health: Health,
    client: Client,
    pid: u32,
    messages: mpsc::UnboundedSender<Message>,
) {
    let mut ticks = tokio::time::interval(health.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (client, url) = (client.clone(), health.http.clone());
        let answer = ask(move || {
            let request = Request::get(&url)?.anything().limit(LIMIT).total(LONGEST);
            client.send(request)
        });
        let check = match answer.await {
            Ok(answer) if answer.status < 400 => Ok(()),
            Ok(answer) => Err(format!("{} answered {}", answer.url, answer.status)),
            Err(error) => Err(error.to_string()),
        };
        if messages.send(Message::Checked(pid, check)).is_err() {
            return;
        }
    }
}
