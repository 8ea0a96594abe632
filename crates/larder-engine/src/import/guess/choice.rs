//! Chooses the asset for each platform. Names come first: those of one product, which the words of the subsystem's name
//! select. Where a name does not tell the system or the processor, the header of the program decides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Arch, Libc, Os, Platform, Version};

use super::template::{is_arch, is_os, shape, word};
use super::words::{self, Fit, ParsedName};
use super::{Seen, listed, split};

/// The most assets whose headers are read for one release.
const MOST_HEADERS: usize = 8;

/// The chosen assets.
pub(super) struct Choice<'a> {
    pub(super) picks: BTreeMap<Platform, ParsedName<'a>>,
    /// What was not decided, and why.
    pub(super) unsure: Vec<String>,
}

/// The assets of one product: their names have the same words, apart from version, system and processor.
struct Family<'a> {
    words: BTreeSet<String>,
    members: Vec<ParsedName<'a>>,
}

/// How well a family fits the names; a lower rank is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Words of the subsystem's name that it lacks.
    lacks: usize,
    /// Words that are neither in the subsystem's name nor in the repository's.
    more: usize,
    /// Words of the repository's name that it lacks.
    lacks_repository: usize,
}

/// What to choose for.
pub(super) struct Request<'r> {
    pub(super) version: &'r Version,
    pub(super) platforms: &'r [Platform],
    /// The subsystem's name, then the repository's.
    pub(super) names: [&'r str; 2],
    /// The assets that the user has named.
    pub(super) given: &'r BTreeMap<Platform, String>,
}

/// Chooses; `None` if no asset is for any of the platforms. `read_header` reads the header of an asset's program.
pub(super) fn choose<'a>(
    assets: &'a [String],
    request: &Request<'_>,
    read_header: &mut dyn FnMut(&str) -> Result<Seen>,
) -> Result<Option<Choice<'a>>> {
    let Request {
        version,
        platforms,
        names,
        given,
    } = *request;
    let mut picks: BTreeMap<Platform, ParsedName<'a>> = BTreeMap::new();
    for (platform, name) in given {
        let asset = assets.iter().find(|asset| {
            *asset == name || words::last_part(asset) == name && asset.contains("://")
        });
        let asset = asset.ok_or_else(|| {
            Error::usage(format!(
                "the release has no asset {name}, which is named for {platform}"
            ))
            .hint(format!("it has {}", listed(assets)))
        })?;
        picks.insert(*platform, words::parse_any(asset, version, &names));
    }
    let families = families(assets, version, &names);
    let patterns = NamePatterns::of(families.iter().flat_map(|family| &family.members));
    let Some(base) = base(&families, request, &picks)? else {
        return Ok((!picks.is_empty()).then(|| Choice {
            picks,
            unsure: Vec::new(),
        }));
    };
    let mut unsure = Vec::new();
    let suitable = complements(&families, base);
    let best = |platform: Platform, wanted: fn(Fit) -> bool| -> Vec<&ParsedName<'a>> {
        let mut all: Vec<_> = suitable
            .iter()
            .enumerate()
            .flat_map(|(nth, family)| family.members.iter().map(move |member| (nth, member)))
            .filter_map(|(nth, member)| {
                let fit = member.fit(platform).filter(|fit| wanted(*fit))?;
                let libc = libc_rank(member, platform)?;
                let order = (nth, fit, libc, kind_rank(member, platform.os));
                // Among equally good names, choose the one that follows the most common pattern.
                Some((
                    order,
                    patterns.rarity(member),
                    member.name.len(),
                    member.name,
                    member,
                ))
            })
            .collect();
        all.sort_by(|a, b| (&a.0, &a.1, a.2, a.3).cmp(&(&b.0, &b.1, b.2, b.3)));
        all.into_iter().map(|(.., member)| member).collect()
    };
    let open = |picks: &BTreeMap<Platform, ParsedName<'a>>| -> Vec<Platform> {
        platforms
            .iter()
            .copied()
            .filter(|platform| !picks.contains_key(platform))
            .collect()
    };
    for platform in open(&picks) {
        if let Some(best) = best(platform, |fit| fit != Fit::Unknown).first() {
            picks.insert(platform, (*best).clone());
        }
    }
    // Where the names of others tell the platform, an archive with only a version is source code.
    let named = families
        .iter()
        .any(|family| family.members.iter().any(ParsedName::names_platform));
    let mut headers: BTreeMap<&str, Option<Seen>> = BTreeMap::new();
    for platform in open(&picks) {
        for candidate in best(platform, |fit| fit == Fit::Unknown) {
            let plain = !candidate.names_platform();
            if plain && named && candidate.is_versioned_archive() {
                continue;
            }
            let name = candidate.name;
            if !headers.contains_key(name) {
                if headers.len() == MOST_HEADERS {
                    unsure.push(format!(
                        "whether {name} is for {platform}: its name does not tell, and the headers of {MOST_HEADERS} other assets were read"
                    ));
                    break;
                }
                let seen = match read_header(name) {
                    Ok(seen) => Some(seen),
                    Err(error) if matches!(error.kind(), Kind::Failed | Kind::Integrity) => {
                        unsure.push(format!("what {name} contains: {}", error.message()));
                        None
                    }
                    Err(error) => return Err(error),
                };
                headers.insert(name, seen);
            }
            let seen = headers.get(name).and_then(Option::as_ref);
            if seen.is_some_and(|seen| seen.runs_on(platform, candidate.os())) {
                picks.insert(platform, candidate.clone());
                break;
            }
        }
    }
    for (platform, pick) in &picks {
        let words: BTreeSet<String> = pick.rest.iter().cloned().collect();
        if words != base.words && !given.contains_key(platform) {
            unsure.push(format!(
                "whether {} is the same product for {platform}: it has other words in its name than the other assets",
                words::last_part(pick.name)
            ));
        }
    }
    Ok((!picks.is_empty()).then_some(Choice { picks, unsure }))
}

