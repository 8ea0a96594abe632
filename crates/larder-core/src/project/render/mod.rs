//! Renders the originals and builds of a subsystem for a platform: applies the overrides, fills in
//! the templates and checks the results. Loading does this once for every platform to find all
//! faults; later calls render again. Accesses no files.

use super::domain::{Original, RenderedBuild, Subsystem};
use super::template::Variables;
use crate::error::{Error, Result};
use crate::model::Platform;

mod build;
mod extract;
mod flaws;
mod names;
mod original;
mod publish;

use flaws::Flaws;
pub(super) use flaws::{Flaw, Half, Place};

impl Subsystem {
    /// Renders the original for a platform; `None` if the recipe has none for it.
    pub fn original(&self, platform: &Platform) -> Result<Option<Original>> {
        self.try_original(*platform, None)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// Renders the build for a platform and its two folders; `None` if the recipe has no `build`.
    /// The key is computed from the build that is rendered with the literals `<out>` and `<src>`.
    pub fn rendered_build(
        &self,
        platform: &Platform,
        out: &str,
        src: &str,
    ) -> Result<Option<RenderedBuild>> {
        self.try_build(*platform, out, src, None)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// Renders the `verify` command for a platform; `None` if the recipe has none.
    pub fn rendered_verify(&self, platform: &Platform) -> Result<Option<String>> {
        self.try_verify(*platform)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// The template variables on a platform.
    fn variables(&self, platform: Platform) -> Variables<'_> {
        Variables::new(&self.project, self.name.as_str(), &self.version, platform)
    }

    fn render_error(&self, flaws: &[Flaw]) -> Error {
        let mut texts = flaws.iter().map(|flaw| flaw.fault.message.as_str());
        let mut error = Error::usage(format!("the recipe of {} does not render", self.name));
        if let Some(first) = texts.next() {
            error = error.cause(first);
        }
        match flaws.first().and_then(|flaw| flaw.fault.hint.clone()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    pub(super) fn try_verify(&self, platform: Platform) -> Result<Option<String>, Vec<Flaw>> {
        let Some(template) = &self.verify else {
            return Ok(None);
        };
        let mut flaws = Flaws::new(None);
        let text = flaws.render(Place::Verify, template, &self.variables(platform));
        flaws.finish(text)
    }
}
