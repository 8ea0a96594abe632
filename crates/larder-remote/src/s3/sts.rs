//! Temporary keys of a role, from Amazon's security token service.

use std::sync::Arc;

use super::answers::{error, text, xml};
use super::chain::seconds;
use super::config::{Profile, S3Config, url};
use super::sign::{CONTENT, Keys, Scope, Signer, query_text};
use crate::http::{Client, Credential, Method, Request, Secret, Site, Url};
use larder_core::error::Result;
use larder_core::model::Digest;

/// The version of the service's protocol.
const VERSION: &str = "2011-06-15";

/// A role to take.
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) session: &'a str,
    pub(super) external_id: Option<&'a str>,
}

/// The service of a region.
pub(super) struct Sts<'a> {
    client: &'a Client,
    url: Url,
    region: String,
}

impl<'a> Sts<'a> {
    pub(super) fn new(config: &S3Config, client: &'a Client, profile: &Profile) -> Result<Self> {
        let region = config
            .region(profile)
            .unwrap_or_else(|| "us-east-1".to_owned());
        let named = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"]
            .into_iter()
            .find_map(|name| Some((name, config.value(name)?)));
        let url = if let Some((name, text)) = named {
            url(name, text)?
        } else {
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            url(
                "the region",
                &format!("https://sts.{region}.amazonaws.com{end}"),
            )?
        };
        Ok(Self {
            client,
            url,
            region,
        })
    }

    /// Keys of a role for the keys of somebody who may take it.
    pub(super) fn assume(&self, role: &Role<'_>, keys: Keys) -> Result<Keys> {
        let mut form = Self::form("AssumeRole", role);
        form.extend(role.external_id.map(|id| ("ExternalId", id)));
        let signer = Signer {
            keys,
            scope: Scope {
                region: self.region.clone(),
                service: "sts",
            },
            skew: Arc::default(),
        };
        let credential = Credential::signature(Arc::new(signer), [Site::of(&self.url)]);
        self.ask(&form, Some(&credential))
    }

    /// Keys of a role for a token that says who asks. It needs no signature.
    pub(super) fn assume_with_token(&self, role: &Role<'_>, token: &Secret) -> Result<Keys> {
        let mut form = Self::form("AssumeRoleWithWebIdentity", role);
        form.push(("WebIdentityToken", token.expose()));
        self.ask(&form, None)
    }

    fn form<'r>(action: &'r str, role: &Role<'r>) -> Vec<(&'static str, &'r str)> {
        vec![
            ("Action", action),
            ("Version", VERSION),
            ("RoleArn", role.arn),
            ("RoleSessionName", role.session),
        ]
    }

    fn ask(&self, form: &[(&str, &str)], credential: Option<&Credential>) -> Result<Keys> {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", query_text(value));
        let body = form.iter().map(pair).collect::<Vec<_>>().join("&");
        let request = Request::new(Method::POST, self.url.clone())?
            .header(CONTENT, &Digest::of(body.as_bytes()).to_string())?
            .bytes(body.into_bytes(), "application/x-www-form-urlencoded")?
            .credential(credential)
            .direct();
        let answer = self.client.send(request)?;
        if !answer.is_success() {
            let error = error(&answer, "");
            return Err(error.context("no temporary credentials were given for the role"));
        }
        xml(&answer, |root| {
            Some(Keys {
                id: text(root, "AccessKeyId")?.to_owned(),
                secret: Secret::new(text(root, "SecretAccessKey")?),
                token: text(root, "SessionToken").map(Secret::new),
                expires: text(root, "Expiration").and_then(seconds),
            })
        })
    }
}
