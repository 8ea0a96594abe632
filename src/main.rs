//! The binary only calls the library, so that everything can be tested there.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::cli::main()
}
