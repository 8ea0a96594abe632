//! Parses checksums files in all formats that publishers use.
//!
//! | shape | example |
//! |---|---|
//! | coreutils | `<hex>  name`, `<hex> *name`, `<hex>  ./name`, `<hex>  dist/name` |
//! | BSD, openssl | `SHA256 (name) = <hex>`, `SHA2-256(name)= <hex>` |
//! | name first | `name: <hex>`, `name <hex>` |
//! | bare | `<hex>` alone, in a file about one asset |
//!
//! Any line ends, a byte order mark, UTF-16 and a PGP frame are accepted. Lines that can't be
//! parsed are skipped, because a file may contain prose. A line is about the asset only if its file
//! name, without folders, is the asset's name.

use larder_core::error::{Error, Result};
use larder_core::model::is_hex;

use super::checks::{Algorithm, Stated};

/// The algorithm that a name or the length of a digest indicates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong(Algorithm),
    /// An algorithm for which collisions can be produced.
    Weak(&'static str),
    /// An algorithm that is not supported.
    Unknown,
}

/// The digests that a checksums file states for an asset; at least one.
///
/// `place` names the file in messages. Returns an error if the file does not mention the asset,
/// states only weak digests, or contradicts itself.
pub fn find(bytes: &[u8], asset: &str, place: &str) -> Result<Vec<Stated>> {
    let text = decode(bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let unsupported_algorithm = ["b2", "b3", "blake", "sha3"]
        .iter()
        .any(|word| file_words(place).any(|w| w.starts_with(word)));
    let by_length = |hex: &str| {
        if unsupported_algorithm {
            Strength::Unknown
        } else {
            of_length(hex)
        }
    };
    let (mut ours, mut others) = (Vec::new(), 0);
    for line in &lines {
        let Some((name, strength, hex)) = split(line, by_length) else {
            continue;
        };
        match name {
            Some(name) if names_asset(name, asset) => ours.push((strength, hex)),
            Some(_) => others += 1,
            None => {}
        }
    }
    // A digest without a name belongs to the asset if it is the only one.
    let bare: Vec<&str> = lines
        .iter()
        .filter(|line| is_hex(line) && of_length(line) != Strength::Unknown)
        .copied()
        .collect();
    if ours.is_empty() && others == 0 && bare.len() == 1 {
        ours.push((by_length(bare[0]), bare[0]));
    }
    let mut found: Vec<Stated> = Vec::new();
    let mut weak = None;
    for (strength, hex) in ours {
        match strength {
            Strength::Strong(algorithm) => found.extend(Stated::from_hex(algorithm, hex, place)),
            Strength::Weak(name) => weak = Some(name),
            Strength::Unknown => {}
        }
    }
    found.sort_by_key(|stated| stated.algorithm);
    found.dedup();
    let pairs = found.iter().zip(found.iter().skip(1));
    if let Some((one, other)) = pairs
        .into_iter()
        .find(|(one, other)| one.algorithm == other.algorithm)
    {
        return Err(
            Error::integrity(format!("{place} contradicts itself about {asset}"))
                .cause(format!("{one} and {other}"))
                .hint("pin the right one in the recipe: `checksums: {<platform>: <sha256>}`"),
        );
    }
    match (found.is_empty(), weak) {
        (false, _) => Ok(found),
        (true, Some(name)) => Err(Error::failed(format!("{place} states only {name} for {asset}, which is too weak to verify it"))
            .hint("name a file with sha256 or sha512, or pin the digest in the recipe: `checksums: {<platform>: <sha256>}`")),
        (true, None) => Err(Error::failed(format!("{place} does not mention {asset}"))
            .hint("check `checksums:` in the recipe, or pin the digest there: `checksums: {<platform>: <sha256>}`")),
    }
}

/// Decodes the bytes as UTF-8 or UTF-16, with or without a byte order mark.
fn decode(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks_exact(2)
            .map(|pair| unit([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The words in the name of the checksums file, in lower case.
fn file_words(place: &str) -> impl Iterator<Item = String> {
    let name = place
        .rsplit('/')
        .next()
        .unwrap_or(place)
        .to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

/// Splits a line into file name (if it has one), algorithm and hex digits.
fn split(
    line: &str,
    by_length: impl Fn(&str) -> Strength,
) -> Option<(Option<&str>, Strength, &str)> {
    // SHA256 (name) = hex
    if let Some((algorithm, rest)) = line.split_once('(')
        && let Some((name, hex)) = rest.rsplit_once(')')
        && let Some(hex) = hex.trim().strip_prefix('=').map(str::trim)
        && is_hex(hex)
    {
        return Some((Some(name), of_name(algorithm.trim()), hex));
    }
    let (first, rest) = line.split_once(|c: char| c.is_ascii_whitespace())?;
    // hex  name, hex *name. (coreutils puts a backslash before lines with escaped names, but no
    // asset has such a name.)
    if is_hex(first) && of_length(first) != Strength::Unknown {
        let name = rest.trim();
        return Some((
            Some(name.strip_prefix('*').unwrap_or(name)),
            by_length(first),
            first,
        ));
    }
    // name: hex, name hex
    let (name, hex) = line.rsplit_once(|c: char| c.is_ascii_whitespace())?;
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    if is_hex(hex) && of_length(hex) != Strength::Unknown {
        let name = name.trim().trim_end_matches(['=', ':']).trim();
        return Some((Some(name), by_length(hex), hex));
    }
    None
}

/// Whether a listed path names the asset: the same name, possibly with folders before it.
fn names_asset(listed: &str, asset: &str) -> bool {
    let listed = listed.trim_matches(['"', '\'', '`']);
    listed == asset
        || listed
            .strip_suffix(asset)
            .is_some_and(|folders| folders.ends_with(['/', '\\']))
}

fn of_length(hex: &str) -> Strength {
    match hex.len() {
        32 => Strength::Weak("md5"),
        40 => Strength::Weak("sha1"),
        64 => Strength::Strong(Algorithm::Sha256),
        96 => Strength::Strong(Algorithm::Sha384),
        128 => Strength::Strong(Algorithm::Sha512),
        _ => Strength::Unknown,
    }
}

fn of_name(name: &str) -> Strength {
    match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "sha256" | "sha2256" => Strength::Strong(Algorithm::Sha256),
        "sha384" | "sha2384" => Strength::Strong(Algorithm::Sha384),
        "sha512" | "sha2512" => Strength::Strong(Algorithm::Sha512),
        "md5" => Strength::Weak("md5"),
        "sha1" | "sha" => Strength::Weak("sha1"),
        _ => Strength::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use larder_core::Kind;
    use larder_core::model::Digest;

    const A: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const B: &str = "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";

    fn hex_of(bytes: &[u8]) -> String {
        Digest::from_bytes(bytes.try_into().unwrap()).to_string()
    }

    fn one(text: &str) -> String {
        let found = find(text.as_bytes(), "tool.tar.gz", "SHA256SUMS").unwrap();
        assert_eq!(found.len(), 1, "{text}");
        hex_of(&found[0].digest)
    }

    #[test]
    fn every_usual_shape_is_read() {
        for text in [
            format!("{A}  tool.tar.gz\n"),
            format!("{A} *tool.tar.gz\r\n{B} *other.tar.gz\r\n"),
            format!("{B}  other-tool.tar.gz\n{A}  ./tool.tar.gz"),
            format!("{A}\ttool.tar.gz"),
            format!("{A}  dist/out/tool.tar.gz"),
            format!("{}  tool.tar.gz", A.to_uppercase()),
            format!("SHA256 (tool.tar.gz) = {A}\nSHA256 (other.tar.gz) = {B}"),
            format!("SHA2-256(tool.tar.gz)= {A}"),
            format!(
                "MD5 (tool.tar.gz) = {}\nSHA256 (tool.tar.gz) = {A}",
                &B[..32]
            ),
            format!("SHA512/256 (tool.tar.gz) = {B}\nSHA256 (tool.tar.gz) = {A}"),
            format!("tool.tar.gz: {A}\nother.tar.gz: {B}"),
            format!("tool.tar.gz sha256:{A}"),
            A.to_owned(),
            format!("{A}\n"),
            format!("\u{feff}{A}  tool.tar.gz"),
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{A}  tool.tar.gz\n-----BEGIN PGP SIGNATURE-----\nabc\n"
            ),
            format!("# Checksums of v1\n\n{A}  tool.tar.gz\nsee the site for more\n"),
            format!("{A}  tool.tar.gz\n{A}  ./tool.tar.gz\n"),
        ] {
            assert_eq!(one(&text), A, "{text}");
        }
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(
                format!("{A}  tool.tar.gz\r\n")
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes),
            )
            .collect();
        assert_eq!(
            hex_of(&find(&wide, "tool.tar.gz", "x").unwrap()[0].digest),
            A
        );
    }

    #[test]
    fn several_algorithms_all_count() {
        let text = format!(
            "{A}  tool.tar.gz\n{A}{B}  tool.tar.gz\n{}  tool.tar.gz\n",
            &A[..40]
        );
        let found = find(text.as_bytes(), "tool.tar.gz", "checksums.txt").unwrap();
        assert_eq!(
            found.iter().map(|s| s.algorithm).collect::<Vec<_>>(),
            [Algorithm::Sha256, Algorithm::Sha512]
        );
    }

    #[test]
    fn what_proves_nothing_is_an_error_that_says_so() {
        let error =
            |text: &str, place: &str| find(text.as_bytes(), "tool.tar.gz", place).unwrap_err();
        assert!(
            error(&format!("{B}  other.tar.gz\n"), "SHA256SUMS")
                .to_string()
                .contains("does not mention tool.tar.gz")
        );
        assert!(
            error(&format!("{B}  mytool.tar.gz\n"), "SHA256SUMS")
                .to_string()
                .contains("does not mention")
        );
        assert!(
            error("", "SHA256SUMS")
                .to_string()
                .contains("does not mention")
        );
        assert!(
            error("<html><body>Not found</body></html>", "x")
                .to_string()
                .contains("does not mention")
        );
        assert!(
            error(&format!("{}  tool.tar.gz", &A[..32]), "MD5SUMS")
                .to_string()
                .contains("only md5")
        );
        assert!(
            error(&format!("SHA1 (tool.tar.gz) = {}", &A[..40]), "sums")
                .to_string()
                .contains("only sha1")
        );
        assert!(
            error(&A[..40], "tool.tar.gz.sha1")
                .to_string()
                .contains("only sha1")
        );
        // Another algorithm with the same digest length is not mistaken for a supported one.
        assert!(
            error(&format!("{A}  tool.tar.gz"), "https://x/B3SUMS")
                .to_string()
                .contains("does not mention")
        );
        assert!(
            error(&format!("BLAKE2b (tool.tar.gz) = {A}{B}"), "sums")
                .to_string()
                .contains("does not mention")
        );
        // Two digests without names: it is unknown to which file each belongs.
        assert!(
            error(&format!("{A}\n{B}\n"), "sums")
                .to_string()
                .contains("does not mention")
        );
        let both = error(
            &format!("{A}  tool.tar.gz\n{B}  tool.tar.gz\n"),
            "SHA256SUMS",
        );
        assert_eq!(both.kind(), Kind::Integrity);
        assert!(
            both.to_string().contains(A) && both.to_string().contains(B),
            "{both}"
        );
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = find(&bytes, "tool.tar.gz", "SHA256SUMS");
        }

        #[test]
        fn the_asset_is_found_among_others(
            digests in proptest::collection::vec("[0-9a-f]{64}", 1..8),
            names in proptest::collection::vec("[a-z][a-z0-9._-]{0,20}", 8),
            which in 0usize..8,
            shape in 0usize..4,
            ending in prop_oneof![Just("\n"), Just("\r\n")],
        ) {
            let which = which % digests.len();
            let names: Vec<String> = names.iter().enumerate().map(|(i, n)| format!("{n}{i}.tar.gz")).collect();
            let line = |(digest, name): (&String, &String)| match shape {
                0 => format!("{digest}  {name}{ending}"),
                1 => format!("{digest} *{name}{ending}"),
                2 => format!("SHA256 ({name}) = {digest}{ending}"),
                _ => format!("{digest}  ./{name}{ending}"),
            };
            let text: String = digests.iter().zip(&names).map(line).collect();
            let found = find(text.as_bytes(), &names[which], "SHA256SUMS").unwrap();
            prop_assert_eq!(hex_of(&found[0].digest), digests[which].clone());
        }
    }
}
