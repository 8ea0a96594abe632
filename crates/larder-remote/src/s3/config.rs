//! What the environment and the user's own configuration say about object stores: credentials, the
//! region, the endpoint. The caller passes the environment in; files are read when they are needed.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::ini::Ini;
use super::sign::Keys;
use crate::http::{Secret, Url, parse_url};
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs;

/// The variables of Amazon's clients, for the programs of `credential_process`.
const VARIABLES: &[&str] = &["AWS_*", "SSL_CERT_FILE"];

/// Where the credentials of the environment or of the user are, and which endpoint to use.
#[derive(Clone, Debug)]
pub struct S3Config {
    environment: Environment,
    home: Option<Utf8PathBuf>,
    /// How long a writer waits on a store without conditional writes before it trusts that no other
    /// one wrote at the same time.
    pub(super) settle: Duration,
}

impl Default for S3Config {
    /// Without credentials.
    fn default() -> Self {
        Self {
            environment: Environment::default(),
            home: None,
            settle: Self::SETTLE,
        }
    }
}

/// One profile: the keys of both files.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) config: Option<Ini>,
    pub(super) credentials: Option<Ini>,
}

impl Profile {
    /// A key of a profile; that of the credentials file comes first.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.get_of(&self.name, key)
    }

    /// The same of another profile in the same files.
    pub(super) fn get_of(&self, name: &str, key: &str) -> Option<&str> {
        let own = self.credentials.as_ref().and_then(|ini| ini.section(name));
        let section = self.config_section(name);
        let value = own
            .and_then(|keys| keys.get(key))
            .or_else(|| section.and_then(|keys| keys.get(key)))?;
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        let own = self.credentials.as_ref().and_then(|ini| ini.section(name));
        own.is_some() || self.config_section(name).is_some()
    }

    fn config_section(&self, name: &str) -> Option<&std::collections::BTreeMap<String, String>> {
        let config = self.config.as_ref()?;
        let of_profile = config.section(&format!("profile {name}"));
        of_profile.or_else(|| config.section(name).filter(|_| name == "default"))
    }
}

impl S3Config {
    /// How long a writer waits on a store without conditional writes by default.
    pub const SETTLE: Duration = Duration::from_secs(2);

    /// Takes the variables of Amazon's clients from the environment of a run.
    pub fn new(environment: &Environment, home: Option<&Utf8Path>) -> Self {
        Self {
            environment: environment.for_program(VARIABLES),
            home: home.map(Utf8Path::to_owned),
            ..Self::default()
        }
    }

    /// The same with another pause of writers on stores without conditional writes. The default is
    /// [`SETTLE`](Self::SETTLE).
    #[must_use]
    pub fn settling(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// A variable's value; `None` where it is unset or empty.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.environment.value(name)
    }

    /// The environment of programs that give credentials.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The keys in variables.
    pub(super) fn keys(&self) -> Option<Keys> {
        Some(Keys {
            id: self.value("AWS_ACCESS_KEY_ID")?.trim().to_owned(),
            secret: Secret::new(self.value("AWS_SECRET_ACCESS_KEY")?),
            token: self.value("AWS_SESSION_TOKEN").map(Secret::new),
            expires: None,
        })
    }

    /// The user's profile, which may be in no file.
    pub(super) fn profile(&self) -> Result<Profile> {
        let file = |variable: &str, name: &str| -> Result<Option<Ini>> {
            let path = match (self.value(variable), &self.home) {
                (Some(path), _) => Utf8PathBuf::from(path),
                (None, Some(home)) => home.join(".aws").join(name),
                (None, None) => return Ok(None),
            };
            let bytes = fs::read_or_absent(&path)?;
            Ok(bytes.map(|bytes| Ini::parse(&String::from_utf8_lossy(&bytes))))
        };
        let named = self.value("AWS_PROFILE");
        let profile = Profile {
            name: named.unwrap_or("default").to_owned(),
            config: file("AWS_CONFIG_FILE", "config")?,
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials")?,
        };
        if named.is_some() && !profile.exists(&profile.name) {
            return Err(Error::usage(format!(
                "AWS_PROFILE names `{}`, which is in no file",
                profile.name
            ))
            .hint("`aws configure list-profiles` lists those that exist"));
        }
        Ok(profile)
    }

    /// The region that the environment or the profile names.
    pub(super) fn region(&self, profile: &Profile) -> Option<String> {
        let region = self
            .value("AWS_REGION")
            .or_else(|| self.value("AWS_DEFAULT_REGION"))
            .or_else(|| profile.get("region"))?;
        super::answers::is_region(region).then(|| region.to_owned())
    }

    /// The endpoint in place of Amazon's own.
    pub(super) fn endpoint(&self, profile: &Profile) -> Result<Option<Url>> {
        for name in ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"] {
            if let Some(text) = self.value(name) {
                return url(name, text).map(Some);
            }
        }
        let text = profile.get("endpoint_url");
        text.map(|text| url("`endpoint_url` of your AWS configuration", text))
            .transpose()
    }
}

/// Parses the url in a setting.
pub(super) fn url(by: &str, text: &str) -> Result<Url> {
    parse_url(text.trim_end_matches('/')).map_err(|e| e.context(format!("{by} can't be used")))
}
