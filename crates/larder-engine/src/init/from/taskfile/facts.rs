//! What the commands of a task do: downloads, clones, builds, and the files that come out of them.

use std::collections::BTreeMap;

use super::marks::{EXE, Marks, is_literal};
use super::shell::{self, Command};
use super::{RawTask, Taskfiles};
use crate::init::from::document::ReadNode;

/// Something that a task does.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// It downloads a file.
    Download(String),
    /// It downloads an asset of a release on GitHub: repository, tag, name.
    Asset {
        repo: String,
        tag: String,
        asset: String,
    },
    /// It clones a repository into a folder.
    Clone {
        url: String,
        rev: Option<String>,
        dir: String,
    },
    /// It installs with a package manager: what `larder add` takes, and the version.
    Package { source: String, version: String },
    /// It builds a program.
    Build,
}

/// What a task does, in the order of its commands.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) done: Vec<Fact>,
    /// Names of programs that come out of it, the most certain first.
    pub(super) binaries: Vec<String>,
    /// The other commands: what neither prepares a download nor unpacks it.
    pub(super) others: Vec<String>,
}

/// Reads the commands of a task.
pub(super) fn of(task: &RawTask<'_>, taskfiles: &Taskfiles, marks: &mut Marks) -> Facts {
    let mut facts = Facts::default();
    let mut names: Vec<(u8, String)> = Vec::new();
    let known = environment(task, taskfiles, marks);
    for node in task.commands() {
        let Some(text) = node.text().or_else(|| node.word("cmd")) else {
            continue;
        };
        let text = task.text(&taskfiles.root, marks, text);
        let mut commands = shell::commands(&text);
        shell::expand(&mut commands, &known);
        for command in &commands {
            read(command, &mut facts, &mut names);
        }
    }
    for status in task
        .node
        .get("status")
        .map(ReadNode::texts)
        .unwrap_or_default()
    {
        let text = task.text(&taskfiles.root, marks, status);
        for command in shell::commands(&text) {
            if let ("test" | "[", [flag, path, ..]) = (command.program(), command.arguments())
                && matches!(flag.as_str(), "-f" | "-x" | "-e")
            {
                names.push((3, path.clone()));
            }
        }
    }
    // Variables such as NATS_BIN_NAME say it themselves.
    for layer in task.file.layers.last().into_iter().chain([&task.vars]) {
        for (name, _) in layer.names() {
            if name.ends_with("BIN_NAME") || name.ends_with("BINARY_NAME") || name == "BINARY" {
                let value = task.text(&taskfiles.root, marks, &format!("{{{{.{name}}}}}"));
                names.push((0, value));
            }
        }
    }
    names.sort_by_key(|(rank, _)| *rank);
    for (_, path) in names {
        if let Some(name) = program_name(&path)
            && !facts.binaries.contains(&name)
        {
            facts.binaries.push(name);
        }
    }
    facts
}

/// The variables that the shell of a task has.
pub(super) fn environment(
    task: &RawTask<'_>,
    taskfiles: &Taskfiles,
    marks: &mut Marks,
) -> BTreeMap<String, String> {
    let mut known = BTreeMap::new();
    let own = super::Layer::of(&task.file.document, task.node.get("env"), &task.file.dir);
    for layer in task.file.env.iter().chain([&own]) {
        let names: Vec<String> = layer.names().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let mut layers: Vec<&super::Layer> = task.file.layers.iter().collect();
            layers.push(&task.vars);
            layers.push(layer);
            let scope = super::Scope {
                layers,
                root: &taskfiles.root,
                dir: &task.file.dir,
                task: &task.name,
            };
            let value = super::Evaluator::new(&scope, marks).text(&format!("{{{{.{name}}}}}"));
            known.insert(name, value);
        }
    }
    known
}

