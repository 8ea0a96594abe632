//! Starts a service, waits until it is ready, and stops it.

use std::time::{Duration, Instant};

use super::definition::Definition;
use super::place::{Owner, Place, Record, State};
use super::probe::{self, Probe};
use super::supervisor::Spec;
use super::{GRACE, MARK, RUNS, Supervision, find, logs};
use crate::tasks::shell::path_with_binaries;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::human;
use larder_core::project::{Project, Service};
use larder_process::{Command, Detached, end_left_behind};

/// The pauses between two looks at a service that is not ready yet: short ones first.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// How long a service without `ready` is watched. One that can't run at all has ended by then.
const MOMENT: Duration = Duration::from_millis(100);
/// How much longer than the grace of its service a supervisor may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a service came to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It was started.
    Started,
    /// It ran, and was started again for this reason.
    Restarted(String),
    /// It ran already.
    Running,
}

/// A service that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// How it came to run.
    pub beginning: Beginning,
    /// Its process id.
    pub pid: Option<u32>,
    /// Its port, if `ready` says it.
    pub port: Option<u16>,
    /// Whether it stays when this run ends.
    pub stays: bool,
}

/// Starts and stops services of a project.
pub(super) struct Starter<'a> {
    pub project: &'a Project,
    pub supervision: &'a Supervision,
    pub cancel: &'a Cancel,
}

