//! Translates a definition's template into a template of a recipe, for one platform.
//!
//! A value is a sequence of literal text and expressions of minijinja. Functions work on both. What can't be translated is an
//! error; the caller then writes the text itself.

use super::evaluate::{self, Context, Value};
use super::template::{Command, Node, Operand, Pipeline, parse};

/// A piece of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import::aqua) enum Piece {
    Literal(String),
    /// An expression such as `version_number|replace('.','')`, and what it renders to.
    Expression {
        code: String,
        value: String,
    },
}

/// A value in pieces.
pub(in crate::import::aqua) type Pieces = Vec<Piece>;

/// Expressions for the fields, in place of their values. Other fields are literal.
#[derive(Clone, Debug, Default)]
pub(in crate::import::aqua) struct Symbols(pub(in crate::import::aqua) Vec<(&'static str, Pieces)>);

/// The value of a template.
pub(in crate::import::aqua) fn translate(
    text: &str,
    context: &Context,
    symbols: &Symbols,
) -> Result<Pieces, String> {
    let mut found = Pieces::new();
    append(&parse(text)?, context, symbols, &mut found)?;
    Ok(found)
}

/// The text of a recipe's template.
pub(in crate::import::aqua) fn template(pieces: &[Piece]) -> Result<String, String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => {
                text.push_str(literal);
                if text.contains("{{") && literal.contains('{') {
                    return Err("a brace is text".to_owned());
                }
            }
            Piece::Expression { code, .. } => {
                text.push_str("{{ ");
                text.push_str(code);
                text.push_str(" }}");
            }
        }
    }
    Ok(text)
}

/// What the pieces render to.
pub(in crate::import::aqua) fn rendered(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) | Piece::Expression { value: text, .. } => text.as_str(),
        })
        .collect()
}

/// The pieces without this end; `None` if they don't have it.
pub(in crate::import::aqua) fn without_end(pieces: &[Piece], end: &str) -> Option<Pieces> {
    let mut pieces = pieces.to_vec();
    if let Some(Piece::Literal(last)) = pieces.last_mut() {
        *last = last.strip_suffix(end)?.to_owned();
        return Some(pieces);
    }
    None
}

fn append(
    nodes: &[Node],
    context: &Context,
    symbols: &Symbols,
    to: &mut Pieces,
) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => push(to, Piece::Literal(text.clone())),
            Node::Value(commands) => match pipeline(commands, context, symbols)? {
                Symbol::Pieces(pieces) => pieces.into_iter().for_each(|piece| push(to, piece)),
                _ => return Err("a value is no text".to_owned()),
            },
            Node::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if evaluate::is_true(condition, context)? {
                    then
                } else {
                    otherwise
                };
                append(branch, context, symbols, to)?;
            }
        }
    }
    Ok(())
}

/// Adds a piece; literals that follow each other become one.
pub(in crate::import::aqua) fn push(to: &mut Pieces, piece: Piece) {
    match (to.last_mut(), piece) {
        (Some(Piece::Literal(last)), Piece::Literal(text)) => last.push_str(&text),
        (_, Piece::Literal(text)) if text.is_empty() => {}
        (_, piece) => to.push(piece),
    }
}

/// A value of an expression in a definition.
#[derive(Clone, Debug)]
enum Symbol {
    Pieces(Pieces),
    Number(usize),
    /// A text that is split at a separator.
    Split {
        code: String,
        parts: Vec<String>,
    },
    Semver {
        code: String,
        parts: Vec<String>,
    },
}

fn pipeline(commands: &Pipeline, context: &Context, symbols: &Symbols) -> Result<Symbol, String> {
    let mut last = None;
    for command in commands {
        last = Some(self::command(command, last, context, symbols)?);
    }
    last.ok_or_else(|| "a value is missing".to_owned())
}

fn command(
    operands: &Command,
    last: Option<Symbol>,
    context: &Context,
    symbols: &Symbols,
) -> Result<Symbol, String> {
    let (name, arguments) = match operands.split_first() {
        Some((Operand::Name(name), arguments)) => (Some(name), arguments),
        _ => (None, operands.as_slice()),
    };
    let mut values = Vec::new();
    for operand in arguments {
        values.push(symbol(operand, context, symbols)?);
    }
    values.extend(last);
    match (name, values.as_slice()) {
        (Some(name), values) => call(name, values),
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err("a value is no function".to_owned()),
    }
}

fn symbol(operand: &Operand, context: &Context, symbols: &Symbols) -> Result<Symbol, String> {
    match operand {
        Operand::Field(path) => {
            if let [name] = path.as_slice()
                && let Some((_, pieces)) = symbols.0.iter().find(|(known, _)| known == name)
            {
                return Ok(Symbol::Pieces(pieces.clone()));
            }
            let value = context.field(path)?;
            Ok(Symbol::Pieces(vec![Piece::Literal(value.to_owned())]))
        }
        Operand::Text(text) => Ok(Symbol::Pieces(vec![Piece::Literal(text.clone())])),
        Operand::Number(number) => Ok(Symbol::Number(*number)),
        Operand::Name(name) => call(name, &[]),
        Operand::Group(commands, fields) => {
            let value = pipeline(commands, context, symbols)?;
            match (fields.as_slice(), value) {
                ([], value) => Ok(value),
                ([field], Symbol::Semver { code, parts }) => {
                    let at = ["Major", "Minor", "Patch"]
                        .iter()
                        .position(|name| name == field);
                    let at = at.ok_or_else(|| format!("a version has no `.{field}`"))?;
                    element(&code, &parts, at)
                }
                (fields, _) => Err(format!("a value has no `.{}`", fields.join("."))),
            }
        }
    }
}

