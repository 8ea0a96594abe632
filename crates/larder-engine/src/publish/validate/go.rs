//! The checks of a Go module: what a reader of the module, and `go` itself, expect of it.
//!
//! The commands run in a copy of the module, so that none of them can change it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Context;
use crate::publish::plain;
use larder_channels::gomodule;
use larder_core::error::Result;
use larder_core::formats::documents::PublishCheck;
use larder_core::fs::{self, Scratch};
use larder_core::project::Subsystem;
use larder_core::project::publish::GoModule;
use larder_process::{Captured, Command};

/// The variables of Go that its commands get besides those of every child.
const VARIABLES: &[&str] = &[
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "GOFLAGS",
    "GOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOPRIVATE",
    "GONOPROXY",
    "GOINSECURE",
    "GOTOOLCHAIN",
    "GOROOT",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
];

/// The commands that must exit with 0: the name of the check, the command, and what to do.
const COMMANDS: [(&str, &[&str], &str); 3] = [
    (
        "go vet",
        &["vet", "./..."],
        "correct what `go vet ./...` reports; it also compiles the examples",
    ),
    (
        "go mod verify",
        &["mod", "verify"],
        "a module in the cache is not what go.sum states: run `go clean -modcache` and look at the change",
    ),
    (
        "go mod tidy",
        &["mod", "tidy", "-diff"],
        "run `go mod tidy` and commit go.mod and go.sum",
    ),
];

/// Checks a module.
pub(super) fn check(
    ctx: &Context,
    subsystem: &Subsystem,
    module: &GoModule,
) -> Result<Vec<PublishCheck>> {
    let folder = subsystem.dir.join(&module.dir);
    let mut checks = vec![path(subsystem, module)];
    let go_mod = folder.join("go.mod");
    let Some(text) = fs::read_or_absent(&go_mod)? else {
        let hint = "set `gomodule.dir` to the folder with go.mod, relative to the recipe's folder";
        let found = format!("there is no {}", ctx.project.relative(&plain(&go_mod)));
        checks.push(PublishCheck::failed("go.mod", found, hint));
        return Ok(checks);
    };
    checks.push(stated_path(&String::from_utf8_lossy(&text), module));
    let scratch = Scratch::new(&ctx.settings.remote.temp, "go")?;
    let copy = scratch.path().join("module");
    copy_folder(ctx, &folder, &copy)?;
    let go = |arguments: &[&str]| run(ctx, &copy, "go", arguments);
    let has_go = go(&["version"]).is_ok_and(|ended| ended.ended.is_success());
    if !has_go {
        let why = "there is no `go` on this machine";
        checks.push(PublishCheck::skipped("go", why));
        return Ok(checks);
    }
    for (name, arguments, hint) in COMMANDS {
        ctx.cancel.check()?;
        checks.push(match go(arguments) {
            Ok(ended) if ended.ended.is_success() => PublishCheck::ok(name, ""),
            Ok(ended) => PublishCheck::failed(name, last_lines(&ended), hint),
            Err(why) => PublishCheck::failed(name, why, hint),
        });
    }
    checks.push(formatted(run(
        ctx,
        &copy,
        &gofmt(go(&["env", "GOROOT"])),
        &["-l", "."],
    )));
    checks.push(documented(&copy)?);
    checks.push(tests(module, go(&["test", "-cover", "./..."])));
    ctx.cancel.check()?;
    Ok(checks)
}

/// The module's path must fit the version.
fn path(subsystem: &Subsystem, module: &GoModule) -> PublishCheck {
    match gomodule::check_path(&module.module, &subsystem.version) {
        Ok(()) => PublishCheck::ok("module path", module.module.clone()),
        Err(error) => {
            PublishCheck::failed("module path", error.to_string(), error.hints().join("; "))
        }
    }
}

/// go.mod must state the module's path.
fn stated_path(text: &str, module: &GoModule) -> PublishCheck {
    let stated = text
        .lines()
        .map(str::trim)
        .find_map(|line| line.strip_prefix("module "))
        .map(|path| {
            path.split("//")
                .next()
                .unwrap_or(path)
                .trim()
                .trim_matches('"')
        });
    match stated {
        Some(path) if path == module.module => PublishCheck::ok("go.mod", ""),
        stated => PublishCheck::failed(
            "go.mod",
            format!(
                "it states the module {}, and the recipe {}",
                stated.map_or("none".to_owned(), |path| format!("`{path}`")),
                module.module
            ),
            "make `gomodule.module` and the line `module` of go.mod the same",
        ),
    }
}

/// The program `gofmt`, which is beside `go`, also where only that is on PATH.
fn gofmt(root: Result<Captured, String>) -> String {
    let found = root
        .ok()
        .map(|ended| Utf8Path::new(ended.out.trim()).join("bin/gofmt"))
        .filter(|program| program.is_absolute() && fs::exists(program));
    found.map_or_else(|| "gofmt".to_owned(), Utf8PathBuf::into_string)
}

fn formatted(ended: Result<Captured, String>) -> PublishCheck {
    const NAME: &str = "gofmt";
    const HINT: &str = "run `gofmt -w .`";
    match ended {
        Ok(ended) if ended.ended.is_success() && ended.out.trim().is_empty() => {
            PublishCheck::ok(NAME, "")
        }
        Ok(ended) if ended.ended.is_success() => {
            let files: Vec<&str> = ended.out.lines().take(5).collect();
            PublishCheck::failed(NAME, format!("not formatted: {}", files.join(", ")), HINT)
        }
        Ok(ended) => PublishCheck::failed(NAME, last_lines(&ended), HINT),
        Err(why) => PublishCheck::skipped(NAME, why),
    }
}

