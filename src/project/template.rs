//! Templates in recipes: minijinja with strict undefined, over a closed list of variables.
//!
//! What holds nothing but text and `{{ name }}` is rendered here by itself, so that ordinary projects never set up the
//! engine. Knows nothing of files; a fault names its place within the template.

use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::model::{Platform, Version};

use super::domain::Template;
use super::suggest;

/// The variables that every template knows.
const VARIABLES: [&str; 10] =
    ["version", "version_number", "os", "arch", "exe", "platform", "target", "rust_arch", "project", "name"];
/// Those that only a build's environment and commands know.
const FOLDERS: [&str; 2] = ["out", "src"];
/// Steps an engine run may take: a recipe may come from anyone, and `check` must end.
const FUEL: u64 = 50_000;
/// Longest text a template may render to.
const MAX_RENDERED: usize = 256 * 1024;
/// Longest template.
const MAX_TEMPLATE: usize = 64 * 1024;

/// Where a template stands, which decides the variables it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Coordinates, sources, verify.
    Plain,
    /// A build's environment and commands: `out` and `src` too.
    Build,
}

impl Scope {
    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Plain => VARIABLES.to_vec(),
            Self::Build => [VARIABLES.as_slice(), &FOLDERS].concat(),
        }
    }
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the template's text, if known.
    pub range: Option<Range<usize>>,
}

/// Values of the variables.
#[derive(Clone, Debug)]
pub struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// For a platform of a subsystem.
    pub fn new(project: &str, name: &str, version: &Version, platform: Platform) -> Self {
        Self(vec![
            ("version", version.as_str().to_owned()),
            ("version_number", version.number().to_owned()),
            ("os", platform.os.as_str().to_owned()),
            ("arch", platform.arch.as_str().to_owned()),
            ("exe", platform.exe().to_owned()),
            ("platform", platform.to_string()),
            ("target", platform.target()),
            ("rust_arch", platform.rust_arch().to_owned()),
            ("project", project.to_owned()),
            ("name", name.to_owned()),
        ])
    }
    /// With a build's folders.
    pub fn folders(mut self, out: &str, src: &str) -> Self {
        self.0.extend([("out", out.to_owned()), ("src", src.to_owned())]);
        self
    }
    /// With another value for a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            value.clone_into(old);
        }
    }
    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// A piece of a simple template.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// The pieces of a template that holds nothing but text and `{{ name }}`; `None` for what needs the engine.
fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        match rest.as_bytes().get(open + 1) {
            Some(b'{') => {}
            Some(b'%' | b'#') => return None,
            // A lone brace is text; the next one may not be.
            _ => {
                pieces.push(Piece::Text(&rest[..=open]));
                rest = &rest[open + 1..];
                continue;
            }
        }
        pieces.push(Piece::Text(&rest[..open]));
        let inside = &rest[open + 2..];
        let close = inside.find("}}")?;
        let name = inside[..close].trim_matches(' ');
        let identifier = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        // Words of the language (`true`, `none`) are the engine's.
        if !identifier || !(VARIABLES.contains(&name) || FOLDERS.contains(&name)) {
            return None;
        }
        pieces.push(Piece::Variable(name));
        rest = &inside[close + 2..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// Strict and small: the filters and tests that a name or a url can need.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    use minijinja::{filters, tests};
    let mut engine = Environment::empty();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_debug(true);
    engine.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        engine.set_syntax(syntax);
    }
    engine.add_filter("upper", filters::upper);
    engine.add_filter("lower", filters::lower);
    engine.add_filter("title", filters::title);
    engine.add_filter("capitalize", filters::capitalize);
    engine.add_filter("trim", filters::trim);
    engine.add_filter("split", filters::split);
    engine.add_filter("join", filters::join);
    engine.add_filter("first", filters::first);
    engine.add_filter("last", filters::last);
    engine.add_filter("length", filters::length);
    engine.add_filter("int", filters::int);
    engine.add_filter("replace", replace);
    engine.add_test("startingwith", tests::is_startingwith);
    engine.add_test("endingwith", tests::is_endingwith);
    engine
});

fn replace(text: &str, from: &str, to: &str) -> Result<String, minijinja::Error> {
    if from.is_empty() {
        return Ok(text.to_owned());
    }
    // Before it is made: it might not fit into memory.
    if text.len() + text.matches(from).count().saturating_mul(to.len()) > MAX_RENDERED {
        let detail = "the replaced text is longer than 256 KiB";
        return Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, detail));
    }
    Ok(text.replace(from, to))
}

