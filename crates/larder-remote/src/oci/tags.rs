//! What tags there are, and what an image says about itself.

use larder_core::error::{Error, Result};
use larder_core::model::Digest;
use serde_json::Value;

use super::auth::Right;
use super::{MAX_JSON, Manifest, Repository, answers};
use crate::http::{Method, Request};

/// How many tags are asked for at once.
const PAGE: usize = 1000;
/// The most pages of tags that are read.
const MAX_PAGES: usize = 1000;

impl Repository {
    /// The tags; none if the repository is not there.
    pub fn tags(&self) -> Result<Vec<String>> {
        let mut tags = Vec::new();
        let mut next = Some(self.name.url(&format!("tags/list?n={PAGE}"))?);
        for _ in 0..MAX_PAGES {
            let Some(url) = next.take() else { break };
            let answer = self.send(Right::Pull, || {
                Ok(Request::new(Method::GET, url.clone())?.limit(MAX_JSON))
            })?;
            if answer.status == 404 {
                break;
            }
            if !answer.is_success() {
                return Err(answers::error(&answer));
            }
            let page: Value = answer.json()?;
            let names = page["tags"].as_array().into_iter().flatten();
            tags.extend(names.filter_map(Value::as_str).map(str::to_owned));
            next = answer.link("next")?;
        }
        if next.is_some() {
            return Err(
                Error::failed(format!("{} has too many tags to list", self.name))
                    .cause(format!("there are more than {MAX_PAGES} pages of them")),
            );
        }
        Ok(tags)
    }

    /// What an image says under a key: in its annotations, or in those of its first platform, or in
    /// the labels of that one's config.
    pub fn text(&self, manifest: &Manifest, key: &str) -> Result<Option<String>> {
        let annotation = |json: &Value| json["annotations"][key].as_str().map(str::to_owned);
        let mut json = manifest.json();
        if let Some(text) = annotation(&json) {
            return Ok(Some(text));
        }
        if manifest.is_index() {
            let images = json["manifests"].as_array().into_iter().flatten();
            // What belongs to an image without being one is of no platform.
            let mut images =
                images.filter(|image| image["platform"]["os"].as_str() != Some("unknown"));
            let Some(first) = images.next().and_then(|image| image["digest"].as_str()) else {
                return Ok(None);
            };
            let Some(first) = self.manifest(first)? else {
                return Ok(None);
            };
            json = first.json();
            if let Some(text) = annotation(&json) {
                return Ok(Some(text));
            }
        }
        let config = json["config"]["digest"].as_str();
        let Some(config) = config.and_then(|digest| digest.parse::<Digest>().ok()) else {
            return Ok(None);
        };
        let Some(config) = self.small_blob(&config)? else {
            return Ok(None);
        };
        let config: Value = serde_json::from_slice(&config).unwrap_or_default();
        Ok(config["config"]["Labels"][key].as_str().map(str::to_owned))
    }
}
