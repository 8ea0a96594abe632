//! gomodule: a tag of the project's repository is the release, and a proxy makes it known.
//!
//! The tag is right if the module's folder is the same there as in the commit that is checked out. The
//! proxy is asked only when the tag is there, because it remembers for a while what was missing.

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Context;
use crate::publish::plain;
use larder_channels::gomodule::tag;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Version;
use larder_core::project::Subsystem;
use larder_core::project::publish::GoModule;
use larder_remote::git::{Git, HostToken, NewTag, Remote, RemoteName, Repository, TagPushed};
use larder_remote::http::{Site, parse_url, redact};
use larder_remote::registry::goproxy::Proxy;

use super::conflict::refuse_other;
use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

/// A version of a module.
pub(super) struct Module {
    /// Its path, as go.mod states it.
    path: String,
    /// The version as Go writes it.
    version: String,
    parsed: Version,
    /// The folder with `go.mod`.
    folder: Utf8PathBuf,
    /// The url of the repository, if it has a remote `origin`.
    origin: Option<String>,
}

/// The repository on this machine, and where the module is in it.
struct Place<'a> {
    repository: Repository<'a>,
    /// The module's folder in the repository, which is empty for its top folder.
    dir: String,
    tag: String,
    head: String,
    origin: Remote,
}

impl Module {
    pub(super) fn new(
        ctx: &Context,
        subsystem: &Subsystem,
        version: &Version,
        config: &GoModule,
        as_go: String,
    ) -> Self {
        let folder = plain(&subsystem.dir.join(&config.dir));
        Self {
            path: config.module.clone(),
            version: as_go,
            parsed: version.clone(),
            origin: ctx.git().origin_url(&folder),
            folder,
        }
    }

    fn place<'a>(&self, git: &'a Git<'a>, attempt: &Attempt<'_>) -> Result<Place<'a>> {
        let cannot = || Error::failed(format!("{} can't be tagged", self.path));
        let repository = git.repository(&self.folder)?.ok_or_else(|| {
            cannot()
                .cause(format!("{} is in no repository of git", self.folder))
                .hint(
                    "a Go module is published by a tag: publish from a checkout of its repository",
                )
        })?;
        let origin = self.origin.as_deref().ok_or_else(|| {
            cannot()
                .cause("its repository has no remote `origin`")
                .hint("add the repository that the module's path leads to: `git remote add origin URL`")
        })?;
        let head = repository.commit("HEAD")?.ok_or_else(|| {
            cannot()
                .cause("its repository has no commit")
                .hint("commit the module and push it first")
        })?;
        let folder = fs::canonicalize(&self.folder)?;
        let dir = folder.strip_prefix(repository.top());
        let dir = dir.map_or("", Utf8Path::as_str).replace('\\', "/");
        Ok(Place {
            tag: tag(&self.path, &dir, &self.parsed)?,
            repository,
            dir,
            head,
            origin: Remote {
                url: origin.to_owned(),
                token: hub_token(origin, attempt),
            },
        })
    }

    fn proxy(&self, attempt: &Attempt<'_>) -> Result<Option<Proxy>> {
        Proxy::find(&self.path, attempt.remote, &attempt.cancel)
    }

    /// What the remote has under the tag, and the commit of it.
    fn tagged(place: &Place<'_>, names: &[RemoteName]) -> Result<(Found, String)> {
        let full = format!("refs/tags/{}", place.tag);
        let Some(there) = names.iter().find(|name| name.name == full) else {
            return Ok((Found::Missing, String::new()));
        };
        let is_same = there.commit == place.head || {
            let tree = |commit: &str| place.repository.tree(commit, &place.dir);
            let ours = tree(&place.head)?;
            ours.is_some() && ours == tree(&there.commit)?
        };
        let found = if is_same {
            Found::Same
        } else {
            Found::Other {
                what: format!("the tag {} of {}", place.tag, redact(&place.origin.url)),
                ours: place.head.clone(),
                theirs: there.commit.clone(),
            }
        };
        Ok((found, there.commit.clone()))
    }

    /// An error if the module is not what the tag would name.
    fn check(&self, place: &Place<'_>, names: &[RemoteName]) -> Result<()> {
        let cannot = || Error::failed(format!("{} can't be tagged", self.path));
        let changed = place.repository.uncommitted(&place.dir)?;
        if let Some(first) = changed.first() {
            let more = match changed.len() - 1 {
                0 => String::new(),
                n => format!(" and {n} more"),
            };
            return Err(cannot()
                .cause(format!(
                    "it has changes that are in no commit: {first}{more}"
                ))
                .hint("commit or discard them: the tag names a commit"));
        }
        for name in names {
            if name.commit == place.head {
                return Ok(());
            }
        }
        for name in names {
            if place.repository.is_part_of(&place.head, &name.commit)? {
                return Ok(());
            }
        }
        Err(cannot()
            .cause(format!(
                "{} has no branch with the commit {}",
                redact(&place.origin.url),
                &place.head[..12]
            ))
            .hint("push the branch first, or fetch it if it has moved on: a tag alone would hide its commits"))
    }
}

