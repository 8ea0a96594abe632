//! The files of the starter project that `init` writes.

use larder_core::model::is_commit;

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

/// The workflow that installs larder from this revision, or whose user has to say from which.
pub fn workflow(larder: Option<&LarderSource>) -> String {
    let (repository, revision) = larder.map_or(("", ""), |larder| {
        (larder.repository.as_str(), larder.revision.as_str())
    });
    let fill_in = |what: &str| match larder {
        Some(_) => String::new(),
        None => format!(" # FILL IN: {what}"),
    };
    WORKFLOW
        .1
        .replace("@REPOSITORY@", repository)
        .replace("@REVISION@", revision)
        .replace(
            "@FILL_REPOSITORY@",
            &fill_in("the https url of larder's repository"),
        )
        .replace("@FILL_REVISION@", &fill_in("40 hex digits"))
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
