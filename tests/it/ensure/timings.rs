//! `ensure --timings`: the page and the trace of a run, held against what the run printed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::env::TestEnv;

/// Reads a page as browsers do, and refuses tags that do not match, scripts and pictures from
/// elsewhere, and data that is no JSON. Prints the data.
const READER: &str = r#"
import json, sys
from html.parser import HTMLParser
VOID = {"meta", "br", "link", "img", "input"}
class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.data, self.ids = [], "", []
    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            assert name not in ("src", "href", "srcset") and not name.startswith("on"), (tag, name)
        self.ids += [value for name, value in attributes if name == "id"]
        assert tag not in {"img", "link", "iframe", "object"}, tag
        if tag not in VOID:
            self.open.append((tag, dict(attributes)))
    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, tag
    def handle_data(self, text):
        if self.open and self.open[-1][1].get("id") == "data":
            self.data += text
reader = Reader()
reader.feed(open(sys.argv[1], encoding="utf-8").read())
reader.close()
assert not reader.open and len(set(reader.ids)) == len(reader.ids), (reader.open, reader.ids)
print(json.dumps(json.loads(reader.data)))
"#;

/// The names of the files below a folder of the project, by their ending.
fn files(env: &TestEnv, folder: &str, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(env.path(folder))
        .map(|entries| {
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.ends_with(ending)).collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

/// The data of the newest page and the newest trace in a folder.
fn newest(env: &TestEnv, folder: &str) -> (Value, Value) {
    let page = format!("{folder}/{}", files(env, folder, ".html").pop().unwrap());
    let out = env
        .program("python3")
        .args(["-c", READER, env.path(&page).as_str()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    let data = serde_json::from_slice(&out.stdout).unwrap();
    let trace = env.read(&page.replace(".html", ".json"));
    (data, serde_json::from_str(&trace).unwrap())
}

fn micros(event: &Value, key: &str) -> u64 {
    event[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} of {event}"))
}

/// Checks what every reader of the format relies on, and that nothing overlaps within a lane except
/// what lies inside. Returns the spans of slots.
fn spans(trace: &Value) -> Vec<Value> {
    let events = trace["traceEvents"].as_array().unwrap();
    let mut lanes: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    let mut named = Vec::new();
    for event in events {
        let ph = event["ph"].as_str().unwrap();
        assert!(["X", "M", "C", "s", "f"].contains(&ph), "{event}");
        assert!(event["name"].is_string() && event["pid"].is_u64());
        let (thread, _) = (micros(event, "tid"), micros(event, "ts"));
        if ph == "M" && event["name"] == "thread_name" {
            named.push(thread);
        }
        if ph == "X" {
            micros(event, "dur");
            lanes.entry(thread).or_default().push(event);
        }
    }
    let end = |event: &Value| micros(event, "ts") + micros(event, "dur");
    for (thread, events) in lanes {
        assert!(named.contains(&thread), "lane {thread} has a name");
        let (phases, mut outer): (Vec<&Value>, Vec<&Value>) = events
            .into_iter()
            .partition(|event| event["cat"] == "phase");
        outer.sort_by_key(|event| micros(event, "ts"));
        for two in outer.windows(2) {
            assert!(end(two[0]) <= micros(two[1], "ts"), "{} {}", two[0], two[1]);
        }
        for span in outer.iter().filter(|span| span["cat"] != "run") {
            let within = phases.iter().filter(|phase| {
                micros(span, "ts") <= micros(phase, "ts") && end(phase) <= end(span)
            });
            let sum: u64 = within.map(|phase| micros(phase, "dur")).sum();
            assert_eq!(sum, micros(span, "dur"), "the phases fill {span}");
        }
    }
    let slots = ["acquire", "build", "install"];
    let is_slot = |event: &&Value| slots.iter().any(|slot| event["cat"] == *slot);
    events.iter().filter(is_slot).cloned().collect()
}

#[test]
fn every_step_is_in_the_page_and_in_the_trace_with_what_it_waited_for() {
    let env = TestEnv::new();
    let names = ["app", "go", "lib", "other"];
    let versions = names.map(|name| (name, "v1.0.0"));
    env.versions(
        &versions,
        "sources: [build]\nupload: always\nhub: {dir: hub}\n",
    );
    for name in names {
        let needs = if name == "app" {
            "  needs: [go, lib]\n"
        } else {
            ""
        };
        env.recipe(
            name,
            &format!(
                "binaries: [{name}]\nbuild:\n{needs}  source: {{dir: .}}\n  commands:\n    - sleep 0.1\n    \
                 - \"echo '#!/bin/sh' > {{{{ out }}}}/{name}\"\n"
            ),
        );
    }
    let out = env
        .larder_json(["ensure", "all", "-j2", "--timings"])
        .success();
    let (data, trace) = newest(&env, ".larder/timings");
    let spans = spans(&trace);
    for action in ["ensure", "release"] {
        let finished = out.finished(action);
        assert_eq!(finished.len(), 4, "{}", out.stderr);
        for line in finished {
            let same = |step: &&Value| {
                step["action"] == action
                    && [&step["name"], &step["subsystem"]].contains(&&line["subsystem"])
            };
            for steps in [&data["steps"], &trace["steps"]] {
                let found: Vec<&Value> = steps.as_array().unwrap().iter().filter(same).collect();
                assert_eq!(found.len(), 1, "{line}");
                assert_eq!(found[0]["seconds"], line["seconds"]);
                assert_eq!(found[0]["outcome"], line["outcome"]);
            }
        }
    }
    for line in out.finished("ensure") {
        let of = |slot: &str| {
            let is_it = |span: &&Value| {
                span["cat"] == slot && span["args"]["subsystem"] == line["subsystem"]
            };
            spans
                .iter()
                .find(is_it)
                .unwrap_or_else(|| panic!("{slot} {line}"))
        };
        assert_eq!(of("acquire")["args"]["outcome"], "must be built");
        // The release is done in the slot of the installation.
        assert_eq!(of("build")["args"]["outcome"], "built");
        let installing = trace["traceEvents"].as_array().unwrap().iter();
        let mut installing = installing.filter(|event| event["ts"] == of("install")["ts"]);
        assert!(installing.any(|event| event["name"] == "installing"));
        let seconds = (micros(of("build"), "dur") + micros(of("install"), "dur")) as f64 / 1e6;
        assert!(
            seconds >= line["seconds"].as_f64().unwrap() - 0.002,
            "{seconds} {line}"
        );
    }
    let waited: Vec<&Value> = spans
        .iter()
        .filter(|span| span["args"]["subsystem"] == "app")
        .flat_map(|span| span["args"]["waited"].as_array().unwrap())
        .filter(|wait| wait["for"] == "needs")
        .collect();
    assert_eq!(waited.len(), 1);
    assert_eq!(
        waited[0]["on"].as_array().unwrap().len(),
        2,
        "{}",
        waited[0]
    );
    // Both ends of every flow are there.
    let flows = |ph: &str| {
        let events = trace["traceEvents"].as_array().unwrap().iter();
        let ids = events
            .filter(|event| event["ph"] == ph)
            .map(|event| event["id"].clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(flows("s").len(), 2);
    assert_eq!(flows("s"), flows("f"));
    // Two builds at a time; the last thing on the critical path is what ended last.
    let lanes = data["lanes"].as_array().unwrap();
    assert_eq!(lanes.iter().filter(|lane| **lane == "build").count(), 2);
    let spans = data["spans"].as_array().unwrap();
    let last = data["critical"].as_array().unwrap().last().unwrap();
    let ends = spans.iter().map(|span| span["end"].as_u64().unwrap());
    let last = &spans[usize::try_from(last.as_u64().unwrap()).unwrap()];
    assert_eq!(last["end"].as_u64(), ends.max());
}

#[test]
fn a_run_with_nothing_to_do_has_a_page_that_says_so() {
    let env = TestEnv::new();
    env.versions(&[], "upload: never\n");
    env.script_subsystem("hello", "v1.0.0");
    env.larder(["ensure", "all"]).success();
    // With the recorded state, and by checking everything.
    for (arguments, spans) in [(vec![], 0), (vec!["--locked"], 1)] {
        let arguments = [vec!["ensure", "all", "--timings"], arguments].concat();
        let out = env.larder(arguments).success();
        assert!(
            out.stderr
                .contains("nothing was to be done: 1 step up to date\n"),
            "{}",
            out.stderr
        );
        assert!(out.stderr.contains("timings: "), "{}", out.stderr);
        let (data, trace) = newest(&env, ".larder/timings");
        assert_eq!(data["steps"].as_array().unwrap().len(), 1);
        assert_eq!(data["spans"].as_array().unwrap().len(), spans);
        assert_eq!(trace["steps"][0]["outcome"], "up-to-date");
        assert_eq!(self::spans(&trace).len(), spans);
    }
    let page = files(&env, ".larder/timings", ".html").pop().unwrap();
    let page = env.read(&format!(".larder/timings/{page}"));
    assert!(page.contains("Nothing was to be done: everything is up to date (1 step)"));
}

#[test]
fn the_last_ten_runs_are_kept_and_a_folder_of_the_user_is_left_alone() {
    let env = TestEnv::new();
    env.versions(&[], "upload: never\n");
    env.script_subsystem("hello", "v1.0.0");
    let folder = ".larder/timings";
    for number in 10..25 {
        for ending in ["html", "json"] {
            env.write(
                &format!("{folder}/timings-202001{number}T000000.000Z.{ending}"),
                "",
            );
        }
    }
    env.write(&format!("{folder}/notes.html"), "mine");
    env.larder(["ensure", "all", "--dry-run", "--timings"])
        .success();
    assert_eq!(
        files(&env, folder, ".html").len(),
        16,
        "a dry run writes nothing"
    );
    env.larder(["ensure", "all", "--timings"]).success();
    let kept = files(&env, folder, ".html");
    assert_eq!(kept.len(), 11, "{kept:?}");
    assert_eq!(kept[1], "timings-20200116T000000.000Z.html");
    assert!(kept[0] == "notes.html" && files(&env, folder, ".json").len() == 10);
    let out = env
        .larder(["ensure", "all", "--timings=out/here"])
        .success();
    let written = files(&env, "out/here", ".html").pop().unwrap();
    assert!(
        out.stderr.contains(&format!("out/here/{written}")),
        "{}",
        out.stderr
    );
    assert_eq!(files(&env, folder, ".html"), kept);
    // Where nothing can be written, the run fails and says what to do.
    env.write("file", "");
    let out = env.larder(["ensure", "all", "--timings=file/in"]).exits(1);
    assert!(out.stderr.contains("--timings=DIR"), "{}", out.stderr);
}

#[test]
fn a_failure_is_in_the_page_without_its_secrets() {
    let mut env = TestEnv::new();
    env.set("GITHUB_TOKEN", "ghp_0123456789abcdefghij0123456789abcdef");
    env.versions(&[("bad", "v1.0.0")], "upload: never\n");
    env.script_subsystem("later", "v1.0.0");
    env.recipe(
        "bad",
        "binaries: [bad]\nbuild:\n  source: {dir: .}\n  commands: [\"echo '</script><b>' ghp_0123456789abcdefghij0123456789abcdef >&2; exit 1\"]\n",
    );
    let out = env
        .larder_json(["ensure", "all", "-j1", "-k", "--timings"])
        .exits(1);
    let (data, trace) = newest(&env, ".larder/timings");
    let steps = data["steps"].as_array().unwrap();
    let failed: Vec<&Value> = steps
        .iter()
        .filter(|step| step["outcome"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1, "{}", out.stderr);
    assert!(failed[0]["error"].is_string());
    spans(&trace);
    for text in [data.to_string(), trace.to_string()] {
        assert!(!text.contains("ghp_0123456789"), "{text}");
    }
}
