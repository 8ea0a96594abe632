//! Packs folders into archives and unpacks them. An archive is renamed to its final name only when
//! it is complete.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sha256::Sha256;
use crate::tar::{BLOCK, Member, is_safe};

/// The name of the last member, which lists the digests of all others.
const SUMS: &str = "SHA256SUMS";
/// The largest list of checksums that is read.
const SUMS_LIMIT: u64 = 256 << 20;

/// What was packed, verified or unpacked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub files: usize,
    pub bytes: u64,
}

/// Packs a folder. Members are sorted by name, have mode 0755 or 0644, and no owner and no time.
pub fn pack(archive: &Path, folder: &Path) -> Result<Counts> {
    let mut files = BTreeMap::new();
    collect(folder, folder, &mut files)?;
    // If the archive is in the folder that it packs, it must not contain itself.
    if let Ok(own) = archive.canonicalize() {
        files.retain(|_, path| path.canonicalize().ok().as_ref() != Some(&own));
    }
    let staged = staged_name(archive);
    let written = write_members(&staged, &files);
    let finished = written.and_then(|counts| {
        std::fs::rename(&staged, archive).map_err(|e| Error::io("write", archive, e))?;
        Ok(counts)
    });
    if finished.is_err() {
        let _ = std::fs::remove_file(&staged);
    }
    finished
}

fn staged_name(archive: &Path) -> PathBuf {
    let mut name = archive.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp-{}", std::process::id()));
    archive.with_file_name(name)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("list", folder, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", folder, e))?;
        let path = entry.path();
        let relative = path
            .strip_prefix(root)
            .expect("an entry is in the folder that was listed");
        let unpackable = |why| Error::Unpackable {
            name: path.display().to_string(),
            why,
        };
        let name = relative
            .iter()
            .map(|part| part.to_str())
            .collect::<Option<Vec<_>>>();
        let name = name
            .ok_or_else(|| unpackable("its name is not UTF-8"))?
            .join("/");
        let kind = entry
            .file_type()
            .map_err(|e| Error::io("read the type of", &path, e))?;
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if !kind.is_file() {
            return Err(unpackable("only files and folders can be packed"));
        } else if name == SUMS {
            return Err(unpackable(
                "this name is reserved for the archive's own checksums",
            ));
        } else if is_safe(&name) {
            files.insert(name, path);
        } else {
            return Err(unpackable(
                "its name contains a backslash, colon or line break",
            ));
        }
    }
    Ok(())
}

fn write_members(staged: &Path, files: &BTreeMap<String, PathBuf>) -> Result<Counts> {
    let failed = |e| Error::io("write", staged, e);
    let mut out = BufWriter::new(File::create(staged).map_err(failed)?);
    let (mut sums, mut counts) = (String::new(), Counts::default());
    for (name, path) in files {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let meta = file
            .metadata()
            .map_err(|e| Error::io("read the metadata of", path, e))?;
        let member = Member {
            name: name.clone(),
            mode: mode_of(&meta),
            size: meta.len(),
        };
        let unpackable = |why| Error::Unpackable {
            name: path.display().to_string(),
            why,
        };
        out.write_all(&member.header().map_err(unpackable)?)
            .map_err(failed)?;
        let mut hasher = Sha256::new();
        let copied = copy(&mut file.take(member.size), |bytes| {
            hasher.update(bytes);
            out.write_all(bytes)
        });
        if copied.map_err(|e| Error::io("pack", path, e))? != member.size {
            return Err(unpackable("it changed while it was read"));
        }
        out.write_all(&[0; BLOCK][..member.padding()])
            .map_err(failed)?;
        sums.push_str(&format!("{}  {name}\n", hasher.finish()));
        counts.files += 1;
        counts.bytes += member.size;
    }
    let last = Member {
        name: SUMS.into(),
        mode: 0o644,
        size: sums.len() as u64,
    };
    out.write_all(&last.header().expect("a short name and a size below 8 GiB"))
        .map_err(failed)?;
    out.write_all(sums.as_bytes()).map_err(failed)?;
    out.write_all(&[0; BLOCK][..last.padding()])
        .map_err(failed)?;
    out.write_all(&[0; 2 * BLOCK]).map_err(failed)?;
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(counts)
}

/// Lists the members without checking their content.
pub fn list(archive: &Path) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    walk(archive, |member, content| {
        members.push(member.clone());
        copy(content, |_| Ok(()))
            .map(drop)
            .map_err(|e| Error::io("read", archive, e))
    })?;
    Ok(members)
}

