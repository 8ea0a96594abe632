//! A small runner of GitHub Actions: runs a workflow's jobs in the order of their needs, each on a fresh machine that has
//! what a runner's has, with the fake GitHub behind it.
//!
//! `run:` steps run with the shell they name. `uses:` steps are not run; only the actions known here
//! may be used, and checkout is replaced by a clone. An unknown key fails the test, so that nothing
//! is skipped untested.
#![allow(dead_code, reason = "a toolbox: not every test reads every field")]

mod actions;
pub mod expression;

use std::collections::BTreeMap;

use camino::Utf8Path;
use expression::{Scope, shown};
use serde_json::{Map, Value, json};

use crate::env::{LARDER, TestEnv};
use crate::fake_github::{FakeGitHub, READ, WRITE};

/// Labels of GitHub's own runners (docs.github.com, "GitHub-hosted runners reference"; 2026-08).
const RUNNERS: [&str; 19] = [
    "ubuntu-latest",
    "ubuntu-26.04",
    "ubuntu-24.04",
    "ubuntu-22.04",
    "ubuntu-26.04-arm",
    "ubuntu-24.04-arm",
    "ubuntu-22.04-arm",
    "ubuntu-slim",
    "windows-latest",
    "windows-2025",
    "windows-2022",
    "windows-11-arm",
    "macos-latest",
    "macos-26",
    "macos-15",
    "macos-14",
    "macos-26-intel",
    "macos-15-intel",
    "macos-latest-large",
];

/// The event that starts a workflow.
pub struct Event<'a> {
    /// `push` or `pull_request`.
    pub name: &'a str,
    /// `refs/heads/main`, `refs/tags/v1.0.0`, `refs/pull/1/merge`.
    pub reference: &'a str,
}

/// The result of a workflow.
pub struct Run {
    /// By name.
    pub jobs: BTreeMap<String, Job>,
}

