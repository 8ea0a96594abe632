//! Repositories of the fake that have files: a bare repository on disk, and git over HTTP as the web
//! origin serves it. Everything is done by git itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;

use super::api;
use super::data::may_write;
use super::state::{Access, Repo, State, Visibility};
use super::wire::{Answer, Ask};

/// A bare repository.
pub struct GitDir(tempfile::TempDir);

impl GitDir {
    /// Without a commit.
    pub fn empty(branch: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let made = Self(dir);
        let branch = format!("--initial-branch={branch}");
        made.run(&["init", "--quiet", "--bare", &branch, "."])
            .expect("git init");
        made
    }
    /// A copy of another one as it is now.
    pub fn copy(of: &Self) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let made = Self(dir);
        let url = of.path().to_str().expect("UTF-8").to_owned();
        made.run(&["clone", "--quiet", "--bare", "--no-local", &url, "."])
            .expect("git clone");
        made
    }
    pub fn path(&self) -> &Path {
        self.0.path()
    }
    /// What git prints; `None` if it fails.
    pub fn run(&self, arguments: &[&str]) -> Option<String> {
        let bytes = self.bytes(arguments, &[])?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }
    /// The same with a stdin, and as bytes.
    pub fn bytes(&self, arguments: &[&str], stdin: &[u8]) -> Option<Vec<u8>> {
        let mut child = git(self.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git");
        let mut input = child.stdin.take().expect("a pipe");
        let _ = input.write_all(stdin);
        drop(input);
        let output = child.wait_with_output().expect("git");
        output.status.success().then_some(output.stdout)
    }
    /// The id of a commit by any name that GitHub takes.
    pub fn commit(&self, name: &str) -> Option<String> {
        ["refs/heads/", "refs/", ""].iter().find_map(|prefix| {
            let name = format!("{prefix}{name}^{{commit}}");
            self.run(&[
                "rev-parse",
                "--quiet",
                "--verify",
                "--end-of-options",
                &name,
            ])
        })
    }
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_INDEX_FILE", folder.join("fake-index"));
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "fake");
        command.env(format!("GIT_{role}_EMAIL"), "fake@github.localhost");
    }
    command
}

/// The repository that a request of git is for: `/acme/x.git/info/refs`.
pub fn asked_for(path: &str) -> Option<(String, &str)> {
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (owner, name, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let name = name.strip_suffix(".git")?;
    Some((format!("{owner}/{name}").to_lowercase(), rest))
}

/// Answers git at the web origin.
pub fn answer(state: &State, ask: &Ask, key: &str, rest: &str) -> Answer {
    let writes = rest == "git-receive-pack" || ask.query_text == "service=git-receive-pack";
    let access = match ask.header("authorization") {
        None => None,
        Some(text) => match password(&text).and_then(|token| state.tokens.get(&token)) {
            Some(access) => Some(*access),
            None => return login("Invalid username or token."),
        },
    };
    let Some(repo) = state.repos.get(key).filter(|repo| sees(repo, access)) else {
        return if access.is_none() {
            login("Repository not found.")
        } else {
            Answer::bytes(404, "text/plain", "Repository not found.".into())
        };
    };
    if writes && access.is_none() {
        return login("Authentication required");
    }
    if writes && !may_write(repo, access) {
        let text = format!("Permission to {}/{}.git denied.\n", repo.owner, repo.name);
        return Answer::bytes(403, "text/plain", text.into());
    }
    match &repo.git {
        Some(git) => backend(git, ask, rest),
        None => Answer::bytes(404, "text/plain", "Repository not found.".into()),
    }
}

fn sees(repo: &Repo, access: Option<Access>) -> bool {
    repo.visibility == Visibility::Public || access.is_some_and(|a| a != Access::Stranger)
}

fn login(text: &str) -> Answer {
    let mut answer = Answer::bytes(401, "text/plain", text.to_owned().into());
    let realm = "Basic realm=\"GitHub\"".to_owned();
    answer.headers.push(("www-authenticate", realm));
    answer
}

/// The password of `Basic …`.
fn password(header: &str) -> Option<String> {
    let text = header.strip_prefix("Basic ")?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split_once(':')?.1.to_owned())
}

/// Runs `git http-backend` for one request.
fn backend(dir: &GitDir, ask: &Ask, rest: &str) -> Answer {
    let header = |name: &str| ask.header(name).unwrap_or_default();
    let mut child = git(dir.path())
        .arg("http-backend")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_PROJECT_ROOT", dir.path())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "somebody")
        .env("PATH_INFO", format!("/{rest}"))
        .env("QUERY_STRING", &ask.query_text)
        .env("REQUEST_METHOD", &ask.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", ask.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git http-backend");
    let mut input = child.stdin.take().expect("a pipe");
    let body = ask.body.clone();
    let writer = std::thread::spawn(move || drop(input.write_all(&body)));
    let output = child.wait_with_output().expect("git http-backend").stdout;
    let _ = writer.join();
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return api::error(500, "git http-backend failed", None);
    };
    let (mut status, mut kind) = (200, "application/octet-stream".to_owned());
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        match line.split_once(": ") {
            Some(("Status", text)) => status = text[..3].parse().unwrap_or(500),
            Some(("Content-Type", text)) => text.clone_into(&mut kind),
            _ => {}
        }
    }
    Answer::bytes(status, &kind, output[end + 4..].to_vec().into())
}

impl super::FakeGitHub {
    /// Gives a repository files: an empty bare repository, whose path is returned.
    pub fn with_git(&self, full_name: &str) -> PathBuf {
        self.with_repo(full_name, |repo| {
            let branch = repo.default_branch.clone();
            let git = repo.git.get_or_insert_with(|| GitDir::empty(&branch));
            git.path().to_owned()
        })
    }

    /// Adds a commit with a file to the default branch.
    pub fn commit_file(&self, full_name: &str, path: &str, text: &str) {
        self.with_git(full_name);
        self.with_repo(full_name, |repo| {
            let git = repo.git.as_ref().expect("made just now");
            let branch = format!("refs/heads/{}", repo.default_branch);
            let _ = std::fs::remove_file(git.path().join("fake-index"));
            let tip = git.run(&["rev-parse", "--quiet", "--verify", &branch]);
            if let Some(tip) = &tip {
                git.run(&["read-tree", tip]).expect("git read-tree");
            }
            let id = git.bytes(&["hash-object", "-w", "--stdin"], text.as_bytes());
            let id = String::from_utf8(id.expect("git hash-object")).expect("hex");
            let entry = format!("100644,{},{path}", id.trim());
            git.run(&["update-index", "--add", "--cacheinfo", &entry])
                .expect("git update-index");
            let tree = git.run(&["write-tree"]).expect("git write-tree");
            let mut arguments = vec!["commit-tree", &tree, "-m", "theirs"];
            if let Some(tip) = &tip {
                arguments.extend(["-p", tip]);
            }
            let commit = git.run(&arguments).expect("git commit-tree");
            git.run(&["update-ref", &branch, &commit])
                .expect("git update-ref");
        });
    }
}
