//! Finds the files that belong to a URL: the same file for other platforms, and files with digests. Each is requested under
//! the names that publishers usually use.

use super::{AddRequest, Release};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Version;
use larder_remote::http::{Client, Request};
use larder_remote::origin::About;

use super::guess;

/// Names of files with digests for a whole folder.
const SUMS: [&str; 4] = [
    "SHA256SUMS",
    "checksums.txt",
    "sha256sum.txt",
    "sha256sums.txt",
];
/// Endings of files with the digest of one file.
const EACH: [&str; 3] = [".sha256", ".sha256sum", ".sha512"];

/// All files that exist.
pub(super) fn release(
    client: &Client,
    url: &str,
    request: &AddRequest,
    cancel: &Cancel,
) -> Result<Release> {
    let found = request
        .version
        .as_deref()
        .or_else(|| guess::version_in_url(url));
    let version: Version = found
        .ok_or_else(|| {
            Error::usage(format!("{url} contains no version number"))
                .hint("write the version after the URL")
        })?
        .parse()?;
    if !exists(client, url, true)? {
        return Err(Error::failed(format!("{url} does not exist")));
    }
    let mut assets = vec![url.to_owned()];
    for platform in &request.platforms {
        for sibling in guess::siblings(url, &version, *platform) {
            cancel.check()?;
            if assets.contains(&sibling) {
                break;
            }
            if exists(client, &sibling, false)? {
                assets.push(sibling);
                break;
            }
        }
    }
    let folder = url.rsplit_once('/').map_or(url, |(folder, _)| folder);
    let one = SUMS.iter().map(|name| format!("{folder}/{name}"));
    let each = EACH.iter().map(|ending| format!("{url}{ending}"));
    let mut stated = Vec::new();
    for sums in one.chain(each) {
        cancel.check()?;
        if exists(client, &sums, false)? {
            stated.push(sums);
        }
    }
    // If this asset has a checksums file of its own, the others may have one; `digests` reads which do.
    let per_asset: Vec<&str> = EACH
        .iter()
        .copied()
        .filter(|ending| stated.contains(&format!("{url}{ending}")))
        .collect();
    let more: Vec<String> = assets
        .iter()
        .flat_map(|asset| {
            per_asset
                .iter()
                .map(move |ending| format!("{asset}{ending}"))
        })
        .collect();
    assets.extend(stated);
    assets.extend(more);
    assets.sort();
    assets.dedup();
    Ok(Release {
        version,
        tag: None,
        assets,
        about: About::default(),
    })
}

/// Whether a file exists. If it is not `required`, the name is only a guess, and an error counts as "does not exist": some
/// servers answer "forbidden" for files that they don't have.
fn exists(client: &Client, url: &str, required: bool) -> Result<bool> {
    match client.get(Request::get(url)?) {
        Ok(found) => Ok(found.is_some()),
        Err(error) if required || matches!(error.kind(), Kind::Interrupted(_) | Kind::Usage) => {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}
