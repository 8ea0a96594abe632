//! What a native program itself says about the code that it is built from: Go writes the modules
//! into every program, and `cargo auditable` writes the crates into programs in Rust.
//!
//! The file may come from anyone: nothing that it claims is trusted, reading is limited, and
//! damaged information counts as none. Whether the information is true is not known here.

use std::path::Path;

use super::capped::CappedFile;
use crate::error::Result;
use crate::fs::{self, IoContext};

mod cargo;
mod go;
mod layout;
mod source;
#[cfg(test)]
mod tests;

pub use cargo::CargoPackage;
pub use go::{GoBuild, GoDependency, GoModule};
use layout::Layout;
use source::Source;

/// What a program says about the code that it is built from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// From Go's linker.
    pub go: Option<GoBuild>,
    /// From `cargo auditable`.
    pub cargo: Option<Vec<CargoPackage>>,
}

/// Reads what a program says about the code that it is built from. Any other file says nothing.
pub fn dependencies(path: impl AsRef<Path>) -> Result<Dependencies> {
    let path = path.as_ref();
    let file = fs::open(path)?;
    let headers = CappedFile::new(file.try_clone().at("open", path)?);
    let Some(layout) = Layout::of(&headers) else {
        return Ok(Dependencies::default());
    };
    let mut source = Source { file, layout };
    Ok(Dependencies {
        go: go::read(&mut source),
        cargo: cargo::read(&mut source),
    })
}
