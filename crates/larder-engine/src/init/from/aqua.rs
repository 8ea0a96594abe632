//! `aqua.yaml` of aqua: packages of its registry with versions, also in files that it imports.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::Result;
use larder_core::fs;
use larder_core::project::foreign::Node;

use super::document::{Document, ReadNode, Syntax};
use super::found::{Found, Wanted};
use super::short_names::aqua_tool;

/// Reads the file, which is at `path`.
pub(super) fn read(document: &Document, path: &Utf8Path, found: &mut Found) -> Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new(""));
    let mut standard = true;
    for entry in document.root.entries() {
        let place = document.place(&entry.span);
        match entry.key.as_str() {
            "registries" => {
                for registry in entry.value.items() {
                    let kind = registry.word("type").unwrap_or("standard");
                    if kind != "standard" {
                        standard = false;
                        found.leave(
                            document.place(&registry.span),
                            format!("the registry `{}`", registry.word("name").unwrap_or(kind)),
                            "larder reads packages of aqua's standard registry only",
                        );
                    }
                }
            }
            "packages" => {
                for item in entry.value.items() {
                    package(document, item, standard, found);
                    if let Some(import) = item.word("import") {
                        imported(document, item, folder, import, found)?;
                    }
                }
            }
            "import_dir" => {
                if let Some(dir) = entry.value.text() {
                    for pattern in ["*.yaml", "*.yml"] {
                        imported(
                            document,
                            &entry.value,
                            folder,
                            &format!("{dir}/{pattern}"),
                            found,
                        )?;
                    }
                }
            }
            // versions.lock has a line for each asset.
            "checksum" => {}
            key => found.leave(
                place,
                format!("`{key}:`"),
                "it configures aqua, and larder has nothing like it",
            ),
        }
    }
    Ok(())
}

fn package(document: &Document, item: &Node, standard: bool, found: &mut Found) {
    let place = document.place(&item.span);
    let Some(name) = item.word("name") else {
        if item.get("import").is_none() {
            found.leave(place, "a package", "it has no name");
        }
        return;
    };
    let (name, version) = match name.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (name, item.word("version")),
    };
    let what = format!("the package `{name}`");
    let registry = item.word("registry").unwrap_or("standard");
    if registry != "standard" || name.matches('/').count() == 0 {
        return found.ask(
            place,
            what,
            format!(
                "it is of the registry `{registry}`, and larder reads aqua's standard registry only"
            ),
            format!(
                "larder add {} SOURCE {}",
                super::found::subsystem_name(name),
                version.unwrap_or("VERSION")
            ),
        );
    }
    let _ = standard;
    let Some(version) = version else {
        let why = item
            .entries()
            .iter()
            .find(|entry| matches!(entry.key.as_str(), "go_version_file" | "version_expr"))
            .map_or_else(
                || "it has no version".to_owned(),
                |entry| format!("its version comes from `{}`", entry.key),
            );
        return found.ask(
            place,
            what,
            why,
            format!(
                "larder add {} aqua:{name} VERSION",
                super::found::subsystem_name(name)
            ),
        );
    };
    let wanted = match version {
        "latest" => Wanted::Latest,
        version => Wanted::Exact(version.to_owned()),
    };
    found.tools.push(aqua_tool(name, wanted, place));
}

/// Reads the files that an import names: one, or those of a folder that a pattern with `*` matches.
fn imported(
    document: &Document,
    node: &Node,
    folder: &Utf8Path,
    import: &str,
    found: &mut Found,
) -> Result<()> {
    let shown = document
        .source
        .file
        .parent()
        .unwrap_or(Utf8Path::new(""))
        .to_owned();
    let pattern = Utf8Path::new(import);
    let (dir, name) = (
        pattern.parent().unwrap_or(Utf8Path::new("")),
        pattern.file_name().unwrap_or_default(),
    );
    let mut files: Vec<Utf8PathBuf> = Vec::new();
    if let Some((start, end)) = name.split_once('*').filter(|(_, end)| !end.contains('*')) {
        for entry in fs::list(folder.join(dir))? {
            let name = entry.as_str();
            if name.len() >= start.len() + end.len()
                && name.starts_with(start)
                && name.ends_with(end)
            {
                files.push(dir.join(name));
            }
        }
        files.sort();
    } else if !import.contains('*') {
        files.push(pattern.to_owned());
    }
    let place = document.place(&node.span);
    if files.is_empty() {
        if node.get("import").is_some() {
            found.leave(
                place,
                format!("the import `{import}`"),
                "there is no such file",
            );
        }
        return Ok(());
    }
    for file in files {
        let Some(read) = Document::read(&folder.join(&file), shown.join(&file), Syntax::Yaml)?
        else {
            found.leave(
                place.clone(),
                format!("the import `{file}`"),
                "there is no such file",
            );
            continue;
        };
        for item in read
            .root
            .get("packages")
            .map(ReadNode::items)
            .unwrap_or_default()
        {
            package(&read, item, true, found);
        }
    }
    Ok(())
}
