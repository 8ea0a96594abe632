//! Headers of executables, and what programs say about the code in them.

use larder_core::executable;
use larder_core::model::Platform;

use crate::{Scratch, write};

/// Everything that is read from a program.
pub fn executable(bytes: &[u8], scratch: &Scratch<'_>) {
    scratch.with_folder(|folder| {
        let path = write(folder, "tool", bytes);
        let is_program = executable::is_program(bytes);
        let platform = Platform::host();
        let fits = executable::check_platform(&path, &platform).is_ok();
        assert!(
            !fits || executable::inspect(&path).is_ok(),
            "it fits unread"
        );
        assert_eq!(
            executable::check_program(&path, &platform, true).is_ok(),
            fits
        );
        if executable::check_program(&path, &platform, false).is_ok() {
            assert!(fits && is_program, "it passes as a program, but is none");
        }
        let _ = executable::dependencies(&path);
        let _ = executable::why_not_started(path.as_std_path());
        let _ = executable::lacks_signature(path.as_std_path());
    });
}
