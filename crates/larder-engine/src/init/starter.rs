//! The starter project that `init` writes: a list of files. Knows nothing of where they go or what is there already.

/// Path in the project → content. All are meant to be changed by the user.
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

/// Lines for the project's `.gitignore`; appended where one exists and lacks them.
pub const GITIGNORE: &str = include_str!("starter/gitignore");

/// The workflow for GitHub Actions: its path, and its text with a placeholder.
pub const WORKFLOW: (&str, &str) = (
    ".github/workflows/larder.yml",
    include_str!("starter/larder.yml"),
);

/// The workflow that installs this version of larder.
pub fn workflow(version: &str) -> String {
    WORKFLOW.1.replace("@VERSION@", version)
}

/// `versions.yml` with the hub named.
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
