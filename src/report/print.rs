//! Data on stdout: tables, documents, scripts. A reader that had enough (`larder list | head -1`)
//! is no failure; a full disk is.

use std::io::{self, ErrorKind, Write};

use larder_core::error::{Error, Result};

/// Writes text to stdout, as it is.
pub fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to stdout, as they are.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
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
