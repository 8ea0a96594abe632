//! Data on stdout: tables, documents and scripts. It is not an error if the reader closes the pipe
//! (`larder list | head -1`), but a full disk is one.

use std::io::{self, ErrorKind, Write};

use larder_core::error::{Error, Result};

/// Writes text to stdout unchanged.
pub fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to stdout unchanged.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// The result of writing to stdout as a result of the command. Everything that writes there goes
/// through this function.
pub fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write to standard output").cause(e))
        }
        _ => Ok(()),
    }
}

/// A document as one JSON object on one line.
pub fn to_json(document: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(document)
        .map_err(|e| Error::failed("cannot write a document as JSON").cause(e))
}
