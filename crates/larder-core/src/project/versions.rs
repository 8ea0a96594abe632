//! `versions.yml`: as typed → the project's settings, each problem at its place. Recipes are none of its business.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::model::{COMMAND_WORDS, FileName, Name, Platform, SourceKind, Version};
use crate::suggestions;

use super::domain::{BundleConfig, HubConfig, Task, UploadPolicy};
use super::render::{join, url_fault};
use super::syntax::command_line;
use super::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot};
use super::syntax::decode::{Word, distinct};
use super::syntax::yaml::Node;
use super::typed::versions::{RawBundle, RawHub, RawTask, RawVersions};
use super::typed::words::{ProjectName, Repo, SourceWord, TaskName, UploadWord};
use super::user::UserConfig;

/// Whether a word can begin a line of `ci:`.
fn is_command(word: &str) -> bool {
    COMMAND_WORDS.contains(&word)
}

/// What `versions.yml` says, checked as far as it goes without the recipes.
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) versions: Versions,
    pub(super) platforms: Vec<Platform>,
    pub(super) hub: HubConfig,
    pub(super) sources: Vec<SourceKind>,
    pub(super) upload: UploadPolicy,
    pub(super) bundle: BundleConfig,
    pub(super) tasks: BTreeMap<String, Task>,
    pub(super) ci: Vec<String>,
    pub(super) subsystems_dir: Utf8PathBuf,
    /// References to subsystems, to be checked once all are known.
    pub(super) references: Vec<Reference>,
    /// Where the recipes are is not known.
    pub(super) lost: bool,
    /// Larder itself is too old for this project: nothing else is worth telling.
    pub(super) too_old: bool,
}

/// A subsystem that is named.
pub(super) struct Reference {
    pub(super) name: At<Name>,
    /// `all` could stand here, too.
    pub(super) or_all: bool,
}

/// The pinned versions; a version that could not be read is `None`.
pub(super) type Versions = BTreeMap<Name, (Option<Version>, Range<usize>)>;

impl Settings {
    /// Those of an empty file in a folder.
    pub(super) fn default_in(root: &Utf8Path) -> Self {
        let name = root.file_name().unwrap_or("project").to_owned();
        Self {
            bundle: BundleConfig {
                name: file_stem(&name),
                exclude: Vec::new(),
            },
            name,
            versions: BTreeMap::new(),
            platforms: vec![Platform::host()],
            hub: HubConfig::Dir {
                path: root.join(".larder-hub"),
                written: ".larder-hub".into(),
                default: true,
            },
            sources: vec![SourceKind::Managed, SourceKind::Original, SourceKind::Build],
            upload: UploadPolicy::Ci,
            tasks: BTreeMap::new(),
            ci: Vec::new(),
            subsystems_dir: root.join("subsystems"),
            references: Vec::new(),
            lost: false,
            too_old: false,
        }
    }
}

/// A text as the stem of file names.
fn file_stem(text: &str) -> FileName {
    let clean: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let fallback = || "project".parse().expect("`project` is a file name");
    clean
        .trim_matches(['.', '-'])
        .parse()
        .unwrap_or_else(|_| fallback())
}

