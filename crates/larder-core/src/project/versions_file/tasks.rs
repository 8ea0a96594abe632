//! `tasks:`: converts the tasks and checks what they need.

use std::collections::HashMap;
use std::ops::Range;

use super::lines::{ensure_arguments, is_command, split};
use super::references::Reference;
use crate::model::COMMAND_WORDS;
use crate::project::cycles;
use crate::project::domain::Task;
use crate::project::syntax::decode::{At, Pairs, Reader};
use crate::project::typed::versions::RawTask;
use crate::project::typed::words::TaskName;
use crate::suggestions;

pub(super) fn task(raw: RawTask) -> Task {
    let RawTask {
        desc,
        needs,
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
        env: env
            .into_iter()
            .filter_map(|(name, value)| Some((name.value.0, value?.value.0)))
            .collect(),
        commands: texts(commands),
        status: texts(status),
    }
}

pub(super) fn check_tasks(
    tasks: &[(At<TaskName>, Option<RawTask>)],
    subsystems: &[&str],
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let index: HashMap<&str, usize> = tasks
        .iter()
        .enumerate()
        .map(|(n, (task, _))| (task.value.0.as_str(), n))
        .collect();
    let names: Vec<&str> = tasks
        .iter()
        .map(|(name, _)| name.value.0.as_str())
        .collect();
    let mut edges: Vec<Vec<(usize, Range<usize>)>> = vec![Vec::new(); tasks.len()];
    for (from, (name, task)) in tasks.iter().enumerate() {
        let Some(task) = task else { continue };
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
        for need in task.needs.iter().flatten() {
            // A need is a task by its name, or the command line that runs that task.
            let called = need
                .value
                .strip_prefix("run ")
                .map_or(need.value.as_str(), str::trim);
            if let Some(to) = index.get(called) {
                edges[from].push((*to, need.span.clone()));
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
                _ => {
                    let command = || {
                        let (word, rest) = called.split_once(' ')?;
                        let near = suggestions::nearest(word, COMMAND_WORDS.iter().copied())?;
                        Some(format!("did you mean `{near} {rest}`?"))
                    };
                    let hint = match suggestions::nearest(called, names.iter().copied()) {
                        _ if subsystems.contains(&called) => format!("write `ensure {called}`"),
                        Some(near) => format!("did you mean `{near}`?"),
                        None => command().unwrap_or_else(|| {
                            "a need is the name of a task, or a line such as `ensure all`"
                                .to_owned()
                        }),
                    };
                    reader.problem(&need.span, format!("unknown task `{called}`"), hint);
                }
            }
        }
        for (key, lines) in [("commands", &task.commands), ("status", &task.status)] {
            for line in lines
                .iter()
                .flatten()
                .filter(|line| line.value.trim().is_empty())
            {
                reader.problem(
                    &line.span,
                    format!("an empty line in `{key}`"),
                    "write a command, or remove it",
                );
            }
        }
    }
    for cycle in cycles::find(&edges) {
        let cycle_names: Vec<&str> = cycle.nodes.iter().map(|node| names[*node]).collect();
        reader.problem(
            &cycle.closed_by,
            format!(
                "tasks need each other in a circle: {}",
                cycle_names.join(" -> ")
            ),
            "remove one of these needs",
        );
    }
}
