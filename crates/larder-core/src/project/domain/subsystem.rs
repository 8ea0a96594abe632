//! A subsystem: what its recipe says, with its version.

use camino::Utf8PathBuf;

use super::{Build, Upstream};
use crate::model::{AssetCoordinates, FileName, Limits, Name, PackageFormat, Platform, Version};
use crate::project::template::Template;

/// A subsystem: its recipe with its version.
#[derive(Clone, Debug)]
pub struct Subsystem {
    /// Name.
    pub name: Name,
    /// Pinned version.
    pub version: Version,
    /// The recipe's folder, absolute.
    pub dir: Utf8PathBuf,
    /// One line.
    pub description: Option<String>,
    /// Url.
    pub homepage: Option<String>,
    /// SPDX expression.
    pub license: Option<String>,
    /// Names without `.exe`; at least one.
    pub binaries: Vec<FileName>,
    /// Where it exists at all.
    pub platforms: Vec<Platform>,
    /// Ensured along with it, always.
    pub needs: Vec<Name>,
    /// The original, if there is one.
    pub upstream: Option<Upstream>,
    /// How to build it, if it can be built.
    pub build: Option<Build>,
    /// How it is packed.
    pub package: PackageConfig,
    /// Command that must exit 0 and print the version.
    pub verify: Option<Template>,
    /// Raised unpacking budget.
    pub limits: Limits,
    /// Name of the project it belongs to (a template variable).
    pub project: String,
}

/// `package:`.
#[derive(Clone, Debug)]
pub struct PackageConfig {
    /// Stem of asset names; default the first binary's name.
    pub name: FileName,
    /// Files beside the binaries.
    pub include: Vec<Include>,
    /// As the recipe says; else zip for windows, tar.gz elsewhere (see `Subsystem::format`).
    pub format: Option<PackageFormat>,
}

/// A file that goes into the artifact along with the binaries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// Relative path: in `{{ out }}`, else in the source; in an original's archive at the top or
    /// one folder down.
    pub path: String,
    /// Its name in the artifact: the path's last part.
    pub name: FileName,
}

impl Subsystem {
    /// The format its packages have on a platform.
    pub fn format(&self, platform: &Platform) -> PackageFormat {
        self.package
            .format
            .unwrap_or_else(|| PackageFormat::default_for(platform))
    }

    /// The names that its assets have on a hub.
    pub fn assets(&self, platform: &Platform) -> AssetCoordinates {
        AssetCoordinates::new(
            &self.name,
            &self.version,
            &self.package.name,
            *platform,
            self.format(platform),
        )
    }

    /// Names of its files on a platform: binaries (with `.exe` on Windows), then included files.
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

    /// Its first binary's file name on a platform.
    pub fn first_binary(&self, platform: &Platform) -> FileName {
        with_exe(&self.binaries[0], *platform)
    }
}

fn with_exe(name: &FileName, platform: Platform) -> FileName {
    match platform.exe() {
        "" => name.clone(),
        exe => format!("{name}{exe}")
            .parse()
            .unwrap_or_else(|_| name.clone()),
    }
}
