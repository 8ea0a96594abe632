//! The first start, `--once`, and what is in the way of a start.

use std::time::Duration;

use super::*;

fn once(site: &Site) -> crate::env::Output {
    site.env
        .larder(["agent", "--config", "agent.toml", "--once"])
}

#[test]
fn the_newest_version_is_fetched_and_run_and_kept() {
    let site = Site::new();
    let digest = site.upload("1.0.0", Behaviour::Good);
    site.configure_with_health("", "");
    let agent = site.start();
    let pid = agent.wait_for("1.0.0", "running");
    assert!(runs(pid));
    let status = site.status();
    let keys: Vec<_> = status.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "agent_id", "node_id", "version", "checksum", "state", "pid", "previous", "denied",
            "reason"
        ]
    );
    assert_eq!(status["agent_id"], "agent-1");
    assert_eq!(status["checksum"], *digest);
    assert_eq!(status["denied"], serde_json::json!([]));
    // It stays with what it runs.
    site.upload("2.0.0", Behaviour::Good);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(site.status()["version"], "1.0.0");
    agent.stop();
    assert!(!runs(pid));
    let status = site.status();
    assert_eq!(
        (&status["state"], &status["pid"]),
        (&"stopped".into(), &Value::Null)
    );
    // Without the server the cache is used.
    let mut site = site;
    site.serving = None;
    site.configure_with_health("", "");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0", "1.0.0"]);
}

#[test]
fn a_version_is_pinned() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Good);
    site.upload("2.0.0", Behaviour::Good);
    site.configure_with_health("version = \"v1.0.0\"", "");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    agent.stop();
    // The pin changes: the new version is on trial.
    site.configure_with_health("version = \"2.0.0\"", "");
    let agent = site.start();
    agent.wait_for("2.0.0", "soaking");
    assert_eq!(site.status()["previous"], "1.0.0");
    agent.stop();
}

#[test]
fn nothing_there_is_waited_for() {
    let site = Site::new();
    site.configure_with_health("channel = \"stable\"", "");
    let agent = site.start();
    agent.wait("waiting", || site.status()["state"] == "waiting");
    agent.says("no channel `stable`");
    agent.stop();
    site.configure_with_health("", "");
    let agent = site.start();
    agent.wait("waiting", || site.status()["state"] == "waiting");
    site.upload("1.0.0", Behaviour::Good);
    agent.wait_for("1.0.0", "running");
    agent.stop();
}

#[test]
fn once_makes_the_binary_present_and_ends() {
    let mut site = Site::new();
    let digest = site.upload("1.0.0", Behaviour::Good);
    site.configure("", "");
    let path = once(&site).success().stdout;
    let path = path.trim_end();
    assert_eq!(sha256(&std::fs::read(path).expect("the binary")), digest);
    assert!(crate::env::has_mode(path.into(), 0o755));
    assert_eq!(site.status()["version"], "1.0.0");
    // A cached binary that is damaged is fetched again.
    crate::env::flip_bit(path.into());
    assert_eq!(once(&site).success().stdout.trim_end(), path);
    assert_eq!(sha256(&std::fs::read(path).expect("the binary")), digest);
    // Without the server what is here is used, if it is right.
    site.serving = None;
    site.configure("version = \"2.0.0\"", "");
    assert_eq!(once(&site).success().stdout.trim_end(), path);
    std::fs::remove_file(path).expect("remove");
    let output = once(&site);
    assert_eq!(output.code, Some(5), "{}", output.stderr);
    assert!(output.stdout.is_empty());
}

#[test]
fn once_tells_wrong_bytes_and_missing_ones_apart() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Good);
    site.configure("version = \"9.9.9\"", "");
    let output = once(&site);
    assert_eq!(output.code, Some(5), "{}", output.stderr);
    // A server whose bytes differ from what it says of them.
    let bytes = b"#!/bin/sh\nexit 1\n";
    let served = crate::servers::scripted::Script::start(move |seen, _| {
        use crate::servers::scripted::Reply;
        if seen.path.starts_with("/binaries/") {
            return Reply::ok(bytes.to_vec());
        }
        let info = serde_json::json!({
            "name": NAME, "version": "1.0.0", "platform": "linux", "arch": "x86_64",
            "checksum": "0".repeat(64), "size_bytes": bytes.len(), "path": file("1.0.0"), "uploaded_at": 1,
        });
        Reply::ok(info.to_string())
    });
    let text = site.env.read("agent.toml");
    let line = text
        .lines()
        .find(|line| line.starts_with("master_binary_url"));
    let text = text.replace(
        line.expect("a url"),
        &format!("master_binary_url = \"{}\"", served.at("")),
    );
    site.env.write("agent.toml", text);
    let output = once(&site);
    assert_eq!(output.code, Some(4), "{}", output.stderr);
    assert!(output.stderr.contains("wrong bytes"), "{}", output.stderr);
    assert!(!site.env.exists("data/current"));
}

