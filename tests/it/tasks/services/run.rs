//! `larder run` with tasks that use services.

use std::net::TcpListener;

use super::{Downed, SERVER, nothing_is_left, pids, project, runs, wait_for};
use crate::env::{Output, TestEnv};
use crate::servers::ports::free_port;

/// `action subject=outcome` of each line, in order.
fn steps(out: &Output) -> Vec<String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    out.json()
        .iter()
        .filter(|line| line["event"] == "finished")
        .map(|line| {
            let subject = if line["subject"].is_null() {
                &line["subsystem"]
            } else {
                &line["subject"]
            };
            format!(
                "{} {}={}",
                text(&line["action"]),
                text(subject),
                text(&line["outcome"])
            )
        })
        .collect()
}

#[test]
fn a_task_has_its_services_and_they_end_with_it() {
    let (one, two) = (free_port(), free_port());
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.2.3");
    env.write("server.py", SERVER);
    env.write("sub/pids", "");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!(
            r#"{versions}sources: [build]
services:
  two:
    command: "[ -e prepared ] && tool > two.version && exec python3 server.py {two} $NAME"
    env: {{NAME: number two, PIDS: sub/pids}}
    needs: [ensure tool, prepare]
    services: [one]
    ready: {{http: "http://127.0.0.1:{two}/health"}}
  one:
    command: python3 ../server.py {one}
    dir: sub
    ready: {{tcp: "127.0.0.1:{one}"}}
tasks:
  prepare: {{commands: [touch prepared]}}
  before: {{commands: ["[ ! -e prepared ]"]}}
  test:
    needs: [before]
    services: [two]
    commands:
      - "for port in {one} {two}; do python3 -c \"import socket; socket.create_connection(('127.0.0.1', $port))\"; done"
      - "echo tested by $(tool)"
"#
        ),
    );
    let out = env.larder(["run", "test"]).success();
    assert_eq!(out.stdout, "tested by tool v1.2.3\n");
    assert!(
        out.stderr.contains("service two               started"),
        "{}",
        out.stderr
    );
    assert_eq!(
        env.read("two.version"),
        "tool v1.2.3\n",
        "binaries are on PATH"
    );
    let started: Vec<String> = env.read("sub/pids").lines().map(str::to_owned).collect();
    assert_eq!(started.len(), 2);
    assert!(!started.iter().any(|pid| runs(pid)), "{started:?}");
    assert!(
        env.read(".larder/logs/services/two.log")
            .contains("listening as number two\n"),
        "the log is kept"
    );
    env.remove("prepared");
    let out = env.larder_json(["run", "test"]).success();
    assert_eq!(
        steps(&out),
        [
            "run before=ran",
            "ensure tool=up-to-date",
            "run prepare=ran",
            "up one=started",
            "up two=started",
            "run test=ran",
            "down two=stopped",
            "down one=stopped"
        ],
        "{}",
        out.stdout
    );
    assert_eq!(out.summary()["counts"]["started"], 2);
}

#[test]
fn tasks_of_one_run_share_their_services() {
    let (port, other) = (free_port(), free_port());
    let env = project(&format!(
        r#"services:
  shared: {{command: python3 server.py {port}, ready: {{tcp: {port}}}}}
  other: {{command: python3 server.py {other}, ready: {{tcp: {other}}}}}
tasks:
  all: {{needs: [one, run two, three], commands: ["true"]}}
  one: {{services: [shared, other], commands: ["true"]}}
  two: {{needs: [one], services: [shared], commands: ["true"]}}
  three: {{commands: ["true"]}}
  outer: {{services: [shared], commands: ["$LARDER run two"]}}
"#
    ));
    let out = env.larder_json(["run", "all"]).success();
    // A service ends after the last task that uses it.
    assert_eq!(
        steps(&out),
        [
            "up shared=started",
            "up other=started",
            "run one=ran",
            "down other=stopped",
            "run two=ran",
            "down shared=stopped",
            "run three=ran",
            "run all=ran"
        ]
    );
    assert_eq!(pids(&env).len(), 2);
    nothing_is_left(&env, 2);
    // A larder that a task runs is part of that run.
    let mut command = env.command(["run", "outer"]);
    command.env("LARDER", crate::env::LARDER);
    let out = env.output(command).success();
    assert!(out.stderr.contains("it runs already"), "{}", out.stderr);
    assert_eq!(pids(&env).len(), 4, "shared and other once more");
    nothing_is_left(&env, 4);
}

