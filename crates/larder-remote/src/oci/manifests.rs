//! Manifests and indexes of images.

use std::time::Duration;

use larder_core::error::{Error, Kind, Result};
use larder_core::model::Digest;
use serde_json::{Value, json};

use super::auth::Right;
use super::{
    DOCKER_INDEX, DOCKER_MANIFEST, ImageName, MAX_JSON, OCI_INDEX, OCI_MANIFEST, Repository,
    answers,
};
use crate::http::{Answer, Method, Request};

/// A manifest, or an index of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its text. Its digest is over these bytes.
    pub bytes: Vec<u8>,
}

impl Manifest {
    /// A document of OCI, which states its media type itself.
    pub fn of(json: &Value) -> Self {
        let bytes = json.to_string().into_bytes();
        Self {
            digest: Digest::of(&bytes),
            media_type: json["mediaType"].as_str().unwrap_or_default().to_owned(),
            bytes,
        }
    }

    /// What names it in another manifest.
    pub fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.bytes.len(),
        })
    }

    /// Its content; `Null` if it is no JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// Whether it is an index of manifests.
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_INDEX | DOCKER_INDEX)
    }
}

/// How often a manifest is put that a registry can't store at once.
const TRIES: u32 = 6;
/// The pause before the second try; it grows with each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of a manifest that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is deleted.
    Done,
    /// It was not there.
    Absent,
    /// The registry does not delete manifests.
    Unsupported,
}

impl Repository {
    /// The digest of what a tag or a digest names; `None` if it is not there.
    pub fn digest_of(&self, reference: &str) -> Result<Option<Digest>> {
        let answer = self.ask(Method::HEAD, reference)?;
        match answer.status {
            404 => return Ok(None),
            _ if !answer.is_success() => return Err(answers::error(&answer)),
            _ => {}
        }
        match stated(&answer)? {
            Some(digest) => Ok(Some(digest)),
            // Registries need not state it.
            None => Ok(self.manifest(reference)?.map(|manifest| manifest.digest)),
        }
    }

    /// What a tag or a digest names; `None` if it is not there.
    pub fn manifest(&self, reference: &str) -> Result<Option<Manifest>> {
        let answer = self.ask(Method::GET, reference)?;
        match answer.status {
            404 => return Ok(None),
            _ if !answer.is_success() => return Err(answers::error(&answer)),
            _ => {}
        }
        let digest = Digest::of(&answer.body);
        let wanted = if reference.starts_with("sha256:") {
            reference.parse().ok()
        } else {
            stated(&answer)?
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
            return Err(Error::integrity(format!(
                "{}:{reference} has the digest sha256:{digest}, and sha256:{wanted} is expected",
                self.name
            ))
            .hint("something between the registry and this machine changes bytes"));
        }
        let json: Value = answer.json()?;
        let stated = answer.header("content-type").unwrap_or_default();
        let stated = stated.split(';').next().unwrap_or_default().trim();
        let media_type = json["mediaType"].as_str().unwrap_or(stated).to_owned();
        Ok(Some(Manifest {
            digest,
            media_type,
            bytes: answer.body,
        }))
    }

    /// Puts a manifest under a tag or its digest. What it names has to be there already.
    pub fn put_manifest(&self, reference: &str, manifest: &Manifest) -> Result<()> {
        let put = self.put(reference, manifest);
        let Err(error) = put else { return Ok(()) };
        // It may have arrived, and only the answer was lost.
        if error.kind() == Kind::Unavailable
            && self.digest_of(reference).ok().flatten() == Some(manifest.digest)
        {
            return Ok(());
        }
        Err(error)
    }

    /// Puts a manifest under a tag that is free. Registries need not know that condition: where one
    /// does not, this is [`put_manifest`](Self::put_manifest). False if the registry says that the tag
    /// is taken.
    pub fn put_new_manifest(&self, tag: &str, manifest: &Manifest) -> Result<bool> {
        let answer = self.send_manifest(tag, manifest, true)?;
        let code = answers::code(&answer).unwrap_or_default();
        let is_taken =
            matches!(answer.status, 409 | 412) || answer.status == 400 && code == "TAG_INVALID";
        if is_taken {
            return Ok(false);
        }
        check_stored(&self.name, tag, manifest, &answer).map(|()| true)
    }

    fn put(&self, reference: &str, manifest: &Manifest) -> Result<()> {
        let answer = self.send_manifest(reference, manifest, false)?;
        check_stored(&self.name, reference, manifest, &answer)
    }

    fn send_manifest(&self, reference: &str, manifest: &Manifest, is_new: bool) -> Result<Answer> {
        let url = self.name.url(&format!("manifests/{reference}"))?;
        let mut tries = 0;
        loop {
            let answer = self.send(Right::Push, || {
                let request = Request::new(Method::PUT, url.clone())?
                    .once()
                    .bytes(manifest.bytes.clone(), &manifest.media_type)?;
                if is_new {
                    return request.header("if-none-match", "*");
                }
                Ok(request)
            })?;
            // Some registries say this while another writer stores the same content. The digest is
            // right, and what the manifest names is there, so it passes.
            let is_passing = answer.status == 400
                && answers::code(&answer).is_some_and(|code| {
                    matches!(code.as_str(), "DIGEST_INVALID" | "MANIFEST_BLOB_UNKNOWN")
                });
            tries += 1;
            if !is_passing || tries == TRIES {
                return Ok(answer);
            }
            self.client.cancel().sleep(PAUSE * tries)?;
        }
    }

    /// Deletes a manifest, with the tags that lead to it.
    pub fn delete_manifest(&self, digest: &Digest) -> Result<Deleted> {
        let url = self.name.url(&format!("manifests/sha256:{digest}"))?;
        let answer = self.send(Right::Delete, || Request::new(Method::DELETE, url.clone()))?;
        match answer.status {
            404 => Ok(Deleted::Absent),
            405 | 501 => Ok(Deleted::Unsupported),
            _ if answer.is_success() => Ok(Deleted::Done),
            _ if answers::code(&answer).as_deref() == Some("UNSUPPORTED") => {
                Ok(Deleted::Unsupported)
            }
            _ => Err(answers::error(&answer)),
        }
    }

    fn ask(&self, method: Method, reference: &str) -> Result<Answer> {
        let url = self.name.url(&format!("manifests/{reference}"))?;
        let accept = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(", ");
        self.send(Right::Pull, || {
            let request = Request::new(method.clone(), url.clone())?;
            Ok(request.header("accept", &accept)?.limit(MAX_JSON))
        })
    }
}

/// Checks the answer to a manifest that was put.
fn check_stored(
    name: &ImageName,
    reference: &str,
    manifest: &Manifest,
    answer: &Answer,
) -> Result<()> {
    if !answer.is_success() {
        return Err(answers::error(answer));
    }
    match stated(answer)? {
        Some(stated) if stated != manifest.digest => Err(Error::integrity(format!(
            "{name} has other bytes under {reference} than were sent to it"
        ))
        .cause(format!(
            "sha256:{} was sent, and sha256:{stated} is there",
            manifest.digest
        ))),
        _ => Ok(()),
    }
}

/// The digest that an answer states.
fn stated(answer: &Answer) -> Result<Option<Digest>> {
    let Some(text) = answer.header("docker-content-digest") else {
        return Ok(None);
    };
    let digest = text.parse().map_err(|_| {
        Error::failed(format!("{} states a digest that is not sha256", answer.url))
            .hint("larder reads and writes images with sha256 digests only")
    })?;
    Ok(Some(digest))
}
