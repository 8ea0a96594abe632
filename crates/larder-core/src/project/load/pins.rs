//! Checks that a pinned version is one: that a registry can have it, and that it is no name for
//! whatever is newest.

use super::recipes::Found;
use crate::error::Problem;
use crate::model::Version;
use crate::project::domain::{BuildSource, Coordinate, Subsystem};
use crate::project::syntax::decode::{At, Reader};
use crate::project::syntax::source::TOO_MANY;
use crate::project::versions_file::Settings;

/// Names for a version that changes. A publisher may have a tag of that name, so it is not wrong.
const MOVING: [&str; 14] = [
    "current", "dev", "edge", "head", "latest", "lts", "main", "master", "newest", "next",
    "nightly", "rolling", "stable", "tip",
];

/// Reports each version that its registry can't have. Returns a warning for each that is the name of
/// a moving one.
pub(super) fn check_pins(
    settings: &Settings,
    recipes: &[Found],
    reader: &mut Reader<'_>,
) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for found in recipes {
        let (Some(name), Some(subsystem)) = (
            &found.name,
            found.read.as_ref().and_then(|read| read.subsystem.as_ref()),
        ) else {
            continue;
        };
        let Some((Some(At { value, span }), _)) = settings.versions.get(name) else {
            continue;
        };
        if reader.problems.len() > TOO_MANY {
            break;
        }
        let newest =
            format!("`larder outdated` shows the newest version, and `larder bump {name}` pins it");
        if let Some((what, form)) = registry_fault(subsystem, value) {
            let hint = format!("{form}; {newest}");
            reader.problem(span, format!("`{value}` is not {what}"), hint);
        } else if MOVING.contains(&value.as_str().to_ascii_lowercase().as_str())
            && comes_from_elsewhere(subsystem)
        {
            let message = format!(
                "`{value}` is no version: what it names will change, and then differ from versions.lock"
            );
            warnings.push(reader.source.problem(span.clone(), message, Some(newest)));
        }
    }
    warnings
}

/// Whether a name in the version selects what is downloaded.
fn comes_from_elsewhere(subsystem: &Subsystem) -> bool {
    let is_git = |source: &BuildSource| matches!(source, BuildSource::Git { .. });
    subsystem.upstream.is_some()
        || subsystem
            .build
            .as_ref()
            .is_some_and(|build| is_git(&build.source))
}

/// What a version should be and how that is written, if no registry that the recipe names can have
/// it.
fn registry_fault(
    subsystem: &Subsystem,
    version: &Version,
) -> Option<(&'static str, &'static str)> {
    let number = version.number();
    if let Some(upstream) = &subsystem.upstream {
        let uses_a_registry = upstream
            .all_keys()
            .any(|keys| keys.npm.is_some() || keys.pypi.is_some());
        let platforms = subsystem.platforms.iter().filter(|_| uses_a_registry);
        for platform in platforms {
            let original = subsystem.try_original(*platform, None).ok().flatten();
            match original.map(|original| original.coordinate) {
                Some(Coordinate::Npm { version, .. })
                    if version == number && semver::Version::parse(&version).is_err() =>
                {
                    return Some((
                        "the version of an npm package",
                        "write the whole version: major.minor.patch",
                    ));
                }
                Some(Coordinate::Pypi { version, .. })
                    if version == number && !is_python_version(&version) =>
                {
                    return Some((
                        "the version of a Python package",
                        "write the whole version, such as 1.2.3",
                    ));
                }
                _ => {}
            }
        }
    }
    let is_crate = subsystem
        .build
        .as_ref()
        .is_some_and(|build| matches!(build.source, BuildSource::Crate(_)));
    (is_crate && !number.starts_with(|c: char| c.is_ascii_digit())).then_some((
        "the version of a crate",
        "write the whole version: major.minor.patch",
    ))
}

/// Whether a text is a version by the rules of Python packages (PEP 440), such as `1!2.0rc1.post2`.
fn is_python_version(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "preview", "alpha", "beta", "post", "pre", "dev", "rev", "rc", "a", "b", "c", "r",
    ];
    let lower = text.to_ascii_lowercase();
    let (public, local) = lower.split_once('+').unwrap_or((&lower, "local"));
    let is_local = local
        .split(['.', '-', '_'])
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()));
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let (epoch, public) = public.split_once('!').unwrap_or(("0", public));
    let mut rest = public;
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    // The release: numbers with dots between them.
    loop {
        let count = digits(rest);
        if count == 0 {
            return false;
        }
        rest = &rest[count..];
        match rest.strip_prefix('.') {
            Some(next) if digits(next) > 0 => rest = next,
            _ => break,
        }
    }
    // What follows: words with a number, such as `rc1`, `.post2` or `.dev3`; and `-1`, a post
    // release.
    while !rest.is_empty() {
        let part = rest.trim_start_matches(['.', '-', '_']);
        if rest.len() - part.len() > 1 {
            return false;
        }
        let word = WORDS.iter().find_map(|word| part.strip_prefix(word));
        let after = match word {
            Some(after) => {
                let number = after.strip_prefix(['.', '-', '_']).unwrap_or(after);
                if digits(number) > 0 { number } else { after }
            }
            None if rest.starts_with('-') && digits(part) > 0 => part,
            None => return false,
        };
        rest = &after[digits(after)..];
    }
    is_number(epoch) && is_local
}

#[cfg(test)]
mod tests {
    use super::is_python_version;

    #[test]
    fn python_versions_follow_pep_440() {
        for good in [
            "1",
            "0.9.1",
            "1!2.0",
            "1.0a1",
            "1.0.rc1",
            "1.0-beta",
            "1.0.post2",
            "1.0-1",
            "1.0rc1.post2.dev3",
            "2.0+local.1",
            "2025.1",
            "1.0.dev",
            "1.0RC1",
        ] {
            assert!(is_python_version(good), "{good}");
        }
        for bad in [
            "latest",
            "1.x",
            "1.",
            "",
            "v",
            "1.0foo",
            "1..0",
            "1.0+",
            "a!1",
            "1.0--1",
            "stable",
            "1-",
            "1.0-rc-1-x",
        ] {
            assert!(!is_python_version(bad), "{bad}");
        }
    }
}