#[test]
fn a_port_that_another_program_has_is_refused() {
    let env = project("");
    for (ready, is_known) in [
        ("tcp: PORT", true),
        ("tcp: \"localhost:PORT\"", true),
        ("http: \"http://127.0.0.1:PORT/\"", true),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let ready = ready.replace("PORT", &port);
        env.write(
            "versions.yml",
            format!(
                "versions: {{}}\nservices: {{web: {{command: touch started, ready: {{{ready}}}}}}}\n\
                 tasks: {{t: {{services: [web], commands: [touch ran]}}}}\n"
            ),
        );
        let out = env.larder(["run", "t"]).exits(1);
        let said = "the service `web` can't be started: another program uses its address already";
        assert_eq!(
            out.stderr.contains(said),
            is_known,
            "{ready}: {}",
            out.stderr
        );
        assert!(out.stderr.contains(&port), "{}", out.stderr);
        assert!(!env.exists("started") && !env.exists("ran"), "{ready}");
    }
}

#[test]
fn a_run_leaves_the_services_of_another_run_alone() {
    let port = free_port();
    let env = project(&format!(
        r#"services: {{web: {{command: python3 server.py {port}, ready: {{tcp: {port}}}}}}}
tasks:
  long: {{services: [web], commands: ["touch begun; while [ ! -e go ]; do sleep 0.05; done"]}}
  other: {{services: [web], commands: [touch ran]}}
"#
    ));
    let mut first = env.command(["run", "long"]).spawn().unwrap();
    wait_for(&env, "begun");
    for line in ["run other", "up"] {
        let out = env.larder(line.split(' ')).exits(1);
        for text in [
            "the service `web` belongs to another `larder run`",
            "`larder up web` starts the service for several runs",
        ] {
            assert!(out.stderr.contains(text), "{line}: {}", out.stderr);
        }
    }
    let out = env.larder(["down"]).success();
    assert!(out.stderr.contains("which stops it"), "{}", out.stderr);
    assert!(!env.exists("ran") && pids(&env).len() == 1);
    assert!(runs(&pids(&env)[0]));
    env.write("go", "");
    assert!(first.wait().unwrap().success());
    nothing_is_left(&env, 1);
    env.larder(["run", "other"]).success();
    nothing_is_left(&env, 2);
}

#[test]
fn a_service_without_ready_is_ready_when_it_was_started() {
    let env = project(
        "services: {idle: {command: \"echo $$ > pids; exec sleep 600\"}}\n\
         tasks: {t: {services: [idle], commands: [\"while [ ! -s pids ]; do sleep 0.01; done\"]}}\n",
    );
    env.larder(["run", "t"]).success();
    nothing_is_left(&env, 1);
}

#[test]
fn a_command_can_say_that_a_service_is_ready() {
    let env = project(
        "services:\n  slow:\n    command: \"echo $$ > pids; sleep 0.3; touch ready; exec sleep 600\"\n    \
         env: {MARKER: ready}\n    ready: {command: \"test -e $MARKER\"}\n\
         tasks: {t: {services: [slow], commands: [test -e ready]}}\n",
    );
    env.larder(["run", "t"]).success();
    nothing_is_left(&env, 1);
}

#[test]
fn logs_have_no_secrets() {
    let mut env = project(
        "services: {talks: {command: \"echo the token is $API_TOKEN and https://me:word@host/; exec sleep 600\", \
         ready: {command: \"grep -q token .larder/logs/services/talks.log\"}}}\n\
         tasks: {t: {services: [talks], commands: [\"exit 1\"]}}\n",
    );
    env.set("API_TOKEN", "a-very-secret-value");
    env.larder(["run", "t"]).exits(1);
    let log = env.read(".larder/logs/services/talks.log");
    assert_eq!(log, "the token is *** and https://***@host/\n");
    let _down = Downed(&env);
    env.larder(["up"]).success();
    assert_eq!(env.read(".larder/logs/services/talks.log"), log);
    let record = env.read(".larder/services/talks/record.json");
    assert!(!record.contains("a-very-secret-value"), "{record}");
}

#[test]
fn services_are_listed_and_completed() {
    let mut env = project(
        "services: {nats: {desc: Messages, command: nats-server}, plain: {command: run it}}\n\
         tasks: {test: {desc: All tests, services: [nats], commands: [x]}}\n",
    );
    insta::assert_snapshot!(env.larder(["run"]).success().stdout, @r"
    test   All tests

    services:
    nats   Messages
    plain  run it
    ");
    let document = env.larder_json(["run"]).success().document();
    assert_eq!(document["tasks"][0]["services"][0], "nats");
    assert_eq!(document["services"][0]["running"], false);
    env.set("LARDER_COMPLETE", "bash")
        .set("_CLAP_COMPLETE_INDEX", "2");
    for command in ["up", "down", "logs"] {
        let out = env.larder(["--", "larder", command, ""]).success();
        assert!(
            out.stdout.contains("nats") && out.stdout.contains("plain"),
            "{}",
            out.stdout
        );
    }
}
