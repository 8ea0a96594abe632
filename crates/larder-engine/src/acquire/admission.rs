//! Admission: decides whether an artifact may be used for a target. [`admit`] is the only function
//! that makes an [`Admitted`], and installing, packaging, releasing and reporting as up to date all
//! take one, so none of them can skip the rules:
//!
//! 1. The artifact is accepted: its inputs are those computed here for its origin.
//! 2. It has the files that the recipe declares, and the version that is pinned. Stamps, sidecars
//!    and cache entries are claims, and inputs alone do not show that a claim is true.
//! 3. No pin contradicts its bytes: every line of the lock with these inputs, of whichever kind,
//!    and the sha256 in the recipe.
//! 4. With `--locked`, what a publisher made has a line in the lock. What comes from the hub has one
//!    where `trust: {lock: required}` says so.
//! 5. The project may take it from where it came from: each hub and mirror behind it, and behind
//!    what it was built with, is the project's own, or the lock names the artifact.
//! 6. Who `trust:` asks for vouches for it: with `trust.managed`, a key of the project signed what
//!    came from a hub, wherever it is now; and about what came from a publisher as much was shown as
//!    `trust.original` asks for. What this machine built itself is used here without a signature.
//!
//! This module reads no files and asks no source.

use std::collections::BTreeSet;
use std::ops::Deref;

use larder_core::error::{Error, Result};
use larder_core::formats::{Pin, PinKind};
use larder_core::model::{Artifact, Digest, FileName, Origin, Proof, SourceKind};
use larder_core::project::{Checksum, Emulated, Keep, Original, OriginalTrust};

use super::request::Request;
use crate::cache::Entry;
use crate::lock;
use crate::trust::{self, Shown, Vouched};

/// An artifact that may be used for the target of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    artifact: Artifact,
    vouched: Vouched,
}

impl Admitted {
    /// The artifact itself.
    pub fn into_inner(self) -> Artifact {
        self.artifact
    }

    /// What vouches for it.
    pub fn vouched(&self) -> &Vouched {
        &self.vouched
    }
}

/// What shows who vouches for an artifact.
#[derive(Clone, Copy, Debug)]
pub enum Evidence<'a> {
    /// This machine built it.
    BuiltHere,
    /// It came from a hub, with the signature of its sidecar if it has one.
    Released(Option<&'a Proof>),
    /// It came from its publisher, and this was shown about the file.
    Publisher(&'a Shown),
    /// What was decided when it was installed.
    Recorded(&'a Vouched),
    /// The command that asks is about to sign it.
    AboutToBeSigned,
    /// Nothing is known.
    Unknown,
}

impl Deref for Admitted {
    type Target = Artifact;

    fn deref(&self) -> &Artifact {
        &self.artifact
    }
}

/// The file that an artifact was unpacked from: the kind of lock line that pins such a file, and
/// its digest.
pub type UnpackedFrom = (PinKind, Digest);

/// An artifact that is about to be used, with what is known about how it came here.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The artifact, as a stamp, a sidecar, a cache entry or an intake describes it.
    pub artifact: &'a Artifact,
    /// The file that it was unpacked from; `None` if that is not known or if it was built here.
    pub file: Option<UnpackedFrom>,
    /// The hubs and mirrors that it came from, and those of what it was built with.
    pub places: &'a BTreeSet<String>,
    /// What shows who vouches for it.
    pub evidence: Evidence<'a>,
}

impl<'a> From<&'a Entry> for Candidate<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            artifact: &entry.artifact,
            file: entry.unpacked_from(),
            places: &entry.places,
            evidence: Evidence::from(entry),
        }
    }
}

impl<'a> From<&'a Entry> for Evidence<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry.source {
            SourceKind::Managed => Self::Released(entry.proof.as_deref()),
            SourceKind::Original => Self::Publisher(&entry.shown),
            // Nobody signs what an executor gives.
            SourceKind::Build if entry.observed.executor.is_none() => Self::BuiltHere,
            SourceKind::Cache | SourceKind::Build | SourceKind::RemoteCache => Self::Unknown,
        }
    }
}

