//! The source `managed`: gives the asset of accepted inputs from the releases on the team's hub.
//!
//! If the lock pins an asset, one request is enough: the lock has its digest, and the stamp inside
//! the archive has the rest. Otherwise the sidecar is read first, which states what its asset is.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::Utf8Path;

use larder_core::archive::{ArchiveKind, Budget, ReadAs, Select};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::{Observed, Pin, PinKind, Sidecar};
use larder_core::model::{
    AssetCandidate, AssetName, AssetPlace, FileFormat, Origin, Outcome, Proof, SourceKind, Tag,
};
use larder_core::project::{HubConfig, Keep};
use larder_remote::hub::{Body, Described};
use larder_remote::origin::Stated;

use super::described::{admit_described, admit_signed, proof_of};
use super::{Offer, Taken, kept};
use crate::acquire::admission::{self, Candidate, Refusal};
use crate::acquire::availability::Availability;
use crate::acquire::intake::{self, Arrival, Contents};
use crate::acquire::replaced::{Seen, read_steady};
use crate::acquire::request::Request;
use crate::cache::{Entry, TakenFrom};
use crate::events::Level;
use crate::lock;
use crate::trust::{self, Shown};

/// An asset of accepted inputs on the hub.
pub struct ManagedAsset {
    /// The tag of its release.
    pub tag: Tag,
    /// Its name.
    pub asset: AssetName,
    /// What states its digest.
    expected: Expected,
    /// The signature of its sidecar, if it was read already.
    proof: Option<Proof>,
}

/// What states the digest that an asset must have.
enum Expected {
    /// A pin of the lock, for artifacts of this origin.
    Lock(Origin, Pin),
    /// Its sidecar.
    Sidecar(Box<Sidecar>),
}

/// The folder of a hub, if it does not exist although the project or the user named it.
fn missing_folder(hub: &HubConfig) -> Option<&Utf8Path> {
    match hub {
        HubConfig::Dir {
            path,
            default: false,
            ..
        } if matches!(larder_core::fs::stat(path), Ok(None)) => Some(path),
        _ => None,
    }
}

impl ManagedAsset {
    /// The asset that a sidecar describes.
    pub fn from_sidecar(tag: Tag, asset: AssetName, sidecar: Sidecar) -> Self {
        let expected = Expected::Sidecar(Box::new(sidecar));
        Self {
            tag,
            asset,
            expected,
            proof: None,
        }
    }

    /// Finds the asset of accepted inputs by reading the sidecars of all names that it may have.
    pub fn find(request: &Request<'_>) -> Result<Availability<(Tag, AssetName, Described)>> {
        let Request {
            target,
            subsystem,
            wanted,
            ..
        } = request;
        let hub = request.hub()?;
        let names = subsystem.assets(&target.platform);
        let mut answer = None;
        let mut plain_exists = true;
        for AssetCandidate { tag, asset, place } in names.candidates(wanted.digests()) {
            // A suffixed tag may exist without the plain asset, if the platform was released too
            // late for the plain tag.
            let is_possible = match place {
                AssetPlace::Plain => true,
                AssetPlace::SuffixedAsset => plain_exists,
                AssetPlace::SuffixedTag => hub.suffixes_tags(),
            };
            if !is_possible {
                continue;
            }
            let Some(described) = hub.described(&tag, &asset)? else {
                plain_exists &= place != AssetPlace::Plain;
                continue;
            };
            let content = &described.sidecar.content;
            if content.name != target.name || content.platform != target.platform {
                answer = Some(format!(
                    "{tag}/{asset} is of {} for {}",
                    content.name, content.platform
                ));
            } else if request.only_pinned && request.pin(content.origin, PinKind::Asset).is_none() {
                answer = Some(format!("versions.lock does not pin {tag}/{asset}"));
            } else if wanted.accepts(content.origin, &content.inputs) {
                return Ok(Availability::Have((tag, asset, described)));
            } else {
                answer = Some(format!(
                    "{tag}/{asset} was made from other inputs ({})",
                    content.origin
                ));
            }
        }
        Ok(Availability::Absent(answer.unwrap_or_else(
            || match missing_folder(request.hub_config()) {
                Some(folder) => format!("the hub folder {folder} does not exist"),
                None => format!(
                    "{} has no {}/{}",
                    hub.describe(),
                    names.tag(),
                    names.asset()
                ),
            },
        )))
    }

