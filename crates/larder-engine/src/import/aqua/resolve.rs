//! Finds the keys of a definition that count for a version and a platform, in aqua's order: the first range of versions that
//! matches, then the format of the operating system, then the first override that matches.

use larder_core::model::{Arch, Libc, Os, Platform};

use super::definition::{Keys, Override, Package};
use super::language::expression;

/// A platform in aqua's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) os: &'static str,
    pub(super) arch: &'static str,
    pub(super) libc: &'static str,
}

impl Target {
    /// `None` for a platform that aqua does not know.
    pub(super) fn of(platform: Platform) -> Option<Self> {
        let arch = match platform.arch {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
            _ => return None,
        };
        let (os, libc) = match (platform.os, platform.libc) {
            (Os::Linux, Some(Libc::Musl)) => ("linux", "musl"),
            (Os::Linux, _) => ("linux", "glibc"),
            (Os::Darwin, _) => ("darwin", ""),
            (Os::Windows, _) => ("windows", ""),
        };
        Some(Self { os, arch, libc })
    }

    /// Whether it is among these words: operating systems, processors, `os/arch` and `all`.
    fn is_in(self, envs: &[String], emulated: bool) -> bool {
        let Self { os, arch, .. } = self;
        envs.iter().any(|env| match env.as_str() {
            "all" => true,
            env if env == os || env == arch => true,
            "amd64" if emulated => true,
            env => env.split_once('/').is_some_and(|(env_os, env_arch)| {
                env_os == os && (env_arch == arch || emulated && env_arch == "amd64")
            }),
        })
    }
}

/// The keys of a version.
pub(super) fn for_version(package: &Package, version: &str) -> Keys {
    let base = &package.keys;
    if package.version_constraint.is_empty() {
        return base.clone();
    }
    let matches = |constraint: &str, prefix: Option<&String>| {
        let prefix = prefix.map_or("", String::as_str);
        let Some(semver) = version.strip_prefix(prefix) else {
            return false;
        };
        // aqua counts an expression that can't be evaluated as false.
        expression::is_true(constraint, version, semver).unwrap_or(false)
    };
    if matches(&package.version_constraint, base.version_prefix.as_ref()) {
        return base.clone();
    }
    let found = package.version_overrides.iter().find(|over| {
        let prefix = over
            .keys
            .version_prefix
            .as_ref()
            .or(base.version_prefix.as_ref());
        matches(&over.version_constraint, prefix)
    });
    let mut keys = base.clone();
    if let Some(over) = found {
        keys.apply_version(&over.keys);
    }
    keys
}

/// The keys of a platform; `None` if the definition does not support it.
pub(super) fn on(version: &Keys, target: Target) -> Option<Keys> {
    let mut keys = version.clone();
    let format = keys
        .format_overrides
        .iter()
        .flatten()
        .find(|over| over.goos == target.os);
    if let Some(format) = format.map(|over| over.format.clone()) {
        keys.format = format;
    }
    let over = keys
        .overrides
        .iter()
        .flatten()
        .find(|over| over.is_for(target))
        .cloned();
    if let Some(over) = over {
        keys.apply_platform(&over.keys);
    }
    let envs = keys.supported_envs.as_deref();
    let supported = envs.is_none_or(|envs| target.is_in(envs, keys.emulates(target)));
    supported.then_some(keys)
}

impl Override {
    fn is_for(&self, target: Target) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        is(&self.goos, target.os)
            && is(&self.goarch, target.arch)
            && self
                .envs
                .as_ref()
                .is_none_or(|envs| target.is_in(envs, false))
            && self
                .variants
                .iter()
                .all(|variant| variant.key == "libc" && variant.value == target.libc)
    }
}

impl Keys {
    /// Whether programs for amd64 are used on this platform, which is for arm64.
    pub(super) fn emulates(&self, target: Target) -> bool {
        let flag = match (target.os, target.arch) {
            ("darwin", "arm64") => self.rosetta2,
            ("windows", "arm64") => self.windows_arm_emulation,
            _ => None,
        };
        flag == Some(true)
    }

    fn apply_version(&mut self, over: &Self) {
        self.apply_common(over);
        set_text(&mut self.repo_owner, &over.repo_owner);
        set_text(&mut self.repo_name, &over.repo_name);
        set_text(&mut self.version_source, &over.version_source);
        set(&mut self.replacements, &over.replacements);
        set(&mut self.overrides, &over.overrides);
        set(&mut self.format_overrides, &over.format_overrides);
        set(&mut self.supported_envs, &over.supported_envs);
        set(&mut self.version_filter, &over.version_filter);
        set(&mut self.version_prefix, &over.version_prefix);
        set(&mut self.rosetta2, &over.rosetta2);
        set(&mut self.windows_arm_emulation, &over.windows_arm_emulation);
        set(&mut self.error_message, &over.error_message);
        set(&mut self.no_asset, &over.no_asset);
    }

    fn apply_platform(&mut self, over: &Self) {
        self.apply_common(over);
        if let Some(more) = &over.replacements {
            let mut all = self.replacements.take().unwrap_or_default();
            all.extend(more.clone());
            self.replacements = Some(all);
        }
    }

    /// What overrides of both kinds can have.
    fn apply_common(&mut self, over: &Self) {
        if !over.kind.is_empty() {
            self.reset(&over.kind);
            self.kind.clone_from(&over.kind);
        }
        if !over.asset.is_empty() {
            self.asset = over.asset.clone();
        }
        set_text(&mut self.crate_name, &over.crate_name);
        set_text(&mut self.url, &over.url);
        set_text(&mut self.path, &over.path);
        set_text(&mut self.format, &over.format);
        set_text(&mut self.windows_ext, &over.windows_ext);
        set(&mut self.cargo, &over.cargo);
        set(&mut self.files, &over.files);
        set(&mut self.complete_windows_ext, &over.complete_windows_ext);
        set(&mut self.append_ext, &over.append_ext);
        set(&mut self.checksum, &over.checksum);
        set(&mut self.cosign, &over.cosign);
        set(&mut self.slsa_provenance, &over.slsa_provenance);
        set(&mut self.minisign, &over.minisign);
        set(
            &mut self.github_artifact_attestations,
            &over.github_artifact_attestations,
        );
        set(&mut self.vars, &over.vars);
    }

    /// Forgets what another kind of package does not use.
    fn reset(&mut self, kind: &str) {
        let is = |kinds: &[&str]| kinds.contains(&kind);
        if !is(&["http"]) {
            self.url.clear();
        }
        if !is(&["github_release"]) {
            self.asset.0.clear();
        }
        if is(&["github_release", "github_archive", "http", "cargo"]) {
            self.path.clear();
        }
        if !is(&["cargo", "http"]) {
            self.crate_name.clear();
            self.cargo = None;
        }
        if is(&["github_archive", "go_install", "go_build", "cargo"]) {
            self.format.clear();
        }
        if is(&["go_install", "go_build", "cargo"]) {
            self.windows_ext.clear();
            self.complete_windows_ext = None;
            self.append_ext = None;
            self.cosign = None;
            self.slsa_provenance = None;
            self.minisign = None;
            self.github_artifact_attestations = None;
            self.rosetta2 = None;
            self.windows_arm_emulation = None;
        }
    }
}

fn set<T: Clone>(key: &mut Option<T>, over: &Option<T>) {
    if over.is_some() {
        key.clone_from(over);
    }
}

fn set_text(key: &mut String, over: &str) {
    if !over.is_empty() {
        over.clone_into(key);
    }
}
