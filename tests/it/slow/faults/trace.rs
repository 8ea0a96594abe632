//! What a run did to the disk, read from strace's log: which call can be hit by a fault, and
//! whether everything was flushed before it got its name.

use std::collections::{BTreeMap, BTreeSet};

use crate::env::Syscall;

/// Calls that change the disk.
pub const WRITING: &[&str] = &[
    "rename",
    "renameat",
    "renameat2",
    "symlink",
    "symlinkat",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fdatasync",
    "syncfs",
    "chmod",
    "fchmod",
    "fchmodat",
    "mkdir",
    "mkdirat",
    "write",
    "pwrite64",
    "copy_file_range",
    "sendfile",
    "ftruncate",
    "utimensat",
    "openat",
];

/// The beginnings of the names that larder gives to what it stages.
pub const STAGED: &[&str] = &[
    ".tmp-", "tmp-", "larder-", "stage-", "file-", "small-", ".next-",
];

/// Whether a name is one of something staged.
pub fn is_staged(name: &str) -> bool {
    STAGED.iter().any(|prefix| name.starts_with(prefix))
}

/// A call with the paths that it changes, as far as they are on the machine of the test.
#[derive(Debug)]
pub struct Call {
    pid: u32,
    pub name: String,
    pub ok: bool,
    pub injected: bool,
    /// Absolute paths: of a rename both, of a copy the target, of everything else one.
    pub paths: Vec<String>,
    /// Whether one of them is under a name of something staged.
    staged: bool,
    /// The folder of a descriptor, or the path, by which strace can select it: none with a name that
    /// is another in each run.
    filter: Option<String>,
}

impl Call {
    /// Whether it changes a file of the machine.
    pub fn is_on_disk(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Whether a fault in it concerns a file of the machine. Of the files that are closed, those
    /// with a staged name were written.
    pub fn is_point(&self) -> bool {
        self.is_on_disk() && (self.name != "close" || self.staged)
    }

    /// Reads the calls of a log that was written with `-y`. `base` is the machine's folder, `current`
    /// the folder that larder ran in.
    pub fn all(log: &[Syscall], base: &str, current: &str) -> Vec<Self> {
        log.iter()
            .map(|call| {
                let paths = changed(call, base, current);
                Self {
                    pid: call.pid,
                    name: call.name.clone(),
                    ok: call.ok(),
                    injected: call.line.contains("(INJECTED)"),
                    staged: paths.iter().any(|path| staged(path, base)),
                    filter: filter(call, base),
                    paths,
                }
            })
            .collect()
    }
}

/// The folders and files behind descriptors, and the texts, in the order of the arguments.
enum Argument {
    Descriptor(String),
    Text(String),
}

fn arguments(line: &str) -> Vec<Argument> {
    let mut found = Vec::new();
    let mut letters = line.chars();
    let mut nested = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '(' => nested += 1,
            ')' if nested == 1 => break,
            ')' => nested -= 1,
            '<' => found.push(Argument::Descriptor(
                letters.by_ref().take_while(|c| *c != '>').collect(),
            )),
            '"' => {
                let mut text = String::new();
                while let Some(c) = letters.next() {
                    match c {
                        '"' => break,
                        '\\' => text.extend(letters.next()),
                        c => text.push(c),
                    }
                }
                found.push(Argument::Text(text));
            }
            _ => {}
        }
    }
    found
}

fn changed(call: &Syscall, base: &str, current: &str) -> Vec<String> {
    let creates = call.line.contains("O_CREAT") || call.line.contains("O_TRUNC");
    if call.name == "openat" && !creates {
        return Vec::new();
    }
    let mut descriptors = Vec::new();
    let mut texts = Vec::new();
    for argument in arguments(&call.line) {
        match argument {
            Argument::Descriptor(path) => descriptors.push(path),
            Argument::Text(text) if text.starts_with('/') => texts.push(text),
            Argument::Text(text) => {
                let folder = descriptors.last().map_or(current, String::as_str);
                texts.push(format!("{folder}/{text}"));
            }
        }
    }
    let by_descriptor = [
        "write",
        "pwrite64",
        "fsync",
        "fdatasync",
        "syncfs",
        "ftruncate",
        "fchmod",
        "close",
        "sendfile",
    ];
    let paths: Vec<String> = match call.name.as_str() {
        name if by_descriptor.contains(&name) => descriptors.into_iter().take(1).collect(),
        "copy_file_range" => descriptors.into_iter().skip(1).take(1).collect(),
        "utimensat" if texts.is_empty() => descriptors.into_iter().take(1).collect(),
        "symlink" | "symlinkat" => texts.into_iter().skip(1).collect(),
        _ => texts,
    };
    // Files without a name are listed as `#<inode>`.
    let here = |path: &String| path.starts_with(base) && !path.contains("/#");
    if paths.iter().all(here) {
        paths
    } else {
        Vec::new()
    }
}

