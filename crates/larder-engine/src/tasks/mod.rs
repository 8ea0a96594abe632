//! Tasks of a project and the lines of its `ci:`.

pub mod shell;
