//! The web origin (browser downloads) and the asset store behind it. Neither takes a token.

use super::git;
use super::state::{State, Urls, Visibility};
use super::wire::{Answer, Ask, signature, store_url};

/// Answers at the web origin.
pub fn answer(state: &mut State, urls: &Urls, ask: &Ask) -> Answer {
    if let Some((key, rest)) = git::asked_for(&ask.path) {
        return git::answer(state, ask, &key, rest);
    }
    let parts: Vec<&str> = ask.path.trim_matches('/').split('/').collect();
    let [owner, name, "releases", "download", tag, asset] = parts.as_slice() else {
        return Answer::html(404);
    };
    let tag = percent_encoding::percent_decode_str(tag)
        .decode_utf8_lossy()
        .into_owned();
    let login = state.login_page;
    let Some(repo) = state
        .repos
        .get_mut(&format!("{owner}/{name}").to_lowercase())
    else {
        return Answer::html(404);
    };
    if repo.visibility == Visibility::Private {
        return Answer::html(if login { 200 } else { 404 });
    }
    let release = repo.releases.iter_mut().find(|r| !r.draft && r.tag == tag);
    let found = release.and_then(|r| {
        r.assets
            .iter_mut()
            .find(|a| a.name == **asset && a.state == "uploaded")
    });
    let Some(found) = found else {
        return Answer::bytes(404, "text/plain; charset=utf-8", "Not Found".into());
    };
    found.downloads += 1;
    let mut answer = Answer::empty(302);
    answer.headers.push(("location", store_url(urls, found.id)));
    answer
        .headers
        .push(("content-type", "text/html; charset=utf-8".into()));
    answer
}

/// The asset store: signed urls, byte ranges, and 400 for a request with credentials.
pub fn store(state: &State, ask: &Ask) -> Answer {
    let xml = |status: u16, code: &str| {
        let body =
            format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code></Error>");
        Answer::bytes(status, "application/xml", body.into())
    };
    if ask.header("authorization").is_some() {
        return xml(400, "InvalidAuthenticationInfo");
    }
    let id: u64 = ask
        .path
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .unwrap_or(0);
    if ask.query("sig").is_none_or(|sig| sig != signature(id)) {
        return xml(403, "AuthenticationFailed");
    }
    let asset = state
        .repos
        .values()
        .flat_map(|r| &r.releases)
        .flat_map(|r| &r.assets)
        .find(|a| a.id == id);
    let Some(asset) = asset else {
        return xml(404, "BlobNotFound");
    };
    let etag = format!("\"0x{}\"", &asset.sha256[..16]);
    let size = asset.bytes.len();
    let mut answer = Answer::bytes(200, "application/octet-stream", asset.bytes.clone());
    answer.headers.push((
        "content-disposition",
        format!("attachment; filename={}", asset.name),
    ));
    answer.headers.push(("accept-ranges", "bytes".into()));
    answer.headers.push(("etag", etag.clone()));
    let unchanged = ask.header("if-range").is_none_or(|tag| tag == etag);
    if let Some(range) = ask.header("range").filter(|_| unchanged) {
        let bounds = range.strip_prefix("bytes=").and_then(|r| r.split_once('-'));
        let Some((start, end)) = bounds.and_then(|(a, b)| {
            let end = if b.is_empty() {
                size.checked_sub(1)?
            } else {
                b.parse::<usize>().ok()?.min(size.checked_sub(1)?)
            };
            a.parse::<usize>()
                .ok()
                .filter(|start| *start <= end)
                .map(|start| (start, end))
        }) else {
            let mut refused = Answer::empty(416);
            refused
                .headers
                .push(("content-range", format!("bytes */{size}")));
            return refused;
        };
        answer.status = 206;
        answer
            .headers
            .push(("content-range", format!("bytes {start}-{end}/{size}")));
        answer.body = asset.bytes.slice(start..=end);
    }
    answer
}
