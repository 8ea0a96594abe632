//! `tasks:`: converts the tasks, and checks what tasks and services need.

use std::collections::HashMap;
use std::ops::Range;

use super::lines::{ensure_arguments, is_command, split};
use super::references::Reference;
use crate::model::COMMAND_WORDS;
use crate::project::cycles;
use crate::project::domain::Task;
use crate::project::syntax::decode::{At, Pairs, Reader};
use crate::project::typed::services::{RawService, ServiceName};
use crate::project::typed::versions::RawTask;
use crate::project::typed::words::TaskName;
use crate::suggestions;

pub(super) fn task(raw: RawTask) -> Task {
    let RawTask {
        desc,
        needs,
        services,
        env,
        commands,
        status,
        spans: _,
    } = raw;
    let texts = |list: Option<Vec<At<String>>>| {
        list.unwrap_or_default()
            .into_iter()
            .map(|at| at.value)
            .collect()
    };
    let env = env.map(|Pairs(pairs)| pairs).unwrap_or_default();
    Task {
        description: desc.map(|at| at.value),
        needs: texts(needs),
        services: services
            .unwrap_or_default()
            .into_iter()
            .map(|at| at.value.0)
            .collect(),
        env: env
            .into_iter()
            .filter_map(|(name, value)| Some((name.value.0, value?.value.0)))
            .collect(),
        commands: texts(commands),
        status: texts(status),
    }
}

/// The tasks, services and subsystems as they are written.
pub(super) struct Written<'a> {
    pub tasks: &'a [(At<TaskName>, Option<RawTask>)],
    pub services: &'a [(At<ServiceName>, Option<RawService>)],
    pub subsystems: &'a [&'a str],
}

/// A need of a task or a service: the number of what is needed, and the place of the need. Tasks come
/// first, services after them.
type Edge = (usize, Range<usize>);

pub(super) fn check_tasks(
    written: &Written<'_>,
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let names = Names::of(written);
    let mut edges: Vec<Vec<Edge>> = Vec::new();
    for (name, task) in written.tasks {
        let mut edges_of = Vec::new();
        if let Some(task) = task {
            if task
                .spans
                .iter()
                .all(|(key, _)| !matches!(*key, "needs" | "commands"))
            {
                let message = format!("the task `{}` does nothing", name.value.0);
                reader.problem(
                    &name.span,
                    message,
                    "give it `commands: [...]` or `needs: [...]`",
                );
            }
            edges_of.extend(names.needs(task.needs.as_deref(), references, reader));
            edges_of.extend(names.services(task.services.as_deref(), reader));
            for (key, lines) in [("commands", &task.commands), ("status", &task.status)] {
                empty_lines(key, lines.as_deref(), reader);
            }
        }
        edges.push(edges_of);
    }
    for (_, service) in written.services {
        let mut edges_of = Vec::new();
        if let Some(service) = service {
            edges_of.extend(names.needs(service.needs.as_deref(), references, reader));
            edges_of.extend(names.services(service.services.as_deref(), reader));
        }
        edges.push(edges_of);
    }
    for cycle in cycles::find(&edges) {
        let (what, shown) = names.describe(&cycle.nodes);
        reader.problem(
            &cycle.closed_by,
            format!("{what} need each other in a circle: {}", shown.join(" -> ")),
            "remove one of these needs",
        );
    }
}

fn empty_lines(key: &str, lines: Option<&[At<String>]>, reader: &mut Reader<'_>) {
    let lines = lines.unwrap_or_default().iter();
    for line in lines.filter(|line| line.value.trim().is_empty()) {
        reader.problem(
            &line.span,
            format!("an empty line in `{key}`"),
            "write a command, or remove it",
        );
    }
}

