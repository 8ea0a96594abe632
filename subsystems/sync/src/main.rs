//! `sync`: mirrors a folder into another. With `--archive` it packs and verifies the mirror with
//! `arc`.

mod arc;
mod error;
mod mirror;

use std::path::PathBuf;
use std::process::ExitCode;

use error::{Error, Result};
use mirror::{Compare, Options};

const HELP: &str = "\
sync - mirrors a folder

Usage:
  sync [options] SOURCE TARGET    copy everything in SOURCE to TARGET
  sync --version | --help

Options:
  --delete          remove from TARGET what SOURCE does not have
  --checksum        compare contents; the default is to compare size, time and mode
  --archive FILE    then pack TARGET into FILE and verify it with arc from PATH
  -n, --dry-run     show what would be done, and change nothing
  -v, --verbose     print the name of every changed file

Exit codes: 0 done, 1 failed, 2 wrong usage
";

fn main() -> ExitCode {
    match parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sync: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

#[derive(Debug, PartialEq)]
enum Request {
    Help,
    Version,
    Mirror {
        source: PathBuf,
        target: PathBuf,
        options: Options,
        archive: Option<PathBuf>,
    },
}

fn parse(args: impl Iterator<Item = std::ffi::OsString>) -> Result<Request> {
    let (mut folders, mut options, mut archive) = (Vec::new(), Options::default(), None);
    let mut args = args;
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help" | "-h") => return Ok(Request::Help),
            Some("--version" | "-V") => return Ok(Request::Version),
            Some("--delete") => options.delete = true,
            Some("--checksum") => options.compare = Compare::Content,
            Some("--dry-run" | "-n") => options.dry_run = true,
            Some("--verbose" | "-v") => options.verbose = true,
            Some("--archive") => {
                let file = args
                    .next()
                    .ok_or_else(|| Error::Usage("`--archive` needs a file".into()))?;
                archive = Some(PathBuf::from(file));
            }
            Some(other) if other.starts_with('-') => {
                return Err(Error::Usage(format!(
                    "unknown option `{other}`; see `sync --help`"
                )));
            }
            _ => folders.push(PathBuf::from(arg)),
        }
    }
    match <[PathBuf; 2]>::try_from(folders) {
        Ok([source, target]) => Ok(Request::Mirror {
            source,
            target,
            options,
            archive,
        }),
        Err(folders) if folders.is_empty() && archive.is_none() => Ok(Request::Help),
        Err(folders) => Err(Error::Usage(format!(
            "expected SOURCE and TARGET, got {} folders; see `sync --help`",
            folders.len()
        ))),
    }
}

fn run(request: Request) -> Result<()> {
    match request {
        Request::Help => print!("{HELP}"),
        Request::Version => println!("sync {}", env!("CARGO_PKG_VERSION")),
        Request::Mirror {
            source,
            target,
            options,
            archive,
        } => {
            let done = mirror::mirror(&source, &target, options)?;
            let would = if options.dry_run { "would have " } else { "" };
            println!(
                "{would}copied {}, removed {}, left {} as they were",
                done.copied, done.removed, done.unchanged
            );
            if let (Some(archive), false) = (archive, options.dry_run) {
                arc::pack_and_verify(&archive, &target)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request> {
        parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn options_may_be_anywhere() {
        let options = Options {
            delete: true,
            compare: Compare::Content,
            dry_run: true,
            verbose: false,
        };
        let wanted = Request::Mirror {
            source: "a".into(),
            target: "b".into(),
            options,
            archive: Some("x.tar".into()),
        };
        assert_eq!(
            parsed("--delete a -n b --archive x.tar --checksum").unwrap(),
            wanted
        );
    }

    #[test]
    fn wrong_usage_is_an_error() {
        for (line, text) in [
            ("a", "got 1 folders"),
            ("a b c", "got 3 folders"),
            ("--dleete a b", "unknown option `--dleete`"),
            ("a b --archive", "needs a file"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(
                error.to_string().contains(text) && error.exit_code() == 2,
                "{line}: {error}"
            );
        }
    }
}
