//! The store of snaps, through `snapcraft` with its own login. The store lists revisions with their
//! versions and states no digests in that list.

use std::ffi::OsStr;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use crate::settings::RemoteSettings;
use crate::tool::{ClientVariables, ToolOutput, Tools};

/// snapcraft's own variables, among them the login, and how it reaches a keyring.
const VARIABLES: ClientVariables = ClientVariables {
    own: &[
        "SNAPCRAFT_*",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
    ],
    defaults: &[("COLUMNS", "1000"), ("NO_COLOR", "1"), ("TERM", "dumb")],
};

/// A revision of a snap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// The architectures that it is for.
    pub arches: Vec<String>,
    /// Its version.
    pub version: String,
    /// The channels that it was ever released to, without the track `latest`.
    pub channels: Vec<String>,
    /// Those of them that have it now.
    pub current: Vec<String>,
}

/// What became of a snap that was uploaded.
#[derive(Clone, Debug)]
pub enum Uploaded {
    /// The store has taken it.
    Done,
    /// The store says that it has the same file already.
    Conflict(Error),
}

/// The store, as snapcraft is logged in there.
pub struct Store<'a> {
    tools: Tools<'a>,
    name: &'a str,
}

impl<'a> Store<'a> {
    /// For a snap.
    pub fn new(name: &'a str, settings: &'a RemoteSettings, cancel: &'a Cancel) -> Self {
        Self {
            tools: Tools::new(settings, cancel),
            name,
        }
    }

    /// The revisions of the snap, newest first.
    pub fn revisions(&self) -> Result<Vec<Revision>> {
        let output = self.run(&["list-revisions", self.name])?;
        if !output.status.success() {
            let what = format!("snapcraft could not list the revisions of {}", self.name);
            return Err(fault(&what, self.name, &output));
        }
        Ok(revisions(&output.out))
    }

    /// Uploads a snap and releases it to a channel.
    pub fn upload(&self, file: &Utf8Path, channel: &str) -> Result<Uploaded> {
        let release = format!("--release={channel}");
        let output = self.run(&["upload", &release, file.as_str()])?;
        if output.status.success() {
            return Ok(Uploaded::Done);
        }
        let what = format!(
            "snapcraft could not upload {}",
            file.file_name().unwrap_or_default()
        );
        let error = fault(&what, self.name, &output);
        if words(&output).contains("already been uploaded") {
            return Ok(Uploaded::Conflict(error));
        }
        Err(error)
    }

    /// Releases a revision to a channel.
    pub fn release(&self, revision: u64, channel: &str) -> Result<()> {
        let revision = revision.to_string();
        let what = format!(
            "snapcraft could not release revision {revision} of {} to {channel}",
            self.name
        );
        self.write(&["release", self.name, &revision, channel], &what)
    }

    /// Closes a channel, which then has what the channel of the next higher risk has.
    pub fn close(&self, channel: &str) -> Result<()> {
        let what = format!("snapcraft could not close {channel} of {}", self.name);
        self.write(&["close", self.name, channel], &what)
    }

    fn write(&self, args: &[&str], what: &str) -> Result<()> {
        let output = self.run(args)?;
        if output.status.success() {
            return Ok(());
        }
        Err(fault(what, self.name, &output))
    }

    fn run(&self, args: &[&str]) -> Result<ToolOutput> {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        self.tools
            .run(&["snapcraft"], &args, &VARIABLES)?
            .ok_or_else(|| {
                Error::failed("snapcraft is not on PATH, but it is needed to publish snaps")
                    .hint("run `snap install snapcraft --classic`, or leave the channel out with `--skip snap`")
            })
    }
}

/// The revisions of the table that snapcraft prints: number, time, architectures, version, channels.
fn revisions(table: &str) -> Vec<Revision> {
    let mut found = Vec::new();
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let Some(number) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        let (Some(_), Some(arches), Some(version)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let plain = |word: &str| {
            let word = word.trim_matches([',', '*']);
            word.strip_prefix("latest/").unwrap_or(word).to_owned()
        };
        let names: Vec<&str> = words.filter(|word| *word != "-").collect();
        let is_current = |word: &&&str| word.trim_end_matches(',').ends_with('*');
        found.push(Revision {
            number,
            arches: arches.split(',').map(str::to_owned).collect(),
            version: version.to_owned(),
            channels: names.iter().map(|word| plain(word)).collect(),
            current: names
                .iter()
                .filter(is_current)
                .map(|word| plain(word))
                .collect(),
        });
    }
    found.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    found
}

fn words(output: &ToolOutput) -> String {
    format!("{}\n{}", output.out, output.err).to_lowercase()
}

/// The error for the words of snapcraft.
fn fault(what: &str, name: &str, output: &ToolOutput) -> Error {
    let words = words(output);
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    let why = if output.err.trim().is_empty() {
        ToolOutput {
            status: output.status,
            out: String::new(),
            err: output.out.clone(),
        }
        .last_lines()
    } else {
        output.last_lines()
    };
    if says(&[
        "no credentials",
        "not logged in",
        "unauthorized",
        "authentication",
        "macaroon",
        "permission",
        "forbidden",
        "401",
        "403",
    ]) {
        return Error::refused(what).cause(why).hint(format!(
            "set SNAPCRAFT_STORE_CREDENTIALS to what `snapcraft export-login --snaps={name} --acls=package_access,package_upload,package_release -` prints"
        ));
    }
    if says(&["not found", "not registered"]) {
        return Error::failed(what).cause(why).hint(format!(
            "register the name once: `snapcraft register {name}`"
        ));
    }
    if says(&[
        "503",
        "502",
        "500 ",
        "504",
        "internal server error",
        "service unavailable",
        "connection",
        "timed out",
        "temporarily",
        "max retries",
    ]) {
        return Error::unavailable(what).cause(why);
    }
    Error::failed(what).cause(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_revisions_is_read() {
        let table = "Rev.    Uploaded              Arches       Version    Channels\n\
                     3       2026-01-03T00:00:00Z  arm64        1.2.4      latest/stable*, latest/edge*\n\
                     12      2026-01-02T00:00:00Z  amd64,i386   1.2.3      stable, candidate*\n\
                     1       2026-01-01T00:00:00Z  all          1.2.2      -\n";
        let found = revisions(table);
        let text =
            |list: &[&str]| -> Vec<String> { list.iter().map(|word| (*word).to_owned()).collect() };
        assert_eq!(
            found[0],
            Revision {
                number: 12,
                arches: text(&["amd64", "i386"]),
                version: "1.2.3".into(),
                channels: text(&["stable", "candidate"]),
                current: text(&["candidate"]),
            }
        );
        assert_eq!(found[1].current, ["stable", "edge"]);
        assert_eq!(found[2].number, 1);
        assert!(found[2].channels.is_empty());
    }
}
