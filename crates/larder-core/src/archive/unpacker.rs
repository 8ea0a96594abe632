//! What becomes of an archive's entries: checked against each other, and written where they are
//! selected.

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::names::{Node, Tree, shown};
use super::pipe::Pipe;
use super::select::{CANDIDATE, Chooser};
use super::{Budget, Select, Unpacked, refused};
use crate::error::{Error, Result};
use crate::executable;
use crate::fs::{self, IoContext};
use crate::model::{FileName, Hasher};

/// What an archive says of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meta {
    /// Somebody may execute it.
    Executable,
    /// Nobody may.
    Plain,
    /// The archive does not tell.
    Unknown,
}

/// Takes an archive's entries one by one.
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

    /// Counts a header of the archive, of whatever kind.
    pub(super) fn count(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limit {
            return Err(refused(format!("it has more than {} entries", self.limit))
                .hint("if this is expected, raise the limit with `limits:` in the recipe"));
        }
        Ok(())
    }

    /// Takes a regular file with a cleaned path; its content comes next in the pipe.
    pub(super) fn file(
        &mut self,
        path: &str,
        meta: Meta,
        size: u64,
        pipe: &mut Pipe<'_>,
    ) -> Result<()> {
        self.tree
            .add(path, Node::File)
            .map_err(|why| odd(path, &why))?;
        match self.chooser.file(path)? {
            Some(name) => self.output.write(&name, meta, size, pipe),
            None => pipe.skip(size),
        }
    }

    /// Takes a folder or a link with a cleaned path.
    pub(super) fn other(&mut self, path: &str, node: Node) -> Result<()> {
        self.tree
            .add(path, node.clone())
            .map_err(|why| odd(path, &why))?;
        match node {
            Node::Symlink(target) | Node::Hardlink(target) => self.chooser.link(path, &target),
            Node::Dir | Node::File => self.chooser.folder(path),
        }
    }

    /// Chooses among what was written, and keeps it.
    pub(super) fn finish(self) -> Result<Vec<Unpacked>> {
        self.tree.finish().map_err(|(path, why)| odd(&path, &why))?;
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

fn odd(path: &str, why: &str) -> Error {
    refused(format!("`{}`: {why}", shown(path.as_bytes())))
}

/// The files that are written; removed again unless kept.
pub(super) struct Output<'a> {
    into: &'a Utf8Path,
    files: Vec<Unpacked>,
    begun: Vec<Utf8PathBuf>,
}

impl<'a> Output<'a> {
    /// Into an existing, empty folder.
    pub(super) fn new(into: &'a Utf8Path) -> Self {
        Self {
            into,
            files: Vec::new(),
            begun: Vec::new(),
        }
    }

    fn begin(&mut self, name: &str) -> Result<(Utf8PathBuf, File)> {
        let path = self.into.join(name);
        if name.contains('/') {
            // A cleaned path of a whole tree: no link was ever made here, so this can't lead out.
            fs::create_dir_all(fs::parent(path.as_std_path()))?;
        }
        let file = fs::create_new(&path)?;
        self.begun.push(path.clone());
        Ok((path, file))
    }

    /// Writes the next `size` bytes of the pipe.
    fn write(&mut self, name: &str, meta: Meta, size: u64, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, mut file) = self.begin(name)?;
        let mut content = Content::default();
        pipe.each(size, |piece| content.take(piece, &mut file, &path))?;
        self.end(name, path, file, meta, content)
    }

    /// Writes all that is left in the pipe.
    pub(super) fn write_all_of(&mut self, name: &str, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, mut file) = self.begin(name)?;
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
        self.end(name, path, file, Meta::Unknown, content)
    }

    fn end(
        &mut self,
        name: &str,
        path: Utf8PathBuf,
        file: File,
        meta: Meta,
        content: Content,
    ) -> Result<()> {
        // Closed before anything may execute it.
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

    /// Gives a candidate its final name.
    fn rename(&mut self, candidate: &str, name: &FileName) -> Result<()> {
        let target = self.into.join(name);
        if let Some(file) = self.files.iter_mut().find(|file| file.name == candidate) {
            self.begun.push(target.clone());
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

    /// The files, which stay.
    pub(super) fn keep(mut self) -> Vec<Unpacked> {
        self.begun.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        for path in &self.begun {
            // There is an error to be told already.
            let _ = fs::remove_file(path);
        }
    }
}

/// What is known of a file's content on its way.
#[derive(Default)]
struct Content {
    hasher: Hasher,
    size: u64,
    /// Its first bytes.
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
