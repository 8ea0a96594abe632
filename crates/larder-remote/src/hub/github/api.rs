//! GitHub's REST API as far as releases go: typed calls, paced writes, and what an answer means for whoever writes. Knows
//! nothing of sidecars or of what larder wants in a release.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde::Deserialize;
use serde_json::{Value, json};

use super::GitHubConfig;
use crate::http::{
    Answer, Client, Credential, Download, Method, Request, Secret, Site, Url, parse_url,
};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Digest;

/// Sidecars and derived files are small; more than this is none of ours.
const SMALL: u64 = 16 * 1024 * 1024;
/// The first page of the list of releases.
const NEWEST: &str = "/releases?per_page=100";
/// What an upload must at least move per second, or the attempt is given up.
const LEAST_SPEED: u64 = 16 * 1024;

/// A release as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RawRelease {
    pub(super) id: u64,
    pub(super) tag_name: String,
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) immutable: bool,
    pub(super) upload_url: String,
    pub(super) html_url: String,
    pub(super) body: Option<String>,
    pub(super) assets: Vec<RawAsset>,
}

impl RawRelease {
    /// An asset by name, whatever its state.
    pub(super) fn asset(&self, name: &str) -> Option<&RawAsset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
    /// An asset by name if its bytes are there.
    pub(super) fn whole(&self, name: &str) -> Option<&RawAsset> {
        self.asset(name).filter(|asset| asset.is_whole())
    }
}

/// An asset as the API shows it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RawAsset {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) state: String,
    pub(super) size: u64,
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) label: Option<String>,
}

impl RawAsset {
    /// Not a leftover of a broken upload (`starter`).
    pub(super) fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }
    /// The digest the server computed, where it does.
    pub(super) fn sha256(&self) -> Option<Digest> {
        self.digest
            .as_deref()?
            .strip_prefix("sha256:")?
            .parse()
            .ok()
    }
}

#[derive(Deserialize)]
struct RawRepo {
    private: bool,
}

/// Bytes to upload.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    File(&'a Utf8Path),
    Bytes(&'a [u8]),
}

/// Why a write did not go as wished, in the words of whoever decides what to do next.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What it was about is not there (any more).
    Gone(Error),
    /// The name or tag is in use.
    Taken(Error),
    /// The release can't be changed any more.
    Immutable(Error),
    /// A rule of the repository does not allow the tag.
    TagRefused(Error),
    /// It may have worked or not.
    Unsure(Error),
    /// Asking again would not help.
    Fatal(Error),
}

impl Trouble {
    pub(super) fn error(self) -> Error {
        match self {
            Self::Gone(e)
            | Self::Taken(e)
            | Self::Immutable(e)
            | Self::TagRefused(e)
            | Self::Unsure(e)
            | Self::Fatal(e) => e,
        }
    }
}

/// The API of one repository.
pub(super) struct Api {
    client: Client,
    pub(super) config: GitHubConfig,
    /// `owner/name`.
    pub(super) repo: String,
    token: OnceLock<Option<Secret>>,
    last_write: Mutex<Option<Instant>>,
    seen: Mutex<Option<Seen>>,
    /// Held by whoever turns all pages.
    turning: Mutex<()>,
}

/// What there was when all pages of the list were turned.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Id and tag of each release.
    releases: Vec<(u64, String)>,
    /// Whether one of them was immutable.
    pub(super) immutable: bool,
}

impl Seen {
    /// The releases of a tag.
    pub(super) fn of(&self, tag: &str) -> impl Iterator<Item = u64> {
        self.releases
            .iter()
            .filter(move |(_, other)| other == tag)
            .map(|(id, _)| *id)
    }
}

impl Api {
    pub(super) fn new(repo: &str, client: Client, config: GitHubConfig) -> Self {
        Self {
            client,
            config,
            repo: repo.to_owned(),
            token: OnceLock::new(),
            last_write: Mutex::default(),
            seen: Mutex::default(),
            turning: Mutex::default(),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether there is a token at all.
    pub(super) fn has_token(&self) -> bool {
        self.token().is_some()
    }

    fn token(&self) -> Option<&Secret> {
        self.token.get_or_init(|| self.config.find_token()).as_ref()
    }

    /// The token, bound to an origin.
    fn credential(&self, site: Site) -> Option<Credential> {
        self.token().map(|token| Credential::bearer(token, [site]))
    }

    fn url(&self, path: &str) -> Result<Url> {
        parse_url(&format!(
            "{}/repos/{}{path}",
            self.config.api.as_str().trim_end_matches('/'),
            self.repo
        ))
    }

    fn request(&self, method: Method, url: Url) -> Result<Request<'static>> {
        Request::new(method, url)?
            .maybe_credential(self.credential(Site::of(&self.config.api)).as_ref())
            .header("accept", "application/vnd.github+json")?
            .header("x-github-api-version", "2022-11-28")
    }

    fn ask(&self, path: &str) -> Result<Answer> {
        self.client
            .send(self.request(Method::GET, self.url(path)?)?)
    }

    fn ask_for<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let answer = self.ask(path)?;
        match answer.status {
            200 => answer.json().map(Some),
            404 => Ok(None),
            _ => Err(answer.error()),
        }
    }

