//! The script that runs the commands of a build on a worker. It has no path of this machine, so the
//! same build gives the same script everywhere.
//!
//! ```text
//! src      the source; commands run here
//! out      `{{ out }}`: empty
//! needs/*  the binaries of each `build.needs`, first on PATH
//! tmp      TMPDIR
//! home     HOME
//! ```
//! The worker alone knows where these are, so the script puts its current folder in the place of
//! [`ROOT`]. Each line then runs with `sh -c`, so that its quotes mean the same as on this machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The text that stands for the folder of the script, where the recipe is rendered for a worker.
pub(super) const ROOT: &str = "/@larder-root@";

/// The folders of the input root.
pub(super) const SRC: &str = "src";
pub(super) const OUT: &str = "out";
pub(super) const TMP: &str = "tmp";
pub(super) const HOME: &str = "home";
pub(super) const NEEDS: &str = "needs";

/// The file in `out` with a line `TOOL<tab>WHAT IT PRINTED` for each of the `tools:`.
pub(super) const TOOLS_FILE: &str = ".larder-tools";

/// The beginning of a line that the script itself prints.
const SAYS: &str = "larder-build: ";

/// What the script is made from.
pub(super) struct Script<'a> {
    /// One line that says what is built. Results of different targets are never mixed up, because it
    /// is part of the script.
    pub title: &'a str,
    /// The names of the needs.
    pub needs: &'a [&'a str],
    /// The names of the tools.
    pub tools: &'a [&'a str],
    /// The declared variables, rendered with [`ROOT`].
    pub env: &'a [(String, String)],
    /// The command lines, rendered with [`ROOT`].
    pub commands: &'a [String],
}

impl Script<'_> {
    /// The variables that the script starts with, without those that contain a path of the worker.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> = [("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8")]
            .into_iter()
            .chain([("TZ", "UTC"), ("USER", "larder")])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let declared = self.env.iter().filter(|(_, value)| !value.contains(ROOT));
        all.extend(declared.cloned());
        all
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        let mut text = format!("# {}\nexec 2>&1\nroot=$(pwd -P)\n", self.title);
        let _ = writeln!(
            text,
            "case $root in *[!A-Za-z0-9/._+=@,-]*) echo \"{SAYS}the worker's folder $root has \
             characters that a command line can't carry\"; exit 125;; esac"
        );
        let is_declared = |name: &str| self.env.iter().any(|(declared, _)| declared == name);
        for (name, folder) in [("HOME", HOME), ("TMPDIR", TMP)] {
            if !is_declared(name) {
                let _ = writeln!(text, "export {name}=\"$root\"/{folder}");
            }
        }
        if !is_declared("PATH") {
            text.push_str("export PATH=");
            for need in self.needs {
                let _ = write!(text, "\"$root\"/{NEEDS}/{need}:");
            }
            text.push_str(
                "\"${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}\"\n",
            );
        }
        for (name, value) in self.env.iter().filter(|(_, value)| value.contains(ROOT)) {
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        // Not in the source, where `make version` would make its target `version`.
        if !self.tools.is_empty() {
            let _ = writeln!(
                text,
                "tool() {{ said=$(\"$1\" version 2>&1 </dev/null) || \
                 said=$(\"$1\" --version 2>&1 </dev/null) || \
                 {{ printf '{SAYS}tool %s is missing\\n' \"$1\"; exit 127; }}; \
                 printf '%s\\t%s\\n' \"$1\" \"$(printf '%s' \"$said\" | tr '\\n\\t' '  ')\" \
                 >>\"$root\"/{TMP}/{TOOLS_FILE}; }}"
            );
            for tool in self.tools {
                let _ = writeln!(text, "tool {}", quoted(tool));
            }
        }
        // `set -e` would not say which command failed.
        let _ = write!(
            text,
            "cd {SRC} || exit 125\n\
             run() {{ printf '$ %s\\n' \"$2\"; sh -c \"$2\" </dev/null; code=$?; [ $code = 0 ] || \
             {{ printf '\\n{SAYS}command %s failed\\n' \"$1\"; exit $code; }}; }}\n"
        );
        for (number, line) in self.commands.iter().enumerate() {
            let _ = writeln!(text, "run {number} {}", quoted(line));
        }
        // The commands may have emptied `out`.
        if !self.tools.is_empty() {
            let _ = writeln!(
                text,
                "cp \"$root\"/{TMP}/{TOOLS_FILE} \"$root\"/{OUT}/{TOOLS_FILE} || exit 125"
            );
        }
        text
    }
}

/// A word of the script whose value is this text, with the folder of the script for [`ROOT`].
fn quoted(text: &str) -> String {
    let parts: Vec<String> = text
        .split(ROOT)
        .map(|part| format!("'{}'", part.replace('\'', "'\\''")))
        .collect();
    parts.join("\"$root\"")
}

/// Why a script did not exit with 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause<'a> {
    /// The command with this number.
    Command(usize),
    /// A tool is not on the worker, or does not print its version.
    Tool(&'a str),
    /// Something else; the output may say what.
    Unknown,
}

