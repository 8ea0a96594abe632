//! Which files of an archive are selected, and under which names they are extracted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use super::{Select, Unpacked, is_flat_name, refused};
use crate::error::{Error, Result};
use crate::executable::{self, Executable};
use crate::model::{FileName, Platform};
use crate::suggestions;

/// Most files that are extracted as candidates for one program, and most files that an error lists.
const CANDIDATES: usize = 8;
/// Prefix of the file names of extracted candidates.
pub(super) const CANDIDATE: &str = ".candidate-";

pub(super) enum Chooser<'a> {
    Flat,
    All,
    Globs {
        wanted: Vec<Wanted<'a>>,
        similar: SimilarNames,
    },
}

pub(super) struct Wanted<'a> {
    pattern: Cow<'a, str>,
    matcher: GlobMatcher,
    name: &'a FileName,
    /// Set for a program that is found by its name: all files of that name are extracted, and only
    /// the best one for this platform is kept.
    best_for: Option<Platform>,
    /// Paths of the regular files that match, at most [`CANDIDATES`].
    files: Vec<String>,
    /// How many more files match.
    more: usize,
    /// Path and target of the links that match.
    links: Vec<(String, String)>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(select: &Select<'a>) -> Result<Self> {
        let (globs, programs, platform) = match *select {
            Select::Flat => return Ok(Self::Flat),
            Select::All => return Ok(Self::All),
            Select::Globs(globs) => (globs, &[][..], None),
            Select::Programs {
                globs,
                names,
                platform,
            } => (globs, names, Some(platform)),
        };
        let globs = globs
            .iter()
            .map(|(pattern, name)| (Cow::from(pattern), name, None));
        let programs = programs
            .iter()
            .map(|name| (Cow::from(format!("{{{name},**/{name}}}")), name, platform));
        let mut names = BTreeMap::new();
        let mut wanted = Vec::new();
        for (pattern, name, best_for) in globs.chain(programs) {
            let text = pattern.strip_prefix("./").unwrap_or(&pattern);
            let glob = GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(false)
                .build();
            let matcher = glob
                .map_err(|e| Error::usage(format!("`{pattern}` is not a glob")).cause(e.kind()))?
                .compile_matcher();
            if let Some(other) = names.insert(name.as_str().to_lowercase(), pattern.clone()) {
                return Err(Error::usage(format!(
                    "`{other}` and `{pattern}` would both be extracted as `{name}`"
                )));
            }
            wanted.push(Wanted {
                pattern,
                matcher,
                name,
                best_for,
                files: Vec::new(),
                more: 0,
                links: Vec::new(),
            });
        }
        let stems = wanted.iter().map(|w| w.name.as_str().to_owned()).collect();
        Ok(Self::Globs {
            wanted,
            similar: SimilarNames {
                stems,
                best: Vec::new(),
                count: 0,
            },
        })
    }

    /// Returns the name under which a regular file is extracted, if it is selected.
    pub(super) fn file(&mut self, path: &str) -> Result<Option<String>> {
        match self {
            Self::Flat => flat(path).map(Some),
            Self::All => Ok(Some(path.to_owned())),
            Self::Globs { wanted, similar } => {
                similar.consider(path);
                let mut name: Option<(&str, String)> = None;
                for (i, want) in wanted
                    .iter_mut()
                    .enumerate()
                    .filter(|(_, want)| want.matcher.is_match(path))
                {
                    if want.files.len() == CANDIDATES {
                        want.more += 1;
                        continue;
                    }
                    want.files.push(path.to_owned());
                    let into = match (want.files.len(), want.best_for) {
                        (n, Some(_)) => candidate(i, n - 1, want.name),
                        (1, None) => want.name.to_string(),
                        // A second match is only recorded; `finish` reports it.
                        (_, None) => continue,
                    };
                    if let Some((other, _)) = name {
                        return Err(Error::failed(format!("`{other}` and `{}` both match `{path}`", want.pattern))
                            .hint("make the patterns of `extract:` more specific, so that each one matches a different file"));
                    }
                    name = Some((&want.pattern, into));
                }
                Ok(name.map(|(_, into)| into))
            }
        }
    }

    /// Called for each folder of the archive.
    pub(super) fn folder(&self, path: &str) -> Result<()> {
        match self {
            Self::Flat if !path.is_empty() => Err(refused(format!(
                "`{path}` is a folder, but a package has no folders"
            ))),
            _ => Ok(()),
        }
    }

    /// Called for each link of the archive.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        match self {
            Self::Flat => Err(refused(format!(
                "`{path}` is a link, but a package contains only regular files"
            ))),
            Self::All => Ok(()),
            Self::Globs { wanted, .. } => {
                for want in wanted
                    .iter_mut()
                    .filter(|w| w.links.len() < CANDIDATES && w.matcher.is_match(path))
                {
                    want.links.push((path.to_owned(), target.to_owned()));
                }
                Ok(())
            }
        }
    }

    /// Checks that every pattern matched exactly one regular file and that every program has one
    /// best candidate; otherwise the error lists the candidates. Returns the candidates that must
    /// be renamed, with their final names. The caller removes all other candidates.
    pub(super) fn finish(&self, extracted: &[Unpacked]) -> Result<Vec<(String, &FileName)>> {
        let Self::Globs { wanted, similar } = self else {
            return Ok(Vec::new());
        };
        let mut renames = Vec::new();
        for (i, want) in wanted.iter().enumerate() {
            match (want.files.len(), want.best_for) {
                (0, _) => return Err(want.missing(similar)),
                (_, Some(platform)) => renames.push((
                    candidate(i, want.best(i, extracted, platform)?, want.name),
                    want.name,
                )),
                (1, None) => {}
                (n, None) => {
                    return Err(Error::failed(format!(
                        "`{}` matches {} files of the archive, but it must match exactly one",
                        want.pattern,
                        n + want.more
                    ))
                    .hint(format!(
                        "make the pattern more specific; it matches {}",
                        want.listed()
                    )));
                }
            }
        }
        Ok(renames)
    }
}

