//! What a repository on GitHub announces: a release with the names of its assets, and what the repository says of itself.
//!
//! The API is asked, anonymously first; with our token only where that server is the one that the token is for.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::{Credential, Method, Request, Site, Url, parse_url};
use crate::hub::GitHubConfig;
use larder_core::error::{Error, Result};

use super::{Publishers, web};

/// A release.
#[derive(Clone, Debug, Deserialize)]
pub struct Announced {
    /// Its tag.
    #[serde(rename = "tag_name")]
    pub tag: String,
    assets: Vec<Asset>,
}

#[derive(Clone, Debug, Deserialize)]
struct Asset {
    name: String,
    state: String,
}

impl Announced {
    /// Names of its assets whose bytes are there.
    pub fn assets(&self) -> Vec<String> {
        self.assets
            .iter()
            .filter(|asset| asset.state == "uploaded")
            .map(|asset| asset.name.clone())
            .collect()
    }
}

/// What a repository says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct About {
    /// One line about it.
    pub description: Option<String>,
    /// Its home page.
    pub homepage: Option<String>,
    license: Option<License>,
}

#[derive(Clone, Debug, Deserialize)]
struct License {
    spdx_id: Option<String>,
}

impl About {
    /// Its licence, where GitHub knows which.
    pub fn license(&self) -> Option<&str> {
        self.license
            .as_ref()?
            .spdx_id
            .as_deref()
            .filter(|id| *id != "NOASSERTION")
    }
}

/// A repository's releases, as the API tells them.
pub struct Listing<'a> {
    publishers: Publishers<'a>,
    repo: &'a str,
    api: Url,
    /// Who we are there, where it is the server that our token is for.
    config: Option<&'a GitHubConfig>,
}

impl<'a> Listing<'a> {
    /// Of `owner/name`.
    pub fn new(publishers: Publishers<'a>, repo: &'a str) -> Result<Self> {
        let config = &publishers.settings.github;
        let web = web::github_base(publishers)?;
        if Site::of(&config.web) == Site::of(&web) {
            return Ok(Self {
                publishers,
                repo,
                api: config.api.clone(),
                config: Some(config),
            });
        }
        if web.as_str().trim_end_matches('/') == web::GITHUB {
            return Ok(Self {
                publishers,
                repo,
                api: parse_url("https://api.github.com")?,
                config: None,
            });
        }
        Err(Error::failed(format!("a mirror stands in for github.com, which does not tell what {repo} released"))
            .hint("ask once without the mirror (`github_mirror` in your config.yml), or write the recipe by hand"))
    }

    /// The release of a version, `v1.2` or `1.2` or a tag that ends so; without one the latest.
    pub fn release(&self, version: Option<&str>) -> Result<Announced> {
        let Some(version) = version else {
            return self.ask("/releases/latest")?.ok_or_else(|| {
                Error::failed(format!(
                    "{} has no release that is no pre-release, or is not there",
                    self.repo
                ))
                .hint("check the name; a pre-release is taken where its version is named")
            });
        };
        let bare = version.strip_prefix('v').unwrap_or(version);
        for tag in [version.to_owned(), format!("v{bare}"), bare.to_owned()] {
            if let Some(found) = self.ask(&format!("/releases/tags/{}", web::segment(&tag)))? {
                return Ok(found);
            }
        }
        // Its tag may say more than the version: `jq-1.7.1`, `cli/v1.2`.
        let listed: Vec<Announced> = self.ask("/releases?per_page=100")?.unwrap_or_default();
        let ends = |tag: &str| {
            let before = tag.strip_suffix(version).or_else(|| tag.strip_suffix(bare));
            before.is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_digit() || c == '.'))
        };
        listed
            .into_iter()
            .find(|release| ends(&release.tag))
            .ok_or_else(|| {
                Error::failed(format!("{} has no release of {version}", self.repo))
                    .hint("check the name and the version; without one the latest release is taken")
            })
    }

    /// What the repository says of itself.
    pub fn about(&self) -> Result<About> {
        Ok(self.ask("")?.unwrap_or_default())
    }

    fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        let url = parse_url(&format!(
            "{}/repos/{}{path}",
            self.api.as_str().trim_end_matches('/'),
            self.repo
        ))?;
        let request = || {
            Request::new(Method::GET, url.clone())?.header("accept", "application/vnd.github+json")
        };
        let mut answer = self.publishers.client.send(request()?)?;
        if matches!(answer.status, 401 | 403 | 404 | 429)
            && let Some(token) = self.config.and_then(GitHubConfig::find_token)
        {
            // Private, or the limit for the anonymous is used up.
            let credential = Credential::bearer(&token, [Site::of(&self.api)]);
            answer = self
                .publishers
                .client
                .send(request()?.credential(&credential))?;
        }
        match answer.status {
            200 => answer.json().map(Some),
            404 => Ok(None),
            _ => Err(answer.error()),
        }
    }
}

/// The version that a tag names, and the tag's template: `jq-1.7.1` is version `1.7.1`, `jq-{{ version }}`.
pub fn version_in(tag: &str) -> (&str, String) {
    let edge = |at: usize| !tag[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let starts = |at: usize| {
        let rest = tag[at..].strip_prefix('v').unwrap_or(&tag[at..]);
        edge(at) && rest.starts_with(|c: char| c.is_ascii_digit())
    };
    match tag.char_indices().map(|(at, _)| at).find(|at| starts(*at)) {
        Some(at) => (&tag[at..], format!("{}{{{{ version }}}}", &tag[..at])),
        None => (tag, "{{ version }}".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_a_tag() {
        for (tag, version, template) in [
            ("v2.10.24", "v2.10.24", "{{ version }}"),
            ("14.1.1", "14.1.1", "{{ version }}"),
            ("jq-1.7.1", "1.7.1", "jq-{{ version }}"),
            ("cli/v1.2.3-rc.1", "v1.2.3-rc.1", "cli/{{ version }}"),
            ("k8s-v1.30", "v1.30", "k8s-{{ version }}"),
            ("nightly", "nightly", "{{ version }}"),
        ] {
            assert_eq!(version_in(tag), (version, template.to_owned()));
        }
    }
}