/// Reads everything and checks it against the archive's own checksums.
pub fn verify(archive: &Path) -> Result<Counts> {
    let (mut found, mut stated, mut counts) = (BTreeMap::new(), None, Counts::default());
    walk(archive, |member, content| {
        if stated.is_some() {
            return Err(Error::damaged(
                archive,
                format!("{} comes after {SUMS}", member.name),
            ));
        }
        if member.name == SUMS {
            if member.size > SUMS_LIMIT {
                return Err(Error::damaged(archive, format!("{SUMS} is far too large")));
            }
            let mut text = String::new();
            content
                .read_to_string(&mut text)
                .map_err(|e| Error::io("read", archive, e))?;
            stated = Some(text);
            return Ok(());
        }
        let mut hasher = Sha256::new();
        let update = |bytes: &[u8]| {
            hasher.update(bytes);
            Ok(())
        };
        counts.bytes += copy(content, update).map_err(|e| Error::io("read", archive, e))?;
        counts.files += 1;
        if found.insert(member.name.clone(), hasher.finish()).is_some() {
            return Err(Error::damaged(
                archive,
                format!("{} is in it twice", member.name),
            ));
        }
        Ok(())
    })?;
    let stated = stated.ok_or_else(|| Error::damaged(archive, format!("it has no {SUMS}")))?;
    for line in stated.lines() {
        let (digest, name) = line.split_once("  ").ok_or_else(|| {
            Error::damaged(archive, format!("{SUMS} has an invalid line: {line:?}"))
        })?;
        match found.remove(name) {
            Some(real) if real == digest => {}
            Some(real) => {
                return Err(Error::damaged(
                    archive,
                    format!("{name} has sha256 {real}, {SUMS} says {digest}"),
                ));
            }
            None => return Err(Error::damaged(archive, format!("{name} is missing"))),
        }
    }
    match found.keys().next() {
        Some(name) => Err(Error::damaged(archive, format!("{name} is not in {SUMS}"))),
        None => Ok(counts),
    }
}

/// Verifies, then writes the members into a new or empty folder.
pub fn unpack(archive: &Path, folder: &Path) -> Result<Counts> {
    let counts = verify(archive)?;
    std::fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
    if std::fs::read_dir(folder)
        .map_err(|e| Error::io("list", folder, e))?
        .next()
        .is_some()
    {
        return Err(Error::Usage(format!("{} is not empty", folder.display())));
    }
    walk(archive, |member, content| {
        if member.name == SUMS {
            return copy(content, |_| Ok(()))
                .map(drop)
                .map_err(|e| Error::io("read", archive, e));
        }
        let path = folder.join(&member.name);
        let failed = |e| Error::io("write", &path, e);
        std::fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
        let mut file = File::create_new(&path).map_err(failed)?;
        copy(content, |bytes| file.write_all(bytes)).map_err(failed)?;
        set_mode(&file, member.mode).map_err(failed)
    })?;
    Ok(counts)
}

/// Calls `each` for every member with a reader of its content, which `each` must read to the end.
fn walk(archive: &Path, mut each: impl FnMut(&Member, &mut dyn Read) -> Result<()>) -> Result<()> {
    let mut file = BufReader::new(File::open(archive).map_err(|e| Error::io("open", archive, e))?);
    let cut = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => Error::damaged(archive, "it ends too early"),
        _ => Error::io("read", archive, e),
    };
    loop {
        let mut block = [0; BLOCK];
        file.read_exact(&mut block).map_err(cut)?;
        let Some(member) = Member::parse(&block).map_err(|why| Error::damaged(archive, why))?
        else {
            return Ok(());
        };
        let mut content = file.by_ref().take(member.size);
        each(&member, &mut content)?;
        if content.limit() > 0 {
            return Err(Error::damaged(archive, "it ends too early"));
        }
        file.read_exact(&mut block[..member.padding()])
            .map_err(cut)?;
    }
}

fn copy(from: &mut dyn Read, mut to: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
    let (mut buffer, mut total) = (vec![0; 64 << 10], 0);
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(n) => {
                to(&buffer[..n])?;
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

#[cfg(unix)]
fn mode_of(meta: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    if meta.permissions().mode() & 0o111 == 0 {
        0o644
    } else {
        0o755
    }
}

#[cfg(not(unix))]
fn mode_of(_meta: &std::fs::Metadata) -> u32 {
    0o644
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777))
}

#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}
