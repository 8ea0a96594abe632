//! The kinds of channels: package managers that are fed from the hub.

use std::fmt;

use super::Invalid;
use crate::suggestions;

/// A kind of channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChannelKind {
    /// A formula in a Homebrew tap.
    Homebrew,
    /// A manifest in a Scoop bucket.
    Scoop,
    /// Manifests for winget.
    Winget,
    /// A Chocolatey package.
    Chocolatey,
    /// A package of the Arch User Repository.
    Aur,
    /// A snap.
    Snap,
    /// A Debian package.
    Deb,
    /// An RPM package.
    Rpm,
    /// A container image.
    Docker,
    /// npm packages.
    Npm,
    /// Python wheels.
    Pypi,
    /// A Go module.
    Gomodule,
    /// Installation scripts for shells.
    Installer,
}

impl ChannelKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Homebrew,
        Self::Scoop,
        Self::Winget,
        Self::Chocolatey,
        Self::Aur,
        Self::Snap,
        Self::Deb,
        Self::Rpm,
        Self::Docker,
        Self::Npm,
        Self::Pypi,
        Self::Gomodule,
        Self::Installer,
    ];

    /// The word in files, arguments and messages, which is also the name of its folder.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Homebrew => "homebrew",
            Self::Scoop => "scoop",
            Self::Winget => "winget",
            Self::Chocolatey => "chocolatey",
            Self::Aur => "aur",
            Self::Snap => "snap",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Docker => "docker",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Gomodule => "gomodule",
            Self::Installer => "installer",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for ChannelKind {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                Invalid::new(format!("unknown channel `{text}`"))
                    .hint(suggestions::hint(text, Self::ALL.map(Self::as_str)))
            })
    }
}

/// A text that some channels require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequiredText {
    /// `description:` of the recipe.
    Description,
    /// `homepage:` of the recipe.
    Homepage,
    /// `license:` of the recipe.
    License,
    /// `publish.maintainer:` of `versions.yml`.
    Maintainer,
}

impl RequiredText {
    /// The key in the file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Homepage => "homepage",
            Self::License => "license",
            Self::Maintainer => "maintainer",
        }
    }
}

impl ChannelKind {
    /// The texts without which the channel refuses a package, or shows an empty line where people
    /// look for what it is.
    pub fn required_texts(self) -> &'static [RequiredText] {
        use RequiredText::{Description, Homepage, License, Maintainer};
        match self {
            Self::Homebrew | Self::Scoop | Self::Aur | Self::Rpm => {
                &[Description, Homepage, License]
            }
            Self::Winget | Self::Npm | Self::Pypi => &[Description, License],
            Self::Chocolatey => &[Description, Homepage],
            Self::Snap => &[Description],
            Self::Deb => &[Description, License, Maintainer],
            Self::Docker | Self::Gomodule | Self::Installer => &[],
        }
    }
}
