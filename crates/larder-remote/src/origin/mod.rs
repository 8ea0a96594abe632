//! Originals: where a publisher's file is, and the digests that are stated for it. Each kind of
//! publisher has its own file.
//!
//! `fetch` chooses the kind, `newest` finds the newest version, `listing` reads the releases of a
//! repository on GitHub, `repository` its files and tags, `checksums` parses checksums files, `checks` checks a file against stated
//! digests.
//!
//! A file that the publisher does not have is `Ok(None)`. The [`Kind`](larder_core::Kind) of an
//! error gives its meaning. `Unavailable`: there was no answer, and a later call may succeed.
//! `Refused`: the publisher does not permit the request. `Integrity`: the bytes do not have the
//! stated digest. The module returns bytes and stated digests; it does not depend on the lock or on
//! how a file is used.

mod checks;
mod checksums;
mod fetch;
mod fetched;
mod listing;
mod newest;
mod npm;
mod pypi;
mod repository;
mod web;

pub use checks::{Algorithm, Checks, SignedBy, Stated};
pub use checksums::stated_in;
pub use fetch::{describe, exists, fetch, place};
pub use fetched::{Fetched, Publishers};
pub use listing::{About, Listing, version_in};
pub use newest::{Newest, Registry, VersionLookup, newest_crate};
pub use repository::{file_at, tags};
