//! A release with many channels, and every place that they are pushed to: a fake GitHub as the hub
//! and as the server of repositories, git repositories elsewhere, and stand-ins of the registries.
//! A [`Tripwire`] is in front of all of them, and wrappers note the calls of programs.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

mod checks;
mod wrappers;

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::{commit, git};
use crate::env::{Output, TestEnv, list, remove};
use crate::fake_github::{ADMIN, FakeGitHub, Urls, Visibility};
use crate::servers::git::GitServer;
use crate::servers::npm::{self, NpmRegistry};
use crate::servers::nuget::{self, NugetFeed};
use crate::servers::pypi::{self, PypiRepository};
use crate::servers::registry::{Login, Registry};
use crate::servers::scripted::{Reply, Script};
use crate::servers::tripwire::Tripwire;

pub use checks::writes_to_a_channel;
pub use wrappers::PROGRAMS;

/// The repository of the hub.
pub const HUB: &str = "acme/tools";

/// The tap, on the server of the hub.
pub const TAP: &str = "acme/homebrew-tools";

/// The repository of winget, on the server of the hub, to which the token may not push.
pub const WINGET: &str = "acme/winget-pkgs";

/// The fork of it that the token's owner gets.
pub const FORK: &str = "admin/winget-pkgs";

/// The branch of a proposal, by version.
pub fn proposal(version: &str) -> String {
    format!("Acme.arc-{version}")
}

/// The repositories on a server of git of their own, with their default branch.
pub const ELSEWHERE: [(&str, &str); 4] = [
    ("project", "main"),
    ("scoop-bucket", "main"),
    ("arc-bin", "master"),
    ("packages", "main"),
];

/// The release on the hub that is a repository for apt.
pub const APT: &str = "arc-apt";

/// The Go module, and the tag of a version.
pub const MODULE: &str = "hub.example/acme/arc";
pub const MODULE_TAG: &str = "subsystems/arc/module/v";

/// The image, without its registry.
pub const IMAGE: &str = "acme/arc";

/// The channels with a place of their own.
pub const PUSHED: [&str; 8] = [
    "aur",
    "chocolatey",
    "docker",
    "gomodule",
    "homebrew",
    "pypi",
    "scoop",
    "winget",
];

/// The channels whose files join the release.
pub const ATTACHED: [&str; 3] = ["deb", "installer", "rpm"];

/// The arguments of a run that does one thing after the other.
pub const PUBLISH: [&str; 4] = ["publish", "all", "--jobs", "1"];

/// The project, and everything around it.
pub struct World {
    pub env: TestEnv,
    pub wire: Tripwire,
    pub github: FakeGitHub,
    pub git: GitServer,
    pub registry: Registry,
    pub npm: NpmRegistry,
    pub pypi: PypiRepository,
    pub nuget: NugetFeed,
    has_npm: bool,
    git_url: String,
    /// Answers for every version.
    pub goproxy: Script,
    urls: Urls,
}

/// The urls that the project's files name.
struct Fronts {
    git: String,
    registry: String,
    pypi: String,
    nuget: String,
}

impl World {
    /// With every channel but npm, whose client is slow, and everything installed.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same with npm.
    pub fn with_npm() -> Self {
        Self::with("  npm: {package: \"@acme/arc\"}\n")
    }

    /// With further channels.
    fn with(more: &str) -> Self {
        let mut env = TestEnv::new();
        let wire = Tripwire::new();
        let urls = Urls {
            api: wire.front("api"),
            uploads: wire.front("uploads"),
            web: wire.front("web"),
            store: wire.front("store"),
        };
        let fronts = Fronts {
            git: wire.front("git"),
            registry: wire.front("registry"),
            pypi: wire.front("pypi"),
            nuget: wire.front("nuget"),
        };
        env.set("GH_TOKEN", ADMIN)
            .set("GITHUB_API_URL", &urls.api)
            .set("GITHUB_SERVER_URL", &urls.web)
            .set("LARDER_GITHUB_PACE", "0s")
            .set("LARDER_GITHUB_SETTLE", "0s");
        env.set("npm_config_registry", format!("{}/", wire.front("npm")))
            .set("NPM_TOKEN", npm::TOKEN)
            .set("TWINE_USERNAME", "acme")
            .set("TWINE_PASSWORD", pypi::PASSWORD)
            .set("CHOCOLATEY_API_KEY", nuget::KEY)
            .set("GOPROXY", format!("{},direct", wire.front("goproxy")));
        write_project(&env, &fronts, more);
        wrappers::add(&mut env);
        std::fs::create_dir_all(env.base().join("git")).unwrap();
        let mut world = Self {
            git: GitServer::start(&env.base().join("git")),
            env,
            wire,
            github: FakeGitHub::start(),
            registry: Registry::with_login(Login::Basic),
            npm: NpmRegistry::start(),
            pypi: PypiRepository::start(),
            nuget: NugetFeed::start(),
            has_npm: more.contains("npm"),
            git_url: fronts.git.clone(),
            goproxy: Script::start(|seen, _| {
                // `/<module>/@v/<version>.info`
                let version = seen.path.rsplit('/').next().unwrap_or_default();
                let version = version.trim_end_matches(".info");
                Reply::ok(format!("{{\"Version\": \"{version}\"}}"))
            }),
            urls,
        };
        let login = world.registry.docker_config();
        let front = fronts.registry.trim_start_matches("http://");
        let login = login.replace(world.registry.host(), front);
        world.env.write("../home/.docker/config.json", login);
        world.github.repo(HUB, Visibility::Public);
        world.connect();
        world.ensure();
        world.copy(world.env.project(), &world.template());
        world.reset();
        world
    }

