//! The REST API and the upload origin as GitHub documents them, with the answers it really gives.
//! One function per endpoint over the state; independent of sockets.

use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::data;
use super::state::{
    Access, Asset, Release, Repo, State, Urls, Visibility, asset_json, kept_name, release_json,
    repo_json,
};
use super::wire::{Answer, Ask, store_url};

/// GitHub's error shape.
pub fn error(status: u16, message: &str, errors: Option<Value>) -> Answer {
    let mut body = json!({"message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()});
    if let Some(errors) = errors {
        body["errors"] = errors;
    }
    Answer::json(status, &body)
}

pub fn not_found() -> Answer {
    error(404, "Not Found", None)
}

fn invalid(resource: &str, code: &str, field: &str) -> Answer {
    error(
        422,
        "Validation Failed",
        Some(json!([{"resource": resource, "code": code, "field": field}])),
    )
}

fn refused_tag(burned: bool) -> Answer {
    let mut errors = vec![json!({
        "resource": "Release", "code": "custom", "field": "pre_receive",
        "message": "pre_receive Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n"
    })];
    if burned {
        let message = "tag_name was used by an immutable release";
        errors.push(json!({"resource": "Release", "code": "custom", "field": "tag_name", "message": message}));
    }
    errors.push(json!({"resource": "Release", "code": "custom", "message": "Published releases must have a valid tag"}));
    error(422, "Validation Failed", Some(Value::Array(errors)))
}

/// Whether a token can see a repository.
fn can_see(repo: &Repo, access: Option<Access>) -> bool {
    repo.visibility == Visibility::Public || access.is_some_and(|a| a != Access::Stranger)
}

fn writes(access: Option<Access>) -> bool {
    matches!(access, Some(Access::Write | Access::Admin))
}

/// Answers a request at the API (`uploads` false) or at the upload origin.
pub fn answer(state: &mut State, urls: &Urls, ask: &Ask, uploads: bool) -> Answer {
    let parts: Vec<&str> = ask
        .path
        .trim_start_matches("/api/v3")
        .trim_matches('/')
        .split('/')
        .collect();
    let ["repos", owner, name, rest @ ..] = parts.as_slice() else {
        if parts.as_slice() == ["user"] && ask.method == "GET" {
            return data::user_of_token(urls, ask.access);
        }
        return if ask.path == "/" || ask.path == "/api/v3" {
            Answer::json(200, &json!({}))
        } else {
            not_found()
        };
    };
    let key = format!("{owner}/{name}").to_lowercase();
    if !state
        .repos
        .get(&key)
        .is_some_and(|repo| can_see(repo, ask.access))
    {
        return not_found();
    }
    if !uploads && let Some(answer) = data::answer(state, urls, ask, &key, rest) {
        return answer;
    }
    let (repo, write) = (
        &state.repos[&key],
        ask.method != "GET" && ask.method != "HEAD",
    );
    if write && ask.access.is_none() {
        return error(401, "Requires authentication", None);
    }
    if write && !writes(ask.access) {
        return error(403, "Resource not accessible by integration", None);
    }
    let id = |text: &str| text.parse::<u64>().unwrap_or(0);
    if uploads {
        return match (ask.method.as_str(), rest) {
            ("POST", ["releases", release, "assets"]) => {
                upload(state, urls, ask, &key, id(release))
            }
            _ => not_found(),
        };
    }
    match (ask.method.as_str(), rest) {
        ("GET", []) => Answer::json(200, &repo_json(urls, repo, ask.access)),
        ("GET", ["immutable-releases"]) => match (ask.access, repo.immutable) {
            (Some(Access::Admin), true) => {
                Answer::json(200, &json!({"enabled": true, "enforced_by_owner": false}))
            }
            (Some(Access::Admin), false) => not_found(),
            _ => error(403, "Resource not accessible by integration", None),
        },
        ("GET", ["releases"]) => list(state, urls, ask, repo),
        ("POST", ["releases"]) => create(state, urls, ask, &key),
        ("GET", ["releases", "tags", tag]) => by_tag(state, urls, repo, tag),
        ("GET", ["releases", "latest"]) => latest(state, urls, repo),
        ("GET", ["releases", "assets", asset]) => get_asset(state, urls, ask, &key, id(asset)),
        ("PATCH", ["releases", "assets", asset]) => rename_asset(state, urls, ask, &key, id(asset)),
        ("DELETE", ["releases", "assets", asset]) => delete_asset(state, &key, id(asset)),
        ("GET", ["releases", release]) => {
            match repo.releases.iter().find(|r| r.id == id(release)) {
                Some(release) if !release.draft || writes(ask.access) => {
                    Answer::json(200, &release_json(urls, state, repo, release))
                }
                _ => not_found(),
            }
        }
        ("GET", ["releases", release, "assets"]) => {
            match repo.releases.iter().find(|r| r.id == id(release)) {
                Some(release) if !release.draft || writes(ask.access) => {
                    let shown = release_json(urls, state, repo, release)["assets"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default();
                    page(urls, ask, shown, |asset| asset)
                }
                _ => not_found(),
            }
        }
        ("PATCH", ["releases", release]) => edit(state, urls, ask, &key, id(release)),
        ("DELETE", ["releases", release]) => delete(state, &key, id(release)),
        _ => not_found(),
    }
}

/// A page of a list, 30 items by default, at most 100, with a `Link` header.
fn page<T>(urls: &Urls, ask: &Ask, all: Vec<T>, show: impl Fn(T) -> Value) -> Answer {
    let number = |name: &str, default: usize| {
        ask.query(name)
            .and_then(|v| v.parse().ok())
            .unwrap_or(default)
    };
    let (size, page) = (
        number("per_page", 30).clamp(1, 100),
        number("page", 1).max(1),
    );
    let last = all.len().div_ceil(size).max(1);
    let shown: Vec<Value> = all
        .into_iter()
        .skip((page - 1) * size)
        .take(size)
        .map(show)
        .collect();
    let mut answer = Answer::json(200, &Value::Array(shown));
    let path = ask.path.trim_start_matches("/api/v3");
    let link = |n: usize, rel: &str| {
        format!(
            "<{}{path}?per_page={size}&page={n}>; rel=\"{rel}\"",
            urls.api
        )
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
        links.push(link(1, "first"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if !links.is_empty() {
        answer.headers.push(("link", links.join(", ")));
    }
    answer
}

fn list(state: &State, urls: &Urls, ask: &Ask, repo: &Repo) -> Answer {
    let mut releases: Vec<&Release> = repo
        .releases
        .iter()
        .filter(|r| state.settled(r.created) && (!r.draft || writes(ask.access)))
        .collect();
    releases.sort_by_key(|r| std::cmp::Reverse(r.id));
    releases.truncate(10_000);
    page(urls, ask, releases, |r| release_json(urls, state, repo, r))
}

fn by_tag(state: &State, urls: &Urls, repo: &Repo, tag: &str) -> Answer {
    let tag = percent_encoding::percent_decode_str(tag).decode_utf8_lossy();
    let found = repo
        .releases
        .iter()
        .find(|r| !r.draft && r.tag == tag && r.published.is_some_and(|p| state.settled(p)));
    found.map_or_else(not_found, |release| {
        Answer::json(200, &release_json(urls, state, repo, release))
    })
}

fn latest(state: &State, urls: &Urls, repo: &Repo) -> Answer {
    let found = repo.releases.iter().rev().find(|r| !r.draft && r.latest);
    found.map_or_else(not_found, |release| {
        Answer::json(200, &release_json(urls, state, repo, release))
    })
}

fn create(state: &mut State, urls: &Urls, ask: &Ask, key: &str) -> Answer {
    let Some(body) = ask.json() else {
        return error(400, "Problems parsing JSON", None);
    };
    let Some(tag) = body["tag_name"].as_str().filter(|t| !t.is_empty()) else {
        return error(
            422,
            "Invalid request.\n\n\"tag_name\" wasn't supplied.",
            None,
        );
    };
    let draft = body["draft"].as_bool().unwrap_or(false);
    let id = state.id();
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    if !draft {
        if repo.releases.iter().any(|r| !r.draft && r.tag == tag) {
            return invalid("Release", "already_exists", "tag_name");
        }
        if repo.refused_tags.iter().any(|t| t == tag) || repo.burned_tags.iter().any(|t| t == tag) {
            return refused_tag(repo.burned_tags.iter().any(|t| t == tag));
        }
    }
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let release = Release {
        id,
        tag: tag.to_owned(),
        target: text("target_commitish").unwrap_or_else(|| repo.default_branch.clone()),
        name: text("name"),
        body: text("body"),
        draft,
        prerelease: body["prerelease"].as_bool().unwrap_or(false),
        immutable: !draft && repo.immutable,
        latest: body["make_latest"] != "false",
        created: SystemTime::now(),
        published: (!draft).then(SystemTime::now),
        assets: Vec::new(),
    };
    repo.releases.push(release.clone());
    let mut answer = Answer::json(201, &release_json(urls, state, &state.repos[key], &release));
    answer.headers.push((
        "location",
        format!("{}/repos/{key}/releases/{id}", urls.api),
    ));
    answer
}

fn edit(state: &mut State, urls: &Urls, ask: &Ask, key: &str, id: u64) -> Answer {
    let Some(body) = ask.json() else {
        return error(400, "Problems parsing JSON", None);
    };
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some(index) = repo.releases.iter().position(|r| r.id == id) else {
        return not_found();
    };
    let mut release = repo.releases[index].clone();
    if let Some(tag) = body["tag_name"].as_str() {
        if release.immutable && tag != release.tag {
            return error(422, "Cannot change the tag of an immutable release.", None);
        }
        tag.clone_into(&mut release.tag);
    }
    for (field, slot) in [("name", &mut release.name), ("body", &mut release.body)] {
        if let Some(text) = body[field].as_str() {
            *slot = Some(text.to_owned());
        }
    }
    if let Some(latest) = body["make_latest"].as_str() {
        release.latest = latest != "false";
    }
    if let Some(prerelease) = body["prerelease"].as_bool() {
        release.prerelease = prerelease;
    }
    match body["draft"].as_bool() {
        Some(false) if release.draft => {
            if repo
                .releases
                .iter()
                .any(|r| !r.draft && r.tag == release.tag)
            {
                return invalid("Release", "already_exists", "tag_name");
            }
            let burned = repo.burned_tags.contains(&release.tag);
            if burned || repo.refused_tags.contains(&release.tag) {
                return refused_tag(burned);
            }
            release.draft = false;
            release.published = Some(SystemTime::now());
            release.immutable = repo.immutable;
        }
        Some(true) if release.immutable => {
            return error(422, "An immutable release can't become a draft.", None);
        }
        Some(true) => release.draft = true,
        _ => {}
    }
    repo.releases[index] = release.clone();
    Answer::json(200, &release_json(urls, state, &state.repos[key], &release))
}

fn delete(state: &mut State, key: &str, id: u64) -> Answer {
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some(index) = repo.releases.iter().position(|r| r.id == id) else {
        return not_found();
    };
    let release = repo.releases.remove(index);
    if release.immutable {
        repo.burned_tags.push(release.tag);
    }
    Answer::empty(204)
}

fn upload(state: &mut State, urls: &Urls, ask: &Ask, key: &str, id: u64) -> Answer {
    if ask.header("content-length").is_none() {
        return error(400, "Bad Content-Length", None);
    }
    let Some(name) = ask.query("name").filter(|n| !n.is_empty()) else {
        return error(400, "Multipart form data required", None);
    };
    let asset_id = state.id();
    let name = kept_name(&name);
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some(release) = repo.releases.iter_mut().find(|r| r.id == id) else {
        return not_found();
    };
    if release.immutable {
        return error(422, "Cannot upload assets to an immutable release.", None);
    }
    if release.assets.iter().any(|a| a.name == name) {
        return invalid("ReleaseAsset", "already_exists", "name");
    }
    if ask.body.is_empty() {
        let message = "size must be greater than or equal to 1";
        let errors = json!([{"resource": "ReleaseAsset", "code": "custom", "field": "size", "message": message}]);
        return error(422, "Validation Failed", Some(errors));
    }
    if release.assets.len() >= 1_000 {
        let message = "file_count limited to 1000 assets per release";
        let errors = json!([{"resource": "ReleaseAsset", "code": "custom", "field": "file_count", "message": message}]);
        return error(422, "Validation Failed", Some(errors));
    }
    let kind = ask
        .header("content-type")
        .unwrap_or_else(|| "application/octet-stream".into());
    let mut asset = Asset::uploaded(asset_id, &name, &kind, ask.body.clone());
    asset.label = ask.query("label");
    release.assets.push(asset.clone());
    let (repo, digests) = (&state.repos[key], !state.no_digests);
    let release = repo
        .releases
        .iter()
        .find(|r| r.id == id)
        .expect("just found");
    Answer::json(201, &asset_json(urls, repo, release, &asset, digests))
}

/// Leaves what a broken upload leaves: an asset in the state `starter`.
pub fn leave_starter(state: &mut State, ask: &Ask) {
    let asset_id = state.id();
    let parts: Vec<&str> = ask
        .path
        .trim_start_matches("/api/v3")
        .trim_matches('/')
        .split('/')
        .collect();
    let ["repos", owner, name, "releases", id, "assets"] = parts.as_slice() else {
        return;
    };
    let Some(asset_name) = ask.query("name") else {
        return;
    };
    let Some(repo) = state
        .repos
        .get_mut(&format!("{owner}/{name}").to_lowercase())
    else {
        return;
    };
    let Some(release) = repo.releases.iter_mut().find(|r| r.id.to_string() == **id) else {
        return;
    };
    if release.assets.iter().any(|a| a.name == asset_name) {
        return;
    }
    let mut asset = Asset::uploaded(
        asset_id,
        &kept_name(&asset_name),
        "application/octet-stream",
        Bytes::new(),
    );
    asset.state = "starter";
    release.assets.push(asset);
}

fn find_asset(repo: &mut Repo, id: u64) -> Option<(&mut Release, usize)> {
    repo.releases.iter_mut().find_map(|release| {
        let index = release.assets.iter().position(|a| a.id == id)?;
        Some((release, index))
    })
}

fn get_asset(state: &mut State, urls: &Urls, ask: &Ask, key: &str, id: u64) -> Answer {
    let (digests, direct) = (!state.no_digests, state.direct_assets);
    let may_see_drafts = writes(ask.access);
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some((release, index)) = find_asset(repo, id).filter(|(r, _)| !r.draft || may_see_drafts)
    else {
        return not_found();
    };
    let wants_bytes = ask
        .header("accept")
        .is_some_and(|a| a.contains("application/octet-stream"));
    if !wants_bytes {
        let (release, asset) = (release.clone(), release.assets[index].clone());
        return Answer::json(200, &asset_json(urls, repo, &release, &asset, digests));
    }
    let asset = &mut release.assets[index];
    asset.downloads += 1;
    if direct {
        return Answer::bytes(200, "application/octet-stream", asset.bytes.clone());
    }
    let mut answer = Answer::empty(302);
    answer.headers.push(("location", store_url(urls, asset.id)));
    answer
        .headers
        .push(("content-type", "text/html;charset=utf-8".into()));
    answer
}

fn rename_asset(state: &mut State, urls: &Urls, ask: &Ask, key: &str, id: u64) -> Answer {
    let Some(body) = ask.json() else {
        return error(400, "Problems parsing JSON", None);
    };
    let digests = !state.no_digests;
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some((release, index)) = find_asset(repo, id) else {
        return not_found();
    };
    if release.immutable {
        return error(422, "Cannot edit assets of an immutable release.", None);
    }
    if let Some(name) = body["name"].as_str() {
        if release.assets.iter().any(|a| a.id != id && a.name == name) {
            return invalid("ReleaseAsset", "already_exists", "name");
        }
        release.assets[index].name = kept_name(name);
    }
    let (release, asset) = (release.clone(), release.assets[index].clone());
    Answer::json(200, &asset_json(urls, repo, &release, &asset, digests))
}

fn delete_asset(state: &mut State, key: &str, id: u64) -> Answer {
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let Some((release, index)) = find_asset(repo, id) else {
        return not_found();
    };
    if release.immutable {
        return error(422, "Cannot delete assets of an immutable release.", None);
    }
    release.assets.remove(index);
    Answer::empty(204)
}

/// The status line's number as a type that axum takes.
pub fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
