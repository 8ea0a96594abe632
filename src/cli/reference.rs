//! Generates the reference and the man pages from the definitions of the command
//! line. The output depends only on the definitions, so that a test can compare it with the
//! committed files.
//!
//! Nothing here is specific to a command: every function takes a tree of definitions.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use super::schemas::{self, SchemaInfo};
use larder_core::error::{Error, Kind, Result};
use larder_core::variables;

/// `docs/reference.md`: every command with its options, the variables, the exit codes and the JSON
/// lines.
pub fn markdown(root: &Command) -> String {
    let root = built(root);
    let name = root.get_name().to_owned();
    let mut text = format!(
        "<!-- Generated from the command line's own definitions; edits here are lost. -->\n\n# {name}: reference\n\n"
    );
    if let Some(about) = root.get_long_about().or_else(|| root.get_about()) {
        let _ = writeln!(text, "{}\n", about.to_string().trim());
    }
    let commands: Vec<(String, &Command)> = walk(&root);
    text.push_str("## Commands\n\n| command | what it does |\n|---|---|\n");
    for (path, command) in &commands {
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "| [`{path}`](#{}) | {} |",
            anchor(path),
            in_table(&about)
        );
    }
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| is_visible(arg)).collect();
    if !global.is_empty() {
        text.push_str("\n## Options of every command\n\n");
        arguments(&mut text, &global);
    }
    for (path, command) in &commands {
        let _ = writeln!(text, "\n## {path}\n");
        if let Some(about) = command.get_long_about().or_else(|| command.get_about()) {
            let _ = writeln!(text, "{}\n", about.to_string().trim());
        }
        let usage = (*command).clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        let _ = writeln!(text, "```\n{usage}\n```");
        let own: Vec<&Arg> = command
            .get_arguments()
            .filter(|arg| is_visible(arg) && !is_global(&global, arg))
            .collect();
        if !own.is_empty() {
            text.push('\n');
            arguments(&mut text, &own);
        }
        if let Some(after) = command
            .get_after_long_help()
            .or_else(|| command.get_after_help())
        {
            examples(&mut text, &after.to_string());
        }
    }
    variables(&mut text);
    exit_codes(&mut text);
    json(&mut text);
    text
}

/// Man pages of the root and of every command: file name and content.
pub fn man_pages(root: &Command) -> Result<Vec<(String, Vec<u8>)>> {
    let root = built(root);
    let mut pages = Vec::new();
    let mut render = |name: String, command: Command| -> Result<()> {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|e| Error::failed(format!("cannot render the man page {name}")).cause(e))?;
        pages.push((name, page));
        Ok(())
    };
    render(format!("{}.1", root.get_name()), root.clone())?;
    for (path, command) in walk(&root) {
        render(format!("{}.1", path.replace(' ', "-")), command.clone())?;
    }
    Ok(pages)
}

/// The definitions with what clap adds when it builds them, such as global options on subcommands.
fn built(root: &Command) -> Command {
    let mut root = root.clone();
    root.build();
    root
}

/// All visible commands except `help`, depth first, in the order of their definition.
fn walk(root: &Command) -> Vec<(String, &Command)> {
    fn collect<'a>(prefix: &str, parent: &'a Command, found: &mut Vec<(String, &'a Command)>) {
        for command in parent
            .get_subcommands()
            .filter(|c| !c.is_hide_set() && c.get_name() != "help")
        {
            let path = format!("{prefix} {}", command.get_name());
            found.push((path.clone(), command));
            collect(&path, command, found);
        }
    }
    let mut found = Vec::new();
    collect(root.get_name(), root, &mut found);
    found
}

