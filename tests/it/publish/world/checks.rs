//! What must hold of a [`World`] after a run.

use std::collections::BTreeMap;

use super::{APT, ELSEWHERE, FORK, HUB, IMAGE, MODULE_TAG, TAP, WINGET, World, proposal};
use crate::servers::tripwire::Passed;

/// Whether a request writes to a channel, and not to the version's release on the hub.
pub fn writes_to_a_channel(request: &Passed) -> bool {
    let is_apt = String::from_utf8_lossy(&request.sent).contains(&format!("\"{APT}\""));
    let is_hub = request.path.starts_with(&format!("/repos/{HUB}/"));
    request.writes() && (!is_hub || is_apt)
}

impl World {
    /// Nothing was written to a channel before every asset was fetched from its public url.
    pub fn assert_gate(&self, context: &str) {
        let log = self.wire.log();
        let Some(first) = log.iter().position(writes_to_a_channel) else {
            return;
        };
        for asset in Self::assets() {
            let is_fetch = |request: &Passed| {
                request.place == "web"
                    && request.method == "GET"
                    && request.path.ends_with(&format!("/{asset}"))
                    && request.credentials.is_empty()
                    && request.status == 302
            };
            let lines: Vec<String> = log.iter().map(Passed::line).collect();
            assert!(
                log[..first].iter().any(is_fetch),
                "{context}: {} before {asset} was fetched: {lines:#?}",
                log[first].line()
            );
        }
    }

    /// Every place has the version exactly once.
    pub fn assert_complete(&self, version: &str, context: &str) {
        let releases = self.github.releases(HUB);
        let tag = format!("arc-v{version}");
        let ours: Vec<_> = releases.iter().filter(|one| one.tag == tag).collect();
        assert_eq!(ours.len(), 1, "{context}: releases of {tag}");
        let drafts = releases.iter().filter(|one| one.draft);
        assert_eq!(drafts.count(), 0, "{context}: a draft is left");
        let mut names: Vec<String> = ours[0].assets.iter().map(|it| it.name.clone()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{context}: an asset twice");
        for wanted in [".deb", ".rpm", "install.sh", "install.ps1"] {
            let is_there = names.iter().any(|name| name.ends_with(wanted));
            assert!(is_there, "{context}: no {wanted} in {names:?}");
        }
        let apt: Vec<_> = releases.iter().filter(|one| one.tag == APT).collect();
        assert_eq!(apt.len(), 1, "{context}: releases of {APT}");
        let deb = format!("arc_{version}_amd64.deb");
        let debs = apt[0].assets.iter().filter(|asset| asset.name == deb);
        assert_eq!(debs.count(), 1, "{context}: {deb}");
        let hosted = (self.hosted(TAP), "main");
        let elsewhere = ELSEWHERE.map(|(name, branch)| (self.elsewhere(name), branch));
        let elsewhere = elsewhere.into_iter().skip(1);
        for (path, branch) in [hosted].into_iter().chain(elsewhere) {
            let commits = self.commits(&path, branch);
            let subjects = [format!("arc {version}"), format!("arc {version}-1")];
            let ours = commits.iter().filter(|commit| subjects.contains(commit));
            assert_eq!(ours.count(), 1, "{context}: {path}: {commits:?}");
        }
        self.assert_registries(version, context);
        let pulls = self.github.pulls(WINGET);
        let ours = pulls.iter().filter(|it| it.branch == proposal(version));
        assert_eq!(ours.count(), 1, "{context}: {pulls:?}");
        let commits = self.commits(&self.hosted(FORK), &proposal(version));
        // The first commit of the repository, and ours.
        assert_eq!(commits.len(), 2, "{context}: {commits:?}");
    }

    fn assert_registries(&self, version: &str, context: &str) {
        let digest = self.registry.digest(IMAGE, version);
        assert!(digest.is_some(), "{context}: no image {version}");
        let latest = self.registry.digest(IMAGE, "latest");
        assert_eq!(latest, digest, "{context}: latest");
        if self.has_npm {
            self.assert_npm(version, context);
        }
        let start = format!("acme_arc-{version}-");
        let mut wheels = self.pypi.names();
        wheels.retain(|name| name.starts_with(&start));
        assert_eq!(wheels.len(), 2, "{context}: {wheels:?}");
        assert!(self.nuget.package("arc", version).is_some(), "{context}");
        let project = self.elsewhere("project");
        let tag = format!("{MODULE_TAG}{version}");
        let tags = self.real_git(&["-C", project.as_str(), "tag", "--list", &tag]);
        assert_eq!(tags.stdout.trim(), tag, "{context}");
    }

    /// Each package of npm is there once.
    pub fn assert_npm(&self, version: &str, context: &str) {
        let mut writes = self.npm.writes();
        writes.retain(|write| write.contains(&format!("@{version} ")));
        writes.sort();
        let wanted = ["arc-linux-x64", "arc-win32-x64", "arc"];
        let wanted = wanted.map(|name| format!("@acme/{name}@{version} latest"));
        assert_eq!(writes, wanted, "{context}");
        assert_eq!(
            self.npm.tag("@acme/arc", "latest").as_deref(),
            Some(version),
            "{context}"
        );
    }

    /// What is complete was not sent a second time.
    pub fn assert_nothing_twice(&self, context: &str) {
        let mut stored: BTreeMap<String, usize> = BTreeMap::new();
        for request in self.wire.writes() {
            if (200..300).contains(&request.status) && !is_rewritten(&request) {
                *stored.entry(what(&request)).or_default() += 1;
            }
        }
        stored.retain(|_, count| *count > 1);
        assert!(stored.is_empty(), "{context}: stored twice: {stored:#?}");
    }

    /// A run writes nothing.
    pub fn assert_writes_nothing(&self, context: &str) {
        self.wire.clear();
        self.take_calls();
        let run = self.publish().success();
        let writes: Vec<String> = self.wire.writes().iter().map(Passed::line).collect();
        assert!(writes.is_empty(), "{context}: {writes:?}\n{}", run.stdout);
        let mut pushes = self.take_calls();
        pushes.retain(|call| call.starts_with("git push"));
        assert!(pushes.is_empty(), "{context}: {pushes:?}");
    }
}

/// What a request writes: also the body, where many requests have the same path.
fn what(request: &Passed) -> String {
    let body = String::from_utf8_lossy(request.body());
    let more = match request.place.as_str() {
        "pypi" => body
            .split("filename=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next()),
        _ if request.path.ends_with("/releases") => Some(&*body),
        _ => None,
    };
    format!("{} {}", request.line(), more.unwrap_or_default())
}

/// Whether a request may be made twice.
fn is_rewritten(request: &Passed) -> bool {
    // These files list the others, and are made anew when they change.
    let lists = [
        "checksums.",
        "manifest.",
        "sbom.",
        "provenance.",
        "Packages",
        "Release",
    ];
    let is_list = lists
        .iter()
        .any(|name| request.path.contains(&format!("name={name}")));
    // These write nothing that anybody finds: a place for an upload, and objects of git before a
    // branch has them. A fork that is there is the answer to a wish for one.
    let unseen = [
        "/blobs/uploads/",
        "/git/blobs",
        "/git/trees",
        "/git/commits",
        "/forks",
        "/merge-upstream",
    ];
    is_list || request.method == "POST" && unseen.iter().any(|end| request.path.ends_with(end))
}
