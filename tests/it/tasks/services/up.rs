//! `larder up`, `larder down` and `larder logs`.

use std::process::Stdio;

use serde_json::Value;

use super::{Downed, nothing_is_left, pids, project, runs, wait_until};
use crate::env::{Output, TestEnv};
use crate::servers::ports::free_port;

/// The line about services, by the name of each.
fn services(out: &Output) -> Vec<Value> {
    let lines = out.json();
    let line = lines.iter().find(|line| line["event"] == "services");
    let line = line.unwrap_or_else(|| panic!("no line about services: {}", out.stdout));
    line["services"].as_array().expect("a list").clone()
}

fn two(first: u16, second: u16) -> TestEnv {
    project(&format!(
        r#"services:
  web: {{desc: Pages, command: exec python3 server.py {first} web, services: [data], ready: {{tcp: {first}}}}}
  data: {{command: exec python3 server.py {second} data, ready: {{tcp: {second}}}}}
tasks: {{t: {{services: [web], commands: ["true"]}}}}
"#
    ))
}

#[test]
fn services_stay_until_they_are_stopped() {
    let (first, second) = (free_port(), free_port());
    let env = two(first, second);
    let _down = Downed(&env);
    let out = env.larder(["up", "web"]).success();
    let place = |text: &str| {
        out.stdout
            .find(text)
            .unwrap_or_else(|| panic!("{}", out.stdout))
    };
    assert!(place("data") < place("web"), "{}", out.stdout);
    assert!(
        out.stdout.contains(&format!("ready  {}", pids(&env)[1])),
        "{}",
        out.stdout
    );
    assert!(
        out.stdout.contains(".larder/logs/services/web.log"),
        "{}",
        out.stdout
    );
    let running = pids(&env);
    assert!(running.len() == 2 && running.iter().all(|pid| runs(pid)));
    // Again, and by a task: they are used as they are.
    let out = env.larder_json(["up"]).success();
    let found = services(&out);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1]["name"], "web");
    assert_eq!(found[1]["pid"].to_string(), running[1]);
    assert_eq!(
        (&found[1]["running"], &found[1]["ready"], &found[1]["port"]),
        (&true.into(), &true.into(), &first.into())
    );
    assert_eq!(
        out.summary()["counts"],
        serde_json::json!({"up-to-date": 2})
    );
    let out = env.larder(["run", "t"]).success();
    assert!(out.stderr.contains("it runs already"), "{}", out.stderr);
    assert_eq!(pids(&env), running);
    assert!(running.iter().all(|pid| runs(pid)), "the task leaves them");
    let listed = env.larder(["run"]).success().stdout;
    assert!(
        listed.contains(&format!("Pages (running, pid {})", running[1])),
        "{listed}"
    );
    // One alone, then the rest.
    let out = env.larder_json(["down", "web"]).success();
    assert_eq!(services(&out)[0]["running"], false);
    assert_eq!(services(&out)[0]["ended"], "stopped");
    assert!(runs(&running[0]) && !runs(&running[1]));
    let out = env.larder(["down"]).success();
    assert!(!out.stderr.contains("service web"), "{}", out.stderr);
    nothing_is_left(&env, 2);
    let out = env.larder(["down"]).success();
    assert_eq!(out.stderr, "no service runs\n");
    let out = env.larder(["down", "web"]).success();
    assert!(out.stderr.contains("it does not run"), "{}", out.stderr);
}

#[test]
fn a_changed_service_is_restarted() {
    let (first, second) = (free_port(), free_port());
    let env = two(first, second);
    let _down = Downed(&env);
    env.larder(["up"]).success();
    let before = pids(&env);
    // These don't change what runs.
    env.edit("versions.yml", "desc: Pages", "desc: All pages");
    env.edit(
        "versions.yml",
        &format!("{{tcp: {first}}}"),
        &format!("{{tcp: {first}}}, timeout: 1m"),
    );
    env.larder(["up"]).success();
    assert_eq!(pids(&env), before);
    env.edit("versions.yml", " web, services", " changed, services");
    let out = env.larder(["up"]).success();
    assert!(
        out.stderr
            .contains("restarted, because its command has changed"),
        "{}",
        out.stderr
    );
    let after = pids(&env);
    assert_eq!(after.len(), 3);
    assert!(runs(&before[0]) && !runs(&before[1]) && runs(&after[2]));
    assert!(
        env.read(".larder/logs/services/web.log")
            .contains("as changed\n")
    );
    assert!(
        env.read(".larder/logs/services/web.log.old")
            .contains("as web\n")
    );
    // A run does the same, and the service stays.
    env.edit(
        "versions.yml",
        "services: [data]",
        "env: {A: b}, services: [data]",
    );
    let out = env.larder(["run", "t"]).success();
    assert!(
        out.stderr.contains("because its variables have changed"),
        "{}",
        out.stderr
    );
    assert!(runs(&pids(&env)[3]));
    env.larder(["down"]).success();
    nothing_is_left(&env, 4);
}

#[test]
fn a_service_is_restarted_when_its_binary_has_changed() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!(
            "{versions}sources: [build]\nservices: {{s: {{command: \"tool; exec sleep 600\", needs: [ensure tool]}}}}\n"
        ),
    );
    let _down = Downed(&env);
    env.larder(["up"]).success();
    let out = env.larder(["up"]).success();
    assert!(out.stderr.contains("it runs already"), "{}", out.stderr);
    env.edit("versions.yml", "v1.0.0", "v1.0.1");
    let out = env.larder(["up"]).success();
    assert!(
        out.stderr.contains("restarted, because `tool` has changed"),
        "{}",
        out.stderr
    );
    wait_until("the new one prints", || {
        env.read(".larder/logs/services/s.log") == "tool v1.0.1\n"
    });
}