/// A call that a fault can hit: its kind, its number, and, if that number does not tell it from a call
/// of another thread, the only path whose calls strace counts. strace counts those of each thread.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub call: String,
    pub n: usize,
    pub path: Option<String>,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { call, n, path } = self;
        match path {
            Some(path) => write!(f, "{call} {n} of {path}"),
            None => write!(f, "{call} {n}"),
        }
    }
}

fn filter(call: &Syscall, base: &str) -> Option<String> {
    let first = arguments(&call.line).into_iter().next()?;
    let (Argument::Descriptor(path) | Argument::Text(path)) = first;
    let stable = !path.contains("/#") && !path.contains("/.larder/work") && !staged(&path, base);
    (path.starts_with(base) && stable).then_some(path)
}

/// The points of a run.
#[derive(Default)]
pub struct Points {
    /// Those at which a fault hits the disk.
    pub disk: BTreeSet<Point>,
    /// Those of the calls that concern pipes, terminals and the like.
    pub others: BTreeSet<Point>,
    /// How many calls to the disk have no point, because another thread always comes first.
    pub hidden: usize,
}

/// The points of a run without faults.
pub fn points(calls: &[Call]) -> Points {
    let mut counts: BTreeMap<(&str, Option<&str>, u32), usize> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut found = Points::default();
    for call in calls {
        let mut reached = false;
        let filters = [None, call.filter.as_deref()];
        for path in &filters[..=usize::from(call.filter.is_some())] {
            let path = *path;
            let count = counts.entry((&call.name, path, call.pid)).or_default();
            *count += 1;
            let point = Point {
                call: call.name.clone(),
                n: *count,
                path: path.map(str::to_owned),
            };
            // The first thread that makes a call with that number is hit.
            let first = taken.insert(point.clone());
            if !call.is_point() {
                found.others.insert(point);
            } else if first && !reached {
                reached = true;
                found.disk.insert(point);
            }
        }
        found.hidden += usize::from(call.is_point() && !reached);
    }
    found
}

/// The lines of a log, with those that strace splits when threads run at once put together.
pub fn joined(log: &str) -> String {
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut whole = String::new();
    for line in log.lines() {
        let pid = line.split(' ').next().unwrap_or_default();
        if let Some(beginning) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(pid, beginning);
        } else if let Some((_, rest)) = line.split_once(" resumed>")
            && let Some(beginning) = begun.remove(pid)
        {
            whole += &format!("{beginning}{rest}\n");
        } else {
            whole += &format!("{line}\n");
        }
    }
    for beginning in begun.values() {
        whole += &format!("{beginning}\n");
    }
    whole
}

/// Whether the loss of a file in a power failure would be noticed by somebody who relies on it. The
/// cache compares digests, and what is in `.larder` can be deleted.
fn is_kept(path: &str, base: &str) -> bool {
    let below = path.strip_prefix(base).unwrap_or(path);
    let mut parts = below.split('/').skip(1);
    let top = parts.next().unwrap_or_default();
    !["cache", "tmp", "home"].contains(&top)
        && below
            .split('/')
            .all(|part| part != ".larder" && part != ".lock")
}

