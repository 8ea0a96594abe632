//! The trait for publishing to a hub, and its types.

use std::fmt::Debug;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

use super::attached::{Attest, Attested};
use super::attachment::Attachment;
use super::leftover::Leftover;

/// One asset to publish: a package in `.dist` and its sidecar.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// The asset's name in the release, which may be suffixed.
    pub name: AssetName,
    /// The package's file.
    pub file: &'a Utf8Path,
    /// The sidecar that describes the package.
    pub sidecar: Sidecar,
    /// The sidecar's text, where it is a copy of another hub's: it is kept byte for byte, because a
    /// signature is of it. `None` if the text is what this larder writes.
    pub text: Option<&'a str>,
    /// What signs the sidecar; `None` if nothing is signed.
    pub signer: Option<&'a dyn SidecarSigner>,
}

impl Upload<'_> {
    /// The text of the sidecar to write.
    pub fn sidecar_text(&self) -> String {
        self.text
            .map_or_else(|| self.sidecar.to_json(), str::to_owned)
    }
}

/// Signs sidecars. A hub may have a sidecar of the same artifact with other observations in it,
/// such as the time of the build; that one is kept, so it is the one that is signed.
pub trait SidecarSigner: Debug + Sync {
    /// The signature of a sidecar of `ours`, as the text of a file. It is an error if the sidecar
    /// says anything else than `ours` about the archive and what is in it.
    fn sign(&self, tag: &Tag, asset: &AssetName, sidecar: &str, ours: &Sidecar) -> Result<String>;

    /// Whether a signature is one that this signer would make.
    fn is_good(&self, tag: &Tag, asset: &AssetName, sidecar: &str, signature: &[u8]) -> bool;
}

/// What became of the signature of one upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// Nothing was to be signed.
    #[default]
    NotAsked,
    /// A good signature was there.
    Present,
    /// The signature was added, or replaced one that was not good.
    Added,
    /// The release is immutable and has no good signature.
    Immutable,
}

/// A file without a sidecar: of a project release (bundles, packages, `checksums.txt`), or one that
/// joins a release of a subsystem.
#[derive(Clone, Debug)]
pub struct PlainFile<'a> {
    /// Its name in the release.
    pub name: AssetName,
    /// The file.
    pub file: &'a Utf8Path,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// A file of this machine that is about to be published as a [`PlainFile`].
#[derive(Clone, Debug)]
pub struct LocalFile {
    /// Its name in the release.
    pub name: AssetName,
    /// Where it is.
    pub path: Utf8PathBuf,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl LocalFile {
    /// The file as a hub takes it.
    pub fn plain(&self) -> PlainFile<'_> {
        PlainFile {
            name: self.name.clone(),
            file: &self.path,
            sha256: self.sha256,
            size: self.size,
        }
    }
}

/// Called with the number of bytes sent since the last call; may be called from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Gives what the page of a new release says about it, as Markdown. It is called only if a release
/// is created on a hub that has pages; what an existing page says is left alone.
pub type Notes<'a> = &'a (dyn Fn() -> Option<String> + Sync);

/// The heading in the notes of a project release after which its changes are listed. A later run may
/// find other changes, so what an existing release says after it is left alone.
pub const CHANGES: &str = "\n## Changes\n";

/// Whether notes say the same, apart from the changes.
pub(super) fn same_notes(one: &str, other: &str) -> bool {
    let before = |text: &str| {
        text.split(CHANGES)
            .next()
            .map(str::trim_end)
            .map(str::to_owned)
    };
    before(one) == before(other)
}

/// How to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Replace assets of the same name (`--replace`). The old bytes are kept until the new ones are
    /// stored.
    pub replace: bool,
    /// Leave the release as a draft, which `finalize` publishes later (`--stage`).
    pub stage: bool,
    /// A release of plain files never becomes the "latest" one.
    pub never_latest: bool,
}

/// The outcome of one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The asset was added, or it was there without its sidecar, which was added.
    Added,
    /// The asset replaced another one (`--replace`).
    Replaced,
    /// The release already contained the complete artifact; nothing was written.
    Present,
    /// Another artifact of the same inputs was published first and is kept. The caller should adopt
    /// it, with a warning.
    AlreadyPublished(Box<Sidecar>),
    /// The name is used by an artifact of other inputs, or by bytes without a sidecar; nothing was
    /// written. The caller should publish under the suffixed name.
    NameTaken(Option<Box<Sidecar>>),
}

