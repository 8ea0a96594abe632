//! How the tags of a registry name what a hub has.
//!
//! A tag of a registry has up to 128 characters of `[A-Za-z0-9_.-]`. Here `_` is the escape: it is
//! always followed by one more character, so that every name can be read back.
//!
//! | tag                                  | what it leads to                               |
//! |--------------------------------------|------------------------------------------------|
//! | `nats-v2.10.24-linux-amd64`          | the asset of a platform                        |
//! | `nats-v2.10.24-linux-amd64-<12 hex>` | its suffixed asset                             |
//! | `nats-v2.10.24_-nats__1.deb`         | any other file of a release                    |
//! | `nats-v2.10.24_-<name>_s<12 hex>`    | the signature of the asset with this manifest  |
//! | `v1.0.0`                             | a release of plain files                       |
//! | `<tag>_c`                            | a claim to the tag before it                   |
//! | `sha256-<64 hex>`                    | what refers to a manifest, for other tools     |
//!
//! In names `__` is an underscore and `_.` a plus sign. What would be too long ends in `_h` and the
//! start of a digest of the whole; there the manifest says the name.

use larder_core::model::{AssetName, Digest, Platform, Tag, is_short_hex};

/// The longest name, so that a claim to it fits as well.
const MAX: usize = 126;
/// How much of a name that is too long is kept.
const KEPT: usize = 64;
/// How many digits of its digest follow.
const DIGITS: usize = 32;
/// The endings of packages.
const ENDINGS: [&str; 3] = [".tar.gz", ".tar.zst", ".zip"];

/// The tag of the asset of a platform; `None` if the name is not that of a package.
pub(super) fn asset_tag(release: &Tag, asset: &AssetName) -> Option<String> {
    let platform = platform_of(asset)?;
    Some(bounded(format!("{}-{platform}", escaped(release.as_str()))))
}

/// The tag of another file of a release, or of an asset whose tag is taken.
pub(super) fn file_tag(release: &Tag, name: &AssetName) -> String {
    bounded(format!(
        "{}_-{}",
        escaped(release.as_str()),
        escaped(name.as_str())
    ))
}

/// The tag of the signature of an asset. A replaced asset has another manifest, so that a signature
/// of the old one is never taken for one of the new one.
pub(super) fn signature_tag(release: &Tag, asset: &AssetName, manifest: &Digest) -> String {
    bounded(format!(
        "{}_-{}_s{}",
        escaped(release.as_str()),
        escaped(asset.signature().as_str()),
        manifest.short()
    ))
}

/// The tag of a release of plain files.
pub(super) fn release_tag(release: &Tag) -> String {
    bounded(escaped(release.as_str()))
}

/// The tag of a claim to a tag.
pub(super) fn claim_tag(tag: &str) -> String {
    format!("{tag}_c")
}

/// The tag that a claim is to; `None` if it is no claim.
pub(super) fn claimed(tag: &str) -> Option<&str> {
    let claimed = tag.strip_suffix("_c")?;
    is_whole(claimed).then_some(claimed)
}

/// Whether a tag can lead to something of a release. It is no claim, and not for other tools.
pub(super) fn is_content(tag: &str) -> bool {
    is_whole(tag) && claimed(tag).is_none() && !is_referrers(tag)
}

/// Whether a tag can lead to something of this release: the manifest decides.
pub(super) fn may_be_of(tag: &str, release: &Tag) -> bool {
    let own = escaped(release.as_str());
    if !is_content(tag) {
        return false;
    }
    if is_hashed(tag) {
        return own
            .as_bytes()
            .iter()
            .zip(tag.as_bytes())
            .take(KEPT)
            .all(|(a, b)| a == b);
    }
    match tag.strip_prefix(&own) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .map_or(rest.starts_with("_-"), is_platform),
        None => false,
    }
}

/// Whether a name is that of a package with a platform, and can be an asset.
pub(super) fn is_package(name: &AssetName) -> bool {
    platform_of(name).is_some()
}

/// The platform in the name of a package, with the suffix if it has one.
fn platform_of(asset: &AssetName) -> Option<&str> {
    let name = asset.as_str();
    let stem = ENDINGS
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    let mut starts = stem.match_indices('-').map(|(at, _)| &stem[at + 1..]);
    starts.find(|rest| is_platform(rest))
}

/// Whether a text is a platform, with or without a suffix.
fn is_platform(text: &str) -> bool {
    let plain = match text.rsplit_once('-') {
        Some((plain, inputs)) if is_short_hex(inputs) => plain,
        _ => text,
    };
    plain
        .parse::<Platform>()
        .is_ok_and(|platform| platform.to_string() == plain)
}

fn escaped(text: &str) -> String {
    text.replace('_', "__").replace('+', "_.")
}

/// Keeps a tag, or shortens one that is too long or has a meaning of its own.
fn bounded(tag: String) -> String {
    if tag.len() <= MAX && !is_referrers(&tag) {
        return tag;
    }
    let digest = Digest::of(tag.as_bytes()).to_string();
    format!("{}_h{}", &tag[..KEPT.min(tag.len())], &digest[..DIGITS])
}

