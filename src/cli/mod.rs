//! The command line.

pub mod reference;

/// Runs larder on this process's arguments.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
