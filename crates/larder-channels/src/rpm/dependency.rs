//! What RPM packages require, provide and conflict with.

use larder_core::error::{Error, Result};

/// A package or another name, with a comparison of its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) flags: u32,
}

const LESS: u32 = 1 << 1;
const GREATER: u32 = 1 << 2;
const EQUAL: u32 = 1 << 3;
/// A program that runs scripts of the package.
const INTERPRETER: u32 = 1 << 8;
/// Needed by the script that runs after the installation.
const AFTER_INSTALL: u32 = 1 << 10;
/// A feature of rpm itself.
const RPMLIB: u32 = 1 << 24;

impl Dependency {
    /// A dependency in any version.
    pub(super) fn any(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: String::new(),
            flags: 0,
        }
    }

    /// Exactly this version.
    pub(super) fn exactly(name: impl Into<String>, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            flags: EQUAL,
        }
    }

    /// A feature that rpm must have.
    pub(super) fn feature(name: &str, version: &str) -> Self {
        Self {
            name: format!("rpmlib({name})"),
            version: version.into(),
            flags: RPMLIB | LESS | EQUAL,
        }
    }

    /// The shell that runs the script after the installation.
    pub(super) fn shell() -> Self {
        Self {
            flags: INTERPRETER | AFTER_INSTALL,
            ..Self::any("/bin/sh")
        }
    }

    /// Reads `glibc` or `glibc >= 2.28`, as specs of RPM write it.
    pub(super) fn parse(key: &str, text: &str) -> Result<Self> {
        let refused = || {
            Error::usage(format!("`{}` in `rpm.{key}` can't be read", text.escape_debug()))
                .hint("write a name, or a name, one of `<` `<=` `=` `>=` `>` and a version, such as `glibc >= 2.28`")
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [name] if !name.starts_with('(') => Ok(Self::any(*name)),
            [name, sign, version] if !name.starts_with('(') => {
                let flags = match *sign {
                    "<" => LESS,
                    "<=" => LESS | EQUAL,
                    "=" | "==" => EQUAL,
                    ">=" => GREATER | EQUAL,
                    ">" => GREATER,
                    _ => return Err(refused()),
                };
                Ok(Self {
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    flags,
                })
            }
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_as_specs_write_them() {
        for (text, wanted) in [
            ("glibc", Some(("glibc", "", 0))),
            ("glibc >= 2.28", Some(("glibc", "2.28", GREATER | EQUAL))),
            (" a  <  2 ", Some(("a", "2", LESS))),
            ("a = 1:2-3", Some(("a", "1:2-3", EQUAL))),
            ("libc.so.6()(64bit)", Some(("libc.so.6()(64bit)", "", 0))),
            ("a => 2", None),
            ("a >= ", None),
            ("(a or b)", None),
            ("", None),
        ] {
            let read = Dependency::parse("depends", text).ok();
            let wanted = wanted.map(|(name, version, flags)| Dependency {
                name: name.into(),
                version: version.into(),
                flags,
            });
            assert_eq!(read, wanted, "{text:?}");
        }
    }
}
