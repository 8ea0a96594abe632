//! From a definition and a version to the text of a recipe.
//!
//! `draft` leads through it: `templates` finds the keys for each platform, `layers` says what holds where, and `write` and `build`
//! write the text.

mod build;
mod draft;
mod layers;
mod templates;
mod write;

pub use draft::{Drafted, draft};
pub(super) use templates::Pin;