impl Template {
    /// Whether the platform can't matter to what it renders to, because it holds no variable.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('{')
    }

    /// Renders it.
    pub(super) fn render(&self, variables: &Variables) -> Result<String, Fault> {
        if let Some(pieces) = pieces(&self.0) {
            let mut rendered = String::with_capacity(self.0.len() + 16);
            for piece in pieces {
                rendered.push_str(match piece {
                    Piece::Text(text) => text,
                    Piece::Variable(name) => variables.get(name).ok_or_else(|| unknown(&self.0, name, Scope::Plain))?,
                });
            }
            return Ok(rendered);
        }
        let context = Value::from_pairs(variables.0.iter().map(|(name, value)| (*name, value.as_str())));
        let rendered =
            ENGINE.template_from_str(&self.0).and_then(|template| template.render(context)).map_err(|error| fault(&error))?;
        if rendered.len() > MAX_RENDERED {
            return Err(Fault { message: "the template renders to more than 256 KiB".into(), hint: None, range: None });
        }
        Ok(rendered)
    }

    /// What is wrong with it on any platform: that it does not parse, or uses unknown variables.
    pub(super) fn faults(&self, scope: Scope) -> Vec<Fault> {
        if self.0.len() > MAX_TEMPLATE {
            let hint = Some("put what is long into a script beside the recipe".to_owned());
            return vec![Fault { message: "a template longer than 64 KiB".into(), hint, range: Some(0..0) }];
        }
        let known = scope.names();
        let mut used: Vec<String> = match pieces(&self.0) {
            Some(pieces) => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Variable(name) => Some((*name).to_owned()),
                    Piece::Text(_) => None,
                })
                .collect(),
            None => match ENGINE.template_from_str(&self.0) {
                Ok(template) => template.undeclared_variables(false).into_iter().collect(),
                Err(error) => return vec![fault(&error)],
            },
        };
        used.sort_unstable();
        used.dedup();
        used.iter().filter(|name| !known.contains(&name.as_str())).map(|name| unknown(&self.0, name, scope)).collect()
    }
}

fn unknown(text: &str, name: &str, scope: Scope) -> Fault {
    let (message, hint) = if FOLDERS.contains(&name) {
        let hint = format!("`{name}` is a folder of the build: only `build.env` and `build.commands` know it");
        (format!("the variable `{name}` is not known here"), hint)
    } else {
        (format!("unknown variable `{name}` in a template"), suggest::hint(name, scope.names()))
    };
    Fault { message, hint: Some(hint), range: identifier(text, name) }
}

/// Where an identifier stands in a template, outside of plain text.
fn identifier(text: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(found) = text[from..].find(name) {
        let range = from + found..from + found + name.len();
        let before = &text[..range.start];
        let inside = [("{{", "}}"), ("{%", "%}")]
            .iter()
            .any(|(open, close)| before.rfind(open).is_some_and(|o| before.rfind(close).is_none_or(|c| c < o)));
        let whole = !before.ends_with(|c| word(c) || c == '.' || c == '\'' || c == '"') && !text[range.end..].starts_with(word);
        if inside && whole {
            return Some(range);
        }
        from = range.end;
    }
    None
}

fn fault(error: &minijinja::Error) -> Fault {
    use minijinja::ErrorKind;
    let detail = error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let (message, hint) = match error.kind() {
        ErrorKind::SyntaxError => (
            format!("the template does not parse: {detail}"),
            "such as \"{{ version }}\" or \"{{ 'zip' if os == 'windows' else 'tar.gz' }}\"",
        ),
        ErrorKind::UndefinedError => {
            (format!("the template uses something that is not defined: {detail}"), "all variables are texts")
        }
        ErrorKind::OutOfFuel => {
            ("the template takes too long to render".to_owned(), "a template is a line of text with a few choices")
        }
        ErrorKind::UnknownFilter => (
            format!("the template can't be rendered: {detail}"),
            "filters: upper, lower, title, capitalize, trim, replace, split, join, first, last, length, int",
        ),
        ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
            (format!("the template can't be rendered: {detail}"), "tests: startingwith, endingwith; there are no functions")
        }
        _ => (format!("the template can't be rendered: {detail}"), "all variables are texts"),
    };
    Fault { message, hint: Some(hint.to_owned()), range: error.range().filter(|range| !range.is_empty()) }
}

#[cfg(test)]
#[path = "tests/template.rs"]
mod tests;
