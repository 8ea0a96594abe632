//! Publishing: the files of channels, rendered from the packages of a release.
//!
//! `gather` makes a release as channels see it, out of what is packaged and verified; `render`
//! writes the files of its channels. What a channel's files look like is known by the crate
//! `larder-channels` alone.

mod gather;
mod render;
mod time;
mod validate;

pub use render::{RenderOptions, render_all};
pub use validate::validate_all;
