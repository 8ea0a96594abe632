//! `mise.toml` of mise: tools with their backends, variables, and tasks.

use larder_core::model::FileName;
use larder_core::project::foreign::{Entry, Node};

use super::document::{Document, ReadNode};
use super::found::{Found, Task, Tool, subsystem_name};
use super::gotool;
use super::short_names::{aqua_tool, name_of};
use super::tool_versions::{self, version_of};

/// Reads the file.
pub(super) fn read(document: &Document, found: &mut Found) {
    for entry in document.root.entries() {
        let place = document.place(&entry.span);
        match entry.key.as_str() {
            "tools" => {
                for tool in entry.value.entries() {
                    tool_entry(document, tool, found);
                }
            }
            "env" => env(document, &entry.value, found),
            "tasks" => {
                let names: Vec<&str> = entry
                    .value
                    .entries()
                    .iter()
                    .map(|task| task.key.as_str())
                    .collect();
                for task in entry.value.entries() {
                    task_entry(document, task, &names, found);
                }
            }
            "min_version" | "settings" => {}
            key => found.leave(
                place,
                format!("`[{key}]`"),
                "it configures mise, and larder has nothing like it",
            ),
        }
    }
}

fn tool_entry(document: &Document, entry: &Entry, found: &mut Found) {
    let place = document.place(&entry.span);
    let what = format!("the tool `{}`", entry.key);
    let options = entry.value.get("version").map(|_| &entry.value);
    let versions = match options {
        Some(options) => options
            .get("version")
            .map(ReadNode::texts)
            .unwrap_or_default(),
        None => match entry
            .value
            .items()
            .first()
            .and_then(|item| item.word("version"))
        {
            Some(version) => vec![version],
            None => entry.value.texts(),
        },
    };
    let Some((version, more)) = versions.split_first() else {
        return found.leave(place, what, "it has no version");
    };
    if !more.is_empty() {
        found.leave(
            place.clone(),
            what.clone(),
            format!(
                "it also lists {}, and a project has one version of a tool: {version} is taken",
                more.join(", ")
            ),
        );
    }
    for option in options.into_iter().flat_map(ReadNode::entries) {
        if matches!(
            option.key.as_str(),
            "os" | "install_env" | "postinstall" | "features" | "matching" | "matching_regex"
        ) {
            found.leave(
                document.place(&option.span),
                what.clone(),
                format!(
                    "its option `{}` was not moved: check the recipe",
                    option.key
                ),
            );
        }
    }
    let Some((backend, id)) = entry.key.split_once(':') else {
        return tool_versions::add(&entry.key, version, false, place, found);
    };
    let id = id.split('[').next().unwrap_or(id);
    let wanted = match version_of(version, false) {
        Ok(wanted) => wanted,
        Err(why) => return found.leave(place, what, why),
    };
    let binaries: Vec<FileName> = options
        .and_then(|options| options.word("exe").or_else(|| options.word("bin")))
        .and_then(|name| name.trim_end_matches(".exe").parse().ok())
        .into_iter()
        .collect();
    let source = |sources: &[String]| Tool {
        name: subsystem_name(id),
        version: wanted.clone(),
        sources: sources.to_vec(),
        binaries: binaries.clone(),
        recipe: None,
        asset: None,
        build: None,
        place: place.clone(),
    };
    let tool = match backend {
        "core" | "asdf" | "vfox" => {
            let name = id.rsplit('/').next().unwrap_or(id);
            let name = name
                .trim_start_matches("asdf-")
                .trim_start_matches("vfox-")
                .trim_start_matches("mise-");
            return tool_versions::add(name, version, false, place, found);
        }
        "aqua" => Tool {
            binaries,
            ..aqua_tool(id, wanted, place)
        },
        "github" | "ubi" => Tool {
            name: name_of(id),
            ..source(&[format!("github:{id}")])
        },
        "npm" => source(&[format!("npm:{id}")]),
        "pipx" | "pip" | "uvx" => source(&[format!("pypi:{id}")]),
        "cargo" => source(&[format!("crate:{id}")]),
        "go" => match gotool::tool(id, wanted, place.clone()) {
            Ok(tool) => tool,
            Err(why) => return found.leave(place, what, why),
        },
        other => {
            return found.ask(
                place,
                what,
                format!("larder can't take tools from the backend `{other}` of mise"),
                format!("larder add {} SOURCE {version}", subsystem_name(id)),
            );
        }
    };
    found.tools.push(tool);
}