    /// Whether the repository is private; `None`: we can't see it.
    pub(super) fn is_private(&self) -> Result<Option<bool>> {
        Ok(self.ask_for::<RawRepo>("")?.map(|repo| repo.private))
    }

    /// Whether releases become immutable when published; `None` where the token may not know.
    pub(super) fn immutable_releases(&self) -> Result<Option<bool>> {
        #[derive(Deserialize)]
        struct Setting {
            enabled: bool,
        }
        let answer = self.ask("/immutable-releases")?;
        match answer.status {
            200 => Ok(Some(answer.json::<Setting>()?.enabled)),
            404 => Ok(Some(false)),
            _ => Ok(None),
        }
    }

    /// The published release of a tag.
    pub(super) fn by_tag(&self, tag: &str) -> Result<Option<RawRelease>> {
        self.ask_for(&format!("/releases/tags/{}", segment(tag)))
    }

    /// A release by its id, drafts included.
    pub(super) fn by_id(&self, id: u64) -> Result<Option<RawRelease>> {
        self.ask_for(&format!("/releases/{id}"))
    }

    /// All releases, all pages; drafts where the token may write.
    pub(super) fn releases(&self) -> Result<Vec<RawRelease>> {
        let mut all: Vec<RawRelease> = Vec::new();
        let mut next = Some(self.url(NEWEST)?);
        while let Some(url) = next {
            let (page, after) = self.page(url)?;
            all.extend(page);
            next = after;
        }
        // A release that was made while we turned pages shows up twice.
        all.sort_by_key(|release| release.id);
        all.dedup_by_key(|release| release.id);
        let releases = all
            .iter()
            .map(|release| (release.id, release.tag_name.clone()))
            .collect();
        *self.seen_slot() = Some(Seen {
            releases,
            immutable: all.iter().any(|release| release.immutable),
        });
        Ok(all)
    }

    /// All releases, the first time in a run; after that the newest page, and what there was then. Others wait meanwhile.
    pub(super) fn recent(&self) -> Result<(Vec<RawRelease>, Option<Seen>)> {
        let turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen_slot().clone();
        if seen.is_none() {
            return Ok((self.releases()?, None));
        }
        drop(turning);
        Ok((self.page(self.url(NEWEST)?)?.0, seen))
    }

    /// A page of the list, and where the next one is.
    fn page(&self, url: Url) -> Result<(Vec<RawRelease>, Option<Url>)> {
        let answer = self.client.send(self.request(Method::GET, url)?)?;
        match answer.status {
            200 => Ok((answer.json()?, answer.link("next")?)),
            404 => Err(self.invisible()),
            _ => Err(answer.error()),
        }
    }

    /// Something is in doubt: whoever looks next turns all pages.
    pub(super) fn forget_seen(&self) {
        *self.seen_slot() = None;
    }

    fn seen_slot(&self) -> std::sync::MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a repository that we can't see.
    pub(super) fn invisible(&self) -> Error {
        let repo = &self.repo;
        if self.has_token() {
            Error::refused(format!("the token can't see the repository {repo}"))
                .hint("check the repository's name, and that the token was given access to it")
        } else {
            Error::unavailable(format!(
                "the repository {repo} is not visible without a token"
            ))
            .hint("set GH_TOKEN, or log in with `gh auth login`; if it is public, check its name")
        }
    }

    /// An asset's bytes as a stream.
    pub(super) fn asset(&self, id: u64) -> Result<Option<Download>> {
        self.client.get(self.asset_request(id)?)
    }

    /// A small asset, whole.
    pub(super) fn small_asset(&self, id: u64) -> Result<Option<Vec<u8>>> {
        self.client.get_small(self.asset_request(id)?, SMALL)
    }