/// Why an artifact is not admitted.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It was made from other inputs. It is not wrong; it is an artifact of something else.
    OtherInputs,
    /// It came from a hub or a mirror that the project does not use.
    OtherPlace(String),
    /// A pin could apply to it, and nothing shows that its bytes are the pinned ones.
    Unproven(String),
    /// Nobody vouches for it whom the project accepts (exit code 4).
    Unsigned(Error),
    /// It is not what it claims to be, or a pin contradicts its bytes (exit code 4).
    Contradiction(Error),
    /// With `--locked`, it needs a line in the lock and has none (exit code 3).
    NoLine(Error),
}

impl Refusal {
    /// The refusal as the error of a command that needs exactly this artifact.
    pub fn into_error(self, request: &Request<'_>) -> Error {
        let target = request.target;
        match self {
            Self::OtherInputs => Error::failed(format!(
                "what is installed of {target} is not what the recipe wants today"
            )),
            Self::OtherPlace(place) => Error::failed(format!(
                "{target} came from {place}, which this project does not use"
            )),
            Self::Unproven(reason) => {
                Error::failed(format!("{target} can't be shown to be what is pinned")).cause(reason)
            }
            Self::Contradiction(error) | Self::NoLine(error) | Self::Unsigned(error) => error,
        }
    }
}

/// Decides whether an artifact may be used. See the module's documentation for the rules.
pub fn admit(request: &Request<'_>, candidate: Candidate<'_>) -> Result<Admitted, Refusal> {
    let artifact = candidate.artifact;
    if artifact.name != request.target.name
        || artifact.platform != request.target.platform
        || !request.wanted.accepts(artifact.origin, &artifact.inputs)
    {
        return Err(Refusal::OtherInputs);
    }
    check_claim(request, artifact).map_err(Refusal::Contradiction)?;
    let named = check_lock(request, candidate)?;
    check_recipe(request, candidate)?;
    if !named && request.run.options.locked {
        check_locked(request, candidate)?;
    }
    if !named
        && let Some(place) = candidate
            .places
            .iter()
            .find(|place| !is_own(request, place))
    {
        return Err(Refusal::OtherPlace(place.clone()));
    }
    Ok(Admitted {
        artifact: artifact.clone(),
        vouched: check_trust(request, candidate).map_err(Refusal::Unsigned)?,
    })
}

/// Rule 2: the version and the files are those that the inputs stand for.
pub fn check_claim(request: &Request<'_>, artifact: &Artifact) -> Result<()> {
    let subsystem = request.subsystem;
    let wrong = |what: String| {
        Err(Error::integrity(format!(
            "what is stated about an artifact of {} can't be true",
            request.target
        ))
        .cause(what)
        .hint("its inputs are right, so the statement is a mistake or an attempt to deceive: find out who wrote it"))
    };
    if artifact.version != subsystem.version {
        return wrong(format!(
            "it claims version {}, and its inputs are those of {}",
            artifact.version, subsystem.version
        ));
    }
    if let Some(emulated) = artifact.emulated
        && request.emulated(artifact.origin)? != Some(emulated)
    {
        return wrong(format!(
            "it has programs of {emulated}, which the recipe does not allow on {}",
            request.target.platform
        ));
    }
    let is_tree = request.keep(artifact.origin)? == Keep::Tree;
    if artifact.tree.is_some() != is_tree {
        return wrong(if is_tree {
            "it has no folders, and the recipe keeps the folder of the archive".into()
        } else {
            "it has folders, and the recipe keeps none".into()
        });
    }
    // In a tree, only the binaries are declared. That each leads to a program holds for every tree.
    let names = if is_tree {
        request.binaries()
    } else {
        subsystem.file_names(&request.target.platform)
    };
    let found: Vec<&str> = match &artifact.tree {
        Some(tree) => tree.binaries.iter().map(|b| b.name.as_str()).collect(),
        None => artifact.files.iter().map(|f| f.name.as_str()).collect(),
    };
    let expected: Vec<&str> = names.iter().map(FileName::as_str).collect();
    if found != expected {
        return wrong(format!(
            "it lists the files [{}], and the recipe declares [{}]",
            found.join(", "),
            expected.join(", ")
        ));
    }
    if is_tree {
        return Ok(());
    }
    for (number, file) in artifact.files.iter().enumerate() {
        let mode = if number < subsystem.binaries_on(&request.target.platform).len() {
            0o755
        } else {
            0o644
        };
        if file.mode != mode {
            return wrong(format!(
                "`{}` has mode {:04o}, and it must be {mode:04o}",
                file.name, file.mode
            ));
        }
    }
    Ok(())
}

