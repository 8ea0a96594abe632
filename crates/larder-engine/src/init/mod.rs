//! `init`: a starter project, its CI workflow, and the files that editors and git want. Nothing that is there is
//! overwritten.

mod starter;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::formats::GIT_ATTRIBUTES;
use larder_core::formats::documents::InitDocument;
use larder_core::fs;
use larder_core::project::schema;
use larder_remote::git::Git;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Written,
    /// It was there and got lines that it lacked.
    Extended,
    /// It was there and is as it was.
    Kept,
}

/// What became of a folder.
#[derive(Debug)]
pub struct Initialised {
    /// What became of each file, by its path in the project, in the order in which they were looked at.
    pub files: Vec<(String, Fate)>,
    /// It was a project before.
    pub existing: bool,
    /// `versions.yml` of a new project names the team's hub.
    pub names_hub: bool,
}

impl Initialised {
    /// The files by what became of them.
    pub fn document(&self) -> InitDocument {
        let of = |wanted| {
            self.files
                .iter()
                .filter(|(_, fate)| *fate == wanted)
                .map(|(path, _)| path.clone())
                .collect()
        };
        InitDocument {
            written: of(Fate::Written),
            extended: of(Fate::Extended),
            kept: of(Fate::Kept),
        }
    }
}

/// Writes a starter project; with `workflow` also the workflow of GitHub Actions that installs this version of larder, for
/// which the folder may be a project already.
pub fn init(
    root: &Utf8Path,
    workflow: Option<&str>,
    environment: &Environment,
) -> Result<Initialised> {
    let existing = fs::lstat(root.join("versions.yml"))?.is_some();
    if existing && workflow.is_none() {
        return Err(Error::usage(format!(
            "{root} is a project already: versions.yml is there"
        ))
        .hint(
            "`larder add` and `larder bump` change it; `larder init --ci github` adds a workflow",
        ));
    }
    let mut files: Vec<(String, Fate)> = Vec::new();
    let mut write = |path: &str, text: &str| -> Result<()> {
        let fate = write_new(root, path, text)?;
        files.push((path.to_owned(), fate));
        Ok(())
    };
    let hub = workflow.and_then(|_| origin(root, environment));
    if !existing {
        for (path, text) in starter::FILES {
            let text = match (&hub, *path) {
                (Some(repo), "versions.yml") => starter::with_hub(text, repo),
                _ => (*text).to_owned(),
            };
            write(path, &text)?;
        }
    }
    if let Some(version) = workflow {
        write(starter::WORKFLOW.0, &starter::workflow(version))?;
    }
    // Larder's own: always the present ones.
    write_schemas(root)?;
    let attributes =
        format!("# Pins that two branches add merge line by line.\n{GIT_ATTRIBUTES}\n");
    for (file, lines) in [
        (".gitignore", starter::GITIGNORE),
        (".gitattributes", &attributes),
    ] {
        files.push((file.to_owned(), extend(&root.join(file), lines)?));
    }
    Ok(Initialised {
        files,
        existing,
        names_hub: !existing && hub.is_some(),
    })
}

/// Where the first lines of the starter's files say that their schemas are.
const SCHEMAS: &str = ".larder/schema";

fn write_schemas(root: &Utf8Path) -> Result<()> {
    for (file, schema) in [
        ("versions.schema.json", schema::versions_schema()),
        ("recipe.schema.json", schema::recipe_schema()),
    ] {
        let path = root.join(SCHEMAS).join(file);
        fs::create_dir_all(fs::parent(path.as_std_path()))?;
        fs::write_atomic(&path, format!("{schema:#}\n").as_bytes())?;
    }
    Ok(())
}

/// Writes the schemas again where versions.yml names them and they are gone: after a clone, or without `.larder/`. Editors
/// want them, larder doesn't, so what can't be written is left.
pub fn restore_schemas(root: &Utf8Path) {
    let gone = || fs::lstat(root.join(SCHEMAS)).is_ok_and(|found| found.is_none());
    let named = || {
        fs::read_text(root.join("versions.yml"))
            .is_ok_and(|text| text.contains(&format!("$schema={SCHEMAS}/")))
    };
    if gone() && named() {
        let _ = write_schemas(root);
    }
}

/// Writes a file that is not there yet.
fn write_new(root: &Utf8Path, path: &str, text: &str) -> Result<Fate> {
    let path = root.join(path);
    if fs::lstat(&path)?.is_some() {
        return Ok(Fate::Kept);
    }
    fs::create_dir_all(fs::parent(path.as_std_path()))?;
    fs::write_atomic(&path, text.as_bytes())?;
    Ok(Fate::Written)
}

/// Adds the lines that a file lacks; its own stay as they are.
fn extend(path: &Utf8Path, lines: &str) -> Result<Fate> {
    let old = fs::read_text_opt(path)?;
    let there = old.clone().unwrap_or_default();
    let plain = |line: &str| line.trim().trim_matches('/').to_owned();
    let known: Vec<String> = there.lines().map(plain).collect();
    let is_rule = |line: &str| !line.is_empty() && !line.starts_with('#');
    if lines
        .lines()
        .filter(|line| is_rule(line))
        .all(|line| known.contains(&plain(line)))
    {
        return Ok(Fate::Kept);
    }
    let missing = lines
        .lines()
        .filter(|line| !is_rule(line) || !known.contains(&plain(line)));
    let mut text = there;
    if !text.is_empty() {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    fs::write_atomic(path, text.as_bytes())?;
    Ok(if old.is_some() {
        Fate::Extended
    } else {
        Fate::Written
    })
}

/// `owner/name`, where git's `origin` is a repository of github.com.
fn origin(root: &Utf8Path, environment: &Environment) -> Option<String> {
    // Only files of this machine are read: nothing that a signal would have to interrupt.
    let cancel = Cancel::new();
    repository(&Git::new(environment, true, &cancel).origin_url(root)?)
}

/// `owner/name` of a remote's url in any of its spellings.
fn repository(url: &str) -> Option<String> {
    let path = [
        "https://github.com/",
        "ssh://git@github.com/",
        "git@github.com:",
    ]
    .iter()
    .find_map(|start| url.strip_prefix(start))?;
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let good = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let (owner, name) = path.split_once('/')?;
    (good(owner) && good(name)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_read_in_any_spelling() {
        for url in [
            "https://github.com/acme/tools.git",
            "https://github.com/acme/tools",
            "git@github.com:acme/tools.git",
            "ssh://git@github.com/acme/tools.git/",
        ] {
            assert_eq!(repository(url).as_deref(), Some("acme/tools"), "{url}");
        }
        for url in [
            "https://gitlab.example/acme/tools",
            "https://github.com/acme",
            "git@github.com:a/b/c",
            "/srv/git",
            "",
        ] {
            assert_eq!(repository(url), None, "{url}");
        }
    }
}
