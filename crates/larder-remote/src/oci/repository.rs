//! One repository of a registry: sends its requests, with what proves who the user is.

use larder_core::cancel::Cancel;
use larder_core::error::Result;

use super::auth::{Auth, Right};
use super::{ImageName, answers};
use crate::RemoteSettings;
use crate::http::{Answer, Client, Credential, Method, Request};

/// A repository of a registry.
pub struct Repository<'a> {
    pub(super) client: &'a Client,
    pub(super) name: &'a ImageName,
    auth: Auth<'a>,
}

impl<'a> Repository<'a> {
    /// Sends nothing yet.
    pub fn new(
        client: &'a Client,
        settings: &'a RemoteSettings,
        cancel: &'a Cancel,
        name: &'a ImageName,
    ) -> Self {
        Self {
            client,
            name,
            auth: Auth::new(client, settings, cancel, name),
        }
    }

    /// Sends a request, and once more if the registry asks for a login first. A refusal is an error;
    /// every other answer is returned.
    pub(super) fn send<'r>(
        &self,
        right: Right,
        request: impl Fn() -> Result<Request<'r>>,
    ) -> Result<Answer> {
        let known = self.auth.credential(right)?;
        let mut answer = self.client.send(request()?.credential(&known))?;
        if answer.status == 401
            && let Some(credential) = self.auth.respond(right, &answer)?
        {
            answer = self.client.send(request()?.credential(&credential))?;
        }
        match answer.status {
            401 => Err(self.auth.refused(right, &answer)),
            403 if !answer.is_limited() => Err(self.auth.refused(right, &answer)),
            _ => Ok(answer),
        }
    }

    /// Returns an error if the login may certainly not push. Nothing is written, so a registry may
    /// refuse later what is not refused here: not all of them tell it.
    pub fn check_push(&self) -> Result<()> {
        let url = self.name.root()?;
        let answer = self.send(Right::Push, || Request::new(Method::GET, url.clone()))?;
        if answer.status >= 500 {
            return Err(answers::error(&answer));
        }
        self.auth.check_push()
    }

    /// What a request carries that can't be sent again.
    pub(super) fn credential(&self, right: Right) -> Result<Option<Credential>> {
        self.auth.credential(right)
    }
}
