//! The checklist: the part of the state snapshot that answers a run with nothing to do. It lists
//! every path whose metadata matters to the targets of this machine, and it is read in place:
//! nothing is allocated or copied for a path.
//!
//! ```text
//! header     FIELDS numbers, see `Field`
//! paths      two numbers each, the text and the flags, then the four numbers of its signature
//! targets    nine numbers each, see `Part`
//! sources    two numbers each: the first path of a source folder, and how many it has
//! numbers    the lists of needs and source folders
//! texts      names and paths, each with a zero byte at its end, as the system takes paths
//! ```
//!
//! Numbers have four bytes, those of signatures eight, the least first; texts are numbered by their
//! first byte. The paths that every answer depends on come first, then those of the targets, then
//! those of source folders, so that what `all` depends on is one range. Most paths are in one
//! folder, such as `subsystems`, which is opened once.
//!
//! The snapshot's checksum detects damage. A checklist that contradicts itself gives no answer.

#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::Utf8Path;

use super::folders::Folders;
use super::signature::Signature;
pub(super) use write::checklist;

pub(super) const PATH_BYTES: usize = 8 + Signature::BYTES;
const TARGET_BYTES: usize = 9 * 4;
const SOURCE_BYTES: usize = 2 * 4;

/// What the numbers of the header are.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Paths,
    Targets,
    Sources,
    Numbers,
    TextBytes,
    /// How many of the first paths every answer depends on.
    Always,
    /// 1 if the targets are exactly those that `all` selects and what they need.
    IsAll,
    /// The folder that most paths are in, and whose name they leave out.
    Common,
    /// The user's configuration; empty if the environment did not say where it would be.
    User,
    /// The platform of the machine.
    Host,
}

pub(super) const FIELDS: usize = 10;

/// What the numbers of a target are.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Name,
    Version,
    Platform,
    /// Its first path, and how many it has.
    Paths,
    /// The place and the length of a list of targets.
    Needs = 5,
    /// The place and the length of a list of source folders.
    Sources = 7,
}

pub(super) const EXISTS: u32 = 1;
pub(super) const FOLLOW: u32 = 2;
pub(super) const IN_COMMON: u32 = 4;

/// How many paths a thread takes at once, and how many paths are worth a thread of their own.
const AT_ONCE: usize = 64;
const PER_THREAD: usize = 1024;

/// A checklist in memory.
#[derive(Clone, Debug)]
pub struct Checklist {
    bytes: Vec<u8>,
    /// Where each section begins: paths, targets, sources, numbers, texts.
    sections: [usize; 5],
}

/// A target on the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The subsystem's name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The platform.
    pub platform: &'a str,
}

/// Targets of a checklist, by their numbers.
#[derive(Clone, Debug)]
pub struct Selected(Vec<u32>);

