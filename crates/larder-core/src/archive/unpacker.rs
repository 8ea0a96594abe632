//! Handles the entries of an archive: checks them against each other, and writes the selected ones.

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::names::{Node, Tree, escape_name};
use super::pipe::Pipe;
use super::select::{CANDIDATE, Chooser};
use super::{Budget, Select, Unpacked, refused};
use crate::error::{Error, Result};
use crate::executable;
use crate::fs::{self, IoContext};
use crate::model::{FileName, Hasher};

/// Whether an archive marks a regular file as executable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meta {
    /// The owner, the group or others have execute permission.
    Executable,
    /// The archive has a mode, without execute permission.
    Plain,
    /// The archive has no modes.
    Unknown,
}

/// Receives the entries of an archive one by one.
pub(super) struct Unpacker<'a> {
    chooser: Chooser<'a>,
    tree: Tree,
    output: Output<'a>,
    entries: u64,
    limit: u64,
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(select: &Select<'a>, budget: &Budget, output: Output<'a>) -> Result<Self> {
        let limit = budget.entries;
        Ok(Self {
            chooser: Chooser::new(select)?,
            tree: Tree::new(limit),
            output,
            entries: 0,
            limit,
        })
    }

    /// Counts a header of the archive, of any type.
    pub(super) fn count(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limit {
            return Err(refused(format!("it has more than {} entries", self.limit))
                .hint("if this is expected, raise the limit with `limits:` in the recipe"));
        }
        Ok(())
    }

    /// Receives a regular file with a cleaned path. Its content is next in the pipe.
    pub(super) fn file(
        &mut self,
        path: &str,
        meta: Meta,
        size: u64,
        pipe: &mut Pipe<'_>,
    ) -> Result<()> {
        self.tree
            .add(path, Node::File)
            .map_err(|why| refuse(path, &why))?;
        match self.chooser.file(path)? {
            Some(name) => self.output.write(&name, meta, size, pipe),
            None => pipe.skip(size),
        }
    }

    /// Receives a folder or a link with a cleaned path.
    pub(super) fn folder_or_link(&mut self, path: &str, node: Node) -> Result<()> {
        self.tree
            .add(path, node.clone())
            .map_err(|why| refuse(path, &why))?;
        match node {
            Node::Symlink(target) | Node::Hardlink(target) => self.chooser.link(path, &target),
            Node::Dir | Node::File => self.chooser.folder(path),
        }
    }

    /// Checks the links, keeps the chosen files and removes the other candidates.
    pub(super) fn finish(self) -> Result<Vec<Unpacked>> {
        self.tree
            .finish()
            .map_err(|(path, why)| refuse(&path, &why))?;
        let Self {
            chooser,
            mut output,
            tree: _,
            entries: _,
            limit: _,
        } = self;
        for (candidate, name) in chooser.finish(&output.files)? {
            output.rename(&candidate, name)?;
        }
        output.drop_candidates()?;
        Ok(output.keep())
    }
}

fn refuse(path: &str, why: &str) -> Error {
    refused(format!("`{}`: {why}", escape_name(path.as_bytes())))
}

/// The extracted files. Dropping this removes them, unless [`Self::keep`] was called.
pub(super) struct Output<'a> {
    into: &'a Utf8Path,
    files: Vec<Unpacked>,
    created: Vec<Utf8PathBuf>,
}

impl<'a> Output<'a> {
    /// Writes into an existing, empty folder.
    pub(super) fn new(into: &'a Utf8Path) -> Self {
        Self {
            into,
            files: Vec::new(),
            created: Vec::new(),
        }
    }

    fn create(&mut self, name: &str) -> Result<(Utf8PathBuf, File)> {
        let path = self.into.join(name);
        if name.contains('/') {
            // The path is cleaned and unpacking never makes links, so it can't lead outside.
            fs::create_dir_all(fs::parent(path.as_std_path()))?;
        }
        let file = fs::create_new(&path)?;
        self.created.push(path.clone());
        Ok((path, file))
    }

    /// Writes the next `size` bytes of the pipe.
    fn write(&mut self, name: &str, meta: Meta, size: u64, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, mut file) = self.create(name)?;
        let mut content = Content::default();
        pipe.for_each_piece(size, |piece| content.take(piece, &mut file, &path))?;
        self.finish_file(name, path, file, meta, content)
    }

    /// Writes the rest of the pipe to a file.
    pub(super) fn write_all_of(&mut self, name: &str, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, mut file) = self.create(name)?;
        let mut content = Content::default();
        loop {
            let piece = pipe.peek()?;
            if piece.is_empty() {
                break;
            }
            content.take(piece, &mut file, &path)?;
            let n = piece.len();
            pipe.consume(n);
        }
        self.finish_file(name, path, file, Meta::Unknown, content)
    }

    fn finish_file(
        &mut self,
        name: &str,
        path: Utf8PathBuf,
        file: File,
        meta: Meta,
        content: Content,
    ) -> Result<()> {
        // Close the file now: an executable that is open for writing can't be started.
        drop(file);
        let Content {
            hasher,
            size,
            start,
        } = content;
        let is_exe = || {
            Utf8Path::new(name)
                .extension()
                .is_some_and(|ext| ext.eq_ignore_ascii_case("exe"))
        };
        let executable = match meta {
            Meta::Executable => true,
            Meta::Plain => is_exe(),
            Meta::Unknown => is_exe() || executable::is_program(&start),
        };
        let mode = if executable { 0o755 } else { 0o644 };
        fs::set_mode(&path, mode)?;
        self.files.push(Unpacked {
            name: name.to_owned(),
            path,
            mode,
            size,
            sha256: hasher.finish(),
        });
        Ok(())
    }

    /// Renames a candidate to its final name.
    fn rename(&mut self, candidate: &str, name: &FileName) -> Result<()> {
        let target = self.into.join(name);
        if let Some(file) = self.files.iter_mut().find(|file| file.name == candidate) {
            self.created.push(target.clone());
            fs::rename(&file.path, &target)?;
            (file.name, file.path) = (name.to_string(), target);
        }
        Ok(())
    }

    /// Removes the candidates that were not the best.
    fn drop_candidates(&mut self) -> Result<()> {
        let (dropped, kept) = std::mem::take(&mut self.files)
            .into_iter()
            .partition(|file| file.name.starts_with(CANDIDATE));
        self.files = kept;
        dropped
            .iter()
            .try_for_each(|Unpacked { path, .. }| fs::remove_file(path))
    }

    /// Returns the files and leaves them on disk.
    pub(super) fn keep(mut self) -> Vec<Unpacked> {
        self.created.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        for path in &self.created {
            // The error that led here is the one to report.
            let _ = fs::remove_file(path);
        }
    }
}

/// Hash, size and first bytes of a file while it is written.
#[derive(Default)]
struct Content {
    hasher: Hasher,
    size: u64,
    /// The first bytes, at most 4.
    start: Vec<u8>,
}

impl Content {
    fn take(&mut self, piece: &[u8], file: &mut File, path: &Utf8Path) -> Result<()> {
        if self.start.len() < 4 {
            self.start.extend(piece.iter().take(4 - self.start.len()));
        }
        self.size += piece.len() as u64;
        self.hasher.update(piece);
        file.write_all(piece).at("write", path)
    }
}
