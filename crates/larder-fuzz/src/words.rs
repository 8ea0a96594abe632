//! Short texts: names, versions and platforms, and publishers' checksums files.

use std::cmp::Ordering;
use std::fmt::Display;
use std::str::FromStr;

use larder_core::model::{
    AssetName, Digest, FileName, Name, Platform, Tag, Version, version_order::compare,
};
use larder_remote::origin::stated_in;
use larder_serve::index::name as served;

use crate::{Scratch, text};

/// Each line as each type of the domain: what is accepted is shown as it was written. All lines as
/// versions: their order is a total one.
pub fn words(bytes: &[u8], _: &Scratch<'_>) {
    let text = text(bytes);
    for line in text.lines() {
        shown::<Name>(line);
        shown::<Version>(line);
        shown::<Tag>(line);
        shown::<AssetName>(line);
        shown::<FileName>(line);
        // The digits of a digest may be in capitals, and words of a platform have aliases.
        shown::<Digest>(&line.to_ascii_lowercase());
        if let Ok(platform) = line.parse::<Platform>() {
            shown::<Platform>(&platform.to_string());
        }
    }
    let lines: Vec<&str> = text.lines().take(6).collect();
    is_order(&lines, |a, b| compare(a, b));
    let served: Vec<served::Version> = lines
        .iter()
        .map(|line| served::Version::new(line))
        .collect();
    is_order(&served, Ord::cmp);
}

/// Whether this is a total order on these values.
fn is_order<T: std::fmt::Debug>(values: &[T], compare: impl Fn(&T, &T) -> Ordering) {
    for a in values {
        assert_eq!(compare(a, a), Ordering::Equal, "{a:?}");
        for b in values {
            let order = compare(a, b);
            assert_eq!(order.reverse(), compare(b, a), "{a:?} {b:?}");
            for c in values {
                if order == compare(b, c) {
                    assert_eq!(compare(a, c), order, "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

fn shown<T: FromStr + Display + PartialEq + std::fmt::Debug>(line: &str) {
    if let Ok(value) = line.parse::<T>() {
        let text = value.to_string();
        assert_eq!(text, line);
        assert_eq!(text.parse::<T>().ok(), Some(value));
    }
}

/// The first line is the name of an asset, the rest a checksums file. A digest that is found stands
/// in the file.
pub fn checksums(bytes: &[u8], _: &Scratch<'_>) {
    let split = bytes.iter().position(|byte| *byte == b'\n');
    let (name, file) = bytes.split_at(split.unwrap_or(0));
    let name = text(name);
    let Ok(name) = name.parse::<FileName>() else {
        return;
    };
    for checksums in ["SHA256SUMS", "tool.tar.gz.sha512", "checksums.md5"] {
        let Ok(found) = stated_in(file, name.as_str(), &["dir".to_owned()], checksums) else {
            continue;
        };
        assert!(!found.is_empty(), "nothing is no answer");
    }
}
