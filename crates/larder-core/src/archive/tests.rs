//! Round trips and determinism. Unusual and hostile archives are in `tests/`.
#![expect(
    clippy::disallowed_methods,
    reason = "other programs read and make archives"
)]

use std::fmt::Write as _;
use std::io::{self, Read};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::cancel::Cancel;
use crate::error::{Kind, Result};
use crate::model::{Hasher, PackageFormat};

mod copies;
mod ended_early;
mod foreign;
mod fuzz;
mod hostile_tar;
mod hostile_zip;
mod kinds;
mod legitimate_tar;
mod links;
mod odd;
mod odd_zip;
mod source;
mod tar_maker;
mod whole;
mod zip_maker;

const FORMATS: [(PackageFormat, ArchiveKind); 3] = [
    (PackageFormat::TarGz, ArchiveKind::Tar(Compression::Gz)),
    (PackageFormat::TarZst, ArchiveKind::Tar(Compression::Zst)),
    (PackageFormat::Zip, ArchiveKind::Zip),
];

/// A temporary folder with a folder `out` in it.
struct Place {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    out: Utf8PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let out = root.join("out");
        crate::fs::create_dir_all(&out).unwrap();
        Self {
            _dir: dir,
            root,
            out,
        }
    }
    /// The names in the folder `out`.
    fn left(&self) -> Vec<String> {
        crate::fs::list(&self.out).unwrap()
    }
    fn unpack(
        &self,
        kind: ArchiveKind,
        bytes: &[u8],
        select: &Select<'_>,
    ) -> Result<Vec<Unpacked>> {
        unpack_into(&self.out, kind, bytes, select, &Budget::default())
    }
}

/// A reader that hashes and counts the bytes that it reads, as callers of `unpack` do.
struct HashingReader<R> {
    inner: R,
    hasher: Hasher,
    size: u64,
}

impl<R: Read> HashingReader<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            size: 0,
        }
    }
    fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.size)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.size += n as u64;
        Ok(n)
    }
}

fn unpack_into(
    out: &Utf8Path,
    kind: ArchiveKind,
    bytes: &[u8],
    select: &Select<'_>,
    budget: &Budget,
) -> Result<Vec<Unpacked>> {
    let name = "single".parse().unwrap();
    let mut reader = HashingReader::new(bytes);
    let result = unpack(
        ReadAs::Exactly(kind),
        Some(&name),
        &mut reader,
        select,
        out,
        budget,
        None,
        &Cancel::new(),
    );
    let (digest, size) = reader.finish();
    // The whole archive is read, even if it is refused, so that the caller knows its digest.
    if result
        .as_ref()
        .err()
        .is_none_or(|e| e.kind() == crate::Kind::Integrity)
    {
        assert_eq!(
            (digest, size),
            (Digest::of(bytes), bytes.len() as u64),
            "{result:?}"
        );
    }
    result.map(|extracted| extracted.files)
}

pub(super) fn packed(format: PackageFormat, entries: &[PackEntry<'_>], threads: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let packed = pack(
        format,
        entries,
        &mut bytes,
        threads,
        &Cancel::new(),
        &|_| {},
    )
    .unwrap();
    assert_eq!(
        packed,
        Packed {
            sha256: Digest::of(&bytes),
            size: bytes.len() as u64
        }
    );
    bytes
}

pub(super) fn bytes_entry<'a>(name: &'a str, mode: u32, bytes: &'a [u8]) -> PackEntry<'a> {
    PackEntry {
        name,
        mode,
        size: bytes.len() as u64,
        content: Content::Bytes(bytes),
    }
}

/// Bytes that compress about as well as a program and do not repeat.
pub(super) fn program(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 64);
    while bytes.len() < size {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let word = state >> 33;
        if word.is_multiple_of(3) {
            bytes.extend_from_slice(b"mov rax, [rsp + 0x");
        }
        bytes.extend_from_slice(&word.to_le_bytes()[..4]);
        bytes.extend_from_slice(&[0; 6]);
    }
    bytes.truncate(size);
    bytes
}

