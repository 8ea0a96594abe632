//! Parses the text of a lock and reports every problem with its place.

use std::collections::HashMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use camino::Utf8Path;

use super::Lock;
use super::change::same_bytes;
use super::line::{Key, Line, Pin, PinKind, commit_key};
use crate::error::{Error, Problem, Result};
use crate::fs;
use crate::merge_conflict;
use crate::model::{Digest, Invalid, Name, Origin, Platform, Version};

const FIELDS: [&str; 10] = [
    "name", "version", "platform", "origin", "kind", "inputs", "artifact", "sha256", "size", "url",
];

/// Most problems that are reported: a file that is not a lock at all would have one in each line.
const MAX_PROBLEMS: usize = 20;

type MakeProblem<'a> = dyn Fn(Range<usize>, String, Option<String>) -> Problem + 'a;

/// A problem in a line: its place, what is wrong, and what to do.
type LineError = (Range<usize>, String, Option<String>);

impl Lock {
    /// Reads a lock. If the file does not exist, the lock is empty. The error (exit 2) has all
    /// problems, with line and column.
    pub fn load(path: &Utf8Path) -> Result<Self> {
        match fs::read_text_opt(path)? {
            Some(text) => Self::parse(&text, path),
            None => Ok(Self::default()),
        }
    }

    /// Parses the text of a lock. Of `path`, only the file name is used, in problems.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Self> {
        let file = Utf8Path::new(path.file_name().unwrap_or("versions.lock"));
        let shared: Arc<str> = Arc::from(text);
        parse(text, &|span, message: String, hint: Option<String>| {
            Problem {
                file: file.to_owned(),
                text: Arc::clone(&shared),
                span,
                message,
                hint,
            }
        })
    }
}

fn parse(text: &str, problem_at: &MakeProblem) -> Result<Lock> {
    if let Some(place) = merge_conflict::markers(text).next() {
        // Report only this problem: the lines between the markers are valid, and other problems
        // would only distract from it.
        return Err(Error::problems(vec![problem_at(
            place,
            "the lock contains an unresolved merge conflict".to_owned(),
            Some(format!(
                "keep the lines of both sides and remove the three marker lines; with `{}` in .gitattributes git merges \
                 locks by itself",
                super::GIT_ATTRIBUTES
            )),
        )]));
    }
    let mut lock = Lock {
        has_crlf: 2 * text.matches("\r\n").count() > text.matches('\n').count(),
        ..Lock::default()
    };
    let mut problems = Vec::new();
    // Key of each entry → number of the first line that has it.
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut offset = 0;
    for (number, raw) in text.split('\n').enumerate() {
        let start = offset;
        offset += raw.len() + 1;
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let line = if number == 0 {
            line.trim_start_matches('\u{feff}')
        } else {
            line
        };
        let start = start + (raw.strip_suffix('\r').unwrap_or(raw).len() - line.len());
        if line.trim().is_empty() {
            continue;
        }
        let result = match line.strip_prefix('#') {
            Some(comment) => header(&mut lock, line, comment)
                .map_err(|(message, hint)| (start..start + line.len(), message, hint)),
            None => parse_line(line, start)
                .and_then(|parsed| add(&mut lock, parsed, line, start, number + 1, &mut seen)),
        };
        if let Err((span, message, hint)) = result
            && problems.len() < MAX_PROBLEMS
        {
            problems.push(problem_at(span, message, hint));
        }
    }
    if problems.is_empty() {
        Ok(lock)
    } else {
        Err(Error::problems(problems))
    }
}

/// Handles a comment line: either larder's header, which has the number of the format, or a comment
/// that a person wrote.
fn header(lock: &mut Lock, line: &str, comment: &str) -> Result<(), (String, Option<String>)> {
    let Some(version) = comment.strip_prefix(" larder lock v") else {
        // One is the end of a line on Windows, and more would become fewer each time it is written.
        let line = line.trim_end_matches('\r');
        if !lock.comments.iter().any(|known| known == line) {
            lock.comments.push(line.to_owned());
        }
        return Ok(());
    };
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    if digits == "1" {
        return Ok(());
    }
    Err((
        format!("the lock has format {digits}, but this larder reads format 1"),
        Some("update larder".to_owned()),
    ))
}

