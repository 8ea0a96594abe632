//! Templates in recipes: minijinja with strict undefined, over a closed list of variables.
//!
//! What holds nothing but text, `{{ name }}` and `{{ 'a' if name == 'b' else 'c' }}` is rendered here by itself, so that
//! ordinary projects never set up the engine. Knows nothing of files; a fault names its place within the template.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::model::{Platform, Version};
use crate::suggestions;

use super::domain::Template;

/// The variables that every template knows.
const VARIABLES: [&str; 10] = [
    "version",
    "version_number",
    "os",
    "arch",
    "exe",
    "platform",
    "target",
    "rust_arch",
    "project",
    "name",
];
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

/// Values of the variables: nothing is formatted before it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    project: &'a str,
    name: &'a str,
    version: &'a Version,
    platform: Platform,
    os: &'a str,
    arch: &'a str,
    folders: Option<(&'a str, &'a str)>,
}

impl<'a> Variables<'a> {
    /// For a platform of a subsystem.
    pub fn new(project: &'a str, name: &'a str, version: &'a Version, platform: Platform) -> Self {
        let (os, arch) = (platform.os.as_str(), platform.arch.as_str());
        Self {
            project,
            name,
            version,
            platform,
            os,
            arch,
            folders: None,
        }
    }
    /// With a build's folders.
    pub fn folders(self, out: &'a str, src: &'a str) -> Self {
        Self {
            folders: Some((out, src)),
            ..self
        }
    }
    /// With other words for os and architecture.
    pub fn replaced(self, replacements: &'a BTreeMap<String, String>) -> Self {
        let word = |word: &'a str| replacements.get(word).map_or(word, String::as_str);
        Self {
            os: word(self.os),
            arch: word(self.arch),
            ..self
        }
    }
    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = match name {
            "version" => self.version.as_str(),
            "version_number" => self.version.number(),
            "os" => self.os,
            "arch" => self.arch,
            "exe" => self.platform.exe(),
            "platform" => return Some(self.platform.to_string().into()),
            "target" => return Some(self.platform.target().into()),
            "rust_arch" => self.platform.rust_arch(),
            "project" => self.project,
            "name" => self.name,
            "out" => self.folders?.0,
            "src" => self.folders?.1,
            _ => return None,
        };
        Some(Cow::Borrowed(value))
    }
}

/// A piece of a simple template.
#[derive(Debug)]
enum Piece<'a> {
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
enum Atom<'a> {
    Text(&'a str),
    Variable(&'a str),
}

impl<'a> Piece<'a> {
    fn variables(&self) -> impl Iterator<Item = &'a str> {
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

/// The pieces of a template that holds nothing but text, `{{ name }}` and simple choices; `None` for what needs the
/// engine.
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
        pieces.push(expression(inside[..close].trim_matches(' '))?);
        rest = &inside[close + 2..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// `name`, or `'a' if name == 'b' else 'c'`.
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

/// A quoted text without escapes or the name of a variable; and what follows it and a space.
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
        // Words of the language (`true`, `none`) are the engine's.
        if !VARIABLES.contains(&name) && !FOLDERS.contains(&name) {
            return None;
        }
        (Atom::Variable(name), rest)
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    Some((atom, rest.trim_start_matches(' ')))
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
        return Err(minijinja::Error::new(
            minijinja::ErrorKind::InvalidOperation,
            detail,
        ));
    }
    Ok(text.replace(from, to))
}

impl Template {
    /// Whether the platform can't matter to what it renders to, because it holds no variable.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('{')
    }

    /// Renders it.
    pub(super) fn render(&self, variables: &Variables<'_>) -> Result<String, Fault> {
        let text = self.0.as_str();
        if let Some(pieces) = pieces(text) {
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
            return Ok(rendered);
        }
        let rendered = ENGINE
            .template_from_str(text)
            .and_then(|template| template.render(context(variables)))
            .map_err(|error| fault(&error))?;
        if rendered.len() > MAX_RENDERED {
            return Err(Fault {
                message: "the template renders to more than 256 KiB".into(),
                hint: None,
                range: None,
            });
        }
        Ok(rendered)
    }
}

