//! The files, git objects and branches of a repository at the API.

use base64::Engine;
use serde_json::{Value, json};

use super::api::{error, not_found};
use super::git::GitDir;
use super::pulls;
use super::state::{Access, Repo, State, Urls, user};
use super::wire::{Answer, Ask};

/// The login of a token's owner; `None` for an installation.
pub fn login(access: Access) -> Option<&'static str> {
    match access {
        Access::Write => None,
        Access::Read => Some("reader"),
        Access::Admin => Some("admin"),
        Access::Stranger => Some("stranger"),
    }
}

/// Whether a token may push to a repository: that of a user may to the user's own.
pub fn may_write(repo: &Repo, access: Option<Access>) -> bool {
    let Some(access) = access else {
        return false;
    };
    let pushes = matches!(access, Access::Write | Access::Admin) && !repo.locked;
    pushes || login(access) == Some(&repo.owner)
}

/// `GET /user`.
pub fn user_of_token(urls: &Urls, access: Option<Access>) -> Answer {
    let Some(access) = access else {
        return error(401, "Requires authentication", None);
    };
    let Some(login) = login(access) else {
        return error(403, "Resource not accessible by integration", None);
    };
    let mut shown = user(urls, login);
    for field in ["bio", "company", "email", "hireable", "location", "name"] {
        shown[field] = Value::Null;
    }
    for field in ["followers", "following", "public_gists", "public_repos"] {
        shown[field] = 0.into();
    }
    shown["blog"] = "".into();
    for field in ["created_at", "updated_at"] {
        shown[field] = "2025-01-01T00:00:00Z".into();
    }
    Answer::json(200, &shown)
}

pub fn refused() -> Answer {
    error(403, "Resource not accessible by integration", None)
}

fn decoded(text: &str) -> String {
    let text = percent_encoding::percent_decode_str(text);
    text.decode_utf8_lossy().into_owned()
}

/// Answers if the request is for one of these endpoints.
pub fn answer(
    state: &mut State,
    urls: &Urls,
    ask: &Ask,
    key: &str,
    rest: &[&str],
) -> Option<Answer> {
    let rest: Vec<String> = rest.iter().map(|part| decoded(part)).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let repo = &state.repos[key];
    let writes = ask.method != "GET";
    let is_ours = matches!(
        rest.first(),
        Some(&("git" | "contents" | "pulls" | "forks" | "merge-upstream"))
    );
    if !is_ours {
        return None;
    }
    if writes && ask.access.is_none() {
        return Some(error(401, "Requires authentication", None));
    }
    // Anybody may fork what they see, and propose something.
    let is_open = matches!(rest[..], ["forks"] | ["pulls", ..]);
    if writes && !is_open && !may_write(repo, ask.access) {
        return Some(refused());
    }
    Some(match (ask.method.as_str(), &rest[..]) {
        ("GET", ["contents", path @ ..]) => contents(urls, ask, repo, &path.join("/")),
        ("GET", ["git", "ref", "heads", branch @ ..]) => {
            let repo = state.repos.get_mut(key).expect("checked by the caller");
            get_ref(urls, repo, &branch.join("/"))
        }
        ("POST", ["git", "refs"]) => create_ref(urls, ask, repo),
        ("DELETE", ["git", "refs", "heads", branch @ ..]) => {
            delete_ref(state, key, &branch.join("/"))
        }
        ("GET", ["git", "commits", sha]) => match git(repo).commit(sha) {
            Some(sha) => Answer::json(200, &commit_json(urls, repo, &sha)),
            None => not_found(),
        },
        ("POST", ["git", "commits"]) => create_commit(urls, ask, repo),
        ("POST", ["git", "trees"]) => create_tree(urls, ask, repo),
        ("GET", ["pulls"]) => pulls::list(state, urls, ask, key),
        ("POST", ["pulls"]) => pulls::create(state, urls, ask, key),
        ("PATCH", ["pulls", number]) => pulls::edit(state, urls, ask, key, number),
        ("POST", ["forks"]) => pulls::fork(state, urls, ask, key),
        ("POST", ["merge-upstream"]) => pulls::merge_upstream(state, ask, key),
        _ => not_found(),
    })
}

pub fn git(repo: &Repo) -> &GitDir {
    repo.git.as_ref().expect("a repository with files")
}