/// Reads `versions.yml`.
pub(super) fn settings(
    node: &Node,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Settings {
    let mut settings = Settings::default_in(root);
    let Some(raw) = RawVersions::decode(node, Spot::File, reader) else {
        return settings;
    };
    let RawVersions {
        project,
        requires,
        versions,
        platforms,
        hub,
        sources,
        upload,
        bundle,
        tasks,
        ci,
        subsystems_dir,
        spans,
    } = raw;
    if let Some(requires) = requires {
        let own = semver::Version::parse(env!("CARGO_PKG_VERSION"))
            .expect("cargo checked our own version");
        // A pre-release of what is demanded counts as it.
        let plain = semver::Version::new(own.major, own.minor, own.patch);
        if !requires.value.0.matches(&own) && !requires.value.0.matches(&plain) {
            let message = format!(
                "this project needs larder {}, and this is larder {own}",
                requires.value.0
            );
            reader.problems.clear();
            reader.problem(&requires.span, message, "update larder");
            settings.too_old = true;
            return settings;
        }
    }
    if let Some(At {
        value: ProjectName(name),
        ..
    }) = project
    {
        settings.bundle.name = file_stem(&name);
        settings.name = name;
    }
    for (name, version) in versions.map(|Pairs(pairs)| pairs).unwrap_or_default() {
        settings.versions.insert(
            name.value,
            (version.map(|version| version.value), name.span),
        );
    }
    if let Some(NonEmpty(platforms)) = platforms {
        settings.platforms = distinct("platforms", platforms, reader);
    }
    let hub = hub.map(|raw| {
        hub_config(
            raw,
            spans
                .iter()
                .find(|(key, _)| *key == "hub")
                .map(|(_, span)| span),
            root,
            user,
            reader,
        )
    });
    let hub_is_dir = match hub {
        None => !spans.iter().any(|(key, _)| *key == "hub"),
        // A hub that was refused is not also blamed for `upload`.
        Some(None) => true,
        Some(Some(config)) => {
            settings.hub = config;
            matches!(settings.hub, HubConfig::Dir { .. })
        }
    };
    if let Some(NonEmpty(sources)) = sources {
        let words: Vec<At<SourceKind>> = sources
            .into_iter()
            .map(|At { value, span }| {
                let via = match value {
                    SourceWord::Managed => SourceKind::Managed,
                    SourceWord::Original => SourceKind::Original,
                    SourceWord::Build => SourceKind::Build,
                };
                At { value: via, span }
            })
            .collect();
        settings.sources = distinct("sources", words, reader);
    }
    if let Some(At { value, span }) = upload {
        settings.upload = match value {
            UploadWord::Ci => UploadPolicy::Ci,
            UploadWord::Never => UploadPolicy::Never,
            UploadWord::Always => UploadPolicy::Always,
        };
        if value == UploadWord::Always && !hub_is_dir {
            let hint =
                "write `upload: ci`; a hub that others read is filled by CI or by `larder release`";
            reader.problem(&span, "`upload: always` is for a folder hub only", hint);
        }
    }
    if let Some(RawBundle {
        name,
        exclude,
        spans: _,
    }) = bundle
    {
        if let Some(name) = name {
            settings.bundle.name = name.value;
        }
        let exclude = exclude.unwrap_or_default();
        settings
            .references
            .extend(exclude.iter().cloned().map(|name| Reference {
                name,
                or_all: false,
            }));
        settings.bundle.exclude = distinct("exclude", exclude, reader);
    }
    if let Some(At { value, span }) = subsystems_dir {
        if value.is_empty()
            || value.split(['/', '\\']).any(|part| part == "..")
            || Utf8Path::new(&value).is_absolute()
        {
            let hint = "a folder inside the project, relative to versions.yml";
            reader.problem(
                &span,
                format!("`{value}` can't be the folder of the recipes"),
                hint,
            );
            settings.lost = true;
        }
        settings.subsystems_dir = join(root, &value);
    }
    let tasks = tasks.map(|Pairs(pairs)| pairs).unwrap_or_default();
    let subsystems: Vec<&str> = settings.versions.keys().map(Name::as_str).collect();
    check_tasks(&tasks, &subsystems, &mut settings.references, reader);
    let names: Vec<&str> = tasks
        .iter()
        .map(|(name, _)| name.value.0.as_str())
        .collect();
    for line in ci.unwrap_or_default() {
        check_ci_line(&line, &names, &subsystems, &mut settings.references, reader);
        settings.ci.push(line.value);
    }
    settings.tasks = tasks
        .into_iter()
        .filter_map(|(name, raw)| Some((name.value.0, task(raw?))))
        .collect();
    settings
}

fn hub_config(
    raw: RawHub,
    key: Option<&Range<usize>>,
    root: &Utf8Path,
    user: &UserConfig,
    reader: &mut Reader<'_>,
) -> Option<HubConfig> {
    let RawHub {
        github,
        dir,
        http,
        spans,
    } = raw;
    match (spans.len(), spans.get(1)) {
        (0, _) => {
            if let Some(key) = key {
                reader.problem(
                    key,
                    "`hub` does not say where it is",
                    "one of {github: owner/name}, {dir: PATH}, {http: URL}",
                );
            }
            return None;
        }
        (_, Some((second, span))) => {
            let first = spans[0].0;
            reader.problem(
                span,
                format!("`hub` names both `{first}` and `{second}`"),
                "a project has one hub; keep one of them",
            );
            return None;
        }
        _ => {}
    }
    if let Some(At {
        value: Repo(repo), ..
    }) = github
    {
        return Some(HubConfig::GitHub { repo });
    }
    if let Some(At { value, span }) = dir {
        if value.is_empty() || value.contains('\0') || value.contains("://") {
            reader.problem(
                &span,
                format!("`{value}` can't be the folder of a hub"),
                "a path, relative to the project or absolute",
            );
            return None;
        }
        return Some(HubConfig::Dir {
            path: join(root, &value),
            written: value.into(),
            default: false,
        });
    }
    let At { value, span } = http?;
    if let Some((message, hint)) = url_fault(&value, Some(user)) {
        reader.problem(&span, message, hint);
        return None;
    }
    Some(HubConfig::Http {
        url: value.trim_end_matches('/').to_owned(),
    })
}

impl HubConfig {
    /// A hub as `--hub` and `LARDER_HUB` name it: `github:owner/name`, an http(s) url, or a folder.
    pub fn parse(text: &str, root: &Utf8Path, user: &UserConfig) -> Result<Self, Error> {
        if let Some(repo) = text.strip_prefix("github:") {
            return Ok(Repo::word(repo).map(|Repo(repo)| Self::GitHub { repo })?);
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return match url_fault(text, Some(user)) {
                Some((message, hint)) => Err(Error::usage(message).hint(hint)),
                None => Ok(Self::Http {
                    url: text.trim_end_matches('/').to_owned(),
                }),
            };
        }
        let path = text.strip_prefix("dir:").unwrap_or(text);
        if path.is_empty() || path.contains('\0') || path.contains("://") {
            return Err(Error::usage(format!("`{text}` is not a hub"))
                .hint("a hub is github:owner/name, an https url or a folder"));
        }
        Ok(Self::Dir {
            path: join(root, path),
            written: path.into(),
            default: false,
        })
    }
}

fn task(raw: RawTask) -> Task {
    let RawTask {
        desc,
        needs,
        env,
        commands,
        status,
        spans: _,
    } = raw;
    let texts = |list: Option<Vec<At<String>>>| {
        list.unwrap_or_default()
            .into_iter()
            .map(|at| at.value)
            .collect()
    };
    let env = env.map(|Pairs(pairs)| pairs).unwrap_or_default();
    Task {
        description: desc.map(|at| at.value),
        needs: texts(needs),
        env: env
            .into_iter()
            .filter_map(|(name, value)| Some((name.value.0, value?.value.0)))
            .collect(),
        commands: texts(commands),
        status: texts(status),
    }
}

fn check_tasks(
    tasks: &[(At<TaskName>, Option<RawTask>)],
    subsystems: &[&str],
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let index: HashMap<&str, usize> = tasks
        .iter()
        .enumerate()
        .map(|(n, (task, _))| (task.value.0.as_str(), n))
        .collect();
    let names: Vec<&str> = tasks
        .iter()
        .map(|(name, _)| name.value.0.as_str())
        .collect();
    let mut edges: Vec<Vec<(usize, Range<usize>)>> = vec![Vec::new(); tasks.len()];
    for (from, (name, task)) in tasks.iter().enumerate() {
        let Some(task) = task else { continue };
        if task
            .spans
            .iter()
            .all(|(key, _)| !matches!(*key, "needs" | "commands"))
        {
            let message = format!("the task `{}` does nothing", name.value.0);
            reader.problem(
                &name.span,
                message,
                "give it `commands: [...]` or `needs: [...]`",
            );
        }
        for need in task.needs.iter().flatten() {
            // A task by its name, or as the command line that runs it.
            let called = need
                .value
                .strip_prefix("run ")
                .map_or(need.value.as_str(), str::trim);
            if let Some(to) = index.get(called) {
                edges[from].push((*to, need.span.clone()));
                continue;
            }
            let Some(words) = split(need, reader) else {
                continue;
            };
            match words
                .split_first()
                .map(|(word, rest)| (word.as_str(), rest))
            {
                Some(("ensure", rest)) => ensure_arguments(rest, &need.span, references, reader),
                Some((word, _)) if is_command(word) && !matches!(word, "run" | "ci") => {}
                _ => {
                    let command = || {
                        let (word, rest) = called.split_once(' ')?;
                        let near = suggestions::nearest(word, COMMAND_WORDS.iter().copied())?;
                        Some(format!("did you mean `{near} {rest}`?"))
                    };
                    let hint = match suggestions::nearest(called, names.iter().copied()) {
                        _ if subsystems.contains(&called) => format!("write `ensure {called}`"),
                        Some(near) => format!("did you mean `{near}`?"),
                        None => command().unwrap_or_else(|| {
                            "a need is the name of a task, or a line such as `ensure all`"
                                .to_owned()
                        }),
                    };
                    reader.problem(&need.span, format!("unknown task `{called}`"), hint);
                }
            }
        }
        for (key, lines) in [("commands", &task.commands), ("status", &task.status)] {
            for line in lines
                .iter()
                .flatten()
                .filter(|line| line.value.trim().is_empty())
            {
                reader.problem(
                    &line.span,
                    format!("an empty line in `{key}`"),
                    "write a command, or remove it",
                );
            }
        }
    }
    for cycle in super::cycle::find(&edges) {
        let told: Vec<&str> = cycle.nodes.iter().map(|node| names[*node]).collect();
        reader.problem(
            &cycle.closed_by,
            format!("tasks need each other in a circle: {}", told.join(" -> ")),
            "remove one of these needs",
        );
    }
}

/// Names in an `ensure` line; they are looked up once all subsystems are known.
fn ensure_arguments(
    words: &[String],
    span: &Range<usize>,
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let mut any = false;
    let mut value_next = false;
    for word in words {
        if std::mem::take(&mut value_next) {
            continue;
        }
        if word.starts_with('-') {
            value_next = matches!(
                word.as_str(),
                "--platform" | "-j" | "--jobs" | "--source" | "--color" | "-C" | "--directory"
            );
            continue;
        }
        any = true;
        if word == "all" {
            continue;
        }
        match word.parse::<Name>() {
            Ok(name) => references.push(Reference {
                name: At {
                    value: name,
                    span: span.clone(),
                },
                or_all: true,
            }),
            Err(invalid) => reader.invalid(span, invalid),
        }
    }
    if !any {
        reader.problem(
            span,
            "`ensure` does not say what",
            "write `ensure all` or `ensure <name>`",
        );
    }
}

/// A line as words; a problem where it can't be split.
fn split(line: &At<String>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let words = command_line::split(&line.value);
    words
        .map_err(|why| {
            reader.problem(
                &line.span,
                format!("{why} in `{}`", line.value),
                "close it, or leave it out",
            );
        })
        .ok()
}

fn check_ci_line(
    line: &At<String>,
    tasks: &[&str],
    subsystems: &[&str],
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let Some(words) = split(line, reader) else {
        return;
    };
    let Some((first, rest)) = words.split_first() else {
        return reader.problem(
            &line.span,
            "an empty line in `ci`",
            "write a larder command such as `ensure all`, or remove it",
        );
    };
    match (first.as_str(), rest.first()) {
        ("larder", _) => {
            let rest = line
                .value
                .trim_start()
                .trim_start_matches("larder")
                .trim_start();
            reader.problem(
                &line.span,
                "lines of `ci` are written without `larder`",
                format!("write `{rest}`"),
            );
        }
        ("ensure", _) => ensure_arguments(rest, &line.span, references, reader),
        ("run", Some(task)) if tasks.contains(&task.as_str()) => {}
        ("run", Some(task)) => {
            let hint = suggestions::hint(task, tasks.iter().copied());
            reader.problem(&line.span, format!("unknown task `{task}`"), hint);
        }
        ("run", None) => reader.problem(
            &line.span,
            "`run` does not say which task",
            "write `run <task>`",
        ),
        (word, _) if is_command(word) => {}
        (word, _) => {
            let hint = match suggestions::nearest(word, COMMAND_WORDS.iter().copied()) {
                _ if tasks.contains(&word) => format!("write `run {word}`"),
                _ if subsystems.contains(&word) => format!("write `ensure {word}`"),
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "lines of `ci` are larder commands; for others make a task and write `run {word}`"
                ),
            };
            reader.problem(&line.span, format!("unknown command `{word}`"), hint);
        }
    }
}
