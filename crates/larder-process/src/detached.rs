//! A process that goes on when this one ends. It shares no terminal with it, and its stdin is the
//! only connection: this process can write to it once, and closes it at its own end at the latest,
//! even if it is killed.

use std::io::{self, Write};
use std::process::{Child, ChildStdin, Stdio};

use crate::Command;

/// A process that goes on when this one ends.
#[derive(Debug)]
pub struct Detached {
    child: Child,
    input: Option<ChildStdin>,
}

impl Command {
    /// Starts a process that goes on when this one ends. It reads `first` on its stdin, which then
    /// stays open until [`Detached::close`] or the end of this process. What it prints is discarded.
    /// It has to call [`crate::lead_session`] first of all.
    pub fn start_detached(&self, first: &[u8]) -> io::Result<Detached> {
        crate::forbid_inspection();
        let mut command = self.to_tokio().into_std();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP);
        }
        let mut child = command.spawn()?;
        let mut input = child.stdin.take();
        if let Some(pipe) = &mut input {
            pipe.write_all(first)?;
        }
        Ok(Detached { child, input })
    }
}

impl Detached {
    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes its stdin.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// Kills it. What it started is not ended.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