fn parse_line(line: &str, start: usize) -> Result<Line, LineError> {
    let mut fields = Vec::with_capacity(FIELDS.len());
    let mut at = 0;
    for field in line.split(' ') {
        fields.push((field, start + at..start + at + field.len()));
        at += field.len() + 1;
    }
    if fields.len() != FIELDS.len() || fields.iter().any(|(field, _)| field.is_empty()) {
        return Err((
            start..start + line.len(),
            format!(
                "a lock line has {} fields with one space between them, this one has {}",
                FIELDS.len(),
                fields.len()
            ),
            Some(format!(
                "its fields are: {}; remove the line and run `larder lock` to write it again",
                FIELDS.join(" ")
            )),
        ));
    }
    let name: Name = field(&fields, 0)?;
    let version: Version = field(&fields, 1)?;
    let origin: Origin = field(&fields, 3)?;
    let (url, url_at) = &fields[9];
    let kind = match fields[4].0 {
        "commit" => return commit(name, version, &fields),
        "asset" => PinKind::Asset,
        "upstream" => PinKind::Upstream,
        other => {
            let hint = "known: asset, upstream, commit".to_owned();
            return Err((
                fields[4].1.clone(),
                format!("unknown kind `{other}`"),
                Some(hint),
            ));
        }
    };
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err((
            url_at.clone(),
            "the url has characters that must be percent-encoded".to_owned(),
            None,
        ));
    }
    let key = Key {
        name,
        version,
        platform: field::<Platform>(&fields, 2)?,
        origin,
        kind,
        inputs: field(&fields, 5)?,
    };
    let artifact = if fields[6].0 == "-" {
        None
    } else {
        Some(field::<Digest>(&fields, 6)?)
    };
    let size = fields[8].0.parse().map_err(|_| {
        (
            fields[8].1.clone(),
            "the size is not a number of bytes".to_owned(),
            None,
        )
    })?;
    let url = if *url == "-" {
        String::new()
    } else {
        (*url).to_owned()
    };
    Ok(Line::Bytes(
        key,
        Pin {
            artifact,
            sha256: field(&fields, 7)?,
            size,
            url,
        },
    ))
}

fn commit(
    name: Name,
    version: Version,
    fields: &[(&str, Range<usize>)],
) -> Result<Line, LineError> {
    if let Some((_, place)) = [2, 5, 6, 7, 8]
        .iter()
        .map(|n| &fields[*n])
        .find(|(text, _)| *text != "-")
    {
        return Err((
            place.clone(),
            "a commit line has `-` in this field".to_owned(),
            None,
        ));
    }
    let (text, place) = &fields[9];
    let parts = text.split_once('#').and_then(|(url, rest)| {
        rest.rsplit_once('@')
            .map(|(rev, commit)| (url, rev, commit))
    });
    let hex = |commit: &str| {
        matches!(commit.len(), 40 | 64)
            && commit
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match parts {
        Some((url, rev, commit))
            if hex(commit) && !url.is_empty() && !rev.is_empty() && text.is_ascii() =>
        {
            Ok(Line::Commit {
                name,
                version,
                url: url.to_owned(),
                rev: rev.to_owned(),
                commit: commit.to_owned(),
            })
        }
        _ => Err((
            place.clone(),
            "this is not a git source with its commit".to_owned(),
            Some("it has the form <git url>#<rev>@<commit in full>".to_owned()),
        )),
    }
}

fn field<T: FromStr<Err = Invalid>>(
    fields: &[(&str, Range<usize>)],
    number: usize,
) -> Result<T, LineError> {
    let (text, place) = &fields[number];
    text.parse().map_err(|Invalid { message, hint }| {
        (
            place.clone(),
            format!("{}: {message}", FIELDS[number]),
            hint,
        )
    })
}

/// Adds a line. If it contradicts an earlier line, the problem names both.
fn add(
    lock: &mut Lock,
    parsed: Line,
    line: &str,
    start: usize,
    number: usize,
    seen: &mut HashMap<String, usize>,
) -> Result<(), LineError> {
    let (key, name, contradiction) = match &parsed {
        Line::Bytes(key, pin) => {
            let contradiction = lock
                .pins
                .get(key)
                .and_then(|known| same_bytes(known, pin).err())
                .map(|d| (d.what, d.ours, d.theirs));
            (key.to_string(), key.name.clone(), contradiction)
        }
        Line::Commit {
            name,
            version,
            url,
            rev,
            commit,
        } => {
            let known = lock
                .commits
                .get(&commit_key(name.clone(), version.clone(), url, rev));
            let contradiction = known
                .filter(|known| *known != commit)
                .map(|known| ("commit", known.clone(), commit.clone()));
            (
                format!("{name} {version} {url}#{rev}"),
                name.clone(),
                contradiction,
            )
        }
    };
    if let Some((what, ours, theirs)) = contradiction {
        let first = seen.get(&key).copied().unwrap_or_default();
        return Err((
            start..start + line.len(),
            format!(
                "two lines pin the same thing with a different {what}: {ours} in line {first}, {theirs} here"
            ),
            Some(format!(
                "keep the line that is right; if you don't know, remove both and run `larder lock --update {name}`"
            )),
        ));
    }
    seen.entry(key).or_insert(number);
    // If two lines pin the same bytes with different urls, the smaller url is used, so that the
    // order of lines does not matter.
    if let Line::Bytes(key, pin) = &parsed
        && let Some(known) = lock.pins.get_mut(key)
    {
        if pin.url < known.url {
            known.url.clone_from(&pin.url);
        }
        known.artifact = known.artifact.or(pin.artifact);
        return Ok(());
    }
    lock.replace(parsed);
    Ok(())
}
