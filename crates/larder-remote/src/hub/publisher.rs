//! Publishing to a hub.

use camino::Utf8Path;

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

/// One asset to publish: a package in `.dist` and its sidecar.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// Its name in the release, which may be suffixed.
    pub name: AssetName,
    /// The package's file.
    pub file: &'a Utf8Path,
    /// What is stated of it.
    pub sidecar: Sidecar,
}

/// A file of a project release: bundles, packages, `checksums.txt`. It has no sidecar.
#[derive(Clone, Debug)]
pub struct PlainFile<'a> {
    /// Its name in the release.
    pub name: AssetName,
    /// The file.
    pub file: &'a Utf8Path,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// How many bytes it has.
    pub size: u64,
}

/// Called with the number of bytes sent since the last call; may be called from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// How to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishOptions {
    /// Replace assets of the same name (`--replace`). The old one is not lost before the new one is
    /// there.
    pub replace: bool,
    /// Leave the release a draft; `finalize` publishes it (`--stage`).
    pub stage: bool,
}

/// The outcome of one upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is there now and was not before, or its sidecar was missing.
    Added,
    /// It took the place of another asset (`--replace`).
    Replaced,
    /// The same artifact was there already, whole; nothing was written.
    Present,
    /// Another artifact of the same inputs was published first and stays: adopt it, with a warning.
    Stands(Box<Sidecar>),
    /// The name belongs to an artifact of other inputs, or to bytes without a sidecar: nothing was
    /// written. Publish under the suffixed name.
    Taken(Option<Box<Sidecar>>),
}

/// What `publish` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// For each upload, in the order given: the tag it went to, which is suffixed where the release
    /// is immutable, and its outcome.
    pub assets: Vec<(Tag, Published)>,
    /// It is in a draft that waits for `finalize` (immutable releases, `--stage`).
    pub staged: bool,
    /// The release's page, for people.
    pub url: Option<String>,
}

impl Receipt {
    /// The receipt of a hub without drafts and pages.
    pub(super) fn plain(tag: &Tag, published: Vec<Published>) -> Self {
        Self {
            assets: published
                .into_iter()
                .map(|outcome| (tag.clone(), outcome))
                .collect(),
            staged: false,
            url: None,
        }
    }
}

/// Why nothing can be published to a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnly {
    /// The hub, for people.
    pub hub: String,
    /// The reason, for people.
    pub why: String,
}

impl From<ReadOnly> for Error {
    fn from(ReadOnly { hub, why }: ReadOnly) -> Self {
        Self::refused(format!("cannot write to {hub}")).cause(why)
    }
}

/// A store of releases, to be written.
///
/// All methods may be called from several threads and several processes at once, also for the same
/// tag: no writer loses what another one added. A call that was killed at any instant leaves no
/// asset visible that is not whole, and the next call goes on from what is there.
///
/// An error says by its [`Kind`](larder_core::Kind) what it means: `Unavailable`, the hub gave no
/// answer, and a later call may succeed; `Refused`, the hub does not let us; `Integrity`, what is
/// there contradicts itself, or the file to publish is not what its sidecar states; `Failed`,
/// something else is in the way.
pub trait HubPublisher: Send + Sync {
    /// Whether publishing can work at all, as far as that can be told without asking anyone: there
    /// is a token, the folder is a folder.
    fn ready(&self) -> Result<(), ReadOnly>;

    /// Adds assets with their sidecars to a release (made if absent), asset before sidecar, then
    /// rewrites the derived `manifest.json` and `checksums.txt` until they agree with the sidecars.
    /// What is already there whole is left alone.
    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Publishes a project release: all these files and the notes, or nothing visible at all. A
    /// file that is there with the same bytes is left alone; one with other bytes is an error
    /// unless `options.replace`. Sidecars and derived files are not made here. `Taken` and `Stands`
    /// don't occur.
    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt>;

    /// Publishes the draft of a tag. A hub without drafts has nothing to do.
    fn finalize(&self, tag: &Tag) -> Result<()>;

    /// Deletes the drafts of a tag with their assets. A hub without drafts has nothing to do.
    fn abort(&self, tag: &Tag) -> Result<()>;
}
