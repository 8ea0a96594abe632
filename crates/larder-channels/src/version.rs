//! The parts of a version that channels map to their own forms.

use larder_core::model::Version;

/// The parts of a version such as `v1.2.3-rc.1+build`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionParts<'a> {
    /// The text before the pre-release: `1.2.3`.
    pub release: &'a str,
    /// The pre-release without its dash: `rc.1`.
    pub pre: Option<&'a str>,
    /// The metadata of the build without its plus: `build`.
    pub build: Option<&'a str>,
}

impl<'a> VersionParts<'a> {
    /// Splits a version. A leading `v` is left out.
    pub fn of(version: &'a Version) -> Self {
        let (rest, build) = match version.number().split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (version.number(), None),
        };
        let (release, pre) = match rest.split_once('-') {
            Some((release, pre)) => (release, Some(pre)),
            None => (rest, None),
        };
        Self {
            release,
            pre,
            build,
        }
    }

    /// The numbers of the release if it consists of numbers and dots only: `1.2.3` → `[1, 2, 3]`.
    pub fn numbers(&self) -> Option<Vec<u64>> {
        self.release
            .split('.')
            .map(|part| {
                let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| part.parse().ok()).flatten()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_split_into_their_parts() {
        for (text, release, pre, build, numbers) in [
            ("v1.2.3", "1.2.3", None, None, Some(vec![1, 2, 3])),
            (
                "1.2.3-rc.1",
                "1.2.3",
                Some("rc.1"),
                None,
                Some(vec![1, 2, 3]),
            ),
            (
                "1.2-rc-1+b.2",
                "1.2",
                Some("rc-1"),
                Some("b.2"),
                Some(vec![1, 2]),
            ),
            ("r12", "r12", None, None, None),
        ] {
            let version: Version = text.parse().unwrap();
            let parts = VersionParts::of(&version);
            assert_eq!(
                (parts.release, parts.pre, parts.build),
                (release, pre, build),
                "{text}"
            );
            assert_eq!(parts.numbers(), numbers, "{text}");
        }
    }
}
