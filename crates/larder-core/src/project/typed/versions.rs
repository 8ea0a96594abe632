//! `versions.yml` as typed.

use super::words::{
    EnvName, ProjectName, Repo, Requirement, SourceWord, TaskName, UploadWord, Value,
};
use crate::model::{FileName, Name, Platform, Version};
use crate::project::syntax::decode::{At, NonEmpty, Pairs};
use crate::project::syntax::keys::keys;

keys! {
    /// versions.yml: the versions a project pins, and how it gets and shares their binaries.
    pub struct RawVersions, required ["versions"] {
        /// The project's name; default the folder's name.
        "project" project: At<ProjectName>,
        /// What it demands of larder's own version, such as ">=0.1".
        "requires" requires: At<Requirement>,
        /// Subsystem: version. Kept as the text that was written: 1.10 stays 1.10.
        "versions" versions: Pairs<Name, At<Version>>,
        /// The platforms the project is for; default the host.
        "platforms" platforms: NonEmpty<At<Platform>>,
        /// Where the team's own releases live; default the folder .larder-hub.
        "hub" hub: RawHub,
        /// The search order; the local cache comes first always.
        "sources" sources: NonEmpty<At<SourceWord>>,
        /// What happens after a build; default ci.
        "upload" upload: At<UploadWord>,
        /// The project's bundles: one archive per platform with all binaries.
        "bundle" bundle: RawBundle,
        /// Named command lists for `larder run`.
        "tasks" tasks: Pairs<TaskName, RawTask>,
        /// What `larder ci` does: command lines without the leading `larder`.
        "ci" ci: Vec<At<String>>,
        /// Folder of the recipes, relative to the project; default subsystems.
        "subsystems_dir" subsystems_dir: At<String>,
    }
}

keys! {
    /// Where the team's own releases live: one of the keys.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub struct RawHub, required [] {
        /// Releases of a GitHub repository, owner/name.
        "github" github: At<Repo>,
        /// A folder, relative to the project or absolute.
        "dir" dir: At<String>,
        /// A folder hub behind a static web server, read-only.
        "http" http: At<String>,
    }
}

keys! {
    /// One archive per platform with all binaries.
    pub struct RawBundle, required [] {
        /// Stem of its file names; default the project's name.
        "name" name: At<FileName>,
        /// Subsystems left out.
        "exclude" exclude: Vec<At<Name>>,
    }
}

keys! {
    /// A named list of commands.
    pub struct RawTask, required [] {
        /// One line about it.
        "desc" desc: At<String>,
        /// What runs before: names of tasks, or command lines without `larder`, such as `ensure all`.
        "needs" needs: Vec<At<String>>,
        /// Environment added.
        "env" env: Pairs<EnvName, At<Value>>,
        /// Run one by one with the shell.
        "commands" commands: Vec<At<String>>,
        /// If all of these exit 0, there is nothing to do.
        "status" status: Vec<At<String>>,
    }
}
