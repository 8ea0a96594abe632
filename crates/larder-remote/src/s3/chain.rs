//! Finds credentials in the order of Amazon's own clients:
//! 1. variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`;
//! 2. a token of the identity of a workflow or a pod: `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`;
//! 3. the profile `AWS_PROFILE` of the shared files: keys, `credential_process`, a role with a token
//!    file or a source profile;
//! 4. the endpoint of a container: `AWS_CONTAINER_CREDENTIALS_*`;
//! 5. the metadata of a machine at Amazon (`IMDSv2`).
//!
//! Logins in a browser (SSO) are not read: the error says how Amazon's client exports them.
//! Temporary keys are renewed five minutes before they end.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::config::{Profile, S3Config};
use super::metadata;
use super::sign::Keys;
use super::sts::{Role, Sts};
use crate::http::{Client, Secret};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_process::Command;

/// How long before their end temporary keys are renewed, in seconds.
const EARLY: i64 = 300;
/// The time limit of a `credential_process`. It is long because it may ask a person.
const PROCESS: Duration = Duration::from_mins(2);
/// How many profiles may refer to each other.
const DEPTH: usize = 5;

/// Credentials, which are looked up when they are first needed. Shared by all requests of a hub.
#[derive(Debug)]
pub(super) struct Chain {
    config: S3Config,
    client: Client,
    found: Mutex<Found>,
}

/// What is known of the credentials.
#[derive(Debug, Default)]
enum Found {
    #[default]
    NotAsked,
    Nothing,
    Keys(Keys),
}

/// What a `credential_process`, a container or a machine answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    token: Option<String>,
    expiration: Option<String>,
}

impl Document {
    /// Parses the document. What is wrong with it is not shown, because it has secrets.
    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Keys> {
        let Self {
            access_key_id,
            secret_access_key,
            token,
            expiration,
        } = serde_json::from_slice(bytes)
            .map_err(|_| Error::refused(format!("{place} did not answer with credentials")))?;
        Ok(Keys {
            id: access_key_id,
            secret: Secret::new(secret_access_key),
            token: token.map(Secret::new),
            expires: expiration.and_then(|text| seconds(&text)),
        })
    }
}

/// A time as seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.as_second())
}

impl Chain {
    pub(super) fn new(config: &S3Config, client: &Client) -> Self {
        Self {
            config: config.clone(),
            client: client.clone(),
            found: Mutex::default(),
        }
    }

