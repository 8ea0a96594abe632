//! Checks larder's own command lines in `ci:` and in the `needs` of tasks.

use std::ops::Range;

use super::references::Reference;
use crate::model::{COMMAND_WORDS, Name};
use crate::project::syntax::command_line;
use crate::project::syntax::decode::{At, Reader};
use crate::suggestions;

/// Whether a word can begin a line of `ci:`.
pub(super) fn is_command(word: &str) -> bool {
    COMMAND_WORDS.contains(&word)
}

/// Collects the names in an `ensure` line; they are checked once all recipes are read.
pub(super) fn ensure_arguments(
    words: &[String],
    span: &Range<usize>,
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let mut any = false;
    let mut value_next = false;
    for word in words {
        if std::mem::take(&mut value_next) {
            continue;
        }
        if word.starts_with('-') {
            value_next = matches!(
                word.as_str(),
                "--platform" | "-j" | "--jobs" | "--source" | "--color" | "-C" | "--directory"
            );
            continue;
        }
        any = true;
        if word == "all" {
            continue;
        }
        match word.parse::<Name>() {
            Ok(name) => references.push(Reference {
                name: At {
                    value: name,
                    span: span.clone(),
                },
                or_all: true,
            }),
            Err(invalid) => reader.invalid(span, invalid),
        }
    }
    if !any {
        reader.problem(
            span,
            "`ensure` does not say what",
            "write `ensure all` or `ensure <name>`",
        );
    }
}

/// Splits a line into words, and reports a problem if that is not possible.
pub(super) fn split(line: &At<String>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    let words = command_line::split(&line.value);
    words
        .map_err(|why| {
            reader.problem(
                &line.span,
                format!("{why} in `{}`", line.value),
                "close it, or leave it out",
            );
        })
        .ok()
}

pub(super) fn check_ci_line(
    line: &At<String>,
    tasks: &[&str],
    subsystems: &[&str],
    references: &mut Vec<Reference>,
    reader: &mut Reader<'_>,
) {
    let Some(words) = split(line, reader) else {
        return;
    };
    let Some((first, rest)) = words.split_first() else {
        return reader.problem(
            &line.span,
            "an empty line in `ci`",
            "write a larder command such as `ensure all`, or remove it",
        );
    };
    match (first.as_str(), rest.first()) {
        ("larder", _) => {
            let rest = line
                .value
                .trim_start()
                .trim_start_matches("larder")
                .trim_start();
            reader.problem(
                &line.span,
                "lines of `ci` are written without `larder`",
                format!("write `{rest}`"),
            );
        }
        ("ensure", _) => ensure_arguments(rest, &line.span, references, reader),
        ("run", Some(task)) if tasks.contains(&task.as_str()) => {}
        ("run", Some(task)) => {
            let hint = suggestions::hint(task, tasks.iter().copied());
            reader.problem(&line.span, format!("unknown task `{task}`"), hint);
        }
        ("run", None) => reader.problem(
            &line.span,
            "`run` does not say which task",
            "write `run <task>`",
        ),
        (word, _) if is_command(word) => {}
        (word, _) => {
            let hint = match suggestions::nearest(word, COMMAND_WORDS.iter().copied()) {
                _ if tasks.contains(&word) => format!("write `run {word}`"),
                _ if subsystems.contains(&word) => format!("write `ensure {word}`"),
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "lines of `ci` are larder commands; for others make a task and write `run {word}`"
                ),
            };
            reader.problem(&line.span, format!("unknown command `{word}`"), hint);
        }
    }
}
