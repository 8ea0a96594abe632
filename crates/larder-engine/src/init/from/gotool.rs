//! A program that `go install` builds: a module path with a version.

use super::found::{Place, Recipe, Tool, Wanted, subsystem_name};
use super::yaml::Value;

/// The tool of a module path such as `github.com/rhysd/actionlint/cmd/actionlint`. Go modules need the leading `v`, which
/// asdf and mise leave out.
pub(super) fn tool(path: &str, version: Wanted, place: Place) -> Result<Tool, String> {
    let binary = binary_of(path);
    let Wanted::Exact(version) = version else {
        return Err(format!(
            "`{version}` is not a whole version of a Go module: write the recipe with `go install {path}@{{{{ version }}}}`"
        ));
    };
    let recipe = Recipe {
        keys: vec![
            ("binaries", Value::texts([binary])),
            (
                "build",
                Value::Map(vec![
                    ("tools".into(), Value::pairs([("go", "")])),
                    ("source".into(), Value::pairs([("dir", ".")])),
                    (
                        "env".into(),
                        Value::pairs([("CGO_ENABLED", "0"), ("GOBIN", "{{ out }}")]),
                    ),
                    (
                        "commands".into(),
                        Value::texts([format!(
                            "go install -trimpath {path}@v{{{{ version_number }}}}"
                        )]),
                    ),
                ]),
            ),
        ],
        source_dir: None,
    };
    Ok(Tool {
        name: subsystem_name(binary),
        version: Wanted::Exact(version),
        sources: Vec::new(),
        binaries: Vec::new(),
        recipe: Some(recipe),
        asset: None,
        build: None,
        place,
    })
}

/// The name of the program: the last part of the path that is no major version.
fn binary_of(path: &str) -> &str {
    let is_major = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
    };
    path.rsplit('/')
        .find(|part| !is_major(part))
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_module_is_its_last_part() {
        for (path, binary) in [
            ("github.com/rhysd/actionlint/cmd/actionlint", "actionlint"),
            ("github.com/mikefarah/yq/v4", "yq"),
            ("mvdan.cc/sh/v3/cmd/shfmt", "shfmt"),
            ("golang.org/x/tools/cmd/goimports", "goimports"),
        ] {
            assert_eq!(binary_of(path), binary);
        }
    }
}
