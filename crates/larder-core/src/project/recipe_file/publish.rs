//! `publish:`: the channels of a subsystem, with the defaults of `versions.yml` merged into it.

use std::collections::BTreeMap;
use std::ops::Range;

use camino::Utf8Path;

use super::templates::check_template;
use crate::model::{ChannelKind, RequiredText};
use crate::project::domain::publish::{
    Aur, Changelog, ChangelogFrom, Channel, ChannelConfig, Chocolatey, Confinement, Deb, Docker,
    DockerBase, GoModule, Grade, Homebrew, Npm, PackageRepository, Publish, Pypi, Repository,
    RequiredPlatform, Retry, Rpm, Scoop, Snap, Validate, Winget,
};
use crate::project::paths::join;
use crate::project::syntax::decode::{At, NonEmpty, Reader};
use crate::project::template::{Scope, Template};
use crate::project::typed::publish as raw;
use crate::project::typed::publish::{
    CommonKeys, RawChangelog, RawPackageRepository, RawPublish, RawPublishDefaults, RawRepository,
    RawRetry, RawValidate,
};
use crate::project::typed::publish_words::{
    ConfinementWord, Delay, GradeWord, Multiplier, OsOrPlatform, PlainLine, Priority, Tries,
};
use crate::project::typed::recipe::RawRecipe;
use crate::project::typed::words::{Flag, Timeout};

