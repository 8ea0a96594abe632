//! Write requests for a repository's releases: one change at a time, with the pauses that GitHub
//! asks for. A failure is classified by what the caller can do next. A change is not repeated here,
//! because it is not known whether the first attempt succeeded.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::{Api, plain, segment};
use super::{Asset, Release};
use crate::http::{Answer, Method, Request, Site, parse_url};
use larder_core::error::{Error, Kind, Result};

/// The minimum speed of an upload in bytes per second; a slower attempt times out.
const LEAST_SPEED: u64 = 16 * 1024;

/// The bytes of an upload.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A file, which is streamed.
    File(&'a Utf8Path),
    /// Bytes in memory.
    Bytes(&'a [u8]),
}

/// An asset to upload.
#[derive(Clone, Copy, Debug)]
pub struct NewAsset<'a> {
    /// Its name. GitHub replaces some characters; the answer contains the resulting name.
    pub name: &'a str,
    /// A text that listings show next to the name.
    pub label: Option<&'a str>,
    /// Its bytes.
    pub content: Content<'a>,
    /// The size in bytes.
    pub size: u64,
}

/// Why a change failed, by what the caller can do about it.
#[derive(Debug)]
pub enum WriteError {
    /// The release or asset does not exist, or no longer exists.
    Gone(Error),
    /// The name or tag is already in use.
    Taken(Error),
    /// The release is immutable.
    Immutable(Error),
    /// A rule of the repository does not allow the tag.
    TagRefused(Error),
    /// It is not known whether the change was made: the answer was lost or is a server error.
    Unknown(Error),
    /// The same change would fail again.
    Fatal(Error),
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Gone(e)
            | WriteError::Taken(e)
            | WriteError::Immutable(e)
            | WriteError::TagRefused(e)
            | WriteError::Unknown(e)
            | WriteError::Fatal(e) => e,
        }
    }
}

impl Api {
    /// Creates a draft with a tag, a description and no assets.
    pub fn create_draft(&self, tag: &str, body: &str) -> Result<Release, WriteError> {
        let wanted = json!({
            "tag_name": tag, "name": tag, "body": body, "draft": true, "prerelease": false, "make_latest": "false",
        });
        self.write_json(Method::POST, "/releases", &wanted)
    }

    /// Changes fields of a release. `change` uses the API's field names.
    pub fn edit(&self, id: u64, change: &Value) -> Result<Release, WriteError> {
        self.write_json(Method::PATCH, &format!("/releases/{id}"), change)
    }

    /// Deletes a release with its assets. It is no error if it does not exist.
    pub fn delete_release(&self, id: u64) -> Result<(), WriteError> {
        self.delete(&format!("/releases/{id}")).map(drop)
    }

    /// Renames an asset.
    pub fn rename_asset(&self, id: u64, name: &str) -> Result<Asset, WriteError> {
        self.write_json(
            Method::PATCH,
            &format!("/releases/assets/{id}"),
            &json!({"name": name}),
        )
    }

    /// Deletes an asset; returns whether it existed.
    pub fn delete_asset(&self, id: u64) -> Result<bool, WriteError> {
        self.delete(&format!("/releases/assets/{id}"))
    }

    /// Uploads an asset to the upload url of the release. `progress` is called on this thread with
    /// the number of bytes sent since the last call.
    pub fn upload(
        &self,
        release: &Release,
        new: NewAsset<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Asset, WriteError> {
        let NewAsset {
            name,
            label,
            content,
            size,
        } = new;
        let request = || {
            let base = release.upload_url.split('{').next().unwrap_or_default();
            let mut url = parse_url(&format!("{base}?name={}", segment(name)))?;
            if let Some(label) = label {
                url.query_pairs_mut().append_pair("label", label);
            }
            let credential = self.credential(Site::of(&url));
            let request = plain(Method::POST, url)?
                .credential(credential.as_ref())
                .total(Duration::from_mins(2) + Duration::from_secs(size / LEAST_SPEED));
            match content {
                Content::File(path) => request.file(
                    path.as_std_path(),
                    size,
                    "application/octet-stream",
                    progress,
                ),
                Content::Bytes(bytes) => request.bytes(bytes.to_vec(), content_type(name)),
            }
        };
        parsed(&self.write(request().map_err(WriteError::Fatal)?)?)
    }

    pub(super) fn write_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, WriteError> {
        let request = || self.request(method, self.url(path)?)?.json(body);
        parsed(&self.write(request().map_err(WriteError::Fatal)?)?)
    }

    pub(super) fn delete(&self, path: &str) -> Result<bool, WriteError> {
        let request = self
            .url(path)
            .and_then(|url| self.request(Method::DELETE, url))
            .map_err(WriteError::Fatal)?;
        match self.write(request.anything()) {
            Ok(_) => Ok(true),
            Err(WriteError::Gone(_)) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    fn write(&self, request: Request<'_>) -> Result<Answer, WriteError> {
        self.pace().map_err(WriteError::Fatal)?;
        match self.client.send(request) {
            Ok(answer) if answer.is_success() => Ok(answer),
            Ok(answer) => Err(classify(&answer)),
            Err(error) if error.kind() == Kind::Unavailable => Err(WriteError::Unknown(error)),
            Err(error) => Err(WriteError::Fatal(error)),
        }
    }

    /// Waits until enough time has passed since the last write of any thread.
    fn pace(&self) -> Result<()> {
        let mut last = self
            .last_write
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = *last {
            let left = self.config.pace.saturating_sub(earlier.elapsed());
            self.client.cancel().sleep(left)?;
        }
        *last = Some(Instant::now());
        Ok(())
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, WriteError> {
    // The change was made, but the answer can't be parsed.
    answer.json().map_err(WriteError::Unknown)
}

/// Classifies the answer to a failed write.
fn classify(answer: &Answer) -> WriteError {
    let error = answer.error();
    match answer.status {
        404 | 410 => WriteError::Gone(error),
        409 | 500..=599 => WriteError::Unknown(error),
        422 => {
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let details: Vec<&Value> = body["errors"]
                .as_array()
                .map(|errors| errors.iter().collect())
                .unwrap_or_default();
            let message = body["message"].as_str().unwrap_or_default();
            let messages: Vec<String> = details
                .iter()
                .filter_map(|d| d["message"].as_str())
                .map(one_line)
                .collect();
            let error = messages
                .iter()
                .fold(error.with_kind(Kind::Refused), Error::cause);
            if details.iter().any(|d| d["code"] == "already_exists") {
                WriteError::Taken(error)
            } else if message.contains("immutable release") {
                WriteError::Immutable(error)
            } else if details
                .iter()
                .any(|d| d["field"] == "pre_receive" || d["field"] == "tag_name")
                || messages.iter().any(|text| text.contains("valid tag"))
            {
                WriteError::TagRefused(error)
            } else {
                WriteError::Fatal(error.with_kind(Kind::Failed))
            }
        }
        _ => WriteError::Fatal(error),
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
