//! The supervisor of a service: a larder that runs it, and ends when it has ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use super::place::{Owner, Place, Process, Record};
use super::{GRACE, MARK};
use crate::tasks::shell::described;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::Waiting;
use larder_core::redact::Redactor;
use larder_process::{Command, Ended, Log, Moment, Output, end_left_behind};

/// How often the supervisor looks whether it is asked to end.
const PAUSE: Duration = Duration::from_millis(100);

/// What a supervisor is told on its stdin, as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    pub root: Utf8PathBuf,
    pub name: String,
    pub command: String,
    pub dir: Utf8PathBuf,
    /// `PATH` with the installed binaries first.
    pub path: OsString,
    /// The variables of the service itself.
    pub env: Vec<(String, String)>,
    pub owner: Owner,
    pub definition: Definition,
    pub port: Option<u16>,
    /// Whether the service ends when stdin does.
    pub is_bound: bool,
}

/// Supervises the service that the first line of `input` describes, until it has ended. All that goes
/// wrong is recorded, because nobody sees what a supervisor prints.
pub fn supervise(
    input: impl Read + Send + 'static,
    environment: &Environment,
    cancel: &Cancel,
) -> Result<()> {
    let mut input = BufReader::new(input);
    let mut line = String::new();
    let read = input.read_line(&mut line);
    read.map_err(|e| Error::failed("cannot read what to supervise").cause(e))?;
    let spec: Spec = serde_json::from_str(&line).map_err(|e| {
        Error::usage("`--supervise` is for larder itself")
            .cause(e)
            .hint("`larder up` starts services")
    })?;
    let place = Place::of(&spec.root, &spec.name);
    let alive = place.live(&Waiting::default().briefly())?;
    if !alive.is_held() {
        return Err(Error::failed(format!("cannot lock {}", place.mark()))
            .hint("this user must be able to write to it"));
    }
    let mut record = Record::new(spec.owner.clone(), spec.definition.clone(), spec.port);
    place.write(&record)?;
    if spec.is_bound {
        end_with(input, cancel);
    }
    end_on_request(&place, cancel);
    let environment = variables(&spec, environment, &place);
    let log = Log::at(place.log(), Redactor::new(&environment));
    let command = Command::shell(&spec.command, environment)
        .folder(&spec.dir)
        .grace(GRACE);
    // What can't be recorded ends the service: nobody would find it.
    let write = |record: &Record| {
        if place.write(record).is_err() {
            cancel.cancel(15);
        }
    };
    let ended = command.run_observed(Output::Log(&log), cancel, &mut |moment| {
        match moment {
            Moment::Started(pid) => record.process = Some(Process::of(pid)),
            Moment::Exited(status) => record.ended = Some(described(status)),
        }
        write(&record);
    });
    let left = end_left_behind(None, (MARK, &place.mark()), GRACE);
    if record.ended.is_none() {
        record.ended = Some(match ended {
            Ok(Ended::Exited(status)) => described(status),
            Ok(Ended::TimedOut) => "it took too long".to_owned(),
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => "stopped".to_owned(),
            Ok(Ended::NotFound(error)) | Err(error) => error.to_string(),
        });
    }
    let written = place.write(&record);
    drop(alive);
    left.map(drop).and(written)
}

/// The variables of the service: the user's, as for the commands of tasks.
fn variables(spec: &Spec, environment: &Environment, place: &Place) -> Environment {
    let mut environment = environment.clone();
    environment.set("PATH", &spec.path);
    for (name, value) in &spec.env {
        environment.set(name, value);
    }
    environment.set(MARK, place.mark());
    environment
}

/// Ends the service when the run that uses it has ended, however that ended.
fn end_with(mut input: impl Read + Send + 'static, cancel: &Cancel) {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        cancel.cancel(15);
    });
}

/// Ends the service when that is asked for, or its folder is removed.
fn end_on_request(place: &Place, cancel: &Cancel) {
    let (place, cancel) = (place.clone(), cancel.clone());
    std::thread::spawn(move || {
        while cancel.sleep(PAUSE).is_ok() {
            if place.should_stop() {
                cancel.cancel(15);
            }
        }
    });
}
