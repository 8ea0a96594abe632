//! Archives: what unpacking leaves on the disk, for any bytes.

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::archive::{
    ArchiveKind, Budget, Compression, Extracted, ReadAs, Select, Unpacked, WholeSelection, unpack,
};
use larder_core::cancel::Cancel;
use larder_core::fs;
use larder_core::model::{ArtifactPath, Digest, FileFormat, FileName, Platform};

use crate::{Scratch, write};

/// Few, so that a broken limit is noticed.
const BUDGET: Budget = Budget {
    unpacked: 1 << 20,
    ratio: 100,
    entries: 200,
};

/// The formats that a recipe can state, and names whose endings say another one. The length of the
/// input chooses among them.
const FORMATS: [FileFormat; 6] = [
    FileFormat::Auto,
    FileFormat::Tar,
    FileFormat::Zip,
    FileFormat::SevenZip,
    FileFormat::Deb,
    FileFormat::Plain,
];
const NAMES: [&str; 5] = ["x", "x.tar.gz", "x.zip", "x.7z", "x.deb"];

/// A publisher's file, read as a recipe's original and as the source of a build.
pub fn archive(bytes: &[u8], scratch: &Scratch<'_>) {
    let tool: FileName = "tool".parse().expect("a name");
    let globs = [("d/too?".to_owned(), tool.clone())];
    let names = std::slice::from_ref(&tool);
    let programs = Select::Programs {
        globs: &[],
        names,
        platform: Platform::host(),
    };
    let whole = Select::Whole(WholeSelection {
        globs: &[],
        names,
        platform: Platform::host(),
    });
    let exactly = ReadAs::Exactly;
    let mut mended = bytes.to_vec();
    mend(&mut mended);
    let variants = [bytes, &mended[..]];
    let variants = if mended == bytes {
        &variants[..1]
    } else {
        &variants[..]
    };
    let format = FORMATS[bytes.len() % FORMATS.len()];
    let name = NAMES[bytes.len() % NAMES.len()];
    for bytes in variants {
        for (format, name, select) in [
            (FileFormat::Auto, "x", &Select::Source),
            (FileFormat::Auto, "x", &programs),
            (FileFormat::Auto, "x", &whole),
            (format, name, &Select::Globs(&globs)),
        ] {
            unpacked(bytes, ReadAs::File { format, name }, select, scratch);
        }
        // These read what has another mark than their own, or none.
        for kind in [ArchiveKind::Tar(Compression::Plain), ArchiveKind::Zip] {
            unpacked(bytes, exactly(kind), &Select::All, scratch);
        }
    }
}

/// A package that larder made, or that says so.
pub fn package(bytes: &[u8], scratch: &Scratch<'_>) {
    let kinds = [Compression::Plain, Compression::Gz, Compression::Zst].map(ArchiveKind::Tar);
    let mut mended = bytes.to_vec();
    mend(&mut mended);
    for bytes in [bytes, &mended] {
        for kind in kinds.into_iter().chain([ArchiveKind::Zip]) {
            let read_as = ReadAs::Exactly(kind);
            for select in [Select::Flat, Select::FlatTree] {
                let extracted = unpacked(bytes, read_as, &select, scratch);
                for file in extracted.map(|extracted| extracted.files).iter().flatten() {
                    let is_stamp = file.name == larder_core::formats::stamp::FILE;
                    let fits = match select {
                        Select::Flat => file.name.parse::<FileName>().is_ok(),
                        _ => file.name.parse::<ArtifactPath>().is_ok(),
                    };
                    assert!(is_stamp || fits, "{file:?} can't be in a package");
                }
            }
        }
    }
}