/// The name of the program at a path, if it is known.
pub(super) fn program_name(path: &str) -> Option<String> {
    let name = path.trim_end_matches(EXE).rsplit('/').next()?;
    let name = name.trim_end_matches(".exe");
    let odd = name.starts_with('.')
        || !is_literal(name)
        || [
            ".tar", ".gz", ".tgz", ".zip", ".xz", ".txt", ".sum", ".json", ".yml", ".yaml", ".md",
            ".bz2", ".zst", ".deb", ".rpm", ".mod",
        ]
        .iter()
        .any(|end| name.ends_with(end));
    (!odd && name.parse::<larder_core::model::FileName>().is_ok()).then(|| name.to_owned())
}

fn read(command: &Command, facts: &mut Facts, names: &mut Vec<(u8, String)>) {
    let arguments = command.arguments();
    let first = arguments.first().map_or("", String::as_str);
    let url = || {
        arguments
            .iter()
            .find(|word| word.starts_with("https://") || word.starts_with("http://"))
            .cloned()
    };
    let plain = |options: &[&str]| -> Vec<&String> {
        let mut words = Vec::new();
        let mut skip = false;
        for word in arguments {
            if std::mem::take(&mut skip) {
                continue;
            }
            if word.starts_with('-') {
                skip = options.contains(&word.as_str());
            } else {
                words.push(word);
            }
        }
        words
    };
    let fact = match (command.program(), first) {
        ("curl" | "wget", _) => {
            let output = match command.program() {
                "curl" => command.option(&["-o", "--output"]),
                _ => command.option(&["-O", "--output-document"]),
            };
            let Some(url) = url().filter(|url| {
                is_download(
                    url,
                    output.is_some()
                        || command.piped
                        || command.output.is_some()
                        || arguments
                            .iter()
                            .any(|word| word.starts_with('-') && word.contains('O')),
                )
            }) else {
                facts.others.push(command.text.clone());
                return;
            };
            if let Some(output) = output.or(command.output.as_deref()) {
                names.push((5, output.to_owned()));
            }
            Fact::Download(url)
        }
        ("gh", "release") if arguments.get(1).is_some_and(|word| word == "download") => {
            let repo = command.option(&["-R", "--repo"]);
            let pattern = command.option(&["-p", "--pattern"]);
            let tag = arguments
                .get(2)
                .filter(|word| !word.starts_with('-'))
                .cloned();
            if let Some(output) = command
                .option(&["-O", "--output"])
                .filter(|output| *output != "-")
            {
                names.push((5, output.to_owned()));
            }
            let (Some(repo), Some(pattern)) = (repo, pattern) else {
                facts.others.push(command.text.clone());
                return;
            };
            Fact::Asset {
                repo: repo
                    .trim_start_matches("https://github.com/")
                    .trim_start_matches("github.com/")
                    .to_owned(),
                tag: tag.unwrap_or_else(|| "latest".to_owned()),
                asset: pattern.to_owned(),
            }
        }
        ("git", "clone") => {
            let words = plain(&[
                "--branch",
                "-b",
                "--depth",
                "--origin",
                "-o",
                "-c",
                "--config",
                "--reference",
            ]);
            let Some(url) = words.get(1) else { return };
            let url = (*url).clone();
            let default = url
                .trim_end_matches(".git")
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned();
            Fact::Clone {
                rev: command.option(&["--branch", "-b"]).map(str::to_owned),
                dir: words.get(2).map_or(default, |dir| (*dir).clone()),
                url,
            }
        }
        ("git", _)
            if arguments
                .iter()
                .any(|word| word == "checkout" || word == "switch") =>
        {
            let rev = arguments
                .last()
                .filter(|word| !word.starts_with('-'))
                .cloned();
            if let Some(Fact::Clone { rev: known, .. }) = facts
                .done
                .iter_mut()
                .rev()
                .find(|fact| matches!(fact, Fact::Clone { .. }))
            {
                *known = known.take().or(rev);
            }
            return;
        }
        ("go", "build") => {
            let output = command.option(&["-o"]).map(str::to_owned);
            names.extend(output.map(|output| (2, output)));
            Fact::Build
        }
        ("go", "install") => match arguments.iter().find_map(|word| word.split_once('@')) {
            Some((path, version)) => Fact::Package {
                source: format!("go:{path}"),
                version: version.to_owned(),
            },
            None => Fact::Build,
        },
        ("cargo" | "zig", "build") | ("make" | "gmake" | "cmake" | "ninja", _) => Fact::Build,
        ("cargo", "install" | "binstall") => {
            let words = plain(&[
                "--version",
                "--vers",
                "--root",
                "--git",
                "--tag",
                "--branch",
                "--rev",
                "--path",
                "--features",
                "-F",
                "--target",
            ]);
            let Some(name) = words.get(1) else {
                return facts.done.push(Fact::Build);
            };
            let (name, at) = match name.split_once('@') {
                Some((name, version)) => (name.to_owned(), Some(version.to_owned())),
                None => ((*name).clone(), None),
            };
            let version =
                at.or_else(|| command.option(&["--version", "--vers"]).map(str::to_owned));
            Fact::Package {
                source: format!("crate:{name}"),
                version: version.unwrap_or_else(|| "latest".to_owned()),
            }
        }
        ("pip" | "pip3" | "pipx" | "uv", _) if arguments.iter().any(|word| word == "install") => {
            let Some((name, version)) = arguments.iter().find_map(|word| word.split_once("=="))
            else {
                facts.others.push(command.text.clone());
                return;
            };
            Fact::Package {
                source: format!("pypi:{}", name.split('[').next().unwrap_or(name)),
                version: version.to_owned(),
            }
        }
        ("npm" | "pnpm" | "yarn", _)
            if arguments
                .iter()
                .any(|word| matches!(word.as_str(), "-g" | "--global" | "global")) =>
        {
            let package = arguments.iter().find_map(|word| {
                let at = word.get(1..)?.rfind('@')? + 1;
                Some((&word[..at], &word[at + 1..]))
            });
            let Some((name, version)) = package else {
                facts.others.push(command.text.clone());
                return;
            };
            Fact::Package {
                source: format!("npm:{name}"),
                version: version.to_owned(),
            }
        }
        ("tar" | "bsdtar", _) => {
            // `tar xz -C dir member`: the first word without a dash is the letters of its options.
            let letters = usize::from(!first.starts_with('-'));
            let words = plain(&[
                "-C",
                "--directory",
                "-f",
                "--strip-components",
                "-xf",
                "-xzf",
                "-xvf",
                "-xzvf",
                "-xJf",
            ]);
            let takes_file = letters == 1 && first.contains('f');
            for word in words.into_iter().skip(letters + usize::from(takes_file)) {
                names.push((4, word.clone()));
            }
            return;
        }
        ("unzip", _) => {
            for word in plain(&["-d"]).into_iter().skip(1) {
                names.push((4, word.clone()));
            }
            return;
        }
        ("chmod", _) => {
            if let Some(path) = arguments.last() {
                names.push((1, path.clone()));
            }
            return;
        }
        ("mv" | "cp" | "install" | "ln", _) => {
            let words = plain(&["-m", "-o", "-g", "-t", "--mode"]);
            if let [.., source, target] = words.as_slice() {
                let path = if target.ends_with('/') || target.ends_with("bin") {
                    source
                } else {
                    target
                };
                names.push((4, (*path).clone()));
            }
            return;
        }
        (
            "mkdir" | "rm" | "cd" | "pushd" | "popd" | "echo" | "printf" | "test" | "[" | "gunzip"
            | "gzip" | "xz" | "unxz" | "zstd" | "sha256sum" | "shasum" | "touch" | "true" | "set"
            | "export" | "exit" | "date" | "awk" | "xattr" | "",
            _,
        )
        | ("git", "fetch" | "pull" | "submodule") => return,
        _ => {
            facts.others.push(command.text.clone());
            return;
        }
    };
    facts.done.push(fact);
}

/// Whether a url is that of a file to keep, rather than a service that is asked.
fn is_download(url: &str, is_kept: bool) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    let local = ["localhost", "127.", "[::1]", "0.0.0.0", "api."]
        .iter()
        .any(|start| host.starts_with(start));
    !local && (is_kept || url.contains("/releases/"))
}