/// Splits what a failed script printed: the output of the commands, and why it failed.
pub(super) fn cause(output: &str) -> (&str, Cause<'_>) {
    let trimmed = output.trim_end_matches('\n');
    let (before, last) = trimmed.rsplit_once('\n').unwrap_or(("", trimmed));
    let said = last.strip_prefix(SAYS).unwrap_or_default();
    let command = said.strip_prefix("command ");
    if let Some(number) = command.and_then(|rest| rest.strip_suffix(" failed")?.parse().ok()) {
        return (before.trim_end_matches('\n'), Cause::Command(number));
    }
    let tool = said.strip_prefix("tool ");
    if let Some(tool) = tool.and_then(|rest| rest.strip_suffix(" is missing")) {
        return (before, Cause::Tool(tool));
    }
    (trimmed, Cause::Unknown)
}

#[cfg(all(test, unix))]
#[expect(
    clippy::disallowed_methods,
    reason = "a worker is another machine, which knows no run"
)]
mod tests {
    use std::process::Command;

    use camino::Utf8Path;

    use super::*;
    use larder_core::fs;

    /// Runs the script of these commands in a new folder, as a worker does. Returns its exit code,
    /// what it printed, and what `out` then has.
    fn run(script: &Script<'_>) -> (i32, String, BTreeMap<String, String>) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for folder in [SRC, OUT, TMP, HOME] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        // What `cat version` prints in the source, as `make version` makes a target of a Makefile.
        fs::write_atomic(root.join(SRC).join("version"), b"of the source").unwrap();
        let ended = Command::new("/bin/sh")
            .args(["-c", &script.text()])
            .current_dir(root)
            .env_clear()
            .envs(script.environment())
            .output()
            .unwrap();
        assert!(ended.stderr.is_empty());
        let out = root.join(OUT);
        let files = fs::list(&out).unwrap().into_iter();
        let read = |name: String| {
            (
                name.clone(),
                std::fs::read_to_string(out.join(name)).unwrap(),
            )
        };
        (
            ended.status.code().unwrap(),
            String::from_utf8(ended.stdout).unwrap(),
            files.map(read).collect(),
        )
    }

    fn script<'a>(commands: &'a [String], env: &'a [(String, String)]) -> Script<'a> {
        Script {
            title: "tool v1 for linux-amd64",
            needs: &[],
            tools: &["sh"],
            env,
            commands,
        }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_means_the_same_as_on_this_machine() {
        let commands = lines(&[
            "printf \"%s|it's\" \"$A\" > \"/@larder-root@/out/a\"",
            "x='/@larder-root@/out'; echo $x/b > $x/b; cd /",
            "basename \"$PWD\" >/@larder-root@/out/c && test \"$HOME\" = /@larder-root@/home",
        ]);
        let env = [("A".to_owned(), "/@larder-root@/src $HOME 'q'".to_owned())];
        let tools: &[&str] = &[];
        let script = Script {
            tools,
            ..script(&commands, &env)
        };
        let (code, said, files) = run(&script);
        assert_eq!(code, 0, "{said}");
        assert!(files["a"].ends_with("/src $HOME 'q'|it's"), "{files:?}");
        assert!(files["b"].ends_with("/out/b\n"), "{files:?}");
        assert_eq!(files["c"], "src\n");
        assert!(said.starts_with("$ printf"), "{said}");
    }

    #[test]
    fn it_ends_at_the_first_command_that_fails_and_says_which() {
        let commands = lines(&["echo one", "echo two; exit 7", "touch /@larder-root@/out/x"]);
        let tools: &[&str] = &[];
        let (code, said, files) = run(&Script {
            tools,
            ..script(&commands, &[])
        });
        assert_eq!((code, files.len()), (7, 0));
        let (output, why) = cause(&said);
        assert_eq!(why, Cause::Command(1));
        assert_eq!(output, "$ echo one\none\n$ echo two; exit 7\ntwo");
        assert_eq!(cause("killed\n"), ("killed", Cause::Unknown));
    }

    #[test]
    fn tools_are_asked_on_the_worker() {
        let commands = lines(&["true"]);
        let gone = Script {
            tools: &["no-such-tool"],
            ..script(&commands, &[])
        };
        let (code, said, _) = run(&gone);
        assert_eq!((code, cause(&said).1), (127, Cause::Tool("no-such-tool")));
        let printing = lines(&["true"]);
        let there = Script {
            tools: &["echo"],
            ..script(&printing, &[])
        };
        let (code, _, files) = run(&there);
        assert_eq!((code, files[TOOLS_FILE].as_str()), (0, "echo\tversion\n"));
        let cat = Script {
            tools: &["cat"],
            ..script(&printing, &[])
        };
        let (_, said, files) = run(&cat);
        let tools = files.get(TOOLS_FILE).map_or("", String::as_str);
        assert!(!tools.contains("of the source"), "{tools}{said}");
        // What the commands do to `out` does not remove what the tools said.
        let emptying = lines(&["rm -rf /@larder-root@/out && mkdir /@larder-root@/out"]);
        let emptied = Script {
            tools: &["echo"],
            ..script(&emptying, &[])
        };
        let (code, said, files) = run(&emptied);
        assert_eq!(code, 0, "{said}");
        assert_eq!(files[TOOLS_FILE], "echo\tversion\n");
    }

    #[test]
    fn the_script_has_no_path_of_this_machine() {
        let commands = lines(&["make /@larder-root@/out"]);
        let text = script(&commands, &[]).text();
        assert!(text.contains("run 0 'make '\"$root\"'/out'"), "{text}");
        assert!(!text.contains(ROOT));
        assert!(text.starts_with("# tool v1 for linux-amd64\n"));
    }
}
