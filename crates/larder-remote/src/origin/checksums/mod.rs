//! Parses checksums files in all formats that publishers use.
//!
//! | shape | example |
//! |---|---|
//! | coreutils | `<hex>  name`, `<hex> *name`, `\<hex>  dir\\name` (escaped), `sha256:<hex>  name` |
//! | BSD, openssl | `SHA256 (name) = <hex>`, `SHA2-256(name)= <hex>` |
//! | PowerShell | the table and the list of `Get-FileHash` |
//! | certutil | `SHA256 hash of name:`, then `<hex>` in the next line |
//! | name first | `name: <hex>`, `name <hex>`, `"name": "<hex>"` |
//! | columns | `<hex> <size> name`, rows of Markdown and CSV tables |
//! | bare | `<hex>` alone, in a file about one asset |
//!
//! Any line ends, a byte order mark, UTF-16 and a PGP frame are accepted. Lines that can't be
//! parsed are skipped, because a file may contain prose.
//!
//! A line is about the asset if its path is the end of the asset's url. If there is no such line,
//! the lines with the asset's file name count, as long as they agree. In a file that is named
//! after the asset (`tool.tar.gz.sha256`), a single digest counts whatever its line names, because
//! publishers also write `-`, or the name that the file had while it was built.

use std::fmt::Write as _;

use larder_core::error::{Error, Result};
use larder_core::model::is_hex;

use super::checks::{Algorithm, Stated};

mod lines;
mod names;
#[cfg(test)]
mod tests;

use lines::Entry;
use names::{Choice, file_words, is_packed_name};

/// The most names that a message lists.
const SHOWN: usize = 5;

/// The algorithm that a name or the length of a digest indicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strength {
    Strong(Algorithm),
    /// An algorithm for which collisions can be produced.
    Weak(&'static str),
    /// An algorithm that is not supported.
    Unknown,
}

/// The asset that a checksums file is searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset<'a> {
    /// Its file name.
    pub(super) name: &'a str,
    /// The folders of its url, outermost first.
    pub(super) folders: &'a [String],
}

/// The digests that the checksums file of that name states for an asset in these folders of a url.
pub fn stated_in(bytes: &[u8], asset: &str, folders: &[String], file: &str) -> Result<Vec<Stated>> {
    let asset = Asset {
        name: asset,
        folders,
    };
    find(bytes, asset, file, file)
}

/// The digests that a checksums file states for an asset; at least one.
///
/// `file` is the name of the checksums file, and `place` names it in messages. Returns an error if
/// the file does not mention the asset, states only weak digests, or contradicts itself.
pub(super) fn find(bytes: &[u8], asset: Asset<'_>, file: &str, place: &str) -> Result<Vec<Stated>> {
    let text = decode(bytes);
    let unsupported = unsupported_algorithm(file);
    let entries = lines::read(&text, &|hex| {
        if unsupported {
            Strength::Unknown
        } else {
            of_length(hex)
        }
    });
    let name = asset.name;
    let (ours, by) = match names::choose(&entries, asset) {
        Choice::Lines(ours) => (ours, place.to_owned()),
        Choice::None => {
            let Some((only, by)) = only_digests(&entries, asset, file, place) else {
                return Err(not_mentioned(&entries, asset, place));
            };
            (only, by)
        }
        Choice::Several(listed) => {
            return Err(Error::failed(format!(
                "{place} lists several files named {name}, and none of them in the folder that the url names"
            ))
            .cause(format!("it lists {}", quoted(&listed)))
            .hint("pin the right one in the recipe: `checksums: {<platform>: <sha256>}`"));
        }
    };
    let mut found: Vec<Stated> = Vec::new();
    let mut weak = None;
    for Entry { strength, hex, .. } in ours {
        match strength {
            Strength::Strong(algorithm) => found.extend(Stated::from_hex(*algorithm, hex, &by)),
            Strength::Weak(name) => weak = Some(*name),
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
            Error::integrity(format!("{place} contradicts itself about {name}"))
                .cause(format!("{one} and {other}"))
                .hint("pin the right one in the recipe: `checksums: {<platform>: <sha256>}`"),
        );
    }
    let too_weak = "name a file with sha256 or sha512, or pin the digest in the recipe: `checksums: {<platform>: <sha256>}`";
    match (found.is_empty(), weak) {
        (false, _) => Ok(found),
        (true, Some(weak)) => Err(Error::failed(format!(
            "{place} states only {weak} for {name}, which is too weak to verify it"
        ))
        .hint(too_weak)),
        (true, None) => Err(Error::failed(format!(
            "{place} states no digest of {name} that larder can check: it knows sha256, sha384 and sha512"
        ))
        .hint(too_weak)),
    }
}

