//! A subsystem: its checked recipe together with its pinned version.

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
    /// The names of its binaries without `.exe`; at least one.
    pub binaries: Vec<FileName>,
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
        let binaries = self.binaries.iter().map(|name| with_exe(name, *platform));
        binaries
            .chain(
                self.package
                    .include
                    .iter()
                    .map(|include| include.name.clone()),
            )
            .collect()
    }

    /// The file name of its first binary on a platform.
    pub fn first_binary(&self, platform: &Platform) -> FileName {
        with_exe(&self.binaries[0], *platform)
    }
}

fn with_exe(name: &FileName, platform: Platform) -> FileName {
    let program = platform.program(name.as_str());
    program.parse().unwrap_or_else(|_| name.clone())
}
