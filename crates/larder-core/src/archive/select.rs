//! Which files of an archive are selected, and under which names they are extracted.

mod similar;
pub(super) mod whole;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use globset::{GlobBuilder, GlobMatcher};

use self::similar::SimilarNames;
use super::names::{Tree, escape_name};
use super::{Select, Unpacked, WholeSelection, is_flat_name, refused};
use crate::error::{Error, Result};
use crate::executable::{self, Executable};
use crate::model::{ArtifactPath, FileName, Platform};

/// Most files that are extracted as candidates for one program, and most files that an error lists.
const CANDIDATES: usize = 8;
/// Prefix of the file names of extracted candidates.
pub(super) const CANDIDATE: &str = ".candidate-";

pub(super) enum Chooser<'a> {
    Flat,
    FlatTree,
    All,
    Source,
    Whole(WholeSelection<'a>),
    Globs {
        wanted: Vec<Wanted<'a>>,
        similar: SimilarNames,
        /// Path → the names under which it was extracted.
        extracted: HashMap<String, Vec<String>>,
    },
}

/// For each selected thing of which the archive has only links, by its number: the paths of the
/// files that the links lead to.
pub(super) type Followed = BTreeMap<usize, BTreeSet<String>>;

/// What selecting led to.
pub(super) enum Chosen<'a> {
    /// The candidates that must be renamed, with their final names. The caller removes all other
    /// candidates.
    Renames(Vec<(String, &'a FileName)>),
    /// The archive must be read again, because what is selected is a link to another file in it.
    Follow(Followed),
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
    /// The paths of the links that match.
    links: Vec<String>,
    /// The entries that match but can't be extracted, with the reason.
    odd: Vec<(String, String)>,
    /// The files that links lead to. If it is set, they are selected instead of what matches.
    followed: Option<BTreeSet<String>>,
}

/// Compiles a glob of a recipe.
pub(in crate::archive) fn matcher(text: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .build()?;
    Ok(glob.compile_matcher())
}

/// Whether a glob of a recipe matches a path in an archive.
pub fn glob_matches(glob: &str, path: &str) -> bool {
    matcher(glob.strip_prefix("./").unwrap_or(glob)).is_ok_and(|matcher| matcher.is_match(path))
}

impl Wanted<'_> {
    fn is_match(&self, path: &str) -> bool {
        match &self.followed {
            Some(paths) => paths.contains(path),
            None => self.matcher.is_match(path),
        }
    }
}

