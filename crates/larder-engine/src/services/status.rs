//! Which services run.

use super::place::{Place, State};
use super::probe::Probe;
use super::start::variables;
use super::{Supervision, find};
use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::formats::documents::ServiceEntry;
use larder_core::project::Project;

/// How long the `ready` command of a service may take when only its state is asked for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// The state of all services of a project, by name, without asking whether they are ready.
pub fn of_all(project: &Project) -> Result<Vec<ServiceEntry>> {
    let names = project.services.keys();
    names.map(|name| entry(project, name)).collect()
}

/// The state of a service, which may no longer be in versions.yml.
pub fn entry(project: &Project, name: &str) -> Result<ServiceEntry> {
    let place = Place::of(&project.root, name);
    let service = project.services.get(name);
    let mut entry = ServiceEntry {
        name: name.to_owned(),
        description: service.and_then(|service| service.description.clone()),
        running: false,
        ready: None,
        pid: None,
        port: service.and_then(super::probe::port),
        log: place.log().exists().then(|| place.shown_log()),
        ended: None,
    };
    match place.state()? {
        State::Running(record) => {
            entry.running = true;
            entry.pid = record.process.map(|process| process.pid);
            entry.port = record.port;
        }
        State::Stopped(Some(record)) | State::Ending(record) => entry.ended = record.ended,
        State::Stopped(None) | State::Starting => {}
    }
    Ok(entry)
}

/// The state of a service, and whether it is ready.
pub fn asked(
    project: &Project,
    name: &str,
    supervision: &Supervision,
    cancel: &Cancel,
) -> Result<ServiceEntry> {
    let mut entry = entry(project, name)?;
    entry.ready = Some(false);
    if let Ok(service) = find(project, name)
        && entry.running
    {
        let environment = variables(project, service, &supervision.environment)?;
        let probe = Probe::new(service, environment, supervision, cancel);
        entry.ready = Some(probe.ask(PATIENCE)?.is_ok());
    }
    Ok(entry)
}

/// The services that run, in the order in which they can be stopped: each
/// before those that it needs. Those that are no longer in versions.yml come first.
pub fn to_stop(project: &Project, names: &[String]) -> Result<Vec<String>> {
    let present = Place::all(&project.root)?;
    for name in names {
        if !present.contains(name) {
            find(project, name)?;
        }
    }
    let mut order = super::all_in_order(project)?;
    order.extend(
        present
            .into_iter()
            .filter(|name| !project.services.contains_key(name)),
    );
    order.reverse();
    if names.is_empty() {
        order.retain(|name| is_there(&Place::of(&project.root, name)));
    } else {
        order.retain(|name| names.contains(name));
    }
    Ok(order)
}

/// Whether a service runs, or a killed supervisor has left something of it.
fn is_there(place: &Place) -> bool {
    match place.state() {
        Ok(State::Stopped(record)) => record.is_some_and(|record| record.ended.is_none()),
        _ => true,
    }
}
