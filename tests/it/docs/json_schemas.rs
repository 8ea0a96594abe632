//! The output of `--json` must match the committed schemas: no undeclared field, no missing one.
//! With `LARDER_DOCUMENTS_LOG=FOLDER` the documents are also written there, one folder per schema,
//! so that another validator can check them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::env::{REPO, TestEnv};
use crate::fake_github::{FakeGitHub, Visibility};

/// Printed documents: the name of the schema and the value.
type Printed = Vec<(String, Value)>;

fn schema(name: &str) -> Value {
    let text = std::fs::read_to_string(Path::new(REPO).join(format!("schema/{name}.schema.json")))
        .expect("a schema");
    serde_json::from_str(&text).expect("JSON")
}

/// Validates a value against a schema. Supports the keywords that our schemas use and fails on
/// others.
fn validate(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(target) = schema["$ref"].as_str() {
        return validate(
            root,
            root.pointer(target.trim_start_matches('#'))
                .expect("a definition"),
            value,
            at,
        );
    }
    let any: Vec<&Value> = ["anyOf", "oneOf"]
        .iter()
        .filter_map(|word| schema[word].as_array())
        .flatten()
        .collect();
    if !any.is_empty() {
        let errors: Vec<String> = any
            .iter()
            .filter_map(|schema| validate(root, schema, value, at).err())
            .collect();
        return if errors.len() < any.len() {
            Ok(())
        } else {
            Err(errors.join(" or "))
        };
    }
    let of_type = |word: &Value| match word.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        other => panic!("{at}: type {other:?}"),
    };
    let types = schema["type"]
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![schema["type"].clone()]);
    if !schema["type"].is_null() && !types.iter().any(of_type) {
        return Err(format!("{at} is {value}, not {types:?}"));
    }
    if schema["const"] != Value::Null && schema["const"] != *value {
        return Err(format!("{at} is {value}, not {}", schema["const"]));
    }
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        return Err(format!("{at} is {value}, not one of {known:?}"));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !regex::Regex::new(pattern)
            .expect("a pattern")
            .is_match(text)
    {
        return Err(format!("{at} is {text}, which is not {pattern}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        validate(root, &schema["items"], item, &format!("{at}[{n}]"))?;
    }
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        object
            .get(name)
            .ok_or_else(|| format!("{at} lacks {name}"))?;
    }
    for (name, value) in object {
        let property = schema["properties"]
            .get(name)
            .or_else(|| schema.get("additionalProperties"));
        let property = property.ok_or_else(|| format!("{at}.{name} is in no schema"))?;
        validate(root, property, value, &format!("{at}.{name}"))?;
    }
    Ok(())
}

