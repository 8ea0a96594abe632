//! `github:` and `url:` originals: direct downloads, no API call.

use percent_encoding::percent_decode_str;

use crate::env;
use crate::error::{Error, Result};
use crate::net::{Client, Method, Request, Url, parse_url, shown};
use crate::project::Checksum;

use super::{Fetched, Stated, checksums};

/// Checksums files are read whole; the largest known have some thousand lines.
const MAX_CHECKSUMS: u64 = 8 * 1024 * 1024;

/// Where an original lies.
pub(super) struct Place {
    /// What is asked.
    url: Url,
    /// Its name for the lock: without a mirror of ours.
    coordinate: String,
    file_name: String,
}

/// An asset of a GitHub release. Always github.com, unless the user (not the project) maps it.
pub(super) fn github(repo: &str, tag: &str, asset: &str) -> Result<Place> {
    let official = parse_url("https://github.com")?;
    let base = match env::value(env::UPSTREAM_GITHUB) {
        Some(text) => parse_url(&text)?,
        None => official.clone(),
    };
    Ok(Place {
        url: asset_url(base, repo, tag, asset)?,
        coordinate: asset_url(official, repo, tag, asset)?.to_string(),
        file_name: asset.to_owned(),
    })
}

fn asset_url(mut base: Url, repo: &str, tag: &str, asset: &str) -> Result<Url> {
    let Ok(mut path) = base.path_segments_mut() else { return Err(Error::usage("that is no base url")) };
    path.pop_if_empty().extend(repo.split('/')).extend(["releases", "download", tag, asset]);
    drop(path);
    Ok(base)
}

/// Any url.
pub(super) fn url(text: &str) -> Result<Place> {
    let url = parse_url(text)?;
    let last = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    let file_name = percent_decode_str(last).decode_utf8_lossy().into_owned();
    Ok(Place { coordinate: shown(&url), url, file_name })
}

/// Fetches what lies there. With a checksums file wanted, that is read first: bytes that nobody may vouch for are not asked.
/// `release`: repository and tag whose assets a checksums file may be.
pub(super) fn fetch(
    client: &Client,
    place: &Place,
    wanted: Option<&Checksum>,
    release: Option<(&str, &str)>,
) -> Result<Option<Fetched>> {
    let stated = match wanted {
        None | Some(Checksum::Pinned(_)) => Vec::new(),
        Some(Checksum::Url(text)) => match read_checksums(client, parse_url(text)?, text, place)? {
            Some(stated) => stated,
            None => return missing_checksums(client, place, text),
        },
        Some(Checksum::Asset(name)) => {
            let Some((repo, tag)) = release else {
                return Err(Error::usage(format!("`checksums: {name}` names an asset, but there is no release"))
                    .hint("give the checksums file's whole url"));
            };
            match read_checksums(client, github(repo, tag, name)?.url, name, place)? {
                Some(stated) => stated,
                None => return missing_checksums(client, place, name),
            }
        }
    };
    let Some(download) = client.get(Request::new(Method::GET, place.url.clone())?)? else { return Ok(None) };
    let Place { url: _, coordinate, file_name } = place;
    Ok(Some(Fetched {
        size: download.size(),
        reader: Box::new(download),
        file_name: file_name.clone(),
        stated,
        place: coordinate.clone(),
    }))
}

/// What a checksums file states; `None` where there is none.
fn read_checksums(client: &Client, url: Url, name: &str, place: &Place) -> Result<Option<Vec<Stated>>> {
    let by = format!("{} ({})", file_name(name), shown(&url));
    let request = Request::new(Method::GET, url)?;
    let Some(bytes) = client.get_small(request, MAX_CHECKSUMS).map_err(|e| e.context(format!("cannot read {by}")))? else {
        return Ok(None);
    };
    checksums::find(&bytes, &place.file_name, &by).map(Some)
}

/// The recipe's checksums file is not there: that is *absent* only if the asset is not there either.
fn missing_checksums(client: &Client, place: &Place, name: &str) -> Result<Option<Fetched>> {
    match client.get(Request::new(Method::GET, place.url.clone())?)? {
        None => Ok(None),
        Some(_) => Err(Error::failed(format!("{} is there, but its checksums file {name} is not", place.coordinate))
            .hint("check `checksums:` in the recipe, or pin the digest there: `checksums: {<platform>: <sha256>}`")),
    }
}

fn file_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_urls_without_surprises() {
        let place = github("o/r", "cli/v1.0+x", "tool v1.tar.gz").unwrap();
        assert_eq!(place.coordinate, "https://github.com/o/r/releases/download/cli%2Fv1.0+x/tool%20v1.tar.gz");
        let hostile = github("o/r", "..", "x").unwrap();
        assert!(!hostile.coordinate.contains("/o/r/releases/x"), "{}", hostile.coordinate);
        let place = url("https://dl.example/a/tool%2Bx.zip?token=s3cret").unwrap();
        assert_eq!((place.file_name.as_str(), place.coordinate.as_str()), ("tool+x.zip", "https://dl.example/a/tool%2Bx.zip?…"));
    }
}