/// Temporary file name of a candidate, until the best one is known. A file of an artifact can't
/// have such a name.
fn candidate(want: usize, n: usize, name: &FileName) -> String {
    format!("{CANDIDATE}{want}-{n}-{name}")
}

impl Wanted<'_> {
    /// Returns the index of the best candidate for the program.
    fn best(&self, index: usize, extracted: &[Unpacked], platform: Platform) -> Result<usize> {
        let Self {
            pattern: _,
            matcher: _,
            name,
            best_for: _,
            files,
            more,
            links: _,
        } = self;
        let rank = |n: usize, path: &str| -> Result<(u8, bool, usize)> {
            let into = candidate(index, n, name);
            let file = extracted.iter().find(|file| file.name == into);
            let file = file.ok_or_else(|| Error::failed(format!("`{path}` was not extracted")))?;
            let unfit = match executable::inspect(&file.path)? {
                Executable::Native(_)
                    if executable::check_platform(&file.path, &platform).is_ok() =>
                {
                    0
                }
                Executable::Script => 1,
                Executable::Other => 2,
                Executable::Native(_) => 3,
                Executable::Empty => 4,
            };
            Ok((unfit, file.mode != 0o755, path.matches('/').count()))
        };
        let ranks = files
            .iter()
            .enumerate()
            .map(|(n, path)| rank(n, path))
            .collect::<Result<Vec<_>>>()?;
        // There is at least one candidate: `finish` has reported the case without any.
        let best = ranks.iter().min().copied().unwrap_or_default();
        let mut best = ranks
            .iter()
            .enumerate()
            .filter(|(_, rank)| **rank == best)
            .map(|(n, _)| n);
        match (best.next(), best.next(), more) {
            (Some(n), None, 0) => Ok(n),
            _ => Err(Error::failed(format!(
                "the archive has {} files named `{name}`, and none fits better than the others",
                files.len() + more
            ))
            .hint(format!(
                "name the right one in `extract:`; the files are {}",
                self.listed()
            ))),
        }
    }

    fn listed(&self) -> String {
        let listed = self
            .files
            .iter()
            .map(|path| format!("`{path}`"))
            .collect::<Vec<_>>()
            .join(", ");
        if self.more > 0 {
            format!("{listed} and {} more", self.more)
        } else {
            listed
        }
    }

    fn missing(&self, similar: &SimilarNames) -> Error {
        let Self { pattern, name, .. } = self;
        if let Some((link, target)) = self.links.first() {
            return Error::failed(format!(
                "`{pattern}` matches only a link: `{link}` → `{target}`"
            ))
            .hint(format!(
                "in `extract:`, name the file that the link points to, for `{name}`"
            ));
        }
        let error = Error::failed(match self.best_for {
            Some(_) => format!("the archive has no file named `{name}`"),
            None => format!("`{pattern}` matches no file of the archive"),
        });
        match similar.best.as_slice() {
            [] => error.hint("the archive contains no files"),
            best => error.hint(format!(
                "{} {}: {}",
                if similar.count > best.len() {
                    "the most similar of the archive's"
                } else {
                    "the archive's"
                },
                if similar.count == 1 {
                    "1 file".to_owned()
                } else {
                    format!("{} files", similar.count)
                },
                best.iter()
                    .map(|(_, path)| format!("`{path}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }
}

fn flat(path: &str) -> Result<String> {
    if is_flat_name(path) {
        return Ok(path.to_owned());
    }
    Err(refused(format!(
        "`{path}` is not a name that a file of a package can have"
    )))
}

/// The files whose names are most similar to the selected names. Errors list them.
pub(super) struct SimilarNames {
    stems: Vec<String>,
    best: Vec<(f64, String)>,
    count: usize,
}

impl SimilarNames {
    fn consider(&mut self, path: &str) {
        self.count += 1;
        let base = path.rsplit('/').next().unwrap_or(path);
        let score = self
            .stems
            .iter()
            .map(|stem| suggestions::similarity(stem, base))
            .fold(0.0, f64::max);
        let place = self.best.partition_point(|(s, _)| *s >= score);
        if place < CANDIDATES {
            self.best.insert(place, (score, path.to_owned()));
            self.best.truncate(CANDIDATES);
        }
    }
}
