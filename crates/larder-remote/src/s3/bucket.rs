//! A bucket: where it is, and how a request to it is made.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::chain::Chain;
use super::config::{S3Config, url};
use super::sign::{Keys, Scope, Signer, now, path_text, query_text};
use crate::http::{Client, Credential, Method, Site, Url};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

/// The region of a bucket of which nothing is known. Another one answers with the right one.
const REGION: &str = "us-east-1";

/// Where a bucket is, as a project or the user names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub bucket: String,
    /// Its region; by default that of the user's configuration.
    pub region: Option<String>,
    /// An endpoint that a project names. It is read without credentials.
    pub endpoint: Option<String>,
}

/// A bucket. May be used from several threads.
#[derive(Debug)]
pub struct Bucket {
    pub(super) client: Client,
    place: Place,
    config: S3Config,
    /// The credentials; `None` where none may be sent.
    pub(super) chain: Option<Chain>,
    /// What is resolved before the first request: the endpoint in place of Amazon's own.
    endpoint: OnceLock<Result<Option<Url>>>,
    /// The region that requests go to.
    region: Mutex<Option<String>>,
    /// The seconds by which the server's clock is ahead of ours.
    pub(super) skew: Arc<AtomicI64>,
    /// Whether the credentials may list the bucket, once that is known.
    pub(super) may_list: OnceLock<bool>,
}

impl Bucket {
    /// A bucket. Nothing is read and no request is sent before that is needed.
    pub fn new(place: Place, config: &S3Config, client: &Client) -> Self {
        let chain = place.endpoint.is_none().then(|| Chain::new(config, client));
        Self {
            client: client.clone(),
            region: Mutex::new(place.region.clone()),
            place,
            config: config.clone(),
            chain,
            endpoint: OnceLock::new(),
            skew: Arc::default(),
            may_list: OnceLock::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.place.bucket
    }

    /// What ends the run.
    pub fn cancel(&self) -> &Cancel {
        self.client.cancel()
    }

    /// How long a writer waits before it trusts that no other one wrote at the same time.
    pub fn settle(&self) -> Duration {
        self.config.settle
    }

    /// Whether requests may carry credentials at all.
    pub fn may_sign(&self) -> bool {
        self.chain.is_some()
    }

    /// Whether there are credentials. Looks for them.
    pub fn has_keys(&self) -> Result<bool> {
        Ok(self.keys()?.is_some())
    }

    /// The endpoint in place of Amazon's own, if one is named.
    pub fn endpoint(&self) -> Result<Option<Url>> {
        let resolve = || match &self.place.endpoint {
            Some(text) => url("`endpoint` of the hub", text).map(Some),
            None => self.config.endpoint(&self.config.profile()?),
        };
        self.endpoint.get_or_init(resolve).clone()
    }

    pub(super) fn keys(&self) -> Result<Option<Keys>> {
        match &self.chain {
            Some(chain) => chain.keys(),
            None => Ok(None),
        }
    }

    /// The region that requests go to.
    pub(super) fn region(&self) -> Result<String> {
        let mut region = self.region.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(region) = &*region {
            return Ok(region.clone());
        }
        // A region that only the user has says nothing about somebody else's bucket, but it is the
        // best guess: the bucket answers with the right one.
        let named = self.config.region(&self.config.profile()?);
        let named = named.unwrap_or_else(|| REGION.to_owned());
        *region = Some(named.clone());
        Ok(named)
    }

    /// Sends later requests to the region that the server named.
    pub(super) fn set_region(&self, named: String) {
        *self.region.lock().unwrap_or_else(PoisonError::into_inner) = Some(named);
    }

    /// Takes the difference between the server's clock and ours from the date of an answer. False if
    /// it states none.
    pub(super) fn learn_time(&self, date: Option<&str>) -> bool {
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return false;
        };
        let theirs = theirs
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let difference = theirs.as_secs().cast_signed() - now(&AtomicI64::new(0));
        self.skew.store(difference, Ordering::Relaxed);
        true
    }

    /// The url of a key, or of the bucket for an empty one. Amazon's own names have the bucket in the
    /// host; other endpoints have it in the path.
    pub(super) fn url(&self, key: &str, query: &[(&str, &str)]) -> Result<Url> {
        let bucket = self.name();
        let base = if let Some(endpoint) = self.endpoint()? {
            format!("{}/{bucket}", endpoint.as_str().trim_end_matches('/'))
        } else {
            let region = self.region()?;
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            let host = format!("s3.{region}.amazonaws.com{end}");
            // Certificates are for one name in front of that.
            if bucket.contains('.') {
                format!("https://{host}/{bucket}")
            } else {
                format!("https://{bucket}.{host}")
            }
        };
        let mut url = url("the bucket", &format!("{base}/{}", path_text(key)))?;
        if key.is_empty() && !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        if !query.is_empty() {
            let pair = |(name, value): &(&str, &str)| format!("{name}={}", query_text(value));
            let query: Vec<String> = query.iter().map(pair).collect();
            url.set_query(Some(&query.join("&")));
        }
        Ok(url)
    }

    fn signer(&self, keys: Keys) -> Result<Signer> {
        Ok(Signer {
            keys,
            scope: Scope {
                region: self.region()?,
                service: "s3",
            },
            skew: Arc::clone(&self.skew),
        })
    }

    /// What signs a request to a url, if there are credentials.
    pub(super) fn credential(&self, url: &Url) -> Result<Option<Credential>> {
        let Some(keys) = self.keys()? else {
            return Ok(None);
        };
        let signer = Arc::new(self.signer(keys)?);
        Ok(Some(Credential::signature(signer, [Site::of(url)])))
    }

    /// A url with which anyone can read an object for a while. Sends no request, and does not say
    /// whether the object exists.
    pub fn presign(&self, key: &str, lasts: Duration) -> Result<Url> {
        let keys = self.keys()?.ok_or_else(|| self.without_keys())?;
        let url = self.url(key, &[])?;
        Ok(self.signer(keys)?.presign(&Method::GET, &url, lasts))
    }

    /// When the keys that sign end, in seconds since 1970; `None` if they don't. A presigned url
    /// ends with them.
    pub fn keys_end(&self) -> Result<Option<i64>> {
        Ok(self.keys()?.and_then(|keys| keys.expires))
    }

    /// The error that there are no credentials.
    pub fn without_keys(&self) -> Error {
        let error = Error::refused(format!(
            "there are no credentials for the bucket `{}`",
            self.name()
        ));
        if self.may_sign() {
            error.hint(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; in CI, take a role",
            )
        } else {
            error.hint(
                "credentials are never sent to an endpoint that versions.yml names; set AWS_ENDPOINT_URL_S3 instead",
            )
        }
    }
}