    /// A new project with everything installed and nothing released, and empty places.
    pub fn reset(&mut self) {
        self.wire.disarm();
        self.wire.heal();
        self.wire.clear();
        for name in list(self.env.project()) {
            remove(&self.env.path(name));
        }
        self.copy(&self.template(), self.env.project());
        self.take_calls();
        self.github = FakeGitHub::start();
        self.github.repo(HUB, Visibility::Public);
        self.empty_places();
    }

    /// Empties every place of a channel, and forgets what was published there. The release on the
    /// hub stays, without what joins it.
    pub fn empty_places(&mut self) {
        remove(&self.env.path(".larder/publish"));
        self.registry = Registry::with_login(Login::Basic);
        self.npm = NpmRegistry::start();
        self.pypi = PypiRepository::start();
        self.nuget = NugetFeed::start();
        self.github.with_state(|state| {
            for name in [TAP, WINGET, FORK] {
                state.repos.remove(name);
            }
        });
        self.github.with_repo(HUB, |hub| {
            for release in &mut hub.releases {
                release.assets.retain(|asset| !is_attached(&asset.name));
            }
            hub.releases.retain(|release| release.tag != APT);
        });
        self.connect();
        for (name, branch) in ELSEWHERE {
            let path = self.elsewhere(name);
            remove(&path);
            self.real_git(&["init", "-q", "--bare", "-b", branch, path.as_str()])
                .success();
            // A clone may leave out the content of files.
            let filter = [
                "-C",
                path.as_str(),
                "config",
                "uploadpack.allowFilter",
                "true",
            ];
            self.real_git(&filter).success();
        }
        let project = self.elsewhere("project");
        let push = [
            "-C",
            self.env.project().as_str(),
            "push",
            "-q",
            project.as_str(),
            "main",
        ];
        self.real_git(&push).success();
    }

    /// Empties the registry of npm.
    pub fn empty_npm(&mut self) {
        self.npm = NpmRegistry::start();
        self.wire.point("npm", &self.npm.url());
        self.wire.clear();
        self.take_calls();
    }

    /// Puts the proxies in front of the servers, and makes the repositories on the hub's server.
    fn connect(&self) {
        for name in [TAP, WINGET] {
            self.github.repo(name, Visibility::Public);
        }
        self.github.with_git(TAP);
        self.github.commit_file(WINGET, "README.md", "Manifests\n");
        self.github.with_repo(WINGET, |repo| repo.locked = true);
        self.github.show(self.urls.clone());
        self.wire.point("api", &self.github.api_url());
        self.wire.point("uploads", &self.github.uploads_url());
        self.wire.point("web", &self.github.web_url());
        self.wire.point("store", &self.github.store_url());
        self.wire.point("git", self.git.url());
        self.wire.point("registry", self.registry.url());
        self.wire.point("npm", &self.npm.url());
        self.wire.point("pypi", &self.pypi.url());
        self.wire.point("nuget", &self.nuget.url());
        self.wire.point("goproxy", &self.goproxy.url);
    }

    fn ensure(&self) {
        let all = ["ensure", "all", "--platform", "all"];
        self.env.larder(all).success();
    }

