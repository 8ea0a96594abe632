//! What lies beside a url: the same file for other platforms, and files that state digests. Asked for one by one, under the
//! names that publishers use.

use super::{Announced, Wish};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Version;
use larder_remote::http::{Client, Request};
use larder_remote::origin::About;

use super::guess;

/// Files with digests, in the same folder or named after the file.
const SUMS: [&str; 4] = [
    "SHA256SUMS",
    "checksums.txt",
    "sha256sum.txt",
    "sha256sums.txt",
];
const EACH: [&str; 3] = [".sha256", ".sha256sum", ".sha512"];

/// Everything that is found.
pub(super) fn announced(
    client: &Client,
    url: &str,
    wish: &Wish,
    cancel: &Cancel,
) -> Result<Announced> {
    let found = wish
        .version
        .as_deref()
        .or_else(|| guess::version_in_url(url));
    let version: Version = found
        .ok_or_else(|| {
            Error::usage(format!("no version is to be seen in {url}")).hint("name it after the url")
        })?
        .parse()?;
    if !exists(client, url, true)? {
        return Err(Error::failed(format!("{url} does not exist")));
    }
    let mut assets = vec![url.to_owned()];
    for platform in &wish.platforms {
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
    // What is there beside one file is there beside all, or `lock` will say so.
    let beside: Vec<&str> = EACH
        .iter()
        .copied()
        .filter(|ending| stated.contains(&format!("{url}{ending}")))
        .collect();
    let more: Vec<String> = assets
        .iter()
        .flat_map(|asset| beside.iter().map(move |ending| format!("{asset}{ending}")))
        .collect();
    assets.extend(stated);
    assets.extend(more);
    assets.sort();
    assets.dedup();
    Ok(Announced {
        version,
        tag: None,
        assets,
        about: About::default(),
    })
}

/// Whether there is a file. Of names that were only thought of, whatever is no file is none: some stores forbid what they
/// do not have.
fn exists(client: &Client, url: &str, surely: bool) -> Result<bool> {
    match client.get(Request::get(url)?) {
        Ok(found) => Ok(found.is_some()),
        Err(error) if surely || matches!(error.kind(), Kind::Interrupted(_) | Kind::Usage) => {
            Err(error)
        }
        Err(_) => Ok(false),
    }
}