/// Whether all optional programs that a command uses are installed; tests skip other commands.
fn have(command: &str) -> bool {
    let optional = [
        "zip", "unzip", "zstd", "xz", "bzip2", "git", "python3", "lz4", "dpkg", "busybox", "pigz",
        "node",
    ];
    let words: Vec<&str> = command
        .split(|c: char| !c.is_ascii_alphanumeric())
        .collect();
    optional
        .iter()
        .filter(|program| words.contains(program))
        .all(|program| Command::new(program).arg("--help").output().is_ok())
}

fn python(script: &str, dir: &Utf8Path) -> String {
    let output = Command::new("python3")
        .args(["-c", script])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn sh(script: &str, dir: &Utf8Path) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{script}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn packing_then_unpacking_returns_the_same_files() {
    let large = program(2_200_000);
    for size in [0, 1, 511, 512, 1 << 20, (1 << 20) + 1, 2_200_000] {
        let binary = &large[..size];
        let long = "n".repeat(120);
        let entries = [
            bytes_entry("tool", 0o755, binary),
            bytes_entry(".version", 0o644, b"version: v1\n"),
            bytes_entry(&long, 0o644, b"x"),
        ];
        for (format, kind) in FORMATS {
            let place = Place::new();
            let bytes = packed(format, &entries, 2);
            let files = place.unpack(kind, &bytes, &Select::Flat).unwrap();
            let seen: Vec<_> = files
                .iter()
                .map(|f| (f.name.as_str(), f.mode, f.size, f.sha256))
                .collect();
            let expected: Vec<_> = [&entries[1], &entries[2], &entries[0]]
                .map(|e| match e.content {
                    Content::Bytes(b) => (e.name, e.mode, e.size, Digest::of(b)),
                    Content::File(_) | Content::Known(..) | Content::Link(_) => {
                        unreachable!()
                    }
                })
                .to_vec();
            assert_eq!(seen, expected, "{format:?} {size}");
            assert_eq!(crate::fs::read(place.out.join("tool")).unwrap(), binary);
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_threads_or_order() {
    let large = program(24 << 20);
    for (format, _) in FORMATS {
        // Deflate is slow, so use only 11 of its blocks of 512 KiB. A frame of zstd has 2 MiB.
        let large = if format == PackageFormat::TarZst {
            &large
        } else {
            &large[..5_500_000]
        };
        let entries = [
            bytes_entry("b", 0o755, large),
            bytes_entry("a", 0o644, b"small"),
        ];
        let reversed = [entries[1], entries[0]];
        let one = Digest::of(&packed(format, &entries, 1));
        for threads in [2, 7] {
            assert_eq!(
                one,
                Digest::of(&packed(format, &reversed, threads)),
                "{format:?} with {threads} threads"
            );
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let bytes = pool.install(|| Digest::of(&packed(format, &entries, 3)));
        assert_eq!(one, bytes, "{format:?} on one of rayon's own threads");
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "it needs a POSIX shell and its programs")]
fn other_programs_can_unpack_our_packages() {
    let place = Place::new();
    let binary = program(2_500_000);
    let long = format!("lib/{}", "x".repeat(150));
    let entries = [
        bytes_entry("bin/tool", 0o755, &binary),
        bytes_entry("README", 0o644, b"read me"),
        bytes_entry(&long, 0o644, b"long"),
    ];
    for (format, _) in FORMATS {
        crate::fs::create(place.root.join(format!("a.{}", format.extension())))
            .map(|mut f| std::io::Write::write_all(&mut f, &packed(format, &entries, 2)).unwrap())
            .unwrap();
    }
    let mut expected = String::new();
    for (name, mode, bytes) in [
        ("README", "644", &b"read me"[..]),
        ("bin/tool", "755", &binary),
        (&long, "644", b"long"),
    ] {
        writeln!(expected, "{mode} {} ./{name}", Digest::of(bytes)).unwrap();
    }
    let show = "find . -type f -exec sh -c 'for f; do echo \"$(stat -c %a $f) $(sha256sum <$f | cut -d\" \" -f1) $f\"; done' - {} + | LC_ALL=C sort -k3";
    let readers = [
        "gzip -t ../a.tar.gz && tar xpzf ../a.tar.gz",
        "busybox zcat ../a.tar.gz | tar xp",
        "pigz -dc ../a.tar.gz | tar xp",
        "node -e \"process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync('../a.tar.gz')))\" | tar xp",
        "python3 -c \"import tarfile; tarfile.open('../a.tar.gz').extractall('.')\"",
        "python3 -c \"import zipfile; z = zipfile.ZipFile('../a.zip'); assert z.testzip() is None; z.extractall('.')\" && chmod 755 bin/tool && chmod 644 README lib/*",
        "unzip -tq ../a.zip >/dev/null && unzip -q ../a.zip",
        "zstd -tq ../a.tar.zst && zstd -dcq ../a.tar.zst | tar xp",
    ];
    for reader in readers.into_iter().filter(|reader| have(reader)) {
        let out = sh(
            &format!("rm -rf x; mkdir x; cd x; {reader}; {show}"),
            &place.root,
        );
        assert_eq!(out, expected, "{reader}");
    }
    let times = python(
        "import tarfile\nfor m in tarfile.open('a.tar.gz'): print(m.uid, m.gid, m.uname, m.mtime)",
        &place.root,
    );
    assert_eq!(times, "0 0  315532800\n".repeat(3));
}

/// Many programs read only the first member of a gzip file, among them those that use flate2's
/// `GzDecoder`.
#[test]
fn a_package_is_one_gzip_member() {
    let bytes = packed(
        PackageFormat::TarGz,
        &[bytes_entry("tool", 0o755, &program(1_700_000))],
        2,
    );
    let mut decoder = flate2::bufread::GzDecoder::new(&bytes[..]);
    let mut tar = Vec::new();
    decoder.read_to_end(&mut tar).unwrap();
    assert_eq!(tar.len(), 512 + 1_700_352 + 1024);
    assert_eq!(decoder.into_inner(), b"", "more follows the first member");
}

#[test]
fn a_file_with_another_digest_is_not_packed() {
    let place = Place::new();
    let path = place.root.join("tool");
    std::io::Write::write_all(&mut crate::fs::create(&path).unwrap(), b"tool").unwrap();
    let pack_with = |sha256| {
        let entry = PackEntry {
            name: "tool",
            mode: 0o755,
            size: 4,
            content: Content::Known(&path, sha256),
        };
        let (format, cancel) = (PackageFormat::TarGz, Cancel::new());
        pack(format, &[entry], &mut Vec::new(), 1, &cancel, &|_| {})
    };
    pack_with(Digest::of(b"tool")).unwrap();
    let error = pack_with(Digest::of(b"tolo")).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
    assert_eq!(
        error.message(),
        "tool is not the file that is recorded (sha256 differs)"
    );
}

#[test]
fn a_file_that_changes_while_it_is_packed_is_an_error() {
    let entries = [PackEntry {
        name: "a",
        mode: 0o644,
        size: 3,
        content: Content::Bytes(b"four"),
    }];
    for threads in [1, 2] {
        let error = pack(
            PackageFormat::TarGz,
            &entries,
            &mut Vec::new(),
            threads,
            &Cancel::new(),
            &|_| {},
        )
        .unwrap_err();
        assert_eq!(error.message(), "a changed while it was being packed");
    }
    for (name, why) in [
        ("../a", "its path contains `..`"),
        ("a//b", "it is not in normal form"),
        ("/a", "its path is absolute"),
    ] {
        let error = pack(
            PackageFormat::Zip,
            &[bytes_entry(name, 0o644, b"")],
            &mut Vec::new(),
            1,
            &Cancel::new(),
            &|_| {},
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("can't pack `{name}`: {why}")
        );
    }
}

#[test]
fn the_archive_kind_follows_from_the_file_name() {
    for (name, kind) in [
        ("a-v1.2.tar.gz", ArchiveKind::Tar(Compression::Gz)),
        ("A.TGZ", ArchiveKind::Tar(Compression::Gz)),
        ("a.tar.xz", ArchiveKind::Tar(Compression::Xz)),
        ("a.tbz2", ArchiveKind::Tar(Compression::Bz2)),
        ("a.tzst", ArchiveKind::Tar(Compression::Zst)),
        ("a.tar", ArchiveKind::Tar(Compression::Plain)),
        ("ruff-0.1-py3-none-any.whl", ArchiveKind::Zip),
        ("tool.gz", ArchiveKind::Single(Compression::Gz)),
        ("tool.exe", ArchiveKind::Single(Compression::Plain)),
        ("tool-1.2", ArchiveKind::Single(Compression::Plain)),
    ] {
        assert_eq!(ArchiveKind::of_name(name), kind, "{name}");
    }
}
