//! The starter project that `init` writes: a list of files. Knows nothing of where they go or what is there already.

/// Path in the project → content. All are meant to be changed by the user.
pub const FILES: &[(&str, &str)] = &[
    ("versions.yml", include_str!("starter/versions.yml")),
    ("subsystems/hello/recipe.yml", include_str!("starter/recipe.yml")),
    ("subsystems/hello/hello.sh", include_str!("starter/hello.sh")),
];

/// Lines for the project's `.gitignore`; appended where one exists and lacks them.
pub const GITIGNORE: &str = include_str!("starter/gitignore");
