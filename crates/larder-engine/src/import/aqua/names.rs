//! What aqua concludes from the names of files.

use super::answer::Packing;

/// The endings that aqua counts as formats, in its order.
const FORMATS: [&str; 24] = [
    "tar.br", "tar.bz2", "tar.gz", "tar.lz4", "tar.sz", "tar.xz", "tbr", "tbz", "tbz2", "tgz",
    "tlz4", "tsz", "txz", "tar.zst", "zip", "gz", "bz2", "lz4", "sz", "xz", "zst", "dmg", "pkg",
    "rar",
];

/// A name without its format; `None` if it has none.
pub(super) fn without_format(name: &str) -> Option<&str> {
    format_of(name).map(|(stem, _)| stem)
}

fn format_of(name: &str) -> Option<(&str, &'static str)> {
    FORMATS.iter().chain(&["tar"]).find_map(|format| {
        let stem = name.strip_suffix(format)?.strip_suffix('.')?;
        Some((stem, *format))
    })
}

/// Whether a path has an extension, apart from the dots of the version.
pub(super) fn has_extension(path: &str, version: &str) -> bool {
    let number = version.strip_prefix('v').unwrap_or(version);
    let path = path.replace(number, "");
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
}

/// How a file is packed.
pub(super) fn packing(format: &str, name: &str) -> Packing {
    let last = name.rsplit('/').next().unwrap_or_default();
    let extension = last.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_plain = format == "raw" || format.is_empty() && matches!(extension, "" | "exe" | "jar");
    if is_plain {
        return Packing::Plain;
    }
    let format = match (format, format_of(last)) {
        ("", Some((_, format))) => format,
        ("", None) => extension,
        (format, _) => format,
    };
    match format {
        "tar.gz" | "tgz" | "tar.xz" | "txz" | "tar.bz2" | "tbz" | "tbz2" | "tar.zst" | "tar"
        | "tar.lz4" | "tlz4" | "zip" | "7z" => Packing::Archive,
        "gz" | "xz" | "bz2" | "zst" | "lz4" => Packing::Single,
        other => Packing::Unknown(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_how_files_are_packed() {
        for (format, name, expected) in [
            ("", "tool-linux", Packing::Plain),
            ("raw", "tool-linux.zip", Packing::Plain),
            ("", "tool.exe", Packing::Plain),
            ("", "tool.jar", Packing::Plain),
            ("tar.gz", "tool", Packing::Archive),
            ("", "tool.tar.xz", Packing::Archive),
            ("", "tool.zip", Packing::Archive),
            ("gz", "tool.gz", Packing::Single),
            ("", "tool.7z", Packing::Archive),
            ("", "tool.pkg", Packing::Unknown("pkg".into())),
            ("", "tool.sh", Packing::Unknown("sh".into())),
        ] {
            assert_eq!(packing(format, name), expected, "{format} {name}");
        }
        assert!(!has_extension("a.b/tool-1.2.3", "v1.2.3"));
        assert!(has_extension("tool-1.2.3.exe", "v1.2.3"));
        assert_eq!(without_format("a.tar.gz"), Some("a"));
        assert_eq!(without_format("tar"), None);
    }
}
