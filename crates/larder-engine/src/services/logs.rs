//! The logs of services: their last lines, and what is added to them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::time::Duration;

use camino::Utf8Path;

use super::find;
use super::place::Place;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::LogLine;
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::project::Project;

/// How many lines of a log an error shows.
pub(super) const IN_ERRORS: usize = 20;
/// How much of a log an error reads for that.
const END: u64 = 64 * 1024;
/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// The last lines of a log. What can't be read has none.
pub(super) fn last_lines(path: &Utf8Path, count: usize) -> Vec<String> {
    let end = || {
        let mut file = fs::open_opt(path).ok()??;
        let start = file.metadata().ok()?.len().saturating_sub(END);
        file.seek(SeekFrom::Start(start)).ok()?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let bytes = end().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = lines.len().saturating_sub(count);
    lines[first..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// Reads the logs of services.
pub struct Logs {
    readers: Vec<Reader>,
}

impl Logs {
    /// The logs of some services, or without names of all that have one.
    pub fn of(project: &Project, names: &[String]) -> Result<Self> {
        let mut readers = Vec::new();
        for name in names {
            let reader = Reader::of(project, name);
            // A service that is no longer in versions.yml can still have a log.
            if !reader.place.log().exists() {
                find(project, name)?;
            }
            readers.push(reader);
        }
        if names.is_empty() {
            if project.services.is_empty() {
                return Err(Error::usage("versions.yml has no `services:`")
                    .hint("`larder up` starts the services of a project"));
            }
            readers.extend(
                project
                    .services
                    .keys()
                    .map(|name| Reader::of(project, name)),
            );
        }
        Ok(Self { readers })
    }

    /// How many logs these are.
    pub fn count(&self) -> usize {
        self.readers.len()
    }

    /// The length of the longest name.
    pub fn width(&self) -> usize {
        let names = self.readers.iter().map(|reader| reader.place.name().len());
        names.max().unwrap_or(0)
    }

    /// The names of those that have no log.
    pub fn without_log(&self) -> Vec<&str> {
        let without = self
            .readers
            .iter()
            .filter(|reader| !reader.place.log().exists());
        without.map(|reader| reader.place.name()).collect()
    }

    /// Passes on the last lines of each log, or without a number all of them.
    pub fn tail(
        &mut self,
        count: Option<usize>,
        mut line: impl FnMut(LogLine) -> Result<()>,
    ) -> Result<()> {
        for reader in &mut self.readers {
            let mut last = VecDeque::new();
            reader.read(&mut |found| match count {
                None => line(found),
                Some(count) => {
                    last.push_back(found);
                    if last.len() > count {
                        last.pop_front();
                    }
                    Ok(())
                }
            })?;
            last.into_iter().try_for_each(&mut line)?;
        }
        Ok(())
    }

    /// Passes on what is added to the logs, until none of the services runs any more.
    pub fn follow(
        &mut self,
        cancel: &Cancel,
        mut line: impl FnMut(LogLine) -> Result<()>,
    ) -> Result<()> {
        loop {
            // Asked before reading: what a service printed last is read, too.
            let mut runs = false;
            for reader in &self.readers {
                runs |= reader.place.is_supervised()?;
            }
            for reader in &mut self.readers {
                reader.read(&mut line)?;
            }
            if !runs {
                for reader in &mut self.readers {
                    reader.read_rest(&mut line)?;
                }
                return Ok(());
            }
            cancel.sleep(PAUSE)?;
        }
    }
}

/// Reads one log.
struct Reader {
    place: Place,
    file: Option<BufReader<File>>,
    /// The beginning of a line whose end has not been written yet.
    begun: Vec<u8>,
}

impl Reader {
    fn of(project: &Project, name: &str) -> Self {
        Self {
            place: Place::of(&project.root, name),
            file: None,
            begun: Vec::new(),
        }
    }

    /// Passes on the whole lines that were written since the last time. A new log, which a service
    /// begins when it is started, is read from its beginning.
    fn read(&mut self, line: &mut dyn FnMut(LogLine) -> Result<()>) -> Result<()> {
        loop {
            if let Some(file) = &mut self.file {
                loop {
                    let count = file.read_until(b'\n', &mut self.begun);
                    if count.at("read", self.place.log())? == 0 || !self.begun.ends_with(b"\n") {
                        break;
                    }
                    let text = String::from_utf8_lossy(&self.begun);
                    line(LogLine {
                        service: self.place.name().to_owned(),
                        line: text.trim_end_matches(['\r', '\n']).to_owned(),
                    })?;
                    self.begun.clear();
                }
            }
            let Some(newest) = self.open()? else {
                return Ok(());
            };
            if let Some(file) = &self.file
                && is_same(file.get_ref(), &newest)
            {
                return Ok(());
            }
            self.read_rest(line)?;
            self.file = Some(BufReader::new(newest));
        }
    }

    /// Passes on a line that has no end, because nothing will be added to it.
    fn read_rest(&mut self, line: &mut dyn FnMut(LogLine) -> Result<()>) -> Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&self.begun).into_owned();
        self.begun.clear();
        line(LogLine {
            service: self.place.name().to_owned(),
            line: text,
        })
    }

    fn open(&self) -> Result<Option<File>> {
        let path = self.place.log();
        let (folder, name) = (path.parent(), path.file_name());
        let folder = OwnFolder::open(folder.unwrap_or(&path), "")?;
        match folder {
            Some(folder) => folder.open_file(name.unwrap_or_default()),
            None => Ok(None),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// A log that is begun anew is a new file, which is shorter.
#[cfg(not(unix))]
fn is_same(one: &File, other: &File) -> bool {
    let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) else {
        return false;
    };
    one.created().ok() == other.created().ok() && one.len() <= other.len()
}
