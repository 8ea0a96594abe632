//! `docs/files.md` is complete, and larder accepts each of its examples.

use larder::cli::files_reference::{File, Key, files};
use serde_yaml::Value;

use crate::env::TestEnv;
use crate::project::loading::Files;

#[test]
fn every_key_is_described() {
    let mut missing = Vec::new();
    for File { name, about, keys } in files() {
        assert!(!about.is_empty() && keys.len() > 1, "{name}");
        for key in &keys {
            for (what, lacking) in [
                ("description", key.description().is_empty()),
                ("since", key.since().is_empty()),
                ("example", key.example().is_null()),
            ] {
                if lacking {
                    missing.push(format!("{name}: {} has no {what}", key.dotted()));
                }
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    let known = files().iter().map(|file| file.keys.len()).sum::<usize>();
    assert!(known > 60, "{known} keys are too few");
}

/// What a file needs besides the example, so that it is complete.
fn companions(file: &str, key: &str) -> &'static str {
    match (file, key) {
        ("versions.yml", "trust.managed") => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             trust: {keys: {release: RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3}}}"
        }
        ("versions.yml", "hub.region" | "hub.endpoint") => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             hub: {s3: 's3://acme-tools'}}"
        }
        ("versions.yml", "hubs.read") => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             hubs: {write: {dir: hub}}}"
        }
        ("versions.yml", "hubs.write.region" | "hubs.write.endpoint") => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             hubs: {read: [{dir: hub}], write: {s3: 's3://acme-tools'}}}"
        }
        ("versions.yml", key) if key.starts_with("hubs.write") => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             hubs: {read: [{dir: hub}]}}"
        }
        ("versions.yml", _) => {
            "{versions: {docs: 1.0.0, go: 1.24.0, nats: v2.10.24, nats-cli: 0.1.5}, \
             tasks: {lint: {commands: [make lint]}, test: {commands: [make test]}}, \
             services: {nats: {command: nats-server}, database: {command: postgres}, \
             test: {command: serve}}}"
        }
        ("config.yml", key) if key.starts_with("executor.") => {
            "{executor: {url: 'grpcs://cluster.example.com'}}"
        }
        ("config.yml", _) => "{}",
        (_, key) if key.starts_with("build.remote") => {
            "{binaries: [tool], build: {source: {dir: .}, commands: [make], hermetic: true, \
             remote: {image: 'docker://gcc@sha256:\
             0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}}}"
        }
        (_, "publish") => {
            "{binaries: [tool], build: {source: {dir: .}, commands: [make]}, \
             description: A tool, homepage: 'https://tool.example', license: MIT}"
        }
        (_, "upstream.url" | "upstream.npm" | "upstream.pypi") => "{binaries: [tool]}",
        (_, key) if key.starts_with("upstream.signature") => {
            "{binaries: [tool], upstream: {github: acme/tool, asset: tool.tar.gz, checksums: SUMS, \
             signature: {file: x.minisig, minisign: \
             RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3}}}"
        }
        (_, key) if key.starts_with("upstream.") => {
            "{binaries: [tool], upstream: {github: acme/tool, asset: tool.tar.gz}}"
        }
        (_, "build.source" | "build.source.dir" | "build.source.crate") => {
            "{binaries: [tool], build: {commands: [make]}}"
        }
        (_, "build.source.git") => {
            "{binaries: [tool], build: {source: {rev: main}, commands: [make]}}"
        }
        (_, "build.source.rev") => {
            "{binaries: [tool], build: {source: {git: 'https://example.com/tool'}, commands: [make]}}"
        }
        (_, "build.source.url") => {
            "{binaries: [tool], build: {source: \
             {sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}, commands: [make]}}"
        }
        (_, "build.source.sha256") => {
            "{binaries: [tool], build: {source: {url: 'https://example.com/t.zip'}, commands: [make]}}"
        }
        _ => "{binaries: [tool], build: {source: {dir: .}, commands: [make]}}",
    }
}

/// Puts a value under its keys; a mapping is added to the one that is there.
fn insert(file: &mut Value, path: &[String], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        match (file, value) {
            (Value::Mapping(file), Value::Mapping(value)) => file.extend(value),
            (file, value) => *file = value,
        }
        return;
    };
    if !file.is_mapping() {
        *file = Value::Mapping(serde_yaml::Mapping::new());
    }
    let map = file.as_mapping_mut().expect("a mapping");
    insert(
        map.entry(key.as_str().into()).or_insert(Value::Null),
        rest,
        value,
    );
}

/// Loads a project, or a user's configuration, in which one key has the value of its example.
fn load(file: &str, key: &Key) -> Result<(), String> {
    let shown: Value = serde_yaml::from_str(&key.example_yaml()).map_err(|e| e.to_string())?;
    let path: Vec<String> = key.example_path().into_iter().map(str::to_owned).collect();
    let value = path
        .iter()
        .try_fold(&shown, |value, name| value.get(name))
        .ok_or("the example does not show the key")?;
    if serde_json::to_value(value).ok().as_ref() != Some(key.example()) {
        return Err(format!("the example is shown as {value:?}"));
    }
    let mut content: Value =
        serde_yaml::from_str(companions(file, &key.dotted())).expect("companions are YAML");
    insert(&mut content, &path, value.clone());
    let content = serde_yaml::to_string(&content).expect("YAML");
    if file == "config.yml" {
        let mut env = TestEnv::new();
        env.write("versions.yml", "versions: {}\n");
        env.set("LARDER_CONFIG", env.write("config.yml", content));
        let checked = env.larder(["check"]);
        return if checked.code == Some(0) {
            Ok(())
        } else {
            Err(checked.stderr)
        };
    }
    let mut files = Files::new().file("server/Makefile", "");
    for folder in ["subsystems", "tools"] {
        for name in ["docs", "go", "nats", "nats-cli"] {
            let recipe =
                companions("recipe.yml", "publish").replace("[tool]", &format!("[{name}]"));
            files = files.file(&format!("{folder}/{name}/recipe.yml"), &recipe);
        }
    }
    let files = if file == "versions.yml" {
        files.file(file, &content)
    } else {
        files
            .file("versions.yml", companions("versions.yml", ""))
            .file("subsystems/nats/recipe.yml", &content)
    };
    files.load().map(drop)
}

#[test]
fn every_example_is_accepted() {
    let mut refused = Vec::new();
    for File { name, keys, .. } in files() {
        for key in &keys {
            // It is a key of every hub, and one that is written can't be read-only.
            let is_read_only = key.dotted() == "hubs.write.http";
            if let Err(why) = load(name, key)
                && !is_read_only
            {
                refused.push(format!(
                    "{name}: {}\n{}{why}",
                    key.dotted(),
                    key.example_yaml()
                ));
            }
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
}