impl Starter<'_> {
    /// Brings a service to the state in which it can be used. The supervisor is returned if the
    /// service ends with the owner.
    pub fn begin(
        &self,
        name: &str,
        owner: &Owner,
        starting: &mut dyn FnMut(),
    ) -> Result<(Begun, Option<Detached>)> {
        let service = find(self.project, name)?;
        let place = Place::of(&self.project.root, name);
        let _lock = place.lock(&self.supervision.waiting)?;
        let definition = Definition::of(self.project, service)?;
        let mut owner = owner.clone();
        let mut beginning = Beginning::Started;
        match self.settled(&place)? {
            State::Running(record) => {
                let inner = self.is_part_of(&record.owner);
                match &record.owner {
                    Owner::Run { pid, .. } if !inner => return Err(used_elsewhere(name, *pid)),
                    _ => {}
                }
                let change = record.definition.change_to(&definition).filter(|_| !inner);
                let Some(change) = change else {
                    self.wait(&place, service, None)?;
                    let begun = Begun {
                        beginning: Beginning::Running,
                        pid: record.process.as_ref().map(|process| process.pid),
                        port: record.port,
                        stays: true,
                    };
                    return Ok((begun, None));
                };
                stop(&place, None)?;
                // It stays as it did before.
                owner = record.owner;
                beginning = Beginning::Restarted(change);
            }
            State::Starting | State::Ending(_) => stop(&place, None)?,
            State::Stopped(record) => end_left(&place, record.as_ref())?,
        }
        check(name, service)?;
        starting();
        place.clear()?;
        place.new_log()?;
        let is_bound = owner != Owner::Up;
        let mut supervisor = self.start(&place, service, owner, definition)?;
        if !is_bound {
            supervisor.close();
        }
        let waited = self.wait(&place, service, Some(&mut supervisor));
        let record = match waited {
            Ok(record) => record,
            Err(error) => {
                stop(&place, Some(&mut supervisor))?;
                return Err(error);
            }
        };
        let begun = Begun {
            beginning,
            pid: record.process.map(|process| process.pid),
            port: record.port,
            stays: !is_bound,
        };
        Ok((begun, is_bound.then_some(supervisor)))
    }

    /// The state of a service when its supervisor neither starts nor ends it, if it gets there soon.
    fn settled(&self, place: &Place) -> Result<State> {
        let start = Instant::now();
        loop {
            let state = place.state()?;
            let is_moving = matches!(state, State::Starting | State::Ending(_));
            if !is_moving || start.elapsed() > GRACE + PATIENCE {
                return Ok(state);
            }
            self.cancel.sleep(PAUSES.0)?;
        }
    }

    /// Whether this larder is part of the run that uses a service, as a command of one of its tasks.
    fn is_part_of(&self, owner: &Owner) -> bool {
        let runs = self.supervision.environment.value(RUNS).unwrap_or_default();
        match owner {
            Owner::Up => false,
            Owner::Run { id, .. } => runs.split(',').any(|run| run == id),
        }
    }

    /// Starts the supervisor of a service.
    fn start(
        &self,
        place: &Place,
        service: &Service,
        owner: Owner,
        definition: Definition,
    ) -> Result<Detached> {
        let environment = &self.supervision.environment;
        let spec = Spec {
            root: self.project.root.clone(),
            name: place.name().to_owned(),
            command: service.command.clone(),
            dir: service.dir.clone(),
            path: path_with_binaries(self.project, environment)?,
            env: service.env.clone(),
            is_bound: owner != Owner::Up,
            owner,
            definition,
            port: probe::port(service),
        };
        let cannot = |error: &dyn std::fmt::Display| {
            Error::failed(format!("cannot start the service `{}`", place.name())).cause(error)
        };
        let mut line = serde_json::to_vec(&spec).map_err(|e| cannot(&e))?;
        line.push(b'\n');
        Command::new(&self.supervision.program, environment.without(MARK))
            .args(["up", "--supervise", place.name()])
            .folder(&self.project.root)
            .start_detached(&line)
            .map_err(|e| cannot(&e))
    }

    /// Waits until a service can be used.
    fn wait(
        &self,
        place: &Place,
        service: &Service,
        mut supervisor: Option<&mut Detached>,
    ) -> Result<Record> {
        let name = place.name();
        let environment = variables(self.project, service, &self.supervision.environment)?;
        let probe = Probe::new(service, environment, self.supervision, self.cancel);
        let start = Instant::now();
        let mut pause = PAUSES.0;
        let mut why = "it has not been started".to_owned();
        let mut ready = false;
        loop {
            self.cancel.check()?;
            let gone = supervisor
                .as_mut()
                .is_some_and(|supervisor| supervisor.has_ended());
            match place.state()? {
                State::Running(record) if ready => return Ok(record),
                State::Running(_) => {
                    let left = service.timeout.saturating_sub(start.elapsed());
                    match probe.ask(left.max(PAUSES.1))? {
                        Ok(()) if service.ready.is_none() && supervisor.is_some() => {
                            ready = start.elapsed() > MOMENT;
                        }
                        // It must still run: another program may have answered.
                        Ok(()) => {
                            ready = true;
                            continue;
                        }
                        Err(text) => why = text,
                    }
                }
                State::Ending(record) => return Err(ended_early(place, Some(record))),
                State::Stopped(record) if supervisor.is_none() => {
                    return Err(ended_early(place, record));
                }
                State::Stopped(record) if gone => return Err(ended_early(place, record)),
                State::Stopped(_) | State::Starting => {}
            }
            if start.elapsed() > service.timeout {
                return Err(with_log(
                    Error::failed(format!(
                        "the service `{name}` was not ready after {}",
                        human::duration(service.timeout)
                    ))
                    .cause(why),
                    place,
                )
                .hint(format!(
                    "if it needs longer, set `timeout` of the service `{name}` in versions.yml"
                )));
            }
            self.cancel.sleep(pause)?;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

fn used_elsewhere(name: &str, pid: u32) -> Error {
    Error::failed(format!(
        "the service `{name}` belongs to another `larder run`, which is still running"
    ))
    .cause(format!("its process id is {pid}"))
    .hint("wait until it has ended")
    .hint(format!(
        "`larder up {name}` starts the service for several runs"
    ))
}

/// What would make a service fail in a way that is hard to understand.
fn check(name: &str, service: &Service) -> Result<()> {
    if !fs::stat(&service.dir)?.is_some_and(|meta| meta.is_dir()) {
        return Err(Error::failed(format!(
            "the folder of the service `{name}` does not exist: {}",
            service.dir
        ))
        .hint("create it, or change `dir` of the service in versions.yml"));
    }
    let Some(address) = probe::taken_by_another(service) else {
        return Ok(());
    };
    Err(Error::failed(format!(
        "the service `{name}` can't be started: another program uses its address already"
    ))
    .cause(format!(
        "{address} accepts connections, and larder has not started what answers there"
    ))
    .hint("end that program: `ss -ltnp` or `lsof -i` shows which one it is")
    .hint("or give the service another port"))
}

/// The error of a service that has ended before it was ready.
fn ended_early(place: &Place, record: Option<Record>) -> Error {
    let how = record.and_then(|record| record.ended);
    let how = how.unwrap_or_else(|| "its supervisor was killed".to_owned());
    let message = format!(
        "the service `{}` ended before it was ready ({how})",
        place.name()
    );
    with_log(Error::failed(message), place)
}

/// Adds the last lines of a service's log.
pub(super) fn with_log(error: Error, place: &Place) -> Error {
    let lines = logs::last_lines(&place.log(), logs::IN_ERRORS);
    let error = if lines.is_empty() {
        error.cause("its log is empty")
    } else {
        error.cause(format!("its log ends with\n{}", lines.join("\n")))
    };
    error.hint(format!(
        "the whole log is {}; `larder logs {}` shows it",
        place.shown_log(),
        place.name()
    ))
}

/// Ends what a killed supervisor has left.
fn end_left(place: &Place, record: Option<&Record>) -> Result<()> {
    // Where a supervisor has ended the service itself, nothing is left.
    let Some(record) = record.filter(|record| record.ended.is_none()) else {
        return Ok(());
    };
    let process = record.process.as_ref().map(super::place::Process::identity);
    end_left_behind(process, (MARK, &place.mark()), GRACE).map(drop)
}

/// Stops a service with all its children, and returns when they have ended. Nothing interrupts it.
pub(super) fn stop(place: &Place, mut supervisor: Option<&mut Detached>) -> Result<()> {
    place.request_stop()?;
    if let Some(supervisor) = &mut supervisor {
        supervisor.close();
    }
    let start = Instant::now();
    loop {
        let is_there = match &mut supervisor {
            Some(supervisor) => !supervisor.has_ended(),
            None => place.is_supervised()?,
        };
        if !is_there {
            break;
        }
        if start.elapsed() > GRACE + PATIENCE {
            kill(place, supervisor)?;
            break;
        }
        std::thread::sleep(PAUSES.0);
    }
    let record = place.record()?;
    end_left(place, record.as_ref())?;
    match record {
        Some(record) if record.ended.is_none() => place.write(&Record {
            ended: Some("stopped".to_owned()),
            ..record
        }),
        _ => Ok(()),
    }
}

/// Kills a supervisor that does not end.
fn kill(place: &Place, supervisor: Option<&mut Detached>) -> Result<()> {
    if let Some(supervisor) = supervisor {
        supervisor.kill();
        return Ok(());
    }
    let record = place.record()?;
    if let Some(record) = &record {
        let identity = record.supervisor.identity();
        larder_process::kill(&identity);
    }
    let start = Instant::now();
    while place.is_supervised()? {
        if start.elapsed() > PATIENCE {
            let pid = record.map(|record| format!(" (pid {})", record.supervisor.pid));
            return Err(Error::failed(format!(
                "the supervisor of the service `{}` does not end{}",
                place.name(),
                pid.unwrap_or_default()
            ))
            .hint("end that process, then run again"));
        }
        std::thread::sleep(PAUSES.0);
    }
    Ok(())
}

/// The variables of a service's `ready` command: those of the service itself.
pub(super) fn variables(
    project: &Project,
    service: &Service,
    environment: &Environment,
) -> Result<Environment> {
    let path = path_with_binaries(project, environment)?;
    let mut environment = environment.clone();
    environment.set("PATH", path);
    for (name, value) in &service.env {
        environment.set(name, value);
    }
    Ok(environment)
}

/// The variables of the commands of tasks, which name the run.
pub(super) fn with_run(environment: &Environment, id: &str) -> Environment {
    let mut environment = environment.clone();
    let outer = environment.value(RUNS).map(str::to_owned);
    let runs = outer.map_or_else(|| id.to_owned(), |outer| format!("{outer},{id}"));
    environment.set(RUNS, runs);
    environment
}
