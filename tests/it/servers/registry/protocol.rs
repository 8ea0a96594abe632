//! What the registry answers to each request that may be made.

use larder_core::model::Digest;
use serde_json::{Value, json};

use super::super::scripted::{Reply, Seen};
use super::State;

pub(super) fn error(status: u16, code: &str) -> Reply {
    let body = json!({"errors": [{"code": code, "message": "as the test wants it"}]});
    Reply::status(status)
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// `/v2/<name>/<kind>/<rest>` of a path.
pub(super) fn parts(path: &str) -> Option<(String, &'static str, String)> {
    let path = path.split('?').next()?.strip_prefix("/v2/")?;
    [
        "/blobs/uploads/",
        "/blobs/",
        "/manifests/",
        "/tags/",
        "/referrers/",
    ]
    .into_iter()
    .find_map(|kind| {
        let (name, rest) = path.split_once(kind)?;
        Some((name.to_owned(), kind, rest.to_owned()))
    })
}

/// The answer to a request that may be made.
pub(super) fn answer(seen: &Seen, state: &mut State) -> Reply {
    let Some((name, kind, rest)) = parts(&seen.path) else {
        return Reply::status(if seen.path == "/v2/" { 200 } else { 404 });
    };
    match (seen.method.as_str(), kind) {
        ("POST", "/blobs/uploads/") => {
            if let Some((from, digest)) = mounted(seen)
                && let Some(bytes) = state.blobs.get(&(from, digest.clone())).cloned()
            {
                state.blobs.insert((name, digest), bytes);
                return Reply::status(201);
            }
            state.next_session += 1;
            let session = format!("{name}/{}", state.next_session);
            state.sessions.insert(session, Vec::new());
            let place = format!("/v2/{name}/blobs/uploads/{}?_state=x", state.next_session);
            Reply::to(202, &place)
        }
        ("PUT", "/blobs/uploads/") => {
            let Some(mut body) = state.sessions.remove(&format!("{name}/{rest}")) else {
                return error(404, "BLOB_UPLOAD_UNKNOWN");
            };
            if let Some(cut) = state.cut.take() {
                body.extend_from_slice(&seen.body[..cut]);
                state.sessions.insert(format!("{name}/{rest}"), body);
                return Reply::nothing();
            }
            body.extend_from_slice(&seen.body);
            let digest = format!("sha256:{}", Digest::of(&body));
            let stated = seen.path.replace("%3A", ":");
            if !stated.ends_with(&format!("?_state=x&digest={digest}")) {
                return error(400, "DIGEST_INVALID");
            }
            state.blobs.insert((name, digest.clone()), body);
            Reply::status(201).header("docker-content-digest", &digest)
        }
        ("GET" | "PATCH", "/blobs/uploads/") => {
            let Some(body) = state.sessions.get_mut(&format!("{name}/{rest}")) else {
                return error(404, "BLOB_UPLOAD_UNKNOWN");
            };
            let has = body.len();
            let next = format!("{has}-{}", has + seen.body.len().saturating_sub(1));
            if seen.method == "PATCH" && seen.header("content-range") != Some(next.as_str()) {
                return error(416, "RANGE_INVALID");
            }
            body.extend_from_slice(&seen.body);
            let range = format!("0-{}", body.len().saturating_sub(1));
            let status = if seen.method == "PATCH" { 202 } else { 204 };
            let place = format!("/v2/{name}/blobs/uploads/{rest}?_state=x");
            Reply::to(status, &place).header("range", &range)
        }
        ("GET", "/referrers/") if state.referrers => referrers(state, &name, &rest),
        ("HEAD" | "GET", "/blobs/") => match state.blobs.get(&(name, rest)) {
            Some(bytes) => content(seen, bytes, "application/octet-stream", None),
            None => absent(seen, "BLOB_UNKNOWN"),
        },
        ("HEAD" | "GET", "/manifests/") => {
            let digest = state.resolve(&name, &rest).unwrap_or_default();
            match state.manifests.get(&(name, digest.clone())) {
                Some((media_type, bytes)) => content(seen, bytes, media_type, Some(&digest)),
                None => absent(seen, "MANIFEST_UNKNOWN"),
            }
        }
        ("PUT", "/manifests/") => put_manifest(seen, state, &name, &rest),
        ("DELETE", "/manifests/") if state.no_deletes => error(405, "UNSUPPORTED"),
        ("DELETE", "/manifests/") => {
            if state
                .manifests
                .remove(&(name.clone(), rest.clone()))
                .is_none()
            {
                return error(404, "MANIFEST_UNKNOWN");
            }
            state
                .tags
                .retain(|(repository, _), digest| *repository != name || *digest != rest);
            Reply::status(202)
        }
        ("GET", "/tags/") => list(seen, state, &name),
        _ => Reply::status(405),
    }
}

fn absent(seen: &Seen, code: &str) -> Reply {
    match seen.method.as_str() {
        "HEAD" => Reply::status(404),
        _ => error(404, code),
    }
}

fn content(seen: &Seen, bytes: &[u8], media_type: &str, digest: Option<&str>) -> Reply {
    let mut reply = Reply::status(200).header("content-type", media_type);
    if let Some(digest) = digest {
        reply = reply.header("docker-content-digest", digest);
    }
    match seen.method.as_str() {
        "HEAD" => reply.claim(bytes.len()),
        _ => reply.body(bytes),
    }
}

/// The repository and the blob that an upload wants to mount.
fn mounted(seen: &Seen) -> Option<(String, String)> {
    let (_, query) = seen.path.split_once("?mount=")?;
    let (digest, from) = query.split_once("&from=")?;
    Some((from.replace("%2F", "/"), digest.replace("%3A", ":")))
}

/// What refers to a manifest.
fn referrers(state: &State, name: &str, subject: &str) -> Reply {
    let mut found = Vec::new();
    for ((repository, digest), (media_type, bytes)) in &state.manifests {
        let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if repository == name && manifest["subject"]["digest"] == subject {
            found.push(json!({
                "mediaType": media_type,
                "digest": digest,
                "size": bytes.len(),
                "artifactType": manifest["artifactType"],
            }));
        }
    }
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": found});
    Reply::ok(index.to_string()).header("content-type", media_type)
}

/// Takes a manifest if all that it names is there.
fn put_manifest(seen: &Seen, state: &mut State, name: &str, reference: &str) -> Reply {
    let digest = format!("sha256:{}", Digest::of(&seen.body));
    let is_taken = state
        .resolve(name, reference)
        .is_some_and(|there| there != digest);
    if state.conditional && seen.header("if-none-match") == Some("*") && is_taken {
        return error(412, "PRECONDITION_FAILED");
    }
    if reference.starts_with("sha256:") && reference != digest {
        return error(400, "DIGEST_INVALID");
    }
    let Ok(manifest) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(400, "MANIFEST_INVALID");
    };
    let media_type = seen.header("content-type").unwrap_or_default().to_owned();
    if manifest["mediaType"] != media_type.as_str() {
        return error(400, "MANIFEST_INVALID");
    }
    let all = |key: &str| manifest[key].as_array().cloned().unwrap_or_default();
    let key = |descriptor: &Value| {
        (
            name.to_owned(),
            descriptor["digest"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let mut blobs = all("layers");
    if !manifest["config"].is_null() {
        blobs.push(manifest["config"].clone());
    }
    let has_all = all("manifests")
        .iter()
        .all(|one| state.manifests.contains_key(&key(one)))
        && blobs.iter().all(|one| state.blobs.contains_key(&key(one)));
    if !has_all {
        return error(400, "MANIFEST_BLOB_UNKNOWN");
    }
    let stored = (media_type, seen.body.clone());
    state
        .manifests
        .insert((name.to_owned(), digest.clone()), stored);
    if !reference.starts_with("sha256:") {
        state
            .tags
            .insert((name.to_owned(), reference.to_owned()), digest.clone());
    }
    Reply::status(201).header("docker-content-digest", &digest)
}

/// A page of the tags.
fn list(seen: &Seen, state: &State, name: &str) -> Reply {
    let last = seen
        .path
        .split_once("last=")
        .map(|(_, last)| last.to_owned());
    let mut tags = state.tags_of(name);
    if let Some(last) = last {
        tags.retain(|tag| *tag > last);
    }
    let size = state.page.unwrap_or(tags.len());
    let more = tags.len() > size;
    tags.truncate(size);
    let body = json!({"name": name, "tags": tags}).to_string();
    let reply = Reply::status(200).header("content-type", "application/json");
    match tags.last().filter(|_| more) {
        Some(last) => {
            let next = format!("</v2/{name}/tags/list?n={size}&last={last}>; rel=\"next\"");
            reply.header("link", &next).body(body)
        }
        None => reply.body(body),
    }
}
