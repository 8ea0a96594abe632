//! What is wrong with a recipe once its templates are filled in, and which text of the recipe it is
//! about.

use crate::project::template::{Fault, Template, Variables};
use crate::project::user::{UserConfig, url_fault};

/// Which text of a recipe a flaw is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `upstream` as a whole.
    Upstream,
    /// A key of `upstream`.
    UpstreamKey(&'static str),
    /// The nth pair of `upstream.extract`: its glob, or its file.
    Extract(usize, Half),
    /// A key of `build.source`.
    Source(&'static str),
    /// The nth pair of `build.env`.
    Env(usize),
    /// The nth of `build.commands`.
    Command(usize),
    /// `verify`.
    Verify,
}

/// Which half of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Key,
    Value,
}

/// A fault at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub place: Place,
    pub fault: Fault,
}

/// Collects flaws while rendering goes on.
pub(super) struct Flaws<'a> {
    pub(super) list: Vec<Flaw>,
    /// Whose permission plain http needs. `None` once the project is loaded: it was checked then,
    /// and the client checks it again before it asks.
    user: Option<&'a UserConfig>,
}

impl<'a> Flaws<'a> {
    pub(super) fn new(user: Option<&'a UserConfig>) -> Self {
        Self {
            list: Vec::new(),
            user,
        }
    }
    pub(super) fn add(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.list.push(Flaw {
            place,
            fault: Fault {
                message: message.into(),
                hint: Some(hint.into()),
                range: None,
            },
        });
    }
    pub(super) fn render(
        &mut self,
        place: Place,
        template: &Template,
        variables: &Variables<'_>,
    ) -> Option<String> {
        match template.render(variables) {
            Ok(text) => Some(text),
            Err(fault) => {
                self.list.push(Flaw { place, fault });
                None
            }
        }
    }
    /// Rendered, and fit for one line of something else: not empty, no control characters.
    pub(super) fn render_word(
        &mut self,
        place: Place,
        template: &Template,
        variables: &Variables<'_>,
    ) -> Option<String> {
        let text = self.render(place.clone(), template, variables)?;
        if text.is_empty() || text.contains(char::is_control) || text.trim() != text {
            let platform = variables.get("platform").unwrap_or_default();
            let message = match text.as_str() {
                "" => format!("the template renders to nothing for {platform}"),
                text => format!(
                    "the template renders to `{}` for {platform}",
                    text.escape_debug()
                ),
            };
            self.add(
                place,
                message,
                "expected a text of one line, without space around it",
            );
            return None;
        }
        Some(text)
    }
    /// Notes why a url of bytes can't be used, if it can't.
    pub(super) fn check_url(&mut self, place: Place, url: Option<&str>) {
        if let Some((message, hint)) = url.and_then(|url| url_fault(url, self.user)) {
            self.add(place, message, hint);
        }
    }
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<Option<T>, Vec<Flaw>> {
        if self.list.is_empty() {
            Ok(value)
        } else {
            Err(self.list)
        }
    }
}
