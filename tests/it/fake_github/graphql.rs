//! The part of the GraphQL API that the real `gh` uses for releases.

use serde_json::{Value, json};

use super::state::{Release, Repo, State, Urls, timestamp};
use super::wire::{Answer, Ask};

/// Answers a query that `gh release …` makes.
pub fn answer(state: &State, urls: &Urls, ask: &Ask) -> Answer {
    let Some(body) = ask.json() else {
        return super::api::error(400, "Problems parsing JSON", None);
    };
    if ask.access.is_none() {
        return super::api::error(401, "This endpoint requires you to be authenticated.", None);
    }
    let (query, variables) = (
        body["query"].as_str().unwrap_or_default(),
        &body["variables"],
    );
    if query.contains("__type(name: \"Release\")") {
        let fields: Vec<Value> = [
            "immutable",
            "isLatest",
            "isDraft",
            "isPrerelease",
            "tagName",
        ]
        .iter()
        .map(|n| json!({"name": n}))
        .collect();
        return data(json!({"Release": {"fields": fields}}));
    }
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|n| variables[*n].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let key = format!(
        "{}/{}",
        text(&["owner", "repositoryOwner"]),
        text(&["name", "repositoryName"])
    )
    .to_lowercase();
    let Some(repo) = state.repos.get(&key) else {
        let message = format!("Could not resolve to a Repository with the name '{key}'.");
        let error = json!({"type": "NOT_FOUND", "path": ["repository"], "message": message});
        return Answer::json(
            200,
            &json!({"data": {"repository": null}, "errors": [error]}),
        );
    };
    if query.contains("RepositoryReleaseByTag") {
        let tag = text(&["tagName"]);
        let found = repo
            .releases
            .iter()
            .filter(|r| r.tag == tag)
            .max_by_key(|r| (!r.draft, r.id));
        return data(
            json!({"repository": {"release": found.map(|r| json!({"databaseId": r.id, "isDraft": r.draft}))}}),
        );
    }
    if query.contains("RepositoryReleaseList") {
        let nodes: Vec<Value> = repo
            .releases
            .iter()
            .rev()
            .map(|release| asked(query, node(urls, repo, release)))
            .collect();
        return data(
            json!({"repository": {"releases": {"nodes": nodes, "pageInfo": {"hasNextPage": false, "endCursor": ""}}}}),
        );
    }
    let web = format!("{}/{}/{}", urls.web, repo.owner, repo.name);
    data(json!({"repository": {
        "id": format!("R_{}", repo.id), "name": repo.name, "owner": {"login": repo.owner}, "url": web, "isPrivate": false,
        "hasIssuesEnabled": true, "hasWikiEnabled": true, "description": "", "viewerPermission": "WRITE",
        "defaultBranchRef": {"name": repo.default_branch}, "parent": null, "isFork": false,
        "mergeCommitAllowed": true, "rebaseMergeAllowed": true, "squashMergeAllowed": true,
    }}))
}

fn data(data: Value) -> Answer {
    Answer::json(200, &json!({"data": data}))
}

/// Only the fields that the query contains: `gh` rejects others.
fn asked(query: &str, mut node: Value) -> Value {
    let words: Vec<&str> = query.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    if let Some(fields) = node.as_object_mut() {
        fields.retain(|name, _| words.contains(&name.as_str()));
    }
    node
}

fn node(urls: &Urls, repo: &Repo, release: &Release) -> Value {
    json!({
        "name": release.name, "tagName": release.tag, "isDraft": release.draft, "isLatest": release.latest && !release.draft,
        "immutable": release.immutable, "isPrerelease": release.prerelease, "createdAt": timestamp(release.created),
        "publishedAt": release.published.map(timestamp),
        "url": format!("{}/{}/{}/releases/tag/{}", urls.web, repo.owner, repo.name, release.tag),
    })
}
