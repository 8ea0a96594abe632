//! The files of the starter project that `init` writes.

use std::fmt::Write as _;

use larder_core::error::{Error, Result};
use larder_core::model::{ChannelKind, is_commit};

use super::Workflow;

/// Where a runner gets larder from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LarderSource {
    repository: String,
    revision: String,
}

impl LarderSource {
    /// A git repository and the full id of a commit; `None` unless they are an https url and that.
    pub fn new(repository: &str, revision: &str) -> Option<Self> {
        let is_url = repository.starts_with("https://")
            && repository
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~/:".contains(c));
        (is_url && revision.len() == 40 && is_commit(revision)).then(|| Self {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
        })
    }
}

/// The path in the project and the content of each file. The user is expected to change them.
#[cfg(not(windows))]
pub const FILES: &[(&str, &str)] = &[
    ("versions.yml", include_str!("starter/versions.yml")),
    (
        "subsystems/hello/recipe.yml",
        include_str!("starter/recipe.yml"),
    ),
    (
        "subsystems/hello/hello.sh",
        include_str!("starter/hello.sh"),
    ),
];

/// The path in the project and the content of each file. The user is expected to change them. The
/// commands are those of cmd.
#[cfg(windows)]
pub const FILES: &[(&str, &str)] = &[
    ("versions.yml", include_str!("starter/versions.yml")),
    (
        "subsystems/hello/recipe.yml",
        include_str!("starter/recipe-windows.yml"),
    ),
    (
        "subsystems/hello/hello.cmd",
        include_str!("starter/hello.cmd"),
    ),
];

/// Lines for the project's `.gitignore`; those that an existing file does not have are appended to it.
pub const GITIGNORE: &str = include_str!("starter/gitignore");

/// The workflow for GitHub Actions: its path, and its text with places for larder's own repository
/// and revision.
pub const WORKFLOW: (&str, &str) = (
    ".github/workflows/larder.yml",
    include_str!("starter/larder.yml"),
);

/// The job that publishes, with places for what the channels need.
const PUBLISH_JOB: &str = include_str!("starter/publish-job.yml");

/// The step of the job `ci` that keeps the folder of the pages, with a place for its path.
const PAGES_UPLOAD: &str = include_str!("starter/pages-upload.yml");

/// The job that deploys that folder to GitHub Pages.
const PAGES_JOB: &str = include_str!("starter/pages-job.yml");

/// The job that feeds these channels.
fn publish_job(channels: &[ChannelKind]) -> String {
    let has = |kind| channels.contains(&kind);
    let mut clients = String::new();
    let mut secrets = String::new();
    let mut secret = |variable: &str, what: &str| {
        let _ = write!(
            secrets,
            "\n          {variable}: ${{{{ secrets.{variable} }}}} # {what}"
        );
    };
    let own_repositories = [
        ChannelKind::Homebrew,
        ChannelKind::Scoop,
        ChannelKind::Winget,
    ];
    if own_repositories.into_iter().any(has) {
        secret(
            "LARDER_GITHUB_TOKEN",
            "may write the contents of this repository, the tap, the bucket and the manifests",
        );
    }
    if has(ChannelKind::Chocolatey) {
        secret("CHOCOLATEY_API_KEY", "may push the package");
    }
    if has(ChannelKind::Snap) {
        secret(
            "SNAPCRAFT_STORE_CREDENTIALS",
            "may upload and release the snap",
        );
        clients.push_str(
            "\n      - name: Install snapcraft\n        run: sudo snap install snapcraft --classic",
        );
    }
    if has(ChannelKind::Npm) {
        secret(
            "NPM_TOKEN",
            "may publish the packages; without it npm uses trusted publishing",
        );
    }
    if has(ChannelKind::Pypi) {
        clients.push_str("\n      - name: Install twine\n        run: pipx install twine # it uses trusted publishing by itself");
    }
    if has(ChannelKind::Docker) {
        clients.push_str(
            "\n      - name: Log in to the registry of images\n        \
             run: docker login \"$REGISTRY\" --username \"$REGISTRY_USER\" --password-stdin <<< \"$REGISTRY_PASSWORD\"\n        \
             env:\n          \
             REGISTRY: ${{ vars.REGISTRY }}\n          \
             REGISTRY_USER: ${{ vars.REGISTRY_USER }}\n          \
             REGISTRY_PASSWORD: ${{ secrets.REGISTRY_PASSWORD }} # may push the images",
        );
    }
    let trusted = has(ChannelKind::Npm) || has(ChannelKind::Pypi);
    let id_token = if trusted {
        "\n      id-token: write # trusted publishing and provenance at the registries"
    } else {
        ""
    };
    PUBLISH_JOB
        .replace("@ID_TOKEN@", id_token)
        .replace("@CLIENTS@", &clients)
        .replace("@SECRETS@", &secrets)
}

/// The text of a workflow. If it is not known where larder comes from, its user has to fill that in.
pub fn workflow(workflow: &Workflow) -> String {
    let Workflow {
        larder,
        publish,
        pages,
    } = workflow;
    let (repository, revision) = larder.as_ref().map_or(("", ""), |larder| {
        (larder.repository.as_str(), larder.revision.as_str())
    });
    let fill_in = |what: &str| match larder {
        Some(_) => String::new(),
        None => format!(" # FILL IN: {what}"),
    };
    let upload = pages.as_ref().map_or(String::new(), |folder| {
        PAGES_UPLOAD.trim_end().replace("@DIR@", folder)
    });
    let mut text = WORKFLOW
        .1
        .replace(
            "@PUBLISH@",
            match publish {
                Some(_) => "\n#   publish    on a tag: feeds the package managers that `publish:` names, after an approval",
                None => "",
            },
        )
        .replace(
            "@PAGES@",
            match pages {
                Some(_) => "\n#   pages      on the default branch: puts the pages that `ci` made on GitHub Pages",
                None => "",
            },
        )
        .replace("@UPLOAD_PAGES@", &upload);
    if let Some(channels) = publish {
        text += &publish_job(channels);
    }
    if pages.is_some() {
        text += PAGES_JOB;
    }
    text.replace("@REPOSITORY@", repository)
        .replace("@REVISION@", revision)
        .replace(
            "@FILL_REPOSITORY@",
            &fill_in("the https url of larder's repository"),
        )
        .replace("@FILL_REVISION@", &fill_in("40 hex digits"))
}

/// The path of a folder of the project, as workflows name it: relative, with `/`.
pub fn pages_folder(text: &str) -> Result<String> {
    let path = text.replace('\\', "/");
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let good = |part: &str| {
        !part.is_empty()
            && part != ".."
            && !part.starts_with('-')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    if path.split('/').all(good) {
        Ok(path.to_owned())
    } else {
        Err(Error::usage(format!(
            "`--pages {text}` does not name a folder of the project"
        ))
        .hint(
            "write the relative path of the folder that `larder ci` makes, such as `--pages site`",
        ))
    }
}

/// The text of `versions.yml` with a GitHub hub instead of the example of one.
pub fn with_hub(versions: &str, repo: &str) -> String {
    let mut text = String::new();
    for line in versions.lines() {
        if line.starts_with("# hub: {github:") {
            text.push_str("hub: {github: ");
            text.push_str(repo);
            text.push('}');
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
}
