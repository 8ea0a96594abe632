//! The elements of a package in the lists of a repository, as `createrepo_c` writes them.

use std::fmt::Write as _;

use super::header::{BUILD_TIME, Header};
use crate::package_index::{Listed, PackageFile};
use crate::quote::xml;

/// The elements of a package in the three lists.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub(super) primary: String,
    pub(super) filelists: String,
    pub(super) other: String,
}

/// A dependency that rpm itself fulfils; lists leave them out.
const RPMLIB: u32 = 1 << 24;
/// What is needed before a script of the package runs.
const PRE: u32 = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// The tags of a kind of dependency: names, flags and versions.
const DEPENDENCIES: [(&str, [u32; 3]); 3] = [
    ("provides", [1047, 1112, 1113]),
    ("requires", [1049, 1048, 1050]),
    ("conflicts", [1054, 1053, 1055]),
];

pub(super) fn blocks(header: &Header, file: &PackageFile, path: &str) -> Blocks {
    let head = format!(
        "<package pkgid=\"{}\" name=\"{}\" arch=\"{}\">\n  {}\n",
        file.sha256,
        xml(header.text(1000)),
        xml(header.text(1022)),
        version(header)
    );
    let mut filelists = head.clone();
    for (path, is_folder) in header.files() {
        let kind = if is_folder { " type=\"dir\"" } else { "" };
        let _ = writeln!(filelists, "  <file{kind}>{}</file>", xml(&path));
    }
    let mut other = head;
    let (authors, times) = (header.texts(1081), header.numbers(1080));
    for ((author, time), text) in authors.iter().zip(times).zip(header.texts(1082)) {
        let (author, text) = (xml(author), xml(text));
        let _ = writeln!(
            other,
            "  <changelog author=\"{author}\" date=\"{time}\">{text}</changelog>"
        );
    }
    Blocks {
        primary: primary(header, file, path),
        filelists: filelists + "</package>",
        other: other + "</package>",
    }
}

fn version(header: &Header) -> String {
    format!(
        "<version epoch=\"{}\" ver=\"{}\" rel=\"{}\"/>",
        header.number(1003),
        xml(header.text(1001)),
        xml(header.text(1002))
    )
}

fn primary(header: &Header, file: &PackageFile, path: &str) -> String {
    let time = header.number(BUILD_TIME);
    let text = |tag| xml(header.text(tag));
    let mut block = format!(
        "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{}</arch>\n  {}\n  \
         <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n  <summary>{}</summary>\n  \
         <description>{}</description>\n  <packager>{}</packager>\n  <url>{}</url>\n  \
         <time file=\"{time}\" build=\"{time}\"/>\n  \
         <size package=\"{}\" installed=\"{}\" archive=\"{}\"/>\n  <location href=\"{}\"/>\n  \
         <format>\n    <rpm:license>{}</rpm:license>\n    <rpm:vendor></rpm:vendor>\n    \
         <rpm:group>{}</rpm:group>\n    <rpm:buildhost>{}</rpm:buildhost>\n    \
         <rpm:sourcerpm>{}</rpm:sourcerpm>\n    <rpm:header-range start=\"{}\" end=\"{}\"/>\n",
        text(1000),
        text(1022),
        version(header),
        file.sha256,
        text(1004),
        text(1005),
        text(1015),
        text(1020),
        file.size,
        header.number(1009),
        header.payload_size(),
        xml(path),
        text(1014),
        text(1016),
        text(1007),
        text(1044),
        header.range.0,
        header.range.1,
    );
    for (kind, tags) in DEPENDENCIES {
        let entries = dependencies(header, kind, tags);
        if !entries.is_empty() {
            let _ = write!(block, "    <rpm:{kind}>\n{entries}    </rpm:{kind}>\n");
        }
    }
    for (path, is_folder) in header.files() {
        // The files that other packages are likely to require.
        let is_named = path.starts_with("/etc/") || path.contains("bin/");
        if is_named || path == "/usr/lib/sendmail" {
            let kind = if is_folder { " type=\"dir\"" } else { "" };
            let _ = writeln!(block, "    <file{kind}>{}</file>", xml(&path));
        }
    }
    block + "  </format>\n</package>"
}

fn dependencies(header: &Header, kind: &str, [names, flags, versions]: [u32; 3]) -> String {
    let mut entries = String::new();
    let all = header.texts(names).iter().zip(header.numbers(flags));
    for ((name, flags), version) in all.zip(header.texts(versions)) {
        if flags & RPMLIB != 0 {
            continue;
        }
        let _ = write!(entries, "      <rpm:entry name=\"{}\"", xml(name));
        let compares = match flags & 0b1110 {
            2 => "LT",
            4 => "GT",
            8 => "EQ",
            10 => "LE",
            12 => "GE",
            _ => "",
        };
        if !compares.is_empty() && !version.is_empty() {
            let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
            let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
            let _ = write!(
                entries,
                " flags=\"{compares}\" epoch=\"{}\" ver=\"{}\"",
                xml(epoch),
                xml(version)
            );
            if !release.is_empty() {
                let _ = write!(entries, " rel=\"{}\"", xml(release));
            }
        }
        if kind == "requires" && flags & PRE != 0 {
            entries += " pre=\"1\"";
        }
        entries += "/>\n";
    }
    entries
}

/// What an element of the first list says.
pub(super) fn listed(primary: &str) -> Listed {
    let version = elements(primary, "version").into_iter().next();
    let version = version.unwrap_or_default();
    let of = |name: &str| attribute(version, name).unwrap_or_default();
    let epoch = match of("epoch").as_str() {
        "" | "0" => String::new(),
        epoch => format!("{epoch}:"),
    };
    let (version, release) = (of("ver"), of("rel"));
    let location = elements(primary, "location").into_iter().next();
    let of = |name: &str| content(primary, name).unwrap_or_default();
    Listed {
        name: of("name"),
        version: format!("{epoch}{version}-{release}"),
        arch: of("arch"),
        sha256: of("checksum"),
        path: attribute(location.unwrap_or_default(), "href").unwrap_or_default(),
    }
}

/// The elements of a name, as they are written, which don't contain elements of the same name.
pub(super) fn elements<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(&open).map(|at| from + at) {
        from = start + open.len();
        if !text[from..].starts_with([' ', '>', '/', '\n', '\t', '\r']) {
            continue;
        }
        let Some(head) = text[from..].find('>').map(|at| from + at + 1) else {
            break;
        };
        let end = if text[..head].ends_with("/>") {
            Some(head)
        } else {
            text[head..].find(&close).map(|at| head + at + close.len())
        };
        let Some(end) = end else {
            break;
        };
        found.push(&text[start..end]);
        from = end;
    }
    found
}

/// The value of the first attribute of a name.
pub(super) fn attribute(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!(" {name}=\""))? + name.len() + 3;
    let (value, _) = text[start..].split_once('"')?;
    Some(plain(value))
}

/// The text in the first element of a name.
pub(super) fn content(text: &str, name: &str) -> Option<String> {
    let element = elements(text, name).into_iter().next()?;
    let (_, rest) = element.split_once('>')?;
    let (content, _) = rest.rsplit_once("</")?;
    Some(plain(content))
}

/// The text that is quoted for XML.
fn plain(text: &str) -> String {
    let quoted = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
    ];
    let text = quoted
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}
