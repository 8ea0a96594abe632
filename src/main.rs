//! The thin binary: everything testable lives in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::cli::main()
}
