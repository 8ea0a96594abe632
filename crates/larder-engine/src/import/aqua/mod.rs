//! `add aqua:PACKAGE`: makes a recipe from the definition that aqua's registry has of a package.
//!
//! ```text
//! definition ─ resolve ─▶ answer (what aqua does on each platform, final texts)
//!      └────── translate ─▶ templates ─ layers, write ─▶ the text of a recipe ─ load ─▶ compared with the answers
//! ```
//! Only `registry`, which reads the definitions, and `propose`, which chooses the version, use the network. The facts are those of aqua's
//! documentation and behaviour; no code of it is used.

mod answer;
mod checks;
mod compare;
mod definition;
mod language;
mod names;
mod propose;
mod recipe;
mod registry;
mod resolve;
mod search;

pub use answer::{Answer, Packing, Place, Program, SignatureFile, Sums, answer};
pub use compare::difference;
pub use definition::{Package, RegistryFile};
pub use propose::{check, default_name, propose};
pub use recipe::{Drafted, draft};
pub use registry::{REVISION, Registry, all_in, first_version};
pub use search::{Entry, Index};

/// Reads a file of the registry. `Err` says what is wrong.
pub fn parse(text: &str) -> Result<RegistryFile, String> {
    serde_yaml::from_str(text).map_err(|e| e.to_string())
}
