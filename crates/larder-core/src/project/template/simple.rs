//! Parses and renders templates with only text, `{{ name }}` and
//! `{{ 'a' if name == 'b' else 'c' }}`, without the engine.

use super::fault::{Fault, unknown};
use super::variables::{ASSET, FOLDERS, Scope, VARIABLES, Variables};

/// A piece of a simple template.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
    /// `{{ then if variable == 'text' else otherwise }}`
    Choice {
        then: Atom<'a>,
        variable: &'a str,
        equal: bool,
        text: &'a str,
        otherwise: Atom<'a>,
    },
}

/// One value in a choice.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom<'a> {
    Text(&'a str),
    Variable(&'a str),
}

impl<'a> Piece<'a> {
    /// The names of the variables that it uses.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'a str> {
        let atom = |atom: &Atom<'a>| match atom {
            Atom::Text(_) => None,
            Atom::Variable(name) => Some(*name),
        };
        match self {
            Self::Text(_) => [None, None, None],
            Self::Variable(name) => [Some(*name), None, None],
            Self::Choice {
                then,
                variable,
                equal: _,
                text: _,
                otherwise,
            } => [Some(*variable), atom(then), atom(otherwise)],
        }
        .into_iter()
        .flatten()
    }
}

/// Splits a template with only text, `{{ name }}` and simple choices into pieces. Returns `None`
/// for a template that needs the engine.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        match rest.as_bytes().get(open + 1) {
            Some(b'{') => {}
            Some(b'%' | b'#') => return None,
            // A single brace is text; the next brace may begin an expression.
            _ => {
                pieces.push(Piece::Text(&rest[..=open]));
                rest = &rest[open + 1..];
                continue;
            }
        }
        pieces.push(Piece::Text(&rest[..open]));
        let body = &rest[open + 2..];
        let close = body.find("}}")?;
        pieces.push(expression(body[..close].trim_matches(' '))?);
        rest = &body[close + 2..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// Renders the pieces of a template.
pub(super) fn render(
    text: &str,
    pieces: Vec<Piece<'_>>,
    variables: &Variables<'_>,
) -> Result<String, Fault> {
    let value = |name: &str| {
        variables
            .get(name)
            .ok_or_else(|| unknown(text, name, Scope::Plain))
    };
    let mut rendered = String::with_capacity(text.len() + 16);
    for piece in pieces {
        let atom = match piece {
            Piece::Text(text) => Atom::Text(text),
            Piece::Variable(name) => Atom::Variable(name),
            Piece::Choice {
                then,
                variable,
                equal,
                text,
                otherwise,
            } => {
                if (value(variable)? == text) == equal {
                    then
                } else {
                    otherwise
                }
            }
        };
        match atom {
            Atom::Text(text) => rendered.push_str(text),
            Atom::Variable(name) => rendered.push_str(&value(name)?),
        }
    }
    Ok(rendered)
}

/// Parses `name`, or `'a' if name == 'b' else 'c'`.
fn expression(text: &str) -> Option<Piece<'_>> {
    let (first, rest) = atom(text)?;
    if rest.is_empty() {
        return match first {
            Atom::Variable(name) => Some(Piece::Variable(name)),
            Atom::Text(_) => None,
        };
    }
    let rest = rest.strip_prefix("if ")?.trim_start_matches(' ');
    let (Atom::Variable(variable), rest) = atom(rest)? else {
        return None;
    };
    let (equal, rest) = match rest.strip_prefix("==") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix("!=")?),
    };
    let (Atom::Text(text), rest) = atom(rest.trim_start_matches(' '))? else {
        return None;
    };
    let rest = rest.strip_prefix("else ")?.trim_start_matches(' ');
    let (otherwise, rest) = atom(rest)?;
    rest.is_empty().then_some(Piece::Choice {
        then: first,
        variable,
        equal,
        text,
        otherwise,
    })
}

/// Parses a quoted text without escapes, or the name of a variable. Also returns the rest of the
/// text after it and after spaces.
fn atom(text: &str) -> Option<(Atom<'_>, &str)> {
    let quote = text.chars().next()?;
    let (atom, rest) = if matches!(quote, '\'' | '"') {
        let (inside, rest) = text[1..].split_once(quote)?;
        if inside.contains('\\') {
            return None;
        }
        (Atom::Text(inside), rest)
    } else {
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        // Words of the template language (`true`, `none`) are left to the engine.
        if ![&VARIABLES[..], &FOLDERS, &ASSET]
            .iter()
            .any(|names| names.contains(&name))
        {
            return None;
        }
        (Atom::Variable(name), rest)
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    Some((atom, rest.trim_start_matches(' ')))
}