/// The assets that may be programs, by product.
fn families<'a>(assets: &'a [String], version: &Version, names: &[&str]) -> Vec<Family<'a>> {
    let mut families: Vec<Family<'a>> = Vec::new();
    for name in assets {
        let Some(parsed) = words::parse(name, version, names) else {
            continue;
        };
        if parsed.is_unsuitable() {
            continue;
        }
        let words: BTreeSet<String> = parsed.rest.iter().cloned().collect();
        match families.iter_mut().find(|family| family.words == words) {
            Some(family) => family.members.push(parsed),
            None => families.push(Family {
                words,
                members: vec![parsed],
            }),
        }
    }
    families
}

/// The family of the product that is wanted. It is an error if several fit equally well.
fn base<'f, 'a>(
    families: &'f [Family<'a>],
    request: &Request<'_>,
    picks: &BTreeMap<Platform, ParsedName<'a>>,
) -> Result<Option<&'f Family<'a>>> {
    // The user's answer names the product.
    let answered = families.iter().find(|family| {
        family
            .members
            .iter()
            .any(|member| picks.values().any(|pick| pick.name == member.name))
    });
    if answered.is_some() {
        return Ok(answered);
    }
    let [own, repository] = request
        .names
        .map(|name| split(name).collect::<BTreeSet<_>>());
    let rank = |family: &Family<'_>| Rank {
        lacks: own.difference(&family.words).count(),
        more: family
            .words
            .iter()
            .filter(|word| !own.contains(*word) && !repository.contains(*word))
            .count(),
        lacks_repository: repository.difference(&family.words).count(),
    };
    let for_any = |family: &&Family<'_>| {
        family.members.iter().any(|member| {
            (request.platforms.iter()).any(|platform| member.fit(*platform).is_some())
        })
    };
    let mut ranked: Vec<(bool, Rank, Reverse<usize>, &Family<'_>)> = families
        .iter()
        .filter(for_any)
        .map(|family| {
            let named = family
                .members
                .iter()
                .filter(|member| member.names_platform());
            let named = named.count();
            // A lone archive without any platform's name is source code, if others have one.
            (named == 0, rank(family), Reverse(named), family)
        })
        .collect();
    let any_named = ranked.iter().any(|(unnamed, ..)| !unnamed);
    ranked.retain(|(unnamed, _, _, family)| {
        !(any_named && *unnamed && family.members.iter().all(ParsedName::is_versioned_archive))
    });
    ranked.sort_by_key(|(_, rank, named, _)| (*rank, *named));
    let Some((_, best, _, first)) = ranked.first() else {
        return Ok(None);
    };
    // Names without any word of the product don't tell which one it is.
    let unknown = |family: &Family<'_>| {
        let names = || own.iter().chain(&repository);
        let part = |word: &String| {
            word.len() > 2 && names().any(|name| name.contains(word) || word.contains(name))
        };
        !family.words.iter().any(part)
            && family.words.is_disjoint(&own)
            && family.words.is_disjoint(&repository)
    };
    let first_named = first.members.iter().any(ParsedName::names_platform);
    let rivals: Vec<&Family<'_>> = ranked
        .iter()
        .filter(|(unnamed, rank, _, family)| {
            (rank == best || unknown(first))
                && !std::ptr::eq(*family, *first)
                && !(first_named && *unnamed)
        })
        .map(|(.., family)| *family)
        .filter(|family| overlap(first, family))
        .collect();
    if rivals.is_empty() {
        return Ok(Some(first));
    }
    Err(question(request, first, &rivals))
}

