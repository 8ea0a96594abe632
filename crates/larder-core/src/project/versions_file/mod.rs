//! Converts `versions.yml` as it is written to the project's settings and reports each problem at
//! its place. It reads no recipe.

use std::collections::BTreeMap;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};

use super::domain::publish::PublishRun;
use super::domain::{BundleConfig, HubConfig, Service, Task, TrustConfig, UploadPolicy};
use super::paths::{expand, join};
use super::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot, distinct};
use super::syntax::yaml::Node;
use super::typed::publish::RawPublishDefaults;
use super::typed::versions::{RawBundle, RawVersions};
use super::typed::words::{ProjectName, SourceWord, UploadWord};
use super::user::UserConfig;
use crate::model::{FileName, Name, Platform, SourceKind, Version};

mod hub;
mod lines;
mod publish;
mod references;
mod services;
mod tasks;
mod trust;

use hub::{hub_config, several};
use lines::check_ci_line;
use publish::publish_run;
pub use references::Reference;
use services::service;
use tasks::{Written, check_tasks, task};

/// The content of `versions.yml`, checked as far as possible without the recipes.
pub struct Settings {
    pub name: String,
    pub versions: Versions,
    pub platforms: Vec<Platform>,
    pub hub: HubConfig,
    /// The hubs that are read, if there are several.
    pub read_hubs: Vec<HubConfig>,
    pub sources: Vec<SourceKind>,
    pub upload: UploadPolicy,
    pub trust: TrustConfig,
    pub bundle: BundleConfig,
    pub tasks: BTreeMap<String, Task>,
    pub services: BTreeMap<String, Service>,
    pub ci: Vec<String>,
    pub subsystems_dir: Utf8PathBuf,
    /// `publish:` as it is written: the defaults for the recipes.
    pub publish: RawPublishDefaults,
    /// The settings of publishing.
    pub publish_run: PublishRun,
    /// The subsystems that are referred to by name; they are checked once all recipes are read.
    pub references: Vec<Reference>,
    /// `subsystems_dir` is not valid, so the folder of the recipes is not known.
    pub subsystems_dir_invalid: bool,
    /// There is no `versions`, which is reported, or it can't be read.
    pub no_versions: bool,
    /// The project requires another version of larder, so no other problem is reported.
    pub too_old: bool,
}

/// The pinned versions with the places of their keys. A version that could not be read is `None`.
pub type Versions = BTreeMap<Name, (Option<At<Version>>, Range<usize>)>;

impl Settings {
    /// The settings of a project in `root` whose file sets nothing.
    pub fn default_in(root: &Utf8Path) -> Self {
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
            read_hubs: Vec::new(),
            sources: vec![SourceKind::Managed, SourceKind::Original, SourceKind::Build],
            upload: UploadPolicy::Ci,
            trust: TrustConfig::default(),
            tasks: BTreeMap::new(),
            services: BTreeMap::new(),
            ci: Vec::new(),
            subsystems_dir: root.join("subsystems"),
            publish: RawPublishDefaults::default(),
            publish_run: PublishRun::default(),
            references: Vec::new(),
            subsystems_dir_invalid: false,
            no_versions: false,
            too_old: false,
        }
    }
}

/// The text with each character that a file name can't have replaced by `-`.
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
pub fn settings(
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
        hubs,
        sources,
        upload,
        trust,
        bundle,
        tasks,
        services,
        ci,
        publish,
        subsystems_dir,
        spans,
    } = raw;
    if let Some(requires) = requires {
        let own = semver::Version::parse(env!("CARGO_PKG_VERSION"))
            .expect("cargo checked our own version");
        // A pre-release of a version that satisfies the requirement satisfies it too.
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
    settings.no_versions = versions.is_none();
    for (name, version) in versions.map(|Pairs(pairs)| pairs).unwrap_or_default() {
        settings.versions.insert(name.value, (version, name.span));
    }
    if let Some(NonEmpty(platforms)) = platforms {
        settings.platforms = distinct("platforms", platforms, reader);
    }
    let key = |name: &str| {
        let mut keys = spans.iter();
        keys.find(|(key, _)| *key == name).map(|(_, span)| span)
    };
    if let (Some(_), Some(second)) = (key("hub"), key("hubs")) {
        reader.problem(
            second,
            "`hub` and `hubs` are both given",
            "keep `hub` for one hub, or `hubs` for several",
        );
    }
    let hub = match (hub, hubs, key("hubs")) {
        (hub, Some(raw), Some(span)) if hub.is_none() => {
            let hubs = several(raw, span, root, user, reader);
            Some(hubs.map(|(write, read)| {
                settings.read_hubs = read;
                write
            }))
        }
        (hub, ..) => hub.map(|raw| hub_config(raw, key("hub"), root, user, reader)),
    };
    let hub_is_dir = match hub {
        None => key("hub").or(key("hubs")).is_none(),
        // The invalid hub is already reported; don't report `upload` because of it.
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
                let source = match value {
                    SourceWord::Managed => SourceKind::Managed,
                    SourceWord::Original => SourceKind::Original,
                    SourceWord::Build => SourceKind::Build,
                };
                At {
                    value: source,
                    span,
                }
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
    if let Some(raw) = trust {
        settings.trust = trust::trust(raw, reader);
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
    if let Some(publish) = publish {
        settings.publish_run = publish_run(&publish, reader);
        settings.publish = publish;
    }
    if let Some(At { value, span }) = subsystems_dir {
        if value.is_empty()
            || value.split(['/', '\\']).any(|part| part == "..")
            || Utf8Path::new(&value).is_absolute()
            || expand(&value, None).is_err()
        {
            let hint = "a folder inside the project, relative to versions.yml";
            reader.problem(
                &span,
                format!("`{value}` can't be the folder of the recipes"),
                hint,
            );
            settings.subsystems_dir_invalid = true;
        }
        settings.subsystems_dir = join(root, &value);
    }
    let tasks = tasks.map(|Pairs(pairs)| pairs).unwrap_or_default();
    let subsystems: Vec<&str> = settings.versions.keys().map(Name::as_str).collect();
    let services = services.map(|Pairs(pairs)| pairs).unwrap_or_default();
    let written = Written {
        tasks: &tasks,
        services: &services,
        subsystems: &subsystems,
    };
    check_tasks(&written, &mut settings.references, reader);
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
    settings.services = services
        .into_iter()
        .filter_map(|(name, raw)| {
            let service = service(&name, raw?, root, user, reader)?;
            Some((name.value.0, service))
        })
        .collect();
    settings
}
