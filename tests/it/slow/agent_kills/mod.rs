//! An agent that is killed at each of its renames, which are the moments at which something that is
//! kept changes: it goes on where it was, and never runs two children.

use std::process::{Command, Stdio};

use crate::agent::Site;
use crate::agent::program::Behaviour;

/// Runs an agent that is killed at its n-th rename, and another one after it until the end. Returns
/// whether there was such a rename.
fn killed_at(number: usize, behaviour: Behaviour) -> bool {
    let site = Site::with_fleet();
    site.upload("1.0.0", Behaviour::Good);
    let digest = site.upload("2.0.0", behaviour);
    site.offer("1.0.0", "");
    site.configure_with_health("", "stop_grace = \"2s\"");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.stop();
    site.offer("2.0.0", "r-1");
    let is_done = || {
        let status = site.status();
        match behaviour {
            Behaviour::Good => status["version"] == "2.0.0" && status["state"] == "running",
            _ => status["version"] == "1.0.0" && status["state"] == "returned",
        }
    };
    let log = site.env.base().join("strace.log");
    let mut command = site.env.program("strace");
    command.args(["-f", "-qq", "-o", log.as_str(), "-e", "trace=%file"]);
    command.args([
        "-e",
        &format!("inject=rename,renameat,renameat2:signal=KILL:when={number}"),
    ]);
    command.args([crate::env::LARDER, "agent", "--config", "agent.toml"]);
    let mut traced = site.start_with(command);
    let was_killed = || {
        let log = std::fs::read(&log).unwrap_or_default();
        String::from_utf8_lossy(&log).contains("killed by SIGKILL")
    };
    traced.wait("the kill or the end", || was_killed() || is_done());
    let was_killed = was_killed();
    // It lets go of the children.
    traced.signal("KILL");
    traced.end();
    if !was_killed {
        let lock = site.env.read("data/lock");
        let pid = lock.lines().find_map(|line| line.strip_prefix("pid: "));
        crate::agent::kill(pid.expect("the id of the agent"), "TERM");
        traced.wait("the stop", || site.status()["state"] == "stopped");
        return false;
    }
    let agent = site.start();
    agent.wait("the end", is_done);
    let denied = match behaviour {
        Behaviour::Good => serde_json::json!([]),
        _ => serde_json::json!([digest]),
    };
    assert_eq!(site.status()["denied"], denied, "{number}");
    // The failure is reported once it is known.
    if behaviour != Behaviour::Good {
        agent.wait("the report", || {
            site.fleet()
                .state()
                .phases("2.0.0")
                .contains(&larder_serve::fleet::v1::Phase::Failed)
        });
    }
    agent.stop();
    let starts = site.starts();
    let of_two = starts.iter().filter(|version| *version == "2.0.0").count();
    assert!((1..=3).contains(&of_two), "{number}: {starts:?}");
    true
}

fn at_each(behaviour: Behaviour) {
    let has_strace = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    assert!(
        has_strace.is_ok_and(|status| status.success()),
        "strace is needed"
    );
    let mut number = 1;
    while killed_at(number, behaviour) {
        number += 1;
    }
    println!("{behaviour:?}: {} renames", number - 1);
    assert!(number > 5, "{number}");
}

#[test]
fn a_good_version_is_reached_from_each_kill() {
    at_each(Behaviour::Good);
}

#[test]
fn a_bad_version_is_taken_back_after_each_kill() {
    at_each(Behaviour::CrashLater);
}