/// The result of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// For each upload, in the given order: the tag under which it was published (suffixed if the
    /// plain release is immutable) and its outcome.
    pub assets: Vec<(Tag, Published)>,
    /// Whether the uploads are in a draft that `finalize` has to publish (immutable releases,
    /// `--stage`).
    pub staged: bool,
    /// For each upload, what became of its signature.
    pub signatures: Vec<Signing>,
    /// The url of the release's page.
    pub url: Option<String>,
    /// What became of the attached files, if they were asked for.
    pub attested: Option<Attested>,
}

impl Receipt {
    /// The receipt of a hub that has no drafts and no pages.
    pub(super) fn plain(tag: &Tag, published: Vec<Published>) -> Self {
        Self {
            signatures: vec![Signing::NotAsked; published.len()],
            assets: published
                .into_iter()
                .map(|outcome| (tag.clone(), outcome))
                .collect(),
            staged: false,
            url: None,
            attested: None,
        }
    }
}

/// Why nothing can be published to a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnly {
    /// The hub's description, for messages.
    pub hub: String,
    /// The reason, for messages.
    pub why: String,
}

impl From<ReadOnly> for Error {
    fn from(ReadOnly { hub, why }: ReadOnly) -> Self {
        Self::refused(format!("cannot write to {hub}")).cause(why)
    }
}

/// A store of releases that can be written.
///
/// All methods may be called from several threads and several processes at once, also for the same
/// tag: no writer loses what another one added. If a call is killed at any moment, no incomplete
/// asset becomes visible, and the next call continues from the existing state.
///
/// The [`Kind`](larder_core::Kind) of an error gives its meaning. `Unavailable`: the hub gave no
/// answer, and a later call may succeed. `Refused`: the hub does not permit the operation.
/// `Integrity`: the hub's content contradicts itself, or the file to publish differs from what its
/// sidecar states. `Failed`: any other reason.
pub trait HubPublisher: Send + Sync {
    /// Checks without any request whether publishing can work at all: there is a token, or the path
    /// is a folder.
    fn ready(&self) -> Result<(), ReadOnly>;

    /// Adds assets with their sidecars to a release, which is created if it does not exist. Each
    /// asset is written before its sidecar. Then rewrites the derived `manifest.json` and
    /// `checksums.txt` until they agree with the sidecars, and the attached files if `attest` is
    /// given; a draft becomes visible after that. What is already complete is not written again.
    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        notes: Notes<'_>,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Publishes a project release: either all these files and the notes become visible, or nothing
    /// does. A file that is there with the same bytes is not written again; one with other bytes is
    /// an error unless `options.replace` is set. Creates no sidecars and no derived files. The
    /// outcomes `NameTaken` and `AlreadyPublished` do not occur.
    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Adds files without sidecars to a release: to the one that [`publish`](Self::publish) writes
    /// for this tag, be it a draft or published. It is an error if there is none. A file that is
    /// there with the same bytes is not written again; one with other bytes is `Integrity`, before
    /// anything is written. Nothing is replaced. What an immutable release lacks is
    /// [`Attachment::Immutable`]. Returns what became of each file, in the given order.
    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>>;

    /// Says that what is published from now on is on another hub, too, which has this
    /// [`id`](super::HubReader::id). A hub in the same store can take the bytes from there.
    fn copies_from(&self, _id: &str) {}

    /// Publishes the draft of a tag. Does nothing on a hub without drafts.
    fn finalize(&self, _tag: &Tag) -> Result<()> {
        Ok(())
    }

    /// Deletes the drafts of a tag with their assets. Does nothing on a hub without drafts.
    fn abort(&self, _tag: &Tag) -> Result<()> {
        Ok(())
    }

    /// Removes an asset with its sidecar, its signature and what else belongs to it, the sidecar
    /// first, so that readers never see a half. A file without a sidecar is removed alone. Rewrites
    /// the derived files; a release that holds nothing any more goes away. False if there was no
    /// such file. `Refused` where the store deletes nothing, and in immutable releases and drafts.
    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool>;

    /// What was begun and never published: staged files, claims, drafts, open uploads, and assets
    /// without a sidecar. Files of project releases and attachments are none.
    fn leftovers(&self) -> Result<Vec<Leftover>>;

    /// Removes a leftover that [`leftovers`](Self::leftovers) has listed, unless it is one no longer:
    /// a writer still works on it, or has published it since. It is no error if it is gone.
    fn remove_leftover(&self, leftover: &Leftover) -> Result<()>;
}
