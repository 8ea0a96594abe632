//! `github:` and `url:` originals: direct downloads without API calls. The API is used only if
//! GitHub's public url returns 404 and there is a token, because the repository may be private.

use percent_encoding::percent_decode_str;

use crate::github::{Api, Login, Visibility};
use crate::http::{Download, Method, Request, Site, Url, parse_url, read_small, shown};
use larder_core::error::{Error, Result};
use larder_core::project::{Checksum, Signed, UpstreamSignature};

use super::checks::{SignedBy, Stated};
use super::checksums::{self, Asset};
use super::fetched::{Fetched, Publishers, Purpose};

pub(super) const GITHUB: &str = "https://github.com";
/// The size limit for a checksums file, which is read into memory. The largest known ones have a
/// few thousand lines.
const MAX_CHECKSUMS: u64 = 8 * 1024 * 1024;

/// The location of an original.
pub(super) struct Place {
    /// The url to request.
    url: Url,
    /// The name for the lock: the publisher's url, without the user's mirror.
    pub(super) coordinate: String,
    file_name: String,
}

impl Place {
    /// The folders of the url, outermost first. They tell files of one name apart.
    fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = self
            .url
            .path_segments()
            .into_iter()
            .flatten()
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        folders.pop();
        folders
    }
}

/// An asset of a GitHub release. It is on github.com, unless the user's configuration (not the
/// project's) sets a mirror.
pub(super) fn github(
    publishers: Publishers<'_>,
    repo: &str,
    tag: &str,
    asset: &str,
) -> Result<Place> {
    Ok(Place {
        url: asset_url(github_base(publishers)?, repo, tag, asset)?,
        coordinate: asset_url(parse_url(GITHUB)?, repo, tag, asset)?.to_string(),
        file_name: asset.to_owned(),
    })
}

/// The url of a GitHub repository for git.
pub(super) fn repository(publishers: Publishers<'_>, repo: &str) -> Result<String> {
    Ok(format!(
        "{}/{repo}",
        github_base(publishers)?.as_str().trim_end_matches('/')
    ))
}

/// The url of github.com, or of the mirror that the user set.
pub(super) fn github_base(publishers: Publishers<'_>) -> Result<Url> {
    match &publishers.settings.github_mirror {
        Some(mirror) => Ok(mirror.clone()),
        None => parse_url(GITHUB),
    }
}

fn asset_url(mut base: Url, repo: &str, tag: &str, asset: &str) -> Result<Url> {
    let Ok(mut path) = base.path_segments_mut() else {
        return Err(Error::usage("the url can't be used as a base url"));
    };
    path.pop_if_empty()
        .extend(repo.split('/'))
        .extend(["releases", "download", tag, asset]);
    drop(path);
    Ok(base)
}

/// An original at any url.
pub(super) fn url(text: &str) -> Result<Place> {
    let url = parse_url(text)?;
    let last = url
        .path_segments()
        .and_then(|mut segments| segments.next_back())
        .unwrap_or_default();
    let file_name = percent_decode_str(last).decode_utf8_lossy().into_owned();
    Ok(Place {
        coordinate: shown(&url),
        url,
        file_name,
    })
}

/// What the publisher states about an original, as far as it is wanted.
#[derive(Clone, Copy)]
pub(super) struct Statements<'a> {
    /// The checksums file.
    pub(super) checksum: Option<&'a Checksum>,
    /// The signature.
    pub(super) signature: Option<&'a UpstreamSignature>,
}

