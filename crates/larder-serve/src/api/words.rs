//! The words of requests as the description of the API shows them. The values themselves are read by
//! [`super::parameters`]; what stands here only says what they accept.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

const PLATFORMS: &[&str] = &[
    "linux", "darwin", "windows", "macos", "mac", "osx", "apple", "win", "win32",
];
const ARCHS: &[&str] = &[
    "x86_64", "aarch64", "arm", "x86", "amd64", "x64", "x86-64", "arm64", "386", "i386", "i686",
    "armv6", "armv7", "armv7l", "armhf",
];
/// A name in which no version begins, because that would be read as the version.
const NAME: &str = r"^(?!.*-[vV]?[0-9]+\.[0-9]+\.[0-9]+)[A-Za-z0-9][A-Za-z0-9.-]*$";
/// A semantic version, as <https://semver.org> gives it, with or without a leading v; its
/// three numbers fit into 64 bits.
const VERSION: &str = r"^[vV]?(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$";

fn one_of(words: &'static [&'static str], description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words.iter().copied()))
        .into()
}

fn like(pattern: &str, description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .into()
}

/// A platform.
#[derive(Debug)]
pub struct Platform;

impl PartialSchema for Platform {
    fn schema() -> RefOr<Schema> {
        let said = "linux, darwin or windows, or an alias of one; letters of any case";
        one_of(PLATFORMS, said)
    }
}

impl ToSchema for Platform {}

/// An architecture.
#[derive(Debug)]
pub struct Architecture;

impl PartialSchema for Architecture {
    fn schema() -> RefOr<Schema> {
        let said = "x86_64, aarch64, arm or x86, or an alias of one; letters of any case";
        one_of(ARCHS, said)
    }
}

impl ToSchema for Architecture {}

/// A name that a binary can be put under.
#[derive(Debug)]
pub struct NewName;

impl PartialSchema for NewName {
    fn schema() -> RefOr<Schema> {
        like(
            NAME,
            "Letters, digits, dots and dashes, and no version among them",
        )
    }
}

impl ToSchema for NewName {}

/// A version that a binary can be put under.
#[derive(Debug)]
pub struct NewVersion;

impl PartialSchema for NewVersion {
    fn schema() -> RefOr<Schema> {
        like(VERSION, "A semantic version, with or without a leading v")
    }
}

impl ToSchema for NewVersion {}

#[cfg(test)]
mod tests {
    use larder_core::model::{Arch, Os};

    use super::*;

    #[test]
    fn the_words_are_those_that_are_read() {
        assert!(PLATFORMS.iter().all(|word| word.parse::<Os>().is_ok()));
        assert!(ARCHS.iter().all(|word| word.parse::<Arch>().is_ok()));
    }
}