fn env(document: &Document, node: &Node, found: &mut Found) {
    for entry in node.entries() {
        let place = document.place(&entry.span);
        let what = format!("the variable `{}`", entry.key);
        let value = entry.value.text().or_else(|| entry.value.word("value"));
        match value {
            Some("false") if entry.value.items().is_empty() => {
                found.leave(place, what, "larder unsets no variables");
            }
            _ if entry.key == "_" => {
                let keys: Vec<&str> = entry
                    .value
                    .entries()
                    .iter()
                    .map(|entry| entry.key.as_str())
                    .collect();
                found.ask(
                    place,
                    format!("`_.{}`", keys.join("`, `_.")),
                    "larder reads no files of variables and adds no folders to PATH",
                    "direnv does: see \"Use the binaries\" in the guide",
                );
            }
            Some(text) if !text.contains("{{") => {
                found.env.push((entry.key.clone(), text.to_owned(), place));
            }
            _ => found.leave(place, what, "its value is a template of mise"),
        }
    }
}

/// Keys of a task that mean nothing to larder, or only change how mise shows it.
const IGNORED: [&str; 7] = [
    "hide", "quiet", "silent", "raw", "alias", "aliases", "confirm",
];

fn task_entry(document: &Document, entry: &Entry, names: &[&str], found: &mut Found) {
    let place = document.place(&entry.span);
    let what = format!("the task `{}`", entry.key);
    let mut task = Task {
        name: entry.key.clone(),
        desc: entry.value.word("description").map(str::to_owned),
        // mise installs the tools before it runs a task.
        needs: vec!["ensure all".to_owned()],
        env: Vec::new(),
        commands: Vec::new(),
        status: Vec::new(),
        place: place.clone(),
    };
    let dir = match folder(entry.value.word("dir").unwrap_or_default()) {
        Ok(dir) => dir,
        Err(why) => return found.leave(place, what, why),
    };
    let mut run = |node: &Node| -> Result<(), String> {
        let items = match node.items() {
            [] => std::slice::from_ref(node),
            items => items,
        };
        for item in items {
            if let Some(text) = item.text() {
                task.commands.push(command(text, &dir)?);
            } else if let Some(name) = item.word("task") {
                task.commands.push(format!("larder run {name}"));
            } else {
                return Err("it runs several tasks at once".to_owned());
            }
        }
        Ok(())
    };
    let outcome = match entry.value.get("run") {
        Some(node) => run(node),
        None if entry.value.entries().is_empty() => run(&entry.value),
        None => Ok(()),
    };
    let outcome = outcome.and_then(|()| {
        for key in entry.value.entries() {
            match key.key.as_str() {
                "run" | "description" | "dir" => {}
                "depends" => {
                    for need in key.value.texts() {
                        task.needs.extend(depends(need, names)?);
                    }
                }
                "env" => {
                    for entry in key.value.entries() {
                        let Some(text) = entry.value.text().filter(|text| !text.contains("{{"))
                        else {
                            return Err(format!(
                                "its variable `{}` is a template of mise",
                                entry.key
                            ));
                        };
                        task.env.push((entry.key.clone(), text.to_owned()));
                    }
                }
                "sources" | "outputs" => found.leave(
                    document.place(&key.span),
                    what.clone(),
                    format!(
                        "`{}` was not moved, so it always runs; `status:` can say when it need not",
                        key.key
                    ),
                ),
                other if IGNORED.contains(&other) => {}
                other => return Err(format!("larder's tasks have nothing like its `{other}`")),
            }
        }
        Ok(())
    });
    if let Err(why) = outcome {
        return found.leave(place, what, why);
    }
    if task.commands.is_empty() && task.needs.len() < 2 {
        return found.leave(place, what, "it has no commands that larder can run");
    }
    found.tasks.push(task);
}

/// The folder of a task, relative to the file; empty if it is the same.
fn folder(text: &str) -> Result<String, String> {
    let clean = text.replace("{{ config_root }}", "{{config_root}}");
    let clean = clean
        .trim_start_matches("{{config_root}}")
        .trim_start_matches("./")
        .trim_matches('/');
    if clean.contains("{{") || clean.contains("..") || text.starts_with('/') {
        return Err(format!(
            "its folder `{text}` is a template, or outside of the project"
        ));
    }
    Ok(if clean == "." {
        String::new()
    } else {
        clean.to_owned()
    })
}

/// A command without templates of mise, in a folder.
fn command(text: &str, dir: &str) -> Result<String, String> {
    let up = vec![".."; dir.split('/').filter(|part| !part.is_empty()).count()].join("/");
    let root = if up.is_empty() { "." } else { &up };
    let clean = text
        .replace("{{ config_root }}", "{{config_root}}")
        .replace("{{config_root}}", root);
    if clean.contains("{{") || clean.contains("{%") {
        return Err("it contains a template of mise".to_owned());
    }
    if clean.trim_start().starts_with("#!") {
        return Err("it is a script of another language than sh: put it into a file".to_owned());
    }
    if clean.contains("usage_") {
        return Err("it takes options that mise describes with `usage`".to_owned());
    }
    let clean = clean.trim_end_matches('\n');
    Ok(match (dir, clean.contains('\n')) {
        ("", _) => clean.to_owned(),
        (dir, true) => format!("cd {dir}\n{clean}"),
        (dir, false) => format!("cd {dir} && {clean}"),
    })
}