/// Fetches an original. If a checksums file or a signature is wanted, it is read first; if it is
/// missing, the original is not used. `release` is the repository and tag that may contain these
/// files as assets.
pub(super) fn fetch(
    publishers: Publishers<'_>,
    place: &Place,
    wanted: Statements<'_>,
    release: Option<(&str, &str)>,
    purpose: Purpose,
) -> Result<Option<Fetched>> {
    let Statements {
        checksum,
        signature,
    } = wanted;
    let signature = match signature {
        None => None,
        Some(wanted) => match read_signature(publishers, wanted, release)? {
            Some(found) => Some((wanted.of, found)),
            None => return missing_signature(publishers, place, release, &wanted.file),
        },
    };
    let of = |signed: Signed| {
        let found = signature.as_ref().filter(|(of, _)| *of == signed);
        found.map(|(_, by)| by)
    };
    let stated = match checksum {
        None | Some(Checksum::Pinned(_)) => Vec::new(),
        Some(file) => {
            let (url, name) = address(publishers, file, "checksums", release)?;
            let signed = of(Signed::Checksums);
            match read_checksums(publishers, url, name, place, release, signed)? {
                Some(stated) => stated,
                None => return missing_checksums(publishers, place, release, name),
            }
        }
    };
    let signature = of(Signed::Asset).cloned();
    let Place {
        url: _,
        coordinate,
        file_name,
    } = place;
    let pinned = match purpose {
        Purpose::Probe => false,
        Purpose::Read { pinned } => pinned || !stated.is_empty() || signature.is_some(),
    };
    let found = open(publishers, place, release, pinned)?;
    Ok(found.map(|download| Fetched {
        size: download.size(),
        reader: Box::new(download),
        file_name: file_name.clone(),
        stated,
        signature,
        place: coordinate.clone(),
    }))
}

fn open(
    publishers: Publishers<'_>,
    place: &Place,
    release: Option<(&str, &str)>,
    pinned: bool,
) -> Result<Option<Download>> {
    let request = Request::new(Method::GET, place.url.clone())?;
    let request = if pinned { request.pinned() } else { request };
    match publishers.client.get(request)? {
        Some(download) => Ok(Some(download)),
        None => private(publishers, release, &place.file_name),
    }
}

/// The digests that a checksums file states; `None` if there is no such file.
fn read_checksums(
    publishers: Publishers<'_>,
    url: Url,
    name: &str,
    place: &Place,
    release: Option<(&str, &str)>,
    signed: Option<&SignedBy>,
) -> Result<Option<Vec<Stated>>> {
    let by = format!("{} ({})", file_name(name), shown(&url));
    let Some(bytes) = small(publishers, url, name, release, &by)? else {
        return Ok(None);
    };
    if let Some(signed) = signed {
        signed.verify(&bytes, &by)?;
    }
    let asset = Asset {
        name: &place.file_name,
        folders: &place.folders(),
    };
    checksums::find(&bytes, asset, file_name(name), &by).map(Some)
}

/// The url of a file that a recipe names, and its name.
fn address<'a>(
    publishers: Publishers<'_>,
    file: &'a Checksum,
    key: &str,
    release: Option<(&str, &str)>,
) -> Result<(Url, &'a str)> {
    match (file, release) {
        (Checksum::Url(text), _) => Ok((parse_url(text)?, text)),
        (Checksum::Asset(name), Some((repo, tag))) => {
            Ok((github(publishers, repo, tag, name)?.url, name))
        }
        (Checksum::Asset(name), None) => Err(Error::usage(format!(
            "`{key}: {name}` names an asset, but there is no release"
        ))
        .hint("give the file's whole url")),
        (Checksum::Pinned(_), _) => Err(Error::usage(format!("`{key}` names no file"))),
    }
}

/// A small file of a publisher; `None` if there is none.
fn small(
    publishers: Publishers<'_>,
    url: Url,
    name: &str,
    release: Option<(&str, &str)>,
    by: &str,
) -> Result<Option<Vec<u8>>> {
    let found = publishers
        .client
        .get_small(Request::new(Method::GET, url)?, MAX_CHECKSUMS)
        .map_err(|e| e.context(format!("cannot read {by}")))?;
    match found {
        Some(bytes) => Ok(Some(bytes)),
        None => match private(publishers, release, name)? {
            Some(download) => read_small(download, MAX_CHECKSUMS, by).map(Some),
            None => Ok(None),
        },
    }
}