#[test]
fn a_download_is_resumed() {
    let site = Site::new();
    let bytes = crate::http::noise(3_000_000);
    let digest = site.upload_bytes("1.0.0", &bytes);
    site.configure("", "");
    let part = format!("data/downloads/{digest}.part");
    let serving = site.serving.as_ref().expect("a server");
    site.env.write(&part, &bytes[..2_900_000]);
    let before = serving.metric("sent_bytes_total");
    once(&site).success();
    let sent = serving.metric("sent_bytes_total") - before;
    assert!((100_000..200_000).contains(&sent), "{sent}");
    assert!(!site.env.exists(&part));
    // What does not fit is fetched anew.
    for size in [2_900_000, 3_000_000, 3_100_000] {
        site.env.remove("data/binaries");
        site.env.write(&part, vec![0; size]);
        let path = once(&site).success().stdout;
        let found = std::fs::read(path.trim_end()).expect("the binary");
        assert_eq!(sha256(&found), digest);
    }
}

#[test]
fn a_file_that_the_configuration_names_is_run() {
    let site = Site::new();
    let path = site
        .env
        .write_executable("own/tool", program("own", Behaviour::Good));
    site.configure_with_health(
        "auto_download_binary = false\nversion = \"3.0.0\"",
        "binary_path = \"own/tool\"",
    );
    let agent = site.start();
    agent.wait_for("3.0.0", "running");
    assert_eq!(once(&site).success().stdout.trim_end(), path);
    let digest = sha256(&std::fs::read(&path).expect("the file"));
    assert_eq!(site.status()["checksum"], *digest);
    agent.stop();
    site.configure("", "binary_path = \"own/other\"");
    let output = site.env.larder(["agent", "--config", "agent.toml"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
}

#[test]
fn two_agents_do_not_share_a_folder() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Good);
    site.configure_with_health("", "");
    let agent = site.start();
    agent.wait_for("1.0.0", "running");
    for more in [&[][..], &["--once"]] {
        let mut command = site.env.command(["agent", "--config", "agent.toml"]);
        command.args(more).env("LARDER_LOCK_TIMEOUT", "100ms");
        let output = site.env.output(command);
        assert_eq!(output.code, Some(5), "{}", output.stderr);
        assert!(
            output.stderr.contains("another agent uses"),
            "{}",
            output.stderr
        );
    }
    agent.stop();
    assert_eq!(site.starts(), ["1.0.0"]);
}

#[test]
fn mistakes_of_the_configuration_are_shown_at_their_place() {
    let site = Site::new();
    site.configure("channels = \"stable\"", "");
    let output = site.env.larder(["agent", "--config", "agent.toml"]);
    assert_eq!(output.code, Some(2));
    for part in [
        "agent.toml:3:1",
        "channels = \"stable\"",
        "did you mean `channel`?",
    ] {
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
    site.configure("auto_download_binary = false", "");
    let output = site.env.larder(["agent", "--config", "agent.toml"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("set `binary_path`"),
        "{}",
        output.stderr
    );
    let output = site.env.larder(["agent", "--config", "none.toml"]);
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("there is no configuration"),
        "{}",
        output.stderr
    );
}

#[test]
fn signals_are_passed_on() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Good);
    site.configure_with_health("", "");
    let mut agent = site.start();
    agent.wait_for("1.0.0", "running");
    for signal in ["HUP", "USR1", "USR2"] {
        agent.signal(signal);
        agent.wait(signal, || {
            site.child_log().contains(&format!("SIG{signal} "))
        });
    }
    agent.signal("INT");
    assert_eq!(agent.end(), Some(0));
    assert!(site.child_log().contains("end 1.0.0"));
}

#[test]
fn a_second_signal_ends_a_stubborn_child_with_all_that_it_has_started() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Stubborn);
    site.configure_with_health("", "stop_grace = \"1h\"");
    let mut agent = site.start();
    let pid = agent.wait_for("1.0.0", "running");
    agent.signal("TERM");
    agent.wait("the stop", || site.status()["state"] == "stopping");
    assert!(runs(pid));
    agent.signal("TERM");
    assert_eq!(agent.end(), Some(0), "{}", agent.log());
    let log = site.child_log();
    let inner = log.lines().find_map(|line| line.strip_prefix("inner "));
    let inner: u64 = inner
        .and_then(|line| line.split(' ').next())
        .and_then(|pid| pid.parse().ok())
        .expect("the id of the inner process");
    assert!(!runs(pid) && !runs(inner));
}

#[test]
fn a_good_child_that_crashes_is_started_again() {
    let site = Site::new();
    site.upload("1.0.0", Behaviour::CrashLater);
    site.configure_with_health("", "");
    let agent = site.start();
    agent.wait("three starts", || site.starts().len() >= 3);
    assert_eq!(site.status()["denied"], serde_json::json!([]));
    agent.stop();
}

#[test]
fn the_service_manager_is_told() {
    use std::os::unix::net::UnixDatagram;
    let site = Site::new();
    site.upload("1.0.0", Behaviour::Good);
    site.configure_with_health("", "");
    let path = site.env.path("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(LONG)).expect("a time limit");
    let mut command = site.env.command(["agent", "--config", "agent.toml"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "200000");
    let agent = site.start_with(command);
    let hear = |what: &str| {
        let mut buffer = [0; 4096];
        loop {
            let count = socket.recv(&mut buffer).expect(what);
            if String::from_utf8_lossy(&buffer[..count]).contains(what) {
                return;
            }
        }
    };
    for what in ["READY=1", "WATCHDOG=1", "STATUS=running", "WATCHDOG=1"] {
        hear(what);
    }
    agent.signal("TERM");
    hear("STOPPING=1");
    agent.stop();
}