#[test]
fn several_larders_start_a_service_once() {
    let (first, second) = (free_port(), free_port());
    let env = two(first, second);
    let _down = Downed(&env);
    let started: Vec<_> = (0..4)
        .map(|number| {
            let name: &[&str] = if number % 2 == 0 {
                &["up"]
            } else {
                &["up", "web"]
            };
            let mut command = env.command(name);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in started {
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{said}");
    }
    assert_eq!(pids(&env).len(), 2);
    env.larder(["down"]).success();
    nothing_is_left(&env, 2);
}

#[test]
fn what_fails_is_told_and_the_others_stay() {
    let port = free_port();
    let env = project(&format!(
        "services:\n  a: {{command: python3 server.py {port}, ready: {{tcp: {port}}}}}\n  \
         b: {{command: \"echo no such thing; exit 3\", ready: {{command: \"false\"}}}}\n"
    ));
    let _down = Downed(&env);
    let out = env.larder(["up"]).exits(1);
    assert!(
        out.stderr
            .contains("the service `b` ended before it was ready (exit code 3)")
            && out.stderr.contains("no such thing"),
        "{}",
        out.stderr
    );
    assert!(out.stdout.contains("ended (exit code 3)"), "{}", out.stdout);
    assert!(runs(&pids(&env)[0]));
    // One that ends later is noticed, too, and started again.
    super::kill("-KILL", &pids(&env)[0]);
    wait_until("it has ended", || {
        services(&env.larder_json(["down", "b"]))[0]["running"] == false && !runs(&pids(&env)[0])
    });
    let out = env.larder(["up", "a"]).success();
    assert!(out.stderr.contains("started"), "{}", out.stderr);
    assert!(runs(&pids(&env)[1]));
}

#[test]
fn removing_the_state_ends_the_services() {
    let (first, second) = (free_port(), free_port());
    let env = two(first, second);
    env.larder(["up"]).success();
    assert!(pids(&env).iter().all(|pid| runs(pid)));
    env.remove(".larder");
    wait_until("they end", || !pids(&env).iter().any(|pid| runs(pid)));
    nothing_is_left(&env, 2);
}

#[test]
fn a_service_that_is_no_longer_in_the_file_can_be_stopped() {
    let (first, second) = (free_port(), free_port());
    let env = two(first, second);
    env.larder(["up"]).success();
    env.write("versions.yml", "versions: {}\n");
    let out = env.larder(["logs", "web"]).success();
    assert_eq!(out.stdout, "listening as web\n");
    env.larder(["down"]).success();
    nothing_is_left(&env, 2);
}

#[test]
fn logs_are_shown_and_followed() {
    let env = project(
        "services:\n  one: {command: \"echo a; echo b; printf c; while [ ! -e go ]; do sleep 0.02; done; echo d; exit 1\"}\n  \
         other: {command: \"echo x; exec sleep 600\"}\n",
    );
    let _down = Downed(&env);
    env.larder(["up"]).success();
    let log = |name: &str| env.read(&format!(".larder/logs/services/{name}.log"));
    wait_until("they print", || {
        log("one").contains("b\n") && log("other") == "x\n"
    });
    assert_eq!(
        env.larder(["logs", "one", "-n", "1"]).success().stdout,
        "b\n"
    );
    let out = env.larder(["logs", "-n", "2"]).success();
    assert_eq!(out.stdout, "one   | a\none   | b\nother | x\n");
    let lines = env.larder_json(["logs", "other"]).success().json();
    assert_eq!(
        lines,
        [serde_json::json!({"service": "other", "line": "x"})]
    );
    let mut command = env.command(["logs", "-f", "one"]);
    let follower = command.stdout(Stdio::piped()).spawn().unwrap();
    env.write("go", "");
    let out = follower.wait_with_output().unwrap();
    assert!(out.status.success(), "it ends with the service");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "a\nb\ncd\n");
    let mut command = env.command(["logs", "-f", "other"]);
    let follower = command.stdout(Stdio::piped()).spawn().unwrap();
    super::signal(&follower, "-INT");
    let code = follower.wait_with_output().unwrap().status.code();
    // Before it listens for signals, this one ends it.
    assert!(matches!(code, Some(130) | None), "{code:?}");
}

#[test]
fn wrong_names_are_told() {
    let env = project("services: {web: {command: x}}\n");
    for line in ["up wbe", "down wbe", "logs wbe"] {
        let out = env.larder(line.split(' ')).exits(2);
        assert!(
            out.stderr.contains("no service is called `wbe`")
                && out.stderr.contains("did you mean `web`?"),
            "{line}: {}",
            out.stderr
        );
    }
    let out = env.larder(["logs", "web"]).success();
    assert_eq!(
        out.stderr,
        "web: there is no log yet; `larder up web` starts it\n"
    );
    env.write("versions.yml", "versions: {}\n");
    for line in ["up", "logs"] {
        let out = env.larder([line]).exits(2);
        assert!(
            out.stderr.contains("versions.yml has no `services:`"),
            "{}",
            out.stderr
        );
    }
    assert_eq!(env.larder(["down"]).success().stderr, "no service runs\n");
    // Only larder itself uses this.
    let out = env.larder(["up", "--supervise"]).exits(2);
    assert!(
        out.stderr.contains("is for larder itself"),
        "{}",
        out.stderr
    );
}
