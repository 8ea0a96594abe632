//! Handles the entries of an archive: checks them against each other, and writes the selected ones.

mod content;
mod copies;

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};

use super::names::{CLASH, Cleaned, Node, Placed, Tree, escape_name, odd_link};
use super::pipe::Pipe;
use super::select::whole;
use super::select::{CANDIDATE, Chooser, Chosen, Followed};
use super::sparse::Body;
use super::{
    ArchiveKind, Budget, Destination, Extracted, Select, Unpacked, UnpackedTree, links, refused,
};
use crate::error::{Error, Result};
use crate::executable;
use crate::fs;
use crate::model::{FileName, Hasher};
use content::{Content, Extras, Finished, LEAST_COPIED};

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

/// Most notes about skipped entries that are kept.
const MOST_NOTES: usize = 20;

/// Receives the entries of an archive one by one.
pub(super) struct Unpacker<'a> {
    chooser: Chooser<'a>,
    tree: Tree,
    output: Output<'a>,
    entries: u64,
    limit: u64,
    most_bytes: u64,
    notes: Vec<String>,
    more_notes: usize,
}

/// What reading an archive led to.
pub(super) enum Reading {
    /// The files are extracted.
    Done(Read),
    /// The archive must be read once more, with these files selected.
    Again(Followed),
}

/// What was extracted; the notes say what was skipped.
#[derive(Default)]
pub(super) struct Read {
    files: Vec<Unpacked>,
    tree: Option<UnpackedTree>,
    notes: Vec<String>,
}

impl Read {
    /// The same, of an archive of this kind.
    pub(super) fn of(self, kind: ArchiveKind) -> Extracted {
        let Self { files, tree, notes } = self;
        Extracted {
            kind,
            files,
            tree,
            notes,
        }
    }
}

impl<'a> Unpacker<'a> {
    /// `followed` is the result of the first reading, if this is the second one.
    pub(super) fn new(
        select: &Select<'a>,
        budget: &Budget,
        into: Destination<'a>,
        followed: &Followed,
    ) -> Result<Self> {
        Ok(Self {
            chooser: Chooser::new(select, followed)?,
            tree: Tree::new(budget.entries),
            output: Output::new(
                into,
                !matches!(
                    select,
                    Select::Globs(_) | Select::Programs { .. } | Select::Flat
                ),
            ),
            entries: 0,
            limit: budget.entries,
            most_bytes: budget.unpacked,
            notes: Vec::new(),
            more_notes: 0,
        })
    }

    /// Whether only larder's own packages are expected, in which nothing may be unusual.
    pub(super) fn is_strict(&self) -> bool {
        self.chooser.is_strict()
    }

