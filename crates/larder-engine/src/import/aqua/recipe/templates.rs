//! The keys of a recipe for one platform, as templates: what `answer` found, translated where that is possible.

use larder_core::model::{Os, Platform, Version, WINDOWS_SCRIPTS};

use super::super::answer::{Answer, OnPlatform, Packing, Place, Program};
use super::super::language::evaluate::Context;
use super::super::language::translate::{
    Piece, Pieces, Symbols, push, rendered, template, translate, without_end,
};
use super::super::names::without_format;

/// The pinned version, and what the tag has before it.
#[derive(Clone, Debug)]
pub(in crate::import::aqua) struct Pin {
    pub(super) before: String,
    pub(in crate::import::aqua) version: Version,
}

/// A binary of the recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) name: String,
    /// The binary whose file it has.
    pub(super) link: Option<String>,
}

/// The keys for a platform.
#[derive(Clone, Debug)]
pub(super) struct Templates {
    pub(super) place: PlaceKeys,
    pub(super) checksums: Option<String>,
    /// The pairs of `signature`.
    pub(super) signature: Option<Vec<(String, String)>>,
    /// Paths in the archive, and files of the artifact.
    pub(super) extract: Option<Vec<(String, String)>>,
    /// Whether each program has its own name at the top of the archive.
    pub(super) is_flat: bool,
    pub(super) is_plain: bool,
    pub(super) binaries: Vec<Binary>,
}

/// The keys that say where the original is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlaceKeys {
    GitHub { repo: String, asset: String },
    Url(String),
    Built,
}

impl Pin {
    /// The pin for a version of aqua, which is a tag. A version can't have a folder.
    pub(in crate::import::aqua) fn of(tag: &str) -> Result<Self, larder_core::model::Invalid> {
        let start = tag.rfind('/').map_or(0, |at| at + 1);
        let (version, _) = larder_remote::origin::version_in(&tag[start..]);
        Ok(Self {
            before: tag[..tag.len() - version.len()].to_owned(),
            version: version.parse()?,
        })
    }

    /// The tag's template.
    pub(super) fn template(&self) -> String {
        format!("{}{{{{ version }}}}", self.before)
    }

    fn pieces(&self) -> Pieces {
        let mut pieces = Pieces::new();
        push(&mut pieces, Piece::Literal(self.before.clone()));
        pieces.push(self.expression("version", self.version.as_str()));
        pieces
    }

    fn expression(&self, code: &str, value: &str) -> Piece {
        Piece::Expression {
            code: code.to_owned(),
            value: value.to_owned(),
        }
    }

    /// A final text in pieces: the version is an expression wherever it occurs.
    fn pieces_of(&self, text: &str) -> Pieces {
        let (version, number) = (self.version.as_str(), self.version.number());
        let mut pieces = Pieces::new();
        for (n, part) in text.split(version).enumerate() {
            if n > 0 {
                push(&mut pieces, self.expression("version", version));
            }
            let is_telling = number.len() >= 3 && number.contains(['.', '-']);
            let parts = if is_telling {
                part.split(number).collect()
            } else {
                vec![part]
            };
            for (n, part) in parts.into_iter().enumerate() {
                if n > 0 {
                    push(&mut pieces, self.expression("version_number", number));
                }
                push(&mut pieces, Piece::Literal(part.to_owned()));
            }
        }
        pieces
    }
}

/// Finds templates for one platform.
pub(super) struct Finder<'a> {
    pub(super) pin: &'a Pin,
    pub(super) on: &'a OnPlatform,
    pub(super) answer: &'a Answer,
    pub(super) platform: Platform,
    /// Whether the recipe has programs for Windows.
    pub(super) has_windows: bool,
}

