//! The files of the starter project that `init` writes.

/// The path in the project and the content of each file. The user is expected to change them.
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

/// Lines for the project's `.gitignore`; those that an existing file does not have are appended to it.
pub const GITIGNORE: &str = include_str!("starter/gitignore");

/// The workflow for GitHub Actions: its path, and its text with a placeholder for larder's version.
pub const WORKFLOW: (&str, &str) = (
    ".github/workflows/larder.yml",
    include_str!("starter/larder.yml"),
);

/// The workflow that installs this version of larder.
pub fn workflow(version: &str) -> String {
    WORKFLOW.1.replace("@VERSION@", version)
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