    /// The keys to sign with; `None` if there are none anywhere.
    pub(super) fn keys(&self) -> Result<Option<Keys>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let soon = jiff::Timestamp::now().as_second() + EARLY;
        match &*found {
            Found::Nothing => return Ok(None),
            Found::Keys(keys) if keys.expires.is_none_or(|end| end > soon) => {
                return Ok(Some(keys.clone()));
            }
            Found::Keys(_) | Found::NotAsked => {}
        }
        let keys = self.find()?;
        *found = keys.clone().map_or(Found::Nothing, Found::Keys);
        Ok(keys)
    }

    /// Forgets temporary keys, which a server no longer accepts. False if there are none to renew.
    pub(super) fn forget(&self) -> bool {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let is_temporary = matches!(&*found, Found::Keys(keys) if keys.expires.is_some());
        if is_temporary {
            *found = Found::NotAsked;
        }
        is_temporary
    }

    fn find(&self) -> Result<Option<Keys>> {
        let config = &self.config;
        if let Some(keys) = config.keys() {
            return Ok(Some(keys));
        }
        if let (Some(file), Some(arn)) = (
            config.value("AWS_WEB_IDENTITY_TOKEN_FILE"),
            config.value("AWS_ROLE_ARN"),
        ) {
            let session = config.value("AWS_ROLE_SESSION_NAME");
            let profile = config.profile()?;
            return self.with_token(&profile, file, arn, session).map(Some);
        }
        let profile = config.profile()?;
        if let Some(keys) = self.of_profile(&profile, &profile.name, DEPTH)? {
            return Ok(Some(keys));
        }
        metadata::keys(config, &self.client)
    }

    fn of_profile(&self, profile: &Profile, name: &str, depth: usize) -> Result<Option<Keys>> {
        let get = |key: &str| profile.get_of(name, key);
        let session = get("role_session_name");
        if depth == 0 {
            return Err(Error::usage(format!(
                "the AWS profile `{name}` refers to itself"
            )));
        }
        if let Some(arn) = get("role_arn") {
            if let Some(file) = get("web_identity_token_file") {
                return self.with_token(profile, file, arn, session).map(Some);
            }
            if get("mfa_serial").is_some() {
                return Err(export(name, "asks for a code of a second factor"));
            }
            let source = get("source_profile").ok_or_else(|| {
                Error::usage(format!(
                    "the AWS profile `{name}` has a role without `source_profile` or `web_identity_token_file`"
                ))
                .hint(EXPORT)
            })?;
            let own = source == name;
            let keys = match self.static_keys(profile, source).filter(|_| own) {
                Some(keys) => Some(keys),
                None => self.of_profile(profile, source, depth - 1)?,
            };
            let keys = keys.ok_or_else(|| {
                Error::refused(format!("the AWS profile `{source}` has no credentials"))
            })?;
            let role = Role {
                arn,
                session: session.unwrap_or("larder"),
                external_id: get("external_id"),
            };
            return self.sts(profile)?.assume(&role, keys).map(Some);
        }
        if let Some(keys) = self.static_keys(profile, name) {
            return Ok(Some(keys));
        }
        if let Some(line) = get("credential_process") {
            return self.process(line).map(Some);
        }
        if get("sso_session")
            .or_else(|| get("sso_start_url"))
            .is_some()
        {
            return Err(export(name, "logs in with a browser (SSO)"));
        }
        if get("login_session").is_some() {
            return Err(export(name, "logs in with a browser (`aws login`)"));
        }
        Ok(None)
    }

    #[expect(clippy::unused_self, reason = "the other ways of a profile need it")]
    fn static_keys(&self, profile: &Profile, name: &str) -> Option<Keys> {
        let get = |key: &str| profile.get_of(name, key);
        Some(Keys {
            id: get("aws_access_key_id")?.to_owned(),
            secret: Secret::new(get("aws_secret_access_key")?),
            token: get("aws_session_token").map(Secret::new),
            expires: None,
        })
    }

    fn sts(&self, profile: &Profile) -> Result<Sts<'_>> {
        Sts::new(&self.config, &self.client, profile)
    }

    fn with_token(
        &self,
        profile: &Profile,
        file: &str,
        arn: &str,
        session: Option<&str>,
    ) -> Result<Keys> {
        let token = fs::read(file).map_err(|error| {
            error.context(format!("the token for the role {arn} can't be read"))
        })?;
        let token = Secret::new(String::from_utf8_lossy(&token));
        let role = Role {
            arn,
            session: session.unwrap_or("larder"),
            external_id: None,
        };
        self.sts(profile)?.assume_with_token(&role, &token)
    }

    /// Runs the program that a profile names. Its output is never shown.
    fn process(&self, line: &str) -> Result<Keys> {
        if self.client.settings().offline {
            let what = "the `credential_process` of the AWS profile is not run with `--offline`";
            return Err(Error::unavailable(what));
        }
        let output = Command::shell(line, self.config.environment().clone())
            .timeout(PROCESS)
            .capture(self.client.cancel())?;
        if !output.ended.is_success() {
            return Err(
                Error::refused("the `credential_process` of the AWS profile failed")
                    .hint("run the program by hand, to see what it says"),
            );
        }
        Document::parse(
            output.out.as_bytes(),
            "the `credential_process` of the AWS profile",
        )
    }
}

/// What to do about credentials that are not read here.
const EXPORT: &str = "run `eval \"$(aws configure export-credentials --format env)\"` first";

fn export(profile: &str, how: &str) -> Error {
    Error::refused(format!(
        "the AWS profile `{profile}` {how}, which larder does not do"
    ))
    .hint(EXPORT)
}
