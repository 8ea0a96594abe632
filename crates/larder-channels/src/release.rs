//! A release of one subsystem as its channels see it: the recipe's texts, and for each platform the
//! sidecar, the url and the verified files of its asset.

use camino::Utf8PathBuf;
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{
    Arch, ArtifactFile, AssetName, FileName, Libc, Name, Os, Platform, RequiredText, Tag, Version,
};

/// The earliest time that the formats of all channels can hold: 1980-01-01, in seconds since 1970.
pub const EARLIEST: i64 = 315_532_800;

/// A release of one subsystem.
#[derive(Clone, Debug)]
pub struct Release {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The name of the project.
    pub project: String,
    /// The names of its binaries without `.exe`; at least one.
    pub binaries: Vec<FileName>,
    /// One line that says what it is.
    pub description: Option<String>,
    /// The url of its home page.
    pub homepage: Option<String>,
    /// Its licence as an SPDX expression.
    pub license: Option<String>,
    /// `Name <address>` of who maintains the packages.
    pub maintainer: Option<String>,
    /// The time that the files of channels carry, in seconds since 1970; never before
    /// [`EARLIEST`].
    pub time: i64,
    /// What has changed since the version before, as Markdown without a heading.
    pub changelog: Option<String>,
    /// The released platforms, sorted; at least one.
    pub platforms: Vec<PlatformRelease>,
}

/// The asset of one platform.
#[derive(Clone, Debug)]
pub struct PlatformRelease {
    /// The tag of the release that has the asset.
    pub tag: Tag,
    /// The asset's name there.
    pub asset: AssetName,
    /// Its public url, if one is known.
    pub url: Option<String>,
    /// The asset's sidecar.
    pub sidecar: Sidecar,
    /// The folder with the artifact's files. They have been compared with the sidecar.
    pub folder: Utf8PathBuf,
}

impl PlatformRelease {
    /// Its platform.
    pub fn platform(&self) -> Platform {
        self.sidecar.content.platform
    }

    /// Its binaries, in the recipe's order. Their names end in `.exe` on Windows.
    pub fn binaries<'a>(&'a self, release: &'a Release) -> impl Iterator<Item = &'a ArtifactFile> {
        let platform = self.platform();
        release.binaries.iter().filter_map(move |name| {
            let program = platform.program(name.as_str());
            self.file(&program)
        })
    }

    /// The included files, in the recipe's order.
    pub fn included<'a>(&'a self, release: &'a Release) -> impl Iterator<Item = &'a ArtifactFile> {
        let platform = self.platform();
        let is_binary = move |file: &ArtifactFile| {
            release
                .binaries
                .iter()
                .any(|name| platform.program(name.as_str()) == file.name.as_str())
        };
        self.sidecar
            .content
            .files
            .iter()
            .filter(move |file| !is_binary(file))
    }

    /// The path of a file of the artifact.
    pub fn path(&self, file: &ArtifactFile) -> Utf8PathBuf {
        self.folder.join(file.name.as_str())
    }

    /// The url of the asset; an error if none is known.
    pub fn url(&self) -> Result<&str> {
        self.url.as_deref().ok_or_else(|| {
            Error::usage(format!("the public url of {} is not known", self.asset))
                .cause("the hub is a folder, and package managers download from a url")
                .hint("write `publish: {url: \"https://…/{{ tag }}/{{ asset }}\"}` in versions.yml or the recipe")
        })
    }

    fn file(&self, name: &str) -> Option<&ArtifactFile> {
        self.sidecar
            .content
            .files
            .iter()
            .find(|file| file.name.as_str() == name)
    }
}

impl Release {
    /// The names of the binaries that it has for a system. Other systems may have others.
    pub fn binaries_for(&self, os: Os) -> impl Iterator<Item = &FileName> {
        self.binaries.iter().filter(move |name| {
            let of_system = |platform: &&PlatformRelease| platform.platform().os == os;
            let mut platforms = self.platforms.iter().filter(of_system);
            platforms.any(|platform| {
                let program = platform.platform().program(name.as_str());
                platform.file(&program).is_some()
            })
        })
    }

    /// A text that a channel requires. The loader has checked that the recipe has it.
    pub fn text(&self, text: RequiredText) -> Result<&str> {
        let value = match text {
            RequiredText::Description => &self.description,
            RequiredText::Homepage => &self.homepage,
            RequiredText::License => &self.license,
            RequiredText::Maintainer => &self.maintainer,
        };
        value.as_deref().ok_or_else(|| {
            Error::usage(format!(
                "the recipe of {} has no `{}`",
                self.name,
                text.key()
            ))
        })
    }

    /// The platform for an operating system and an architecture whose binaries run on most
    /// machines: one that names no C library, else one for musl, which is usually static, else one
    /// for glibc.
    pub fn best(&self, os: Os, arch: Arch) -> Option<&PlatformRelease> {
        self.best_of(os, arch, [None, Some(Libc::Musl), Some(Libc::Gnu)])
    }

    /// The platform for an operating system and an architecture whose C library comes first in
    /// `order`.
    pub fn best_of<const N: usize>(
        &self,
        os: Os,
        arch: Arch,
        order: [Option<Libc>; N],
    ) -> Option<&PlatformRelease> {
        order.into_iter().find_map(|libc| {
            let wanted = Platform { os, arch, libc };
            self.platforms
                .iter()
                .find(|platform| platform.platform() == wanted)
        })
    }

    /// One platform for each architecture of an operating system, in the order amd64, arm64, 386,
    /// arm; see [`Self::best`].
    pub fn for_os(&self, os: Os) -> Vec<&PlatformRelease> {
        [Arch::Amd64, Arch::Arm64, Arch::I386, Arch::Arm]
            .into_iter()
            .filter_map(|arch| self.best(os, arch))
            .collect()
    }
}

/// The name of a channel's file where it joins the release on the hub.
///
/// A hub's names have letters, digits, `.`, `-` and `_` only, but packages for Debian and rpm have
/// `~` and `+` in their versions. GitHub stores an asset called `arc_1.2~rc.1_amd64.deb` as
/// `arc_1.2.rc.1_amd64.deb`; every hub gets that name, and so do all urls.
pub fn attachment_name(file: &str) -> Result<AssetName> {
    attached(file).parse().map_err(|invalid| {
        Error::failed(format!("`{file}` can't join a release"))
            .cause(invalid)
            .hint("files of a release have names of letters, digits, `.`, `-` and `_`")
    })
}

/// The same for a part of a name.
pub(crate) fn attached(part: &str) -> String {
    let is_kept = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    part.chars()
        .map(|c| if is_kept(&c) { c } else { '.' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_every_hub_takes() {
        for (file, name) in [
            ("arc_1.2.3~rc.1_amd64.deb", "arc_1.2.3.rc.1_amd64.deb"),
            ("arc-1.2.3~rc.1-1.x86_64.rpm", "arc-1.2.3.rc.1-1.x86_64.rpm"),
            ("openssh_9.8+p1_arm64.deb", "openssh_9.8.p1_arm64.deb"),
            ("install.sh", "install.sh"),
        ] {
            assert_eq!(attachment_name(file).unwrap().as_str(), name);
        }
        for bad in ["", ".hidden", "a~~b", "-x.deb"] {
            assert!(attachment_name(bad).is_err(), "{bad}");
        }
    }
}