impl Finder<'_> {
    /// The keys.
    pub(super) fn templates(&self) -> Result<Templates, String> {
        let Self { on, answer, .. } = self;
        let asset = on.asset()?;
        let place = match &answer.place {
            Place::Asset { repo, asset } => PlaceKeys::GitHub {
                repo: repo.clone(),
                asset: self.text(on.asset_template(), &on.context, asset, &[])?,
            },
            Place::Url(url) => {
                let start = format!("https://github.com/{}", on.keys.repo());
                let text = match on.keys.kind.as_str() {
                    "github_content" => format!("{start}/raw/{{{{.Version}}}}/{}", on.keys.path),
                    "github_archive" => {
                        format!("{start}/archive/refs/tags/{{{{.Version}}}}.tar.gz")
                    }
                    _ => on.keys.url.clone(),
                };
                PlaceKeys::Url(self.text(&text, &on.context, url, &[])?)
            }
            _ => PlaceKeys::Built,
        };
        let symbols = self.asset_symbols(&asset);
        let sums = answer.sums.as_ref().filter(|sums| sums.unusable.is_none());
        let checksums = match (sums, on.sums_template()) {
            (Some(sums), Some((_, text))) => {
                Some(self.text(text, &on.sums_context(&asset)?, &sums.file, &symbols)?)
            }
            _ => None,
        };
        let signature = match (&answer.signature, on.signature_template()) {
            (Some(signature), Some((of_sums, _, text))) => {
                let context = on.signature_context(&asset, of_sums)?;
                let signed = if of_sums {
                    self.signed_symbols(&context)
                } else {
                    symbols.clone()
                };
                let mut pairs = vec![
                    ("minisign".to_owned(), signature.key.clone()),
                    (
                        "file".to_owned(),
                        self.text(text, &context, &signature.file, &signed)?,
                    ),
                ];
                if of_sums {
                    pairs.push(("of".to_owned(), "checksums".to_owned()));
                }
                // Without the file, there is nothing to check.
                (!of_sums || checksums.is_some()).then_some(pairs)
            }
            _ => None,
        };
        let binaries = self.binaries();
        let real: Vec<(&Program, &Binary)> = answer
            .programs
            .iter()
            .zip(&binaries)
            .filter(|(_, binary)| binary.link.is_none())
            .collect();
        let is_archive = answer.packing == Packing::Archive;
        let is_flat = real
            .iter()
            .all(|(program, binary)| program.path == self.file(binary));
        let extract = if is_archive {
            let pair = |(program, binary): &(&Program, &Binary)| {
                let path = self.path(program, &asset, &symbols)?;
                let exe = if self.has_exe(&binary.name) {
                    "{{ exe }}"
                } else {
                    ""
                };
                Ok((path, format!("{}{exe}", binary.name)))
            };
            Some(real.iter().map(pair).collect::<Result<Vec<_>, String>>()?)
        } else {
            None
        };
        let looks_packed = without_format(&asset).is_some()
            || [".jar", ".7z", ".deb", ".whl", ".vsix", ".apk"]
                .iter()
                .any(|end| asset.ends_with(end));
        Ok(Templates {
            place,
            checksums,
            signature,
            extract,
            is_flat: is_archive && is_flat,
            is_plain: answer.packing == Packing::Plain && looks_packed,
            binaries,
        })
    }

    /// A template that renders to a text: that of the definition, and what aqua adds at its end; else the text itself.
    fn text(
        &self,
        text: &str,
        context: &Context,
        truth: &str,
        more: &[(&'static str, Pieces)],
    ) -> Result<String, String> {
        let translated = translate(text, context, &self.symbols(context, more));
        let pieces = translated.ok().and_then(|mut pieces| {
            let end = truth.strip_prefix(rendered(&pieces).as_str())?;
            push(&mut pieces, Piece::Literal(end.to_owned()));
            Some(pieces)
        });
        template(&pieces.unwrap_or_else(|| self.pin.pieces_of(truth)))
    }

    fn symbols(&self, context: &Context, more: &[(&'static str, Pieces)]) -> Symbols {
        let field = |name: &str| context.fields.get(name).map_or("", String::as_str);
        let version = self.pin.pieces();
        let before = field("Version").len() - field("SemVer").len();
        let semver = match before.checked_sub(self.pin.before.len()) {
            Some(0) => vec![self.pin.expression("version", self.pin.version.as_str())],
            Some(1) if self.pin.version.number() == field("SemVer") => {
                vec![
                    self.pin
                        .expression("version_number", self.pin.version.number()),
                ]
            }
            _ if before == 0 => version.clone(),
            _ => self.pin.pieces_of(field("SemVer")),
        };
        let mut symbols = vec![("Version", version), ("SemVer", semver)];
        let (os, arch) = &self.answer.words;
        for (name, code, word) in [("OS", "os", os), ("Arch", "arch", arch)] {
            if field(name) == word {
                symbols.push((name, vec![self.pin.expression(code, word)]));
            }
        }
        symbols.extend(more.iter().cloned());
        Symbols(symbols)
    }

    /// The pieces of the asset's name, and of its URL.
    fn asset_symbols(&self, asset: &str) -> Vec<(&'static str, Pieces)> {
        let on = self.on;
        let of = |text: &str, truth: &str| {
            let translated = translate(text, &on.context, &self.symbols(&on.context, &[]));
            let pieces = translated.ok().and_then(|mut pieces| {
                let end = truth.strip_prefix(rendered(&pieces).as_str())?;
                push(&mut pieces, Piece::Literal(end.to_owned()));
                Some(pieces)
            });
            pieces.unwrap_or_else(|| self.pin.pieces_of(truth))
        };
        let mut found = Vec::new();
        let name = if on.keys.kind == "http" {
            let url = on.url().unwrap_or_default();
            let url = of(&on.keys.url, &url);
            let name = last_part(&url);
            found.push(("AssetURL", url));
            if rendered(&name) == asset {
                name
            } else {
                self.pin.pieces_of(asset)
            }
        } else {
            of(on.asset_template(), asset)
        };
        let stem = without_format(asset).unwrap_or(asset);
        let ending = &asset[stem.len()..];
        let stem = if ending.is_empty() {
            name.clone()
        } else {
            without_end(&name, ending).unwrap_or_else(|| self.pin.pieces_of(stem))
        };
        found.push(("Asset", name));
        found.push(("AssetWithoutExt", stem));
        found
    }

    /// The pieces of the name of the checksums file, which a signature of it calls `.Asset`.
    fn signed_symbols(&self, context: &Context) -> Vec<(&'static str, Pieces)> {
        let of = |name: &str| {
            let text = context.fields.get(name).map_or("", String::as_str);
            self.pin.pieces_of(text)
        };
        vec![
            ("Asset", of("Asset")),
            ("AssetWithoutExt", of("AssetWithoutExt")),
        ]
    }

    /// The template of a program's path in the archive.
    fn path(
        &self,
        program: &Program,
        asset: &str,
        symbols: &[(&'static str, Pieces)],
    ) -> Result<String, String> {
        let (source, _) = &program.build;
        let source = if source.is_empty() {
            &program.name
        } else {
            source
        };
        let context = self.on.file_context(&program.name, asset);
        let source = source.trim_start_matches("./");
        let path = self.text(source, &context, &program.path, symbols)?;
        Ok(match path.strip_suffix(".exe") {
            Some(path) if self.platform.os == Os::Windows => format!("{path}{{{{ exe }}}}"),
            None if self.platform.os != Os::Windows && self.has_windows => {
                format!("{path}{{{{ exe }}}}")
            }
            _ => path,
        })
    }

    /// The binaries. Programs that have one file are names of the first one.
    fn binaries(&self) -> Vec<Binary> {
        let mut binaries: Vec<Binary> = Vec::new();
        let programs = &self.answer.programs;
        for (n, program) in programs.iter().enumerate() {
            let is_built = self.answer.packing == Packing::Plain
                && !matches!(self.answer.place, Place::Asset { .. } | Place::Url(_));
            let first = programs.iter().position(|other| other.path == program.path);
            let link = first
                .filter(|first| *first < n && !is_built)
                .map(|first| binaries[first].name.clone());
            binaries.push(Binary {
                name: self.name(program),
                link,
            });
        }
        binaries
    }

    /// The name of a binary: that of the command, with the ending of a script on Windows.
    fn name(&self, program: &Program) -> String {
        let name = program.name.strip_suffix(".exe").unwrap_or(&program.name);
        let ending = WINDOWS_SCRIPTS
            .iter()
            .find(|end| program.path.ends_with(**end));
        match ending {
            Some(ending) if self.platform.os == Os::Windows && !name.ends_with(ending) => {
                format!("{name}{ending}")
            }
            _ => name.to_owned(),
        }
    }

    /// The file of a binary.
    fn file(&self, binary: &Binary) -> String {
        if self.platform.os == Os::Windows && self.has_exe(&binary.name) {
            format!("{}.exe", binary.name)
        } else {
            binary.name.clone()
        }
    }

    fn has_exe(&self, name: &str) -> bool {
        self.has_windows && !WINDOWS_SCRIPTS.iter().any(|end| name.ends_with(end))
    }
}

/// The pieces after the last slash.
fn last_part(pieces: &[Piece]) -> Pieces {
    let mut found = Pieces::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => {
                if let Some((_, last)) = text.rsplit_once('/') {
                    found.clear();
                    push(&mut found, Piece::Literal(last.to_owned()));
                } else {
                    push(&mut found, piece.clone());
                }
            }
            expression @ Piece::Expression { .. } => push(&mut found, expression.clone()),
        }
    }
    found
}
