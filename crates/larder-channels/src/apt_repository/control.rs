//! Paragraphs of fields, and the one that describes a package, which is in its `control`.

use std::fmt::Write as _;
use std::io::{Read, Seek, SeekFrom};

use flate2::read::MultiGzDecoder;
use larder_core::error::Result;
use larder_core::fs::{self, IoContext};

use crate::package_index::{Listed, PackageFile};

/// More bytes than a `control.tar.gz` has.
const LARGEST: u64 = 16 << 20;

/// A paragraph, as it is written: fields whose values may have further lines.
#[derive(Clone, Debug)]
pub(super) struct Stanza(String);

impl Stanza {
    pub(super) fn parse(text: &str) -> Self {
        Self(format!("{}\n", text.trim_matches('\n')))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The first line of a field's value.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// Adds a field.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.0, "{name}: {value}");
    }

    pub(super) fn listed(&self) -> Listed {
        let field = |name: &str| self.field(name).unwrap_or_default().to_owned();
        Listed {
            name: field("Package"),
            version: field("Version"),
            arch: field("Architecture"),
            sha256: field("SHA256"),
            path: field("Filename"),
        }
    }
}

/// The text of a package's `control`, and the time that the package carries. The package is one that
/// larder renders.
pub(super) fn read(package: &PackageFile) -> Result<(String, i64)> {
    let mut file = fs::open(&package.path)?;
    let damaged = || package.damaged("it does not have the form of a Debian package");
    let mut magic = [0; 8];
    file.read_exact(&mut magic).at("read", &package.path)?;
    if magic != *b"!<arch>\n" {
        return Err(damaged());
    }
    loop {
        let mut header = [0; 60];
        file.read_exact(&mut header).at("read", &package.path)?;
        let field = |from: usize, to: usize| {
            let text = std::str::from_utf8(&header[from..to]).unwrap_or_default();
            text.trim().to_owned()
        };
        let size: u64 = field(48, 58).parse().map_err(|_| damaged())?;
        if field(0, 16).trim_end_matches('/') != "control.tar.gz" {
            let next = size.next_multiple_of(2);
            let skip = i64::try_from(next).map_err(|_| damaged())?;
            file.seek(SeekFrom::Current(skip))
                .at("read", &package.path)?;
            continue;
        }
        let time = field(16, 28).parse().map_err(|_| damaged())?;
        let decoder = MultiGzDecoder::new(file.take(size)).take(LARGEST);
        let mut archive = tar::Archive::new(decoder);
        for entry in archive.entries().at("read", &package.path)? {
            let mut entry = entry.at("read", &package.path)?;
            let path = entry.path_bytes();
            if path.as_ref() == b"./control" || path.as_ref() == b"control" {
                let mut text = String::new();
                entry.read_to_string(&mut text).at("read", &package.path)?;
                return Ok((text, time));
            }
        }
        return Err(damaged());
    }
}
