//! Building from source as a source: whether this machine could, and whether what is built from can be had. The build itself
//! is [`crate::build`]'s.

use larder_core::error::Result;
use larder_core::model::{Platform, is_commit};
use larder_core::project::{BuildPlatforms, RenderedSource};
use larder_remote::http;

use super::Offer;
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::build::source::missing;

/// Whether this machine can build the target.
pub(super) fn possible(request: &Request<'_>) -> Availability<()> {
    let Some(build) = &request.subsystem.build else {
        return Availability::Absent("the recipe has no build".into());
    };
    let platform = request.target.platform;
    let is_able = match &build.platforms {
        BuildPlatforms::Host => platform == Platform::host(),
        BuildPlatforms::All => true,
        BuildPlatforms::List(list) => list.contains(&platform),
    };
    if is_able {
        Availability::Have(())
    } else {
        Availability::Absent(format!(
            "this machine's build can't produce {platform} (see `build.platforms`)"
        ))
    }
}

/// What building would give: any error comes later, from what it is built from ([`probe_source`]).
pub(super) fn probe(request: &Request<'_>) -> Availability<Offer> {
    possible(request).map(|()| Offer {
        answer: "this machine can build it".into(),
    })
}

/// Whether what it would be built from can be had: a git repository is asked for the commit of its revision, an archive
/// whether it exists. A build that is chosen and then lacks its source fails; no other source is asked.
pub(super) fn probe_source(request: &Request<'_>) -> Result<()> {
    let run = request.run;
    let Some(build) = request.rendered_build()? else {
        return Ok(());
    };
    match &build.source {
        RenderedSource::Git { url, rev } if !is_commit(rev) => {
            match run.git().remote_commit(url, rev)? {
                Some(commit) => run.lock.check_commit(request.subsystem, url, rev, &commit),
                // A short commit id, say: only a clone can tell.
                None => Ok(()),
            }
        }
        RenderedSource::Url { url, sha256: _ } => {
            match run.client.get(http::Request::get(url)?)? {
                Some(_) => Ok(()),
                None => Err(missing(url)),
            }
        }
        RenderedSource::Git { .. } | RenderedSource::Dir { .. } | RenderedSource::Crate { .. } => {
            Ok(())
        }
    }
}
