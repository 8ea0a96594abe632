//! Where the files of channels are that live in a git repository, and how the version is read from
//! them.

use larder_core::error::Result;
use larder_core::model::Name;
use larder_core::project::publish::{Aur, Homebrew, Winget};

use crate::{aur, homebrew, scoop, winget};

/// Where a channel's files are in a repository.
#[derive(Clone, Debug)]
pub enum Layout {
    /// The files of one version, which the next one replaces.
    Current(CurrentFiles),
    /// A folder for each version.
    Versions {
        /// The folder that has these folders.
        folder: String,
        /// The package's identifier.
        identifier: String,
    },
}

/// The files of the version that users get.
#[derive(Clone, Debug)]
pub struct CurrentFiles {
    /// The folder that has them; empty for the top folder.
    pub folder: String,
    /// Another folder that has them instead if the repository has that folder.
    pub preferred_folder: Option<&'static str>,
    /// The file that has the version.
    pub main: String,
    /// The other files, which need not all be there.
    pub others: Vec<String>,
    /// Reads the version.
    pub version: fn(&str) -> Option<String>,
}

/// `<directory>/<name>.rb`.
pub fn homebrew(homebrew: &Homebrew, name: &Name) -> Layout {
    let folder = homebrew.directory.as_deref().unwrap_or("Formula");
    Layout::Current(CurrentFiles {
        folder: folder.trim_matches('/').to_owned(),
        preferred_folder: None,
        main: format!("{name}.rb"),
        others: Vec::new(),
        version: homebrew::published_version,
    })
}

/// `<name>.json`, in the folder `bucket` if there is one: Scoop then looks nowhere else.
pub fn scoop(name: &Name) -> Layout {
    Layout::Current(CurrentFiles {
        folder: String::new(),
        preferred_folder: Some("bucket"),
        main: format!("{name}.json"),
        others: Vec::new(),
        version: scoop::published_version,
    })
}

/// `PKGBUILD`, `.SRCINFO` and the script of the installation, in the top folder.
pub fn aur(aur: &Aur, name: &Name) -> Result<Layout> {
    let package = aur::package_name(aur, name)?;
    Ok(Layout::Current(CurrentFiles {
        folder: String::new(),
        preferred_folder: None,
        main: ".SRCINFO".to_owned(),
        others: vec!["PKGBUILD".to_owned(), format!("{package}.install")],
        version: aur::published_version,
    }))
}

/// `manifests/<letter>/<Publisher>/<Name>/<version>/`.
pub fn winget(winget: &Winget, name: &Name) -> Result<Layout> {
    let identifier = winget::identifier(winget, name)?;
    Ok(Layout::Versions {
        folder: winget::package_folder(&identifier),
        identifier,
    })
}

/// The versions of a package among the paths of its folder of [`Layout::Versions`].
pub fn versions<'a>(identifier: &str, paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    winget::published_versions(identifier, paths)
}