    /// Downloads it into an existing, empty folder. Says which version of the file it opened.
    pub fn fetch(
        &self,
        request: &Request<'_>,
        into: &Utf8Path,
        version: &mut Option<String>,
    ) -> Result<Availability<Taken>> {
        match self.open(request)? {
            Some(body) => {
                version.clone_from(&body.version);
                self.take(request, body, self.contents(request), into)
                    .map(Availability::Have)
            }
            None => Ok(Availability::Absent(self.missing_asset(request)?)),
        }
    }

    fn open(&self, request: &Request<'_>) -> Result<Option<Body>> {
        let sha256 = match &self.expected {
            Expected::Lock(_, pin) => pin.sha256,
            Expected::Sidecar(sidecar) => sidecar.sha256,
        };
        request.hub()?.fetch_pinned(&self.tag, &self.asset, &sha256)
    }

    fn missing_asset(&self, request: &Request<'_>) -> Result<String> {
        let (hub, Self { tag, asset, .. }) = (request.hub()?.describe(), self);
        Ok(format!(
            "{hub} has a sidecar of {tag}/{asset} but not the asset"
        ))
    }

    /// What the archive should hold.
    fn contents<'a>(&'a self, request: &'a Request<'_>) -> Contents<'a> {
        match &self.expected {
            Expected::Sidecar(sidecar) => Contents::Stated(&sidecar.content),
            Expected::Lock(..) => Contents::Stamped(&request.target.name),
        }
    }

    fn take(
        &self,
        request: &Request<'_>,
        body: Body,
        contents: Contents<'_>,
        into: &Utf8Path,
    ) -> Result<Taken> {
        let Self {
            tag,
            asset,
            expected,
            proof,
        } = self;
        let (sha256, size, by) = match expected {
            Expected::Lock(_, pin) => (pin.sha256, pin.size, lock::FILE.to_owned()),
            Expected::Sidecar(sidecar) => (
                sidecar.sha256,
                sidecar.size,
                format!("its sidecar {}", asset.sidecar()),
            ),
        };
        // An asset that `lock --adopt` pinned was not made by larder: its files may be in any
        // folder of the archive, and it has no stamp.
        let (anywhere, binaries) = (request.globs_anywhere(), request.binaries());
        let select = match contents {
            Contents::Named {
                keep: Keep::Tree, ..
            } => request.whole(&[], &binaries, request.target.platform),
            Contents::Named { .. } => Select::Globs(&anywhere),
            Contents::Stated(artifact) => intake::packaged(artifact.tree.is_some()),
            Contents::Stamped(_) => {
                let origin = match expected {
                    Expected::Lock(origin, _) => *origin,
                    Expected::Sidecar(sidecar) => sidecar.content.origin,
                };
                intake::packaged(request.keep(origin)? == Keep::Tree)
            }
        };
        // Only an adopted asset may be of another kind than its name says.
        let read_as = match contents {
            Contents::Stated(_) | Contents::Stamped(_) => {
                ReadAs::Exactly(ArchiveKind::of_name(asset.as_str()))
            }
            Contents::Named { .. } => ReadAs::File {
                format: FileFormat::Auto,
                name: asset.as_str(),
            },
        };
        let stated = [Stated::sha256(sha256, by)];
        let arrival = Arrival {
            place: &body.place,
            read_as,
            // One byte more shows that it is not the stated file, however much would follow.
            reader: Box::new(body.reader.take(size.saturating_add(1))),
            size: Some(size),
            stated: &stated,
            signature: None,
            select,
            single: None,
            budget: Budget::from(request.subsystem.limits),
        };
        let copies = request.run.cache.copies(into, Some(size));
        let destination = kept(into, copies.as_ref());
        let arrived = intake::receive(request.transfer(), arrival, destination).map_err(|error| {
            match error.kind() {
                Kind::Integrity => error.hint(format!(
                    "someone with write access to the hub can repair it with `larder release {} --replace`",
                    request.target.name
                )),
                _ => error,
            }
        })?;
        let artifact = intake::artifact(&body.place, &arrived, &contents, into)?;
        let observed = match expected {
            Expected::Sidecar(sidecar) => sidecar.observed.clone(),
            Expected::Lock(..) => Observed::default(),
        };
        let url = request.asset_url(tag, asset)?;
        let line = lock::line(&artifact, PinKind::Asset, sha256, arrived.size, &url);
        let entry = Entry {
            artifact,
            source: SourceKind::Managed,
            places: BTreeSet::from([request.hub()?.id()]),
            file: Some(TakenFrom {
                sha256,
                size: arrived.size,
                url,
            }),
            observed,
            proof: match proof {
                Some(proof) => Some(Box::new(proof.clone())),
                None => proof_of(request, tag, asset, None)?.map(Box::new),
            },
            shown: Shown::default(),
        };
        let artifact = admission::admit(request, Candidate::from(&entry)).map_err(|refusal| {
            refusal
                .into_error(request)
                .context(format!("{} can't be used", body.place))
        })?;
        Ok(Taken {
            artifact,
            entry,
            line: Some(line),
            outcome: Outcome::Downloaded,
            bytes: arrived.size,
            copies,
            place: body.place,
        })
    }
}

