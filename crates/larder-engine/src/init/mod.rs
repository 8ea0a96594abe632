//! `init`: writes a starter project, its CI workflow, and the files that editors and git use. An existing file is never
//! overwritten.

mod from;
mod starter;

pub use from::{FileKind, FromContext, FromRequest, LeftLine, Taken, grouped, init_from};
pub use starter::{LarderSource, pages_folder};

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::formats::GIT_ATTRIBUTES;
use larder_core::formats::documents::InitDocument;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::ChannelKind;
use larder_core::project::schema;
use larder_remote::git::Git;

/// What `init` did with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is a new file.
    Written,
    /// It existed, and missing lines were appended.
    Extended,
    /// It existed and is unchanged.
    Kept,
}

/// The result of `init`.
#[derive(Debug)]
pub struct Initialised {
    /// Each file by its path in the project, in the order in which they were handled.
    pub files: Vec<(String, FileChange)>,
    /// The folder was a project before.
    pub existing: bool,
    /// The new project's `versions.yml` names the team's hub.
    pub names_hub: bool,
}

impl Initialised {
    /// The document of `init`: the files by what was done with them.
    pub fn document(&self) -> InitDocument {
        let of = |wanted| {
            self.files
                .iter()
                .filter(|(_, change)| *change == wanted)
                .map(|(path, _)| path.clone())
                .collect()
        };
        InitDocument {
            written: of(FileChange::Written),
            extended: of(FileChange::Extended),
            kept: of(FileChange::Kept),
        }
    }
}

/// A workflow for GitHub Actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflow {
    /// Where runners without larder get it from. If it is not known, the user has to fill it in.
    pub larder: Option<LarderSource>,
    /// The channels that a job feeds on a tag; `None` for no such job.
    pub publish: Option<Vec<ChannelKind>>,
    /// The folder that a job puts on GitHub Pages, as [`pages_folder`] gives it.
    pub pages: Option<String>,
}

/// The file that makes a folder a project.
const VERSIONS: &str = "versions.yml";

/// Writes a starter project. With `workflow`, a workflow is written too, and the folder may be a project already.
pub fn init(
    root: &Utf8Path,
    workflow: Option<&Workflow>,
    environment: &Environment,
) -> Result<Initialised> {
    let existing = fs::lstat(root.join(VERSIONS))?.is_some();
    if existing && workflow.is_none() {
        return Err(Error::usage(format!(
            "{root} is a project already: it has a versions.yml"
        ))
        .hint(
            "`larder add` and `larder bump` change it; `larder init --ci github` adds a workflow",
        ));
    }
    let mut files: Vec<(String, FileChange)> = Vec::new();
    let mut write = |path: &str, text: &str| -> Result<()> {
        let change = write_new(root, path, text)?;
        files.push((path.to_owned(), change));
        Ok(())
    };
    let hub = workflow.and_then(|_| origin(root, environment));
    if !existing {
        for (path, text) in starter::FILES {
            if *path != VERSIONS {
                write(path, text)?;
            }
        }
    }
    if let Some(workflow) = workflow {
        write(starter::WORKFLOW.0, &starter::workflow(workflow))?;
    }
    // The schemas are not for the user to change: always write those of this version.
    write_schemas(root)?;
    for (file, lines) in extensions() {
        files.push((file.to_owned(), extend(&root.join(file), &lines)?));
    }
    // The file that makes the folder a project is written last: a run that is killed can be run again.
    if let Some((path, text)) = starter::FILES.iter().find(|(path, _)| *path == VERSIONS)
        && !existing
    {
        let text = hub
            .as_ref()
            .map_or_else(|| (*text).to_owned(), |repo| starter::with_hub(text, repo));
        files.insert(0, ((*path).to_owned(), write_new(root, path, &text)?));
    }
    Ok(Initialised {
        files,
        existing,
        names_hub: !existing && hub.is_some(),
    })
}

/// The folder of the JSON Schemas, as the first lines of the starter's files name it.
const SCHEMAS: &str = ".larder/schema";

