//! Copies the content of one folder to another. Each file is copied under a temporary name in its
//! folder and then renamed, so that no incomplete file is ever visible under its final name.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, FileTimes, FileType, Metadata};
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::error::{Error, Result};

/// How sync decides whether two files are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Compare {
    /// By size, modification time and mode.
    #[default]
    Attributes,
    /// By content.
    Content,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    pub delete: bool,
    pub compare: Compare,
    pub dry_run: bool,
    pub verbose: bool,
}

/// The numbers of files that were copied, removed and unchanged; in a dry run, those that would be.
#[derive(Debug, Default, PartialEq)]
pub struct Done {
    pub copied: usize,
    pub removed: usize,
    pub unchanged: usize,
}

const STAGED: &str = ".sync-tmp-";

/// Mirrors `source` into `target`.
pub fn mirror(source: &Path, target: &Path, options: Options) -> Result<Done> {
    let from = source
        .canonicalize()
        .map_err(|e| Error::io("find", source, e))?;
    if !from.is_dir() {
        return Err(Error::Usage(format!(
            "{} is not a folder",
            source.display()
        )));
    }
    // If the target does not exist yet, its nearest existing parent is checked.
    let there = target
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() {
        Path::new(".")
    } else {
        there
    };
    let to = there
        .canonicalize()
        .map_err(|e| Error::io("find", there, e))?;
    if to.starts_with(&from) || (target.exists() && from.starts_with(&to)) {
        return Err(Error::Usage(format!(
            "{} and {} contain one another",
            source.display(),
            target.display()
        )));
    }
    let mut done = Done::default();
    folder(source, target, options, &mut done)?;
    Ok(done)
}

fn folder(source: &Path, target: &Path, options: Options, done: &mut Done) -> Result<()> {
    if !options.dry_run {
        fs::create_dir_all(target).map_err(|e| Error::io("create", target, e))?;
    }
    let wanted = names(source)?;
    for name in &wanted {
        let (from, to) = (source.join(name), target.join(name));
        let meta = from
            .symlink_metadata()
            .map_err(|e| Error::io("read the type of", &from, e))?;
        let present = to.symlink_metadata().ok();
        if let Some(there) = present
            .as_ref()
            .map(Metadata::file_type)
            .filter(|there| !same_kind(*there, meta.file_type()))
        {
            if !options.delete {
                return Err(Error::Usage(format!(
                    "{} is of another kind than its source; `--delete` replaces it",
                    to.display()
                )));
            }
            remove(&to, there.is_dir(), options, done)?;
        }
        if meta.is_dir() {
            folder(&from, &to, options, done)?;
        } else if meta.is_symlink() {
            link(&from, &to, options, done)?;
        } else if meta.is_file() {
            let present = present.filter(Metadata::is_file);
            file(&from, &meta, &to, present.as_ref(), options, done)?;
        } else {
            return Err(Error::Usage(format!(
                "{} is neither file, folder nor link",
                from.display()
            )));
        }
    }
    // Removes temporary files of a killed run, and with `--delete` what the source does not have.
    for name in names(target)?.difference(&wanted) {
        let path = target.join(name);
        let staged = name.to_str().is_some_and(|name| name.starts_with(STAGED));
        if options.delete || staged {
            remove(&path, path.is_dir() && !path.is_symlink(), options, done)?;
        }
    }
    Ok(())
}

fn same_kind(one: FileType, other: FileType) -> bool {
    one.is_dir() == other.is_dir() && one.is_symlink() == other.is_symlink()
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|e| e.file_name()))
            .collect::<io::Result<_>>()
            .map_err(|e| Error::io("list", folder, e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(e) => Err(Error::io("list", folder, e)),
    }
}

fn remove(path: &Path, is_dir: bool, options: Options, done: &mut Done) -> Result<()> {
    print_action("remove", path, options);
    done.removed += 1;
    if options.dry_run {
        return Ok(());
    }
    let gone = if is_dir {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    gone.map_err(|e| Error::io("remove", path, e))
}

fn file(
    from: &Path,
    meta: &Metadata,
    to: &Path,
    present: Option<&Metadata>,
    options: Options,
    done: &mut Done,
) -> Result<()> {
    let same = match present {
        None => false,
        Some(there) if there.len() != meta.len() || there.permissions() != meta.permissions() => {
            false
        }
        Some(there) => match options.compare {
            Compare::Attributes => there.modified().ok() == meta.modified().ok(),
            Compare::Content => same_content(from, to)?,
        },
    };
    if same {
        done.unchanged += 1;
        return Ok(());
    }
    print_action("copy", to, options);
    done.copied += 1;
    if options.dry_run {
        return Ok(());
    }
    let staged = staged(to);
    let copied = copy(from, meta, &staged).and_then(|()| fs::rename(&staged, to));
    if copied.is_err() {
        let _ = fs::remove_file(&staged);
    }
    copied.map_err(|e| Error::io("copy to", to, e))
}

fn staged(to: &Path) -> std::path::PathBuf {
    let mut name = OsString::from(format!("{STAGED}{}-", std::process::id()));
    name.push(to.file_name().unwrap_or_default());
    to.with_file_name(name)
}

fn copy(from: &Path, meta: &Metadata, to: &Path) -> io::Result<()> {
    let (mut input, mut output) = (File::open(from)?, File::create(to)?);
    io::copy(&mut input, &mut output)?;
    output.set_times(FileTimes::new().set_modified(meta.modified()?))?;
    output.set_permissions(meta.permissions())
}

fn same_content(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| {
        File::open(path)
            .map(BufReader::new)
            .map_err(|e| Error::io("open", path, e))
    };
    let (mut a, mut b) = (open(one)?, open(other)?);
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let n = a.read(&mut left).map_err(|e| Error::io("read", one, e))?;
        if n == 0 {
            return Ok(b
                .read(&mut right[..1])
                .map_err(|e| Error::io("read", other, e))?
                == 0);
        }
        match b.read_exact(&mut right[..n]) {
            Ok(()) if left[..n] == right[..n] => {}
            Ok(()) => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(Error::io("read", other, e)),
        }
    }
}

#[cfg(unix)]
fn link(from: &Path, to: &Path, options: Options, done: &mut Done) -> Result<()> {
    let wanted = fs::read_link(from).map_err(|e| Error::io("read the link", from, e))?;
    if fs::read_link(to).is_ok_and(|there| there == wanted) {
        done.unchanged += 1;
        return Ok(());
    }
    print_action("link", to, options);
    done.copied += 1;
    if options.dry_run {
        return Ok(());
    }
    let staged = staged(to);
    std::os::unix::fs::symlink(&wanted, &staged)
        .and_then(|()| fs::rename(&staged, to))
        .map_err(|e| Error::io("link", to, e))
}

#[cfg(not(unix))]
fn link(from: &Path, _to: &Path, _options: Options, _done: &mut Done) -> Result<()> {
    Err(Error::Usage(format!(
        "{} is a link; links are mirrored on Unix only",
        from.display()
    )))
}

fn print_action(what: &str, path: &Path, options: Options) {
    if options.verbose || options.dry_run {
        println!("{what} {}", path.display());
    }
}
