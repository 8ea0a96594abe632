//! The rules of services that need no running program.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::definition::Definition;
use super::place::{Owner, Place, Process, Record, State};
use super::{all_in_order, in_order, probe};
use crate::tasks::Reach;
use larder_core::file_lock::Waiting;
use larder_core::fs;
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, Ready};

/// A project of this text in a folder of its own.
fn project(folder: &tempfile::TempDir, text: &str) -> Project {
    let root = Utf8Path::from_path(folder.path()).unwrap();
    fs::write_atomic(root.join("versions.yml"), text.as_bytes()).unwrap();
    Project::load(root, &UserConfig::default()).unwrap()
}

const CHAIN: &str = "versions: {}
services:
  app: {command: run app, services: [cache, database], needs: [migrate]}
  cache: {command: run cache, ready: {command: ask cache}}
  database: {command: run database, ready: {tcp: 5432}}
  lonely: {command: run lonely, env: {A: b}, dir: below, timeout: 2m}
tasks:
  migrate: {services: [database], commands: [migrate]}
  test: {needs: [lint], services: [app], commands: [test]}
  lint: {commands: [lint]}
  other: {services: [lonely], commands: [other]}
";

#[test]
fn services_come_after_those_that_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(&folder, CHAIN);
    let order = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        in_order(&project, &names).unwrap().join(" ")
    };
    assert_eq!(order(&["app"]), "cache database app");
    assert_eq!(order(&["database", "app"]), "database cache app");
    assert_eq!(order(&["app", "app", "cache"]), "cache database app");
    assert_eq!(order(&[]), "");
    let all = all_in_order(&project).unwrap().join(" ");
    assert_eq!(all, "cache database app lonely");
    let error = in_order(&project, &["databse".to_owned()]).unwrap_err();
    assert!(error.hints()[0].contains("`database`"), "{error:?}");
}

#[test]
fn a_run_reaches_the_needs_of_its_services() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(&folder, CHAIN);
    let tasks = |reach: Reach| {
        let tasks: Vec<String> = reach.tasks().map(str::to_owned).collect();
        (tasks.join(" "), reach.has_services())
    };
    let of_task = |name| tasks(Reach::of_task(&project, name).unwrap());
    assert_eq!(of_task("test"), ("lint migrate test".into(), true));
    assert_eq!(of_task("lint"), ("lint".into(), false));
    let of_services = Reach::of_services(&project, &["app".to_owned()]).unwrap();
    assert_eq!(tasks(of_services), ("migrate".into(), true));
}

#[test]
fn what_restarts_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(&folder, CHAIN);
    let lonely = &project.services["lonely"];
    let before = Definition::of(&project, lonely).unwrap();
    let mut changes = Vec::new();
    for change in 0..6 {
        let mut service = lonely.clone();
        match change {
            0 => service.command = "run another".into(),
            1 => service.dir = Utf8PathBuf::from("/elsewhere"),
            2 => service.env = vec![("A".into(), "c".into())],
            3 => service.timeout = Duration::from_secs(1),
            4 => service.ready = Some(Ready::Command("true".into())),
            _ => service.description = Some("Alone".into()),
        }
        let after = Definition::of(&project, &service).unwrap();
        changes.push(before.change_to(&after));
    }
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        changes,
        [
            said("its command has changed"),
            said("its folder has changed"),
            said("its variables have changed"),
            None,
            None,
            None
        ]
    );
}

#[test]
fn a_service_runs_while_its_supervisor_holds_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(&folder, CHAIN);
    let place = Place::of(&project.root, "cache");
    assert_eq!(place.state().unwrap(), State::Stopped(None));
    let definition = Definition::of(&project, &project.services["cache"]).unwrap();
    let mut record = Record::new(Owner::Up, definition, None);
    let alive = place.live(&Waiting::default()).unwrap();
    assert_eq!(place.state().unwrap(), State::Starting);
    assert!(place.should_stop(), "without a record nobody would find it");
    place.write(&record).unwrap();
    assert!(!place.should_stop());
    assert_eq!(place.state().unwrap(), State::Starting);
    record.process = Some(Process::of(std::process::id()));
    place.write(&record).unwrap();
    assert_eq!(place.state().unwrap(), State::Running(record.clone()));
    place.request_stop().unwrap();
    assert!(place.should_stop());
    record.ended = Some("exit code 1".into());
    place.write(&record).unwrap();
    assert_eq!(place.state().unwrap(), State::Ending(record.clone()));
    drop(alive);
    assert_eq!(place.state().unwrap(), State::Stopped(Some(record)));
    place.clear().unwrap();
    assert_eq!(place.state().unwrap(), State::Stopped(None));
}

#[test]
fn records_of_other_forms_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let project = project(&folder, CHAIN);
    let place = Place::of(&project.root, "cache");
    let definition = Definition::of(&project, &project.services["cache"]).unwrap();
    let record = Record::new(Owner::Up, definition, Some(1));
    place.write(&record).unwrap();
    assert_eq!(place.record().unwrap(), Some(record.clone()));
    let other = Record {
        schema: 2,
        ..record
    };
    place.write(&other).unwrap();
    assert_eq!(place.record().unwrap(), None);
    for text in ["", "{", "[]", "{\"schema\": 1}"] {
        let path = project.root.join(".larder/services/cache/record.json");
        fs::write_atomic(path, text.as_bytes()).unwrap();
        assert_eq!(place.record().unwrap(), None, "{text}");
    }
}

#[test]
fn the_address_of_a_service_is_that_of_its_ready() {
    let folder = tempfile::tempdir().unwrap();
    let mut project = project(&folder, CHAIN);
    let mut service = project.services.remove("lonely").unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = Some("localhost".to_owned());
    for (ready, is_known) in [
        (None, false),
        (Some(Ready::Command("true".into())), false),
        (Some(Ready::Tcp { host: None, port }), true),
        (Some(Ready::Tcp { host, port }), true),
        (
            Some(Ready::Http(format!("http://127.0.0.1:{port}/x"))),
            true,
        ),
        (Some(Ready::Http(format!("https://localhost:{port}"))), true),
    ] {
        service.ready = ready;
        assert_eq!(
            probe::port(&service),
            is_known.then_some(port),
            "{service:?}"
        );
        let taken = probe::taken_by_another(&service);
        assert_eq!(taken.is_some(), is_known, "{service:?}");
    }
    drop(listener);
    assert_eq!(probe::taken_by_another(&service), None);
    service.ready = Some(Ready::Http("http://localhost/x".into()));
    assert_eq!(probe::port(&service), Some(80));
}
