//! The state of the fake: repositories, releases and assets with their bytes, and their JSON. Every
//! required field of GitHub's OpenAPI description is there. Independent of requests.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use larder_core::model::Digest;
use serde_json::{Value, json};

use super::data::may_write;
use super::git::GitDir;

/// The urls of the four origins; they differ for a client that connects through a proxy by host
/// name.
#[derive(Clone, Debug)]
pub struct Urls {
    pub api: String,
    pub uploads: String,
    pub web: String,
    pub store: String,
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads public and private repositories.
    Read,
    /// Reads and writes releases.
    Write,
    /// Also reads the repository's settings.
    Admin,
    /// A valid token of a user who can see public repositories only.
    Stranger,
}

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    Public,
    Private,
}

/// A repository.
pub struct Repo {
    pub owner: String,
    pub name: String,
    pub id: u64,
    pub visibility: Visibility,
    pub default_branch: String,
    /// New releases become immutable when published.
    pub immutable: bool,
    /// Publishing these tags is refused by a ruleset.
    pub refused_tags: Vec<String>,
    /// Tags of deleted immutable releases.
    pub burned_tags: Vec<String>,
    pub releases: Vec<Release>,
    /// Its files, if it has any.
    pub git: Option<GitDir>,
    /// The key of the repository that it is a fork of.
    pub fork_of: Option<String>,
    /// Tokens that may push elsewhere may not push here.
    pub locked: bool,
    /// How many requests for its branches find nothing yet.
    pub not_ready: u32,
    pub pulls: Vec<Pull>,
}

impl Repo {
    pub fn new(owner: &str, name: &str, id: u64, visibility: Visibility) -> Self {
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            id,
            visibility,
            default_branch: "main".to_owned(),
            immutable: false,
            refused_tags: Vec::new(),
            burned_tags: Vec::new(),
            releases: Vec::new(),
            git: None,
            fork_of: None,
            locked: false,
            not_ready: 0,
            pulls: Vec::new(),
        }
    }
}

/// A pull request.
#[derive(Clone, Debug)]
pub struct Pull {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub base: String,
    /// The key of the repository that has the branch.
    pub head_repo: String,
    pub branch: String,
    pub sha: String,
    pub open: bool,
    pub merged: Option<SystemTime>,
    pub created: SystemTime,
}

/// A release.
#[derive(Clone)]
pub struct Release {
    pub id: u64,
    pub tag: String,
    pub target: String,
    pub name: Option<String>,
    pub body: Option<String>,
    pub draft: bool,
    pub prerelease: bool,
    pub immutable: bool,
    pub latest: bool,
    pub created: SystemTime,
    pub published: Option<SystemTime>,
    pub assets: Vec<Asset>,
}

/// An asset.
#[derive(Clone)]
pub struct Asset {
    pub id: u64,
    pub name: String,
    pub label: Option<String>,
    pub content_type: String,
    pub state: &'static str,
    pub bytes: Bytes,
    pub sha256: String,
    pub created: SystemTime,
    pub downloads: u64,
}

impl Asset {
    /// An asset whose upload is complete.
    pub fn uploaded(id: u64, name: &str, content_type: &str, bytes: Bytes) -> Self {
        let sha256 = Digest::of(&bytes).to_string();
        let created = SystemTime::now();
        let (name, content_type) = (name.to_owned(), content_type.to_owned());
        Self {
            id,
            name,
            label: None,
            content_type,
            state: "uploaded",
            bytes,
            sha256,
            created,
            downloads: 0,
        }
    }
}

