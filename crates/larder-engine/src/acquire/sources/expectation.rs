//! The originals that may be taken for a target, in the order in which they are tried, and the
//! digests that each must have.
//!
//! There is one, unless the recipe says that the platform runs the programs of another one: then
//! the original of the other platform comes second. If the lock names the file of one of them, only
//! that is taken: the second one as well, although the publisher may have the first by now.

use larder_core::error::Result;
use larder_core::formats::PinKind;
use larder_core::model::{Origin, Platform};
use larder_core::project::{Checksum, Coordinate, Emulated, Original, OriginalTrust};
use larder_remote::origin::{self, Stated};

use crate::acquire::admission;
use crate::acquire::availability::Availability;
use crate::acquire::request::Request;
use crate::lock;

/// An original that may be taken, and the digests that it must have.
pub(super) struct Expectation {
    pub(super) original: Original,
    /// The platform whose file it is.
    pub(super) platform: Platform,
    /// The platform whose programs may be in it, besides those of the target's own platform.
    pub(super) emulated: Option<Platform>,
    /// Whether it is the file of the expectation before it, in which other files are selected.
    pub(super) is_same_file: bool,
    pub(super) stated: Vec<Stated>,
}

/// What may be taken, best first; there is at least one.
pub(super) fn expectations(request: &Request<'_>) -> Result<Availability<Vec<Expectation>>> {
    let platform = request.target.platform;
    let Some(mut original) = request.subsystem.original(&platform)? else {
        return Ok(Availability::Absent("the recipe has no upstream".into()));
    };
    let other = original.emulated.take();
    let is_same_file = other
        .as_ref()
        .is_some_and(|other| is_same_file(&original.coordinate, &other.original.coordinate));
    let mut all = vec![Expectation {
        original,
        platform,
        emulated: other
            .as_ref()
            .filter(|_| is_same_file)
            .map(|other| other.platform),
        is_same_file: false,
        stated: Vec::new(),
    }];
    if let Some(other) = other {
        let Emulated { platform, original } = *other;
        all.push(Expectation {
            original,
            platform,
            emulated: Some(platform),
            is_same_file,
            stated: Vec::new(),
        });
    }
    let pin = request.pin(Origin::Original, PinKind::Upstream);
    if let Some(pin) = &pin {
        keep_pinned(request, &mut all, &pin.url)?;
    }
    if pin.is_none() && request.run.options.locked {
        // If the publisher does not have the file and the target can be built, no line is required.
        if super::original::can_be_built(request)?
            && !request.run.options.offline
            && let Availability::Absent(reason) = first(request, &all)?
        {
            return Ok(Availability::Absent(reason));
        }
        return Err(lock::missing_line(request.target));
    }
    for Expectation {
        original, stated, ..
    } in &mut all
    {
        if let Some(pin) = &pin {
            stated.push(Stated::sha256(pin.sha256, lock::FILE));
        }
        if let Some(Checksum::Pinned(digest)) = &original.checksum {
            stated.push(Stated::sha256(*digest, admission::recipe_path(request)));
        }
    }
    Ok(Availability::Have(all))
}

/// Whether two originals are one file. The wheels of several platforms have one coordinate.
fn is_same_file(one: &Coordinate, other: &Coordinate) -> bool {
    one == other && !matches!(one, Coordinate::Pypi { .. })
}

/// Leaves out the originals whose file is not the one that the lock names, if it names one of them.
fn keep_pinned(request: &Request<'_>, all: &mut Vec<Expectation>, url: &str) -> Result<()> {
    if all.len() == 1 {
        return Ok(());
    }
    let mut named = Vec::new();
    for expectation in &*all {
        let place = origin::place(request.run.publishers(), &expectation.original.coordinate)?;
        named.push(place == url);
    }
    if named.contains(&true) {
        let mut named = named.into_iter();
        all.retain(|_| named.next() == Some(true));
    }
    Ok(())
}

/// The first original that the publisher has.
pub(super) fn first<'e>(
    request: &Request<'_>,
    all: &'e [Expectation],
) -> Result<Availability<&'e Expectation>> {
    let mut absent = Vec::new();
    for expectation in all.iter().filter(|expectation| !expectation.is_same_file) {
        let found = origin::exists(
            request.run.publishers(),
            &expectation.original,
            expectation.platform,
            expectation.asks_publisher(request),
            &request.run.cancel,
        )?;
        if found {
            return Ok(Availability::Have(expectation));
        }
        absent.push(expectation.absent());
    }
    Ok(Availability::Absent(absent.join(", and ")))
}

impl Expectation {
    /// Whether the publisher is asked for the digest that it states: if nothing else pins the file,
    /// or if the project wants it from everyone.
    pub(super) fn asks_publisher(&self, request: &Request<'_>) -> bool {
        let is_pinned_here = matches!(self.original.checksum, Some(Checksum::Pinned(_)));
        self.stated.is_empty()
            || (request.run.project.trust.original >= OriginalTrust::Checksum && !is_pinned_here)
    }

    /// The answer that the publisher does not have it.
    pub(super) fn absent(&self) -> String {
        let described = origin::describe(&self.original.coordinate);
        format!("{described} does not exist")
    }
}