/// Asks which of several products is wanted.
fn question(request: &Request<'_>, first: &Family<'_>, rivals: &[&Family<'_>]) -> Error {
    let all = || std::iter::once(&first).chain(rivals);
    let example = |family: &&Family<'_>| {
        let fits = |platform: &Platform| {
            let member = family.members.iter();
            member
                .filter_map(|member| Some((member.fit(*platform)?, member.name)))
                .min()
                .map(|(_, name)| (*platform, name.to_owned()))
        };
        let host = Platform::host();
        fits(&host).or_else(|| request.platforms.iter().find_map(fits))
    };
    let mut examples: Vec<(Platform, String)> = all().filter_map(example).collect();
    examples.sort_by(|(_, a), (_, b)| a.cmp(b));
    let shown: Vec<String> = examples
        .iter()
        .map(|(_, name)| words::last_part(name).to_owned())
        .collect();
    let mut error = Error::failed(format!(
        "the release has several products, and their names don't tell which one `{}` is: {}",
        request.names[0],
        listed(&shown)
    ));
    if let Some((platform, name)) = examples.first() {
        error = error.hint(format!(
            "name an asset of the right one, such as `--asset {platform}={}`",
            words::last_part(name)
        ));
    }
    error.hint("or name the subsystem as the product is called in the assets' names")
}

/// The base, and the families that complement it: they have assets for other platforms only. Two families with an asset
/// for the same platform are different products.
fn complements<'f, 'a>(families: &'f [Family<'a>], base: &'f Family<'a>) -> Vec<&'f Family<'a>> {
    let mut chosen = vec![base];
    let more = |family: &Family<'_>| {
        (
            base.words.difference(&family.words).count(),
            family.words.difference(&base.words).count(),
        )
    };
    let mut others: Vec<&Family<'_>> = families
        .iter()
        .filter(|family| !std::ptr::eq(*family, base))
        .filter(|family| !family.words.is_disjoint(&base.words))
        .collect();
    others.sort_by_key(|family| more(family));
    for other in others {
        if !chosen.iter().any(|family| overlap(family, other)) {
            chosen.push(other);
        }
    }
    chosen
}

/// Whether two families have an asset for the same platform.
fn overlap(one: &Family<'_>, other: &Family<'_>) -> bool {
    let claims = |family: &Family<'_>| -> BTreeSet<(Option<Os>, Option<Arch>)> {
        family
            .members
            .iter()
            .filter(|member| member.names_platform() || !member.is_versioned_archive())
            .flat_map(|member| match (member.os(), member.arch()) {
                (os, Some(Err(()))) => vec![(os, Some(Arch::Amd64)), (os, Some(Arch::Arm64))],
                (os, arch) => vec![(os, arch.and_then(Result::ok))],
            })
            .collect()
    };
    let same = |a: &(Option<Os>, Option<Arch>), b: &(Option<Os>, Option<Arch>)| {
        let unknown_or_same = a.0.is_none() || b.0.is_none() || a.0 == b.0;
        unknown_or_same && (a.1.is_none() || b.1.is_none() || a.1 == b.1)
    };
    let others = claims(other);
    claims(one)
        .iter()
        .any(|claim| others.iter().any(|other| same(claim, other)))
}

/// How well the C library in a name suits; `None` if it does not.
fn libc_rank(parsed: &ParsedName<'_>, platform: Platform) -> Option<usize> {
    Some(match (parsed.libc(), platform.libc) {
        (found, _) if platform.os != Os::Linux => usize::from(found.is_some()),
        (Some((Libc::Musl, _)), Some(Libc::Gnu)) | (Some((Libc::Gnu, _)), Some(Libc::Musl)) => {
            return None;
        }
        (Some((Libc::Musl, true)), _) | (Some(_), Some(_)) => 0,
        (None, _) => 1,
        (Some((Libc::Musl, false)), None) => 2,
        (Some((Libc::Gnu, _)), None) => 3,
    })
}

/// Which kinds of files are preferred.
fn kind_rank(parsed: &ParsedName<'_>, os: Os) -> usize {
    match (parsed.ending.to_ascii_lowercase().as_str(), os) {
        ("" | ".exe", _) => 0,
        (".zip", Os::Windows) | (".tar.gz" | ".tgz", _) => 1,
        (".tar.xz" | ".txz", _) => 2,
        (".tar.zst" | ".tzst", _) => 3,
        (".zip", _) => 4,
        (".tar.bz2" | ".tbz" | ".tbz2" | ".tar", _) => 5,
        (".appimage", _) => 7,
        _ => 6,
    }
}

/// How often each shape and each word occurs in the names of a release.
struct NamePatterns(BTreeMap<String, usize>);

impl NamePatterns {
    fn of<'n, 'a: 'n>(parsed_names: impl Iterator<Item = &'n ParsedName<'a>>) -> Self {
        let mut counts = BTreeMap::new();
        for part in parsed_names.flat_map(Self::parts) {
            *counts.entry(part).or_insert(0) += 1;
        }
        Self(counts)
    }

    fn parts(parsed: &ParsedName<'_>) -> Vec<String> {
        [
            Some(shape(parsed)),
            word(parsed, is_os),
            word(parsed, is_arch),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A sort key: greater for names whose shape and words occur less often.
    fn rarity(&self, parsed: &ParsedName<'_>) -> Reverse<Vec<usize>> {
        Reverse(
            Self::parts(parsed)
                .iter()
                .map(|part| self.0.get(part).copied().unwrap_or(0))
                .collect(),
        )
    }
}