fn write_schemas(root: &Utf8Path) -> Result<()> {
    for (file, schema) in [
        ("versions.schema.json", schema::versions_schema()),
        ("recipe.schema.json", schema::recipe_schema()),
    ] {
        OwnFolder::create(root, SCHEMAS)?.write_atomic(file, format!("{schema:#}\n").as_bytes())?;
    }
    Ok(())
}

/// Whether the schemas are there, and are those of this version; `None` if `versions.yml` does not
/// name them.
pub fn has_schemas(root: &Utf8Path) -> Option<bool> {
    let names = fs::read_text(root.join("versions.yml"))
        .is_ok_and(|text| text.contains(&format!("$schema={SCHEMAS}/")));
    let is_right = |(file, schema): (&str, serde_json::Value)| {
        fs::read_text(root.join(SCHEMAS).join(file))
            .is_ok_and(|text| text == format!("{schema:#}\n"))
    };
    names.then(|| {
        [
            ("versions.schema.json", schema::versions_schema()),
            ("recipe.schema.json", schema::recipe_schema()),
        ]
        .into_iter()
        .all(is_right)
    })
}

/// Writes the schemas again if `versions.yml` names them and they don't exist, as after a clone or if `.larder/` was removed.
/// Only editors need them, so errors are ignored.
pub fn restore_schemas(root: &Utf8Path) {
    let missing = || fs::lstat(root.join(SCHEMAS)).is_ok_and(|found| found.is_none());
    let named = || {
        fs::read_text(root.join("versions.yml"))
            .is_ok_and(|text| text.contains(&format!("$schema={SCHEMAS}/")))
    };
    if missing() && named() {
        let _ = write_schemas(root);
    }
}

/// Writes a file unless it exists.
fn write_new(root: &Utf8Path, path: &str, text: &str) -> Result<FileChange> {
    let path = Utf8Path::new(path);
    let folder = OwnFolder::create(root, path.parent().unwrap_or(path))?;
    let name = path.file_name().unwrap_or_default();
    if folder.entry(name)?.is_some() {
        return Ok(FileChange::Kept);
    }
    folder.write_atomic(name, text.as_bytes())?;
    Ok(FileChange::Written)
}

/// The lines that git's files of a project have.
fn extensions() -> [(&'static str, String); 2] {
    let attributes = format!(
        "# Git keeps the lines that both branches added when it merges them.\n{GIT_ATTRIBUTES}\n\
         # Git leaves line ends alone: the bytes of a source decide whether it is built again.\n\
         subsystems/** -text\n"
    );
    [
        (".gitignore", starter::GITIGNORE.to_owned()),
        (".gitattributes", attributes),
    ]
}

/// Appends the lines that a file does not have yet; its own lines are unchanged.
fn extend(path: &Utf8Path, lines: &str) -> Result<FileChange> {
    let existed = fs::lstat(path)?.is_some();
    let Some(text) = extended_text(path, lines)? else {
        return Ok(FileChange::Kept);
    };
    fs::write_atomic(path, text.as_bytes())?;
    Ok(if existed {
        FileChange::Extended
    } else {
        FileChange::Written
    })
}

/// The text of a file with the lines that it does not have yet; `None` if it has them all.
fn extended_text(path: &Utf8Path, lines: &str) -> Result<Option<String>> {
    let mut text = fs::read_text_opt(path)?.unwrap_or_default();
    let plain = |line: &str| line.trim().trim_matches('/').to_owned();
    let known: Vec<String> = text.lines().map(plain).collect();
    let is_rule = |line: &str| !line.is_empty() && !line.starts_with('#');
    if lines
        .lines()
        .filter(|line| is_rule(line))
        .all(|line| known.contains(&plain(line)))
    {
        return Ok(None);
    }
    let missing = lines
        .lines()
        .filter(|line| !is_rule(line) || !known.contains(&plain(line)));
    if !text.is_empty() {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    Ok(Some(text))
}

/// The `owner/name` of git's remote `origin`, if that is a repository on github.com.
fn origin(root: &Utf8Path, environment: &Environment) -> Option<String> {
    // Only local files are read, so nothing has to be interruptible.
    let cancel = Cancel::new();
    repository(&Git::new(environment, true, &cancel).origin_url(root)?)
}

/// The `owner/name` in the URL of a remote, which git accepts in several forms.
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