/// Unpacks, and checks what is on the disk then.
fn unpacked(
    bytes: &[u8],
    read_as: ReadAs<'_>,
    select: &Select<'_>,
    scratch: &Scratch<'_>,
) -> Option<Extracted> {
    let tool: FileName = "tool".parse().expect("a name");
    let mut answer = None;
    scratch.with_folder(|place| {
        write(place, "beside", b"beside");
        let out = place.join("out");
        fs::create_dir_all(&out).expect("a folder");
        let cancel = Cancel::new();
        let result = unpack(
            read_as,
            Some(&tool),
            bytes,
            select,
            &out,
            &BUDGET,
            Some(bytes.len() as u64),
            &cancel,
        );
        assert_eq!(fs::list(place).expect("a list"), ["beside", "out"]);
        assert_eq!(fs::read(place.join("beside")).expect("a file"), b"beside");
        let mut found = Found::default();
        found.walk(&out, &out, matches!(select, Select::Source));
        match result {
            Err(error) => assert!(
                found.is_empty() && found.folders == 0,
                "{found:?} stays after: {error}"
            ),
            Ok(extracted) => {
                let told = |(path, size, digest): &(Utf8PathBuf, u64, Digest)| {
                    let same = |file: &&Unpacked| file.size == *size && file.sha256 == *digest;
                    let files = extracted.files.iter().filter(same);
                    let paths: Vec<_> = files.map(|file| &file.path).collect();
                    // A hard link of source code is another name of a file.
                    let is_link = matches!(select, Select::Source) && !paths.is_empty();
                    assert!(is_link || paths.contains(&path), "{path} is not told");
                    paths.contains(&path)
                };
                found.files.retain(told);
                assert_eq!(found.files.len(), extracted.files.len(), "{extracted:?}");
                let total: u64 = found.files.iter().map(|(_, size, _)| size).sum();
                assert!(total <= BUDGET.unpacked, "{total} bytes were unpacked");
                let entries = found.files.len() + found.links + found.folders;
                assert!(entries as u64 <= BUDGET.entries, "{entries} entries");
                answer = Some(extracted);
            }
        }
    });
    answer
}

/// What is in a folder.
#[derive(Debug, Default)]
struct Found {
    files: Vec<(Utf8PathBuf, u64, Digest)>,
    links: usize,
    folders: usize,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.links == 0
    }

    fn walk(&mut self, out: &Utf8Path, folder: &Utf8Path, may_link: bool) {
        for name in fs::list(folder).expect("a list") {
            let path = folder.join(name);
            let meta = fs::lstat(&path).expect("metadata").expect("an entry");
            if meta.is_dir() {
                self.folders += 1;
                self.walk(out, &path, may_link);
            } else if meta.is_symlink() {
                assert!(may_link, "{path} is a link");
                self.links += 1;
                // A link that leads nowhere is odd, but harmless.
                if let Ok(target) = fs::canonicalize(&path) {
                    let out = fs::canonicalize(out).expect("a path");
                    assert!(target.starts_with(out), "{path} leads to {target}");
                }
            } else {
                assert!(meta.is_file(), "{path} is a device");
                let bytes = fs::read(&path).expect("a file");
                self.files
                    .push((path, bytes.len() as u64, Digest::of(&bytes)));
            }
        }
    }
}

/// Corrects the checksums of headers, so that mutations test more than the checksums.
fn mend(bytes: &mut [u8]) {
    if bytes.starts_with(b"7z\xbc\xaf\x27\x1c") {
        mend_seven_zip(bytes);
    }
    for block in bytes
        .chunks_exact_mut(512)
        .filter(|block| block[257..262] == *b"ustar")
    {
        let mut header = tar::Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
    }
}

fn mend_seven_zip(bytes: &mut [u8]) {
    let Some((head, rest)) = bytes.split_at_mut_checked(32) else {
        return;
    };
    let number = |bytes: &[u8]| {
        let number = bytes
            .iter()
            .rev()
            .fold(0_u64, |n, b| n << 8 | u64::from(*b));
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let (at, size) = (number(&head[12..20]), number(&head[20..28]));
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    if let Some(header) = rest.get(at..at.saturating_add(size)) {
        head[28..32].copy_from_slice(&crc(header));
    }
    let start = crc(&head[12..32]);
    head[8..12].copy_from_slice(&start);
}
