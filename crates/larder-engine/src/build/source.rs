//! Puts the source code of a build into an empty folder.

use camino::Utf8Path;

use crate::acquire;
use crate::acquire::intake::{self, Arrival};
use crate::context::Context;
use crate::events::Phase;
use larder_core::archive::{Budget, ReadAs, Select};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::keys::tree;
use larder_core::model::{Digest, FileFormat};
use larder_core::project::{RenderedSource, SourceFolder};
use larder_core::redact::mask;
use larder_process::Log;
use larder_remote::http::Request;
use larder_remote::origin::Stated;

/// Puts the source code into `into`. Returns the commit if it is a git source.
pub fn fetch(
    request: &acquire::request::Request<'_>,
    source: &RenderedSource,
    into: &Utf8Path,
    log: &Log,
) -> Result<Option<String>> {
    let ctx = request.run;
    match source {
        RenderedSource::Dir(folder) => copy_dir(ctx, folder, into).map(|()| None),
        RenderedSource::Git { url, rev } => ctx.git().clone(url, rev, into, log).map(Some),
        RenderedSource::Url { url, sha256 } => archive(request, url, sha256, into).map(|()| None),
        // cargo downloads the crate itself.
        RenderedSource::Crate { .. } => Ok(None),
    }
}

fn copy_dir(ctx: &Context, folder: &SourceFolder, into: &Utf8Path) -> Result<()> {
    use larder_core::keys::SourceDigests;
    let SourceFolder { path, links: _ } = folder;
    let wanted = ctx.sources.dir(folder)?;
    let listing = ctx.sources.list(folder)?;
    tree::copy(path, &listing, into)?;
    // The key must describe what is built, so the digest of the copy is checked, not that of the
    // original folder.
    if tree::digest(
        into,
        &tree::Listing {
            folders: Vec::new(),
            ignore_files: Vec::new(),
            ..listing
        },
    )? != wanted
    {
        ctx.sources.forget(folder);
        return Err(
            Error::failed(format!("{path} changed while it was being copied")).hint("run again"),
        );
    }
    tree::level_times(into)
}

/// Downloads an archive, unpacks it while it arrives, and checks its digest before anything uses
/// it. If the archive has a single folder at its top, the content of that folder becomes the source
/// code.
fn archive(
    request: &acquire::request::Request<'_>,
    url: &str,
    sha256: &Digest,
    into: &Utf8Path,
) -> Result<()> {
    let ctx = request.run;
    let Some(download) = ctx.client.get(Request::get(url)?.pinned())? else {
        return Err(missing(url));
    };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file_name = path.rsplit('/').next().unwrap_or_default();
    // What is not an archive becomes one file of the source, under its name in the url.
    let single = file_name.parse().or_else(|_| "source".parse()).ok();
    let stated = [Stated::sha256(*sha256, "the recipe")];
    let arrival = Arrival {
        place: &mask(url),
        read_as: ReadAs::File {
            format: FileFormat::Auto,
            name: file_name,
        },
        size: download.size(),
        reader: Box::new(download),
        stated: &stated,
        signature: None,
        select: Select::Source,
        single: single.as_ref(),
        budget: Budget::from(request.subsystem.limits),
    };
    intake::receive(request.transfer(), arrival, into)?;
    ctx.events.phase(request.target, Phase::Building, None);
    if let [only] = &fs::list(into)?[..]
        && fs::lstat(into.join(only))?.is_some_and(|meta| meta.is_dir())
    {
        let aside = into.with_extension("top");
        fs::rename(into.join(only), &aside)?;
        fs::remove_dir_all(into)?;
        fs::rename(&aside, into)?;
    }
    tree::level_times(into)
}

/// The error for a source archive that does not exist at the recipe's url.
pub fn missing(url: &str) -> Error {
    Error::failed(format!("the source {} does not exist", mask(url)))
        .hint("check `build.source.url` and the version")
}
