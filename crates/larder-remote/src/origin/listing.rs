//! Reads from a repository on GitHub: a release with the names of its assets, and the repository's
//! metadata. Requests are first sent without a token, and with the token only if it belongs to that
//! server.

use crate::github::{Api, GitHubConfig, Login, Release, TokenSource};
use crate::http::{Site, parse_url};
use larder_core::error::{Error, Result};

use super::fetched::Publishers;
use super::web;

/// A publisher's description of its project.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// A one-line description.
    pub description: Option<String>,
    /// The home page.
    pub homepage: Option<String>,
    /// The licence, as an SPDX identifier.
    pub license: Option<String>,
}

/// A repository's releases, read through the API.
pub struct Listing {
    api: Api,
}

impl Listing {
    /// The releases of `owner/name`.
    pub fn new(publishers: Publishers<'_>, repo: &str) -> Result<Self> {
        let config = publishers.settings.github.clone();
        let web = web::github_base(publishers)?;
        let config = if Site::of(&config.web) == Site::of(&web) {
            config
        } else if web.as_str().trim_end_matches('/') == web::GITHUB {
            // The token belongs to the server of the hub, so it is not sent to github.com.
            GitHubConfig {
                api: parse_url("https://api.github.com")?,
                web,
                token: TokenSource::Given(None),
                ..config
            }
        } else {
            return Err(Error::failed(format!(
                "a mirror stands in for github.com, and it can't list the releases of {repo}"
            ))
            .hint("run once without the mirror (`github_mirror` in your config.yml), or write the recipe by hand"));
        };
        Ok(Self {
            api: Api::new(repo, publishers.client.clone(), config, Login::WhenRefused),
        })
    }

    /// The release of a version: its tag is `v1.2`, `1.2`, or ends in one of them. Without a
    /// version, the latest release.
    pub fn release(&self, version: Option<&str>) -> Result<Release> {
        let repo = self.api.repo();
        let Some(version) = version else {
            return self.api.latest()?.ok_or_else(|| {
                Error::failed(format!(
                    "{repo} does not exist, is private, or has no release except pre-releases"
                ))
                .hint("check the name; a private repository needs a token; to use a pre-release, name its version")
            });
        };
        let bare = version.strip_prefix('v').unwrap_or(version);
        for tag in [version.to_owned(), format!("v{bare}"), bare.to_owned()] {
            if let Some(found) = self.api.by_tag(&tag)? {
                return Ok(found);
            }
        }
        // The tag may contain more than the version: `jq-1.7.1`, `cli/v1.2`.
        let listed = self.api.page(None)?.map(|page| page.releases);
        let ends = |tag: &str| {
            let before = tag.strip_suffix(version).or_else(|| tag.strip_suffix(bare));
            before.is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_digit() || c == '.'))
        };
        listed
            .unwrap_or_default()
            .into_iter()
            .find(|release| ends(&release.tag))
            .ok_or_else(|| {
                Error::failed(format!("{repo} has no release of {version}")).hint(
                    "check the name and the version; without a version, the latest release is used",
                )
            })
    }

    /// The tags of the releases, newest first, at most a thousand.
    pub fn tags(&self) -> Result<Vec<String>> {
        let (mut tags, mut at) = (Vec::new(), None);
        for _ in 0..10 {
            let Some(page) = self.api.page(at)? else {
                break;
            };
            tags.extend(page.releases.into_iter().map(|release| release.tag));
            at = page.next;
            if at.is_none() {
                break;
            }
        }
        Ok(tags)
    }

    /// The repository's metadata.
    pub fn about(&self) -> Result<About> {
        let Some(repository) = self.api.repository()? else {
            return Ok(About::default());
        };
        Ok(About {
            license: repository.license().map(str::to_owned),
            description: repository.description,
            homepage: repository.homepage,
        })
    }
}

/// The version in a tag, and the tag's template: `jq-1.7.1` gives `1.7.1` and `jq-{{ version }}`.
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
