//! The API of one repository: what is asked of it. Changes nothing there; that is
//! [`write`](super::write)'s.

use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Asset, GitHubConfig, Release, Repository};
use crate::http::{
    Answer, Client, Credential, Download, Method, Request, Secret, Site, Url, parse_url,
};
use larder_core::error::{Error, Result};

/// Sidecars and derived files are small; a larger asset is not read whole.
const SMALL_ASSET: u64 = 16 * 1024 * 1024;

/// When a request carries the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Always, where there is one: for a repository of ours.
    Always,
    /// Only where the same request was refused without: public reads stay anonymous.
    WhenRefused,
}

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Public,
    /// Some, and the token's owner is one of them.
    Private,
}

/// A page of the list of releases.
#[derive(Clone, Debug)]
pub struct Page {
    /// The releases on it.
    pub releases: Vec<Release>,
    /// Where the next page is, unless this is the last one.
    pub next: Option<Url>,
}

/// The API of one repository. May be used from several threads at once; writes are then made one
/// after the other.
pub struct Api {
    pub(super) client: Client,
    pub(super) config: GitHubConfig,
    repo: String,
    login: Login,
    token: OnceLock<Option<Secret>>,
    /// When the last write was made.
    pub(super) last_write: Mutex<Option<Instant>>,
}

impl Api {
    /// The API of `owner/name`. Nothing is asked, and no token looked for, before that is needed.
    pub fn new(repo: &str, client: Client, config: GitHubConfig, login: Login) -> Self {
        Self {
            client,
            config,
            repo: repo.to_owned(),
            login,
            token: OnceLock::new(),
            last_write: Mutex::default(),
        }
    }

    /// `owner/name`.
    pub fn repo(&self) -> &str {
        &self.repo
    }

    /// Where GitHub is, and how patient to be with it.
    pub fn config(&self) -> &GitHubConfig {
        &self.config
    }

    /// The HTTP client that it asks through.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether there is a token at all.
    pub fn has_token(&self) -> bool {
        self.token().is_some()
    }

    fn token(&self) -> Option<&Secret> {
        self.token
            .get_or_init(|| self.config.find_token(self.client.cancel()))
            .as_ref()
    }

    /// A url of the web origin, below the repository's page.
    pub fn web_url(&self, path: &str) -> String {
        let web = self.config.web.as_str().trim_end_matches('/');
        format!("{web}/{}{path}", self.repo)
    }

    /// What the repository says of itself; `None`: it is not there, or we can't see it.
    pub fn repository(&self) -> Result<Option<Repository>> {
        self.ask_for("")
    }

    /// Who may see the repository; an error where we can't.
    pub fn visibility(&self) -> Result<Visibility> {
        match self.repository()? {
            Some(repository) if repository.private => Ok(Visibility::Private),
            Some(_) => Ok(Visibility::Public),
            None => Err(self.invisible()),
        }
    }

    /// Whether releases become immutable when published; `None` where the token may not know.
    pub fn immutable_releases(&self) -> Result<Option<bool>> {
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
    pub fn by_tag(&self, tag: &str) -> Result<Option<Release>> {
        // Git allows no such tags, and a url would take them for folders.
        if matches!(tag, "." | "..") {
            return Ok(None);
        }
        self.ask_for(&format!("/releases/tags/{}", segment(tag)))
    }

    /// A release by its number, drafts included.
    pub fn by_id(&self, id: u64) -> Result<Option<Release>> {
        self.ask_for(&format!("/releases/{id}"))
    }

    /// The release that the repository calls its latest; never a pre-release.
    pub fn latest(&self) -> Result<Option<Release>> {
        self.ask_for("/releases/latest")
    }

    /// The list of releases, the newest first, page by page: the first page, or the one that an
    /// earlier page names as the next. Drafts are in it where the token may write. `None`: the
    /// repository is not there, or we can't see it.
    pub fn page(&self, at: Option<Url>) -> Result<Option<Page>> {
        let answer = match at {
            Some(url) => self.send(&url)?,
            None => self.ask("/releases?per_page=100")?,
        };
        match answer.status {
            200 => Ok(Some(Page {
                releases: answer.json()?,
                next: answer.link("next")?,
            })),
            404 => Ok(None),
            _ => Err(answer.error()),
        }
    }

    /// An asset by its number, as it is now: lists may lag behind.
    pub fn asset_by_id(&self, id: u64) -> Result<Option<Asset>> {
        self.ask_for(&format!("/releases/assets/{id}"))
    }

    /// An asset's bytes as a stream.
    pub fn asset(&self, id: u64) -> Result<Option<Download>> {
        self.client.get(self.asset_request(id)?)
    }

    /// The bytes of a small asset.
    pub fn small_asset(&self, id: u64) -> Result<Option<Vec<u8>>> {
        self.client.get_small(self.asset_request(id)?, SMALL_ASSET)
    }

    fn asset_request(&self, id: u64) -> Result<Request<'static>> {
        let url = self.url(&format!("/releases/assets/{id}"))?;
        self.request(Method::GET, url)?
            .header("accept", "application/octet-stream")
    }

    /// The error of a repository that we can't see.
    pub fn invisible(&self) -> Error {
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

    fn ask_for<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let answer = self.ask(path)?;
        match answer.status {
            200 => answer.json().map(Some),
            404 => Ok(None),
            _ => Err(answer.error()),
        }
    }

    fn ask(&self, path: &str) -> Result<Answer> {
        self.send(&self.url(path)?)
    }

    /// Asks anonymously first where [`Login`] says so. An anonymous request is also refused once
    /// the limit for all that are not logged in is used up.
    fn send(&self, url: &Url) -> Result<Answer> {
        let refused = |answer: &Answer| matches!(answer.status, 401 | 403 | 404 | 429);
        if self.login == Login::WhenRefused {
            let answer = self.client.send(plain(Method::GET, url.clone())?)?;
            if !refused(&answer) || !self.has_token() {
                return Ok(answer);
            }
        }
        self.client.send(self.request(Method::GET, url.clone())?)
    }

    /// A request to the API's own origin, with the token if there is one.
    pub(super) fn request(&self, method: Method, url: Url) -> Result<Request<'static>> {
        let credential = self.credential(Site::of(&self.config.api));
        Ok(plain(method, url)?.credential(credential.as_ref()))
    }

    /// The token, bound to an origin.
    pub(super) fn credential(&self, site: Site) -> Option<Credential> {
        self.token().map(|token| Credential::bearer(token, [site]))
    }

    pub(super) fn url(&self, path: &str) -> Result<Url> {
        let api = self.config.api.as_str().trim_end_matches('/');
        parse_url(&format!("{api}/repos/{}{path}", self.repo))
    }
}

/// A request without a token, in the version of the API that this client speaks.
pub(super) fn plain(method: Method, url: Url) -> Result<Request<'static>> {
    Request::new(method, url)?
        .header("accept", "application/vnd.github+json")?
        .header("x-github-api-version", "2022-11-28")
}

/// A tag or a name as one segment of a url's path.
pub fn segment(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
    utf8_percent_encode(text, KEPT).to_string()
}