/// The variables as the engine takes them.
fn context(variables: &Variables<'_>) -> Value {
    let names = VARIABLES.iter().chain(&FOLDERS);
    Value::from_pairs(names.filter_map(|name| Some((*name, variables.get(name)?.into_owned()))))
}

/// What is wrong with a template on any platform: that it does not parse, or uses unknown variables.
pub fn faults(text: &str, scope: Scope) -> Vec<Fault> {
    if !text.contains('{') {
        return Vec::new();
    }
    if text.len() > MAX_TEMPLATE {
        let hint = Some("put what is long into a script beside the recipe".to_owned());
        return vec![Fault {
            message: "a template longer than 64 KiB".into(),
            hint,
            range: Some(0..0),
        }];
    }
    let known = |name: &str| {
        VARIABLES.contains(&name) || (scope == Scope::Build && FOLDERS.contains(&name))
    };
    let mut unknown_names: Vec<String> = match pieces(text) {
        Some(pieces) => pieces
            .iter()
            .flat_map(Piece::variables)
            .filter(|name| !known(name))
            .map(ToOwned::to_owned)
            .collect(),
        None => match ENGINE.template_from_str(text) {
            Ok(template) => template
                .undeclared_variables(false)
                .into_iter()
                .filter(|name| !known(name))
                .collect(),
            Err(error) => return vec![fault(&error)],
        },
    };
    unknown_names.sort_unstable();
    unknown_names.dedup();
    unknown_names
        .iter()
        .map(|name| unknown(text, name, scope))
        .collect()
}

fn unknown(text: &str, name: &str, scope: Scope) -> Fault {
    let (message, hint) = if FOLDERS.contains(&name) {
        let hint = format!(
            "`{name}` is a folder of the build: only `build.env` and `build.commands` know it"
        );
        (format!("the variable `{name}` is not known here"), hint)
    } else {
        (
            format!("unknown variable `{name}` in a template"),
            suggestions::hint(name, scope.names()),
        )
    };
    Fault {
        message,
        hint: Some(hint),
        range: identifier(text, name),
    }
}

/// Where an identifier stands in a template, outside of plain text.
fn identifier(text: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(found) = text[from..].find(name) {
        let range = from + found..from + found + name.len();
        let before = &text[..range.start];
        let inside = [("{{", "}}"), ("{%", "%}")].iter().any(|(open, close)| {
            before
                .rfind(open)
                .is_some_and(|o| before.rfind(close).is_none_or(|c| c < o))
        });
        let whole = !before.ends_with(|c| word(c) || c == '.' || c == '\'' || c == '"')
            && !text[range.end..].starts_with(word);
        if inside && whole {
            return Some(range);
        }
        from = range.end;
    }
    None
}

fn fault(error: &minijinja::Error) -> Fault {
    use minijinja::ErrorKind;
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    let (message, hint) = match error.kind() {
        ErrorKind::SyntaxError => (
            format!("the template does not parse: {detail}"),
            "such as \"{{ version }}\" or \"{{ 'zip' if os == 'windows' else 'tar.gz' }}\"",
        ),
        ErrorKind::UndefinedError => (
            format!("the template uses something that is not defined: {detail}"),
            "all variables are texts",
        ),
        ErrorKind::OutOfFuel => (
            "the template takes too long to render".to_owned(),
            "a template is a line of text with a few choices",
        ),
        ErrorKind::UnknownFilter => (
            format!("the template can't be rendered: {detail}"),
            "filters: upper, lower, title, capitalize, trim, replace, split, join, first, last, length, int",
        ),
        ErrorKind::UnknownTest | ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => (
            format!("the template can't be rendered: {detail}"),
            "tests: startingwith, endingwith; there are no functions",
        ),
        _ => (
            format!("the template can't be rendered: {detail}"),
            "all variables are texts",
        ),
    };
    Fault {
        message,
        hint: Some(hint.to_owned()),
        range: error.range().filter(|range| !range.is_empty()),
    }
}

#[cfg(test)]
mod tests;
