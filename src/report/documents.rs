//! Documents before they are shown: texts that came from servers and programs lose secrets and
//! control characters.

use super::text::Redactor;
use larder_core::formats::documents::{
    OutdatedDocument, PlanDocument, StatusDocument, WhyDocument,
};

/// A document whose texts may be shown.
pub trait Cleaned {
    /// The same document, with each text that may hold anything on one line and cleaned.
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
