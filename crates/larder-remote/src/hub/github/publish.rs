//! Publishes to a cache release: for each upload the asset and then its sidecar, then the derived
//! files. If the release is a draft, it is made visible last.
//!
//! One round of a [`Session`] does all of that; [`Session`] explains why rounds are repeated.

use std::collections::BTreeMap;

use serde_json::json;

use super::list::Releases;
use super::session::{Session, Stop};
use super::sidecars::{Sidecars, attested_if_immutable, audit, derive};
use super::upload::{Found, find, outcome_if_immutable, sign, write_missing};
use super::{names, replace};
use crate::github::Release;
use crate::hub::{
    Attest, Attested, Notes, Progress, PublishOptions, Published, Receipt, Signing, Upload,
};
use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Digest, Tag};

/// GitHub accepts only assets below this size, in bytes.
const TOO_LARGE: u64 = 2 << 30;

/// What is to be published: the input of every round.
struct RoundInput<'a> {
    sidecars: &'a Sidecars,
    uploads: &'a [Upload<'a>],
    options: PublishOptions,
    attest: Option<&'a dyn Attest>,
    /// Whether the release is for one late upload only, so that its draft is published at once.
    single_upload: bool,
    /// Whether a write was refused because the release is immutable, even if the API does not mark
    /// it so.
    immutable: bool,
}

/// What a round leads to.
struct Done {
    /// Whether the release stays a draft.
    staged: bool,
    /// The url of its page.
    page: String,
    /// What became of the attached files.
    attested: Option<Attested>,
}