/// Converts what a recipe says about publishing. Reports what a channel needs and the recipe lacks.
pub(super) fn publish(
    recipe: &RawRecipe,
    dir: &Utf8Path,
    defaults: &RawPublishDefaults,
    reader: &mut Reader<'_>,
) -> Publish {
    let own = recipe.publish.clone().unwrap_or_default();
    let at = recipe.span("publish").cloned().unwrap_or(0..0);
    let mut channels = Channels {
        recipe,
        own: &own,
        at,
        has_maintainer: defaults.maintainer.is_some(),
        configs: BTreeMap::new(),
        missing: BTreeMap::new(),
    };
    // Each channel: its keys in the recipe with those of the defaults, and how they are converted.
    macro_rules! channel {
        ($field:ident, $kind:ident, $convert:expr) => {
            let named = own.span(ChannelKind::$kind.as_str()).is_some();
            // Keys that could not be read are reported already.
            if !(named && own.$field.is_none()) {
                let other = defaults.$field.clone().unwrap_or_default();
                let keys = own.$field.clone().unwrap_or_default().or(&other);
                let on_for_all = other.all.as_ref().is_some_and(is_true);
                if let Some(all) = own.$field.as_ref().and_then(|own| own.all.as_ref()) {
                    let hint = "remove it; a recipe that names the channel turns it on";
                    reader.problem(&all.span, "`all` is for versions.yml", hint);
                }
                if is_on(named, on_for_all, &keys.common()) {
                    let common = keys.common();
                    let refused = keys.refused();
                    let channel = ($convert)(keys, &mut *reader);
                    if !refused {
                        channels.add(ChannelKind::$kind, channel, common);
                    }
                }
            }
        };
    }
    channel!(
        homebrew,
        Homebrew,
        |keys: raw::RawHomebrew, _: &mut Reader<'_>| {
            Some(Channel::Homebrew(Homebrew {
                tap: keys.tap.map(repository),
                directory: keys.directory.map(line),
                conflicts: lines(keys.conflicts),
            }))
        }
    );
    channel!(scoop, Scoop, |keys: raw::RawScoop, _: &mut Reader<'_>| {
        Some(Channel::Scoop(Scoop {
            bucket: keys.bucket.map(repository),
        }))
    });
    channel!(
        winget,
        Winget,
        |keys: raw::RawWinget, reader: &mut Reader<'_>| {
            let Some(publisher) = keys.publisher else {
                let at = own.span("winget").cloned().unwrap_or(0..0);
                let hint = "the first part of the package's identifier, such as `publisher: Acme`";
                reader.problem(&at, "`winget` needs `publisher`", hint);
                return None;
            };
            Some(Channel::Winget(Winget {
                repository: keys.repository.map(repository),
                publisher: line(publisher),
                name: keys.name.map(line),
            }))
        }
    );
    channel!(
        chocolatey,
        Chocolatey,
        |keys: raw::RawChocolatey, _: &mut Reader<'_>| {
            Some(Channel::Chocolatey(Chocolatey {
                owners: keys.owners.map(line),
                push: keys.push.map(|at| at.value.0),
            }))
        }
    );
    channel!(aur, Aur, |keys: raw::RawAur, _: &mut Reader<'_>| {
        Some(Channel::Aur(Aur {
            git: keys.git.map(|at| at.value.0),
            conflicts: lines(keys.conflicts),
            provides: lines(keys.provides),
        }))
    });
    channel!(snap, Snap, |keys: raw::RawSnap, _: &mut Reader<'_>| {
        Some(Channel::Snap(Snap {
            confinement: match keys.confinement.map(|at| at.value) {
                None | Some(ConfinementWord::Strict) => Confinement::Strict,
                Some(ConfinementWord::Classic) => Confinement::Classic,
                Some(ConfinementWord::Devmode) => Confinement::Devmode,
            },
            grade: match keys.grade.map(|at| at.value) {
                None | Some(GradeWord::Stable) => Grade::Stable,
                Some(GradeWord::Devel) => Grade::Devel,
            },
        }))
    });
    channel!(deb, Deb, |keys: raw::RawDeb, reader: &mut Reader<'_>| {
        Some(Channel::Deb(Deb {
            section: keys.section.map(|at| at.value.0),
            repository: keys.repository.and_then(|raw| packages(raw, reader)),
            conflicts: lines(keys.conflicts),
            provides: lines(keys.provides),
            depends: lines(keys.depends),
        }))
    });
    channel!(rpm, Rpm, |keys: raw::RawRpm, reader: &mut Reader<'_>| {
        Some(Channel::Rpm(Rpm {
            repository: keys.repository.and_then(|raw| packages(raw, reader)),
            conflicts: lines(keys.conflicts),
            provides: lines(keys.provides),
            depends: lines(keys.depends),
        }))
    });
    channel!(
        docker,
        Docker,
        |keys: raw::RawDocker, reader: &mut Reader<'_>| {
            let images = keys.images.map(|NonEmpty(list)| list).unwrap_or_default();
            Some(Channel::Docker(Docker {
                images: images.into_iter().map(|at| at.value.0).collect(),
                base: keys.base.map_or(Some(DockerBase::Scratch), |base| {
                    docker_base(base, dir, reader)
                })?,
            }))
        }
    );
    channel!(npm, Npm, |keys: raw::RawNpm, _: &mut Reader<'_>| {
        Some(Channel::Npm(Npm {
            package: keys.package.map(|at| at.value.0),
        }))
    });
    channel!(pypi, Pypi, |keys: raw::RawPypi, _: &mut Reader<'_>| {
        Some(Channel::Pypi(Pypi {
            package: keys.package.map(|at| at.value.0),
            repository: keys.repository.map(|at| at.value.0),
            index: keys.index.map(|at| at.value.0),
        }))
    });
    channel!(
        gomodule,
        Gomodule,
        |keys: raw::RawGoModule, reader: &mut Reader<'_>| {
            let Some(module) = keys.module else {
                let at = own.span("gomodule").cloned().unwrap_or(0..0);
                let hint = "the path that go.mod states, such as `module: github.com/acme/arc`";
                reader.problem(&at, "`gomodule` needs `module`", hint);
                return None;
            };
            Some(Channel::Gomodule(GoModule {
                module: module.value.0,
                dir: keys.dir.map_or_else(|| ".".into(), line),
                min_coverage: keys.min_coverage.map(|at| at.value.0),
            }))
        }
    );
    channel!(
        installer,
        Installer,
        |_: raw::RawInstaller, _: &mut Reader<'_>| Some(Channel::Installer)
    );

    channels.report_missing(reader);
    let configs = channels.configs;
    if let Some(url) = &own.url {
        check_template(&url.value, &url.span, Scope::Asset, reader);
    }
    Publish {
        channels: configs,
        validate: validate(own.validate.as_ref(), defaults.validate.as_ref(), reader),
        changelog: changelog(own.changelog.as_ref(), defaults.changelog.as_ref()),
        url: own
            .url
            .as_ref()
            .or(defaults.url.as_ref())
            .map(|at| Template(at.value.clone())),
    }
}

