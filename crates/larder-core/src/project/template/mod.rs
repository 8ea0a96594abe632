//! Templates in recipes: minijinja with a closed list of variables, in which an undefined value is
//! an error.
//!
//! Templates with only text, `{{ name }}` and `{{ 'a' if name == 'b' else 'c' }}` are rendered by
//! `simple`, so that ordinary projects never set up the engine. This module does not depend on
//! files; a fault has its place within the template.

mod engine;
mod fault;
mod simple;
mod variables;

pub use fault::Fault;
use fault::unknown;
use simple::{Piece, pieces};
pub use variables::{Scope, Variables};

/// The longest template that is allowed, in bytes.
const MAX_TEMPLATE: usize = 64 * 1024;

/// A template that parses and uses only known variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub String);

impl Template {
    /// Renders the template.
    pub(super) fn render(&self, variables: &Variables<'_>) -> Result<String, Fault> {
        let text = self.0.as_str();
        match pieces(text) {
            Some(pieces) => simple::render(text, pieces, variables),
            None => engine::render(text, variables),
        }
    }
}

impl Template {
    /// Renders a template whose only variable is `env`, the environment. `Err` is what is wrong with it, which never
    /// has the value of a variable in it.
    pub fn render_environment(
        &self,
        environment: &crate::environment::Environment,
    ) -> Result<String, String> {
        engine::render_environment(&self.0, environment).map_err(|fault| fault.message)
    }
}

/// Returns the faults of a template that do not depend on the platform: it does not parse, or it
/// uses unknown variables.
pub fn faults(text: &str, scope: Scope) -> Vec<Fault> {
    if !text.contains('{') {
        return Vec::new();
    }
    if text.len() > MAX_TEMPLATE {
        let hint = Some("move the long part into a script in the recipe's folder".to_owned());
        return vec![Fault {
            message: "a template longer than 64 KiB".into(),
            hint,
            range: Some(0..0),
        }];
    }
    let names: Vec<String> = match pieces(text) {
        Some(pieces) => pieces
            .iter()
            .flat_map(Piece::variables)
            .map(ToOwned::to_owned)
            .collect(),
        None => match engine::names(text) {
            Ok(names) => names,
            Err(fault) => return vec![fault],
        },
    };
    let known = scope.names();
    let mut unknown_names: Vec<String> = names
        .into_iter()
        .filter(|name| !known.contains(&name.as_str()))
        .collect();
    unknown_names.sort_unstable();
    unknown_names.dedup();
    unknown_names
        .iter()
        .map(|name| unknown(text, name, scope))
        .collect()
}

#[cfg(test)]
mod tests;