impl Publisher for Module {
    fn target(&self) -> String {
        match &self.origin {
            Some(origin) => redact(origin),
            None => format!("gomodule:{}", self.path),
        }
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let git = attempt.git();
        let place = self.place(&git, attempt)?;
        let names = git.remote_names(&place.origin)?;
        let start = place.tag.strip_suffix(&self.version).unwrap_or_default();
        let start = format!("refs/tags/{start}v");
        let versions = names.iter().filter_map(|name| {
            let version = semver::Version::parse(name.name.strip_prefix(&start)?).ok()?;
            Some((version.pre.is_empty(), version))
        });
        let newest = versions.max();
        Ok(There {
            current: newest.map(|(_, version)| format!("v{version}")),
            wanted: names
                .iter()
                .any(|name| name.name == format!("refs/tags/{}", place.tag)),
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, _: &Files<'_>) -> Result<Found> {
        let git = attempt.git();
        let place = self.place(&git, attempt)?;
        let names = git.remote_names(&place.origin)?;
        let (found, commit) = Self::tagged(&place, &names)?;
        if found != Found::Same {
            return Ok(found);
        }
        let Some(proxy) = self.proxy(attempt)? else {
            return Ok(Found::Same);
        };
        let Some(info) = proxy.info(&self.version, &attempt.client)? else {
            return Ok(Found::Missing);
        };
        Ok(match info.commit {
            Some(theirs) if theirs != commit => Found::Other {
                what: format!("{}@{} of {}", self.path, self.version, proxy.shown()),
                ours: commit,
                theirs,
            },
            _ => Found::Same,
        })
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let git = attempt.git();
        let place = self.place(&git, attempt)?;
        let names = git.remote_names(&place.origin)?;
        if refuse_other(Self::tagged(&place, &names)?.0)? == Found::Missing {
            self.check(&place, &names)?;
            let tag = NewTag {
                name: &place.tag,
                commit: &place.head,
                tagger: tagger(files.release.maintainer.as_deref()),
                time: files.release.time,
                message: &format!("{} {}", self.path, self.version),
            };
            let temp = &attempt.remote.temp;
            let pushed = git.push_tag(place.repository.top(), &place.origin, tag, temp)?;
            if pushed == TagPushed::IsThere {
                let names = git.remote_names(&place.origin)?;
                refuse_other(Self::tagged(&place, &names)?.0)?;
            }
        }
        // The proxy fetches what it is asked for. Whether it has it is read back later.
        if let Some(proxy) = self.proxy(attempt)? {
            proxy.info(&self.version, &attempt.client)?;
        }
        Ok(())
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        let git = attempt.git();
        let place = self.place(&git, attempt)?;
        let names = git.remote_names(&place.origin)?;
        if Self::tagged(&place, &names)?.0 == Found::Missing {
            self.check(&place, &names)?;
        }
        Ok(())
    }

    fn withdraw(&self, _: &Attempt<'_>) -> Result<Withdrawn> {
        let Self { path, version, .. } = self;
        Ok(Withdrawn::Impossible(format!(
            "proxies keep what they have served, and a tag must not move: add `retract {version}` to \
             the go.mod of {path} and publish a newer version, which tells users of it"
        )))
    }

    fn how_to_check(&self) -> String {
        let Self { path, version, .. } = self;
        format!("`go list -m {path}@{version}` finds it")
    }
}

/// The hub's token, if the repository is on its server: a job of CI has no other login there.
fn hub_token(origin: &str, attempt: &Attempt<'_>) -> Option<HostToken> {
    let github = &attempt.remote.github;
    let url = parse_url(origin).ok()?;
    let is_there = Site::of(&url) == Site::of(&github.web);
    let token = is_there
        .then(|| github.find_token(&attempt.cancel))
        .flatten()?;
    Some(HostToken::new(token, &github.web))
}

/// `Name <address>` of who makes a tag.
fn tagger(maintainer: Option<&str>) -> &str {
    let is_complete = |text: &&str| {
        let (name, address) = text.split_once('<').unwrap_or_default();
        let is_plain = !text.contains(['\n', '\r', '\0']);
        is_plain && !name.trim().is_empty() && address.len() > 1 && address.ends_with('>')
    };
    let maintainer = maintainer.map(str::trim).filter(is_complete);
    maintainer.unwrap_or("larder <larder@localhost.invalid>")
}
