//! Changes files on the default branch of a remote repository.
//!
//! The repository is copied as far as a change needs it: the newest commit and its folders, without
//! the content of files where the server can leave that out. There is no work tree. Files are read
//! from git's objects, and a commit is made of objects, so nothing in the repository (links, hooks,
//! attributes, filters) can have an effect on this machine, and no other file of it can change.
//!
//! A change is computed from the branch as it is now. If the branch has moved before the push has
//! arrived, the change is computed again from the new commit: nobody's work is overwritten, and a
//! change that somebody else has made meanwhile is not made twice.
//!
//! The copy knows nothing of package managers.

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::is_commit;
use larder_process::{Command, Ended};

use super::{Git, TIMEOUT, protocols};
use crate::http::redact;

pub(super) mod answers;
mod credential;
mod past;
mod run;

#[cfg(all(test, unix))]
mod tests;

use answers::{Push, of_push, of_read};
pub use credential::HostToken;
pub use past::Before;

/// How often a change is put on top of a branch that has moved.
const TRIES: usize = 5;
/// The largest file that is read.
const LARGEST: usize = larder_process::LIMIT - 1;

/// A repository that is changed.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its url.
    pub url: String,
    /// The token for its server; without one, what the user has configured logs in.
    pub token: Option<HostToken>,
    /// The branch that an empty repository gets, where its server demands one. By default it is the
    /// one that the server names, or `main`.
    pub first_branch: Option<&'static str>,
}

/// Who a commit is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The address.
    pub address: String,
}

impl Author {
    /// From `Name <address>`. Without such a text, it is larder itself.
    pub fn of(text: Option<&str>) -> Self {
        let parts = text
            .and_then(|text| text.trim().strip_suffix('>'))
            .and_then(|text| text.split_once('<'))
            .map(|(name, address)| (name.trim(), address.trim()))
            .filter(|(name, address)| !name.is_empty() && !address.is_empty());
        let (name, address) = parts.unwrap_or(("larder", "larder@localhost.invalid"));
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
        }
    }
}

/// What a file is changed to.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes of a file on this machine.
    File(Utf8PathBuf),
    /// The file is removed. It is no error if it is not there.
    Removed,
}

/// A commit that is to be made.
#[derive(Clone, Debug)]
pub struct Change {
    /// The message.
    pub message: String,
    /// The files by their paths in the repository.
    pub files: Vec<(String, Content)>,
}

/// What a folder of the repository has under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The path from the top.
    pub path: String,
    /// The id of the object.
    pub id: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link or a submodule.
    Other,
}

/// The default branch of a remote repository, as it was when it was last asked.
pub struct DefaultBranch<'a> {
    git: &'a Git<'a>,
    environment: Environment,
    folder: Utf8PathBuf,
    /// The url as messages show it.
    shown: String,
    name: String,
    tip: Option<String>,
}

impl<'a> Git<'a> {
    /// Copies the default branch of a repository into a folder that does not exist yet.
    pub fn default_branch(&'a self, place: &Place, folder: &Utf8Path) -> Result<DefaultBranch<'a>> {
        let shown = redact(&place.url);
        if place.url.is_empty() || place.url.starts_with('-') {
            return Err(Error::usage(format!("`{shown}` is not a git url")));
        }
        self.check_offline(&place.url)?;
        let settings = [
            ("init.defaultBranch".to_owned(), "main".to_owned()),
            ("push.followTags".to_owned(), "false".to_owned()),
        ];
        let mut environment = self.environment(&protocols(&place.url, self.offline), &[])?;
        add_settings(&mut environment, &settings);
        if let Some(token) = &place.token {
            token.give_to(&mut environment);
        }
        let mut branch = DefaultBranch {
            git: self,
            environment,
            folder: folder.to_owned(),
            shown,
            name: String::new(),
            tip: None,
        };
        branch.copy(place)?;
        Ok(branch)
    }
}

/// Adds settings after those that the environment has.
fn add_settings(environment: &mut Environment, settings: &[(String, String)]) {
    let count = environment.text("GIT_CONFIG_COUNT").map(str::parse);
    let first = count.and_then(std::result::Result::ok).unwrap_or(0_usize);
    for (number, (name, value)) in (first..).zip(settings) {
        environment.set(format!("GIT_CONFIG_KEY_{number}"), name);
        environment.set(format!("GIT_CONFIG_VALUE_{number}"), value);
    }
    environment.set("GIT_CONFIG_COUNT", (first + settings.len()).to_string());
}

impl DefaultBranch<'_> {
    /// The name of the branch.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the repository has no commit.
    pub fn is_empty(&self) -> bool {
        self.tip.is_none()
    }

    /// What is at a path of the newest commit.
    pub fn item(&self, path: &str) -> Result<Option<Item>> {
        let Some(tip) = &self.tip else {
            return Ok(None);
        };
        self.item_at(tip, path)
    }