fn is_visible(arg: &Arg) -> bool {
    !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

fn is_global(global: &[&Arg], arg: &Arg) -> bool {
    arg.is_global_set() && global.iter().any(|known| known.get_id() == arg.get_id())
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    heading.to_ascii_lowercase().replace(' ', "-")
}

/// A text as the cell of a table. `<` outside of code would begin an HTML tag.
fn in_table(text: &str) -> String {
    let line = text.trim().replace('|', "\\|").replace('\n', " ");
    let parts = line.split('`').enumerate().map(|(n, part)| match n % 2 {
        0 => part.replace('<', "&lt;"),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

/// What follows the options in the help: indented lines are command lines.
fn examples(text: &mut String, after: &str) {
    let mut code = false;
    text.push('\n');
    for line in after.trim().lines() {
        let command = line.strip_prefix("  ");
        if command.is_some() != code {
            text.push_str(if code { "```\n\n" } else { "\n```text\n" });
            code = !code;
        }
        let _ = writeln!(text, "{}", command.unwrap_or(line));
    }
    if code {
        text.push_str("```\n");
    }
}

fn arguments(text: &mut String, args: &[&Arg]) {
    text.push_str("| option | meaning |\n|---|---|\n");
    for arg in args {
        let mut help = arg
            .get_long_help()
            .or_else(|| arg.get_help())
            .map(ToString::to_string)
            .unwrap_or_default();
        if !help.ends_with(['.', '!', '?', ':']) && !help.is_empty() {
            help.push('.');
        }
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !values.is_empty() && takes_value(arg) {
            let _ = write!(help, " One of {}.", values.join(", "));
        }
        let defaults: Vec<String> = arg
            .get_default_values()
            .iter()
            .map(|v| format!("`{}`", v.to_string_lossy()))
            .collect();
        if !defaults.is_empty() && takes_value(arg) {
            let _ = write!(help, " Default: {}.", defaults.join(", "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(help, " Variable: `{}`.", variable.to_string_lossy());
        }
        let name = format!("`{}`", spelling(arg));
        let _ = writeln!(text, "| {} | {} |", in_table(&name), in_table(&help));
    }
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// `-j, --jobs <N>`, `<NAME>...`.
fn spelling(arg: &Arg) -> String {
    let names = names_of(arg);
    let value = if takes_value(arg) {
        let names = arg.get_value_names().map(|names| {
            names
                .iter()
                .map(|n| format!("<{n}>"))
                .collect::<Vec<_>>()
                .join(" ")
        });
        let value =
            names.unwrap_or_else(|| format!("<{}>", arg.get_id().as_str().to_ascii_uppercase()));
        if !arg.is_positional() && arg.get_num_args().is_some_and(|n| n.min_values() == 0) {
            // The value may be left out, and otherwise follows `=`.
            return format!("{}[={value}]", names_of(arg));
        }
        value
    } else {
        String::new()
    };
    let many = if arg.is_positional() && arg.get_num_args().is_some_and(|n| n.max_values() > 1) {
        "..."
    } else {
        ""
    };
    match (
        names.is_empty(),
        arg.is_required_set() || !value.is_empty() && !names.is_empty(),
    ) {
        (true, true) => format!("{value}{many}"),
        (true, false) => format!(
            "[{}]{many}",
            value.trim_start_matches('<').trim_end_matches('>')
        ),
        (false, _) => format!("{names} {value}").trim_end().to_owned(),
    }
}

/// `-j, --jobs`; nothing for a positional argument.
fn names_of(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    names.join(", ")
}

fn variables(text: &mut String) {
    text.push_str("\n## Variables\n\n| variable | meaning |\n|---|---|\n");
    for (name, meaning) in variables::ALL {
        let _ = writeln!(text, "| `{name}` | {} |", in_table(meaning));
    }
    text.push_str(
        "| `NO_COLOR` | Not empty: no colours, unless `--color always`. |\n\
         | `CLICOLOR_FORCE` | Not `0`: colours even if the output is not a terminal. |\n",
    );
}

/// What each exit code means, from the kinds of failure themselves.
fn exit_codes(text: &mut String) {
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---:|---|\n");
    let mut rows = vec![(0, "done")];
    rows.extend(
        KINDS
            .iter()
            .map(|(kind, meaning)| (kind.exit_code(), *meaning)),
    );
    for (code, meaning) in rows {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    let mut order: Vec<Kind> = KINDS
        .iter()
        .map(|(kind, _)| *kind)
        .filter(|k| !matches!(k, Kind::Interrupted(_)))
        .collect();
    order.sort_by_key(|kind| kind.rank());
    let order: Vec<String> = order
        .iter()
        .map(|kind| kind.exit_code().to_string())
        .collect();
    let _ = writeln!(
        text,
        "\nIf several steps fail, the exit code is the first of {} that applies.",
        order.join(", ")
    );
}

const KINDS: &[(Kind, &str)] = &[
    (Kind::Failed, "a step failed"),
    (Kind::Usage, "the command line or the files are wrong"),
    (
        Kind::Locked,
        "`--locked` is set, and the lock would have to change",
    ),
    (
        Kind::Integrity,
        "integrity: bytes differ from what is pinned or stated",
    ),
    (
        Kind::Unavailable,
        "something could not be reached; try again later",
    ),
    (
        Kind::Interrupted(1),
        "interrupted (SIGHUP, unless it was ignored from the start, as with `nohup`)",
    ),
    (Kind::Interrupted(2), "interrupted (SIGINT)"),
    (Kind::Interrupted(3), "interrupted (SIGQUIT)"),
    (Kind::Interrupted(15), "interrupted (SIGTERM)"),
];

fn json(text: &mut String) {
    text.push_str(
        "\n## JSON\n\nWith `--json` a command that runs steps prints one object per line on stdout: one for each finished step, \
         then a summary. A command that only reads prints one document. If it is a line of `ci:` or a need of a task, it prints \
         the document on stderr. `larder schema <name>` prints the schemas, which are also in `schema/`.\n\n\
         | schema | describes |\n|---|---|\n",
    );
    for SchemaInfo {
        name,
        describes,
        schema: _,
    } in schemas::ALL
    {
        let _ = writeln!(
            text,
            "| [`{name}`](../schema/{name}.schema.json) | {} |",
            in_table(describes)
        );
    }
    for SchemaInfo {
        name,
        describes: _,
        schema,
    } in schemas::ALL
        .iter()
        .filter(|known| known.name.starts_with("event-"))
    {
        let schema = schema();
        let title = schema["description"].as_str().unwrap_or_default();
        let _ = writeln!(
            text,
            "\n`{name}`: {title}\n\n| field | meaning |\n|---|---|"
        );
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, property) in properties {
            let meaning = property["description"].as_str().unwrap_or_default();
            let optional = if required.iter().any(|r| r == field) {
                ""
            } else {
                " Absent if there is none."
            };
            let _ = writeln!(text, "| `{field}` | {}{optional} |", in_table(meaning));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let names = Arg::new("name")
            .required(true)
            .num_args(1..)
            .help("Subsystems, or `all`");
        let jobs = Arg::new("jobs")
            .short('j')
            .long("jobs")
            .value_name("N")
            .help("Builds at once")
            .default_value("2");
        let color = Arg::new("color")
            .long("color")
            .global(true)
            .help("When to use colours")
            .value_parser(["auto", "never"]);
        let json = Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("JSON lines | on stdout");
        Command::new("larder")
            .about("Binaries are the artifact")
            .arg(color)
            .subcommand(
                Command::new("ensure")
                    .about("Makes binaries present")
                    .arg(names)
                    .arg(jobs)
                    .arg(json),
            )
            .subcommand(
                Command::new("cache")
                    .about("The cache")
                    .subcommand(Command::new("dir").about("Where it is")),
            )
            .subcommand(Command::new("unlisted").hide(true))
    }

    #[test]
    fn the_reference_has_all_that_is_visible() {
        let text = markdown(&tree());
        let commands = text.split("\n## Variables").next().unwrap_or_default();
        insta::assert_snapshot!(commands, @r"
        <!-- Generated from the command line's own definitions; edits here are lost. -->

        # larder: reference

        Binaries are the artifact

        ## Commands

        | command | what it does |
        |---|---|
        | [`larder ensure`](#larder-ensure) | Makes binaries present |
        | [`larder cache`](#larder-cache) | The cache |
        | [`larder cache dir`](#larder-cache-dir) | Where it is |

        ## Options of every command

        | option | meaning |
        |---|---|
        | `--color <COLOR>` | When to use colours. One of `auto`, `never`. |

        ## larder ensure

        Makes binaries present

        ```
        larder ensure [OPTIONS] <name>...
        ```

        | option | meaning |
        |---|---|
        | `<NAME>...` | Subsystems, or `all`. |
        | `-j, --jobs <N>` | Builds at once. Default: `2`. |
        | `--json` | JSON lines \| on stdout. |

        ## larder cache

        The cache

        ```
        larder cache [OPTIONS] [COMMAND]
        ```

        ## larder cache dir

        Where it is

        ```
        larder cache dir [OPTIONS]
        ```
        ");
        for word in [
            "LARDER_",
            "| 4 | integrity",
            "| 130 |",
            "the first of 4, 2, 3, 5, 1 that applies",
            "`error_kind` |",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert!(!text.contains("unlisted"));
        assert_eq!(text, markdown(&tree()));
    }

    #[test]
    fn pages_know_the_commands() {
        let pages = man_pages(&tree()).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "larder.1",
                "larder-ensure.1",
                "larder-cache.1",
                "larder-cache-dir.1"
            ]
        );
    }
}
