//! Rules of the code itself that neither the compiler nor cargo enforces: who may read the environment, what is global,
//! and what each crate may be linked with.
//!
//! The behaviour of libraries is not checked here: the HTTP client, for example, reads the proxy
//! settings of the system if no variable names a proxy.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::env::REPO;

/// The one file that reads the environment.
const READER: &str = "src/cli/settings.rs";

/// Statics without state: the template engine is the same value in every process; the packer keeps
/// one compressor per thread and format.
const STATICS: [(&str, &str); 3] = [
    (
        "crates/larder-core/src/project/template/engine.rs",
        "ENGINE",
    ),
    (
        "crates/larder-core/src/archive/pack/deflate.rs",
        "COMPRESSOR",
    ),
    (
        "crates/larder-core/src/archive/pack/frames.rs",
        "COMPRESSOR",
    ),
];

/// Every Rust file of a folder except tests, by its path in the repository, with its lines except
/// comments and the tests at the end.
fn sources(folder: &str) -> Vec<(String, Vec<(usize, String)>)> {
    fn collect(folder: &Path, found: &mut Vec<(String, Vec<(usize, String)>)>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default();
            if path.is_dir() {
                // The cluster of the tests is a tool of theirs.
                if name != "tests" && name != "larder-cluster" {
                    collect(&path, found);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs")
                && !["tests.rs", "laws.rs"].iter().any(|tests| name == *tests)
            {
                let text = std::fs::read_to_string(&path).expect("a text");
                let lines = text
                    .lines()
                    .map(str::trim)
                    .enumerate()
                    .take_while(|(_, line)| !line.starts_with("mod tests {"))
                    .filter(|(_, line)| !line.starts_with("//"))
                    .map(|(number, line)| (number + 1, line.to_owned()))
                    .collect();
                let path = path.strip_prefix(REPO).expect("in the repository");
                found.push((path.display().to_string().replace('\\', "/"), lines));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(REPO).join(folder), &mut found);
    assert!(!found.is_empty(), "{folder}");
    found
}

/// Whether a line reads the environment of the process, or uses the machine's temporary folder by
/// default.
fn reads_environment(line: &str) -> bool {
    const READS: [&str; 13] = [
        "args",
        "args_os",
        "current_dir",
        "current_exe",
        "home_dir",
        "remove_var",
        "set_current_dir",
        "set_var",
        "temp_dir",
        "var",
        "var_os",
        "vars",
        "vars_os",
    ];
    let named = |(at, _): (usize, &str)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + "env::".len()..];
        let word: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && (READS.contains(&word.as_str()) || rest.starts_with(['{', '*']))
    };
    line.match_indices("env::").any(named)
        || line.contains("use std::env;")
        || ["tempfile()", "tempdir()", "NamedTempFile::new()"]
            .iter()
            .any(|call| line.contains(call))
}

#[test]
fn only_one_file_reads_the_environment() {
    for (line, reads) in [
        ("let x = std::env::var(name);", true),
        ("use std::env;", true),
        ("use std::env::{self, vars_os};", true),
        ("env::set_var(\"X\", \"y\");", true),
        ("let dir = std::env::temp_dir();", true),
        ("let file = tempfile::tempfile()?;", true),
        ("match std::env::consts::OS {", false),
        ("std::env::split_paths(path)", false),
        ("env!(\"CARGO_PKG_VERSION\")", false),
        ("my_env::var()", false),
        ("tempfile::tempfile_in(folder)", false),
    ] {
        assert_eq!(reads_environment(line), reads, "{line}");
    }
    let all = ["crates", "src"].into_iter().flat_map(sources);
    let found: Vec<String> = all
        .filter(|(path, _)| path != READER)
        .flat_map(|(path, lines)| {
            lines
                .into_iter()
                .filter(|(_, line)| reads_environment(line))
                .map(move |(number, line)| format!("{path}:{number}: {line}"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "{READER} reads the environment and hands values down; these read it too:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_static_holds_state() {
    let mut found = Vec::new();
    for (path, lines) in ["crates", "src"].into_iter().flat_map(sources) {
        for (number, line) in lines {
            let rest = line.strip_prefix("pub ").unwrap_or(&line);
            let rest = rest.strip_prefix("pub(super) ").unwrap_or(rest);
            let rest = rest.strip_prefix("pub(crate) ").unwrap_or(rest);
            let Some(name) = rest
                .strip_prefix("static ")
                .and_then(|rest| rest.split(':').next())
            else {
                continue;
            };
            if !STATICS.contains(&(path.as_str(), name)) {
                found.push(format!("{path}:{number}: {line}"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "values are passed down, not kept for the whole process:\n{}",
        found.join("\n")
    );
}

/// The files that write to the terminal, or give it to a child.
const WRITERS: [&str; 4] = [
    "crates/larder-process/src/run.rs",
    "src/report/print.rs",
    "src/report/reporter.rs",
    "src/report/views/terminal.rs",
];

/// Whether a line writes to stdout or stderr.
fn writes_to_the_terminal(line: &str) -> bool {
    const WRITES: [&str; 9] = [
        "print!(",
        "println!(",
        "dbg!(",
        "io::stdout(",
        "io::stderr(",
        "Term::stderr(",
        "Term::buffered_stdout(",
        "Stdio::inherit(",
        "/dev/tty",
    ];
    // Asking what a stream is writes nothing.
    let line = line
        .replace("stdout().is_terminal()", "")
        .replace("stderr().is_terminal()", "");
    WRITES.iter().any(|write| line.contains(write))
}

/// Everything else goes through the printer and the reporter, which let no text from outside
/// control the terminal or GitHub's runner.
#[test]
fn only_the_report_writes_to_the_terminal() {
    for (line, writes) in [
        ("println!(\"x\");", true),
        ("eprint!(\"x\");", true),
        ("let out = std::io::stdout().lock();", true),
        ("std::io::stderr().is_terminal(),", false),
        ("report::print_data(text)?;", false),
        ("global.print(&text)", false),
    ] {
        assert_eq!(writes_to_the_terminal(line), writes, "{line}");
    }
    let all = ["crates", "src"].into_iter().flat_map(sources);
    let found: Vec<String> = all
        .filter(|(path, _)| !WRITERS.contains(&path.as_str()))
        .flat_map(|(path, lines)| {
            lines
                .into_iter()
                .filter(|(_, line)| writes_to_the_terminal(line))
                .map(move |(number, line)| format!("{path}:{number}: {line}"))
        })
        .collect();
    assert!(
        found.is_empty(),
        "src/report/print.rs writes to the terminal; these write past it:\n{}",
        found.join("\n")
    );
}

/// All direct and indirect dependencies of a crate.
fn linked(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "-p", package])
        .current_dir(REPO)
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn crates_link_only_what_they_are_allowed_to() {
    let network = ["tokio", "reqwest", "rustls", "hyper"];
    let terminal = ["clap", "console", "indicatif", "annotate-snippets"];
    for (package, without) in [
        ("larder-core", [&network[..], &terminal[..]].concat()),
        ("larder-process", [&network[1..], &terminal[..]].concat()),
        ("larder-channels", [&network[..], &terminal[..]].concat()),
        ("larder-remote", terminal.to_vec()),
        ("larder-engine", terminal.to_vec()),
        ("larder-reapi", terminal.to_vec()),
        ("larder-serve", terminal.to_vec()),
    ] {
        let linked = linked(package);
        assert!(linked.contains(package), "{linked:?}");
        for name in without {
            assert!(!linked.contains(name), "{package} is built with {name}");
        }
    }
}

/// The maximum number of lines of a Rust file, tests included, so that it stays readable. Generated
/// code is exempt.
const LONGEST: usize = 500;

/// The maximum number of Rust files in a folder. The folder of the commands is exempt: it has one
/// file per command.
const FULLEST: usize = 15;

#[test]
fn files_and_folders_stay_within_their_size_limits() {
    fn walk(folder: &Path, faults: &mut Vec<String>) {
        let mut files = 0;
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, faults);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files += 1;
                let lines = std::fs::read_to_string(&path)
                    .expect("a text")
                    .lines()
                    .count();
                if lines > LONGEST && !path.ends_with("generated.rs") {
                    faults.push(format!("{} has {lines} lines", path.display()));
                }
            }
        }
        if files > FULLEST && !folder.ends_with("src/cli") {
            faults.push(format!("{} has {files} files", folder.display()));
        }
    }
    let mut faults = Vec::new();
    for folder in ["crates", "src", "tests", "benches"] {
        walk(&Path::new(REPO).join(folder), &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
