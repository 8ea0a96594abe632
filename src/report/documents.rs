//! Removes secrets and control characters from the texts of a document that came from servers and
//! programs, before the document is shown.

use super::text::Redactor;
use larder_core::formats::documents::{
    ChangelogDocument, DoctorDocument, OutdatedDocument, PlanDocument, ProofsDocument,
    StatusDocument, WhyDocument,
};

/// A document whose texts can be cleaned.
pub trait Cleaned {
    /// The same document, in which every text from outside is cleaned and on one line.
    #[must_use]
    fn cleaned(self, redactor: &Redactor) -> Self;
}

fn clean(text: &mut Option<String>, redactor: &Redactor) {
    if let Some(text) = text {
        *text = redactor.clean_line(text);
    }
}

impl Cleaned for StatusDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for entry in &mut self.subsystems {
            clean(&mut entry.reason, redactor);
        }
        self
    }
}

impl Cleaned for ProofsDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for entry in &mut self.entries {
            entry.what = redactor.clean_line(&entry.what);
            entry.reason = redactor.clean_line(&entry.reason);
        }
        self
    }
}

impl Cleaned for DoctorDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for check in &mut self.checks {
            check.found = redactor.clean_line(&check.found);
            clean(&mut check.hint, redactor);
        }
        self
    }
}

impl Cleaned for ChangelogDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        self.markdown = redactor.clean(&self.markdown);
        let changes = self.groups.iter_mut().flat_map(|group| &mut group.changes);
        for change in changes {
            clean(&mut change.scope, redactor);
            clean(&mut change.breaking, redactor);
            change.summary = redactor.clean_line(&change.summary);
            for name in &mut change.authors {
                *name = redactor.clean_line(name);
            }
        }
        self
    }
}

impl Cleaned for PlanDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for step in &mut self.steps {
            clean(&mut step.reason, redactor);
            clean(&mut step.answer, redactor);
        }
        self
    }
}

impl Cleaned for OutdatedDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for entry in &mut self.subsystems {
            clean(&mut entry.note, redactor);
        }
        self
    }
}

impl Cleaned for WhyDocument {
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        for source in &mut self.sources {
            source.answer = redactor.clean_line(&source.answer);
        }
        if let Some(compared) = &mut self.compared {
            compared.place = redactor.clean_line(&compared.place);
        }
        self
    }
}