impl Selected {
    /// How many targets are selected.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is selected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Checklist {
    /// Takes the bytes of a checklist; `None` if their lengths do not fit.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let count = |field: Field| number(&bytes, 4 * field as usize).map(|n| n as usize);
        let lengths = [
            4 * FIELDS,
            count(Field::Paths)?.checked_mul(PATH_BYTES)?,
            count(Field::Targets)?.checked_mul(TARGET_BYTES)?,
            count(Field::Sources)?.checked_mul(SOURCE_BYTES)?,
            count(Field::Numbers)?.checked_mul(4)?,
        ];
        let mut end = 0_usize;
        let mut sections = [0; 5];
        for (section, length) in sections.iter_mut().zip(lengths) {
            end = end.checked_add(length)?;
            *section = end;
        }
        let fits = end.checked_add(count(Field::TextBytes)?)? == bytes.len();
        fits.then_some(Self { bytes, sections })
    }

    /// The platform of the machine that the checklist is about.
    pub fn host(&self) -> Option<&str> {
        self.text(self.field(Field::Host))
    }

    /// Where the user's configuration is; `None` if the environment did not say where it would be.
    pub fn user(&self) -> Option<&Utf8Path> {
        let path = self.text(self.field(Field::User))?;
        (!path.is_empty()).then(|| Utf8Path::new(path))
    }

    /// The targets that the words select, with all that they need; `None` if one of them is not on
    /// the checklist.
    pub fn select(&self, words: &[String]) -> Option<Selected> {
        if words.iter().any(|word| word == "all") {
            let all = 0..self.field(Field::Targets);
            return (self.field(Field::IsAll) == 1).then(|| Selected(all.collect()));
        }
        let mut selected = BTreeSet::new();
        let found = words.iter().map(|word| self.find(word));
        let mut open = found.collect::<Option<Vec<u32>>>()?;
        while let Some(target) = open.pop() {
            if selected.insert(target) {
                open.extend(self.numbers(target, Part::Needs)?);
            }
        }
        Some(Selected(selected.into_iter().collect()))
    }

    /// The selected targets, in the order of their names; `None` for one that can't be read.
    pub fn listed(&self, selected: &Selected) -> impl Iterator<Item = Option<Listed<'_>>> {
        selected.0.iter().map(|target| {
            let text = |part| self.text(self.part(*target, part)?);
            Some(Listed {
                name: text(Part::Name)?,
                version: text(Part::Version)?,
                platform: text(Part::Platform)?,
            })
        })
    }

    /// Whether everything that the selected targets depend on still has the metadata that was
    /// recorded. Where there are many paths, all cores read it.
    pub fn is_unchanged(&self, root: &Utf8Path, selected: &Selected) -> bool {
        let ranges = if selected.len() == self.field(Field::Targets) as usize {
            Some(std::iter::once(0..self.field(Field::Paths) as usize).collect())
        } else {
            self.ranges(selected)
        };
        ranges.is_some_and(|ranges| self.are_unchanged(root, &ranges, cores))
    }

    /// The paths that the selected targets depend on.
    fn ranges(&self, selected: &Selected) -> Option<Vec<Range<usize>>> {
        let always = 0..self.field(Field::Always) as usize;
        let mut ranges = vec![always];
        let mut sources = BTreeSet::new();
        for target in &selected.0 {
            ranges.push(self.paths(self.target_at(*target)? + 4 * Part::Paths as usize)?);
            sources.extend(self.numbers(*target, Part::Sources)?);
        }
        for source in sources {
            let at = self.sections[2].checked_add(SOURCE_BYTES.checked_mul(source as usize)?)?;
            ranges.push(
                self.range(at)
                    .filter(|_| source < self.field(Field::Sources))?,
            );
        }
        Some(ranges)
    }

    fn are_unchanged(
        &self,
        root: &Utf8Path,
        ranges: &[Range<usize>],
        threads: impl FnOnce() -> usize,
    ) -> bool {
        let total: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let worth = total / PER_THREAD;
        let threads = if worth > 1 { threads().min(worth) } else { 1 };
        let pieces: Vec<Range<usize>> = ranges.iter().flat_map(pieces).collect();
        let (next, changed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || {
            // Each thread opens the folders itself: using the same handle from several threads at
            // once would take longer than reading the metadata.
            let common = self.text(self.field(Field::Common));
            let Some(folders) = common.and_then(|common| Folders::open(root, common)) else {
                changed.store(true, Ordering::Relaxed);
                return;
            };
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed))
                && !changed.load(Ordering::Relaxed)
            {
                let mut paths = piece.clone();
                if !paths.all(|path| self.is_path_unchanged(&folders, path) == Some(true)) {
                    changed.store(true, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                // Where no further thread can be started, this one does all of the work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        !changed.into_inner()
    }

    /// Whether a path still has the metadata that was recorded; `None` if that can't be known.
    fn is_path_unchanged(&self, folders: &Folders, path: usize) -> Option<bool> {
        let at = self.sections[0].checked_add(path.checked_mul(PATH_BYTES)?)?;
        let record: &[u8; PATH_BYTES] = self.bytes.get(at..self.sections[1])?.first_chunk()?;
        let text = self.zero_ended(number(record, 0)?)?;
        let flags = number(record, 4)?;
        let recorded = Signature::from_bytes(record.last_chunk()?);
        let now = folders.signature(flags & IN_COMMON != 0, text, flags & FOLLOW != 0);
        Some(match now.ok()? {
            Some(now) => flags & EXISTS != 0 && now.is_still(&recorded),
            None => flags & EXISTS == 0,
        })
    }

    fn find(&self, name: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.field(Field::Targets));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.text(self.part(middle, Part::Name)?)?.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn field(&self, field: Field) -> u32 {
        number(&self.bytes, 4 * field as usize).unwrap_or(0)
    }

    fn target_at(&self, target: u32) -> Option<usize> {
        let at = self.sections[1] + TARGET_BYTES * target as usize;
        (target < self.field(Field::Targets)).then_some(at)
    }

    fn part(&self, target: u32, part: Part) -> Option<u32> {
        number(&self.bytes, self.target_at(target)? + 4 * part as usize)
    }

    /// The range that two numbers give: its start and its length.
    fn range(&self, at: usize) -> Option<Range<usize>> {
        let start = number(&self.bytes, at)? as usize;
        Some(start..start.checked_add(number(&self.bytes, at + 4)? as usize)?)
    }

    /// A range of paths; `None` if there are not so many.
    fn paths(&self, at: usize) -> Option<Range<usize>> {
        let count = self.field(Field::Paths) as usize;
        self.range(at).filter(|range| range.end <= count)
    }

    /// One of the lists of a target.
    fn numbers(&self, target: u32, part: Part) -> Option<Vec<u32>> {
        let range = self.range(self.target_at(target)? + 4 * part as usize)?;
        let bytes = self.bytes.get(self.sections[3]..self.sections[4])?;
        range.map(|n| number(bytes, n.checked_mul(4)?)).collect()
    }

    fn zero_ended(&self, text: u32) -> Option<&CStr> {
        let at = self.sections[4].checked_add(text as usize)?;
        CStr::from_bytes_until_nul(self.bytes.get(at..)?).ok()
    }

    fn text(&self, text: u32) -> Option<&str> {
        self.zero_ended(text)?.to_str().ok()
    }
}

/// The cores that this process may use. The standard library also reads the limits of containers,
/// which takes longer than the metadata of a hundred paths; a thread too many costs less.
#[cfg(target_os = "linux")]
fn cores() -> usize {
    rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize)
}

/// The cores that this process may use.
#[cfg(not(target_os = "linux"))]
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// A range in pieces that are worth the trouble of taking them.
fn pieces(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = *range;
    (start..end)
        .step_by(AT_ONCE)
        .map(move |first| first..end.min(first + AT_ONCE))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*four))
}
