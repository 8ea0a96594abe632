//! What others see on a machine: the files of the project, of hubs, and of installed sets.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use larder_core::model::Digest;

use super::trace::is_staged;
use crate::env::{TestEnv, list, stamped};

/// What is visible, by path below the machine's folder. Links in `.bin` are followed.
pub type Visible = BTreeMap<String, Vec<u8>>;

/// Reads what is visible. The cache, logs, locks and the sets behind the links are left out.
pub fn visible(env: &TestEnv) -> Visible {
    let mut found = Visible::new();
    walk(env.base(), "", &mut found);
    found
}

fn walk(dir: &Utf8Path, below: &str, found: &mut Visible) {
    for name in list(dir) {
        let path = dir.join(&name);
        let below = format!("{below}{name}");
        let hidden = [".larder", ".v", ".lock"].contains(&name.as_str());
        if hidden || ["cache", "tmp"].contains(&below.as_str()) {
            continue;
        }
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        if meta.is_dir() {
            walk(&path, &format!("{below}/"), found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            // A link that leads nowhere is not visible.
            found.insert(below, without_port(bytes));
        }
    }
}

/// The same file for a server that was started anew for each run.
fn without_port(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = String::from_utf8(bytes.clone()) else {
        return bytes;
    };
    let mut parts = text.split(LOCAL);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown += LOCAL;
        shown += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    shown.into_bytes()
}

const LOCAL: &str = "http://127.0.0.1:";

/// The states before and after a run without faults.
pub struct Expected {
    pub before: Visible,
    pub after: Visible,
    /// Files that differ from run to run, because they name the time.
    pub varies: BTreeSet<String>,
}

impl Expected {
    /// Whether the state is the one after the run.
    pub fn is_after(&self, now: &Visible) -> bool {
        self.difference(now).is_none()
    }

    /// How the state differs from the one after the run.
    pub fn difference(&self, now: &Visible) -> Option<String> {
        let names: BTreeSet<&String> = now.keys().chain(self.after.keys()).collect();
        let differs = |name: &&&String| match (now.get(**name), self.after.get(**name)) {
            (Some(_), Some(_)) if self.varies.contains(**name) => false,
            (now, after) => now != after,
        };
        let name = names.iter().find(differs)?;
        // From a little before the first byte that differs.
        let states = [now, &self.after].map(|state| state.get(name.as_str()));
        let same = match states {
            [Some(now), Some(after)] => now.iter().zip(after).take_while(|(a, b)| a == b).count(),
            _ => 0,
        };
        let about = |state: &Visible| match state.get(name.as_str()) {
            Some(bytes) => {
                let rest = &bytes[same.saturating_sub(30)..];
                let rest = String::from_utf8_lossy(&rest[..rest.len().min(150)]);
                format!("…{rest:?} ({} bytes)", bytes.len())
            }
            None => "absent".to_owned(),
        };
        Some(format!(
            "{name} is {}, not {}",
            about(now),
            about(&self.after)
        ))
    }

    /// What no reader may see at any moment.
    pub fn faults(&self, env: &TestEnv, now: &Visible, links: bool) -> Vec<String> {
        let mut found = Vec::new();
        for (name, bytes) in now {
            let file = name.rsplit('/').next().unwrap_or(name);
            let known = [&self.before, &self.after].map(|state| state.get(name));
            if file == "versions.lock" {
                found.extend(lock_faults(bytes, known));
            } else if self.varies.contains(name) {
                let json = file.ends_with(".json") || file.ends_with(".jsonl");
                let mut lines =
                    serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>();
                if bytes.is_empty() || json && !lines.all(|line| line.is_ok()) {
                    found.push(format!("{name} is not whole"));
                }
            } else if !known.contains(&Some(bytes)) && !name.split('/').any(is_staged) && links {
                found.push(format!("{name} is neither what it was nor what it becomes"));
            }
        }
        for name in self.before.keys() {
            // Until a package in `.dist` has its new sidecar, it has none.
            let derived = name.contains("/.dist/") && name.ends_with(".json");
            if self.after.contains_key(name) && !now.contains_key(name) && links && !derived {
                found.push(format!("{name} is lost"));
            }
        }
        found.extend(set_faults(env, now, links));
        found.extend(sidecar_faults(now));
        found
    }
}

/// A lock may hold some of the lines that a run adds, and none that it removes may be lost before.
fn lock_faults(bytes: &[u8], known: [Option<&Vec<u8>>; 2]) -> Vec<String> {
    let lines = |bytes: &[u8]| -> BTreeSet<String> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().map(str::to_owned).collect()
    };
    let [before, after] = known.map(|bytes| lines(bytes.map_or(b"", Vec::as_slice)));
    let now = lines(bytes);
    let mut found = Vec::new();
    if bytes.last().is_some_and(|last| *last != b'\n') {
        found.push("versions.lock ends within a line".to_owned());
    }
    // The line at the end names the time of no run: every line is known.
    for line in now
        .iter()
        .filter(|line| !before.contains(*line) && !after.contains(*line))
    {
        found.push(format!("versions.lock has a line of neither state: {line}"));
    }
    for line in before
        .intersection(&after)
        .filter(|line| !now.contains(*line))
    {
        found.push(format!("versions.lock has lost: {line}"));
    }
    found
}

