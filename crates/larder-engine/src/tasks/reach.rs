//! What a run of tasks can come to: its tasks and services with all that they need.

use std::collections::BTreeSet;

use super::{as_task, find};
use crate::services;
use larder_core::error::Result;
use larder_core::project::Project;

/// Tasks and services, with all that they need.
#[derive(Debug, Default)]
pub struct Reach {
    tasks: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Reach {
    /// What a task needs, itself included.
    pub fn of_task(project: &Project, name: &str) -> Result<Self> {
        let mut reach = Self::default();
        reach.task(project, name)?;
        Ok(reach)
    }

    /// What services need, themselves included.
    pub fn of_services(project: &Project, names: &[String]) -> Result<Self> {
        let mut reach = Self::default();
        for name in names {
            reach.service(project, name)?;
        }
        Ok(reach)
    }

    /// Whether there are services.
    pub fn has_services(&self) -> bool {
        !self.services.is_empty()
    }

    /// The tasks.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(String::as_str)
    }

    fn task(&mut self, project: &Project, name: &str) -> Result<()> {
        let task = find(project, name)?;
        // Tasks and services that need each other in a circle are refused when the project is loaded.
        if self.tasks.insert(name.to_owned()) {
            self.needs(project, &task.needs)?;
            for service in &task.services {
                self.service(project, service)?;
            }
        }
        Ok(())
    }

    fn service(&mut self, project: &Project, name: &str) -> Result<()> {
        let service = services::find(project, name)?;
        if self.services.insert(name.to_owned()) {
            self.needs(project, &service.needs)?;
            for service in &service.services {
                self.service(project, service)?;
            }
        }
        Ok(())
    }

    fn needs(&mut self, project: &Project, needs: &[String]) -> Result<()> {
        let tasks = needs.iter().filter_map(|need| as_task(project, need));
        for task in tasks {
            self.task(project, task)?;
        }
        Ok(())
    }

    /// Parses the needs that are larder's own command lines. This is done before anything runs.
    pub fn parse_needs(
        &self,
        project: &Project,
        parse: &mut impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let of_tasks = self.tasks.iter().filter_map(|name| {
            let needs = &project.tasks.get(name)?.needs;
            Some((format!("the task `{name}`"), needs))
        });
        let of_services = self.services.iter().filter_map(|name| {
            let needs = &project.services.get(name)?.needs;
            Some((format!("the service `{name}`"), needs))
        });
        for (what, needs) in of_tasks.chain(of_services) {
            for need in needs.iter().filter(|need| as_task(project, need).is_none()) {
                parse(need).map_err(|error| error.context(format!("a need of {what} is wrong")))?;
            }
        }
        Ok(())
    }
}
