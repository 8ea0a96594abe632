//! One file from a hub into a local folder, verified by digest, with progress; and what a copy of an
//! asset is published with: the signature and the attached files as they are, whoever made them.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::replaced::{Seen, read_steady};
use crate::events::{Event, Events, Phase};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::fs::{self, IoContext};
use larder_core::model::{AssetName, Digest, Hasher, Tag, Target};
use larder_remote::hub::attached::{Described as Attachable, PROVENANCE, SBOM, sbom_of};
use larder_remote::hub::{Attest, Described, HubReader, SidecarSigner};

/// How many bytes are moved at once.
const CHUNK: usize = 256 * 1024;

/// Where bytes come from, and who is told.
#[derive(Clone, Copy)]
pub(super) struct Transfer<'a> {
    pub(super) from: &'a dyn HubReader,
    pub(super) cancel: &'a Cancel,
    pub(super) events: &'a Events,
}

/// An asset that is on this machine now, as its sidecar states it.
pub(super) struct Fetched {
    pub(super) asset: AssetName,
    pub(super) file: Utf8PathBuf,
    pub(super) described: Described,
    pub(super) signature: Option<Vec<u8>>,
}

impl Transfer<'_> {
    /// Gets an asset into a file and checks it against its sidecar. Both are read again if the asset
    /// is being replaced meanwhile.
    pub(super) fn asset(
        self,
        target: &Target,
        tag: &Tag,
        asset: &AssetName,
        into: &Utf8Path,
    ) -> Result<Fetched> {
        let file = into.join(asset.as_str());
        read_steady(self.from, self.cancel, |seen| {
            let described = self.described(tag, asset)?;
            let sidecar = &described.sidecar;
            *seen = Some(Seen {
                tag: tag.clone(),
                asset: asset.clone(),
                stated: sidecar.sha256,
                version: None,
            });
            let signature = self.from.small_file(tag, &asset.signature())?;
            self.events.send(Event::Phase {
                target: target.clone(),
                phase: Phase::Downloading,
                total: Some(sidecar.size),
            });
            let (sha256, size) =
                self.file(tag, asset, &file, Some(sidecar.size), Some((target, seen)))?;
            check(
                &self.from.place(tag, asset),
                "its sidecar",
                sidecar,
                sha256,
                size,
            )?;
            Ok(Fetched {
                asset: asset.clone(),
                file: file.clone(),
                described,
                signature,
            })
        })
    }

    /// The sidecar of an asset that the hub lists.
    pub(super) fn described(self, tag: &Tag, asset: &AssetName) -> Result<Described> {
        self.from.described(tag, asset)?.ok_or_else(|| {
            Error::unavailable(format!(
                "{} was removed meanwhile",
                self.from.place(tag, &asset.sidecar())
            ))
            .hint("run again")
        })
    }

    /// Gets a file. Returns the digest and the number of its bytes.
    pub(super) fn file(
        self,
        tag: &Tag,
        name: &AssetName,
        into: &Utf8Path,
        size: Option<u64>,
        shown: Option<(&Target, &mut Option<Seen>)>,
    ) -> Result<(Digest, u64)> {
        let place = self.from.place(tag, name);
        let body = self
            .from
            .fetch(tag, name)?
            .ok_or_else(|| Error::integrity(format!("{place} is listed and is not there")))?;
        let mut target = None;
        if let Some((shown, seen)) = shown {
            target = Some(shown);
            if let Some(seen) = seen {
                seen.version.clone_from(&body.version);
            }
        }
        // One byte more shows that it is not the stated file, however much would follow.
        let most = size.map_or(u64::MAX, |size| size.saturating_add(1));
        let mut reader = body.reader.take(most);
        let mut out = fs::create(into)?;
        let (mut hasher, mut bytes) = (Hasher::new(), 0);
        let mut buffer = vec![0; CHUNK];
        loop {
            self.cancel.check()?;
            let n = reader.read(&mut buffer).map_err(|error| {
                larder_remote::http::read_error(&error, &format!("cannot read {place}"))
            })?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            out.write_all(&buffer[..n]).at("write", into)?;
            bytes += n as u64;
            if let Some(target) = target {
                self.events.send(Event::Progress {
                    target: target.clone(),
                    bytes,
                });
            }
        }
        Ok((hasher.finish(), bytes))
    }
}

/// Refuses bytes that are not what is stated.
fn check(place: &str, by: &str, stated: &Sidecar, sha256: Digest, size: u64) -> Result<()> {
    if stated.sha256 == sha256 && stated.size == size {
        return Ok(());
    }
    Err(
        Error::integrity(format!("{place} is not what {by} states: it is not copied"))
            .cause(format!(
                "it has sha256 {sha256} and {size} bytes, {by} says {} and {}",
                stated.sha256, stated.size
            ))
            .hint("someone with write access to that hub can repair it with `larder release NAME --replace`"),
    )
}

/// A signature that was made by someone else: it goes with the text that it is of, and no other.
#[derive(Debug)]
pub(super) struct CopiedSignature<'a> {
    pub(super) sidecar: &'a str,
    pub(super) signature: &'a str,
}

impl SidecarSigner for CopiedSignature<'_> {
    fn sign(&self, tag: &Tag, asset: &AssetName, sidecar: &str, _ours: &Sidecar) -> Result<String> {
        if sidecar == self.sidecar {
            return Ok(self.signature.to_owned());
        }
        Err(Error::unavailable(format!(
            "the sidecar of {tag}/{asset} was changed while it was copied"
        ))
        .hint("run again"))
    }

    fn is_good(&self, _: &Tag, _: &AssetName, sidecar: &str, signature: &[u8]) -> bool {
        sidecar == self.sidecar && signature == self.signature.as_bytes()
    }
}

/// The attached files of a release as the other hub has them.
pub(super) struct CopiedAttest {
    pub(super) of_assets: BTreeMap<AssetName, Vec<u8>>,
    pub(super) sbom: Vec<u8>,
    pub(super) provenance: Vec<u8>,
}

impl CopiedAttest {
    /// The names and bytes of all of them.
    pub(super) fn files(&self) -> impl Iterator<Item = (String, &Vec<u8>)> {
        let own = self.of_assets.iter();
        own.map(|(asset, bytes)| (sbom_of(asset), bytes)).chain([
            (SBOM.to_owned(), &self.sbom),
            (PROVENANCE.to_owned(), &self.provenance),
        ])
    }
}

impl Attest for CopiedAttest {
    fn of_asset(&self, asset: &AssetName, _: &Sidecar) -> Result<Option<Vec<u8>>> {
        Ok(self.of_assets.get(asset).cloned())
    }

    fn of_release(&self, _: &[Attachable<'_>]) -> Result<(Vec<u8>, Vec<u8>)> {
        Ok((self.sbom.clone(), self.provenance.clone()))
    }
}