/// The channels of one recipe while they are converted.
struct Channels<'a> {
    recipe: &'a RawRecipe,
    own: &'a RawPublish,
    at: Range<usize>,
    has_maintainer: bool,
    configs: BTreeMap<ChannelKind, ChannelConfig>,
    missing: BTreeMap<RequiredText, Vec<ChannelKind>>,
}

impl Channels<'_> {
    /// Reports each text that some channels require and the files lack.
    fn report_missing(&self, reader: &mut Reader<'_>) {
        for (text, kinds) in &self.missing {
            let at = self.own.span(kinds[0].as_str()).unwrap_or(&self.at);
            let names: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            let (channels, verb) = match names.as_slice() {
                [one] => (format!("the channel {one}"), "needs"),
                _ => (format!("the channels {}", names.join(", ")), "need"),
            };
            let key = text.key();
            let (message, hint) = if *text == RequiredText::Maintainer {
                (
                    format!("{channels} {verb} `publish.maintainer` in versions.yml"),
                    "add `publish: {maintainer: Name <address>}` to versions.yml".to_owned(),
                )
            } else {
                (
                    format!("{channels} {verb} `{key}`, and the recipe has none"),
                    format!("add `{key}:` to this recipe"),
                )
            };
            reader.problem(at, message, hint);
        }
    }

    /// Adds a channel, and notes each text that it requires and the files lack.
    fn add(&mut self, kind: ChannelKind, channel: Option<Channel>, common: CommonKeys) {
        for text in kind.required_texts() {
            let is_there = |text: &Option<At<String>>| {
                text.as_ref().is_some_and(|at| !at.value.trim().is_empty())
            };
            let has = match text {
                RequiredText::Description => is_there(&self.recipe.description),
                RequiredText::Homepage => is_there(&self.recipe.homepage),
                RequiredText::License => is_there(&self.recipe.license),
                RequiredText::Maintainer => self.has_maintainer,
            };
            if !has {
                self.missing.entry(*text).or_default().push(kind);
            }
        }
        let CommonKeys {
            enabled: _,
            priority,
            timeout,
            retry: retries,
            prerelease,
            post_install,
        } = common;
        if let Some(channel) = channel {
            let config = ChannelConfig {
                channel,
                priority: priority.map_or(
                    0,
                    |At {
                         value: Priority(n), ..
                     }| n,
                ),
                timeout: timeout.map(
                    |At {
                         value: Timeout(time),
                         ..
                     }| time,
                ),
                retry: retries.map(|keys| retry(&keys)),
                prerelease: prerelease.as_ref().is_some_and(is_true),
                post_install: post_install.map(|at| at.value),
            };
            self.configs.insert(kind, config);
        }
    }
}

fn is_on(named: bool, for_all: bool, common: &CommonKeys) -> bool {
    (named || for_all) && common.enabled.as_ref().is_none_or(is_true)
}

fn is_true(at: &At<Flag>) -> bool {
    at.value.0
}

fn line(at: At<PlainLine>) -> String {
    at.value.0
}

fn lines(list: Option<Vec<At<PlainLine>>>) -> Vec<String> {
    list.into_iter().flatten().map(line).collect()
}

fn repository(raw: RawRepository) -> Repository {
    match raw {
        RawRepository::Hosted(at) => Repository::Hosted(at.value.0),
        RawRepository::Git(keys) => {
            Repository::Git(keys.git.map(|at| at.value.0).unwrap_or_default())
        }
    }
}

