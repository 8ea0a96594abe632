//! The names of a managed asset on a hub: where it is published, and where readers look for it.
//!
//! They are computed from the subsystem's name, version and package, the platform and the inputs,
//! without access to a hub.

use super::{AssetName, Digest, FileName, Name, PackageFormat, Platform, Tag, Version};

/// Where a hub keeps the assets of one subsystem, in one version, for one platform.
///
/// The first artifact to be published takes the *plain* place: `nats-v2.10.24`,
/// `nats-server-linux-amd64.tar.gz`. An artifact of other inputs (a changed recipe with an
/// unchanged version) goes beside it, under a name that carries the first 12 hex digits of its
/// inputs: as a *suffixed asset* of the same release, or, where a published release can't take
/// another asset, as the plain asset of a release with a *suffixed tag*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetCoordinates {
    tag: Tag,
    package: FileName,
    platform: Platform,
    extension: &'static str,
}

impl AssetCoordinates {
    /// The coordinates of a version of a subsystem for a platform, with the name and the format of
    /// its package. `Subsystem::assets` returns them for a recipe.
    pub fn new(
        name: &Name,
        version: &Version,
        package: &FileName,
        platform: Platform,
        format: PackageFormat,
    ) -> Self {
        Self {
            tag: Tag::of(name, version),
            package: package.clone(),
            platform,
            extension: format.extension(),
        }
    }

    /// The plain tag: `nats-v2.10.24`.
    pub fn tag(&self) -> &Tag {
        &self.tag
    }

    /// The plain asset: `nats-server-linux-amd64.tar.gz`.
    pub fn asset(&self) -> AssetName {
        AssetName::of(&self.package, &self.platform, self.extension, None)
    }

    /// The suffixed asset for some inputs: `nats-server-linux-amd64-0123456789ab.tar.gz`.
    pub fn suffixed_asset(&self, inputs: &Digest) -> AssetName {
        AssetName::of(&self.package, &self.platform, self.extension, Some(inputs))
    }

    /// The suffixed tag for some inputs: `nats-v2.10.24-0123456789ab`.
    pub fn suffixed_tag(&self, inputs: &Digest) -> Tag {
        self.tag.suffixed(inputs)
    }

    /// Where a reader looks for an artifact of any of these inputs, in this order: the plain place;
    /// then, for each of the inputs, the suffixed asset of the plain tag and the plain asset of the
    /// suffixed tag.
    ///
    /// The order of `inputs` is kept; `Wanted::digests` returns them in the right order.
    pub fn candidates<'a>(
        &self,
        inputs: impl IntoIterator<Item = &'a Digest>,
    ) -> Vec<AssetCandidate> {
        let mut candidates = vec![AssetCandidate {
            tag: self.tag.clone(),
            asset: self.asset(),
            place: AssetPlace::Plain,
        }];
        for inputs in inputs {
            candidates.push(AssetCandidate {
                tag: self.tag.clone(),
                asset: self.suffixed_asset(inputs),
                place: AssetPlace::SuffixedAsset,
            });
            candidates.push(AssetCandidate {
                tag: self.suffixed_tag(inputs),
                asset: self.asset(),
                place: AssetPlace::SuffixedTag,
            });
        }
        candidates
    }
}

/// One place where an asset may be; see [`AssetCoordinates::candidates`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetCandidate {
    /// The release's tag.
    pub tag: Tag,
    /// The asset in that release.
    pub asset: AssetName,
    /// The kind of place.
    pub place: AssetPlace,
}

/// The kinds of places where an asset may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssetPlace {
    /// The plain asset of the plain tag, whatever inputs it was made from.
    Plain,
    /// An asset whose own name carries its inputs. It exists only beside a plain asset of other
    /// inputs.
    SuffixedAsset,
    /// The plain asset of a release whose tag carries the inputs. Only hubs with immutable releases
    /// have them.
    SuffixedTag,
}

impl AssetPlace {
    /// Whether the name of the place contains the inputs of the asset.
    pub fn names_inputs(self) -> bool {
        match self {
            Self::Plain => false,
            Self::SuffixedAsset | Self::SuffixedTag => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates(platform: &str, format: PackageFormat) -> AssetCoordinates {
        AssetCoordinates::new(
            &"nats".parse().unwrap(),
            &"v2.10.24".parse().unwrap(),
            &"nats-server".parse().unwrap(),
            platform.parse().unwrap(),
            format,
        )
    }

    #[test]
    fn names_follow_from_the_recipe_the_platform_and_the_inputs() {
        let linux = coordinates("linux-amd64-musl", PackageFormat::TarZst);
        assert_eq!(linux.tag().as_str(), "nats-v2.10.24");
        assert_eq!(
            linux.asset().as_str(),
            "nats-server-linux-amd64-musl.tar.zst"
        );
        // ba7816bf8f01 begins the digest of `abc`.
        let inputs = Digest::of(b"abc");
        assert_eq!(
            linux.suffixed_asset(&inputs).as_str(),
            "nats-server-linux-amd64-musl-ba7816bf8f01.tar.zst"
        );
        assert_eq!(
            linux.suffixed_tag(&inputs).as_str(),
            "nats-v2.10.24-ba7816bf8f01"
        );
        let windows = coordinates("windows-arm64", PackageFormat::Zip);
        assert_eq!(windows.asset().as_str(), "nats-server-windows-arm64.zip");
    }

    #[test]
    fn candidates_are_the_plain_place_and_then_the_places_of_each_inputs() {
        let (build, original) = (Digest::of(b"abc"), Digest::of(b""));
        let coordinates = coordinates("darwin-arm64", PackageFormat::TarGz);
        let looked: Vec<(String, AssetPlace)> = coordinates
            .candidates([&build, &original])
            .into_iter()
            .map(|candidate| {
                let AssetCandidate { tag, asset, place } = candidate;
                (format!("{tag}/{asset}"), place)
            })
            .collect();
        let expected = [
            (
                "nats-v2.10.24/nats-server-darwin-arm64.tar.gz",
                AssetPlace::Plain,
            ),
            (
                "nats-v2.10.24/nats-server-darwin-arm64-ba7816bf8f01.tar.gz",
                AssetPlace::SuffixedAsset,
            ),
            (
                "nats-v2.10.24-ba7816bf8f01/nats-server-darwin-arm64.tar.gz",
                AssetPlace::SuffixedTag,
            ),
            (
                "nats-v2.10.24/nats-server-darwin-arm64-e3b0c44298fc.tar.gz",
                AssetPlace::SuffixedAsset,
            ),
            (
                "nats-v2.10.24-e3b0c44298fc/nats-server-darwin-arm64.tar.gz",
                AssetPlace::SuffixedTag,
            ),
        ];
        assert_eq!(
            looked,
            expected.map(|(place, kind)| (place.to_owned(), kind))
        );
        assert!(!AssetPlace::Plain.names_inputs());
        assert!(AssetPlace::SuffixedAsset.names_inputs());
        assert!(AssetPlace::SuffixedTag.names_inputs());
    }
}
