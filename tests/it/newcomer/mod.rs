//! What somebody types who does not know larder yet, and what the answer has to say: the next step,
//! in words that can be copied.

mod command_line;
mod completion;
mod errors;
mod pins;
mod project;
mod setup_action;
mod shells;

use crate::env::{Output, TestEnv};

/// The answer must contain each of these texts, and none of those with a `!` in front.
#[track_caller]
fn says(out: &Output, texts: &[&str]) {
    let said = format!("{}{}", out.stdout, out.stderr);
    for text in texts {
        match text.strip_prefix('!') {
            Some(text) => assert!(!said.contains(text), "{}: {text:?} in\n{said}", out.command),
            None => assert!(
                said.contains(text),
                "{}: no {text:?} in\n{said}",
                out.command
            ),
        }
    }
}

/// A project with one script, `hello`.
fn hello() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("hello", "v1.0.0");
    env
}
