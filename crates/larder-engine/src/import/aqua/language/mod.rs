//! The two languages of definitions: templates of texts, and expressions about versions.

pub(super) mod evaluate;
pub(super) mod expression;
mod template;
pub(super) mod translate;
mod version_compare;