/// Publishes uploads under a tag.
pub(super) fn publish(
    releases: &Releases,
    sidecars: &Sidecars,
    tag: &Tag,
    uploads: &[Upload<'_>],
    options: PublishOptions,
    attest: Option<&dyn Attest>,
    callbacks: (Notes<'_>, Progress<'_>),
) -> Result<Receipt> {
    for upload in uploads {
        check_size(&upload.name, upload.sidecar.size)?;
    }
    let mut input = RoundInput {
        sidecars,
        uploads,
        options,
        attest,
        single_upload: false,
        immutable: false,
    };
    let mut results: Vec<(Option<Published>, Signing)> = vec![Default::default(); uploads.len()];
    let done = run(releases, tag, callbacks, &mut input, &mut results)?;
    let mut receipt = Receipt {
        assets: Vec::new(),
        signatures: Vec::new(),
        staged: done.staged,
        url: Some(done.page),
        attested: done.attested,
    };
    for (upload, (result, signing)) in uploads.iter().zip(results) {
        if let Some(result) = result {
            receipt.assets.push((tag.clone(), result));
            receipt.signatures.push(signing);
            continue;
        }
        // The release is immutable and does not contain this upload, which gets its own release.
        let late = tag.suffixed(&upload.sidecar.content.inputs);
        let mut input = RoundInput {
            sidecars,
            uploads: std::slice::from_ref(upload),
            options,
            attest,
            single_upload: true,
            immutable: false,
        };
        let mut result = vec![(None, Signing::NotAsked)];
        let done = run(releases, &late, callbacks, &mut input, &mut result)?;
        receipt.staged |= done.staged;
        receipt.attested = done.attested;
        match result.pop() {
            Some((Some(published), signing)) => {
                receipt.assets.push((late, published));
                receipt.signatures.push(signing);
            }
            _ => {
                return Err(Error::refused(format!(
                    "the release {late} is immutable and does not contain {}",
                    upload.name
                ))
                .hint("bump the version: an immutable release can't be repaired"));
            }
        }
    }
    Ok(receipt)
}

/// Refuses a file that GitHub would refuse after all its bytes are sent.
pub(super) fn check_size(name: &AssetName, size: u64) -> Result<()> {
    if size < TOO_LARGE {
        return Ok(());
    }
    Err(Error::failed(format!(
        "{name} is too large: GitHub accepts assets below 2 GiB"
    ))
    .hint("leave out files that can be downloaded from elsewhere, or use another hub"))
}

fn run(
    releases: &Releases,
    tag: &Tag,
    (notes, progress): (Notes<'_>, Progress<'_>),
    input: &mut RoundInput<'_>,
    results: &mut [(Option<Published>, Signing)],
) -> Result<Done> {
    let mut session = Session::new(releases, tag, progress);
    session.more_notes = Some(notes);
    loop {
        match session.run(|session| round(session, input, results)) {
            Ok(done) => return Ok(done),
            Err(Stop::Immutable(_)) if !input.immutable => input.immutable = true,
            Err(stop) => return Err(stop.into()),
        }
    }
}

/// Runs one round.
fn round(
    session: &mut Session<'_>,
    input: &RoundInput<'_>,
    results: &mut [(Option<Published>, Signing)],
) -> Result<Done, Stop> {
    let RoundInput {
        sidecars,
        uploads,
        options,
        attest,
        single_upload,
        immutable,
    } = *input;
    let mut release = session.current()?;
    let immutable = !release.draft && (release.immutable || immutable);
    for upload in uploads {
        if !immutable && replace::finish_replacement(session, &release, &upload.name)? {
            release = session.wait_until_visible(release.id, [upload.name.sidecar().as_str()])?;
        }
    }
    for (upload, (result, signing)) in uploads.iter().zip(results.iter_mut()) {
        let found = find(session, sidecars, &release, upload, options.replace)?;
        let keeps_sidecar = matches!(found, Found::Same | Found::OnlySidecar);
        let before = result.take();
        *result = if immutable {
            outcome_if_immutable(upload, options.replace, found, before)?
        } else {
            Some(write_missing(
                session,
                &release,
                upload,
                options.replace,
                found,
                before,
            )?)
        };
        if keeps_sidecar {
            let signed = sign(session, &release, upload, immutable)?;
            if *signing != Signing::Added {
                *signing = signed;
            }
        } else if upload.signer.is_some() && is_ours(result.as_ref()) {
            *signing = Signing::Added;
        }
    }
    if immutable {
        return Ok(Done {
            staged: false,
            attested: attested_if_immutable(session, sidecars, &release, attest)?,
            page: release.page,
        });
    }
    let ours: Vec<&Upload<'_>> = uploads
        .iter()
        .zip(results.iter())
        .filter(|(_, (result, _))| !matches!(result, Some(Published::NameTaken(_)) | None))
        .map(|(upload, _)| upload)
        .collect();
    let written = digests(&ours);
    if session.wrote {
        release = session.wait_until_visible(release.id, written.keys().map(String::as_str))?;
        for upload in &ours {
            let found = find(session, sidecars, &release, upload, options.replace)?;
            if !matches!(found, Found::Same | Found::OtherBytes(_)) {
                return Err(Stop::Retry(Error::unavailable(format!(
                    "{} changed while it was published",
                    upload.name
                ))));
            }
        }
    }
    let attested;
    (release, attested) = derive(session, sidecars, release, attest)?;
    let done = |staged, release: Release| Done {
        staged,
        page: release.page,
        attested,
    };
    replace::remove_leftovers(session, &release, |name| {
        names::is_derived(name) || names::is_signature(name) || written.contains_key(name)
    })?;
    if release.draft {
        let collects_uploads = session.is_immutable()? && !single_upload;
        if options.stage || collects_uploads {
            session.delete_redundant_drafts(&release, &written)?;
            return Ok(done(true, release));
        }
        audit(session, sidecars, &release)?;
        session.delete_redundant_drafts(&release, &written)?;
        release = session.make_visible(&release, &json!({"make_latest": "false"}))?;
    } else if session.wrote {
        session.delete_redundant_drafts(&release, &written)?;
    }
    Ok(done(false, release))
}

/// Whether this run wrote the upload.
fn is_ours(result: Option<&Published>) -> bool {
    matches!(result, Some(Published::Added | Published::Replaced))
}

/// The names and digests of uploads and their sidecars.
fn digests(uploads: &[&Upload<'_>]) -> BTreeMap<String, Digest> {
    let both = |upload: &Upload<'_>| {
        let stated = Digest::of(upload.sidecar_text().as_bytes());
        [
            (upload.name.to_string(), upload.sidecar.sha256),
            (upload.name.sidecar().to_string(), stated),
        ]
    };
    uploads.iter().flat_map(|upload| both(upload)).collect()
}
