//! Evaluates a definition's template to the text that aqua would get.

use std::collections::BTreeMap;

use super::template::{Command, Node, Operand, Pipeline, parse};

/// The values of the fields, such as `.Version`. Those of `.Vars` have the names `Vars.…`.
pub(in crate::import::aqua) type Fields = BTreeMap<&'static str, String>;

/// What a template may use.
#[derive(Clone, Debug, Default)]
pub(in crate::import::aqua) struct Context {
    /// The fields.
    pub(in crate::import::aqua) fields: Fields,
    /// The variables that the user gives.
    pub(in crate::import::aqua) vars: BTreeMap<String, String>,
}

impl Context {
    /// The value of a field.
    pub(in crate::import::aqua) fn field(&self, path: &[String]) -> Result<&str, String> {
        let found = match path {
            [name] => self.fields.get(name.as_str()),
            [vars, name] if vars == "Vars" => self.vars.get(name),
            _ => None,
        };
        found
            .map(String::as_str)
            .ok_or_else(|| format!("`.{}` has no value", path.join(".")))
    }
}

/// A value in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import::aqua) enum Value {
    Text(String),
    Number(usize),
    Truth(bool),
    List(Vec<String>),
    /// Major, minor, patch.
    Semver([String; 3]),
}

/// The text of a template. `Err` says what can't be evaluated.
pub(in crate::import::aqua) fn evaluate(text: &str, context: &Context) -> Result<String, String> {
    let mut found = String::new();
    append(&parse(text)?, context, &mut found)?;
    Ok(found)
}

fn append(nodes: &[Node], context: &Context, to: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => to.push_str(text),
            Node::Value(commands) => match pipeline(commands, context)? {
                Value::Text(text) => to.push_str(&text),
                Value::Number(number) => to.push_str(&number.to_string()),
                other => return Err(format!("{other:?} is no text")),
            },
            Node::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if is_true(condition, context)? {
                    then
                } else {
                    otherwise
                };
                append(branch, context, to)?;
            }
        }
    }
    Ok(())
}

/// Whether a condition is true, as Go counts it.
pub(in crate::import::aqua) fn is_true(
    condition: &Pipeline,
    context: &Context,
) -> Result<bool, String> {
    Ok(match pipeline(condition, context)? {
        Value::Truth(truth) => truth,
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => number != 0,
        Value::List(list) => !list.is_empty(),
        Value::Semver(_) => true,
    })
}

/// The value of a pipeline.
pub(in crate::import::aqua) fn pipeline(
    commands: &Pipeline,
    context: &Context,
) -> Result<Value, String> {
    let mut last = None;
    for command in commands {
        last = Some(self::command(command, last, context)?);
    }
    last.ok_or_else(|| "a value is missing".to_owned())
}

fn command(operands: &Command, last: Option<Value>, context: &Context) -> Result<Value, String> {
    let mut values = Vec::new();
    let (name, arguments) = match operands.split_first() {
        Some((Operand::Name(name), arguments)) => (Some(name), arguments),
        _ => (None, operands.as_slice()),
    };
    for operand in arguments {
        values.push(value(operand, context)?);
    }
    values.extend(last);
    match (name, values.as_slice()) {
        (Some(name), values) => call(name, values),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err("a value is no function".to_owned()),
    }
}

fn value(operand: &Operand, context: &Context) -> Result<Value, String> {
    match operand {
        Operand::Field(path) => context.field(path).map(|text| Value::Text(text.to_owned())),
        Operand::Text(text) => Ok(Value::Text(text.clone())),
        Operand::Number(number) => Ok(Value::Number(*number)),
        Operand::Name(name) => call(name, &[]),
        Operand::Group(commands, fields) => {
            let value = pipeline(commands, context)?;
            match (fields.as_slice(), value) {
                ([], value) => Ok(value),
                ([field], Value::Semver(parts)) => semver_field(&parts, field),
                (fields, value) => Err(format!("{value:?} has no `.{}`", fields.join("."))),
            }
        }
    }
}

fn semver_field(parts: &[String; 3], field: &str) -> Result<Value, String> {
    let at = ["Major", "Minor", "Patch"]
        .iter()
        .position(|name| *name == field)
        .ok_or_else(|| format!("a version has no `.{field}`"))?;
    Ok(Value::Text(parts[at].clone()))
}