impl<'a> Chooser<'a> {
    /// `followed` is the result of the first reading of the archive, if this is the second one.
    pub(super) fn new(select: &Select<'a>, followed: &Followed) -> Result<Self> {
        let (globs, programs, platform) = match *select {
            Select::Flat => return Ok(Self::Flat),
            Select::FlatTree => return Ok(Self::FlatTree),
            Select::Whole(selection) => return Ok(Self::Whole(selection)),
            Select::All => return Ok(Self::All),
            Select::Source => return Ok(Self::Source),
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
            let matcher = matcher(text)
                .map_err(|e| Error::usage(format!("`{pattern}` is not a glob")).cause(e.kind()))?;
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
                odd: Vec::new(),
                followed: followed.get(&wanted.len()).cloned(),
            });
        }
        let stems: Vec<String> = wanted.iter().map(|w| w.name.as_str().to_owned()).collect();
        Ok(Self::Globs {
            wanted,
            similar: SimilarNames::new(stems),
            extracted: HashMap::new(),
        })
    }

    /// Whether only larder's own packages are expected, in which nothing may be unusual.
    pub(super) fn is_strict(&self) -> bool {
        matches!(self, Self::Flat | Self::FlatTree)
    }

    /// Whether the folder of the archive is kept, with its links.
    pub(super) fn whole(&self) -> Option<WholeSelection<'a>> {
        match self {
            Self::Whole(selection) => Some(*selection),
            _ => None,
        }
    }

    /// Whether it is the package of a tree.
    pub(super) fn is_tree(&self) -> bool {
        matches!(self, Self::FlatTree)
    }

    /// Whether everything is selected, so that two files must not have one name on any system.
    pub(super) fn takes_all(&self) -> bool {
        !matches!(self, Self::Globs { .. })
    }

    /// Whether empty folders and links are made.
    pub(super) fn takes_folders_and_links(&self) -> bool {
        matches!(self, Self::Source)
    }

    /// Whether a link of the archive may have to be followed.
    pub(super) fn follows_links(&self) -> bool {
        matches!(self, Self::Globs { .. })
    }

    /// Returns the names under which a regular file is extracted; none if it is not selected.
    pub(super) fn file(&mut self, path: &str) -> Result<Vec<String>> {
        match self {
            Self::Flat => flat(path).map(|name| vec![name]),
            Self::FlatTree => flat_path(path).map(|path| vec![path]),
            Self::All | Self::Source | Self::Whole(_) => Ok(vec![path.to_owned()]),
            Self::Globs {
                wanted,
                similar,
                extracted,
            } => {
                similar.consider(path);
                let mut names: Vec<String> = Vec::new();
                let mut direct: Option<&str> = None;
                for (i, want) in wanted
                    .iter_mut()
                    .enumerate()
                    .filter(|(_, want)| want.is_match(path))
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
                    // Several links may lead to one file, but two patterns must not match it.
                    if want.followed.is_none()
                        && let Some(other) = direct.replace(&want.pattern)
                    {
                        return Err(Error::failed(format!("`{other}` and `{}` both match `{path}`", want.pattern))
                            .hint("make the patterns of `extract:` more specific, so that each one matches a different file"));
                    }
                    names.push(into);
                }
                if !names.is_empty() {
                    extracted.insert(path.to_owned(), names.clone());
                }
                Ok(names)
            }
        }
    }

    /// The name under which an earlier file of the same path was extracted, if it was.
    pub(super) fn extracted_as<'p>(&'p self, path: &'p str) -> Option<&'p str> {
        match self {
            Self::Flat | Self::FlatTree | Self::All | Self::Source | Self::Whole(_) => Some(path),
            Self::Globs { extracted, .. } => extracted.get(path)?.first().map(String::as_str),
        }
    }

    /// Called for each entry that can't be extracted. It is only an error if nothing else is what
    /// was selected.
    pub(super) fn odd(&mut self, path: &str, why: &str) {
        if let Self::Globs { wanted, .. } = self {
            for want in wanted
                .iter_mut()
                .filter(|want| want.odd.len() < CANDIDATES && want.is_match(path))
            {
                want.odd.push((path.to_owned(), why.to_owned()));
            }
        }
    }

    /// Called for each folder of the archive.
    pub(super) fn folder(&self, path: &str) -> Result<()> {
        match self {
            Self::Flat | Self::FlatTree if !path.is_empty() => Err(refused(format!(
                "`{path}` is a folder, but a package has no folders"
            ))),
            _ => Ok(()),
        }
    }

    /// Called for each link of the archive.
    pub(super) fn link(&mut self, path: &str, is_hard: bool) -> Result<()> {
        match self {
            Self::FlatTree if !is_hard => flat_path(path).map(drop),
            Self::FlatTree => Err(refused(format!("`{path}` is a hard link"))),
            Self::Flat => Err(refused(format!(
                "`{path}` is a link, but a package contains only regular files"
            ))),
            Self::All | Self::Source | Self::Whole(_) => Ok(()),
            Self::Globs { wanted, .. } => {
                for want in wanted
                    .iter_mut()
                    .filter(|w| w.links.len() < CANDIDATES && w.is_match(path))
                {
                    want.links.push(path.to_owned());
                }
                Ok(())
            }
        }
    }

    /// Checks that every pattern matched exactly one regular file and that every program has one
    /// best candidate; otherwise the error lists the candidates. Where only links match, says which
    /// files of the archive they lead to.
    pub(super) fn finish(&self, tree: &Tree, extracted: &[Unpacked]) -> Result<Chosen<'a>> {
        let Self::Globs {
            wanted, similar, ..
        } = self
        else {
            return Ok(Chosen::Renames(Vec::new()));
        };
        let mut renames = Vec::new();
        let mut followed = Followed::new();
        for (i, want) in wanted.iter().enumerate() {
            match (want.files.len(), want.best_for) {
                (0, _) if want.followed.is_none() && !want.links.is_empty() => {
                    followed.insert(i, want.follow(tree)?);
                }
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
        if followed.is_empty() {
            return Ok(Chosen::Renames(renames));
        }
        // What was found by following links before stays selected in the same way.
        for (i, want) in wanted.iter().enumerate() {
            if let Some(paths) = &want.followed {
                followed.insert(i, paths.clone());
            }
        }
        Ok(Chosen::Follow(followed))
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
            odd: _,
            followed: _,
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

    /// The files that the links lead to. Links that lead nowhere only matter if all of them do.
    fn follow(&self, tree: &Tree) -> Result<BTreeSet<String>> {
        let mut paths = BTreeSet::new();
        let mut nowhere = None;
        for link in &self.links {
            match tree.follow(link) {
                Ok(path) => {
                    paths.insert(path);
                }
                Err(why) => nowhere = nowhere.or(Some((link, why))),
            }
        }
        match nowhere {
            Some((link, why)) if paths.is_empty() => Err(Error::failed(format!(
                "{} only as `{}`, which can't be used: {why}",
                self.described(),
                escape_name(link.as_bytes())
            ))
            .hint(format!(
                "in `extract:`, name the file of the archive that is `{}`",
                self.name
            ))),
            _ => Ok(paths),
        }
    }

    fn described(&self) -> String {
        match self.best_for {
            Some(_) => format!("the archive has `{}`", self.name),
            None => format!("the archive has what `{}` matches", self.pattern),
        }
    }

    fn missing(&self, similar: &SimilarNames) -> Error {
        let Self { pattern, name, .. } = self;
        if let Some((path, why)) = self.odd.first() {
            return Error::failed(format!(
                "{} only as `{}`, which can't be used: {why}",
                self.described(),
                escape_name(path.as_bytes())
            ));
        }
        let error = Error::failed(match self.best_for {
            Some(_) => format!("the archive has no file named `{name}`"),
            None => format!("`{pattern}` matches no file of the archive"),
        });
        similar.hint(error)
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

fn flat_path(path: &str) -> Result<String> {
    if path == ".version" || path.parse::<ArtifactPath>().is_ok() {
        return Ok(path.to_owned());
    }
    Err(refused(format!(
        "`{path}` is not a path that a file of a package can have"
    )))
}
