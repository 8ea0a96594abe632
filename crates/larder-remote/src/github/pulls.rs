//! Pull requests and forks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Repository;
use super::api::{Api, plain};
use super::write::WriteError;
use crate::http::{Method, Site, parse_url};
use larder_core::error::Result;

/// A pull request.
#[derive(Clone, Debug, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    /// When it was merged, if it was.
    pub merged_at: Option<String>,
    /// The url of its page.
    #[serde(rename = "html_url")]
    pub page: String,
    /// What it proposes.
    pub head: Head,
}

/// The branch that a pull request proposes.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    /// The name of the branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// Its commit.
    pub sha: String,
    /// Its repository; `None` if that was deleted.
    pub repo: Option<Repository>,
}

impl PullRequest {
    /// Whether it waits for a decision.
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }
    /// Whether it was merged.
    pub fn is_merged(&self) -> bool {
        self.merged_at.is_some()
    }
}

/// A pull request that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewPull<'a> {
    /// The title.
    pub title: &'a str,
    /// The description.
    pub body: &'a str,
    /// The owner of the branch that is proposed.
    pub owner: &'a str,
    /// The branch that is proposed.
    pub branch: &'a str,
    /// The branch that it is proposed for.
    pub base: &'a str,
}

impl Api {
    /// The pull requests of a branch of some owner, open or not, newest first.
    pub fn pulls(&self, owner: &str, branch: &str) -> Result<Vec<PullRequest>> {
        let mut url = self.url("/pulls")?;
        url.query_pairs_mut()
            .append_pair("state", "all")
            .append_pair("head", &format!("{owner}:{branch}"))
            .append_pair("per_page", "100");
        let answer = self.send(&url)?;
        match answer.status {
            200 => {
                let mut pulls: Vec<PullRequest> = answer.json()?;
                // A filter that GitHub can't read is no filter.
                pulls.retain(|pull| pull.head.branch == branch);
                Ok(pulls)
            }
            404 => Err(self.invisible()),
            _ => Err(answer.error()),
        }
    }

    /// Makes a pull request.
    pub fn create_pull(&self, new: NewPull<'_>) -> Result<PullRequest, WriteError> {
        let NewPull {
            title,
            body,
            owner,
            branch,
            base,
        } = new;
        let wanted = json!({
            "title": title, "body": body, "head": format!("{owner}:{branch}"), "base": base,
        });
        self.write_json(Method::POST, "/pulls", &wanted)
    }

    /// Closes a pull request.
    pub fn close_pull(&self, number: u64) -> Result<PullRequest, WriteError> {
        let path = format!("/pulls/{number}");
        self.write_json(Method::PATCH, &path, &json!({"state": "closed"}))
    }

    /// Forks the repository for the owner of the token, or finds the fork that is there. Its
    /// content may arrive later.
    pub fn fork(&self) -> Result<Repository, WriteError> {
        self.write_json(
            Method::POST,
            "/forks",
            &json!({"default_branch_only": true}),
        )
    }

    /// Brings a branch of a fork up to date.
    pub fn merge_upstream(&self, branch: &str) -> Result<(), WriteError> {
        self.write_json::<Value>(Method::POST, "/merge-upstream", &json!({"branch": branch}))
            .map(drop)
    }

    /// The account of the token's owner; `None` if it is no user's.
    pub fn login(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        let api = self.config.api.as_str().trim_end_matches('/');
        let url = parse_url(&format!("{api}/user"))?;
        let credential = self.credential(Site::of(&self.config.api));
        let request = plain(Method::GET, url)?.credential(credential.as_ref());
        let answer = self.client.send(request)?;
        match answer.status {
            200 => Ok(Some(answer.json::<User>()?.login)),
            // The token of an installation is nobody's.
            403 | 404 => Ok(None),
            _ => Err(answer.error()),
        }
    }
}
