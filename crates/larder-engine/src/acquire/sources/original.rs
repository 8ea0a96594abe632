//! The source `original`: downloads the file from its publisher.
//!
//! The file is verified against these digests, in this order: the lock, the recipe's checksum, the
//! publisher's checksums file, the digest that the registry states. If there is none of them, the
//! file is trusted on first use: larder pins it in the lock and prints a warning. A signature that
//! the recipe names must fit in any case. If a digest
//! differs, the file is downloaded a second time; if it differs again, the search stops, and no
//! weaker source is asked.

use camino::Utf8Path;

use larder_core::archive::{Budget, ReadAs, Select};
use larder_core::error::{Kind, Result};
use larder_core::formats::{Observed, PinKind};
use larder_core::model::{FileName, Origin, Outcome, SourceKind};
use larder_core::project::{Coordinate, Original, UpstreamSignature};
use larder_remote::origin::{self, Fetched, Stated};

use super::expectation::{Expectation, expectations, first};
use super::{Offer, Taken, kept, launcher};
use crate::acquire::admission::{self, Candidate};
use crate::acquire::availability::Availability;
use crate::acquire::intake::{self, Arrival, Contents};
use crate::acquire::request::Request;
use crate::cache::{Entry, TakenFrom};
use crate::events::{Level, Phase};
use crate::lock;
use crate::trust::Shown;