    /// Whether the archive may have to be read a second time.
    pub(super) fn follows_links(&self) -> bool {
        self.chooser.follows_links()
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

    /// Notes something unusual that does not matter for what is selected. In a package of larder's
    /// own it refuses the package.
    pub(super) fn note(&mut self, path: &str, why: &str) -> Result<()> {
        if self.is_strict() {
            return Err(refuse(path, why));
        }
        if self.notes.len() < MOST_NOTES {
            self.notes
                .push(format!("`{}`: {why}", escape_name(path.as_bytes())));
        } else {
            self.more_notes += 1;
        }
        Ok(())
    }

    /// Skips an entry that can't be extracted.
    pub(super) fn skip(&mut self, path: &str, why: &str) -> Result<()> {
        self.chooser.odd(path, why);
        self.note(path, why)
    }

    /// Receives a regular file. Its content is next in the pipe.
    pub(super) fn file(
        &mut self,
        name: &Cleaned,
        meta: Meta,
        body: &Body,
        pipe: &mut Pipe<'_>,
    ) -> Result<()> {
        let Cleaned { path, odd } = name;
        if let Some(why) = odd {
            if self.chooser.takes_all() {
                return Err(refuse(path, why));
            }
            self.skip(path, why)?;
            return body.skip(pipe);
        }
        match self.place(path, &Node::File)? {
            Placed::New | Placed::Clash => {}
            Placed::Again => return self.file_again(path, body, pipe),
        }
        let names = self.chooser.file(path)?;
        match names.split_first() {
            None => body.skip(pipe),
            Some((first, others)) => {
                self.output.write(first, meta, body, pipe)?;
                others
                    .iter()
                    .try_for_each(|other| self.output.copy(first, other))
            }
        }
    }

    /// A file whose path occurs for the second time: it must be equal if it is selected.
    fn file_again(&mut self, path: &str, body: &Body, pipe: &mut Pipe<'_>) -> Result<()> {
        self.note(path, "it occurs twice")?;
        let Some(first) = self.chooser.extracted_as(path) else {
            return body.skip(pipe);
        };
        let mut hasher = Hasher::new();
        body.read(pipe, &mut |piece| {
            hasher.update(piece);
            Ok(())
        })?;
        let digest = hasher.finish();
        let same = |file: &Unpacked| file.name == first && file.sha256 == digest;
        if self.output.files.iter().any(same) {
            Ok(())
        } else {
            Err(refuse(path, "it occurs twice, with different contents"))
        }
    }

    /// Receives a folder or a link.
    pub(super) fn folder_or_link(&mut self, name: &Cleaned, node: &Node) -> Result<()> {
        let Cleaned { path, odd } = name;
        if let Some(why) = odd {
            return self.skip(path, why);
        }
        let placed = self.place(path, node)?;
        if placed == Placed::Again {
            return self.note(path, "it occurs twice");
        }
        match node {
            Node::Symlink(_) | Node::Hardlink(_) => {
                self.chooser.link(path, matches!(node, Node::Hardlink(_)))?;
                match odd_link(path, node) {
                    Some(why) => self.note(path, &why),
                    None => Ok(()),
                }
            }
            Node::Dir | Node::File => {
                self.chooser.folder(path)?;
                if self.chooser.takes_folders_and_links() {
                    self.output.folder(path)?;
                }
                Ok(())
            }
        }
    }

    fn place(&mut self, path: &str, node: &Node) -> Result<Placed> {
        let placed = self
            .tree
            .add(path, node)
            .map_err(|why| refuse(path, &why))?;
        if placed == Placed::Clash {
            if self.chooser.takes_all() {
                return Err(refuse(path, CLASH));
            }
            self.note(path, CLASH)?;
        }
        Ok(placed)
    }

    /// Receives the only file: the rest of the pipe.
    pub(super) fn single(&mut self, name: &str, pipe: &mut Pipe<'_>) -> Result<()> {
        self.output.write_all_of(name, pipe)
    }

    /// Keeps the only file, whatever is selected.
    pub(super) fn finish_single(self) -> Reading {
        Reading::Done(Read {
            files: self.output.keep(),
            tree: None,
            notes: self.notes,
        })
    }

    /// Keeps the chosen files and removes the other candidates.
    pub(super) fn finish(self) -> Result<Reading> {
        let Self {
            chooser,
            mut output,
            tree,
            entries: _,
            limit: _,
            most_bytes,
            mut notes,
            more_notes,
        } = self;
        let is_source = chooser.takes_folders_and_links();
        let mut kept = None;
        let mut skipped = |path: &str, why: &str| {
            notes.push(format!("`{}`: {why}", escape_name(path.as_bytes())));
        };
        if let Some(selection) = chooser.whole() {
            output.copy_all(&tree, most_bytes, &mut skipped)?;
            let files = &mut output.files;
            kept = Some(whole::keep(
                &selection,
                &tree,
                files,
                output.into,
                &mut skipped,
            )?);
        } else if chooser.is_tree() {
            kept = Some(UnpackedTree {
                links: tree.symbolic_links(),
                binaries: Vec::new(),
            });
        }
        let renames = match chooser.finish(&tree, &output.files)? {
            Chosen::Renames(renames) => renames,
            // Dropping the output removes what is extracted so far.
            Chosen::Follow(followed) => return Ok(Reading::Again(followed)),
        };
        for (candidate, name) in renames {
            output.rename(&candidate, name)?;
        }
        output.drop_candidates()?;
        if is_source {
            links::make(&tree, output.into, skipped)?;
        }
        if more_notes > 0 {
            notes.push(format!("{more_notes} more entries were skipped"));
        }
        Ok(Reading::Done(Read {
            files: output.keep(),
            tree: kept,
            notes,
        }))
    }
}

fn refuse(path: &str, why: &str) -> Error {
    refused(format!("`{}`: {why}", escape_name(path.as_bytes())))
}

/// The extracted files. Dropping this removes them, unless [`Self::keep`] was called.
pub(super) struct Output<'a> {
    into: &'a Utf8Path,
    copies: Option<&'a Utf8Path>,
    durable: bool,
    files: Vec<Unpacked>,
    created: Vec<Utf8PathBuf>,
    /// Whether everything in the folder is removed, and not only the files.
    owns_all: bool,
}

impl<'a> Output<'a> {
    /// Writes into an existing, empty folder. If `owns_all`, dropping this empties it.
    pub(super) fn new(into: Destination<'a>, owns_all: bool) -> Self {
        let Destination {
            folder,
            copies,
            durable,
        } = into;
        Self {
            into: folder,
            copies,
            durable,
            files: Vec::new(),
            created: Vec::new(),
            owns_all,
        }
    }

    fn folder(&self, path: &str) -> Result<()> {
        fs::create_dir_all(self.into.join(path))
    }

    fn create(&mut self, name: &str) -> Result<(Utf8PathBuf, File)> {
        let path = self.into.join(name);
        if name.contains('/') {
            // The path is cleaned and links are made last, so it can't lead outside.
            fs::create_dir_all(fs::parent(path.as_std_path()))?;
        }
        let file = fs::create_new(&path)?;
        self.created.push(path.clone());
        Ok((path, file))
    }

    /// Writes the next content of the pipe.
    fn write(&mut self, name: &str, meta: Meta, body: &Body, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, file) = self.create(name)?;
        let mut content = Content::new(path, file, self.extras(body.size()));
        body.read(pipe, &mut |piece| content.take(piece))?;
        self.finish_file(name, meta, content)
    }

    /// Writes the rest of the pipe to a file.
    pub(super) fn write_all_of(&mut self, name: &str, pipe: &mut Pipe<'_>) -> Result<()> {
        let (path, file) = self.create(name)?;
        let mut content = Content::new(path, file, self.extras(u64::MAX));
        loop {
            let piece = pipe.peek()?;
            if piece.is_empty() {
                break;
            }
            content.take(piece)?;
            let n = piece.len();
            pipe.consume(n);
        }
        self.finish_file(name, Meta::Unknown, content)
    }

    /// What happens to a file of this size beside being written.
    fn extras(&self, size: u64) -> Extras<'a> {
        Extras {
            copies: self.copies.filter(|_| size >= LEAST_COPIED),
            number: self.files.len(),
            durable: self.durable,
        }
    }

    fn finish_file(&mut self, name: &str, meta: Meta, content: Content<'_>) -> Result<()> {
        let Finished {
            path,
            size,
            sha256,
            start,
        } = content.finish()?;
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
            sha256,
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
        self.owns_all = false;
        std::mem::take(&mut self.files)
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        for path in &self.created {
            // The error that led here is the one to report.
            let _ = fs::remove_file(path);
        }
        if self.owns_all {
            for name in fs::list(self.into).unwrap_or_default() {
                let path = self.into.join(name);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
    }
}