/// Every document and line that larder prints about a project in which every kind of result has
/// occurred.
fn everything() -> Printed {
    let env = TestEnv::new();
    let mut printed: Printed = Vec::new();
    let mut document = |schema: &str, args: &[&str]| {
        printed.push((schema.to_owned(), env.larder_json(args).document()));
    };
    document(
        "init",
        &[
            "init",
            "-C",
            env.base().join("home").as_str(),
            "--ci",
            "github",
        ],
    );
    let file = format!("{}/tests/it/data/from/dotslash-plain", crate::env::REPO);
    document(
        "init-from",
        &["init", "--from", &file, "--offline", "--dry-run"],
    );
    env.script_subsystem("app", "v1.0.0");
    env.script_subsystem("base", "v2.0.0");
    env.script_subsystem("tool", "v3");
    env.edit(
        "subsystems/app/recipe.yml",
        "build:\n",
        "description: An app\nhomepage: https://example.invalid\nlicense: MIT\nneeds: [base]\nbuild:\n  needs: [tool]\n",
    );
    let tasks = "tasks:\n  test: {desc: Tests, needs: [ensure base], commands: [base]}\n\
                 services: {idle: {desc: Idle, command: \"echo hello; exec sleep 600\"}, ends: {command: exit 3, ready: {tcp: 1}}}\n\
                 ci: [ensure all, run test]\n";
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!(
            "{versions}platforms: [{}, windows-arm64]\n{tasks}",
            crate::env::host()
        ),
    );
    document("plan", &["plan", "--platform", "all"]);
    document("why", &["why", "app"]);
    let lines = |printed: &mut Printed, args: &[&str]| {
        for line in env.larder_json(args).json() {
            let schema = match line {
                _ if line["event"] == "summary" => "event-summary",
                _ if line["event"] == "services" => "services",
                _ if line.get("service").is_some() => "log-line",
                _ if line.get("subject").is_some() => "event-did",
                _ => "event-finished",
            };
            printed.push((schema.to_owned(), line));
        }
    };
    lines(&mut printed, &["ensure", "all"]);
    let mut document = |schema: &str, args: &[&str]| {
        printed.push((schema.to_owned(), env.larder_json(args).document()));
    };
    document("release-status", &["release", "status"]);
    for line in [
        "ensure all",
        "ci",
        "verify",
        "package all",
        "bundle",
        "release all",
        "run test",
        "lock",
        "clean tool",
        "ensure nobody",
        "up idle",
        "up ends",
        "down idle ends",
        "logs idle",
    ] {
        lines(&mut printed, &line.split(' ').collect::<Vec<_>>());
    }
    let mut document = |schema: &str, args: &[&str]| {
        printed.push((schema.to_owned(), env.larder_json(args).document()));
    };
    document("release-status", &["release", "status"]);
    env.edit("versions.yml", "base: v2.0.0", "base: v2.0.1");
    env.write(
        "subsystems/app/src/app.sh",
        "#!/bin/sh\necho \"app @VERSION@\" # changed\n",
    );
    document("verify-all", &["verify", "--all"]);
    document("status", &["status", "--platform", "all"]);
    document("list", &["list"]);
    for args in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "--message", "feat(app)!: start (#1)"],
        &["tag", "base-v1.0.0"],
    ] {
        env.run("git", args);
    }
    document("changelog", &["changelog", "app"]);
    document("changelog", &["changelog", "base"]);
    document("publish-validate", &["publish", "validate", "all"]);
    document("publish-status", &["publish", "status"]);
    document("outdated", &["outdated"]);
    document("why", &["why", "app"]);
    document("plan", &["plan"]);
    document("plan-matrix", &["plan", "--matrix"]);
    document("graph", &["graph"]);
    document("check", &["check"]);
    document("publish-validate", &["publish", "validate", "all"]);
    document("publish-status", &["publish", "status"]);
    document("tasks", &["run"]);
    document("doctor", &["doctor"]);
    document("env", &["env"]);
    for what in ["dir", "size", "prune", "verify"] {
        document(&format!("cache-{what}"), &["cache", what]);
    }
    document("schemas", &["schema"]);
    env.write(
        "../registry/pkgs/acme/tool/registry.yaml",
        "packages: [{type: cargo, name: acme/tool, crate: tool}]",
    );
    document("search", &["search", "tool", "--registry", "../registry"]);
    env.edit("versions.yml", "versions:\n", "versins: {}\nversions:\n");
    document("check", &["check"]);
    // The commands above fail for Windows, and the failures of steps are lines as well.
    lines(&mut printed, &["ensure", "all"]);
    printed.push(("add".to_owned(), added()));
    printed.push(("hub-presign".to_owned(), crate::hub::s3::presigned()));
    printed.extend(crate::serve::fleet::documents());
    printed
}

/// What `add` prints.
fn added() -> Value {
    let github = FakeGitHub::start();
    github.repo("acme/tool", Visibility::Public);
    github.put_release(
        "acme/tool",
        "v1.0.0",
        false,
        &[(&format!("tool-{}", crate::env::host()), b"#!/bin/sh\n")],
    );
    let mut env = TestEnv::new();
    env.set("LARDER_UPSTREAM_GITHUB", github.web_url());
    env.set("GITHUB_SERVER_URL", github.web_url())
        .set("GITHUB_API_URL", github.api_url());
    env.write("versions.yml", "versions: {}\n");
    env.larder_json(["add", "tool", "github:acme/tool", "v1.0.0"])
        .success()
        .document()
}

#[test]
fn json_output_matches_its_schemas() {
    let printed = everything();
    let log = std::env::var_os("LARDER_DOCUMENTS_LOG");
    for (n, (name, value)) in printed.iter().enumerate() {
        if let Some(log) = &log {
            let folder = Path::new(log).join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join(format!("{n}.json")), value.to_string()).expect("written");
        }
        let schema = schema(name);
        if let Err(why) = validate(&schema, &schema, value, name) {
            panic!("{why}\n{value:#}");
        }
    }
    let seen: BTreeSet<&str> = printed
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(["versions", "recipe", "config"])
        .collect();
    let known: BTreeSet<&str> = larder::cli::schemas::ALL
        .iter()
        .map(|known| known.name)
        .collect();
    assert_eq!(seen, known, "every schema is of something that is printed");
}

#[test]
fn larder_schema_prints_each_schema() {
    let env = TestEnv::new();
    let listed = env.larder(["schema"]).success().stdout;
    for name in ["versions", "recipe", "status", "plan-matrix"] {
        assert!(
            listed
                .lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{listed}"
        );
        let printed = env.larder(["schema", name]).success();
        assert_eq!(printed.document(), schema(name));
    }
    let wrong = env.larder(["schema", "stats"]).exits(2).stderr;
    assert!(
        wrong.contains("tip: a similar value exists: 'status'") && wrong.contains("plan-matrix"),
        "{wrong}"
    );
    assert!(
        env.larder(["schema", "--help"])
            .success()
            .stdout
            .contains("release-status")
    );
}