/// Calls a function.
pub(in crate::import::aqua) fn call(name: &str, values: &[Value]) -> Result<Value, String> {
    use Value::{List, Number, Text, Truth};
    Ok(match (name, values) {
        ("trimV", [Text(text)]) => Text(text.strip_prefix('v').unwrap_or(text).to_owned()),
        ("trimPrefix", [Text(prefix), Text(text)]) => Text(
            text.strip_prefix(prefix.as_str())
                .unwrap_or(text)
                .to_owned(),
        ),
        ("trimSuffix", [Text(suffix), Text(text)]) => Text(
            text.strip_suffix(suffix.as_str())
                .unwrap_or(text)
                .to_owned(),
        ),
        ("replace", [Text(from), Text(to), Text(text)]) => Text(text.replace(from.as_str(), to)),
        ("lower" | "tolower", [Text(text)]) => Text(text.to_lowercase()),
        ("upper" | "toupper", [Text(text)]) => Text(text.to_uppercase()),
        ("title", [Text(text)]) => Text(title(text)),
        ("trim", [Text(text)]) => Text(text.trim().to_owned()),
        ("splitList", [Text(separator), Text(text)]) => {
            List(text.split(separator.as_str()).map(str::to_owned).collect())
        }
        ("join", [Text(separator), List(list)]) => Text(list.join(separator)),
        ("first", [List(list)]) => Text(list.first().cloned().unwrap_or_default()),
        ("last", [List(list)]) => Text(list.last().cloned().unwrap_or_default()),
        ("index", [List(list), Number(at)]) => Text(
            list.get(*at)
                .cloned()
                .ok_or_else(|| format!("a list has no element {at}"))?,
        ),
        ("regexFind", [Text(pattern), Text(text)]) => {
            let pattern = regex::Regex::new(pattern).map_err(|e| e.to_string())?;
            Text(
                pattern
                    .find(text)
                    .map_or(String::new(), |found| found.as_str().to_owned()),
            )
        }
        ("semver", [Text(text)]) => semver(text)?,
        ("eq", [one, others @ ..]) if !others.is_empty() => Truth(others.contains(one)),
        ("ne", [one, other]) => Truth(one != other),
        ("not", [Truth(truth)]) => Truth(!truth),
        ("and", [Truth(one), Truth(other)]) => Truth(*one && *other),
        ("or", [Truth(one), Truth(other)]) => Truth(*one || *other),
        ("hasPrefix", [Text(prefix), Text(text)]) => Truth(text.starts_with(prefix.as_str())),
        ("hasSuffix", [Text(suffix), Text(text)]) => Truth(text.ends_with(suffix.as_str())),
        ("contains", [Text(part), Text(text)]) => Truth(text.contains(part.as_str())),
        _ => {
            return Err(format!(
                "`{name}` is not known with these {} values",
                values.len()
            ));
        }
    })
}

/// Each word with a capital letter at its start.
fn title(text: &str) -> String {
    let mut starts = true;
    text.chars()
        .map(|c| {
            let c = if starts { c.to_ascii_uppercase() } else { c };
            starts = !c.is_alphanumeric() && c != '_';
            c
        })
        .collect()
}

/// Reads a version as sprig does: one to three numbers, then a pre-release or build metadata.
fn semver(text: &str) -> Result<Value, String> {
    let number = text.strip_prefix('v').unwrap_or(text);
    let end = number.find(['-', '+']).unwrap_or(number.len());
    let mut parts: Vec<String> = number[..end].split('.').map(str::to_owned).collect();
    let is_number = |part: &String| part.parse::<u64>().is_ok();
    if parts.len() > 3 || !parts.iter().all(is_number) {
        return Err(format!("`{text}` is no semantic version"));
    }
    parts.resize(3, "0".to_owned());
    parts
        .try_into()
        .map(Value::Semver)
        .map_err(|_| format!("`{text}` is no semantic version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_evaluated() {
        let context = Context {
            fields: [
                ("Version", "v1.20.3-RC1"),
                ("SemVer", "1.20.3"),
                ("OS", "linux"),
                ("GOOS", "linux"),
                ("Asset", "tool.exe"),
                ("AssetWithoutExt", "tool-bin"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
            .into(),
            vars: [("channel".to_owned(), "stable".to_owned())].into(),
        };
        for (template, expected) in [
            ("a-{{.Version}}-{{.OS}}.zip", "a-v1.20.3-RC1-linux.zip"),
            ("{{trimV .Version}}", "1.20.3-RC1"),
            ("{{ .Version|trimV }}", "1.20.3-RC1"),
            (
                "{{trimPrefix \"v1.\" .Version | trimSuffix \"-RC1\"}}",
                "20.3",
            ),
            ("{{ trimV .Version | replace \".\" \"\" }}", "1203-RC1"),
            ("{{title .OS}}", "Linux"),
            (
                "{{(semver .SemVer).Major}}.{{(semver .SemVer).Minor}}",
                "1.20",
            ),
            ("{{ index (splitList \".\" (trimV .Version)) 1 }}", "20"),
            ("{{.Version | regexFind \"^[^-]+\"}}", "v1.20.3"),
            ("{{if eq .GOOS \"darwin\"}}mac{{else}}other{{end}}", "other"),
            ("{{if eq .GOOS \"linux\"}}penguin{{end}}!", "penguin!"),
            ("{{.AssetWithoutExt | trimSuffix \"-bin\"}}", "tool"),
            ("x {{- .OS -}} y", "xlinuxy"),
            ("{{.Vars.channel}}", "stable"),
        ] {
            assert_eq!(
                evaluate(template, &context).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
        for wrong in [
            "{{.Nothing}}",
            "{{.Vars.x}}",
            "{{env \"HOME\"}}",
            "{{semver .OS}}",
            "{{trimV}}",
        ] {
            assert!(evaluate(wrong, &context).is_err(), "{wrong}");
        }
    }
}
