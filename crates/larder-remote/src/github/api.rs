//! Read requests to the API of one repository. The write requests are in [`write`](super::write).

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

/// The size limit for reading an asset into memory; sidecars and derived files are far smaller.
const SMALL_ASSET: u64 = 16 * 1024 * 1024;

/// When a request carries the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Always, if there is a token: for the team's own repository.
    Always,
    /// Only if the same request was refused without the token, so that public reads stay anonymous.
    WhenRefused,
}

/// Who may see a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Public,
    /// Only some users, including the token's owner.
    Private,
}

/// One page of the list of releases.
#[derive(Clone, Debug)]
pub struct Page {
    /// The releases on it.
    pub releases: Vec<Release>,
    /// The url of the next page; `None` on the last page.
    pub next: Option<Url>,
}

/// The API of one repository. It may be used from several threads at once; writes are serialised.
pub struct Api {
    pub(super) client: Client,
    pub(super) config: GitHubConfig,
    repo: String,
    login: Login,
    token: OnceLock<Option<Secret>>,
    /// The time of the last write.
    pub(super) last_write: Mutex<Option<Instant>>,
}

impl Api {
    /// The API of `owner/name`. Sends no request and looks for no token before one is needed.
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

    /// The addresses, token and time limits of GitHub.
    pub fn config(&self) -> &GitHubConfig {
        &self.config
    }

    /// The HTTP client that sends the requests.
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

    /// A url on the website, below the repository's page.
    pub fn web_url(&self, path: &str) -> String {
        let web = self.config.web.as_str().trim_end_matches('/');
        format!("{web}/{}{path}", self.repo)
    }

    /// The repository's metadata; `None` if it does not exist or is not visible to us.
    pub fn repository(&self) -> Result<Option<Repository>> {
        self.ask_for("")
    }

    /// Who may see the repository; an error if it is not visible to us.
    pub fn visibility(&self) -> Result<Visibility> {
        match self.repository()? {
            Some(repository) if repository.private => Ok(Visibility::Private),
            Some(_) => Ok(Visibility::Public),
            None => Err(self.invisible()),
        }
    }

    /// Whether releases become immutable when published; `None` if the token may not read that
    /// setting.
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
        // Git allows no such tags, and a url would treat them as path segments.
        if matches!(tag, "." | "..") {
            return Ok(None);
        }
        self.ask_for(&format!("/releases/tags/{}", segment(tag)))
    }

    /// A release by its id, drafts included.
    pub fn by_id(&self, id: u64) -> Result<Option<Release>> {
        self.ask_for(&format!("/releases/{id}"))
    }

    /// The release that GitHub marks as the latest; never a pre-release.
    pub fn latest(&self) -> Result<Option<Release>> {
        self.ask_for("/releases/latest")
    }

    /// One page of the list of releases, newest first: the first page, or the page at a url from
    /// [`Page::next`]. It includes drafts if the token has write access. `None` if the repository
    /// does not exist or is not visible to us.
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

    /// An asset by its id, in its current state: lists may lag behind.
    pub fn asset_by_id(&self, id: u64) -> Result<Option<Asset>> {
        self.ask_for(&format!("/releases/assets/{id}"))
    }

    /// The bytes of an asset as a stream.
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

    /// The error for a repository that is not visible to us.
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

    pub(super) fn ask_for<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
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

    /// Sends a GET request, first without the token if [`Login`] says so. A request without a token
    /// is also refused when the rate limit for anonymous requests is exhausted.
    pub(super) fn send(&self, url: &Url) -> Result<Answer> {
        let refused = |answer: &Answer| matches!(answer.status, 401 | 403 | 404 | 429);
        if self.login == Login::WhenRefused {
            let answer = self.client.send(plain(Method::GET, url.clone())?)?;
            if !refused(&answer) || !self.has_token() {
                return Ok(answer);
            }
        }
        self.client.send(self.request(Method::GET, url.clone())?)
    }

    /// A request to the origin of the API, with the token if there is one.
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

/// A request without a token, for the API version that this client uses.
pub(super) fn plain(method: Method, url: Url) -> Result<Request<'static>> {
    Request::new(method, url)?
        .header("accept", "application/vnd.github+json")?
        .header("x-github-api-version", "2022-11-28")
}

/// Encodes a tag or a name as one path segment of a url.
pub fn segment(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
    utf8_percent_encode(text, KEPT).to_string()
}