/// Rule 3, the lock: whether a line names the artifact.
fn check_lock(request: &Request<'_>, candidate: Candidate<'_>) -> Result<bool, Refusal> {
    let artifact = candidate.artifact;
    let digest = artifact.digest();
    let mut named = false;
    for kind in [PinKind::Upstream, PinKind::Asset] {
        let Some(pin) = request.pin(artifact.origin, kind) else {
            continue;
        };
        match pin.artifact {
            Some(pinned) if pinned == digest => named = true,
            Some(pinned) => {
                return Err(Refusal::Contradiction(contradicts_lock(
                    request,
                    &format!("artifact {pinned}"),
                    &digest,
                )));
            }
            // The file was locked without being unpacked: only the file itself can be compared.
            None => match candidate.file {
                Some((of, sha256)) if of == kind => {
                    if sha256 != pin.sha256 {
                        let pinned = format!("sha256 {}", pin.sha256);
                        let error = contradicts_lock(request, &pinned, &sha256);
                        return Err(Refusal::Contradiction(error));
                    }
                    named = true;
                }
                _ => {
                    return Err(Refusal::Unproven(format!(
                        "{} pins the file {} without the artifact in it, and nothing shows that this artifact came from that file",
                        lock::FILE,
                        pin.url
                    )));
                }
            },
        }
    }
    Ok(named)
}

fn contradicts_lock(request: &Request<'_>, pinned: &str, found: &Digest) -> Error {
    Error::integrity(format!(
        "{} is not what {} pins",
        request.target,
        lock::FILE
    ))
    .cause(format!("{} says {pinned}, this is {found}", lock::FILE))
    .hint(format!(
        "if the change is known and wanted: `larder lock --update {}`",
        request.target.name
    ))
}

/// Rule 3, the sha256 in the recipe: it pins the publisher's file.
fn check_recipe(request: &Request<'_>, candidate: Candidate<'_>) -> Result<(), Refusal> {
    if candidate.artifact.origin != Origin::Original {
        return Ok(());
    }
    let pinned = pinned_by_recipe(request, candidate.artifact);
    let Some(wanted) = pinned.first() else {
        return Ok(());
    };
    let contradiction = |by: &str, found: Digest| {
        let recipe = recipe_path(request);
        Err(Refusal::Contradiction(
            Error::integrity(format!("{} is not what {recipe} pins", request.target))
                .cause(format!("{recipe} says sha256 {wanted}, {by} {found}"))
                .hint("compare both with what the publisher states, and correct the one that is wrong"),
        ))
    };
    let line = request.pin(Origin::Original, PinKind::Upstream);
    match (candidate.file, line) {
        (Some((PinKind::Upstream, found)), _) if !pinned.contains(&found) => {
            contradiction("the publisher's file had", found)
        }
        (_, Some(Pin { sha256, .. })) if !pinned.contains(&sha256) => {
            contradiction("versions.lock", sha256)
        }
        (None, None) => Err(Refusal::Unproven(format!(
            "{} pins the publisher's file, and nothing shows that this artifact came from it",
            recipe_path(request)
        ))),
        _ => Ok(()),
    }
}

/// The sha256 that the recipe states for the publisher's file. There are two if the file may be that
/// of another platform, whose programs this one runs; none if nothing is stated.
fn pinned_by_recipe(request: &Request<'_>, artifact: &Artifact) -> Vec<Digest> {
    // A recipe that can't be rendered is reported where the original is asked for.
    let Ok(Some(original)) = request.subsystem.original(&request.target.platform) else {
        return Vec::new();
    };
    let pinned = |original: &Original| match original.checksum {
        Some(Checksum::Pinned(digest)) => Some(digest),
        _ => None,
    };
    let native = pinned(&original);
    let Some(Emulated {
        platform: _,
        original: other,
    }) = original.emulated.as_deref()
    else {
        return native.into_iter().collect();
    };
    match artifact.emulated {
        // A file with programs for both platforms may be that of the other one.
        None if native.is_some() => native.into_iter().chain(pinned(other)).collect(),
        None => Vec::new(),
        Some(_) if other.coordinate == original.coordinate => {
            native.into_iter().chain(pinned(other)).collect()
        }
        Some(_) => pinned(other).into_iter().collect(),
    }
}

