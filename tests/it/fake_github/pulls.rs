//! Pull requests and forks at the API.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::api::{error, not_found};
use super::data::{branch, git, login, may_write, refused};
use super::git::GitDir;
use super::state::{Pull, Repo, State, Urls, Visibility, repo_json, timestamp, user};
use super::wire::{Answer, Ask};

pub fn list(state: &State, urls: &Urls, ask: &Ask, key: &str) -> Answer {
    let wanted = ask.query("state").unwrap_or_else(|| "open".into());
    let head = ask.query("head");
    let pulls = state.repos[key].pulls.iter().rev().filter(|pull| {
        let owner = pull.head_repo.split('/').next().unwrap_or_default();
        (wanted == "all" || pull.open == (wanted == "open"))
            && head
                .as_ref()
                .is_none_or(|head| *head == format!("{owner}:{}", pull.branch))
    });
    let pulls: Vec<Value> = pulls
        .map(|pull| pull_json(urls, state, key, pull, false))
        .collect();
    Answer::json(200, &pulls.into())
}

fn invalid_pull(code: &str, detail: (&str, String)) -> Answer {
    let mut found = json!({"resource": "PullRequest", "code": code});
    found[detail.0] = detail.1.into();
    error(422, "Validation Failed", Some(json!([found])))
}

pub fn create(state: &mut State, urls: &Urls, ask: &Ask, key: &str) -> Answer {
    let body = ask.json().unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let repo = &state.repos[key];
    let head = text("head");
    let (owner, branch_name) = head.split_once(':').unwrap_or((&repo.owner, &head));
    let source = state.repos.iter().find(|(other, repo)| {
        repo.owner == owner && (*other == key || repo.fork_of.as_deref() == Some(key))
    });
    let tip = source.and_then(|(_, repo)| branch(repo, branch_name));
    let (Some((source, from)), Some(sha)) = (source, tip) else {
        return invalid_pull("invalid", ("field", "head".into()));
    };
    if !may_write(repo, ask.access) && !may_write(from, ask.access) {
        return refused();
    }
    if branch(repo, &text("base")).is_none() {
        return invalid_pull("invalid", ("field", "base".into()));
    }
    let is_there =
        |pull: &Pull| pull.open && pull.head_repo == *source && pull.branch == branch_name;
    if repo.pulls.iter().any(is_there) {
        let message = format!("A pull request already exists for {owner}:{branch_name}.");
        return invalid_pull("custom", ("message", message));
    }
    let number = repo.pulls.len() as u64 + 1;
    let url = git(from).path().to_str().expect("UTF-8");
    let to = format!("+{sha}:refs/pull/{number}/head");
    let local = format!("+refs/heads/{branch_name}:refs/pull/{number}/head");
    let fetched = git(repo).run(&["fetch", "--quiet", url, &local]);
    fetched.unwrap_or_else(|| panic!("git fetch {to}"));
    let pull = Pull {
        number,
        title: text("title"),
        body: text("body"),
        base: text("base"),
        head_repo: source.clone(),
        branch: branch_name.to_owned(),
        sha,
        open: true,
        merged: None,
        created: SystemTime::now(),
    };
    let repo = state.repos.get_mut(key).expect("found before");
    repo.pulls.push(pull.clone());
    Answer::json(201, &pull_json(urls, state, key, &pull, true))
}

pub fn edit(state: &mut State, urls: &Urls, ask: &Ask, key: &str, number: &str) -> Answer {
    let body = ask.json().unwrap_or_default();
    let repo = state.repos.get_mut(key).expect("checked by the caller");
    let may = may_write(repo, ask.access);
    let found = repo
        .pulls
        .iter_mut()
        .find(|pull| pull.number.to_string() == number);
    let Some(pull) = found else {
        return not_found();
    };
    let owner = pull.head_repo.split('/').next();
    if !may && ask.access.and_then(login) != owner {
        return refused();
    }
    match body["state"].as_str() {
        Some("closed") => pull.open = false,
        Some("open") if pull.merged.is_none() => pull.open = true,
        _ => {}
    }
    let pull = pull.clone();
    Answer::json(200, &pull_json(urls, state, key, &pull, true))
}

pub fn fork(state: &mut State, urls: &Urls, ask: &Ask, key: &str) -> Answer {
    let Some(owner) = ask.access.and_then(login) else {
        return refused();
    };
    let base = &state.repos[key];
    let Some(source) = &base.git else {
        return error(
            403,
            "The repository exists, but it contains no Git content.",
            None,
        );
    };
    let new = format!("{owner}/{}", base.name).to_lowercase();
    let (name, branch) = (base.name.clone(), base.default_branch.clone());
    if !state.repos.contains_key(&new) {
        let copied = GitDir::copy(source);
        let mut repo = Repo::new(owner, &name, state.id(), Visibility::Public);
        repo.git = Some(copied);
        repo.default_branch = branch;
        repo.fork_of = Some(key.to_owned());
        // Its content arrives later.
        repo.not_ready = 2;
        state.repos.insert(new.clone(), repo);
    }
    Answer::json(202, &repo_json(urls, &state.repos[&new], ask.access))
}