fn packages(raw: RawPackageRepository, reader: &mut Reader<'_>) -> Option<PackageRepository> {
    if raw.refused() {
        return None;
    }
    let RawPackageRepository {
        dir,
        git,
        hub,
        spans,
    } = raw;
    match (dir, git, hub) {
        (Some(dir), None, None) => Some(PackageRepository::Dir(line(dir))),
        (None, Some(git), None) => Some(PackageRepository::Git(git.value.0)),
        (None, None, Some(hub)) if is_true(&hub) => Some(PackageRepository::Hub),
        _ => {
            let at = spans.first().map_or(0..0, |(_, span)| span.clone());
            let hint = "write one of {dir: PATH}, {git: URL} and {hub: true}";
            reader.problem(&at, "`repository` does not name exactly one place", hint);
            None
        }
    }
}

fn docker_base(base: At<PlainLine>, dir: &Utf8Path, reader: &mut Reader<'_>) -> Option<DockerBase> {
    let At {
        value: PlainLine(text),
        span,
    } = base;
    if text == "scratch" {
        return Some(DockerBase::Scratch);
    }
    if let Some((_, digest)) = text.split_once("@sha256:") {
        if crate::model::is_hex(digest) && digest.len() == 64 {
            return Some(DockerBase::Registry(text));
        }
        let hint = "such as registry.example/base@sha256: and 64 hex digits";
        reader.problem(&span, format!("`{text}` has no valid digest"), hint);
        return None;
    }
    Some(DockerBase::Layout(join(dir, &text)))
}

/// The settings for trying again, with the defaults for what is not given.
pub fn retry(keys: &RawRetry) -> Retry {
    let default = Retry::default();
    let RawRetry {
        max,
        base_delay,
        max_delay,
        multiplier,
        spans: _,
    } = keys;
    Retry {
        max: max.as_ref().map_or(
            default.max,
            |At {
                 value: Tries(n), ..
             }| *n,
        ),
        base_delay: base_delay.as_ref().map_or(
            default.base_delay,
            |At {
                 value: Delay(time), ..
             }| *time,
        ),
        max_delay: max_delay.as_ref().map_or(
            default.max_delay,
            |At {
                 value: Delay(time), ..
             }| *time,
        ),
        multiplier: multiplier.as_ref().map_or(
            default.multiplier,
            |At {
                 value: Multiplier(n),
                 ..
             }| *n,
        ),
    }
}

fn validate(
    own: Option<&RawValidate>,
    defaults: Option<&RawValidate>,
    reader: &mut Reader<'_>,
) -> Validate {
    let both = [own, defaults];
    let platforms = match own.and_then(|keys| keys.platforms.clone()) {
        Some(list) => {
            let mut places: Vec<RequiredPlatform> = Vec::new();
            for At { value, span } in list {
                let required = required_platform(value);
                if places.contains(&required) {
                    let hint = "remove one of the two";
                    reader.problem(&span, "it is listed twice in `platforms`", hint);
                } else {
                    places.push(required);
                }
            }
            places
        }
        None => defaults
            .and_then(|keys| keys.platforms.clone())
            .into_iter()
            .flatten()
            .map(|at| required_platform(at.value))
            .collect(),
    };
    let flag = |of: fn(&RawValidate) -> Option<&At<Flag>>| {
        both.into_iter().flatten().find_map(of).is_some_and(is_true)
    };
    Validate {
        platforms,
        changelog: flag(|keys| keys.changelog.as_ref()),
        license: flag(|keys| keys.license.as_ref()),
    }
}

fn required_platform(word: OsOrPlatform) -> RequiredPlatform {
    match word {
        OsOrPlatform::Os(os) => RequiredPlatform::Os(os),
        OsOrPlatform::Platform(platform) => RequiredPlatform::Platform(platform),
    }
}

fn changelog(own: Option<&RawChangelog>, defaults: Option<&RawChangelog>) -> Changelog {
    let both = [own, defaults];
    let from = both
        .into_iter()
        .flatten()
        .find_map(|keys| keys.from.clone());
    let paths = both
        .into_iter()
        .flatten()
        .find_map(|keys| keys.paths.clone());
    Changelog {
        from: match from.map(line).as_deref() {
            None | Some("commits") => ChangelogFrom::Commits,
            Some("none") => ChangelogFrom::None,
            Some(file) => ChangelogFrom::File(file.to_owned()),
        },
        paths: paths.map_or_else(Vec::new, |NonEmpty(list)| lines(Some(list))),
    }
}