fn contents(urls: &Urls, ask: &Ask, repo: &Repo, path: &str) -> Answer {
    let Some(git) = &repo.git else {
        return not_found();
    };
    let at = ask
        .query("ref")
        .unwrap_or_else(|| repo.default_branch.clone());
    let Some(commit) = git.commit(&at) else {
        return error(404, &format!("No commit found for the ref {at}"), None);
    };
    let list = |path: &str| -> Vec<(String, String, u64, String)> {
        let out = git.run(&["ls-tree", "-l", "-z", &commit, "--", path]);
        let out = out.unwrap_or_default();
        let item = |line: &str| {
            let (object, path) = line.split_once('\t')?;
            let words: Vec<&str> = object.split_whitespace().collect();
            let size = words[3].parse().unwrap_or(0);
            Some((
                words[1].to_owned(),
                words[2].to_owned(),
                size,
                path.to_owned(),
            ))
        };
        out.split('\0').filter_map(item).collect()
    };
    let base = format!("{}/repos/{}/{}", urls.api, repo.owner, repo.name);
    let web = format!("{}/{}/{}", urls.web, repo.owner, repo.name);
    let show = |(kind, sha, size, path): &(String, String, u64, String)| {
        let (kind, of) = match kind.as_str() {
            "tree" => ("dir", "trees"),
            _ => ("file", "blobs"),
        };
        let url = format!("{base}/contents/{path}?ref={at}");
        let git_url = format!("{base}/git/{of}/{sha}");
        let html = format!("{web}/blob/{at}/{path}");
        json!({
            "name": path.rsplit('/').next(), "path": path, "sha": sha, "size": size, "type": kind, "url": url,
            "git_url": git_url, "html_url": html, "download_url": (kind == "file").then(|| format!("{web}/raw/{at}/{path}")),
            "_links": {"self": url, "git": git_url, "html": html},
        })
    };
    if path.is_empty() {
        let items: Vec<Value> = list("").iter().map(show).collect();
        return Answer::json(200, &items.into());
    }
    match list(path).first() {
        None => not_found(),
        Some((kind, ..)) if kind == "tree" => {
            let items: Vec<Value> = list(&format!("{path}/")).iter().map(show).collect();
            Answer::json(200, &items.into())
        }
        Some(item) => {
            let bytes = git.bytes(&["cat-file", "blob", &item.1], &[]);
            let bytes = bytes.unwrap_or_default();
            if ask.header("accept").is_some_and(|a| a.contains("raw")) {
                let kind = "application/vnd.github.raw+json; charset=utf-8";
                return Answer::bytes(200, kind, bytes.into());
            }
            let mut shown = show(item);
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            shown["content"] = text.into();
            shown["encoding"] = "base64".into();
            Answer::json(200, &shown)
        }
    }
}

fn ref_json(urls: &Urls, repo: &Repo, branch: &str, sha: &str) -> Value {
    let base = format!("{}/repos/{}/{}", urls.api, repo.owner, repo.name);
    json!({
        "ref": format!("refs/heads/{branch}"), "node_id": "REF_1", "url": format!("{base}/git/refs/heads/{branch}"),
        "object": {"sha": sha, "type": "commit", "url": format!("{base}/git/commits/{sha}")},
    })
}

pub fn branch(repo: &Repo, name: &str) -> Option<String> {
    let name = format!("refs/heads/{name}");
    git(repo).run(&["rev-parse", "--quiet", "--verify", &name])
}

fn get_ref(urls: &Urls, repo: &mut Repo, name: &str) -> Answer {
    if repo.git.is_none() || repo.not_ready > 0 {
        repo.not_ready = repo.not_ready.saturating_sub(1);
        return error(409, "Git Repository is empty.", None);
    }
    if git(repo)
        .run(&["rev-list", "--all", "-n1"])
        .is_none_or(|id| id.is_empty())
    {
        return error(409, "Git Repository is empty.", None);
    }
    match branch(repo, name) {
        Some(sha) => Answer::json(200, &ref_json(urls, repo, name, &sha)),
        None => not_found(),
    }
}

fn create_ref(urls: &Urls, ask: &Ask, repo: &Repo) -> Answer {
    let body = ask.json().unwrap_or_default();
    let name = body["ref"].as_str().unwrap_or_default();
    let Some(name) = name.strip_prefix("refs/heads/") else {
        return error(422, "Reference name must start with 'refs/'.", None);
    };
    if branch(repo, name).is_some() {
        return error(422, "Reference already exists", None);
    }
    let Some(sha) = body["sha"].as_str().and_then(|sha| git(repo).commit(sha)) else {
        return error(422, "Object does not exist", None);
    };
    let reference = format!("refs/heads/{name}");
    git(repo)
        .run(&["update-ref", &reference, &sha])
        .expect("git update-ref");
    Answer::json(201, &ref_json(urls, repo, name, &sha))
}