    /// The bytes of a file of the newest commit; `None` if there is no file. It is an error if
    /// something else than a file is there.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(tip) = &self.tip else {
            return Ok(None);
        };
        self.read_at(tip, path)
    }

    /// What a folder of the newest commit has, and with `deep` what the folders in it have, too:
    /// then only what is not a folder. An empty path is the top folder.
    pub fn list(&self, folder: &str, deep: bool) -> Result<Vec<Item>> {
        let Some(tip) = &self.tip else {
            return Ok(Vec::new());
        };
        let below = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut arguments = vec!["ls-tree", "-z"];
        if deep {
            arguments.push("-r");
        }
        arguments.extend([tip.as_str(), "--"]);
        if !below.is_empty() {
            arguments.push(&below);
        }
        Ok(items(&self.local(&arguments)?))
    }

    /// Makes a commit and pushes it. `make` says what to change from what is there; it is called
    /// again if the branch has moved. Returns the id of the commit, and `None` if there was nothing
    /// to change.
    pub fn push(
        &mut self,
        author: &Author,
        make: &dyn Fn(&Self) -> Result<Option<Change>>,
    ) -> Result<Option<String>> {
        for _ in 0..TRIES {
            let Some(change) = make(self)? else {
                return Ok(None);
            };
            let Some(commit) = self.commit(author, &change)? else {
                return Ok(None);
            };
            match self.send(&commit, &[])? {
                Push::Done => {
                    self.tip = Some(commit.clone());
                    return Ok(Some(commit));
                }
                Push::Rejected(reason) => {
                    let before = self.tip.clone();
                    self.refresh()?;
                    if self.tip == before {
                        return Err(self.not_allowed(&reason));
                    }
                }
                Push::Refused(reason) => return Err(self.not_allowed(&reason)),
            }
        }
        Err(Error::unavailable(format!(
            "the branch `{}` of {} has changed {TRIES} times during the push",
            self.name, self.shown
        ))
        .hint("run the command again when fewer programs push to it"))
    }

    /// Whether the server lets us push, as far as it says that without a push.
    pub fn check_right(&self, author: &Author) -> Result<()> {
        let nothing = || {
            let (message, files) = ("nothing".to_owned(), Vec::new());
            self.commit(author, &Change { message, files })
        };
        let commit = match &self.tip {
            Some(tip) => Some(tip.clone()),
            None => nothing()?,
        };
        let Some(commit) = commit else {
            return Ok(());
        };
        match self.send(&commit, &["--dry-run"])? {
            Push::Refused(reason) => Err(self.not_allowed(&reason)),
            // It has moved, or all is well.
            Push::Rejected(_) | Push::Done => Ok(()),
        }
    }

    /// Copies the branch for the first time.
    fn copy(&mut self, place: &Place) -> Result<()> {
        let parent = self.folder.parent().unwrap_or(&self.folder).to_owned();
        let folder = self.folder.clone();
        let arguments = [
            "clone",
            "--quiet",
            "--bare",
            "--no-local",
            "--depth=1",
            "--filter=blob:none",
            "--no-tags",
            "--",
            &place.url,
            folder.as_str(),
        ];
        let environment = self.environment.clone();
        self.ask(&environment, &parent, &arguments)?;
        self.environment.set("GIT_DIR", folder.as_str());
        let head = self
            .local(&["symbolic-ref", "HEAD"])
            .map_err(|error| error.context(format!("{} has no default branch", self.shown)))?;
        branch_name(&head).clone_into(&mut self.name);
        self.tip = self.commit_of("HEAD")?;
        if self.tip.is_some() {
            return Ok(());
        }
        // The default branch has no commit. Others may have.
        let heads = self.remote(&["ls-remote", "--heads", "--", "origin"])?;
        let heads: Vec<&str> = heads
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(_, name)| branch_name(name))
            .collect();
        match heads[..] {
            [] => {
                if let Some(first) = place.first_branch {
                    first.clone_into(&mut self.name);
                }
                Ok(())
            }
            [only] => {
                only.clone_into(&mut self.name);
                self.refresh()
            }
            _ => Err(Error::failed(format!(
                "the default branch `{}` of {} does not exist, but other branches do",
                self.name, self.shown
            ))
            .hint("choose the default branch in the settings of the repository")),
        }
    }

    /// Reads the newest commit again.
    fn refresh(&mut self) -> Result<()> {
        let specification = format!("+refs/heads/{0}:refs/heads/{0}", self.name);
        self.remote(&[
            "fetch",
            "--quiet",
            "--depth=1",
            "--filter=blob:none",
            "--no-tags",
            "origin",
            &specification,
        ])?;
        self.tip = self.commit_of(&format!("refs/heads/{}", self.name))?;
        Ok(())
    }

    /// Makes a commit on top of the newest one; `None` if it would change nothing.
    fn commit(&self, author: &Author, change: &Change) -> Result<Option<String>> {
        let index = self.folder.join("larder-index");
        if fs::lstat(&index)?.is_some() {
            fs::remove_file(&index)?;
        }
        let mut environment = self.environment.clone();
        environment.set("GIT_INDEX_FILE", index.as_str());
        // Some changes of the index need a work tree. It stays empty.
        let tree = self.folder.join("larder-tree");
        fs::create_dir_all(&tree)?;
        environment.set("GIT_WORK_TREE", tree.as_str());
        for role in ["AUTHOR", "COMMITTER"] {
            environment.set(format!("GIT_{role}_NAME"), &author.name);
            environment.set(format!("GIT_{role}_EMAIL"), &author.address);
        }
        let git = |arguments: &[&str]| self.run(&environment, arguments);
        if let Some(tip) = &self.tip {
            git(&["read-tree", tip])?;
        }
        for (path, content) in &change.files {
            let bytes = self.folder.join("larder-content");
            let file = match content {
                Content::Removed => {
                    git(&["update-index", "--force-remove", "--", path])?;
                    continue;
                }
                Content::File(file) => file,
                Content::Bytes(content) => {
                    fs::write_atomic(&bytes, content)?;
                    &bytes
                }
            };
            let id = git(&["hash-object", "-w", "--no-filters", "--", file.as_str()])?;
            let entry = format!("100644,{},{path}", id.trim());
            git(&["update-index", "--add", "--cacheinfo", &entry])?;
        }
        let tree = git(&["write-tree", "--missing-ok"])?;
        let tree = tree.trim();
        let mut arguments = vec!["commit-tree", tree, "-m", &change.message];
        if let Some(tip) = &self.tip {
            let before = git(&["rev-parse", "--verify", &format!("{tip}^{{tree}}")])?;
            if before.trim() == tree {
                return Ok(None);
            }
            arguments.extend(["-p", tip]);
        }
        Ok(Some(git(&arguments)?.trim().to_owned()))
    }

    /// Pushes a commit.
    fn send(&self, commit: &str, options: &[&str]) -> Result<Push> {
        let specification = format!("{commit}:refs/heads/{}", self.name);
        let mut arguments = vec!["push", "--porcelain"];
        arguments.extend(options);
        arguments.extend(["--", "origin", &specification]);
        let output = self.capture(&self.environment, &self.folder, &arguments)?;
        of_push(&self.shown, output.0, &output.1, &output.2)
    }

    fn not_allowed(&self, reason: &str) -> Error {
        Error::refused(format!(
            "{} does not accept a commit on its branch `{}`",
            self.shown, self.name
        ))
        .cause(reason)
        .hint(answers::RIGHT)
    }

    /// What is at a path of a commit.
    fn item_at(&self, commit: &str, path: &str) -> Result<Option<Item>> {
        let output = self.local(&["ls-tree", "-z", commit, "--", path])?;
        Ok(items(&output).into_iter().find(|item| item.path == path))
    }

    /// The bytes of a file of a commit.
    fn read_at(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(item) = self.item_at(commit, path)? else {
            return Ok(None);
        };
        if item.kind != ItemKind::File {
            return Err(
                Error::failed(format!("{path} in {} is no file", self.shown))
                    .hint("remove it from the repository"),
            );
        }
        // It may have to be fetched.
        let command = Command::new("git", self.environment.clone())
            .folder(&self.folder)
            .args(["cat-file", "blob", &item.id])
            .timeout(TIMEOUT);
        let (ended, bytes, err) = command.capture_bytes(self.git.cancel)?;
        if let Ended::NotFound(error) = ended {
            return Err(error.hint("install git"));
        }
        if !ended.is_success() {
            return Err(of_read(&self.shown, &err));
        }
        if bytes.len() > LARGEST {
            return Err(Error::failed(format!(
                "{path} in {} is larger than 16 MiB",
                self.shown
            )));
        }
        Ok(Some(bytes))
    }

    fn commit_of(&self, name: &str) -> Result<Option<String>> {
        let commit = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--quiet", "--verify", &commit];
        let (_, out, _) = self.capture(&self.environment, &self.folder, &arguments)?;
        Ok(Some(out.trim().to_owned()).filter(|id| is_commit(id)))
    }
}

/// The name of a branch without `refs/heads/`.
fn branch_name(reference: &str) -> &str {
    let name = reference.trim();
    name.strip_prefix("refs/heads/").unwrap_or(name)
}

/// The items that `git ls-tree -z` has printed.
fn items(output: &str) -> Vec<Item> {
    let item = |line: &str| {
        let (object, path) = line.split_once('\t')?;
        let mut words = object.split(' ');
        let (mode, kind, id) = (words.next()?, words.next()?, words.next()?);
        let kind = match (mode, kind) {
            (_, "tree") => ItemKind::Folder,
            ("100644" | "100755", "blob") => ItemKind::File,
            _ => ItemKind::Other,
        };
        let (path, id) = (path.to_owned(), id.to_owned());
        Some(Item { path, id, kind })
    };
    output.split('\0').filter_map(item).collect()
}
