//! What aqua does for a version on a platform: which file it downloads, what it takes from it, and how it checks it.
//!
//! All texts are final. `recipe` finds templates for them.

use larder_core::model::Platform;

use super::definition::{Checksum, Keys, Text};
use super::language::evaluate::{Context, evaluate};
use super::names::{has_extension, packing, without_format};
use super::resolve::{self, Target};

/// What aqua does on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the file comes from, or how the programs are built.
    pub place: Place,
    /// How the file is packed.
    pub packing: Packing,
    /// The programs.
    pub programs: Vec<Program>,
    /// Where digests are stated.
    pub sums: Option<Sums>,
    /// A signature of minisign.
    pub signature: Option<SignatureFile>,
    /// Whether these are the programs of amd64, on a platform for arm64.
    pub emulated: bool,
    /// Whether the file is source code, which suits every processor.
    pub is_source: bool,
    /// The publisher's words for the operating system and the processor.
    pub words: (String, String),
}

/// Where the programs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An asset of a release.
    Asset {
        /// `owner/name`.
        repo: String,
        /// Its name.
        asset: String,
    },
    /// A URL.
    Url(String),
    /// `go install` of this package.
    GoInstall(String),
    /// `go build` in a repository.
    GoBuild {
        /// `owner/name`.
        repo: String,
    },
    /// A crate.
    Cargo {
        /// Its name.
        name: String,
        /// Whether features other than the default ones are enabled.
        features: bool,
    },
}

/// How a file is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packing {
    /// It is the program.
    Plain,
    /// It is the compressed program.
    Single,
    /// It contains the programs.
    Archive,
    /// It has a format that larder does not read.
    Unknown(String),
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The name of its command.
    pub name: String,
    /// Its path in the archive, or the name of the file.
    pub path: String,
    /// The package and the folder that are built; both may be empty.
    pub build: (String, String),
}

/// Where digests are stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// The name of an asset, or a URL.
    pub file: String,
    /// Why larder can't use it.
    pub unusable: Option<String>,
}

/// A signature of minisign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFile {
    /// The publisher's key.
    pub key: String,
    /// The name of an asset, or a URL.
    pub file: String,
    /// Whether it is of the checksums file.
    pub of_sums: bool,
}

/// The keys of a definition for a platform, and the values for its templates.
pub(super) struct OnPlatform {
    pub(super) keys: Keys,
    pub(super) target: Target,
    pub(super) context: Context,
    /// The words of the checksums file.
    pub(super) sums_words: (String, String),
    pub(super) words: (String, String),
    /// The last part of the package's name.
    pub(super) command: String,
    pub(super) version: String,
}

/// The answer for a platform; `Ok(None)` if the definition does not support it. `Err` says what can't be resolved.
pub fn answer(
    package: &super::Package,
    version: &str,
    platform: Platform,
) -> Result<Option<Answer>, String> {
    let keys = resolve::for_version(package, version);
    let found = OnPlatform::new(package, &keys, version, platform)?;
    found.as_ref().map(OnPlatform::answer).transpose()
}

