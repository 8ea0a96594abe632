//! Mistakes in `services:` of `versions.yml`, as users see them.

use crate::project::loading::Files;

/// The problems of a `versions.yml` that starts with valid lines.
fn versions(more: &str) -> String {
    Files::new()
        .file("versions.yml", &format!("versions: {{}}\n{more}"))
        .problems()
}

#[test]
fn wrong_values() {
    insta::assert_snapshot!(versions("services:
  Bad name: {command: x}
  a: {command: \"  \"}
  b: {comand: x}
  c: {command: x, ready: {tcp: 99999}, timeout: soon}
  d: {command: x, ready: {http: localhost}, env: {1X: y}}
  e: {command: x, ready: {tcp: 1, command: y}}
  f: {command: x, ready: {}}
  g: {command: x, ready: {command: \"\"}, dir: $HOME/x}
  h: {command: x, ready: {htp: y}}
"), @r#"
    error: `Bad name` can't name a service
     --> versions.yml:3:3
      |
    3 |   Bad name: {command: x}
      |   ^^^^^^^^
      |
      = help: at most 64 lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit

    error: the command of the service `a` is empty
     --> versions.yml:4:16
      |
    4 |   a: {command: "  "}
      |                ^^^^
      |
      = help: write the command line that runs it, such as `nats-server -p 4222`

    error: unknown key `comand` in `b`
     --> versions.yml:5:7
      |
    5 |   b: {comand: x}
      |       ^^^^^^
      |
      = help: did you mean `command`?

    error: `99999` is not an address: a port is a number from 1 to 65535
     --> versions.yml:6:32
      |
    6 |   c: {command: x, ready: {tcp: 99999}, timeout: soon}
      |                                ^^^^^
      |
      = help: a port such as 4222, or a host and a port such as "127.0.0.1:4222"

    error: `soon` is not a time: a number comes first
     --> versions.yml:6:49
      |
    6 |   c: {command: x, ready: {tcp: 99999}, timeout: soon}
      |                                                 ^^^^
      |
      = help: such as 90s, 30m, 1h or 1h30m

    error: `localhost` can't be used: it is not a url
     --> versions.yml:7:33
      |
    7 |   d: {command: x, ready: {http: localhost}, env: {1X: y}}
      |                                 ^^^^^^^^^
      |
      = help: such as https://example.com/file.tar.gz

    error: `1X` can't name an environment variable
     --> versions.yml:7:51
      |
    7 |   d: {command: x, ready: {http: localhost}, env: {1X: y}}
      |                                                   ^^
      |
      = help: letters, digits and `_`, not starting with a digit

    error: `ready` has both `tcp` and `command`
     --> versions.yml:8:35
      |
    8 |   e: {command: x, ready: {tcp: 1, command: y}}
      |                                   ^^^^^^^
      |
      = help: one of {tcp: PORT}, {http: URL}, {command: LINE}

    error: `ready` of the service `f` does not say how to find out
     --> versions.yml:9:19
      |
    9 |   f: {command: x, ready: {}}
      |                   ^^^^^
      |
      = help: one of {tcp: PORT}, {http: URL}, {command: LINE}

    error: an empty command in `ready`
      --> versions.yml:10:36
       |
    10 |   g: {command: x, ready: {command: ""}, dir: $HOME/x}
       |                                    ^^
       |
       = help: write a command that exits with 0 when the service can be used

    error: `$HOME/x` contains `$HOME`: variables are not replaced in paths
      --> versions.yml:10:46
       |
    10 |   g: {command: x, ready: {command: ""}, dir: $HOME/x}
       |                                              ^^^^^^^
       |
       = help: write the folder itself; `~/` at the start is your home folder

    error: unknown key `htp` in `ready`
      --> versions.yml:11:27
       |
    11 |   h: {command: x, ready: {htp: y}}
       |                           ^^^
       |
       = help: did you mean `http`?
    "#);
}

#[test]
fn unknown_services_and_needs() {
    insta::assert_snapshot!(versions("services:
  nats: {command: x, needs: [ensure nast, tset, nats], services: [dta]}
  data: {command: x}
tasks:
  test: {services: [nat], needs: [data], commands: [x]}
  only: {services: [data]}
"), @r"
    error: unknown subsystem `nast`
     --> versions.yml:3:30
      |
    3 |   nats: {command: x, needs: [ensure nast, tset, nats], services: [dta]}
      |                              ^^^^^^^^^^^
      |
      = help: known: all

    error: unknown task `tset`
     --> versions.yml:3:43
      |
    3 |   nats: {command: x, needs: [ensure nast, tset, nats], services: [dta]}
      |                                           ^^^^
      |
      = help: did you mean `test`?

    error: unknown task `nats`
     --> versions.yml:3:49
      |
    3 |   nats: {command: x, needs: [ensure nast, tset, nats], services: [dta]}
      |                                                 ^^^^
      |
      = help: `nats` is a service: write `services: [nats]`

    error: unknown service `dta`
     --> versions.yml:3:67
      |
    3 |   nats: {command: x, needs: [ensure nast, tset, nats], services: [dta]}
      |                                                                   ^^^
      |
      = help: did you mean `data`?

    error: unknown service `nat`
     --> versions.yml:6:21
      |
    6 |   test: {services: [nat], needs: [data], commands: [x]}
      |                     ^^^
      |
      = help: did you mean `nats`?

    error: unknown task `data`
     --> versions.yml:6:35
      |
    6 |   test: {services: [nat], needs: [data], commands: [x]}
      |                                   ^^^^
      |
      = help: `data` is a service: write `services: [data]`

    error: the task `only` does nothing
     --> versions.yml:7:3
      |
    7 |   only: {services: [data]}
      |   ^^^^
      |
      = help: give it `commands: [...]` or `needs: [...]`
    ");
    insta::assert_snapshot!(versions("tasks: {t: {services: [web], commands: [x]}}\n"), @r"
    error: unknown service `web`
     --> versions.yml:2:24
      |
    2 | tasks: {t: {services: [web], commands: [x]}}
      |                        ^^^
      |
      = help: versions.yml has no `services:` yet
    ");
}

#[test]
fn circles() {
    insta::assert_snapshot!(versions("services:
  a: {command: x, services: [b]}
  b: {command: x, services: [a]}
  c: {command: x, needs: [run t]}
  d: {command: x, services: [d]}
tasks:
  t: {services: [c], commands: [x]}
"), @r"
    error: services need each other in a circle: a -> b -> a
     --> versions.yml:4:30
      |
    4 |   b: {command: x, services: [a]}
      |                              ^
      |
      = help: remove one of these needs

    error: tasks and services need each other in a circle: task t -> service c -> task t
     --> versions.yml:5:27
      |
    5 |   c: {command: x, needs: [run t]}
      |                           ^^^^^
      |
      = help: remove one of these needs

    error: services need each other in a circle: d -> d
     --> versions.yml:6:30
      |
    6 |   d: {command: x, services: [d]}
      |                              ^
      |
      = help: remove one of these needs
    ");
}

#[test]
fn a_service_may_have_the_name_of_a_task_or_a_subsystem() {
    let loaded = Files::new()
        .file(
            "versions.yml",
            "versions: {nats: v1}\nservices:\n  nats: {command: nats, needs: [ensure nats]}\n  \
             test: {command: x, needs: [test]}\n\
             tasks: {test: {services: [nats], commands: [x]}, all: {services: [test], commands: [x]}}\n",
        )
        .file(
            "subsystems/nats/recipe.yml",
            "binaries: [nats]\nbuild: {source: {dir: .}, commands: [make]}\n",
        )
        .load();
    let project = loaded.unwrap_or_else(|shown| panic!("{shown}"));
    assert_eq!(project.services["test"].needs, ["test"]);
    assert_eq!(project.services["nats"].timeout.as_secs(), 30);
}