/// The names that needs can have.
struct Names<'a> {
    tasks: Vec<&'a str>,
    services: Vec<&'a str>,
    subsystems: &'a [&'a str],
    task_numbers: HashMap<&'a str, usize>,
    service_numbers: HashMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    fn of(written: &Written<'a>) -> Self {
        let tasks: Vec<&str> = written
            .tasks
            .iter()
            .map(|(name, _)| name.value.0.as_str())
            .collect();
        let services: Vec<&str> = written
            .services
            .iter()
            .map(|(name, _)| name.value.0.as_str())
            .collect();
        let numbers = |names: &[&'a str], first: usize| {
            let numbered = names.iter().enumerate();
            numbered
                .map(|(number, name)| (*name, first + number))
                .collect()
        };
        Self {
            task_numbers: numbers(&tasks, 0),
            service_numbers: numbers(&services, tasks.len()),
            tasks,
            services,
            subsystems: written.subsystems,
        }
    }

    /// The tasks among the needs. Each other need must be a command line of larder.
    fn needs(
        &self,
        needs: Option<&[At<String>]>,
        references: &mut Vec<Reference>,
        reader: &mut Reader<'_>,
    ) -> Vec<Edge> {
        let mut edges = Vec::new();
        for need in needs.unwrap_or_default() {
            // A need is a task by its name, or the command line that runs that task.
            let called = need
                .value
                .strip_prefix("run ")
                .map_or(need.value.as_str(), str::trim);
            if let Some(to) = self.task_numbers.get(called) {
                edges.push((*to, need.span.clone()));
                continue;
            }
            let Some(words) = split(need, reader) else {
                continue;
            };
            match words
                .split_first()
                .map(|(word, rest)| (word.as_str(), rest))
            {
                Some(("ensure", rest)) => ensure_arguments(rest, &need.span, references, reader),
                Some((word, _)) if is_command(word) && !matches!(word, "run" | "ci") => {}
                _ => self.unknown_need(need, called, reader),
            }
        }
        edges
    }

    fn unknown_need(&self, need: &At<String>, called: &str, reader: &mut Reader<'_>) {
        let command = || {
            let (word, rest) = called.split_once(' ')?;
            let near = suggestions::nearest(word, COMMAND_WORDS.iter().copied())?;
            Some(format!("did you mean `{near} {rest}`?"))
        };
        let hint = match suggestions::nearest(called, self.tasks.iter().copied()) {
            _ if self.subsystems.contains(&called) => format!("write `ensure {called}`"),
            _ if self.services.contains(&called) => {
                format!("`{called}` is a service: write `services: [{called}]`")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => command().unwrap_or_else(|| {
                "a need is the name of a task, or a line such as `ensure all`".to_owned()
            }),
        };
        reader.problem(&need.span, format!("unknown task `{called}`"), hint);
    }

    /// The services of a task or a service.
    fn services(&self, services: Option<&[At<ServiceName>]>, reader: &mut Reader<'_>) -> Vec<Edge> {
        let mut edges = Vec::new();
        for At { value, span } in services.unwrap_or_default() {
            let called = value.0.as_str();
            if let Some(to) = self.service_numbers.get(called) {
                edges.push((*to, span.clone()));
                continue;
            }
            let hint = if self.services.is_empty() {
                "versions.yml has no `services:` yet".to_owned()
            } else {
                suggestions::hint(called, self.services.iter().copied())
            };
            reader.problem(span, format!("unknown service `{called}`"), hint);
        }
        edges
    }

    /// What a cycle is made of, and its names. They are told apart only where both are in it.
    fn describe(&self, nodes: &[usize]) -> (&'static str, Vec<String>) {
        let tasks = self.tasks.len();
        let what = match (
            nodes.iter().any(|node| *node < tasks),
            nodes.iter().any(|node| *node >= tasks),
        ) {
            (true, true) => "tasks and services",
            (false, true) => "services",
            _ => "tasks",
        };
        let named = nodes
            .iter()
            .map(|node| match (what, node.checked_sub(tasks)) {
                ("tasks and services", Some(service)) => {
                    format!("service {}", self.services[service])
                }
                ("tasks and services", None) => format!("task {}", self.tasks[*node]),
                (_, Some(service)) => self.services[service].to_owned(),
                (_, None) => self.tasks[*node].to_owned(),
            });
        (what, named.collect())
    }
}
