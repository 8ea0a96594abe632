//! Texts of a Taskfile whose templates are evaluated, in which what is not known yet is a character of its own.
//!
//! The version of a tool, the operating system, the processor and a few other values become other texts in a recipe than in a
//! task. Each has a character of Unicode's private area, so that a text stays a text and can be split into words.

use camino::Utf8Path;

use super::super::found::Place;

/// The operating system, as Go and larder write it.
pub(super) const OS: char = '\u{E001}';
/// The processor, as Go and larder write it.
pub(super) const ARCH: char = '\u{E002}';
/// `.exe` on Windows.
pub(super) const EXE: char = '\u{E003}';
/// The operating system as `uname -s` prints it.
pub(super) const OS_UNAME: char = '\u{E004}';
/// The processor as `uname -m` prints it.
pub(super) const ARCH_UNAME: char = '\u{E005}';
/// The folder of the root Taskfile.
pub(super) const ROOT: char = '\u{E010}';
/// The arguments of the command line.
pub(super) const ARGS: char = '\u{E011}';

const VERSION: u32 = 0xE100;
const NUMBER: u32 = 0xE300;
const CHOICE: u32 = 0xE500;
const UNKNOWN: u32 = 0xE700;
const END: u32 = 0xE900;

/// A variable that holds a version.
#[derive(Clone, Debug)]
pub(super) struct VersionVar {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// A text that depends on the operating system.
#[derive(Clone, Debug)]
struct Choice {
    os: String,
    then: String,
    otherwise: String,
}

/// What the numbered marks of one Taskfile stand for.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) versions: Vec<VersionVar>,
    choices: Vec<Choice>,
    unknown: Vec<String>,
}

/// One character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Plain(char),
    Version(usize),
    Number(usize),
    Choice(usize),
    Unknown(usize),
}

/// What a character stands for.
pub(super) fn mark(c: char) -> Mark {
    let code = c as u32;
    let at = |start: u32| (code - start) as usize;
    match code {
        NUMBER..CHOICE => Mark::Number(at(NUMBER)),
        VERSION..NUMBER => Mark::Version(at(VERSION)),
        CHOICE..UNKNOWN => Mark::Choice(at(CHOICE)),
        UNKNOWN..END => Mark::Unknown(at(UNKNOWN)),
        _ => Mark::Plain(c),
    }
}

fn character(start: u32, at: usize) -> String {
    // The private area is part of Unicode, and a Taskfile has fewer than 512 of each.
    let at = u32::try_from(at).unwrap_or(511).min(511);
    char::from_u32(start + at).map_or_else(String::new, String::from)
}

/// A text of a file without the characters that have a meaning here.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !is_mark(*c)).collect()
}

pub(super) fn is_mark(c: char) -> bool {
    ('\u{E000}'..='\u{F8FF}').contains(&c)
}

/// Whether there is no mark in a text.
pub(super) fn is_literal(text: &str) -> bool {
    !text.chars().any(is_mark)
}

/// A text for a recipe.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) text: String,
    /// Whether it needs `replacements`, because it uses the words of `uname`.
    pub(super) os_words: bool,
    pub(super) arch_words: bool,
}

impl Marks {
    /// The mark of a version.
    pub(super) fn version(&mut self, variable: VersionVar) -> String {
        let same =
            |known: &VersionVar| known.name == variable.name && known.value == variable.value;
        let known = self.versions.iter().position(same);
        let at = known.unwrap_or(self.versions.len());
        if known.is_none() {
            self.versions.push(variable);
        }
        character(VERSION, at)
    }

    /// A version without its leading `v`; `None` for another text.
    pub(super) fn number(text: &str) -> Option<String> {
        let mut chars = text.chars();
        match (chars.next().map(mark), chars.next()) {
            (Some(Mark::Version(at)), None) => Some(character(NUMBER, at)),
            (Some(Mark::Number(_)), None) => Some(text.to_owned()),
            _ => None,
        }
    }

    /// A text that depends on the operating system.
    pub(super) fn choice(&mut self, os: &str, then: String, otherwise: String) -> String {
        self.choices.push(Choice {
            os: os.to_owned(),
            then,
            otherwise,
        });
        character(CHOICE, self.choices.len() - 1)
    }

    /// A text that is not known, and why.
    pub(super) fn unknown(&mut self, why: impl Into<String>) -> String {
        let why = why.into();
        let known = self.unknown.iter().position(|known| *known == why);
        let at = known.unwrap_or(self.unknown.len());
        if known.is_none() {
            self.unknown.push(why);
        }
        character(UNKNOWN, at)
    }

    /// Why a part of a text is not known.
    pub(super) fn why_unknown(&self, text: &str) -> Option<&str> {
        text.chars().find_map(|c| match mark(c) {
            Mark::Unknown(at) => self.unknown.get(at).map(String::as_str),
            Mark::Choice(at) => {
                let choice = self.choices.get(at)?;
                self.why_unknown(&choice.then)
                    .or_else(|| self.why_unknown(&choice.otherwise))
            }
            _ => None,
        })
    }

    /// The first version in a text.
    pub(super) fn first_version(&self, text: &str) -> Option<usize> {
        text.chars().find_map(|c| match mark(c) {
            Mark::Version(at) | Mark::Number(at) => Some(at),
            Mark::Choice(at) => {
                let choice = self.choices.get(at)?;
                self.first_version(&choice.then)
                    .or_else(|| self.first_version(&choice.otherwise))
            }
            _ => None,
        })
    }