/// An element of a text that is split.
fn element(code: &str, parts: &[String], at: usize) -> Result<Symbol, String> {
    let value = parts
        .get(at)
        .ok_or_else(|| format!("a list has no element {at}"))?;
    Ok(Symbol::Pieces(vec![Piece::Expression {
        code: format!("({code})[{at}]"),
        value: value.clone(),
    }]))
}

fn call(name: &str, values: &[Symbol]) -> Result<Symbol, String> {
    use Symbol::{Number, Pieces as Text};
    let unknown = || Err(format!("`{name}` can't be translated"));
    let text = |pieces: &Pieces| match pieces.as_slice() {
        [] => Some(String::new()),
        [Piece::Literal(text)] => Some(text.clone()),
        _ => None,
    };
    // Without an expression it is as in a definition.
    let concrete: Option<Vec<Value>> = values
        .iter()
        .map(|value| match value {
            Text(pieces) => text(pieces).map(Value::Text),
            Number(number) => Some(Value::Number(*number)),
            Symbol::Split { .. } | Symbol::Semver { .. } => None,
        })
        .collect();
    if let Some(concrete) = concrete
        && let Value::Text(found) = evaluate::call(name, &concrete)?
    {
        return Ok(Text(vec![Piece::Literal(found)]));
    }
    Ok(match (name, values) {
        ("trimV", [Text(of)]) => Text(trim_start(of, "v")?),
        ("trimPrefix", [Text(start), Text(of)]) => match text(start) {
            Some(start) => Text(trim_start(of, &start)?),
            None => return unknown(),
        },
        ("trimSuffix", [Text(end), Text(of)]) => match text(end) {
            Some(end) if !rendered(of).ends_with(&end) => Text(of.clone()),
            Some(end) => Text(without_end(of, &end).ok_or("the end is no text")?),
            None => return unknown(),
        },
        ("replace", [Text(from), Text(to), Text(of)]) => match (text(from), text(to)) {
            (Some(from), Some(to)) => Text(filtered(
                of,
                &format!("replace({}, {})", quoted(&from)?, quoted(&to)?),
                |text| text.replace(&from, &to),
            )),
            _ => return unknown(),
        },
        ("title" | "lower" | "tolower" | "upper" | "toupper", [Text(of)]) => {
            let filter = name.trim_start_matches("to");
            let apply = |text: &str| match evaluate::call(name, &[Value::Text(text.to_owned())]) {
                Ok(Value::Text(text)) => text,
                _ => text.to_owned(),
            };
            Text(filtered(of, filter, apply))
        }
        ("splitList", [Text(separator), Text(of)]) => match (text(separator), of.as_slice()) {
            (Some(separator), [Piece::Expression { code, value }]) => Symbol::Split {
                code: format!("{code}|split({})", quoted(&separator)?),
                parts: value.split(separator.as_str()).map(str::to_owned).collect(),
            },
            _ => return unknown(),
        },
        ("index", [Symbol::Split { code, parts }, Number(at)]) => element(code, parts, *at)?,
        ("semver", [Text(of)]) => match trim_start(of, "v")?.as_slice() {
            [Piece::Expression { code, value }] if !value.contains(['-', '+']) => Symbol::Semver {
                code: format!("{code}|split('.')"),
                parts: value.split('.').map(str::to_owned).collect(),
            },
            _ => return unknown(),
        },
        _ => return unknown(),
    })
}

/// Applies a function that works on each part of a text alone.
fn filtered(of: &Pieces, filter: &str, apply: impl Fn(&str) -> String) -> Pieces {
    let mut found = Pieces::new();
    for piece in of {
        push(
            &mut found,
            match piece {
                Piece::Literal(text) => Piece::Literal(apply(text)),
                Piece::Expression { code, value } => Piece::Expression {
                    code: format!("{code}|{filter}"),
                    value: apply(value),
                },
            },
        );
    }
    found
}

/// A text of minijinja.
fn quoted(text: &str) -> Result<String, String> {
    if text.contains(['\'', '\\', '\n', '{', '}']) {
        return Err(format!("`{text}` can't be quoted"));
    }
    Ok(format!("'{text}'"))
}

/// The value without this start, if it has it.
fn trim_start(of: &Pieces, start: &str) -> Result<Pieces, String> {
    let is_version =
        |piece: &Piece| matches!(piece, Piece::Expression { code, .. } if code == "version");
    // `version_number` is the version without its `v`, whether or not it has one.
    if start == "v" && of.first().is_some_and(is_version) {
        return Ok(numbered(of));
    }
    if !rendered(of).starts_with(start) {
        return Ok(of.clone());
    }
    let mut of = of.clone();
    let mut start = start;
    while !start.is_empty() {
        match of.first_mut() {
            Some(Piece::Literal(text)) => {
                let common = start.len().min(text.len());
                let rest = text.split_off(common);
                start = start
                    .strip_prefix(text.as_str())
                    .ok_or("the start differs")?;
                if rest.is_empty() {
                    of.remove(0);
                } else {
                    *text = rest;
                }
            }
            Some(first) if start == "v" && is_version(first) => return Ok(numbered(&of)),
            _ => return Err("the start is no text".to_owned()),
        }
    }
    Ok(of)
}

/// The same with `version_number` in place of the `version` at its start.
fn numbered(of: &[Piece]) -> Pieces {
    let mut of = of.to_vec();
    if let Some(Piece::Expression { code, value }) = of.first_mut() {
        "version_number".clone_into(code);
        if let Some(number) = value.strip_prefix('v') {
            *value = number.to_owned();
        }
    }
    of
}
