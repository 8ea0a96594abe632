//! Versions with `~`, which sorts before everything, even before the end of the version.

use larder_core::model::Version;

use crate::version::VersionParts;

/// The version in the form that dpkg and rpm share: `1.2.3-rc.1` → `1.2.3~rc.1`, `9.8-p1` →
/// `9.8+p1`. The error says why there is none.
pub(crate) fn with_tilde(version: &Version) -> Result<String, String> {
    let VersionParts {
        release,
        pre,
        build,
    } = VersionParts::of(version);
    if !release.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("its versions start with a digit".into());
    }
    let no_dash = |text: &str| text.replace('-', ".");
    let mut text = match pre {
        // The part behind the dash is older than the release, or a revision that is newer.
        Some(pre) if version.is_prerelease() => format!("{release}~{}", no_dash(pre)),
        Some(revision) => format!("{release}+{}", no_dash(revision)),
        None if version.is_prerelease() => {
            let end = release
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(release.len());
            let (numbers, word) = release.split_at(end);
            let numbers = numbers.trim_end_matches('.');
            format!("{numbers}~{}", word.trim_start_matches(['_', '.']))
        }
        None => release.to_owned(),
    };
    if let Some(build) = build {
        text = format!("{text}+{}", no_dash(build));
    }
    Ok(text)
}

/// As [`with_tilde`], by the rules of Debian policy, which allows no underscore.
pub(crate) fn debian(version: &Version) -> Result<String, String> {
    let text = with_tilde(version)?;
    if text.contains('_') {
        return Err("its versions have no underscore".into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prereleases_sort_before_the_release_and_revisions_after_it() {
        for (text, wanted) in [
            ("v1.2.3", Ok("1.2.3")),
            ("1.2.3-rc.1", Ok("1.2.3~rc.1")),
            ("1.2.3-rc-1", Ok("1.2.3~rc.1")),
            ("1.2.3rc1", Ok("1.2.3~rc1")),
            ("1.2.3.beta2", Ok("1.2.3~beta2")),
            ("9.8-p1", Ok("9.8+p1")),
            ("1.2.3+build-5", Ok("1.2.3+build.5")),
            ("1.2.3-rc.1+b7", Ok("1.2.3~rc.1+b7")),
            ("r12", Err("its versions start with a digit")),
            ("nightly-2026", Err("its versions start with a digit")),
            ("1_2", Err("its versions have no underscore")),
        ] {
            let version: Version = text.parse().unwrap();
            assert_eq!(
                debian(&version),
                wanted.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
        assert_eq!(with_tilde(&"1_2".parse().unwrap()).unwrap(), "1_2");
    }
}
