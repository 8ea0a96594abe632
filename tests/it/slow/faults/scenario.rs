//! A command on a prepared machine.

use std::process::Command;

use crate::env::{Output, TestEnv};

/// How a run ended, and what it said.
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub said: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.code,
            signal: output.signal,
            said: output.stderr,
        }
    }
}

type Run = Box<dyn Fn(&TestEnv, Command) -> Ended>;
type Again = Box<dyn Fn(&TestEnv, bool) -> Result<(), String>>;
type Check = Box<dyn Fn(&TestEnv) -> Result<(), String>>;

/// A prepared machine, the command, and what differs from the usual course.
pub struct Scenario {
    pub env: TestEnv,
    pub args: Vec<String>,
    /// Runs the command, which has strace around it.
    pub run: Run,
    /// The next run; it is told whether the faulty one did everything.
    pub again: Again,
    /// Puts back what is not on the machine's disk.
    pub reset: Box<dyn FnMut(&mut TestEnv)>,
    /// What must hold besides at any moment.
    pub check: Check,
    /// Whether installed files are links; plain files are replaced one by one, without a stamp.
    pub links: bool,
    /// Whether everything in the cache is undamaged.
    pub verifies: bool,
}

impl Scenario {
    pub fn new(env: TestEnv, args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let same = args.clone();
        Self {
            env,
            args,
            run: Box::new(|env, command| env.output(command).into()),
            again: Box::new(move |env, _| succeeds(env, &same)),
            reset: Box::new(|_| {}),
            check: Box::new(|_| Ok(())),
            links: true,
            verifies: true,
        }
    }

    /// Another next run.
    pub fn again(mut self, again: impl Fn(&TestEnv, bool) -> Result<(), String> + 'static) -> Self {
        self.again = Box::new(again);
        self
    }
}

/// Runs larder, which must exit with 0.
pub fn succeeds(env: &TestEnv, args: &[String]) -> Result<(), String> {
    let output = env.larder(args);
    match output.code {
        Some(0) => Ok(()),
        code => Err(format!("{args:?}: exit {code:?}: {}", output.stderr)),
    }
}
