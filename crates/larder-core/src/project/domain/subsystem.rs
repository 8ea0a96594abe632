//! A subsystem: its checked recipe together with its pinned version.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;

use super::publish::Publish;
use super::{Build, Upstream};
use crate::machine;
use crate::model::{AssetCoordinates, FileName, Limits, Name, PackageFormat, Platform, Version};
use crate::project::template::Template;

/// A subsystem: its checked recipe together with its pinned version.
#[derive(Clone, Debug)]
pub struct Subsystem {
    /// Name.
    pub name: Name,
    /// Pinned version.
    pub version: Version,
    /// The recipe's folder, absolute.
    pub dir: Utf8PathBuf,
    /// The user's home folder, which `~/` in the path of a source stands for.
    pub home: Option<Utf8PathBuf>,
    /// One line that says what it is.
    pub description: Option<String>,
    /// The url of its home page.
    pub homepage: Option<String>,
    /// Its licence as an SPDX expression.
    pub license: Option<String>,
    /// Its binaries; at least one. On some platforms it may have others: see
    /// [`Subsystem::binaries_on`].
    pub binaries: Vec<Binary>,
    /// The platforms that it exists for.
    pub platforms: Vec<Platform>,
    /// The subsystems that are always ensured together with it.
    pub needs: Vec<Name>,
    /// Where its original is, if it has one.
    pub upstream: Option<Upstream>,
    /// How to build it, if it can be built.
    pub build: Option<Build>,
    /// What its artifact contains besides the binaries, and how it is packed.
    pub package: PackageConfig,
    /// The command that must exit with 0 and print the version.
    pub verify: Option<Template>,
    /// Whether a binary may be neither an executable nor a script.
    pub any: bool,
    /// The channels that it is published to.
    pub publish: Publish,
    /// The limits for unpacking its archives that differ from the defaults.
    pub limits: Limits,
    /// The name of its project, which templates can use.
    pub project: String,
}

/// A binary of a subsystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Its name without `.exe`.
    pub name: FileName,
    /// The binary that it is another name of: it has the same bytes.
    pub link: Option<FileName>,
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, link } = self;
        match link {
            Some(link) => write!(f, "{name} -> {link}"),
            None => name.fmt(f),
        }
    }
}

/// The value of `package:`.
#[derive(Clone, Debug)]
pub struct PackageConfig {
    /// The first part of asset names; by default the first binary's name.
    pub name: FileName,
    /// The included files.
    pub include: Vec<Include>,
    /// The archive format if the recipe gives one; `Subsystem::format` applies the default.
    pub format: Option<PackageFormat>,
}

/// An included file: a file of the artifact that is not a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The relative path. A build takes it from `{{ out }}`, else from the source; an original has
    /// it at the top of its archive or one folder below.
    pub path: String,
    /// Its name in the artifact: the last part of the path.
    pub name: FileName,
}

impl Subsystem {
    /// The archive format of its packages for a platform.
    pub fn format(&self, platform: &Platform) -> PackageFormat {
        self.package
            .format
            .unwrap_or_else(|| PackageFormat::default_for(platform))
    }

    /// The names of its assets for a platform on a hub.
    pub fn assets(&self, platform: &Platform) -> AssetCoordinates {
        AssetCoordinates::new(
            &self.name,
            &self.version,
            &self.package.name,
            *platform,
            self.format(platform),
        )
    }

    /// Its platform for this machine; that of the machine if it has none.
    pub fn host(&self) -> Platform {
        machine::best(&self.platforms).unwrap_or_else(Platform::host)
    }

    /// The names of its files on a platform: the binaries (with `.exe` on Windows), then the
    /// included files.
    pub fn file_names(&self, platform: &Platform) -> Vec<FileName> {
        let binaries = self.binaries_on(platform).iter();
        binaries
            .map(|binary| with_exe(&binary.name, *platform))
            .chain(
                self.package
                    .include
                    .iter()
                    .map(|include| include.name.clone()),
            )
            .collect()
    }

    /// Its binaries on a platform.
    pub fn binaries_on(&self, platform: &Platform) -> &[Binary] {
        self.upstream
            .as_ref()
            .and_then(|upstream| upstream.binaries_on(platform, &self.version))
            .unwrap_or(&self.binaries)
    }

    /// Its platforms that run the programs of another one, each with the other one.
    pub fn emulate(&self) -> BTreeMap<Platform, Platform> {
        let Some(upstream) = &self.upstream else {
            return BTreeMap::new();
        };
        let other = |platform: &Platform| {
            let keys = upstream.on(platform, &self.version);
            keys.emulate?.get(platform).copied()
        };
        let platforms = self.platforms.iter();
        platforms
            .filter_map(|platform| Some((*platform, other(platform)?)))
            .collect()
    }

    /// The names of the binaries that it has on any of its platforms, without `.exe`: first those
    /// that the recipe names for all of them.
    pub fn binary_names(&self) -> Vec<FileName> {
        let name = |binary: &Binary| binary.name.clone();
        let mut names: Vec<FileName> = self.binaries.iter().map(name).collect();
        let mut used = Vec::new();
        for platform in &self.platforms {
            used.extend(self.binaries_on(platform).iter().map(name));
        }
        names.retain(|name| used.contains(name));
        for name in used {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The file names of its binaries that are other names of one, on a platform, each with that of
    /// the other.
    pub fn links(&self, platform: &Platform) -> Vec<(FileName, FileName)> {
        let binaries = self.binaries_on(platform).iter();
        binaries
            .filter_map(|Binary { name, link }| {
                let link = with_exe(link.as_ref()?, *platform);
                Some((with_exe(name, *platform), link))
            })
            .collect()
    }

    /// The file name of its first binary on a platform that is no other name of one.
    pub fn first_binary(&self, platform: &Platform) -> FileName {
        let binaries = self.binaries_on(platform);
        let first = binaries.iter().find(|binary| binary.link.is_none());
        with_exe(&first.unwrap_or(&binaries[0]).name, *platform)
    }
}

fn with_exe(name: &FileName, platform: Platform) -> FileName {
    let program = platform.program(name.as_str());
    program.parse().unwrap_or_else(|_| name.clone())
}
