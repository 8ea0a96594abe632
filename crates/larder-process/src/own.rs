//! Protection of larder's own process from the programs that it starts.

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