/// The tasks that one entry of `depends` means.
fn depends(need: &str, names: &[&str]) -> Result<Vec<String>, String> {
    if let Some(start) = need.strip_suffix('*') {
        return Ok(names
            .iter()
            .filter(|name| name.starts_with(start))
            .map(|name| (*name).to_owned())
            .collect());
    }
    if need.contains([' ', '{']) {
        return Err(format!(
            "it gives arguments to the task it depends on: `{need}`"
        ));
    }
    Ok(vec![need.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::super::document::{Syntax, document};
    use super::*;

    #[test]
    fn backends_become_sources() {
        let text = r#"
[tools]
jq = "1.7.1"
"aqua:cli/cli" = "2.83.2"
"ubi:BurntSushi/ripgrep" = { version = "14.1.1", exe = "rg" }
"github:sharkdp/fd" = "latest"
"npm:@biomejs/biome" = "1.9"
"pipx:ruff" = "0.9.1"
"cargo:eza" = "0.20.0"
"go:github.com/rhysd/actionlint/cmd/actionlint" = "1.7.7"
"asdf:mise-plugins/mise-sops" = "3.9.4"
"gem:rubocop" = "1.0.0"
terraform = ["1.9.5", "1.8.0"]
node = "22"
"#;
        let mut found = Found::default();
        read(&document("mise.toml", text, Syntax::Toml), &mut found);
        let tools: Vec<String> = found
            .tools
            .iter()
            .map(|tool| {
                let from = tool
                    .recipe
                    .as_ref()
                    .map_or(tool.sources.join(" "), |_| "its own recipe".into());
                format!("{} {}: {from} {:?}", tool.name, tool.version, tool.binaries)
            })
            .collect();
        insta::assert_snapshot!(tools.join("\n"), @r#"
        jq 1.7.1: aqua:jqlang/jq github:jqlang/jq []
        gh 2.83.2: aqua:cli/cli github:cli/cli []
        ripgrep 14.1.1: github:BurntSushi/ripgrep [FileName("rg")]
        fd latest: github:sharkdp/fd []
        biome 1.9: npm:@biomejs/biome []
        ruff 0.9.1: pypi:ruff []
        eza 0.20.0: crate:eza []
        actionlint 1.7.7: its own recipe []
        sops 3.9.4: aqua:getsops/sops github:getsops/sops []
        terraform 1.9.5: aqua:hashicorp/terraform github:hashicorp/terraform []
        "#);
        let left: Vec<String> = found
            .left
            .iter()
            .map(|left| format!("{} {}: {}", left.place, left.what, left.why))
            .collect();
        insta::assert_snapshot!(left.join("\n"), @r"
        mise.toml:12 the tool `gem:rubocop`: larder can't take tools from the backend `gem` of mise
        mise.toml:13 the tool `terraform`: it also lists 1.8.0, and a project has one version of a tool: 1.9.5 is taken
        mise.toml:14 the tool `node`: node 22: larder has no recipe for this toolchain, which is more than one program
        ");
    }

    #[test]
    fn tasks_keep_their_order_and_needs() {
        let text = r#"
[env]
LEVEL = "debug"
HOME_DIR = "{{ config_root }}/x"
_.file = ".env"

[tasks]
quick = "echo quick"

[tasks."lint:a"]
run = "echo a"

[tasks.test]
description = "All tests"
depends = ["lint:*", "quick"]
run = ["echo one", { task = "quick" }, "{{config_root}}/bin/x"]
env = { A = "1" }
dir = "{{config_root}}/server"

[tasks.args]
run = "echo {{arg(name='x')}}"
"#;
        let mut found = Found::default();
        read(&document("mise.toml", text, Syntax::Toml), &mut found);
        let tasks: Vec<String> = found
            .tasks
            .iter()
            .map(|task| {
                format!(
                    "{} {:?} {:?} {:?}",
                    task.name, task.needs, task.env, task.commands
                )
            })
            .collect();
        insta::assert_snapshot!(tasks.join("\n"), @r#"
        quick ["ensure all"] [] ["echo quick"]
        lint:a ["ensure all"] [] ["echo a"]
        test ["ensure all", "lint:a", "quick"] [("A", "1")] ["cd server && echo one", "larder run quick", "cd server && ../bin/x"]
        "#);
        let left: Vec<String> = found
            .left
            .iter()
            .map(|left| format!("{} {}: {}", left.place, left.what, left.why))
            .collect();
        insta::assert_snapshot!(left.join("\n"), @r"
        mise.toml:4 the variable `HOME_DIR`: its value is a template of mise
        mise.toml:5 `_.file`: larder reads no files of variables and adds no folders to PATH
        mise.toml:20 the task `args`: it contains a template of mise
        ");
        assert_eq!(found.env.len(), 1);
        assert_eq!(found.tools.len(), 0);
    }
}
