//! gomodule: a Go module needs no files, only a tag. What `go` reads from a path, a version and a tag
//! is checked here: <https://go.dev/ref/mod#versions>.

use larder_core::error::{Error, Result};
use larder_core::model::{ChannelKind, Version};
use larder_core::project::publish::{ChannelConfig, GoModule};

use crate::output::Output;
use crate::release::Release;
use crate::render::{Facts, Render};
use crate::version::VersionParts;

/// What the channel supports. A module is source code, so it is for every platform.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Gomodule,
    takes: |_| true,
    version,
    prerelease: Some("a version with `-`"),
    needs_urls: false,
    files: "none: a tag is the release",
};

impl Render for GoModule {
    /// Checks the module's path. There is nothing to write.
    fn render(&self, release: &Release, _: &ChannelConfig, _: &Output<'_>) -> Result<()> {
        check_path(&self.module, &release.version)
    }
}

/// A version as Go writes it: `v1.2.3` or `v1.2.3-rc.1`.
pub fn version(version: &Version) -> std::result::Result<String, String> {
    let parts = VersionParts::of(version);
    let is_number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
    };
    let numbers: Vec<&str> = parts.release.split('.').collect();
    let is_plain = |text: &&str| !text.is_empty() && is_number(text);
    if numbers.len() != 3 || !numbers.iter().all(is_plain) {
        return Err("Go needs a version of three numbers, such as v1.2.3".to_owned());
    }
    if parts.build.is_some() {
        return Err("Go refuses what follows a `+`".to_owned());
    }
    let is_identifier = |text: &str| {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !text.is_empty() && text.bytes().all(allowed) && (!is_digits || is_number(text))
    };
    if let Some(pre) = parts.pre
        && !pre.split('.').all(is_identifier)
    {
        return Err(format!(
            "`{pre}` is not a pre-release of semantic versioning"
        ));
    }
    Ok(format!("v{}", version.number()))
}

/// The tag of a module whose `go.mod` is in a folder of the repository; `.` is the repository's own.
///
/// A folder's tags start with its name, without the `/v2` that belongs to the module's path.
pub fn tag(module: &str, dir: &str, version: &Version) -> Result<String> {
    let version = checked(version)?;
    let folder = dir.trim_start_matches("./").trim_matches('/');
    let folder = match (folder.rsplit_once('/'), suffix(module)) {
        (Some((rest, last)), Some(major)) if last == format!("v{major}") => rest,
        (None, Some(major)) if folder == format!("v{major}") => "",
        _ => folder,
    };
    Ok(match folder {
        "" | "." => version,
        folder => format!("{folder}/{version}"),
    })
}

/// Checks that a module's path ends as its version demands: in `/vN` from version 2 on, and in
/// nothing of the kind before. Paths of gopkg.in end in `.vN` always.
pub fn check_path(module: &str, version: &Version) -> Result<()> {
    let version = checked(version)?;
    let digits = version[1..].split('.').next().unwrap_or_default();
    let (base, found) = match suffix(module) {
        Some(found) => (&module[..module.len() - found.len() - 2], Some(found)),
        None => (module, None),
    };
    let wanted = if module.starts_with("gopkg.in/") {
        format!("{base}.v{digits}")
    } else if matches!(digits, "0" | "1") {
        base.to_owned()
    } else {
        format!("{base}/v{digits}")
    };
    if module == wanted {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the module {module} can't have the version {version}"
    ))
    .cause(match found {
        Some(found) => format!("its path says version {found}"),
        None => format!("from version 2 on, a path ends in the version: `/v{digits}`"),
    })
    .hint(format!(
        "change `module` in go.mod, all imports and `gomodule.module` to {wanted}"
    )))
}

fn checked(version: &Version) -> Result<String> {
    self::version(version).map_err(|why| {
        Error::usage(format!("{version} can't be the version of a Go module")).cause(why)
    })
}

/// The digits of a path's last part `/vN`, or `.vN` on gopkg.in.
fn suffix(module: &str) -> Option<&str> {
    let sign = if module.starts_with("gopkg.in/") {
        '.'
    } else {
        '/'
    };
    let digits = module.rsplit_once(sign)?.1.strip_prefix('v')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_semantic_with_a_v() {
        for (text, expected) in [
            ("v1.2.3", Some("v1.2.3")),
            ("1.2.3", Some("v1.2.3")),
            ("0.0.0", Some("v0.0.0")),
            ("1.2.3-rc.1", Some("v1.2.3-rc.1")),
            ("1.2.3-0a", Some("v1.2.3-0a")),
            ("1.2", None),
            ("1.2.3.4", None),
            ("1.02.3", None),
            ("1.2.3-01", None),
            ("1.2.3-a_b", None),
            ("1.2.3+b", None),
            ("r12", None),
        ] {
            let found = version(&text.parse().unwrap());
            assert_eq!(found.ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_tag_starts_with_the_folder_of_the_module() {
        for (module, dir, version, expected) in [
            ("a.example/arc", ".", "1.2.3", "v1.2.3"),
            ("a.example/arc", "", "v1.2.3", "v1.2.3"),
            ("a.example/arc/tool", "tool", "v1.2.3", "tool/v1.2.3"),
            ("a.example/arc/tool", "./tool/", "v1.2.3", "tool/v1.2.3"),
            ("a.example/arc/tool/v2", "tool", "v2.0.0", "tool/v2.0.0"),
            ("a.example/arc/tool/v2", "tool/v2", "v2.0.0", "tool/v2.0.0"),
            ("a.example/arc/v2", "v2", "v2.0.0", "v2.0.0"),
            ("a.example/arc/v3", "v2", "v3.0.0", "v2/v3.0.0"),
        ] {
            let found = tag(module, dir, &version.parse().unwrap()).unwrap();
            assert_eq!(found, expected, "{module} in {dir}");
        }
        assert!(tag("a.example/arc", ".", &"1.2".parse().unwrap()).is_err());
    }

    #[test]
    fn paths_end_as_their_versions_demand() {
        for (module, version, hint) in [
            ("a.example/arc", "v0.1.0", None),
            ("a.example/arc", "v1.9.0", None),
            ("a.example/arc/v2", "v2.0.0-rc.1", None),
            ("a.example/arc/v10", "v10.0.0", None),
            ("gopkg.in/arc.v1", "v1.0.0", None),
            ("gopkg.in/acme/arc.v3", "v3.0.0", None),
            ("a.example/arc", "v2.0.0", Some("a.example/arc/v2")),
            ("a.example/arc/v2", "v3.0.0", Some("a.example/arc/v3")),
            ("a.example/arc/v2", "v1.0.0", Some("a.example/arc")),
            ("a.example/arc/v1", "v1.0.0", Some("a.example/arc")),
            ("a.example/arc/vx", "v2.0.0", Some("a.example/arc/vx/v2")),
            ("gopkg.in/arc", "v1.0.0", Some("gopkg.in/arc.v1")),
            ("gopkg.in/arc.v1", "v2.0.0", Some("gopkg.in/arc.v2")),
        ] {
            let checked = check_path(module, &version.parse().unwrap());
            let hints = checked.map_err(|error| error.hints().join(" "));
            match (hints, hint) {
                (Ok(()), None) => {}
                (Err(text), Some(hint)) if text.ends_with(&format!("to {hint}")) => {}
                (found, _) => panic!("{module} {version}: {found:?}"),
            }
        }
    }
}