/// The publisher's signature; `None` if there is none.
fn read_signature(
    publishers: Publishers<'_>,
    wanted: &UpstreamSignature,
    release: Option<(&str, &str)>,
) -> Result<Option<SignedBy>> {
    let (url, name) = address(publishers, &wanted.file, "signature", release)?;
    let by = format!("{} ({})", file_name(name), shown(&url));
    let Some(bytes) = small(publishers, url, name, release, &by)? else {
        return Ok(None);
    };
    let wrong = |why: String| {
        Error::integrity(format!("{by} can't be used"))
            .cause(why)
            .hint("check `upstream.signature` in the recipe")
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not a text".to_owned()))?;
    let signature = text
        .parse()
        .map_err(|invalid: larder_core::model::Invalid| wrong(invalid.message))?;
    Ok(Some(SignedBy {
        key: wanted.key.clone(),
        signature,
        by,
    }))
}

/// The result if the signature that the recipe names does not exist: *absent* only if the asset
/// does not exist either, otherwise an error.
fn missing_signature(
    publishers: Publishers<'_>,
    place: &Place,
    release: Option<(&str, &str)>,
    file: &Checksum,
) -> Result<Option<Fetched>> {
    let (Checksum::Asset(name) | Checksum::Url(name)) = file else {
        return Ok(None);
    };
    match open(publishers, place, release, true)? {
        None => Ok(None),
        Some(_) => Err(Error::integrity(format!(
            "{} exists, but its signature {} does not",
            place.coordinate,
            crate::http::redact(name)
        ))
        .hint(
            "check `upstream.signature` in the recipe; if the publisher no longer signs, ask why",
        )),
    }
}

/// An asset of a release in a private repository, if there is a token for its server; `None`
/// otherwise.
fn private(
    publishers: Publishers<'_>,
    release: Option<(&str, &str)>,
    asset: &str,
) -> Result<Option<Download>> {
    let Some((repo, tag)) = release else {
        return Ok(None);
    };
    let config = &publishers.settings.github;
    // The token belongs to another server.
    if Site::of(&config.web) != Site::of(&github_base(publishers)?) {
        return Ok(None);
    }
    let api = Api::new(
        repo,
        publishers.client.clone(),
        config.clone(),
        Login::Always,
    );
    if !api.has_token() || api.visibility()? == Visibility::Public {
        return Ok(None);
    }
    let Some(release) = api.by_tag(tag)? else {
        return Ok(None);
    };
    match release.whole(asset) {
        Some(asset) => api.asset(asset.id),
        None => Ok(None),
    }
}

/// The result if the recipe's checksums file does not exist: *absent* only if the asset does not
/// exist either, otherwise an error.
fn missing_checksums(
    publishers: Publishers<'_>,
    place: &Place,
    release: Option<(&str, &str)>,
    name: &str,
) -> Result<Option<Fetched>> {
    match open(publishers, place, release, false)? {
        None => Ok(None),
        Some(_) => Err(Error::failed(format!("{} exists, but its checksums file {name} does not", place.coordinate))
            .hint("check `checksums:` in the recipe, or pin the digest there: `checksums: {<platform>: <sha256>}`")),
    }
}

fn file_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RemoteSettings;
    use larder_core::cancel::Cancel;

    #[test]
    fn coordinates_are_urls_without_surprises() {
        let publishers = Publishers {
            client: &crate::http::Client::new(crate::http::Settings::default(), Cancel::new()),
            settings: &RemoteSettings::default(),
        };
        let github = |repo, tag, asset| github(publishers, repo, tag, asset);
        let place = github("o/r", "cli/v1.0+x", "tool v1.tar.gz").unwrap();
        assert_eq!(
            place.coordinate,
            "https://github.com/o/r/releases/download/cli%2Fv1.0+x/tool%20v1.tar.gz"
        );
        let hostile = github("o/r", "..", "x").unwrap();
        assert!(
            !hostile.coordinate.contains("/o/r/releases/x"),
            "{}",
            hostile.coordinate
        );
        let place = url("https://dl.example/a/tool%2Bx.zip?token=s3cret").unwrap();
        assert_eq!(
            (place.file_name.as_str(), place.coordinate.as_str()),
            ("tool+x.zip", "https://dl.example/a/tool%2Bx.zip?…")
        );
    }
}
