//! The services that one larder uses: of a run of tasks, which end with it, or those that `larder up`
//! starts.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8PathBuf;

use super::Supervision;
use super::place::{Owner, Place, State};
use super::start::{Begun, Starter, stop, with_log, with_run};
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::project::Project;
use larder_process::Detached;

/// How often a service is looked at while a task uses it.
const PAUSE: Duration = Duration::from_millis(50);
/// The signal in the place of one, when a command is stopped because a service has ended.
const SERVICE_ENDED: i32 = 15;

/// A service that was stopped.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// Whether that worked.
    pub result: Result<()>,
    /// How long it took.
    pub seconds: f64,
}

/// The services that one larder uses. Those that end with it are stopped when this is dropped, at the
/// latest.
pub struct Services<'a> {
    starter: Starter<'a>,
    owner: Owner,
    /// In the order in which they became ready.
    used: Vec<Used>,
}

struct Used {
    name: String,
    /// `None` if it stays.
    supervisor: Option<Detached>,
}

impl<'a> Services<'a> {
    /// Services that end with this run.
    pub fn of_run(project: &'a Project, supervision: &'a Supervision, cancel: &'a Cancel) -> Self {
        let pid = std::process::id();
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let time = time.map_or(0, |time| time.as_nanos());
        let id = format!("{pid}-{time}");
        Self::of(Owner::Run { id, pid }, project, supervision, cancel)
    }

    /// Services that stay.
    pub fn of_up(project: &'a Project, supervision: &'a Supervision, cancel: &'a Cancel) -> Self {
        Self::of(Owner::Up, project, supervision, cancel)
    }

    fn of(
        owner: Owner,
        project: &'a Project,
        supervision: &'a Supervision,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            starter: Starter {
                project,
                supervision,
                cancel,
            },
            owner,
            used: Vec::new(),
        }
    }

    /// Whether a service is used already.
    pub fn uses(&self, name: &str) -> bool {
        self.used.iter().any(|used| used.name == name)
    }

    /// Starts a service if it does not run, and waits until it is ready. `starting` is called before
    /// it is started.
    pub fn begin(&mut self, name: &str, starting: &mut dyn FnMut()) -> Result<Begun> {
        let (begun, supervisor) = self.starter.begin(name, &self.owner, starting)?;
        self.used.push(Used {
            name: name.to_owned(),
            supervisor,
        });
        Ok(begun)
    }

    /// The variables for the commands that use these services.
    pub fn variables(&self, environment: &Environment) -> Environment {
        match &self.owner {
            Owner::Run { id, .. } => with_run(environment, id),
            Owner::Up => environment.clone(),
        }
    }

    /// Does some work, which is cancelled when one of the services ends.
    pub fn during<T>(&self, work: impl FnOnce(&Cancel) -> T) -> T {
        let cancel = self.starter.cancel.child();
        if self.used.is_empty() {
            return work(&cancel);
        }
        let (done, is_done) = channel::<()>();
        std::thread::scope(|scope| {
            let watched = cancel.clone();
            scope.spawn(move || {
                while is_done.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    if self.ended().is_some() {
                        watched.cancel(SERVICE_ENDED);
                    }
                }
            });
            let result = work(&cancel);
            drop(done);
            result
        })
    }

    /// A service that has ended although it is used, and how it ended.
    fn ended(&self) -> Option<(Place, String)> {
        self.used.iter().find_map(|used| {
            let place = self.place(&used.name);
            match place.state() {
                Ok(State::Running(_)) => None,
                Ok(State::Ending(record) | State::Stopped(Some(record))) => {
                    let how = record.ended;
                    Some((
                        place,
                        how.unwrap_or_else(|| "its supervisor was killed".into()),
                    ))
                }
                Ok(_) => Some((place, "its record was removed".into())),
                Err(error) => Some((place, error.to_string())),
            }
        })
    }

    /// The error of a service that has ended while this command of a task ran.
    pub fn failure(&self, task: &str, line: &str) -> Option<Error> {
        let (place, how) = self.ended()?;
        let message = format!(
            "task `{task}`: the service `{}` ended while `{line}` was running ({how})",
            place.name()
        );
        Some(with_log(Error::failed(message), &place))
    }

    /// Stops the services that end with this run, except those that are still wanted. The last one
    /// that was started is stopped first. One that has ended by itself is not reported.
    pub fn end(&mut self, is_wanted: impl Fn(&str) -> bool) -> Vec<Ended> {
        let mut ended = Vec::new();
        for index in (0..self.used.len()).rev() {
            if is_wanted(&self.used[index].name) {
                continue;
            }
            let mut used = self.used.remove(index);
            let Some(supervisor) = &mut used.supervisor else {
                continue;
            };
            let start = Instant::now();
            let had_ended = supervisor.has_ended();
            let result = stop(&self.place(&used.name), Some(supervisor));
            if had_ended && result.is_ok() {
                continue;
            }
            ended.push(Ended {
                name: used.name,
                result,
                seconds: start.elapsed().as_secs_f64(),
            });
        }
        ended
    }

    fn place(&self, name: &str) -> Place {
        Place::of(&self.starter.project.root, name)
    }
}

impl Drop for Services<'_> {
    fn drop(&mut self) {
        // The caller ends them and reports that, unless it panics.
        self.end(|_| false);
    }
}

/// A service that `larder down` found.
#[derive(Debug)]
pub enum Down {
    /// It was stopped.
    Stopped,
    /// It did not run.
    NotRunning,
    /// It belongs to a run of tasks, which ends it; the process of that run.
    OfRun(u32),
}

/// Stops a service that runs, if `larder up` has started it.
pub fn down(project: &Project, supervision: &Supervision, name: &str) -> Result<Down> {
    let place = Place::of(&project.root, name);
    if !larder_core::fs::exists(Utf8PathBuf::from(place.mark())) {
        return Ok(Down::NotRunning);
    }
    let _lock = place.lock(&supervision.waiting)?;
    let state = place.state()?;
    match &state {
        State::Stopped(record) => {
            let is_left = record.as_ref().is_some_and(|record| record.ended.is_none());
            if !is_left {
                return Ok(Down::NotRunning);
            }
        }
        State::Running(record) => {
            if let Owner::Run { pid, .. } = record.owner {
                return Ok(Down::OfRun(pid));
            }
        }
        State::Starting | State::Ending(_) => {}
    }
    stop(&place, None)?;
    Ok(Down::Stopped)
}
