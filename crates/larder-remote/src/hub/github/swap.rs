//! Replacing an asset without a moment in which neither the old nor the new is there. GitHub has no replace: an asset is
//! deleted, then uploaded. So the new bytes come first, under a temporary name, and are checked there.
//!
//! For an asset with its sidecar:
//!
//! | step | in the release | after a crash here |
//! |---|---|---|
//! | | old, old sidecar | |
//! | 1 | + new under a temporary name | the old stands; the next run removes or goes on |
//! | 2 | + its sidecar under a temporary name | the same |
//! | 3 | − old sidecar: readers see nothing | from here [`recover`] finishes, whoever runs next |
//! | 4 | − old | |
//! | 5 | new gets its name | |
//! | 6 | its sidecar gets its name | done |

use super::api::RawRelease;
use super::session::{Item, Session, Stop};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest};

const END: &str = ".new";

/// The temporary name of what is to be called `name`: by its content, so that it is known again.
pub(super) fn temporary(name: &str, content: &Digest) -> String {
    format!("{name}.{}{END}", content.short())
}

/// Whether a name is a temporary one.
pub(super) fn is_temporary(name: &str) -> bool {
    target(name).is_some()
}

/// What an asset of a temporary name is to be called.
fn target(name: &str) -> Option<&str> {
    let (name, short) = name.strip_suffix(END)?.rsplit_once('.')?;
    (short.len() == 12 && short.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

/// Replaces one asset that has no sidecar.
pub(super) fn replace_one(
    session: &mut Session<'_>,
    release: &RawRelease,
    item: Item<'_>,
) -> Result<(), Stop> {
    let name = temporary(item.name, &item.sha256);
    let new = stage(session, release, item.named(&name))?;
    if let Some(old) = release.asset(item.name) {
        session.delete_own(old.id)?;
    }
    session.rename(new, item.name)
}

/// Replaces an asset and its sidecar, or puts them where one of the two is missing.
pub(super) fn replace_pair(
    session: &mut Session<'_>,
    release: &RawRelease,
    asset: Item<'_>,
    sidecar: Item<'_>,
) -> Result<(), Stop> {
    let (asset_name, sidecar_name) = (
        temporary(asset.name, &asset.sha256),
        temporary(sidecar.name, &sidecar.sha256),
    );
    let new_asset = stage(session, release, asset.named(&asset_name))?;
    let new_sidecar = stage(session, release, sidecar.named(&sidecar_name))?;
    for old in [sidecar.name, asset.name] {
        if let Some(old) = release.asset(old) {
            session.delete_own(old.id)?;
        }
    }
    session.rename(new_asset, asset.name)?;
    session.rename(new_sidecar, sidecar.name)
}

fn stage(session: &mut Session<'_>, release: &RawRelease, item: Item<'_>) -> Result<u64, Stop> {
    if let Some(there) = release.whole(item.name)
        && session.same(there, item.size, &item.sha256)?
    {
        return Ok(there.id);
    }
    session.put(release, item).map(|made| made.id)
}

/// Finishes a replacement of this asset that a crash cut short after step 3. Whether there was one.
pub(super) fn recover(
    session: &mut Session<'_>,
    release: &RawRelease,
    name: &AssetName,
) -> Result<bool, Stop> {
    let sidecar_name = name.sidecar();
    if release.asset(sidecar_name.as_str()).is_some() {
        return Ok(false);
    }
    let staged = release
        .assets
        .iter()
        .filter(|a| a.is_whole() && target(&a.name) == Some(sidecar_name.as_str()));
    for new_sidecar in staged {
        let Some(bytes) = session.api.small_asset(new_sidecar.id)? else {
            continue;
        };
        let Ok(sidecar) = Sidecar::parse(&bytes, &new_sidecar.name) else {
            continue;
        };
        let present = release.asset(name.as_str());
        let in_place = match present {
            Some(asset) => session.same(asset, sidecar.size, &sidecar.sha256)?,
            None => false,
        };
        if !in_place {
            let Some(new) = release.whole(&temporary(name.as_str(), &sidecar.sha256)) else {
                continue;
            };
            if !session.same(new, sidecar.size, &sidecar.sha256)? {
                continue;
            }
            if let Some(old) = present {
                session.delete_own(old.id)?;
            }
            session.rename(new.id, name.as_str())?;
        }
        session.rename(new_sidecar.id, sidecar_name.as_str())?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes what replacements of these names left behind. To be called once all of them are right.
pub(super) fn sweep<'n>(
    session: &mut Session<'_>,
    release: &RawRelease,
    names: impl Fn(&str) -> bool + 'n,
) -> Result<(), Stop> {
    for asset in &release.assets {
        if target(&asset.name).is_some_and(&names) {
            session.delete(asset.id)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_names_and_known_again() {
        let digest = Digest::of(b"x");
        let name = temporary("arc-linux-amd64.tar.gz", &digest);
        assert!(name.parse::<AssetName>().is_ok());
        assert_eq!(target(&name), Some("arc-linux-amd64.tar.gz"));
        for other in [
            "arc.tar.gz",
            "x.new",
            "x.0123456789.new",
            "x.0123456789ag.new",
            "x.0123456789ab.neu",
        ] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