fn staged(path: &str, base: &str) -> bool {
    let below = path.strip_prefix(base).unwrap_or(path);
    below.split('/').any(is_staged)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What became visible without being flushed before, and what was renamed without its folder being
/// flushed afterwards, and what was written in place.
pub fn unflushed(calls: &[Call], base: &str) -> Vec<String> {
    let mut dirty: BTreeSet<String> = BTreeSet::new();
    let mut folders: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| call.ok && call.is_on_disk()) {
        let path = &call.paths[0];
        let to = call.paths.last().expect("a path");
        let visible = is_kept(to, base) && !staged(to, base);
        match call.name.as_str() {
            "write" | "pwrite64" | "copy_file_range" | "sendfile" | "ftruncate" | "openat" => {
                if visible {
                    found.push(format!("{to} is written in place ({})", call.name));
                }
                dirty.insert(to.clone());
            }
            "fsync" | "fdatasync" => {
                dirty.remove(path);
                folders.remove(path);
            }
            // The machine of a test is one file system.
            "syncfs" => {
                dirty.clear();
                folders.clear();
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
                let inner = format!("{path}/");
                let moved: Vec<String> = dirty
                    .iter()
                    .filter(|dirty| *dirty == path || dirty.starts_with(&inner))
                    .cloned()
                    .collect();
                for old in moved {
                    let new = old.replacen(path.as_str(), to, 1);
                    if visible && is_kept(&new, base) {
                        found.push(format!("{new} is visible before it is flushed"));
                    } else {
                        dirty.insert(new);
                    }
                    if call.name.starts_with("rename") {
                        dirty.remove(&old);
                    }
                }
                if visible {
                    folders.insert(parent(to).to_owned(), to.clone());
                }
            }
            _ => {}
        }
    }
    let forgotten = folders.into_iter();
    found.extend(forgotten.map(|(_, to)| format!("the folder of {to} is not flushed after it")));
    found
}

#[test]
fn what_is_not_flushed_is_found() {
    let run = |lines: &str| {
        let log: Vec<Syscall> = lines
            .lines()
            .map(|line| Syscall {
                pid: 1,
                name: line.split('(').next().unwrap().to_owned(),
                line: line.to_owned(),
            })
            .collect();
        unflushed(&Call::all(&log, "/b", "/b/p"), "/b")
    };
    let open = "openat(9</b/p>, \".tmp-x\", O_WRONLY|O_CREAT) = 3</b/p/.tmp-x>\n";
    let write = "write(3</b/p/.tmp-x>, \"a\\\" (b\", 3) = 3\n";
    let flush = "fsync(3</b/p/.tmp-x>) = 0\n";
    let rename = "renameat(9</b/p>, \".tmp-x\", 9</b/p>, \"x\") = 0\n";
    let folder = "fsync(9</b/p>) = 0\n";
    assert_eq!(run(&[open, write, flush, rename, folder].concat()), [""; 0]);
    let system = "syncfs(9</b/p>) = 0\n";
    assert_eq!(
        run(&[open, write, system, rename, system].concat()),
        [""; 0]
    );
    assert_eq!(
        run(&[open, system, write, rename, system].concat()),
        ["/b/p/x is visible before it is flushed"]
    );
    assert_eq!(
        run(&[open, write, "syncfs(9</b/p>) = -1 EIO\n", rename, system].concat()),
        ["/b/p/x is visible before it is flushed"]
    );
    assert_eq!(
        run(&[open, write, rename, folder].concat()),
        ["/b/p/x is visible before it is flushed"]
    );
    assert_eq!(
        run(&[open, flush, write, rename, folder].concat()),
        ["/b/p/x is visible before it is flushed"]
    );
    assert_eq!(
        run(&[open, write, flush, rename].concat()),
        ["the folder of /b/p/x is not flushed after it"]
    );
    assert_eq!(
        run("write(3</b/p/x>, \"a\", 1) = 1\n"),
        ["/b/p/x is written in place (write)"]
    );
    let whole = "write(3</b/p/tmp-s/x>, \"a\", 1) = 1\nrename(\"/b/p/tmp-s\", \"s\") = 0\nfsync(9</b/p>) = 0\n";
    assert_eq!(run(whole), ["/b/p/s/x is visible before it is flushed"]);
    assert_eq!(run("write(3</b/cache/x>, \"a\", 1) = 1\n"), [""; 0]);
}