    /// Pins another version, and installs it.
    pub fn bump(&self, version: &str) {
        let text = self.env.read("versions.yml");
        let (_, rest) = text.split_once('}').unwrap();
        let text = format!("versions: {{arc: {version}}}{rest}");
        self.env.write("versions.yml", text);
        self.ensure();
    }

    /// Publishes everything, one after the other, so that the order is always the same.
    pub fn publish(&self) -> Output {
        self.env.larder_json(PUBLISH)
    }

    /// The names of the packages in the release, which the channels point to.
    pub fn assets() -> [&'static str; 2] {
        ["arc-linux-amd64.tar.gz", "arc-windows-amd64.zip"]
    }

    // --- the repositories ---

    /// The url of the server of git.
    pub fn front_of_git(&self) -> &str {
        &self.git_url
    }

    /// The folder of a repository on the server of its own.
    pub fn elsewhere(&self, name: &str) -> Utf8PathBuf {
        self.env.base().join("git").join(format!("{name}.git"))
    }

    /// Runs the git of the machine, not the wrapper.
    pub fn real_git(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .env("HOME", self.env.home())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        self.env.output(command)
    }

    /// The subjects of the commits of a branch, newest first; none if there is no such branch.
    pub fn commits(&self, repository: &Utf8Path, branch: &str) -> Vec<String> {
        let branch = format!("refs/heads/{branch}");
        let log = ["-C", repository.as_str(), "log", "--format=%s", &branch];
        let log = self.real_git(&log).stdout;
        log.lines().map(str::to_owned).collect()
    }

    /// The folder of a repository on the hub's server.
    pub fn hosted(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.github.with_git(name)).unwrap()
    }

    // --- files ---

    fn template(&self) -> Utf8PathBuf {
        self.env.base().join("template")
    }

    /// Copies a folder with its links and times.
    fn copy(&self, from: &Utf8Path, to: &Utf8Path) {
        let line = format!("mkdir -p '{to}' && cp -a '{from}/.' '{to}'");
        self.env.sh(&line);
    }
}

/// Whether an asset is a package or an installer.
fn is_attached(name: &str) -> bool {
    [".deb", ".rpm", "install.sh", "install.ps1"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn write_project(env: &TestEnv, fronts: &Fronts, more: &str) {
    let Fronts {
        git: git_url,
        registry,
        pypi,
        nuget,
    } = fronts;
    let registry = registry.trim_start_matches("http://");
    env.write(
        "versions.yml",
        format!(
            "versions: {{arc: v1.2.3}}\nplatforms: [linux-amd64, windows-amd64]\n\
             hub: {{github: {HUB}}}\npublish:\n  maintainer: Acme <tools@acme-tools.org>\n  \
             concurrency: 1\n  retry: {{max: 1, base_delay: 1ms}}\n"
        ),
    );
    env.write(
        "subsystems/arc/recipe.yml",
        format!(
            "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\n\
             license: MIT\nbinaries: [arc]\nbuild:\n  source: {{dir: src}}\n  platforms: all\n  \
             commands: ['cp arc \"{{{{ out }}}}/arc{{{{ exe }}}}\"']\npublish:\n  \
             homebrew: {{tap: {TAP}}}\n  scoop: {{bucket: {{git: \"{git_url}/scoop-bucket.git\"}}}}\n  \
             aur: {{git: \"{git_url}/arc-bin.git\"}}\n  \
             winget: {{repository: {WINGET}, publisher: Acme}}\n  \
             pypi: {{package: acme-arc, repository: \"{pypi}/\"}}\n  \
             chocolatey: {{push: \"{nuget}\"}}\n  \
             gomodule: {{module: {MODULE}, dir: module}}\n  \
             docker: {{images: [\"{registry}/{IMAGE}\"]}}\n  \
             deb: {{repository: {{hub: true}}}}\n  \
             rpm: {{repository: {{git: \"{git_url}/packages.git\"}}}}\n  \
               installer: {{}}\n{more}"
        ),
    );
    env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1.2.3\n");
    env.write(
        "subsystems/arc/module/go.mod",
        format!("module {MODULE}\n\ngo 1.21\n"),
    );
    let text = "// Package arc is a module.\npackage arc\n";
    env.write("subsystems/arc/module/arc.go", text);
    env.write(".gitignore", ".bin/\n.dist/\n.larder/\n");
    git(env, &["init", "-q", "-b", "main", "."]);
    commit(env, "feat: a first arc", "2024-05-06T07:08:09Z");
    git(
        env,
        &[
            "remote",
            "add",
            "origin",
            &format!("{}/project.git", fronts.git),
        ],
    );
}