impl OnPlatform {
    pub(super) fn new(
        package: &super::Package,
        of_version: &Keys,
        version: &str,
        platform: Platform,
    ) -> Result<Option<Self>, String> {
        let Some(target) = Target::of(platform) else {
            return Ok(None);
        };
        let Some(keys) = resolve::on(of_version, target) else {
            return Ok(None);
        };
        let words = |more: &Keys, sums: Option<&Checksum>| {
            let arch = if more.emulates(target) {
                "amd64"
            } else {
                target.arch
            };
            let own = sums.and_then(|sums| sums.replacements.as_ref());
            let word = |word: &str| {
                let key = Text(word.to_owned());
                let from = |map: &std::collections::BTreeMap<Text, Text>| map.get(&key).cloned();
                let found = own
                    .and_then(from)
                    .or_else(|| {
                        let bare = own.is_some_and(std::collections::BTreeMap::is_empty);
                        more.replacements.as_ref().filter(|_| !bare).and_then(from)
                    })
                    .filter(|word| !word.is_empty());
                found.map_or_else(|| word.to_owned(), |word| word.0)
            };
            (word(target.os), word(arch))
        };
        let (os, arch) = words(&keys, None);
        let sums_words = words(&keys, keys.checksum.as_ref());
        let prefix = keys.version_prefix.as_deref().unwrap_or_default();
        let semver = version.strip_prefix(prefix).unwrap_or(version);
        let format = match keys.kind.as_str() {
            "github_archive" | "go_build" => "tar.gz",
            _ => &keys.format,
        };
        let fields = [
            ("Version", version),
            ("SemVer", semver),
            ("GOOS", target.os),
            ("GOARCH", target.arch),
            ("OS", &os),
            ("Arch", &arch),
            ("Format", format),
        ];
        let mut context = Context::default();
        for (name, value) in fields {
            context.fields.insert(name, value.to_owned());
        }
        for var in keys.vars.iter().flatten() {
            match &var.default {
                Some(Text(value)) => {
                    context.vars.insert(var.name.clone(), value.clone());
                }
                None if var.required => {
                    return Err(format!(
                        "it needs a value for `{}`, which only a user can give",
                        var.name
                    ));
                }
                None => {}
            }
        }
        let name = package.full_name();
        let command = match (keys.has_repo(), keys.kind.as_str()) {
            (true, _) if package.name.is_empty() => &keys.repo_name,
            (false, "go_install") => &keys.path,
            _ => &name,
        };
        let command = command.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Some(Self {
            words: (os, arch),
            sums_words,
            keys,
            target,
            context,
            command,
            version: version.to_owned(),
        }))
    }

    pub(super) fn answer(&self) -> Result<Answer, String> {
        let Self { keys, target, .. } = self;
        let format = &self.context.fields["Format"];
        let asset = self.asset()?;
        let place = match keys.kind.as_str() {
            "github_release" => Place::Asset {
                repo: keys.repo(),
                asset: asset.clone(),
            },
            "github_content" => Place::Url(format!(
                "https://github.com/{}/raw/{}/{asset}",
                keys.repo(),
                self.version
            )),
            "github_archive" => Place::Url(format!(
                "https://github.com/{}/archive/refs/tags/{}.tar.gz",
                keys.repo(),
                self.version
            )),
            "http" => Place::Url(self.url()?),
            "go_install" => Place::GoInstall(evaluate(&self.go_path(), &self.context)?),
            "go_build" => Place::GoBuild { repo: keys.repo() },
            "cargo" => Place::Cargo {
                name: keys.crate_name.clone(),
                features: keys
                    .cargo
                    .as_ref()
                    .is_some_and(|cargo| cargo.all_features || !cargo.features.is_empty()),
            },
            other => return Err(format!("`{other}` is no kind of package that larder knows")),
        };
        let is_built = !matches!(place, Place::Asset { .. } | Place::Url(_));
        let packing = if is_built {
            Packing::Plain
        } else {
            packing(format, &asset)
        };
        let programs = self.programs(&asset, &packing, is_built)?;
        let (sums, signature) = if is_built {
            (None, None)
        } else {
            (self.sums(&asset)?, self.signature(&asset)?)
        };
        Ok(Answer {
            place,
            packing,
            programs,
            sums,
            signature,
            emulated: keys.emulates(*target),
            is_source: matches!(keys.kind.as_str(), "github_content" | "github_archive"),
            words: self.words.clone(),
        })
    }

    /// The path of a Go package.
    pub(super) fn go_path(&self) -> String {
        if self.keys.path.is_empty() && self.keys.has_repo() {
            format!("github.com/{}", self.keys.repo())
        } else {
            self.keys.path.clone()
        }
    }

    /// The template of the asset's name, or of its path in the repository.
    pub(super) fn asset_template(&self) -> &str {
        match self.keys.kind.as_str() {
            "github_release" => &self.keys.asset,
            "github_content" => &self.keys.path,
            _ => "",
        }
    }

    /// The name of the file.
    pub(super) fn asset(&self) -> Result<String, String> {
        let name = match self.keys.kind.as_str() {
            "http" => {
                let url = self.url()?;
                let path = url.split(['?', '#']).next().unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().to_owned()
            }
            "github_release" | "github_content" => evaluate(self.asset_template(), &self.context)?,
            _ => String::new(),
        };
        Ok(self.completed(name))
    }

    /// The file's URL.
    pub(super) fn url(&self) -> Result<String, String> {
        evaluate(&self.keys.url, &self.context).map(|url| self.completed(url))
    }

    /// A name with the endings that aqua adds.
    fn completed(&self, mut name: String) -> String {
        let Keys { format, .. } = &self.keys;
        if name.is_empty() {
            return name;
        }
        let is_raw = matches!(format.as_str(), "" | "raw");
        if self.keys.append_ext != Some(false)
            && !is_raw
            && without_format(&name).is_none()
            && !name.ends_with(&format!(".{format}"))
        {
            name = format!("{name}.{format}");
        }
        let is_windows = self.target.os == "windows";
        let is_program =
            format == "raw" || format.is_empty() && !has_extension(&name, &self.version);
        if !is_windows || !is_program || name.ends_with(".exe") || name.ends_with(".jar") {
            return name;
        }
        let from_source = matches!(self.keys.kind.as_str(), "github_content" | "github_archive");
        if self.keys.complete_windows_ext.unwrap_or(!from_source) {
            name.push_str(self.windows_ending());
        }
        name
    }

    fn windows_ending(&self) -> &str {
        match (self.keys.windows_ext.as_str(), self.keys.kind.as_str()) {
            ("", "github_content" | "github_archive") => ".sh",
            ("", _) => ".exe",
            (ending, _) => ending,
        }
    }

    fn programs(
        &self,
        asset: &str,
        packing: &Packing,
        is_built: bool,
    ) -> Result<Vec<Program>, String> {
        let default = super::definition::File {
            name: self.command.clone(),
            ..Default::default()
        };
        let files = match self.keys.files.as_deref() {
            None | Some([]) => std::slice::from_ref(&default),
            Some(files) => files,
        };
        let mut programs = Vec::new();
        for file in files {
            let context = self.file_context(&file.name, asset);
            let mut path = if is_built {
                file.name.clone()
            } else if *packing == Packing::Plain {
                asset.rsplit('/').next().unwrap_or_default().to_owned()
            } else if file.src.is_empty() {
                file.name.clone()
            } else {
                evaluate(&file.src, &context)?
            };
            if self.target.os == "windows" && !is_built && !has_extension(&path, &self.version) {
                path.push_str(self.windows_ending());
            }
            // Some definitions name a program twice.
            if programs
                .iter()
                .any(|known: &Program| known.name == file.name)
            {
                continue;
            }
            programs.push(Program {
                name: file.name.clone(),
                path: path.trim_start_matches("./").to_owned(),
                build: (file.src.clone(), evaluate(&file.dir, &context)?),
            });
        }
        Ok(programs)
    }

    /// The values for the templates of a program.
    pub(super) fn file_context(&self, name: &str, asset: &str) -> Context {
        let mut context = self.asset_context(asset);
        context.fields.insert("FileName", name.to_owned());
        context
    }

    /// The values for templates that may name the asset.
    pub(super) fn asset_context(&self, asset: &str) -> Context {
        let mut context = self.context.clone();
        let stem = without_format(asset).unwrap_or(asset);
        context.fields.insert("Asset", asset.to_owned());
        context.fields.insert("AssetWithoutExt", stem.to_owned());
        context
    }
}
