//! System calls in the output format of strace.

/// One system call of a traced run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Thread.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The line from the name on: arguments and result.
    pub line: String,
}

impl Syscall {
    /// Reads a log. What a signal or an exit left unfinished is kept, what resumes it is not.
    pub fn parse(log: &str) -> Vec<Self> {
        let line = |text: &str| {
            let (pid, rest) = text.split_once(' ')?;
            let rest = rest.trim_start();
            // `???(`: the program ended while strace was looking which call a thread of it was about to make.
            if ["+++", "---", "<...", "???("]
                .iter()
                .any(|other| rest.starts_with(other))
            {
                return None;
            }
            let name = rest.split('(').next()?.to_owned();
            Some(Self {
                pid: pid.parse().ok()?,
                name,
                line: rest.to_owned(),
            })
        };
        log.lines().filter_map(line).collect()
    }
    /// Whether the call succeeded.
    pub fn ok(&self) -> bool {
        !self.line.contains("= -1 ")
    }
}

#[test]
fn strace_output_is_parsed() {
    let log = "12 openat(AT_FDCWD, \"/a b\", O_RDONLY) = 3\n12 +++ exited with 0 +++\n13  socket(AF_INET, SOCK_STREAM, 0) = -1 EPERM (x)\n13 <... read resumed>) = 1\n";
    let calls = Syscall::parse(log);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(
        (calls[0].pid, calls[0].name.as_str(), calls[0].ok()),
        (12, "openat", true)
    );
    assert_eq!((calls[1].name.as_str(), calls[1].ok()), ("socket", false));
}
