//! Whether what was built here is released by itself: the rules of `upload:`.

use crate::context::{Context, Options};
use crate::settings::{ActionsContext, CiContext};
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

/// What happens after each build of a run. What is installed apart from the project is nobody else's.
pub fn after_builds(ctx: &Context) -> UploadDecision {
    let Options {
        upload,
        install_root,
        ..
    } = &ctx.options;
    if install_root.is_some() {
        return UploadDecision::No;
    }
    decide(&ctx.project, *upload, &ctx.settings.ci)
}

/// Decides from the project and what the system for continuous integration says.
fn decide(project: &Project, asked: bool, ci: &CiContext) -> UploadDecision {
    if asked {
        return UploadDecision::Yes;
    }
    let CiContext { is_ci: ci, actions } = ci;
    let (ci, actions) = (*ci, actions.as_ref());
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
        (_, HubConfig::Dir { .. }) if ci && actions.is_none() => UploadDecision::Yes,
        (_, HubConfig::Dir { .. } | HubConfig::GitHub { .. }) => {
            if ci {
                in_actions(actions)
            } else {
                UploadDecision::No
            }
        }
    }
}

/// Why what `ci:` says is not written to the hub here: in GitHub Actions a list that runs by itself follows the same rules.
/// What a person or a workflow says as a command of its own is done.
pub fn held_back(project: &Project, ci: &CiContext) -> Option<String> {
    if !ci.is_ci || ci.actions.is_none() || matches!(project.hub, HubConfig::Http { .. }) {
        return None;
    }
    match in_actions(ci.actions.as_ref()) {
        UploadDecision::Skip(why) => Some(why),
        UploadDecision::Yes | UploadDecision::No => None,
    }
}

/// What GitHub's event allows.
fn in_actions(actions: Option<&ActionsContext>) -> UploadDecision {
    let skip = |why: &str| UploadDecision::Skip(why.to_owned());
    let Some(ActionsContext {
        event,
        reference,
        payload,
        run_url: _,
    }) = actions
    else {
        return skip("a GitHub hub is written automatically only from GitHub Actions");
    };
    if event.starts_with("pull_request") {
        return skip("pull requests never write to the hub");
    }
    if reference.starts_with("refs/tags/") {
        return UploadDecision::Yes;
    }
    let payload = payload
        .as_ref()
        .and_then(|path| larder_core::fs::read(path).ok());
    let default = payload
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|value| {
            value
                .pointer("/repository/default_branch")?
                .as_str()
                .map(str::to_owned)
        });
    match default {
        Some(default) if *reference == format!("refs/heads/{default}") => UploadDecision::Yes,
        Some(default) => UploadDecision::Skip(format!(
            "{reference} is neither the default branch ({default}) nor a tag"
        )),
        None => skip("the event's payload names no default branch"),
    }
}
