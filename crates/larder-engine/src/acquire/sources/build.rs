//! The source `build`: checks whether this machine can build the target, and whether the source
//! code is available. The build itself is in [`crate::build`].

use larder_core::error::Result;
use larder_core::model::is_commit;
use larder_core::project::RenderedSource;
use larder_remote::http;

use super::Offer;
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::build::remote;
use crate::build::source::missing;

/// Whether this machine can build the target.
pub(super) fn possible(request: &Request<'_>) -> Availability<()> {
    let Some(build) = &request.subsystem.build else {
        return Availability::Absent("the recipe has no build".into());
    };
    let platform = request.target.platform;
    let is_able = remote::is_possible_here(build, request.subsystem, request.target);
    if is_able || executor(request).is_some() {
        Availability::Have(())
    } else {
        Availability::Absent(format!(
            "this machine's build can't produce {platform} (see `build.platforms`)"
        ))
    }
}

/// What building would give. Problems with the source code are reported later, by [`probe_source`].
pub(super) fn probe(request: &Request<'_>) -> Availability<Offer> {
    possible(request).map(|()| Offer {
        answer: match executor(request) {
            Some(place) => format!("{place} can build it"),
            None => "this machine can build it".into(),
        },
    })
}

/// The executor that would run the build.
fn executor(request: &Request<'_>) -> Option<String> {
    let used = remote::used_for(request.run, request.subsystem, request.target);
    let used = used.filter(|remote| remote.executes);
    used.map(|remote| remote.executor.place())
}

/// Whether the cache of an executor can be asked. What it has is known once the source is there.
pub(super) fn probe_remote_cache(request: &Request<'_>) -> Availability<Offer> {
    match remote::used_for(request.run, request.subsystem, request.target) {
        Some(remote) => Availability::Have(Offer {
            answer: format!(
                "{} is asked once the source is there",
                remote.executor.place()
            ),
        }),
        None => Availability::Absent(
            "no executor is configured, or the recipe has no `build.remote`".into(),
        ),
    }
}

/// Checks that the source code is available: asks a git repository for the commit of its revision,
/// and a server whether it has the archive. If a build was chosen and its source code is missing,
/// the run fails; no other source is asked.
pub(super) fn probe_source(request: &Request<'_>) -> Result<()> {
    let run = request.run;
    let Some(build) = request.rendered_build()? else {
        return Ok(());
    };
    match &build.source {
        RenderedSource::Git { url, rev } if !is_commit(rev) => {
            match run.git().remote_commit(url, rev)? {
                Some(commit) => run.lock.check_commit(request.subsystem, url, rev, &commit),
                // The revision may be, for example, a short commit id, which only a clone can
                // resolve.
                None => Ok(()),
            }
        }
        RenderedSource::Url { url, sha256: _ } => {
            match run.client.get(http::Request::get(url)?)? {
                Some(_) => Ok(()),
                None => Err(missing(url)),
            }
        }
        RenderedSource::Git { .. } | RenderedSource::Dir(_) | RenderedSource::Crate { .. } => {
            Ok(())
        }
    }
}