/// The state of the whole server.
pub struct State {
    pub repos: BTreeMap<String, Repo>,
    pub tokens: BTreeMap<String, Access>,
    pub next_id: u64,
    /// How long lists do not show a write yet.
    pub lag: Duration,
    /// Least time between two requests that create content, before the secondary limit strikes.
    pub content_gap: Option<Duration>,
    pub last_content: Option<SystemTime>,
    /// Requests left in the primary rate limit, and the time of its reset.
    pub primary: Option<(u64, SystemTime)>,
    /// Private web urls answer 200 with a login page instead of 404.
    pub login_page: bool,
    /// Asset requests at the API answer with the bytes instead of a redirect.
    pub direct_assets: bool,
    /// Digests are not stated (assets from before June 2025, old servers).
    pub no_digests: bool,
}

impl State {
    /// The next id of anything.
    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
    /// Whether lists already show what was created at this time.
    pub fn settled(&self, made: SystemTime) -> bool {
        made.elapsed().unwrap_or(Duration::ZERO) >= self.lag
    }
}

/// RFC 3339 with seconds, as GitHub writes it.
pub fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(0))
        .unwrap_or_default()
        .to_string()
}

pub fn user(urls: &Urls, login: &str) -> Value {
    let api = format!("{}/users/{login}", urls.api);
    json!({
        "login": login, "id": 1, "node_id": "MDQ6VXNlcjE=", "avatar_url": format!("{}/{login}.png", urls.web),
        "gravatar_id": "", "url": api, "html_url": format!("{}/{login}", urls.web),
        "followers_url": format!("{api}/followers"), "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"), "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"), "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"), "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"), "type": "User", "site_admin": false,
    })
}

/// The JSON of an asset in the API.
pub fn asset_json(
    urls: &Urls,
    repo: &Repo,
    release: &Release,
    asset: &Asset,
    digests: bool,
) -> Value {
    let digest = (digests && asset.state == "uploaded").then(|| format!("sha256:{}", asset.sha256));
    json!({
        "url": format!("{}/repos/{}/{}/releases/assets/{}", urls.api, repo.owner, repo.name, asset.id),
        "id": asset.id, "node_id": format!("RA_{}", asset.id), "name": asset.name, "label": asset.label.clone().unwrap_or_default(),
        "uploader": user(urls, &repo.owner), "content_type": asset.content_type, "state": asset.state,
        "size": asset.bytes.len(), "digest": digest, "download_count": asset.downloads,
        "created_at": timestamp(asset.created), "updated_at": timestamp(asset.created),
        "browser_download_url":
            format!("{}/{}/{}/releases/download/{}/{}", urls.web, repo.owner, repo.name, shown_tag(release), asset.name),
    })
}

/// Drafts have urls with `untagged-…`.
fn shown_tag(release: &Release) -> String {
    if release.draft {
        format!("untagged-{:020x}", release.id)
    } else {
        release.tag.clone()
    }
}

/// The JSON of a release in the API.
pub fn release_json(urls: &Urls, state: &State, repo: &Repo, release: &Release) -> Value {
    let base = format!("{}/repos/{}/{}", urls.api, repo.owner, repo.name);
    let assets = release.assets.iter().filter(|a| state.settled(a.created));
    let assets: Vec<Value> = assets
        .map(|a| asset_json(urls, repo, release, a, !state.no_digests))
        .collect();
    let ball = |kind: &str| (!release.draft).then(|| format!("{base}/{kind}/{}", release.tag));
    json!({
        "url": format!("{base}/releases/{}", release.id), "assets_url": format!("{base}/releases/{}/assets", release.id),
        "upload_url": format!(
            "{}/repos/{}/{}/releases/{}/assets{{?name,label}}", urls.uploads, repo.owner, repo.name, release.id),
        "html_url": format!("{}/{}/{}/releases/tag/{}", urls.web, repo.owner, repo.name, shown_tag(release)),
        "id": release.id, "author": user(urls, &repo.owner), "node_id": format!("RE_{}", release.id),
        "tag_name": release.tag, "target_commitish": release.target, "name": release.name, "draft": release.draft,
        "immutable": release.immutable, "prerelease": release.prerelease, "created_at": timestamp(release.created),
        "updated_at": timestamp(release.created), "published_at": release.published.map(timestamp),
        "assets": assets, "tarball_url": ball("tarball"), "zipball_url": ball("zipball"), "body": release.body,
    })
}