/// The digests of a file about one asset, and who states them. It is such a file if it is named
/// after the asset, or if no line has a name. Two different digests of one algorithm are not used,
/// because it is not known which of them is the asset's.
fn only_digests<'e>(
    entries: &'e [Entry],
    asset: Asset<'_>,
    file: &str,
    place: &str,
) -> Option<(Vec<&'e Entry>, String)> {
    let is_named_after_it = file
        .strip_prefix(asset.name)
        .is_some_and(|ending| ending.starts_with(['.', '-', '_']));
    if entries.is_empty() || !is_named_after_it && entries.iter().any(|e| e.name.is_some()) {
        return None;
    }
    if lines::disagree(entries) {
        return None;
    }
    let by = match entries.iter().find_map(|entry| entry.name.as_deref()) {
        None => place.to_owned(),
        // If the bytes turn out to be others, this shows the reason.
        Some(other) if is_packed_name(asset.name) && !is_packed_name(other) => format!(
            "{place}, whose line is about {} and so perhaps about a file in the archive,",
            quoted(&[other])
        ),
        Some(other) => format!("{place}, whose line is about {},", quoted(&[other])),
    };
    Some((entries.iter().collect(), by))
}

/// The error for a file without a line about the asset. It says what the file does list.
fn not_mentioned(entries: &[Entry], asset: Asset<'_>, place: &str) -> Error {
    let name = asset.name;
    let error = Error::failed(format!("{place} does not mention {name}"));
    let mut listed: Vec<&str> = entries.iter().filter_map(|e| e.name.as_deref()).collect();
    listed.dedup();
    let bare = entries.iter().filter(|entry| entry.name.is_none()).count();
    let error = match (listed.as_slice(), bare) {
        ([], 0) => error.cause("it has no line with a digest"),
        ([], _) => error.cause(format!(
            "it has {bare} different digests, and no file names"
        )),
        ([inner], 0) if is_packed_name(name) && !is_packed_name(inner) => error.cause(format!(
            "it lists only {}, which is perhaps a file in the archive; such a digest says nothing about the archive",
            quoted(&listed)
        )),
        ([_], 0) => error.cause(format!("it lists only {}", quoted(&listed))),
        _ => error.cause(format!("it lists {}", quoted(&listed))),
    };
    error.hint(
        "check `checksums:` in the recipe, or pin the digest there: `checksums: {<platform>: <sha256>}`",
    )
}

/// File names for a message. A file's text may contain anything, so it is shortened and its control
/// characters are escaped.
fn quoted(names: &[&str]) -> String {
    let one = |name: &&str| {
        let short: String = name.chars().take(80).collect();
        let dots = if short.len() < name.len() { "…" } else { "" };
        format!("`{}{dots}`", short.escape_debug())
    };
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(one)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        // Writing to a String can't fail.
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
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
        // The text begins with ASCII characters, of which every second byte is zero.
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => wide(bytes, u16::from_le_bytes),
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => wide(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether the name of the checksums file says that its digests are of an algorithm that is not
/// supported but whose digests are as long as those of one that is.
fn unsupported_algorithm(file: &str) -> bool {
    let words: Vec<String> = file_words(file).collect();
    let is = |word: &str, names: &[&str]| {
        let word = word.trim_end_matches('s').trim_end_matches("sum");
        names.contains(&word)
    };
    let supported = |word: &String| is(word, &["sha2", "sha256", "sha384", "sha512"]);
    let other = |word: &String| is(word, &["b2", "b3", "sha3"]) || word.starts_with("blake");
    !words.iter().any(supported) && words.iter().any(other)
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

/// The algorithm of a name; `None` if it is no name of an algorithm.
fn of_name(name: &str) -> Option<Strength> {
    let name = name.to_ascii_lowercase().replace(['-', '_', '/'], "");
    Some(match name.as_str() {
        "sha256" | "sha2256" => Strength::Strong(Algorithm::Sha256),
        "sha384" | "sha2384" => Strength::Strong(Algorithm::Sha384),
        "sha512" | "sha2512" => Strength::Strong(Algorithm::Sha512),
        "md5" => Strength::Weak("md5"),
        "sha1" | "sha" => Strength::Weak("sha1"),
        "sha224" | "sha2224" | "sha512224" | "sha512256" | "sha2512224" | "sha2512256"
        | "sha3224" | "sha3256" | "sha3384" | "sha3512" | "blake2" | "blake2b" | "blake2b256"
        | "blake2b512" | "blake2s" | "blake2s256" | "blake3" | "md4" | "ripemd160" | "rmd160"
        | "sm3" | "whirlpool" | "crc32" | "mactripledes" => Strength::Unknown,
        _ => return None,
    })
}

/// The algorithm of a digest for which a name is stated. A digest of another length is not used.
fn of_both(name: Strength, hex: &str) -> Strength {
    if name == of_length(hex) {
        name
    } else {
        Strength::Unknown
    }
}

fn is_digest(hex: &str) -> bool {
    is_hex(hex) && of_length(hex) != Strength::Unknown
}
