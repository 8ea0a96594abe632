//! The server is killed at each event that it has written, and agents at each state that they tell.
//! The outcome is the same: no step is skipped, nothing is counted twice, no child is left behind
//! and none runs twice.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::child::Kind;
use super::{LONG, Prefix, World};
use crate::servers::postgres::PostgresServer;

/// The numbers that are tried, of so many: a few in an ordinary run, all with
/// `LARDER_TEST_KILL=full`.
fn chosen(all: u64, ordinary: u64) -> Vec<u64> {
    let wanted = match std::env::var("LARDER_TEST_KILL").as_deref() {
        Ok("full") => all,
        Ok(number) => number.parse().expect("`full` or a number"),
        Err(_) => ordinary,
    };
    (1..=all)
        .step_by(usize::try_from(all.div_ceil(wanted.min(all))).expect("a stride"))
        .collect()
}

impl World {
    fn last_event(&self) -> u64 {
        let events = self.all_events();
        events
            .last()
            .map_or(0, |event| event["id"].as_u64().expect("an id"))
    }

    fn all_events(&self) -> Vec<Value> {
        let curl = format!("http://{}/api/events?follow=false", self.http);
        let mut command = self.env.program("curl");
        command.args(["-sS", "--max-time", "20", "-H"]);
        command.args([&format!("Authorization: Bearer {}", super::ADMIN), &curl]);
        let output = command.output().expect("curl");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect()
    }

    /// Waits until an event with this number or a later one was written.
    fn wait_for_event(&self, number: u64) {
        let start = Instant::now();
        while self.last_event() < number {
            assert!(start.elapsed() < LONG, "event {number}\n{}", self.told());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the events of a rollout must say, however often the server was killed.
    fn assert_events(&self, id: &str, is_good: bool, what: &str) {
        let events = self.all_events();
        let ids: Vec<u64> = events
            .iter()
            .map(|event| event["id"].as_u64().expect("an id"))
            .collect();
        assert!(
            ids.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{what}: {ids:?}"
        );
        let count = |kind: &str, to: &str| {
            let of = events.iter().filter(|event| {
                event["rollout"] == id && event["event"] == kind && event["to"] == to
            });
            of.count()
        };
        let (members, end) = if is_good {
            (4, "succeeded")
        } else {
            (0, "rolled_back")
        };
        assert_eq!(count("rollout_state", end), 1, "{what}");
        assert_eq!(count("member_phase", "succeeded"), members, "{what}");
        for step in ["1", "2"] {
            assert_eq!(count("rollout_step", step), usize::from(is_good), "{what}");
        }
    }
}

/// Rollouts in one world, each of them with a kill. Returns the number of kills.
fn sweep(kind: Kind, postgres: Option<PostgresServer>, ordinary: u64) -> usize {
    let mut world = World::with_database(Prefix::new(), postgres);
    world.start_agents(4);
    let is_good = kind == Kind::Good;
    // A bad version must not hold for so long.
    let soak = if is_good { "1s" } else { "4s" };
    let steps = json!({"steps": [50, 100], "soak": soak, "max_in_flight": "100%"});
    let mut before = "1.0.0".to_owned();
    let mut roll_out = |world: &mut World, number: usize, kill: Option<u64>| {
        let version = format!("2.{number}.0");
        world.release(&version, kind);
        let first = world.last_event();
        let id = world.roll_out(&version, &steps);
        if let Some(kill) = kill {
            world.wait_for_event(first + kill);
            world.server.take().expect("a server").kill();
            world.start_server();
        }
        let what = format!("{kind:?}, killed at {kill:?}");
        let ended = world.ended(&id);
        let expected = if is_good { "succeeded" } else { "rolled_back" };
        assert_eq!(
            ended["state"],
            expected,
            "{what}: {ended}\n{}",
            world.told()
        );
        if is_good {
            before.clone_from(&version);
        }
        world.wait_for_all(&before);
        world.assert_events(&id, is_good, &what);
        for name in world.names() {
            let starts = world.starts(&name);
            let times = starts.iter().filter(|started| **started == version).count();
            assert!(times <= 1, "{what}: {name} has started it {times} times");
        }
        world.assert_one_child_each();
        let events = world.all_events();
        let of = events
            .iter()
            .filter(|event| event["rollout"] == id.as_str());
        u64::try_from(of.count()).expect("a count")
    };
    let events = roll_out(&mut world, 0, None);
    let kills = chosen(events, ordinary);
    for (number, kill) in kills.iter().enumerate() {
        roll_out(&mut world, number + 1, Some(*kill));
    }
    kills.len()
}

#[test]
fn the_server_is_killed_while_a_good_version_moves() {
    assert!(sweep(Kind::Good, None, 4) >= 4);
}

#[test]
fn the_server_is_killed_while_a_bad_version_is_taken_back() {
    assert!(sweep(Kind::CrashesLater, None, 3) >= 3);
}

#[test]
fn the_server_is_killed_while_its_state_is_in_postgresql() {
    for kind in [Kind::Good, Kind::CrashesLater] {
        let Some(postgres) = database() else {
            return;
        };
        assert!(sweep(kind, Some(postgres), 2) >= 2);
    }
}

/// A server of PostgreSQL with an empty database.
fn database() -> Option<PostgresServer> {
    let postgres = PostgresServer::start()?;
    postgres.create("fleet");
    Some(postgres)
}

#[test]
fn the_database_is_away_while_a_version_moves() {
    let Some(postgres) = database() else {
        return;
    };
    let mut world = World::with_database(Prefix::new(), Some(postgres));
    world.start_agents(4);
    world.release("2.0.0", Kind::Good);
    let first = world.last_event();
    let steps = json!({"steps": [50, 100], "soak": "2s", "max_in_flight": "100%"});
    let id = world.roll_out("2.0.0", &steps);
    world.wait_for_event(first + 5);
    let postgres = world.postgres.as_mut().expect("a database");
    postgres.stop();
    // Reports can't be written; heartbeats and what runs go on.
    std::thread::sleep(Duration::from_secs(3));
    world.assert_one_child_each();
    world.postgres.as_mut().expect("a database").start_again();
    let ended = world.ended(&id);
    assert_eq!(ended["state"], "succeeded", "{ended}\n{}", world.told());
    world.wait_for_all("2.0.0");
    world.assert_events(&id, true, "the database was away");
}

#[test]
fn agents_are_killed_on_their_way() {
    let mut world = World::new(Prefix::new());
    world.start_agents(2);
    let all = json!({"canary": 2, "soak": "1s", "max_in_flight": 2});
    let mut number = 0;
    for state in ["downloading", "starting", "soaking", "running"] {
        number += 1;
        let version = format!("2.{number}.0");
        world.release(&version, Kind::Good);
        let id = world.roll_out(&version, &all);
        // The state may be too short to be seen: the next one of the way is as good.
        world.wait(state, |world| {
            let status = world.status("agent-00");
            status["state"] == state || status["version"] == version.as_str()
        });
        world.agents.remove("agent-00").expect("an agent").kill();
        world.start_agent("agent-00", &Prefix::new());
        let ended = world.ended(&id);
        assert_eq!(
            ended["state"],
            "succeeded",
            "{state}: {ended}\n{}",
            world.told()
        );
        world.wait_for_all(&version);
        world.assert_one_child_each();
        world.starts("agent-00");
    }
}