/// Every exported declaration at the beginning of a line has a comment before it, and each package
/// that is no test has one.
fn documented(folder: &Utf8Path) -> Result<PublishCheck> {
    let mut missing = Vec::new();
    for file in go_files(folder)? {
        let text = String::from_utf8_lossy(&fs::read(folder.join(&file))?).into_owned();
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = exported(line)
                && !before.starts_with("//")
                && !before.ends_with("*/")
            {
                missing.push(format!("{file}:{}: {name}", number + 1));
            }
            before = line.trim();
        }
    }
    if missing.is_empty() {
        return Ok(PublishCheck::ok("doc comments", ""));
    }
    let rest = missing.len().saturating_sub(5);
    missing.truncate(5);
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    Ok(PublishCheck::failed(
        "doc comments",
        format!("no comment before {}{more}", missing.join(", ")),
        "write a comment that starts with the name, as pkg.go.dev shows it",
    ))
}

/// The name of the exported function, type, variable or constant that a line declares.
fn exported(line: &str) -> Option<&str> {
    let rest = ["func ", "type ", "var ", "const "]
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    // A method: it counts if its type is exported, too.
    let rest = match rest.strip_prefix('(') {
        Some(receiver) => {
            let (receiver, rest) = receiver.split_once(')')?;
            let kind = receiver.rsplit([' ', '*']).next()?;
            if !kind.starts_with(char::is_uppercase) {
                return None;
            }
            rest.trim_start()
        }
        None => rest,
    };
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    rest.starts_with(char::is_uppercase).then(|| &rest[..end])
}

/// The tests must pass, and cover as much as the recipe demands.
fn tests(module: &GoModule, ended: Result<Captured, String>) -> PublishCheck {
    const NAME: &str = "go test";
    let ended = match ended {
        Ok(ended) => ended,
        Err(why) => return PublishCheck::skipped(NAME, why),
    };
    if !ended.ended.is_success() {
        return PublishCheck::failed(NAME, last_lines(&ended), "make `go test ./...` pass");
    }
    let Some(wanted) = module.min_coverage else {
        return PublishCheck::ok(NAME, "");
    };
    // `ok  path  0.1s  coverage: 83.3% of statements`; packages without statements have none.
    let covered: Vec<f64> = ended
        .out
        .lines()
        .filter_map(|line| line.split_once("coverage: ")?.1.split_once('%'))
        .filter_map(|(number, _)| number.trim().parse().ok())
        .collect();
    let lowest = covered.iter().copied().fold(f64::INFINITY, f64::min);
    if covered.is_empty() || lowest < f64::from(wanted) {
        let found = if covered.is_empty() {
            "no package has tests".to_owned()
        } else {
            format!("the package with the fewest tests has {lowest} % of its statements covered")
        };
        let hint = format!("write tests, or lower `min_coverage`, which is {wanted}");
        return PublishCheck::failed("coverage", found, hint);
    }
    PublishCheck::ok("coverage", format!("at least {lowest} %"))
}

/// The paths of the Go files of a folder that are no tests, sorted.
fn go_files(folder: &Utf8Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![Utf8PathBuf::new()];
    while let Some(relative) = open.pop() {
        for name in fs::list(folder.join(&relative))? {
            let path = relative.join(&name);
            let Some(meta) = fs::lstat(folder.join(&path))? else {
                continue;
            };
            let is_hidden = name.starts_with(['.', '_'])
                || ["testdata", "vendor", "internal"].contains(&name.as_str());
            if meta.is_dir() && !is_hidden {
                open.push(path);
            } else if meta.is_file()
                && path.extension() == Some("go")
                && !name.ends_with("_test.go")
            {
                found.push(path.into_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies the files of a folder; links and what git keeps are left out.
fn copy_folder(ctx: &Context, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for name in fs::list(from)? {
        ctx.cancel.check()?;
        if [".git", ".bin", ".dist", ".larder"].contains(&name.as_str()) {
            continue;
        }
        let (source, copy) = (from.join(&name), to.join(&name));
        match fs::lstat(&source)? {
            Some(meta) if meta.is_dir() => copy_folder(ctx, &source, &copy)?,
            Some(meta) if meta.is_file() => fs::write_atomic(&copy, &fs::read(&source)?)?,
            _ => {}
        }
    }
    Ok(())
}

fn run(
    ctx: &Context,
    folder: &Utf8Path,
    program: &str,
    arguments: &[&str],
) -> Result<Captured, String> {
    let environment = ctx.settings.environment().for_program(VARIABLES);
    Command::new(program, environment)
        .args(arguments)
        .folder(folder)
        .capture(&ctx.cancel)
        .map_err(|error| error.to_string())
}

/// The last lines that a command printed, on one line.
fn last_lines(ended: &Captured) -> String {
    let both = format!("{}\n{}", ended.out, ended.err);
    let lines: Vec<&str> = both
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(4)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_declarations_are_found() {
        for (line, name) in [
            ("func Draw(x int) {", Some("Draw")),
            ("func draw() {", None),
            ("func (a *Arc) Len() int {", Some("Len")),
            ("func (a arc) Len() int {", None),
            ("type Arc struct {", Some("Arc")),
            ("var Default = 1", Some("Default")),
            ("const (", None),
            ("\tInner int", None),
        ] {
            assert_eq!(exported(line), name, "{line}");
        }
    }
}
