//! Originals: where a publisher's file is and what is stated of it. One file per kind of publisher.
//!
//! `fetch` chooses among them, `newest` asks for versions, `listing` for what a repository on
//! GitHub offers; `checksums` reads publishers' files of digests, `checks` compares.
//!
//! What a publisher does not have is `Ok(None)`. An error says by its [`Kind`](larder_core::Kind)
//! what it means: `Unavailable`, no answer, now; `Refused`, we were told no; `Integrity`, the bytes
//! are not what is stated of them. Gives bytes and statements; does not know what is wanted of a
//! file, or what the lock says.

mod checks;
mod checksums;
mod fetch;
mod fetched;
mod listing;
mod newest;
mod npm;
mod pypi;
mod web;

pub use checks::{Algorithm, Checks, Stated};
pub use fetch::{describe, exists, fetch};
pub use fetched::{Fetched, Publishers};
pub use listing::{About, Listing, version_in};
pub use newest::{Asking, Newest};
