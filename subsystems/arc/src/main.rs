//! `arc`: packs, lists, verifies and unpacks plain tar archives that carry their own checksums.
//!
//! An archive is an ordinary ustar file; its last member, `SHA256SUMS`, lists the digest of every
//! file before it in the form that `sha256sum -c` reads. So other tools can read and check what arc
//! wrote.

mod archive;
mod error;
mod sha256;
mod tar;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use error::{Error, Result};

const HELP: &str = "\
arc - plain tar archives that carry their own checksums

Usage:
  arc pack ARCHIVE FOLDER      pack the content of FOLDER (the same files always give the same bytes)
  arc list ARCHIVE             list the members: mode, size, name
  arc verify ARCHIVE           check every member against the archive's own checksums
  arc unpack ARCHIVE FOLDER    verify, then write the members into FOLDER, which must be new or empty
  arc --version | --help

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 the archive is damaged
";

fn main() -> ExitCode {
    let args: Vec<String> = match std::env::args_os()
        .skip(1)
        .map(std::ffi::OsString::into_string)
        .collect()
    {
        Ok(args) => args,
        Err(arg) => {
            return fail(&Error::Usage(format!(
                "the argument {} is not UTF-8",
                arg.display()
            )));
        }
    };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args, &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // A closed pipe, as in `arc list … | head`, is not a failure.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    eprintln!("arc: {error}");
    ExitCode::from(error.exit_code())
}

fn run(args: &[&str], out: &mut impl Write) -> Result<()> {
    let say = |out: &mut dyn Write, text: String| {
        out.write_all(text.as_bytes())
            .map_err(|e| Error::io("write to", "standard output", e))
    };
    match args {
        ["--version" | "-V"] => say(out, format!("arc {}\n", env!("CARGO_PKG_VERSION"))),
        ["--help" | "-h" | "help"] | [] => say(out, HELP.to_owned()),
        ["pack", archive, folder] => {
            let packed = archive::pack(Path::new(archive), Path::new(folder))?;
            say(
                out,
                format!("packed {} files, {} bytes\n", packed.files, packed.bytes),
            )
        }
        ["list", archive] => {
            for member in archive::list(Path::new(archive))? {
                say(
                    out,
                    format!("{:04o} {:>12} {}\n", member.mode, member.size, member.name),
                )?;
            }
            Ok(())
        }
        ["verify", archive] => {
            let found = archive::verify(Path::new(archive))?;
            say(
                out,
                format!("verified {} files, {} bytes\n", found.files, found.bytes),
            )
        }
        ["unpack", archive, folder] => {
            let found = archive::unpack(Path::new(archive), Path::new(folder))?;
            say(
                out,
                format!("unpacked {} files, {} bytes\n", found.files, found.bytes),
            )
        }
        [command @ ("pack" | "list" | "verify" | "unpack"), ..] => Err(Error::Usage(format!(
            "wrong number of arguments for `{command}`; see `arc --help`"
        ))),
        [other, ..] => Err(Error::Usage(format!(
            "unknown command `{other}`; see `arc --help`"
        ))),
    }
}
