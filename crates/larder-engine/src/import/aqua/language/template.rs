//! Parses the templates of definitions: the part of Go's `text/template` that the registry uses.
//!
//! `evaluate` gives the text for a platform, and `translate` the template of a recipe.

/// A template.
pub(in crate::import::aqua) type Template = Vec<Node>;

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import::aqua) enum Node {
    /// Text that stays as it is.
    Text(String),
    /// `{{…}}`
    Value(Pipeline),
    /// `{{if …}}…{{else}}…{{end}}`
    If {
        condition: Pipeline,
        then: Template,
        otherwise: Template,
    },
}

/// Commands; the value of each is the last argument of the next.
pub(in crate::import::aqua) type Pipeline = Vec<Command>;

/// A function and its arguments, or a value alone.
pub(in crate::import::aqua) type Command = Vec<Operand>;

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import::aqua) enum Operand {
    /// `.Vars.channel`
    Field(Vec<String>),
    /// `"text"`
    Text(String),
    /// `0`
    Number(usize),
    /// The name of a function.
    Name(String),
    /// `(…).Major`
    Group(Pipeline, Vec<String>),
}

/// Parses a template. `Err` says what is wrong.
pub(in crate::import::aqua) fn parse(text: &str) -> Result<Template, String> {
    let mut parts = split(text)?;
    parts.reverse();
    let (template, end) = nodes(&mut parts)?;
    match end {
        None => Ok(template),
        Some(word) => Err(format!("`{word}` is unexpected")),
    }
}

enum Part {
    Text(String),
    Action(String),
}

/// Text and actions in turn. `{{-` and `-}}` remove the white space beside them.
fn split(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut trims = false;
    loop {
        let before = rest.split_once("{{").map_or(rest, |(before, _)| before);
        let after = &rest[before.len()..];
        let mut plain = if trims { before.trim_start() } else { before };
        let Some(after) = after.strip_prefix("{{") else {
            parts.push(Part::Text(plain.to_owned()));
            return Ok(parts);
        };
        let (action, following) = after.split_once("}}").ok_or("`{{` is not closed")?;
        let action = match action.strip_prefix("- ") {
            Some(action) => {
                plain = plain.trim_end();
                action
            }
            None => action,
        };
        let (action, trims_next) = match action.strip_suffix(" -") {
            Some(action) => (action, true),
            None => (action, false),
        };
        parts.push(Part::Text(plain.to_owned()));
        parts.push(Part::Action(action.trim().to_owned()));
        (rest, trims) = (following, trims_next);
    }
}

/// The nodes up to `else`, `end` or the end, and which of them it is. The parts are in reverse order.
fn nodes(parts: &mut Vec<Part>) -> Result<(Template, Option<String>), String> {
    let mut nodes = Vec::new();
    while let Some(part) = parts.pop() {
        match part {
            Part::Text(text) if text.is_empty() => {}
            Part::Text(text) => nodes.push(Node::Text(text)),
            Part::Action(action) if action == "end" || action == "else" => {
                return Ok((nodes, Some(action)));
            }
            Part::Action(action) => match action.strip_prefix("if ") {
                Some(condition) => {
                    let condition = pipeline(condition)?;
                    let (then, end) = self::nodes(parts)?;
                    let (otherwise, end) = match end.as_deref() {
                        Some("else") => self::nodes(parts)?,
                        _ => (Vec::new(), end),
                    };
                    if end.as_deref() != Some("end") {
                        return Err("`if` has no `end`".to_owned());
                    }
                    nodes.push(Node::If {
                        condition,
                        then,
                        otherwise,
                    });
                }
                None => nodes.push(Node::Value(pipeline(&action)?)),
            },
        }
    }
    Ok((nodes, None))
}

fn pipeline(text: &str) -> Result<Pipeline, String> {
    let (pipeline, rest) = commands(text)?;
    if rest.is_empty() {
        return Ok(pipeline);
    }
    Err(format!("`{rest}` is unexpected"))
}

/// A pipeline up to a closing parenthesis or the end, and what follows.
fn commands(text: &str) -> Result<(Pipeline, &str), String> {
    let mut pipeline = vec![Vec::new()];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let operand = match first {
            ')' => break,
            '|' => {
                pipeline.push(Vec::new());
                rest = rest[1..].trim_start();
                continue;
            }
            '(' => {
                let (inner, after) = commands(&rest[1..])?;
                rest = after
                    .strip_prefix(')')
                    .ok_or("a parenthesis is not closed")?;
                let fields;
                (fields, rest) = names(rest);
                Operand::Group(inner, fields)
            }
            '.' => {
                let fields;
                (fields, rest) = names(rest);
                Operand::Field(fields)
            }
            '"' => {
                let end = rest[1..].find('"').ok_or("a quote is not closed")? + 1;
                let inside = &rest[1..end];
                if inside.contains('\\') {
                    return Err(format!("`{inside}` has an escape"));
                }
                rest = &rest[end + 1..];
                Operand::Text(inside.to_owned())
            }
            _ => {
                let end = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                if word.is_empty() {
                    return Err(format!("{first:?} is unexpected"));
                }
                rest = after;
                match word.parse() {
                    Ok(number) => Operand::Number(number),
                    Err(_) => Operand::Name(word.to_owned()),
                }
            }
        };
        if let Some(command) = pipeline.last_mut() {
            command.push(operand);
        }
        rest = rest.trim_start();
    }
    if pipeline.iter().any(Vec::is_empty) {
        return Err("a value is missing".to_owned());
    }
    Ok((pipeline, rest))
}

/// `.A.B`, and what follows.
fn names(text: &str) -> (Vec<String>, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.'))
        .unwrap_or(text.len());
    let (names, rest) = text.split_at(end);
    let names = names.split('.').filter(|name| !name.is_empty());
    (names.map(str::to_owned).collect(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_are_no_templates_are_refused() {
        for wrong in [
            "{{.OS",
            "{{if eq .OS \"x\"}}y",
            "{{end}}",
            "{{(trimV .Version}}",
            "{{trimV .Version)}}",
            "{{\"x}}",
            "{{}}",
            "{{.A | }}",
            "{{\"a\\b\"}}",
            "{{$x}}",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