/// The recipe's path relative to the project, for messages.
pub fn recipe_path(request: &Request<'_>) -> String {
    let recipe = request.subsystem.dir.join("recipe.yml");
    request.run.project.relative(&recipe)
}

/// Rule 4: whether an artifact that no line names may be used under `--locked`.
fn check_locked(request: &Request<'_>, candidate: Candidate<'_>) -> Result<(), Refusal> {
    let origin = candidate.artifact.origin;
    let is_required = match candidate.file {
        Some((PinKind::Asset, _)) => request.run.project.trust.lock_required,
        Some((PinKind::Upstream, _)) => true,
        None => origin == Origin::Original,
    };
    if is_required {
        return Err(Refusal::NoLine(lock::missing_line(request.target)));
    }
    Ok(())
}

/// Rule 5: whether a hub or a mirror is one that this project uses.
fn is_own(request: &Request<'_>, place: &str) -> bool {
    request.run.own_places().iter().any(|own| own == place)
}

/// Rule 6: who vouches for an artifact, and whether that is enough.
pub fn check_trust(request: &Request<'_>, candidate: Candidate<'_>) -> Result<Vouched> {
    let trust = &request.run.project.trust;
    let artifact = candidate.artifact;
    let vouched = match candidate.evidence {
        Evidence::BuiltHere => Vouched::BuiltHere,
        Evidence::Publisher(shown) => Vouched::Publisher(shown.clone()),
        Evidence::Recorded(vouched) => vouched.clone(),
        Evidence::AboutToBeSigned => return Ok(Vouched::Nobody),
        Evidence::Released(proof) => {
            let archive = candidate.file.map(|(_, sha256)| sha256);
            return match trust::judge(trust, artifact, archive.as_ref(), proof) {
                Ok(key) => Ok(Vouched::Signed(key.key.clone())),
                Err(error) if trust.needs_signature => Err(error),
                Err(_) => Ok(Vouched::Nobody),
            };
        }
        Evidence::Unknown if artifact.origin == Origin::Original && !trust.needs_signature => {
            check_publisher(request, artifact, &Shown::Lock)?;
            Vouched::Nobody
        }
        Evidence::Unknown => Vouched::Nobody,
    };
    match &vouched {
        Vouched::Publisher(shown) => check_publisher(request, artifact, shown)?,
        Vouched::Signed(key) if trust.needs_signature => {
            trust::still_accepted(trust, key, artifact)?;
        }
        Vouched::Nobody if trust.needs_signature => {
            trust::judge(trust, artifact, None, None)?;
        }
        Vouched::BuiltHere | Vouched::Signed(_) | Vouched::Nobody => {}
    }
    Ok(vouched)
}

/// Rule 6 for what came from a publisher.
fn check_publisher(request: &Request<'_>, artifact: &Artifact, shown: &Shown) -> Result<()> {
    let trust = &request.run.project.trust;
    if trust.original == OriginalTrust::Lock {
        return Ok(());
    }
    let target = request.target;
    let original = request.subsystem.original(&target.platform)?;
    let original = original.map(|original| match (artifact.emulated, original.emulated) {
        (Some(_), Some(emulated)) => emulated.original,
        (_, emulated) => Original {
            emulated,
            ..original
        },
    });
    let key = original
        .and_then(|original| original.signature)
        .map(|signature| signature.key);
    if shown.reaches(trust.original, key.as_ref()) {
        return Ok(());
    }
    let by = if trust.by_user {
        "your configuration says `require: signature`"
    } else {
        "versions.yml says so in `trust.original`"
    };
    let recipe = recipe_path(request);
    let (needed, hint) = match trust.original {
        OriginalTrust::Signature => (
            "a signature by its publisher",
            format!(
                "name the publisher's key with `upstream.signature` in {recipe}, or release it on the hub with `--sign`"
            ),
        ),
        _ => (
            "a digest that its publisher or the recipe states",
            format!(
                "name the checksums file, or pin the digest, with `upstream.checksums` in {recipe}"
            ),
        ),
    };
    Err(
        Error::integrity(format!("the original of {target} needs {needed}"))
            .cause(format!(
                "{by}, and nothing of the kind was shown when it was downloaded"
            ))
            .hint(hint),
    )
}