/// Whether a tag was shortened.
fn is_hashed(tag: &str) -> bool {
    tag.len().checked_sub(DIGITS + 2).is_some_and(|at| {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let end = tag.as_bytes().get(at..).unwrap_or_default();
        end.starts_with(b"_h") && end[2..].iter().all(is_hex) && tag.len() >= KEPT
    })
}

fn is_referrers(tag: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    tag.strip_prefix("sha256-")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex))
}

/// Whether no escape lacks its second character.
fn is_whole(tag: &str) -> bool {
    if is_hashed(tag) {
        return true;
    }
    let mut chars = tag.chars();
    while let Some(c) = chars.next() {
        if c == '_' && chars.next().is_none() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }
    fn asset(text: &str) -> AssetName {
        text.parse().unwrap()
    }

    #[test]
    fn tags_are_as_documented() {
        let nats = tag("nats-v2.10.24");
        let plain = asset("nats-server-linux-amd64.tar.gz");
        assert_eq!(
            asset_tag(&nats, &plain).unwrap(),
            "nats-v2.10.24-linux-amd64"
        );
        let suffixed = asset("nats-server-linux-amd64-musl-0123456789ab.tar.zst");
        assert_eq!(
            asset_tag(&nats, &suffixed).unwrap(),
            "nats-v2.10.24-linux-amd64-musl-0123456789ab"
        );
        let zip = asset("nats-server-windows-arm64.zip");
        assert_eq!(
            asset_tag(&tag("a_b-1.0+x"), &zip).unwrap(),
            "a__b-1.0_.x-windows-arm64"
        );
        for other in [
            "checksums.txt",
            "nats_1_amd64.deb",
            "nats-linux-amd64",
            "nats-plan9-amd64.zip",
        ] {
            assert!(asset_tag(&nats, &asset(other)).is_none(), "{other}");
        }
        assert_eq!(
            file_tag(&nats, &asset("nats_1.deb")),
            "nats-v2.10.24_-nats__1.deb"
        );
        let manifest = Digest::of(b"abc");
        assert_eq!(
            signature_tag(&nats, &plain, &manifest),
            "nats-v2.10.24_-nats-server-linux-amd64.tar.gz.json.minisig_sba7816bf8f01"
        );
        assert_eq!(release_tag(&tag("v1.0.0")), "v1.0.0");
        assert_eq!(
            claimed("nats-v1-linux-amd64_c"),
            Some("nats-v1-linux-amd64")
        );
        // An underscore and a `c` at the end of a name.
        assert_eq!(claimed(&release_tag(&tag("v1_c"))), None);
    }

    #[test]
    fn a_release_has_only_what_can_be_its_own() {
        let one = tag("nats-v1");
        for own in [
            "nats-v1",
            "nats-v1-linux-amd64",
            "nats-v1-linux-amd64-0123456789ab",
            "nats-v1_-x.deb",
        ] {
            assert!(may_be_of(own, &one), "{own}");
        }
        for other in [
            "nats-v1-rc1-linux-amd64",
            "nats-v10",
            "nats-v1_.1",
            "nats-v1-linux-amd64_c",
            "nats",
        ] {
            assert!(!may_be_of(other, &one), "{other}");
        }
    }

    fn is_oci_tag(text: &str) -> bool {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.len() <= 128
            && text.bytes().next().is_some_and(is_word)
            && text
                .bytes()
                .all(|byte| is_word(byte) || b".-".contains(&byte))
    }

    fn word(max: usize) -> impl Strategy<Value = String> {
        proptest::string::string_regex(&format!("[A-Za-z0-9][A-Za-z0-9_.+-]{{0,{max}}}[a-z0-9]"))
            .unwrap()
    }

    proptest! {
        #[test]
        fn different_names_have_different_tags(
            a in word(190), b in word(60), c in word(190), d in word(60),
        ) {
            let names = |release: &str, name: &str| -> Option<[String; 4]> {
                let release: Tag = release.parse().ok()?;
                let name: AssetName = name.replace('+', "-").parse().ok()?;
                let package: AssetName = format!("{name}-linux-amd64.tar.gz").parse().ok()?;
                let manifest = Digest::of(b"");
                Some([
                    release_tag(&release),
                    file_tag(&release, &name),
                    signature_tag(&release, &name, &manifest),
                    asset_tag(&release, &package)?,
                ])
            };
            let (Some(one), Some(two)) = (names(&a, &b), names(&c, &d)) else { return Ok(()); };
            for (at, text) in one.iter().enumerate() {
                prop_assert!(is_oci_tag(text) && is_oci_tag(&claim_tag(text)), "{text}");
                prop_assert!(is_content(text) && !is_content(&claim_tag(text)), "{text}");
                let claim = claim_tag(text);
                prop_assert_eq!(claimed(&claim), Some(text.as_str()));
                prop_assert!(may_be_of(text, &a.parse().unwrap()), "{} {}", text, a);
                // Kinds are never confused; only a release named like an asset's tag is.
                for other in &one[at + 1..] {
                    prop_assert_ne!(text, other);
                }
            }
            if a != c {
                prop_assert_ne!(&one[0], &two[0]);
                prop_assert_ne!(&one[1], &two[1]);
                prop_assert_ne!(&one[3], &two[3]);
            }
        }
    }
}
