//! Runs `arc`, the program that packs archives, from PATH.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};

pub fn pack_and_verify(archive: &Path, folder: &Path) -> Result<()> {
    run(Command::new("arc").arg("pack").arg(archive).arg(folder))?;
    run(Command::new("arc").arg("verify").arg(archive))
}

fn run(command: &mut Command) -> Result<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Arc(format!("arc ended with {status}"))),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(Error::Arc(
            "arc is not on PATH (`larder exec -- sync …` puts it there)".into(),
        )),
        Err(e) => Err(Error::io("run", "arc", e)),
    }
}
