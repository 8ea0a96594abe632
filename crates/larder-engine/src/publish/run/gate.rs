//! The gate: nothing is pushed to any channel before every asset of the release was fetched from
//! where the users of the channels fetch it, and has the digest that the channels' files state.

use std::io::Read;

use crate::context::Context;
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Digest, Hasher, Tag};
use larder_core::project::HubConfig;
use larder_core::project::publish::Gate;
use larder_remote::github::{Api, Login, Visibility};
use larder_remote::http::{Request, read_error};

/// A file of the release that must be public.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) tag: Tag,
    pub(super) asset: AssetName,
    /// Its public url; `None` if the hub is a folder whose urls are not known.
    pub(super) url: Option<String>,
    pub(super) sha256: Digest,
    pub(super) size: u64,
}

/// Fetches each file and compares it.
pub(super) fn pass(ctx: &Context, files: &[Guarded]) -> Result<()> {
    for file in files {
        ctx.cancel.check()?;
        let fetched = match (&file.url, ctx.project.publish.gate) {
            (Some(url), Gate::Anonymous) => anonymous(ctx, file, url)?,
            // Nobody fetches from a folder whose urls are not known.
            (None, _) | (Some(_), Gate::Token) => with_token(ctx, file)?,
        };
        let Fetched {
            sha256,
            size,
            place,
        } = fetched;
        if (sha256, size) != (file.sha256, file.size) {
            return Err(Error::integrity(format!(
                "{place} is not what was released: its SHA-256 is {sha256} ({size} bytes)"
            ))
            .cause(format!("the release has {} ({} bytes)", file.sha256, file.size))
            .hint("nothing was pushed to a channel; a proxy or a mirror may have answered, or the asset was replaced"));
        }
    }
    Ok(())
}

/// What was fetched.
struct Fetched {
    sha256: Digest,
    size: u64,
    place: String,
}

/// Fetches a file as everybody does, without a credential.
fn anonymous(ctx: &Context, file: &Guarded, url: &str) -> Result<Fetched> {
    let found = ctx.client.get(Request::get(url)?.pinned());
    match found {
        Ok(Some(body)) => measured(body, url),
        Ok(None) => Err(not_public(ctx, file, url, None)),
        Err(error) => Err(not_public(ctx, file, url, Some(error))),
    }
}

/// The error for an asset that can't be fetched without a credential: the hub may be private.
fn not_public(ctx: &Context, file: &Guarded, url: &str, error: Option<Error>) -> Error {
    if is_private(ctx) {
        return Error::usage(format!(
            "the hub is private, so {} can't be fetched by those who use the channels",
            file.asset
        ))
        .cause(format!("{url} is not there without a token"))
        .hint("write `publish: {gate: token}` in versions.yml if every user of the channels has access to the hub; else publish to a public one");
    }
    let error = error.unwrap_or_else(|| {
        Error::unavailable(format!(
            "{url} is not there (404), and the channels name it"
        ))
        .hint("a new release can take a moment to appear; run the command again")
    });
    error.context("nothing was pushed, because the release is not public yet")
}

/// Whether only some users see the hub.
fn is_private(ctx: &Context) -> bool {
    let HubConfig::GitHub { repo } = &ctx.project.hub else {
        return false;
    };
    let github = &ctx.settings.remote.github;
    let api = Api::new(
        repo,
        ctx.client.as_ref().clone(),
        github.clone(),
        Login::Always,
    );
    matches!(api.visibility(), Ok(Visibility::Private))
}

/// Reads a file from the hub as larder does, with a token if the hub needs one.
fn with_token(ctx: &Context, file: &Guarded) -> Result<Fetched> {
    let hub = ctx.hub()?;
    let place = hub.place(&file.tag, &file.asset);
    match hub.fetch(&file.tag, &file.asset)? {
        Some(body) => measured(body.reader, &place),
        None => Err(Error::unavailable(format!("{place} is not there"))
            .hint("a new release can take a moment to appear; run the command again")),
    }
}

fn measured(mut reader: impl Read, place: &str) -> Result<Fetched> {
    let mut hasher = Hasher::new();
    let size = std::io::copy(&mut reader, &mut hasher)
        .map_err(|error| read_error(&error, &format!("cannot read {place}")))?;
    Ok(Fetched {
        sha256: hasher.finish(),
        size,
        place: place.to_owned(),
    })
}
