//! The engine for templates that are not simple: minijinja with a few filters and tests and a limit
//! on its steps.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::fault::Fault;
use super::variables::{ASSET, FOLDERS, VARIABLES, Variables};

/// The longest text that a template may render to, in bytes.
const MAX_RENDERED: usize = 256 * 1024;
/// The number of steps that rendering one template may take. Recipes can come from untrusted
/// authors, and `check` must always end.
const FUEL: u64 = 50_000;

/// The engine, with only the filters and tests that are useful for names and urls.
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
    // Check the length before the text is made, because it might not fit into memory.
    if text.len() + text.matches(from).count().saturating_mul(to.len()) > MAX_RENDERED {
        let detail = "the replaced text is longer than 256 KiB";
        return Err(minijinja::Error::new(
            minijinja::ErrorKind::InvalidOperation,
            detail,
        ));
    }
    Ok(text.replace(from, to))
}

/// Renders a template.
pub(super) fn render(text: &str, variables: &Variables<'_>) -> Result<String, Fault> {
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

/// Renders a template whose only variable is `env`; one that is not set is undefined.
pub(super) fn render_environment(
    text: &str,
    environment: &crate::environment::Environment,
) -> Result<String, Fault> {
    let texts = environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    let env = Value::from_pairs(texts);
    ENGINE
        .template_from_str(text)
        .and_then(|template| template.render(Value::from_pairs([("env", env)])))
        .map_err(|error| fault(&error))
}

/// The names of the variables that a template uses.
pub(super) fn names(text: &str) -> Result<Vec<String>, Fault> {
    let template = ENGINE
        .template_from_str(text)
        .map_err(|error| fault(&error))?;
    Ok(template.undeclared_variables(false).into_iter().collect())
}

/// Converts the variables to the engine's type.
fn context(variables: &Variables<'_>) -> Value {
    let names = VARIABLES.iter().chain(&FOLDERS).chain(&ASSET);
    Value::from_pairs(names.filter_map(|name| Some((*name, variables.get(name)?.into_owned()))))
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
            format!("the template uses an undefined value: {detail}"),
            "every variable is a text",
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
            "every variable is a text",
        ),
    };
    Fault {
        message,
        hint: Some(hint.to_owned()),
        range: error.range().filter(|range| !range.is_empty()),
    }
}