/// A set is complete and has its own stamp, or nothing of it is visible.
fn set_faults(env: &TestEnv, now: &Visible, links: bool) -> Vec<String> {
    let mut sets: BTreeMap<&str, BTreeMap<&str, &Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in now {
        if let Some((folder, name)) = path.rsplit_once('/')
            && folder.contains("/.bin")
        {
            sets.entry(folder).or_default().insert(name, bytes);
        }
    }
    let mut found = Vec::new();
    for (folder, files) in sets {
        let Some(stamp) = files.get(".version") else {
            // Without links the stamp goes first and comes last.
            if links {
                found.push(format!("{folder}: files without a stamp"));
            }
            continue;
        };
        let stamp = stamped(&String::from_utf8_lossy(stamp));
        if stamp.is_empty() {
            found.push(format!("{folder}/.version is not whole"));
        }
        for (name, digest) in &stamp {
            let behind = env.base().join(folder).join(".v/current").join(name);
            let bytes = files.get(name.as_str()).map(|bytes| (*bytes).clone());
            let bytes = bytes.or_else(|| std::fs::read(&behind).ok());
            match bytes.map(|bytes| Digest::of(&bytes).to_string()) {
                Some(digest_now) if digest_now == *digest => {}
                Some(_) => found.push(format!("{folder}/{name} is not that of its stamp")),
                None => found.push(format!("{folder}/{name} is missing beside its stamp")),
            }
        }
        let extra = files
            .keys()
            .filter(|name| **name != ".version" && !stamp.contains_key(**name));
        found.extend(extra.map(|name| format!("{folder}/{name} is not in the stamp")));
    }
    found
}

/// A sidecar is the truth about the asset beside it.
fn sidecar_faults(now: &Visible) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in now {
        let Some(asset) = path.strip_suffix(".json") else {
            continue;
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        let archive = [".tar.gz", ".tar.zst", ".zip"]
            .iter()
            .any(|end| asset.ends_with(end));
        if !archive || is_staged(name) {
            continue;
        }
        let Some(bytes) = now.get(asset) else {
            // In `.dist` the next run makes it again.
            if !path.contains("/.dist/") {
                found.push(format!("{path} has no asset"));
            }
            continue;
        };
        let digest = Digest::of(bytes).to_string();
        // While an asset is replaced, the sidecar that comes next is there already.
        let next = now.get(&format!("{folder}/.next-{name}"));
        let about = [Some(text), next].into_iter().flatten();
        let told = about
            .into_iter()
            .any(|text| String::from_utf8_lossy(text).contains(&digest));
        if !told && !path.contains("/.dist/") {
            found.push(format!("{path} is not about the asset beside it"));
        }
    }
    found
}

/// What a run has left behind: staged files anywhere, and work that nobody does any more.
pub fn litter(env: &TestEnv) -> Vec<String> {
    fn walk(dir: &Utf8Path, found: &mut Vec<String>) {
        for name in list(dir) {
            let path = dir.join(&name);
            if is_staged(&name) {
                found.push(path.to_string());
            }
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(env.base(), &mut found);
    for folder in [".larder/work", ".larder/pending"] {
        let left = list(&env.path(folder)).into_iter();
        found.extend(left.map(|name| format!("{folder}/{name}")));
    }
    found
}