    /// The text for a recipe of the tool whose version this is.
    pub(super) fn template(&self, text: &str, version: Option<usize>) -> Result<Template, String> {
        let mut template = Template::default();
        for c in text.chars() {
            let piece = match mark(c) {
                Mark::Version(at) if Some(at) == version => "{{ version }}".to_owned(),
                Mark::Number(at) if Some(at) == version => "{{ version_number }}".to_owned(),
                Mark::Version(at) => self.value(at).to_owned(),
                Mark::Number(at) => self.value(at).trim_start_matches('v').to_owned(),
                Mark::Unknown(at) => return Err(self.unknown.get(at).cloned().unwrap_or_default()),
                Mark::Choice(at) => {
                    let Some(Choice {
                        os,
                        then,
                        otherwise,
                    }) = self.choices.get(at)
                    else {
                        continue;
                    };
                    let (then, otherwise) = (
                        self.template(then, version)?.text,
                        self.template(otherwise, version)?.text,
                    );
                    if then.contains(['{', '\'']) || otherwise.contains(['{', '\'']) {
                        format!("{{% if os == '{os}' %}}{then}{{% else %}}{otherwise}{{% endif %}}")
                    } else {
                        format!("{{{{ '{then}' if os == '{os}' else '{otherwise}' }}}}")
                    }
                }
                Mark::Plain(OS) => "{{ os }}".to_owned(),
                Mark::Plain(ARCH) => "{{ arch }}".to_owned(),
                Mark::Plain(EXE) => "{{ exe }}".to_owned(),
                Mark::Plain(OS_UNAME) => {
                    template.os_words = true;
                    "{{ os }}".to_owned()
                }
                Mark::Plain(ARCH_UNAME) => {
                    template.arch_words = true;
                    "{{ arch }}".to_owned()
                }
                Mark::Plain(ROOT) => return Err("it is a path in the project".to_owned()),
                Mark::Plain(ARGS) => {
                    return Err("it uses the arguments of the command line".to_owned());
                }
                Mark::Plain(c) => c.to_string(),
            };
            template.text.push_str(&piece);
        }
        if template.os_words {
            // The condition of a choice compares the replaced word.
            template.text = template
                .text
                .replace("os == 'windows'", "os == 'Windows'")
                .replace("os == 'darwin'", "os == 'Darwin'")
                .replace("os == 'linux'", "os == 'Linux'");
        }
        Ok(template)
    }

    /// The text for a task, whose commands run in `dir`, relative to the root.
    pub(super) fn command(&self, text: &str, dir: &Utf8Path) -> Result<String, String> {
        let mut command = String::new();
        for c in text.chars() {
            match mark(c) {
                Mark::Version(at) => command.push_str(self.value(at)),
                Mark::Number(at) => command.push_str(self.value(at).trim_start_matches('v')),
                Mark::Unknown(at) => return Err(self.unknown.get(at).cloned().unwrap_or_default()),
                Mark::Choice(_) | Mark::Plain(OS | ARCH | EXE | OS_UNAME | ARCH_UNAME) => {
                    return Err("it depends on the operating system or the processor, and commands of tasks have no templates".to_owned());
                }
                Mark::Plain(ROOT) => {
                    let up = dir
                        .components()
                        .filter(|part| part.as_str() != ".")
                        .map(|_| "..");
                    let up: Vec<&str> = up.collect();
                    command.push_str(if up.is_empty() { "." } else { "" });
                    command.push_str(&up.join("/"));
                }
                Mark::Plain(ARGS) => command.push_str("\"$@\""),
                Mark::Plain(c) => command.push(c),
            }
        }
        // `./nats/x` is `nats/x`, except as the first word of a command, where it is the same program.
        Ok(command)
    }

    /// The value of a version.
    pub(super) fn value(&self, at: usize) -> &str {
        self.versions.get(at).map_or("", |variable| &variable.value)
    }

    /// What the text is on a machine.
    pub(super) fn on(&self, text: &str, os: &str, arch: &str) -> Option<String> {
        let mut done = String::new();
        for c in text.chars() {
            match mark(c) {
                Mark::Version(at) => done.push_str(self.value(at)),
                Mark::Number(at) => done.push_str(self.value(at).trim_start_matches('v')),
                Mark::Choice(at) => {
                    let choice = self.choices.get(at)?;
                    let branch = if choice.os == os {
                        &choice.then
                    } else {
                        &choice.otherwise
                    };
                    done.push_str(&self.on(branch, os, arch)?);
                }
                Mark::Plain(OS) => done.push_str(os),
                Mark::Plain(ARCH) => done.push_str(arch),
                Mark::Plain(EXE) => done.push_str(if os == "windows" { ".exe" } else { "" }),
                Mark::Plain(OS_UNAME) => done.push_str(match os {
                    "darwin" => "Darwin",
                    "windows" => "Windows",
                    _ => "Linux",
                }),
                Mark::Plain(ARCH_UNAME) => done.push_str(match (os, arch) {
                    (_, "amd64") => "x86_64",
                    ("linux", "arm64") => "aarch64",
                    (_, arch) => arch,
                }),
                Mark::Unknown(_) | Mark::Plain(ROOT | ARGS) => return None,
                Mark::Plain(c) => done.push(c),
            }
        }
        Some(done)
    }
}
