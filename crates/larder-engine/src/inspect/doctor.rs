//! `doctor`: whether this machine has what the project needs. It changes nothing, installs nothing
//! and asks the hub one question.

use std::path::PathBuf;

use camino::Utf8Path;

use super::workflows::{self, Conflict, Findings};
use crate::build::remote;
use crate::context::Context;
use crate::executor::remote::CacheUse;
use crate::init::has_schemas;
use crate::tasks::shell::bin_dirs;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::DoctorCheck;
use larder_core::fs;
use larder_core::human;
use larder_core::project::{Binary, BuildSource, HubConfig, UpstreamKeys};

/// A check that is right.
pub fn right(name: &'static str, found: impl Into<String>) -> DoctorCheck {
    DoctorCheck {
        name,
        state: "ok",
        found: found.into(),
        hint: None,
    }
}

fn warning(name: &'static str, found: String, hint: &str) -> DoctorCheck {
    DoctorCheck {
        name,
        state: "warning",
        found,
        hint: Some(hint.to_owned()),
    }
}

/// A check that failed.
pub fn wrong(name: &'static str, error: &Error) -> DoctorCheck {
    DoctorCheck {
        name,
        state: "failed",
        found: error.to_string(),
        hint: error.hints().first().cloned(),
    }
}

/// The checks of an opened project.
pub fn checks(ctx: &Context) -> Vec<DoctorCheck> {
    let mut checks = Vec::new();
    checks.extend(programs(&ctx.project.root));
    checks.extend(path(ctx));
    checks.extend(tools(ctx));
    checks.extend(token(ctx));
    checks.push(cache(ctx));
    checks.push(hub(ctx));
    checks.extend(executor(ctx));
    checks.extend(workflows(ctx));
    checks.extend(schema(&ctx.project.root));
    checks
}

/// Whether programs in the project can be run at all; nothing if they can.
fn programs(root: &Utf8Path) -> Option<DoctorCheck> {
    let hint = fs::noexec_hint(root)?;
    let found = format!("no program in {root} can be run");
    Some(warning("programs", found, &hint))
}

/// Whether the installed binaries are those that `PATH` finds.
fn path(ctx: &Context) -> Vec<DoctorCheck> {
    let environment = ctx.settings.environment();
    let own: Vec<PathBuf> = bin_dirs(&ctx.project)
        .into_iter()
        .map(camino::Utf8PathBuf::into_std_path_buf)
        .collect();
    let subsystems = ctx.project.subsystems.values();
    let binaries = subsystems.flat_map(|s| s.binaries_on(&s.host()));
    let (mut found, mut others) = (0, Vec::new());
    let mut total = 0;
    for Binary { name: binary, .. } in binaries {
        total += 1;
        match environment.find_program(binary.as_str()) {
            Some(file) if own.iter().any(|folder| file.starts_with(folder)) => found += 1,
            Some(file) => others.push(format!("{binary} is {}", file.display())),
            None => {}
        }
    }
    let hint =
        "`larder exec -- COMMAND` and `eval \"$(larder env)\"` put the project's binaries first";
    if !others.is_empty() {
        let text = format!("PATH finds other programs: {}", others.join(", "));
        return vec![warning("path", text, hint)];
    }
    if found < total {
        let text = format!("PATH finds {found} of the project's {total} binaries");
        return vec![warning("path", text, hint)];
    }
    vec![right("path", "PATH finds the project's binaries")]
}

/// The programs that the recipes need on this machine, and whether they are there.
fn tools(ctx: &Context) -> Vec<DoctorCheck> {
    let mut wanted: Vec<(String, String)> = Vec::new();
    let mut want = |tool: &str, by: &str| match wanted.iter_mut().find(|(known, _)| known == tool) {
        Some((_, names)) => {
            if !names.split(", ").any(|known| known == by) {
                names.push_str(", ");
                names.push_str(by);
            }
        }
        None => wanted.push((tool.to_owned(), by.to_owned())),
    };
    for subsystem in ctx.project.subsystems.values() {
        let name = subsystem.name.as_str();
        if let Some(build) = &subsystem.build {
            let target = ctx.project.host_target(&subsystem.name);
            let elsewhere = remote::used_for(ctx, subsystem, &target);
            if !elsewhere.is_some_and(|remote| remote.executes) {
                for tool in build.tools.keys() {
                    want(tool, name);
                }
            }
            match &build.source {
                BuildSource::Git { .. } => want("git", name),
                BuildSource::Crate(_) => want("cargo", name),
                _ => {}
            }
        }
        if let Some(upstream) = &subsystem.upstream {
            for tool in clients(&upstream.base) {
                want(tool, name);
            }
        }
    }
    let environment = ctx.settings.environment();
    wanted.sort();
    wanted
        .into_iter()
        .map(|(tool, names)| match environment.find_program(&tool) {
            Some(file) => right("tool", format!("{tool} is {}", file.display())),
            None => DoctorCheck {
                name: "tool",
                state: "failed",
                found: format!("{tool} is not on PATH, and is needed by {names}"),
                hint: Some(format!("install {tool}")),
            },
        })
        .collect()
}

/// The registries' own clients that an upstream needs.
fn clients(keys: &UpstreamKeys) -> Vec<&'static str> {
    let mut clients = Vec::new();
    if keys.npm.is_some() {
        clients.push("npm");
    }
    if keys.pypi.is_some() {
        clients.push("python3");
    }
    clients
}