/// What the publisher would give. Asks whether the publisher has the file, and reads no byte of it.
pub(super) fn probe(request: &Request<'_>) -> Result<Availability<Offer>> {
    let all = match expectations(request)? {
        Availability::Have(all) => all,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    Ok(first(request, &all)?.map(|expectation| {
        let described = origin::describe(&expectation.original.coordinate);
        Offer {
            answer: match expectation.emulated {
                Some(other) if other == expectation.platform => {
                    format!("{described} has it (emulated: {other})")
                }
                _ => format!("{described} has it"),
            },
        }
    }))
}

/// Downloads the publisher's file: the first one that the publisher has, of those that may be taken.
pub fn take(request: &Request<'_>, into: &Utf8Path) -> Result<Availability<Taken>> {
    let all = match expectations(request)? {
        Availability::Have(all) => all,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    let mut absent = Vec::new();
    let mut failed = None;
    for expectation in &all {
        // The same file is read again only to select other files in it.
        if expectation.is_same_file && failed.is_none() {
            continue;
        }
        if failed.is_some() {
            intake::clear_folder(into)?;
        }
        match take_fresh(request, expectation, into) {
            Ok(Availability::Absent(reason)) => absent.push(reason),
            Err(error) if failed.is_none() && error.kind() == Kind::Failed => {
                if expectation.emulated.is_none() {
                    return Err(error);
                }
                failed = Some(error);
            }
            // The first error is about what the recipe says for the platform itself.
            Err(error) => return Err(failed.unwrap_or(error)),
            taken => return taken,
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(Availability::Absent(absent.join(", and "))),
    }
}

fn take_fresh(
    request: &Request<'_>,
    expectation: &Expectation,
    into: &Utf8Path,
) -> Result<Availability<Taken>> {
    match take_once(request, expectation, into) {
        // A proxy or a mirror may have returned an old copy, so the file is downloaded once more.
        Err(error) if error.kind() == Kind::Integrity => {
            request.run.cancel.check()?;
            intake::clear_folder(into)?;
            take_once(request, expectation, into)
        }
        answer => answer,
    }
}

/// Whether the target could be built if the publisher does not have it.
pub fn can_be_built(request: &Request<'_>) -> Result<bool> {
    let builds = request.run.project.sources.contains(&SourceKind::Build);
    Ok(builds && request.rendered_build()?.is_some())
}

/// Requests the file from the publisher. If nothing else pins the file, also requests the digest
/// that the publisher states.
fn fetch(request: &Request<'_>, expectation: &Expectation) -> Result<Availability<Fetched>> {
    let Request { run, target, .. } = request;
    // The registries' own clients report no bytes, so the step has at least a row with its time.
    run.events.phase(target, Phase::Downloading, None);
    let fetched = origin::fetch(
        run.publishers(),
        &expectation.original,
        expectation.platform,
        expectation.asks_publisher(request),
        &run.cancel,
    )?;
    Ok(match fetched {
        Some(fetched) => Availability::Have(fetched),
        None => Availability::Absent(expectation.absent()),
    })
}

/// What is shown about a file that has arrived with these stated digests and, if the recipe names
/// one, with a good signature.
fn shown(original: &Original, stated: &[Stated]) -> Shown {
    if let Some(UpstreamSignature { key, .. }) = &original.signature {
        return Shown::Signature(key.clone());
    }
    if stated.iter().any(|stated| stated.by != lock::FILE) {
        return Shown::Checksum;
    }
    Shown::Lock
}

fn take_once(
    request: &Request<'_>,
    expectation: &Expectation,
    into: &Utf8Path,
) -> Result<Availability<Taken>> {
    let Request {
        run,
        target,
        subsystem,
        wanted,
        ..
    } = request;
    let Some(inputs) = wanted.of(Origin::Original) else {
        return Ok(Availability::Absent("the recipe has no upstream".into()));
    };
    let Fetched {
        reader,
        size,
        file_name,
        stated,
        signature,
        place,
    } = match fetch(request, expectation)? {
        Availability::Have(fetched) => fetched,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    let stated = [expectation.stated.clone(), stated].concat();
    let (mut globs, names) = selection(request, &expectation.original);
    let description = launcher::description(request, &expectation.original, &mut globs);
    let first = subsystem.first_binary(&target.platform);
    let only = expectation.original.extract.first();
    let arrival = Arrival {
        place: &place,
        read_as: ReadAs::File {
            format: expectation.original.format.unwrap_or_default(),
            name: &file_name,
        },
        reader,
        size,
        stated: &stated,
        signature: signature.as_ref(),
        select: Select::Programs {
            globs: &globs,
            names: &names,
            platform: expectation.platform,
        },
        single: Some(only.map_or(&first, |(_, name)| name)),
        budget: Budget::from(subsystem.limits),
    };
    let copies = run.cache.copies(into, arrival.size);
    let destination = kept(into, copies.as_ref());
    let mut arrived =
        intake::receive(request.transfer(), arrival, destination).map_err(|error| {
            match error.kind() {
                Kind::Failed => {
                    let name = &target.name;
                    error.hint(format!(
                        "check `upstream.extract` of the recipe of `{name}`"
                    ))
                }
                Kind::Integrity if request.pin(Origin::Original, PinKind::Upstream).is_some() => {
                    error.hint(format!(
                        "if you trust the new file: `larder lock --update {}`",
                        target.name
                    ))
                }
                _ => error,
            }
        })?;
    intake::make_links(&subsystem.links(&target.platform), &mut arrived, into)?;
    if let Some(description) = description {
        launcher::check(request, &place, description, &mut arrived, into)?;
    }
    let contents = Contents::Named {
        subsystem,
        platform: target.platform,
        emulated: expectation.emulated,
        origin: Origin::Original,
        inputs: inputs.digest,
    };
    let artifact = intake::artifact(&place, &arrived, &contents, into)?;
    let (sha256, size) = (arrived.sha256, arrived.size);
    let line = lock::line(&artifact, PinKind::Upstream, sha256, size, &place);
    let mirror = match expectation.original.coordinate {
        Coordinate::GitHub { .. } => run.mirror(),
        _ => None,
    };
    let entry = Entry {
        artifact,
        source: SourceKind::Original,
        places: mirror.into_iter().collect(),
        file: Some(TakenFrom {
            sha256,
            size,
            url: place.clone(),
        }),
        observed: Observed::default(),
        proof: None,
        shown: shown(&expectation.original, &stated),
    };
    let artifact = admission::admit(request, Candidate::from(&entry)).map_err(|refusal| {
        refusal
            .into_error(request)
            .context(format!("{place} can't be used"))
    })?;
    let is_pinned = !expectation.stated.is_empty();
    let text = match (is_pinned, run.settings.ci.is_ci) {
        // In CI nothing is locked, so the next run would accept other bytes as well.
        (false, true) => Some(format!(
            "nothing in the repository pins {place} (sha256 {sha256}), and {}; \
             run `larder lock {} --platform all` and commit versions.lock",
            if stated.is_empty() {
                "its publisher states no digest"
            } else {
                "only its publisher states a digest"
            },
            target.name
        )),
        _ if stated.is_empty() => Some(format!(
            "nothing states a digest of {place}; trusted on first use, and locked (sha256 {sha256})"
        )),
        _ => None,
    };
    if let Some(text) = text {
        run.events.note(Some(target), Level::Warning, text);
    }
    Ok(Availability::Have(Taken {
        artifact,
        entry,
        line: Some(line),
        outcome: Outcome::Downloaded,
        bytes: size,
        copies,
        place,
    }))
}

/// What to unpack: globs and names. The globs are the recipe's `extract`, plus a default for each
/// included file that it does not name (at the top of the archive or one folder down). The names
/// are the binaries that it does not name.
fn selection(
    request: &Request<'_>,
    original: &Original,
) -> (Vec<(String, FileName)>, Vec<FileName>) {
    let subsystem = request.subsystem;
    let mut globs = original.extract.clone();
    let mut names = Vec::new();
    let platform = &request.target.platform;
    let binaries = subsystem.binaries_on(platform).len();
    let links = subsystem.links(platform);
    let files = subsystem.file_names(platform);
    for (number, name) in files.into_iter().enumerate() {
        if globs.iter().any(|(_, file)| *file == name)
            || links.iter().any(|(link, _)| *link == name)
        {
            continue;
        }
        let included = number.checked_sub(binaries);
        match included.and_then(|included| subsystem.package.include.get(included)) {
            Some(include) => globs.push((format!("{{{0},*/{0}}}", include.path), name)),
            None => names.push(name),
        }
    }
    (globs, names)
}
