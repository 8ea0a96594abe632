//! One repository of a registry: sends its requests, with what proves who the user is.

use larder_core::cancel::Cancel;
use larder_core::error::Result;

use std::sync::{Mutex, OnceLock, PoisonError};

use super::auth::{Auth, Right};
use super::{ImageName, answers};
use crate::RemoteSettings;
use crate::http::{Answer, Client, Method, Opened, Request};

/// A repository of a registry. It keeps the tokens that it got, so one value serves a whole run.
pub struct Repository {
    pub(super) client: Client,
    pub(super) name: ImageName,
    auth: Auth,
    /// Another repository of the registry, which may have the blobs that are uploaded.
    mounts_from: Mutex<Option<String>>,
    /// Whether the registry lists what refers to a manifest.
    pub(super) lists_referrers: OnceLock<bool>,
}

impl Repository {
    /// Sends nothing yet.
    pub fn new(
        client: &Client,
        settings: &RemoteSettings,
        cancel: &Cancel,
        name: &ImageName,
    ) -> Self {
        Self {
            client: client.clone(),
            name: name.clone(),
            auth: Auth::new(client, &settings.environment, cancel, name),
            mounts_from: Mutex::default(),
            lists_referrers: OnceLock::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// The run's cancellation.
    pub fn cancel(&self) -> &Cancel {
        self.client.cancel()
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
        self.check_allowed(right, &answer).map(|()| answer)
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

    /// Starts a transfer, and once more if the registry asks for a login first. A refusal is an
    /// error; every other answer is returned.
    pub(super) fn open<'r>(
        &self,
        right: Right,
        request: impl Fn() -> Result<Request<'r>>,
    ) -> Result<Opened> {
        let known = self.auth.credential(right)?;
        let mut opened = self.client.open(request()?.credential(&known))?;
        if let Opened::Failure(answer) = &opened
            && answer.status == 401
            && let Some(credential) = self.auth.respond(right, answer)?
        {
            opened = self.client.open(request()?.credential(&credential))?;
        }
        match &opened {
            Opened::Failure(answer) => self.check_allowed(right, answer).map(|()| opened),
            Opened::Body(_) => Ok(opened),
        }
    }

    fn check_allowed(&self, right: Right, answer: &Answer) -> Result<()> {
        match answer.status {
            401 => Err(self.auth.refused(right, answer)),
            403 if !answer.is_limited() => Err(self.auth.refused(right, answer)),
            _ => Ok(()),
        }
    }

    /// Blobs that another repository of the registry has are mounted from there from now on.
    pub fn mount_from(&self, repository: &str) {
        let mut from = self
            .mounts_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *from = Some(repository.to_owned()).filter(|from| from != self.name.repository());
    }

    pub(super) fn mounts_from(&self) -> Option<String> {
        let from = self
            .mounts_from
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        from.clone()
    }
}