impl Run {
    /// `name=result` of every job.
    pub fn results(&self) -> String {
        self.jobs
            .iter()
            .map(|(name, job)| format!("{name}={}", job.result))
            .collect::<Vec<_>>()
            .join(" ")
    }
    /// All steps of a job, of all its targets.
    pub fn steps(&self, job: &str) -> &[Step] {
        &self.jobs[job].steps
    }
    /// All output, for failure messages.
    pub fn story(&self) -> String {
        let steps = self.jobs.values().flat_map(|job| &job.steps);
        let lines = steps.map(|step| {
            format!(
                "--- {}: {}\n{}{}",
                step.target, step.name, step.stdout, step.stderr
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// The result of a job.
#[derive(Default)]
pub struct Job {
    /// `success`, `failure` or `skipped`.
    pub result: &'static str,
    /// Every step that ran.
    pub steps: Vec<Step>,
    outputs: Value,
}

/// A step that ran.
pub struct Step {
    /// The job, and its target of the matrix.
    pub target: String,
    pub name: String,
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
    /// What it wrote into the step's summary.
    pub summary: String,
}

/// A repository with a workflow, and where its jobs run.
pub struct Actions<'a> {
    /// New machines are created next to this one.
    pub env: &'a TestEnv,
    /// The repository: a checkout that jobs clone.
    pub repo: &'a Utf8Path,
    pub full_name: &'a str,
    pub github: &'a FakeGitHub,
}

fn keys(what: &Value, known: &[&str], place: &str) {
    for key in what.as_object().into_iter().flat_map(Map::keys) {
        assert!(
            known.contains(&key.as_str()),
            "the runner of the tests does not know `{key}` in {place}"
        );
    }
}

impl Actions<'_> {
    /// Runs the workflow for an event; `name` distinguishes its machines.
    pub fn run(&self, name: &str, event: &Event<'_>) -> Run {
        let text = std::fs::read_to_string(self.repo.join(".github/workflows/larder.yml"))
            .expect("the workflow");
        let workflow: Value = serde_yaml::from_str(&text).expect("YAML");
        keys(
            &workflow,
            &[
                "name",
                "on",
                "permissions",
                "concurrency",
                "defaults",
                "env",
                "jobs",
            ],
            "the workflow",
        );
        assert!(
            !workflow["on"][event.name].is_null() || workflow["on"].get(event.name).is_some(),
            "not started by {}",
            event.name
        );
        let github = self.context(event);
        crate::env::remove(&self.env.base().join("artifacts"));
        let mut run = Run {
            jobs: BTreeMap::new(),
        };
        let jobs = workflow["jobs"].as_object().expect("jobs");
        while run.jobs.len() < jobs.len() {
            let before = run.jobs.len();
            for (job_name, job) in jobs {
                let needs = list(&job["needs"]);
                assert!(
                    needs.iter().all(|need| jobs.contains_key(need)),
                    "{job_name} needs {needs:?}"
                );
                if run.jobs.contains_key(job_name)
                    || !needs.iter().all(|need| run.jobs.contains_key(need))
                {
                    continue;
                }
                let done = self.job(name, job_name, job, &workflow, &github, &run);
                run.jobs.insert(job_name.clone(), done);
            }
            assert!(run.jobs.len() > before, "jobs need each other in a circle");
        }
        run
    }

    fn context(&self, event: &Event<'_>) -> Value {
        let kinds = [
            ("refs/heads/", "branch"),
            ("refs/tags/", "tag"),
            ("refs/pull/", "branch"),
        ];
        let (ref_name, kind) = kinds
            .iter()
            .find_map(|(start, kind)| Some((event.reference.strip_prefix(start)?, *kind)))
            .expect("a ref");
        let default_branch = self
            .github
            .with_repo(self.full_name, |repo| repo.default_branch.clone());
        json!({
            "event_name": event.name, "ref": event.reference, "ref_name": ref_name, "ref_type": kind,
            "repository": self.full_name, "sha": git(self.env, self.repo, &["rev-parse", "HEAD"]).trim(),
            "event": {"repository": {"default_branch": default_branch, "full_name": self.full_name}},
        })
    }

    fn job(
        &self,
        run_name: &str,
        name: &str,
        job: &Value,
        workflow: &Value,
        github: &Value,
        run: &Run,
    ) -> Job {
        let known = [
            "needs",
            "if",
            "strategy",
            "runs-on",
            "timeout-minutes",
            "permissions",
            "outputs",
            "steps",
        ];
        keys(job, &known, name);
        let needs = list(&job["needs"]);
        let of = |need: &String| {
            (
                need.clone(),
                json!({"result": run.jobs[need].result, "outputs": run.jobs[need].outputs}),
            )
        };
        let needed: Map<String, Value> = needs.iter().map(of).collect();
        let success = needs.iter().all(|need| run.jobs[need].result == "success");
        let permissions = if job["permissions"].is_null() {
            &workflow["permissions"]
        } else {
            &job["permissions"]
        };
        keys(permissions, &["contents"], "permissions");
        // A pull request gets no write permission, whatever the workflow says: it may come from
        // anyone.
        let writes = permissions["contents"] == "write" && github["event_name"] != "pull_request";
        let mut github = github.clone();
        github["token"] = if writes { WRITE } else { READ }.into();
        let mut contexts = json!({"github": github, "needs": needed, "env": workflow["env"], "steps": {}, "matrix": {}});
        let scope = Scope {
            contexts: &contexts,
            success,
        };
        if !job["if"]
            .as_str()
            .map_or(success, |condition| scope.condition(condition))
        {
            return Job {
                result: "skipped",
                ..Job::default()
            };
        }
        keys(
            &job["strategy"],
            &["fail-fast", "matrix", "max-parallel"],
            "strategy",
        );
        let targets = match job["strategy"]["matrix"].as_str() {
            Some(matrix) => scope.render(matrix)["include"]
                .as_array()
                .cloned()
                .expect("a matrix of targets"),
            None => vec![json!({})],
        };
        assert!(
            !targets.is_empty() && targets.len() <= 256,
            "{name} has a matrix of {} jobs, which GitHub refuses",
            targets.len()
        );
        let mut done = Job {
            result: "success",
            ..Job::default()
        };
        for (n, target) in targets.iter().enumerate() {
            contexts["matrix"] = target.clone();
            contexts["steps"] = json!({});
            contexts["strategy"] = json!({"job-index": n});
            let runner = shown(
                &Scope {
                    contexts: &contexts,
                    success,
                }
                .render(job["runs-on"].as_str().expect("runs-on")),
            );
            assert!(
                RUNNERS.contains(&runner.as_str()),
                "{runner} is no runner of GitHub's"
            );
            let machine = self.machine(&format!("{run_name}-{name}-{n}"), &contexts["github"]);
            let ok = self.steps(
                &machine,
                &format!("{name} {target}"),
                job,
                workflow,
                &mut contexts,
                &mut done.steps,
            );
            done.result = if ok { done.result } else { "failure" };
        }
        let scope = Scope {
            contexts: &contexts,
            success,
        };
        let outputs = job["outputs"].as_object().cloned().unwrap_or_default();
        done.outputs = outputs
            .into_iter()
            .map(|(key, value)| {
                (
                    key,
                    Value::from(shown(&scope.render(value.as_str().expect("an output")))),
                )
            })
            .collect::<Map<_, _>>()
            .into();
        done
    }

    /// A fresh machine with a runner's environment. The token is not in it: a step gets it only by name.
    fn machine(&self, name: &str, github: &Value) -> TestEnv {
        let mut machine = self.env.another(name);
        let temp = machine.base().join("runner");
        let bin = temp.join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        std::os::unix::fs::symlink(LARDER, bin.join("larder")).expect("a link");
        let path = std::env::var("PATH").unwrap_or_default();
        let payload = temp.join("event.json");
        std::fs::write(&payload, github["event"].to_string()).expect("the payload");
        let workspace = machine.project().to_owned();
        for (key, value) in [
            ("PATH", format!("{bin}:{path}")),
            ("CI", "true".into()),
            ("GITHUB_ACTIONS", "true".into()),
            ("GITHUB_API_URL", self.github.api_url()),
            ("GITHUB_SERVER_URL", self.github.web_url()),
            ("GITHUB_EVENT_PATH", payload.into_string()),
            ("GITHUB_WORKSPACE", workspace.into_string()),
            ("GITHUB_RUN_ID", "1".into()),
            ("GITHUB_RUN_ATTEMPT", "1".into()),
            ("GITHUB_WORKFLOW", "larder".into()),
            ("GITHUB_ACTOR", "someone".into()),
            ("RUNNER_OS", "Linux".into()),
            ("RUNNER_ARCH", "X64".into()),
            ("RUNNER_TEMP", temp.into_string()),
            // Short pauses for tests.
            ("LARDER_GITHUB_PACE", "0s".into()),
            ("LARDER_GITHUB_SETTLE", "1s".into()),
        ] {
            machine.set(key, value);
        }
        for key in [
            "event_name",
            "ref",
            "ref_name",
            "ref_type",
            "repository",
            "sha",
        ] {
            machine.set(
                format!("GITHUB_{}", key.to_uppercase()),
                shown(&github[key]),
            );
        }
        machine
    }

    /// Runs the steps in order; after one has failed, only those whose `if:` allows it.
    fn steps(
        &self,
        machine: &TestEnv,
        target: &str,
        job: &Value,
        workflow: &Value,
        contexts: &mut Value,
        done: &mut Vec<Step>,
    ) -> bool {
        // What earlier steps wrote into `$GITHUB_ENV`.
        let mut exported: Vec<(String, String)> = Vec::new();
        let mut success = true;
        for (n, step) in job["steps"].as_array().expect("steps").iter().enumerate() {
            keys(
                step,
                &[
                    "name",
                    "id",
                    "if",
                    "run",
                    "uses",
                    "with",
                    "env",
                    "shell",
                    "timeout-minutes",
                ],
                target,
            );
            let scope = Scope { contexts, success };
            if !step["if"]
                .as_str()
                .map_or(success, |condition| scope.condition(condition))
            {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                if self.use_action(machine, action, step, contexts) {
                    continue;
                }
                done.push(Step {
                    target: target.to_owned(),
                    name: action.to_owned(),
                    ok: false,
                    stdout: String::new(),
                    stderr: String::new(),
                    summary: String::new(),
                });
                success = false;
                continue;
            }
            let shell = step["shell"]
                .as_str()
                .or(workflow["defaults"]["run"]["shell"].as_str());
            assert_eq!(shell, Some("bash"), "the shell of a step");
            let temp = machine.base().join("runner");
            let script = temp.join(format!("{n}.sh"));
            let file = |what: &str| temp.join(format!("{n}-{what}"));
            std::fs::write(&script, step["run"].as_str().expect("run")).expect("the script");
            let mut command = machine.program("bash");
            command.args(["--noprofile", "--norc", "-eo", "pipefail", script.as_str()]);
            for what in ["output", "step_summary", "env", "path"] {
                std::fs::write(file(what), "").expect("a file");
                command.env(format!("GITHUB_{}", what.to_uppercase()), file(what));
            }
            command.envs(exported.iter().cloned());
            let scope = Scope { contexts, success };
            for variables in [&workflow["env"], &step["env"]] {
                for (key, value) in variables.as_object().into_iter().flatten() {
                    command.env(key, shown(&scope.render(value.as_str().expect("a text"))));
                }
            }
            let output = machine.output(command);
            let read = |what: &str| std::fs::read_to_string(file(what)).expect("a file");
            let pairs = read("env");
            let pairs = pairs
                .lines()
                .map(|line| line.split_once('=').expect("key=value"));
            exported.extend(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
            if let Some(id) = step["id"].as_str() {
                let pair = |line: &str| {
                    line.split_once('=')
                        .map(|(key, value)| (key.to_owned(), Value::from(value)))
                };
                let outputs: Map<_, _> = read("output")
                    .lines()
                    .map(|line| pair(line).expect("key=value"))
                    .collect();
                contexts["steps"][id] = json!({"outputs": outputs});
            }
            done.push(Step {
                target: target.to_owned(),
                name: step["name"].as_str().unwrap_or_default().to_owned(),
                ok: output.code == Some(0),
                summary: read("step_summary"),
                stdout: output.stdout,
                stderr: output.stderr,
            });
            success &= output.code == Some(0);
        }
        success
    }
}

/// Runs git in a folder with a machine's environment.
pub fn git(machine: &TestEnv, folder: &Utf8Path, arguments: &[&str]) -> String {
    let mut command = machine.program("git");
    command.arg("-C").arg(folder).args(arguments);
    machine.output(command).success().stdout
}

fn list(needs: &Value) -> Vec<String> {
    match needs {
        Value::Null => Vec::new(),
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        other => panic!("needs: {other}"),
    }
}