pub fn merge_upstream(state: &State, ask: &Ask, key: &str) -> Answer {
    let repo = &state.repos[key];
    let body = ask.json().unwrap_or_default();
    let branch = body["branch"].as_str().unwrap_or_default();
    let Some(base) = repo.fork_of.as_ref().map(|base| &state.repos[base]) else {
        return error(422, "The repository is not a fork.", None);
    };
    let url = git(base).path().to_str().expect("UTF-8");
    let to = format!("refs/heads/{branch}:refs/heads/{branch}");
    match git(repo).run(&["fetch", "--quiet", url, &to]) {
        Some(_) => Answer::json(
            200,
            &json!({"message": "Successfully fetched and fast-forwarded from upstream.", "merge_type": "fast-forward",
                "base_branch": format!("{}:{branch}", base.owner)}),
        ),
        None => error(409, "There are merge conflicts", None),
    }
}

impl super::FakeGitHub {
    /// The pull requests of a repository.
    pub fn pulls(&self, repo: &str) -> Vec<Pull> {
        self.with_repo(repo, |repo| repo.pulls.clone())
    }

    /// Merges a pull request, or closes it.
    pub fn decide_pull(&self, repo: &str, number: u64, merge: bool) {
        self.with_repo(repo, |repo| {
            let index = repo.pulls.iter().position(|pull| pull.number == number);
            let pull = &mut repo.pulls[index.expect("a known pull request")];
            pull.open = false;
            if merge {
                pull.merged = Some(SystemTime::now());
                let (base, sha) = (format!("refs/heads/{}", pull.base), pull.sha.clone());
                git(repo)
                    .run(&["update-ref", &base, &sha])
                    .expect("git update-ref");
            }
        });
    }
}

/// The JSON of a pull request in the API; `full` as the answer to a request for one.
fn pull_json(urls: &Urls, state: &State, key: &str, pull: &Pull, full: bool) -> Value {
    let repo = &state.repos[key];
    let number = pull.number;
    let url = format!(
        "{}/repos/{}/{}/pulls/{number}",
        urls.api, repo.owner, repo.name
    );
    let issue = format!(
        "{}/repos/{}/{}/issues/{number}",
        urls.api, repo.owner, repo.name
    );
    let web = format!("{}/{}/{}/pull/{number}", urls.web, repo.owner, repo.name);
    let statuses = format!(
        "{}/repos/{}/{}/statuses/{}",
        urls.api, repo.owner, repo.name, pull.sha
    );
    let side = |repo: &Repo, branch: &str, sha: &str| {
        json!({
            "label": format!("{}:{branch}", repo.owner), "ref": branch, "sha": sha, "user": user(urls, &repo.owner),
            "repo": repo_json(urls, repo, None),
        })
    };
    let from = &state.repos[&pull.head_repo];
    let base = repo.git.as_ref().and_then(|git| git.commit(&pull.base));
    let closed = (!pull.open).then(|| timestamp(pull.merged.unwrap_or(pull.created)));
    let mut shown = json!({
        "url": url, "id": number, "node_id": format!("PR_{number}"), "html_url": web, "diff_url": format!("{web}.diff"),
        "patch_url": format!("{web}.patch"), "issue_url": issue, "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"), "review_comment_url": format!("{url}/comments{{/number}}"),
        "comments_url": format!("{issue}/comments"), "statuses_url": statuses, "number": number,
        "state": if pull.open { "open" } else { "closed" }, "locked": false, "title": pull.title, "user": user(urls, &from.owner),
        "body": pull.body, "labels": [], "milestone": null, "active_lock_reason": null, "created_at": timestamp(pull.created),
        "updated_at": timestamp(pull.created), "closed_at": closed, "merged_at": pull.merged.map(timestamp),
        "merge_commit_sha": null, "assignee": null, "assignees": [], "requested_reviewers": [], "requested_teams": [],
        "head": side(from, &pull.branch, &pull.sha), "base": side(repo, &pull.base, &base.unwrap_or_default()),
        "author_association": "CONTRIBUTOR", "auto_merge": null, "draft": false,
    });
    shown["_links"] = json!({
            "self": {"href": url}, "html": {"href": web}, "issue": {"href": issue}, "comments": {"href": format!("{issue}/comments")},
            "review_comments": {"href": format!("{url}/comments")}, "commits": {"href": format!("{url}/commits")},
            "review_comment": {"href": format!("{url}/comments{{/number}}")}, "statuses": {"href": statuses},
    });
    if full {
        for field in [
            "comments",
            "review_comments",
            "commits",
            "additions",
            "deletions",
            "changed_files",
        ] {
            shown[field] = 0.into();
        }
        shown["merged"] = pull.merged.is_some().into();
        shown["maintainer_can_modify"] = false.into();
        for field in ["mergeable", "merged_by", "rebaseable"] {
            shown[field] = Value::Null;
        }
        shown["mergeable_state"] = "unknown".into();
    }
    shown
}
