//! larder's own process: its protection from the programs that it starts, and what it inherited.

/// Forbids other processes of the same user to read this process's memory and variables, which hold
/// tokens: on Linux they are open to them under `/proc` and to debuggers otherwise. Programs that
/// this process starts or becomes are not affected. A failure is ignored, because larder works
/// without it.
///
/// It is called before the first child is started, and at the start of a run that has secrets in its
/// variables. Runs without either can be traced by developers.
pub fn forbid_inspection() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Makes this process the leader of a session of its own, so that neither Ctrl-C nor the end of the
/// terminal of its parent reaches it. A failure is ignored: it leads one already.
pub fn lead_session() {
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

/// The numbers of the signals that this process ignores. Called before any signal is handled, these
/// are the ones that the process that started it decided to ignore, as `nohup` does with SIGHUP.
/// Empty where that can't be found out: only Linux tells it without a system call that is unsafe.
pub fn ignored_signals() -> Vec<i32> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Vec::new();
    }
    let status = larder_core::fs::read_text("/proc/self/status").unwrap_or_default();
    ignored_in(&status)
}

/// The signals in the line `SigIgn:` of `/proc/<pid>/status`: a bit for each, in hexadecimal.
fn ignored_in(status: &str) -> Vec<i32> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
        .unwrap_or_default();
    (1..=64)
        .filter(|signal| mask & (1 << (signal - 1)) != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::ignored_in;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        for (status, expected) in [
            ("Name:\tx\nSigIgn:\t0000000000000000\n", vec![]),
            (
                "SigBlk:\t0000000000000001\nSigIgn:\t0000000000000001\n",
                vec![1],
            ),
            ("SigIgn:\t0000000000001006\nSigCgt:\t1\n", vec![2, 3, 13]),
            ("SigIgn:\t8000000000000000\n", vec![64]),
            ("SigIgn:\tnone\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(ignored_in(status), expected, "{status}");
        }
    }
}