fn delete_ref(state: &mut State, key: &str, name: &str) -> Answer {
    if branch(&state.repos[key], name).is_none() {
        return error(422, "Reference does not exist", None);
    }
    let reference = format!("refs/heads/{name}");
    git(&state.repos[key])
        .run(&["update-ref", "-d", &reference])
        .expect("git update-ref");
    for repo in state.repos.values_mut() {
        for pull in &mut repo.pulls {
            if pull.head_repo == key && pull.branch == name && pull.merged.is_none() {
                pull.open = false;
            }
        }
    }
    Answer::empty(204)
}

fn commit_json(urls: &Urls, repo: &Repo, sha: &str) -> Value {
    let base = format!("{}/repos/{}/{}", urls.api, repo.owner, repo.name);
    let web = format!("{}/{}/{}", urls.web, repo.owner, repo.name);
    let shown = git(repo).run(&["log", "-1", "--format=%T%x00%P%x00%B", sha]);
    let shown = shown.unwrap_or_default();
    let mut parts = shown.splitn(3, '\0');
    let (tree, parents) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let by =
        json!({"name": "fake", "email": "fake@github.localhost", "date": "2025-01-01T00:00:00Z"});
    let parents: Vec<Value> = parents
        .split_whitespace()
        .map(|sha| json!({"sha": sha, "url": format!("{base}/git/commits/{sha}"), "html_url": format!("{web}/commit/{sha}")}))
        .collect();
    json!({
        "sha": sha, "node_id": "C_1", "url": format!("{base}/git/commits/{sha}"), "html_url": format!("{web}/commit/{sha}"),
        "author": by, "committer": by, "message": parts.next().unwrap_or_default().trim_end(),
        "tree": {"sha": tree, "url": format!("{base}/git/trees/{tree}")}, "parents": parents,
        "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null},
    })
}

fn create_commit(urls: &Urls, ask: &Ask, repo: &Repo) -> Answer {
    let body = ask.json().unwrap_or_default();
    let message = body["message"].as_str().unwrap_or_default();
    let tree = body["tree"].as_str().unwrap_or_default();
    let parents = body["parents"].as_array().cloned().unwrap_or_default();
    let mut arguments = vec!["commit-tree", tree, "-m", message];
    for parent in &parents {
        let parent = parent.as_str().unwrap_or_default();
        if git(repo).commit(parent).is_none() {
            return error(
                422,
                "Parent SHA does not exist or is not a commit object",
                None,
            );
        }
        arguments.extend(["-p", parent]);
    }
    match git(repo).run(&arguments) {
        Some(sha) => Answer::json(201, &commit_json(urls, repo, &sha)),
        None => error(422, "Tree SHA does not exist", None),
    }
}

fn create_tree(urls: &Urls, ask: &Ask, repo: &Repo) -> Answer {
    let (git, body) = (git(repo), ask.json().unwrap_or_default());
    let _ = std::fs::remove_file(git.path().join("fake-index"));
    if let Some(base) = body["base_tree"].as_str()
        && git.run(&["read-tree", base]).is_none()
    {
        return error(404, "Not Found", None);
    }
    for entry in body["tree"].as_array().into_iter().flatten() {
        let path = entry["path"].as_str().unwrap_or_default();
        let id = match (entry["content"].as_str(), entry["sha"].as_str()) {
            (Some(text), _) => git.bytes(&["hash-object", "-w", "--stdin"], text.as_bytes()),
            (None, Some(id)) => Some(id.as_bytes().to_vec()),
            (None, None) => None,
        };
        let Some(id) = id else {
            let line = format!("0 {}\t{path}\n", "0".repeat(40));
            let there = git.run(&["ls-files", "--error-unmatch", "--", path]);
            if there.is_none()
                || git
                    .bytes(&["update-index", "--index-info"], line.as_bytes())
                    .is_none()
            {
                return error(422, "GitRPC::BadObjectState", None);
            }
            continue;
        };
        let id = String::from_utf8(id).expect("hex");
        let entry = format!("100644,{},{path}", id.trim());
        if git
            .run(&["update-index", "--add", "--cacheinfo", &entry])
            .is_none()
        {
            return error(422, "tree.path contains a malformed path component", None);
        }
    }
    let tree = git.run(&["write-tree"]).expect("git write-tree");
    let url = format!(
        "{}/repos/{}/{}/git/trees/{tree}",
        urls.api, repo.owner, repo.name
    );
    let items = git.run(&["ls-tree", &tree]).unwrap_or_default();
    let item = |line: &str| {
        let (object, path) = line.split_once('\t')?;
        let words: Vec<&str> = object.split(' ').collect();
        Some(json!({"path": path, "mode": words[0], "type": words[1], "sha": words[2]}))
    };
    let items: Vec<Value> = items.lines().filter_map(item).collect();
    Answer::json(
        201,
        &json!({"sha": tree, "url": url, "tree": items, "truncated": false}),
    )
}
