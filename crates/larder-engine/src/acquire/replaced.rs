//! Reads an asset together with its sidecar while both may be replaced.
//!
//! A reader gets the two one after the other. If a release is replaced in between, the asset is not
//! what the sidecar says, although neither is damaged. So the two are read again. They are damaged
//! if they are the same files both times and no replacement was under way between the two times: a
//! replacement that put either of them there was then complete, so they must fit. If they keep
//! changing, the hub counts as unavailable, and not as damaged.

use std::time::Duration;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};
use larder_remote::hub::HubReader;

/// How many times an asset is read.
const TRIES: u32 = 8;
/// The pause before the second try; it grows with each further one. Meanwhile a replacement that
/// the hub does not show as such comes to its end.
const PAUSE: Duration = Duration::from_millis(100);

/// What a try read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The tag of the asset's release.
    pub tag: Tag,
    /// The asset.
    pub asset: AssetName,
    /// The digest that its sidecar states.
    pub stated: Digest,
    /// What tells the asset's file from others of this name, if the hub says.
    pub version: Option<String>,
}

/// Reads an asset until it fits its sidecar. Each try says what it has seen as soon as it has read
/// the sidecar and opened the asset; a try that says nothing is not repeated.
pub fn read_steady<T>(
    hub: &dyn HubReader,
    cancel: &Cancel,
    mut read: impl FnMut(&mut Option<Seen>) -> Result<T>,
) -> Result<T> {
    let mut before: Option<(Seen, bool)> = None;
    let mut tries = 0;
    loop {
        let mut seen = None;
        let error = match read(&mut seen) {
            Err(error) if error.kind() == Kind::Integrity => error,
            read => return read,
        };
        let Some(seen) = seen else {
            return Err(error);
        };
        tries += 1;
        if before.is_some_and(|(before, was_quiet)| was_quiet && before == seen) {
            return Err(error);
        }
        let place = hub.place(&seen.tag, &seen.asset);
        if tries == TRIES {
            return Err(Error::unavailable(format!("{place} is being replaced"))
                .cause(error)
                .hint("run again; if nobody is releasing, a release was killed: repeat it with `larder release --replace`"));
        }
        let is_quiet = !hub.is_replacing(&seen.tag, &seen.asset);
        before = Some((seen, is_quiet));
        std::thread::sleep(PAUSE * tries);
        cancel.check()?;
    }
}

/// The same for an asset whose sidecar has been read before: it is read again before each further
/// try. A try gets the sidecar, and says which version of the asset's file it opened.
pub fn read_as_described<T>(
    hub: &dyn HubReader,
    cancel: &Cancel,
    (tag, asset, sidecar): (&Tag, &AssetName, &Sidecar),
    mut read: impl FnMut(&Sidecar, &mut Option<String>) -> Result<T>,
) -> Result<T> {
    let mut newer = None;
    let mut is_first = true;
    read_steady(hub, cancel, |seen| {
        if !std::mem::take(&mut is_first) {
            newer = hub.sidecar(tag, asset)?;
        }
        let sidecar = newer.as_ref().unwrap_or(sidecar);
        let mut version = None;
        let result = read(sidecar, &mut version);
        *seen = Some(Seen {
            tag: tag.clone(),
            asset: asset.clone(),
            stated: sidecar.sha256,
            version,
        });
        result
    })
}
