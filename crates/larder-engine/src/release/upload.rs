//! The rules of `upload:`: whether something that was built here is released automatically.

use crate::context::{Context, Options};
use crate::settings::{ActionsContext, CiContext};
use larder_core::project::{HubConfig, Project, UploadPolicy};

/// Whether to release after a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadDecision {
    /// Release it.
    Yes,
    /// Don't release it, and report why.
    Skip(String),
    /// Don't release it and report nothing, because no release is expected (outside CI, or `upload: never`).
    No,
}

/// The decision for each build of a run. What is installed apart from the project is not shared, so it is not released.
pub fn after_builds(ctx: &Context) -> UploadDecision {
    let Options {
        upload,
        no_upload,
        install_root,
        ..
    } = &ctx.options;
    if *no_upload || install_root.is_some() {
        return UploadDecision::No;
    }
    let decision = decide(&ctx.project, *upload, &ctx.settings.ci);
    let is_asked = *upload;
    let unsigned = ctx.project.trust.needs_signature && !ctx.settings.signing.has_key();
    match decision {
        UploadDecision::Yes if unsigned && !is_asked => UploadDecision::Skip(
            "nobody accepts a release without a signature, and LARDER_SIGNING_KEY is not set"
                .into(),
        ),
        decision => decision,
    }
}

/// Decides from the project and from the CI system's variables.
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
        // Other CI systems don't report the event that started the run.
        (_, HubConfig::Dir { .. }) if ci && actions.is_none() => UploadDecision::Yes,
        (
            _,
            HubConfig::Dir { .. }
            | HubConfig::GitHub { .. }
            | HubConfig::S3 { .. }
            | HubConfig::Oci { .. },
        ) => {
            if ci {
                in_actions(actions)
            } else {
                UploadDecision::No
            }
        }
    }
}

/// The reason why `larder ci` does not write to the hub in this run, if there is one. In GitHub Actions the commands of
/// `ci:` follow the same rules; a release that a person or a workflow starts as its own command does not.
pub fn reason_not_to_release(project: &Project, ci: &CiContext) -> Option<String> {
    if !ci.is_ci || ci.actions.is_none() || matches!(project.hub, HubConfig::Http { .. }) {
        return None;
    }
    match in_actions(ci.actions.as_ref()) {
        UploadDecision::Skip(why) => Some(why),
        UploadDecision::Yes | UploadDecision::No => None,
    }
}

/// What the event that started GitHub Actions allows.
fn in_actions(actions: Option<&ActionsContext>) -> UploadDecision {
    let skip = |why: &str| UploadDecision::Skip(why.to_owned());
    let Some(ActionsContext {
        event,
        reference,
        payload,
        run_url: _,
    }) = actions
    else {
        return skip("only GitHub Actions releases to this hub automatically");
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
        None => skip("the event's payload does not name the default branch"),
    }
}