/// Opens the asset that the lock pins, or else the asset that a sidecar describes, and returns it
/// with its unread body. Says what it has seen as soon as it has read a sidecar.
fn open(
    request: &Request<'_>,
    seen: &mut Option<Seen>,
) -> Result<Availability<(ManagedAsset, Body)>> {
    for origin in request.origins() {
        let Some(pin) = request.pin(origin, PinKind::Asset) else {
            continue;
        };
        let Some((tag, asset)) = lock::tag_and_asset(&pin.url) else {
            continue;
        };
        let expected = Expected::Lock(origin, pin);
        let managed = ManagedAsset {
            tag,
            asset,
            expected,
            proof: None,
        };
        if let Some(body) = managed.open(request)? {
            return Ok(Availability::Have((managed, body)));
        }
    }
    let (tag, asset, described) = match ManagedAsset::find(request)? {
        Availability::Have(found) => found,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    let Described { sidecar, text } = described;
    *seen = Some(Seen {
        tag: tag.clone(),
        asset: asset.clone(),
        stated: sidecar.sha256,
        version: None,
    });
    let pin = request.pin(sidecar.content.origin, PinKind::Asset);
    if let Some(pin) = pin {
        check_sidecar(request, &tag, &asset, &sidecar, &pin)?;
    }
    let proof = proof_of(request, &tag, &asset, Some(&text))?;
    if let Err(refusal) = admit_described(request, &sidecar, proof.as_ref())? {
        return match refusal {
            Refusal::Contradiction(error) | Refusal::NoLine(error) | Refusal::Unsigned(error) => {
                let place = request.hub()?.place(&tag, &asset);
                Err(error.context(format!("{place} can't be used")))
            }
            other => Ok(Availability::Absent(format!(
                "{tag}/{asset}: {}",
                other.into_error(request)
            ))),
        };
    }
    let managed = ManagedAsset {
        proof,
        ..ManagedAsset::from_sidecar(tag, asset, sidecar)
    };
    Ok(match managed.open(request)? {
        Some(body) => Availability::Have((managed, body)),
        None => Availability::Absent(managed.missing_asset(request)?),
    })
}

/// What the hub would give. No byte of the asset is read, so the pin of the lock is compared with
/// the sidecar, if there is one.
pub(super) fn probe(request: &Request<'_>) -> Result<Availability<Offer>> {
    let hub = request.hub()?;
    let managed = match open(request, &mut None)? {
        Availability::Have((managed, _)) => managed,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    let ManagedAsset {
        tag,
        asset,
        expected,
        proof: _,
    } = &managed;
    let pinned = match expected {
        Expected::Sidecar(_) => "",
        Expected::Lock(_, pin) => {
            // An error is ignored here, because taking an asset that the lock pins does not read
            // the sidecar, unless it has to be signed.
            match hub.described(tag, asset) {
                Ok(Some(described)) => {
                    check_sidecar(request, tag, asset, &described.sidecar, pin)?;
                    admit_signed(request, tag, asset, &described)?;
                }
                Ok(None) if request.run.project.trust.needs_signature => {
                    trust::unsigned(request.target, &request.subsystem.version)?;
                }
                Err(error) if request.run.project.trust.needs_signature => return Err(error),
                Ok(None) | Err(_) => {}
            }
            ", which versions.lock pins"
        }
    };
    Ok(Availability::Have(Offer {
        answer: format!("{} has {tag}/{asset}{pinned}", hub.describe()),
    }))
}

/// Checks that a sidecar states the digest that the lock pins.
fn check_sidecar(
    request: &Request<'_>,
    tag: &Tag,
    asset: &AssetName,
    sidecar: &Sidecar,
    pin: &Pin,
) -> Result<()> {
    if sidecar.sha256 == pin.sha256 {
        return Ok(());
    }
    let place = request.hub()?.place(tag, asset);
    Err(
        Error::integrity(format!("{place} is not what versions.lock pins"))
            .cause(format!(
                "its sidecar says sha256 {}, versions.lock says {}",
                sidecar.sha256, pin.sha256
            ))
            .hint(format!(
                "if the change is wanted: `larder lock --update {}`",
                request.target.name
            )),
    )
}

/// Takes the asset from the hub. If its bytes are wrong it is downloaded again, because the asset
/// may have been replaced between two requests, or a proxy may have returned an old copy.
pub(super) fn take(request: &Request<'_>, into: &Utf8Path) -> Result<Availability<Taken>> {
    let mut is_first = true;
    read_steady(request.hub()?, &request.run.cancel, |seen| {
        if !is_first {
            intake::clear_folder(into)?;
        }
        let taken = take_once(request, into, is_first, seen);
        is_first = false;
        taken
    })
}

fn take_once(
    request: &Request<'_>,
    into: &Utf8Path,
    is_first: bool,
    seen: &mut Option<Seen>,
) -> Result<Availability<Taken>> {
    let (managed, body) = match open(request, seen)? {
        Availability::Have(opened) => opened,
        Availability::Absent(reason) => return Ok(Availability::Absent(reason)),
    };
    if let Expected::Sidecar(sidecar) = &managed.expected {
        *seen = Some(Seen {
            tag: managed.tag.clone(),
            asset: managed.asset.clone(),
            stated: sidecar.sha256,
            version: body.version.clone(),
        });
    }
    if is_first && request.run.options.locked && matches!(managed.expected, Expected::Sidecar(_)) {
        let text = format!(
            "first use: {} has no line for {}/{}, so only its sidecar states what it is",
            lock::FILE,
            managed.tag,
            managed.asset
        );
        request
            .run
            .events
            .note(Some(request.target), Level::Warning, text);
    }
    let error = match managed.take(request, body, managed.contents(request), into) {
        Ok(taken) => return Ok(Availability::Have(taken)),
        Err(error) => error,
    };
    let is_about_bytes = !matches!(
        error.kind(),
        Kind::Interrupted(_) | Kind::Unavailable | Kind::Refused
    );
    match &managed.expected {
        // The asset may have been adopted, so it has no stamp: try again with the files that the
        // recipe names.
        Expected::Lock(origin, _) if is_about_bytes => {
            let Some(inputs) = request.wanted.of(*origin) else {
                return Err(error);
            };
            let Some(body) = managed.reopen(request, into)? else {
                return Err(error);
            };
            let contents = Contents::Named {
                subsystem: request.subsystem,
                platform: request.target.platform,
                emulated: request.emulated(*origin)?,
                origin: *origin,
                inputs: inputs.digest,
                keep: request.keep(*origin)?,
            };
            managed
                .take(request, body, contents, into)
                .map(Availability::Have)
        }
        _ => Err(error),
    }
}

impl ManagedAsset {
    /// Empties the folder and opens the asset again.
    fn reopen(&self, request: &Request<'_>, into: &Utf8Path) -> Result<Option<Body>> {
        intake::clear_folder(into)?;
        request.run.cancel.check()?;
        self.open(request)
    }
}
