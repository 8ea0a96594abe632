//! The faults of a recipe that show only when its templates are rendered, and which text of the
//! recipe each of them is about.

use crate::model::Platform;
use crate::project::template::{Fault, Template, Variables};
use crate::project::user::{UserConfig, git_url_fault, url_fault};

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

/// The key or the value of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Key,
    Value,
}

/// A fault, with the text of the recipe that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    pub place: Place,
    pub fault: Fault,
    /// The platform whose keys the text is of, if it is not the one that is rendered.
    pub platform: Option<Platform>,
    /// Whether it is about the value that a template has for this version.
    pub is_about_value: bool,
}

/// Collects flaws, so that rendering can go on after the first one.
pub(super) struct Flaws<'a> {
    pub(super) list: Vec<Flaw>,
    /// The user's configuration, which decides which hosts plain http is allowed for. `None` once
    /// the project is loaded: loading has checked it, and the client checks again before each
    /// request.
    user: Option<&'a UserConfig>,
    /// The platform whose keys are rendered, if it is not the one that they are rendered for.
    pub(super) platform: Option<Platform>,
}

impl<'a> Flaws<'a> {
    pub(super) fn new(user: Option<&'a UserConfig>) -> Self {
        Self {
            list: Vec::new(),
            user,
            platform: None,
        }
    }
    pub(super) fn add(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(place, fault(message, hint), false);
    }
    fn push(&mut self, place: Place, fault: Fault, is_about_value: bool) {
        let platform = self.platform;
        self.list.push(Flaw {
            place,
            fault,
            platform,
            is_about_value,
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
                self.push(place, fault, true);
                None
            }
        }
    }
    /// Renders a text that becomes part of a url or a command line. It must not be empty, have
    /// spaces at its start or end, or contain control characters.
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
            let hint = "expected a text of one line, without spaces at its start or end";
            self.push(place, fault(message, hint), true);
            return None;
        }
        Some(text)
    }
    /// Adds a flaw if nothing can be downloaded from a url.
    pub(super) fn check_url(&mut self, place: Place, url: Option<&str>) {
        if let Some((message, hint)) = url.and_then(|url| url_fault(url, self.user)) {
            self.add(place, message, hint);
        }
    }
    /// Adds a flaw if git can't fetch from a url, or not safely.
    pub(super) fn check_git_url(&mut self, place: Place, url: Option<&str>) {
        if let Some((message, hint)) = url.and_then(|url| git_url_fault(url, self.user)) {
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

fn fault(message: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault {
        message: message.into(),
        hint: Some(hint.into()),
        range: None,
    }
}