/// The JSON of a repository in the API.
pub fn repo_json(urls: &Urls, repo: &Repo, access: Option<Access>) -> Value {
    let url = format!("{}/repos/{}/{}", urls.api, repo.owner, repo.name);
    let web = format!("{}/{}/{}", urls.web, repo.owner, repo.name);
    let private = repo.visibility == Visibility::Private;
    let mut shown = json!({
        "id": repo.id, "node_id": format!("R_{}", repo.id), "name": repo.name,
        "full_name": format!("{}/{}", repo.owner, repo.name), "private": private, "owner": user(urls, &repo.owner),
        "html_url": web, "description": null, "fork": repo.fork_of.is_some(), "url": url, "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z", "pushed_at": "2025-01-01T00:00:00Z", "homepage": null, "size": 1,
        "language": null, "mirror_url": null, "license": null, "topics": [], "default_branch": repo.default_branch,
        "visibility": if private { "private" } else { "public" },
        "git_url": format!("git:{}", web.trim_start_matches("http:")), "clone_url": format!("{web}.git"),
        "ssh_url": format!("git@github.localhost:{}/{}.git", repo.owner, repo.name), "svn_url": web,
    });
    for field in ["issues", "projects", "downloads", "wiki"] {
        shown[format!("has_{field}")] = true.into();
    }
    for field in [
        "has_pages",
        "has_discussions",
        "archived",
        "disabled",
        "is_template",
        "web_commit_signoff_required",
    ] {
        shown[field] = false.into();
    }
    for field in [
        "stargazers",
        "watchers",
        "forks",
        "open_issues",
        "network",
        "subscribers",
    ] {
        shown[format!("{field}_count")] = 0.into();
    }
    for field in ["forks", "open_issues", "watchers"] {
        shown[field] = 0.into();
    }
    for (field, tail) in [
        ("archive", "{archive_format}{/ref}"),
        ("assignees", "{/user}"),
        ("blobs", "{/sha}"),
        ("branches", "{/branch}"),
        ("collaborators", "{/collaborator}"),
        ("comments", "{/number}"),
        ("commits", "{/sha}"),
        ("compare", "{base}...{head}"),
        ("contents", "{+path}"),
        ("contributors", ""),
        ("deployments", ""),
        ("downloads", ""),
        ("events", ""),
        ("forks", ""),
        ("git_commits", "{/sha}"),
        ("git_refs", "{/sha}"),
        ("git_tags", "{/sha}"),
        ("hooks", ""),
        ("issue_comment", "{/number}"),
        ("issue_events", "{/number}"),
        ("issues", "{/number}"),
        ("keys", "{/key_id}"),
        ("labels", "{/name}"),
        ("languages", ""),
        ("merges", ""),
        ("milestones", "{/number}"),
        ("notifications", "{?since,all,participating}"),
        ("pulls", "{/number}"),
        ("releases", "{/id}"),
        ("stargazers", ""),
        ("statuses", "{sha}"),
        ("subscribers", ""),
        ("subscription", ""),
        ("tags", ""),
        ("teams", ""),
        ("trees", "{/sha}"),
    ] {
        shown[format!("{field}_url")] = format!("{url}/{field}{tail}").into();
    }
    if let Some(access) = access {
        let push = may_write(repo, Some(access));
        shown["permissions"] = json!({"admin": access == Access::Admin, "maintain": false, "push": push, "triage": push, "pull": true});
    }
    shown
}

/// The name GitHub keeps for an asset: special characters become dots, no dot at the ends.
pub fn kept_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.+@".contains(c) {
                c
            } else {
                '.'
            }
        })
        .collect();
    let kept = kept.trim_end_matches('.');
    if kept.starts_with('.') {
        format!("default{kept}")
    } else {
        kept.to_owned()
    }
}