/// Whether there is a token for a hub on GitHub. Its value is not looked at.
fn token(ctx: &Context) -> Option<DoctorCheck> {
    let HubConfig::GitHub { repo } = &ctx.project.hub else {
        return None;
    };
    let environment = ctx.settings.environment();
    let names = [
        larder_core::variables::GITHUB_TOKEN,
        "GH_TOKEN",
        "GITHUB_TOKEN",
    ];
    if let Some(name) = names
        .into_iter()
        .find(|name| environment.value(name).is_some())
    {
        return Some(right("token", format!("{name} is set")));
    }
    Some(match environment.find_program("gh") {
        Some(_) => right("token", "`gh auth token` is asked when one is needed"),
        None => warning(
            "token",
            format!("there is no token for {repo}"),
            "a public repository can be read without one; to release, set GH_TOKEN or log in with `gh auth login`",
        ),
    })
}

fn cache(ctx: &Context) -> DoctorCheck {
    let root = ctx.cache.root();
    if let Some(ignored) = ctx.cache.ignored() {
        return wrong("cache", &Error::failed(ignored.answer()));
    }
    let is_there = |path: &&Utf8Path| matches!(fs::stat(path), Ok(Some(_)));
    let existing = root.ancestors().find(is_there).unwrap_or(root);
    let usable = match fs::stat(existing) {
        Ok(Some(meta)) if !meta.is_dir() => {
            Err(Error::failed(format!("{existing} is not a folder"))
                .hint("LARDER_CACHE_DIR names another folder"))
        }
        _ => ctx.cache.usage(),
    };
    match usable {
        Ok(usage) => right("cache", format!("{root} has {}", human::bytes(usage.bytes))),
        Err(error) => wrong("cache", &error),
    }
}

/// Asks the executor of the user's configuration what it can do.
fn executor(ctx: &Context) -> Option<DoctorCheck> {
    let (remote, settings) = (ctx.remote.as_ref()?, ctx.settings.executor.as_ref()?);
    let place = remote.place();
    if ctx.options.offline {
        return Some(right("executor", format!("{place} was not asked")));
    }
    Some(match remote.facts(&ctx.cancel) {
        Ok(facts) if settings.execute && !facts.executes => warning(
            "executor",
            format!("{place} is a cache and runs no builds ({})", facts.protocol),
            "say so in config.yml: `executor: {execute: false}`",
        ),
        Ok(facts) if settings.cache == CacheUse::Write && facts.writes_cache == Some(false) => {
            warning(
                "executor",
                format!("{place} does not let this client write to its cache"),
                "set `cache: read`, or use headers of a client that may write",
            )
        }
        Ok(facts) => right("executor", format!("{place} answers ({})", facts.protocol)),
        Err(error) => wrong("executor", &error),
    })
}

/// Asks the hub for the asset of one subsystem.
fn hub(ctx: &Context) -> DoctorCheck {
    if let HubConfig::Dir { path, default, .. } = &ctx.project.hub {
        return match fs::stat(path) {
            Ok(Some(meta)) if meta.is_dir() => right("hub", format!("the folder {path}")),
            Ok(Some(_)) => wrong("hub", &Error::failed(format!("{path} is not a folder"))),
            Ok(None) if *default => warning(
                "hub",
                "none is set, so releases would go to .larder-hub".to_owned(),
                "set `hub:` in versions.yml to share what is built",
            ),
            Ok(None) => warning(
                "hub",
                format!("the folder {path} does not exist"),
                "the first `larder release` creates it; check `hub:` and LARDER_HUB",
            ),
            Err(error) => wrong("hub", &error),
        };
    }
    if ctx.options.offline {
        return warning(
            "hub",
            "not asked, because of --offline".to_owned(),
            "run it online",
        );
    }
    let ask = || -> Result<String> {
        let hub = ctx.hub()?;
        if let Some(subsystem) = ctx.project.subsystems.values().next() {
            let names = subsystem.assets(&subsystem.host());
            hub.sidecar(names.tag(), &names.asset())?;
        }
        Ok(hub.describe())
    };
    match ask() {
        Ok(hub) => right("hub", format!("{hub} answers")),
        Err(error) => wrong("hub", &error),
    }
}

/// Whether workflows write the same releases; nothing if there are no workflows.
fn workflows(ctx: &Context) -> Vec<DoctorCheck> {
    let subsystems = ctx.project.subsystems.values();
    let own_tags: Vec<String> = match &ctx.project.hub {
        HubConfig::GitHub { .. } => subsystems
            .map(|subsystem| subsystem.assets(&subsystem.host()).tag().to_string())
            .collect(),
        _ => Vec::new(),
    };
    match workflows::inspect(&ctx.project.root, &own_tags) {
        Err(error) => vec![wrong("workflows", &error)],
        Ok(Findings { count: 0, .. }) => Vec::new(),
        Ok(Findings { conflicts, count }) if conflicts.is_empty() => {
            let found = format!("no two of {count} write the releases of one tag");
            vec![right("workflows", found)]
        }
        Ok(Findings { conflicts, .. }) => conflicts
            .into_iter()
            .map(|Conflict { found, hint }| warning("workflows", found, hint))
            .collect(),
    }
}

fn schema(root: &Utf8Path) -> Option<DoctorCheck> {
    Some(if has_schemas(root)? {
        right("schema", "editors find the JSON Schemas of this larder")
    } else {
        warning(
            "schema",
            "the JSON Schemas in .larder/schema are missing or of another version".to_owned(),
            "`rm -rf .larder/schema && larder ensure all` writes them again",
        )
    })
}
