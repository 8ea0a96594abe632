//! Whether what was built here is released by itself: DESIGN 4's rules for `upload:`.

use larder_core::project::{HubConfig, Project, UploadPolicy};

/// Whether to release after a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadDecision {
    /// Do.
    Yes,
    /// Don't, and say why.
    Skip(String),
    /// Don't, silently: nobody would expect it (outside CI, or `upload: never`).
    No,
}

/// Decides from the project and the environment.
pub fn decide(
    project: &Project,
    asked: bool,
    env: &dyn Fn(&str) -> Option<String>,
) -> UploadDecision {
    if asked {
        return UploadDecision::Yes;
    }
    let ci = in_ci(env);
    match (project.upload, &project.hub) {
        (UploadPolicy::Never, _) => UploadDecision::No,
        (UploadPolicy::Always, HubConfig::Dir { .. }) => UploadDecision::Yes,
        (_, HubConfig::Http { .. }) => {
            if ci {
                UploadDecision::Skip("an http hub is read-only".into())
            } else {
                UploadDecision::No
            }
        }
        // Other CI systems don't say what event they run for.
        (_, HubConfig::Dir { .. }) if ci && !in_github_actions(env) => UploadDecision::Yes,
        (_, HubConfig::Dir { .. } | HubConfig::GitHub { .. }) => {
            if ci {
                in_actions(env)
            } else {
                UploadDecision::No
            }
        }
    }
}

/// Why what `ci:` says is not written to the hub here: in GitHub Actions a list that runs by itself follows the same rules.
/// What a person or a workflow says as a command of its own is done.
pub fn held_back(project: &Project, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if !in_ci(env) || !in_github_actions(env) || matches!(project.hub, HubConfig::Http { .. }) {
        return None;
    }
    match in_actions(env) {
        UploadDecision::Skip(why) => Some(why),
        UploadDecision::Yes | UploadDecision::No => None,
    }
}

/// "In CI" means `CI` is true.
pub fn in_ci(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("CI").is_some_and(|value| value == "true" || value == "1")
}

fn in_github_actions(env: &dyn Fn(&str) -> Option<String>) -> bool {
    env("GITHUB_ACTIONS").as_deref() == Some("true")
}

/// What GitHub's event allows.
fn in_actions(env: &dyn Fn(&str) -> Option<String>) -> UploadDecision {
    let skip = |why: &str| UploadDecision::Skip(why.to_owned());
    if !in_github_actions(env) {
        return skip("a GitHub hub is written automatically only from GitHub Actions");
    }
    let event = env("GITHUB_EVENT_NAME").unwrap_or_default();
    if event.starts_with("pull_request") {
        return skip("pull requests never write to the hub");
    }
    let reference = env("GITHUB_REF").unwrap_or_default();
    if reference.starts_with("refs/tags/") {
        return UploadDecision::Yes;
    }
    let payload = env("GITHUB_EVENT_PATH").and_then(|path| larder_core::fs::read(path).ok());
    let default = payload
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|value| {
            value
                .pointer("/repository/default_branch")?
                .as_str()
                .map(str::to_owned)
        });
    match default {
        Some(default) if reference == format!("refs/heads/{default}") => UploadDecision::Yes,
        Some(default) => UploadDecision::Skip(format!(
            "{reference} is neither the default branch ({default}) nor a tag"
        )),
        None => skip("the event's payload names no default branch"),
    }
}

/// Url of the CI run, if this is one.
pub fn run_url() -> Option<String> {
    let env = |name: &str| std::env::var(name).ok();
    if !in_github_actions(&env) {
        return None;
    }
    Some(format!(
        "{}/{}/actions/runs/{}",
        env("GITHUB_SERVER_URL")?,
        env("GITHUB_REPOSITORY")?,
        env("GITHUB_RUN_ID")?
    ))
}