    fn asset_request(&self, id: u64) -> Result<Request<'static>> {
        let url = self.url(&format!("/releases/assets/{id}"))?;
        self.request(Method::GET, url)?
            .header("accept", "application/octet-stream")
    }

    /// Makes a draft.
    pub(super) fn create_draft(&self, tag: &str, body: &str) -> Result<RawRelease, Trouble> {
        let wanted = json!({
            "tag_name": tag, "name": tag, "body": body, "draft": true, "prerelease": false, "make_latest": "false",
        });
        self.write_json(Method::POST, "/releases", &wanted)
    }

    /// Changes a release.
    pub(super) fn edit(&self, id: u64, change: &Value) -> Result<RawRelease, Trouble> {
        self.write_json(Method::PATCH, &format!("/releases/{id}"), change)
    }

    /// Deletes a release; fine where it is gone.
    pub(super) fn delete_release(&self, id: u64) -> Result<(), Trouble> {
        self.delete(&format!("/releases/{id}")).map(drop)
    }

    /// Gives an asset another name.
    pub(super) fn rename_asset(&self, id: u64, name: &str) -> Result<RawAsset, Trouble> {
        self.write_json(
            Method::PATCH,
            &format!("/releases/assets/{id}"),
            &json!({"name": name}),
        )
    }

    /// Deletes an asset; whether it was there.
    pub(super) fn delete_asset(&self, id: u64) -> Result<bool, Trouble> {
        self.delete(&format!("/releases/assets/{id}"))
    }

    /// Uploads an asset to the place the release itself names.
    pub(super) fn upload(
        &self,
        release: &RawRelease,
        name: &str,
        label: Option<&str>,
        source: Source<'_>,
        size: u64,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<RawAsset, Trouble> {
        let request = || {
            let base = release.upload_url.split('{').next().unwrap_or_default();
            let mut url = parse_url(&format!("{base}?name={}", segment(name)))?;
            if let Some(label) = label {
                url.query_pairs_mut().append_pair("label", label);
            }
            let site = Site::of(&url);
            let request = Request::new(Method::POST, url)?
                .maybe_credential(self.credential(site).as_ref())
                .header("accept", "application/vnd.github+json")?
                .header("x-github-api-version", "2022-11-28")?
                .total(Duration::from_mins(2) + Duration::from_secs(size / LEAST_SPEED));
            match source {
                Source::File(path) => request.file(
                    path.as_std_path(),
                    size,
                    "application/octet-stream",
                    progress,
                ),
                Source::Bytes(bytes) => request.bytes(bytes.to_vec(), content_type(name)),
            }
        };
        self.parsed(self.write(request().map_err(Trouble::Fatal)?)?)
    }

    fn write_json<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, Trouble> {
        let request = || self.request(method, self.url(path)?)?.json(body);
        self.parsed(self.write(request().map_err(Trouble::Fatal)?)?)
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn parsed<T: serde::de::DeserializeOwned>(&self, answer: Answer) -> Result<T, Trouble> {
        // It acted, but did not say so in words we understand.
        answer.json().map_err(Trouble::Unsure)
    }

    fn delete(&self, path: &str) -> Result<bool, Trouble> {
        let request = self
            .url(path)
            .and_then(|url| self.request(Method::DELETE, url))
            .map_err(Trouble::Fatal)?;
        match self.write(request.anything()) {
            Ok(_) => Ok(true),
            Err(Trouble::Gone(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// One write: after the pace's pause, judged.
    fn write(&self, request: Request<'_>) -> Result<Answer, Trouble> {
        self.pace().map_err(Trouble::Fatal)?;
        match self.client.send(request) {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(judge(&answer)),
            Err(error) if error.kind() == Kind::Unavailable => Err(Trouble::Unsure(error)),
            Err(error) => Err(Trouble::Fatal(error)),
        }
    }

    fn pace(&self) -> Result<()> {
        let mut last = self
            .last_write
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = *last {
            self.sleep(self.config.pace.saturating_sub(earlier.elapsed()))?;
        }
        *last = Some(Instant::now());
        Ok(())
    }

    /// Sleeps, unless the run is cancelled.
    pub(super) fn sleep(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            self.client.cancel().check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// What a failed write's answer means.
fn judge(answer: &Answer) -> Trouble {
    let error = answer.error();
    match answer.status {
        404 | 410 => Trouble::Gone(error),
        409 | 500..=599 => Trouble::Unsure(error),
        422 => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let details: Vec<&Value> = body["errors"]
                .as_array()
                .map(|errors| errors.iter().collect())
                .unwrap_or_default();
            let message = body["message"].as_str().unwrap_or_default();
            let said: Vec<String> = details
                .iter()
                .filter_map(|d| d["message"].as_str())
                .map(one_line)
                .collect();
            let error = said
                .iter()
                .fold(error.with_kind(Kind::Refused), Error::cause);
            if details.iter().any(|d| d["code"] == "already_exists") {
                Trouble::Taken(error)
            } else if message.contains("immutable release") {
                Trouble::Immutable(error)
            } else if details
                .iter()
                .any(|d| d["field"] == "pre_receive" || d["field"] == "tag_name")
                || said.iter().any(|text| text.contains("valid tag"))
            {
                Trouble::TagRefused(error)
            } else {
                Trouble::Fatal(error.with_kind(Kind::Failed))
            }
        }
        _ => Trouble::Fatal(error),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "json")) => "application/json",
        Some((_, "txt")) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// A tag or name in a url; of their characters only `+` needs care.
pub(super) fn segment(text: &str) -> String {
    text.replace('+', "%2B")
}
