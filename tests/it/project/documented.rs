//! Valid projects and the meaning of their files.

use larder_core::project::{
    BuildPlatforms, BuildSource, Checksum, Coordinate, HubConfig, Links, PackageFormat, Project,
    RenderedSource, SourceFolder, UploadPolicy,
};

use crate::project::loading::{DIGEST, Files};

fn platform(text: &str) -> larder_core::model::Platform {
    text.parse().unwrap()
}

const VERSIONS: &str = r#"
project: plat-telemetry                   # default: the folder's name
requires: ">=0.1"                         # larder's own version
versions:
  nats: v2.10.24                          # kept as the text that was written: 1.10 stays 1.10
  arc: v0.1.0
  go: 1.10
  docs: yes
platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]   # default: the host
hub: {github: acme/plat-telemetry}        # or {dir: PATH} (relative to the project, or absolute), or {http: URL} read-only
sources: [managed, original, build]       # the search order; the local cache comes first always
upload: ci                                # after a build: ci | never; `always` only for a dir hub. Default: ci
bundle: {name: plat-telemetry, exclude: [docs]}
tasks:
  test: {desc: All tests, needs: [ensure all], env: {RUST_LOG: debug, N: 1}, commands: [cargo test], status: [test -f done]}
  pages: {commands: [mdbook build]}
ci: [ensure all, verify, run test, package all, release all, run pages]
"#;

fn recipe() -> String {
    r#"
description: NATS messaging server
homepage: https://nats.io
license: Apache-2.0
binaries: [nats-server]                   # without .exe
platforms: [linux-amd64, linux-arm64, windows-amd64]               # where this subsystem exists at all; default: the project's
needs: []                                 # ensured along with it, always
upstream:                                 # the original
  github: nats-io/nats-server             # always github.com unless the user's configuration maps it; or url: "https://…"; or npm: / pypi: PACKAGE
  tag: "{{ version }}"
  asset: "nats-server-{{ version }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
  checksums: SHA256SUMS                   # an asset of that release, or a url, or {linux-amd64: <sha256>, …}
  extract: {"*/nats-server{{ exe }}": "nats-server{{ exe }}"}   # glob in the archive → file; * does not cross /, ** does; exactly one match each
  replacements: {amd64: x86_64}           # what os and arch render to in tag, asset, url, extract
  overrides: {windows: {checksums: {windows-amd64: DIGEST}}, linux-arm64: {url: "https://example.com/{{ version_number }}/{{ platform }}"}}   # any upstream key, for an os, arch or platform
build:
  needs: [go]                             # ensured for the host, only when a build really happens; their binaries come first on PATH
  tools: {go: "1.23"}                     # must be installed on the machine; part of the key, checked with `<tool> version|--version` before building
  source: {git: https://github.com/nats-io/nats-server, rev: "{{ version }}"}   # or {dir: .}, {url: …, sha256: …}, {crate: NAME}
  env: {CGO_ENABLED: "0", GOOS: "{{ os }}", GOARCH: "{{ arch }}"}
  commands: ["go build -trimpath -o {{ out }}/nats-server{{ exe }} ."]   # sh -c (cmd on Windows), in a copy of the source; each must exit 0
  platforms: host                         # or all, or a list: which platforms this machine's build can produce
  timeout: 30m
package: {name: nats-server, include: [LICENSE], format: tar.gz}   # tar.gz | tar.zst | zip; included files are part of the artifact
verify: "nats-server --version"           # run by `verify` and after a host build; must exit 0 and print the version (a leading v aside)
"#
    .replace("checksums: {windows-amd64: DIGEST}", &format!("checksums: {{windows-amd64: {DIGEST}}}"))
}

fn design() -> Project {
    Files::new()
        .file("versions.yml", VERSIONS)
        .file("subsystems/nats/recipe.yml", &recipe())
        .file(
            "subsystems/arc/recipe.yml",
            "binaries: [arc]\nbuild: {source: {dir: ., links: follow}, commands: [make]}\n",
        )
        .file(
            "subsystems/go/recipe.yml",
            "binaries: [go]\nbuild: {source: {crate: go}}\n",
        )
        .file(
            "subsystems/docs/recipe.yml",
            "binaries: [docs]\nbuild: {source: {dir: .}, commands: [make]}\n",
        )
        .load()
        .unwrap_or_else(|shown| panic!("{shown}"))
}

#[test]
fn the_documented_project_loads() {
    let project = design();
    assert_eq!(project.name, "plat-telemetry");
    assert_eq!(
        project.hub,
        HubConfig::GitHub {
            repo: "acme/plat-telemetry".into()
        }
    );
    assert_eq!(project.upload, UploadPolicy::Ci);
    assert_eq!(project.platforms.len(), 6);
    assert_eq!(project.bundle.exclude.len(), 1);
    assert_eq!(
        project.tasks["test"].env,
        [
            ("RUST_LOG".into(), "debug".into()),
            ("N".into(), "1".into())
        ]
    );
    assert_eq!(project.ci.len(), 6);
    assert_eq!(project.files.len(), 5);
    let version = |name: &str| {
        project.subsystems[&name.parse().unwrap()]
            .version
            .as_str()
            .to_owned()
    };
    assert_eq!(version("go"), "1.10");
    assert_eq!(version("docs"), "yes");
    let nats = &project.subsystems[&"nats".parse().unwrap()];
    assert_eq!(nats.platforms.len(), 3);
    assert_eq!(nats.package.format, Some(PackageFormat::TarGz));
    let build = nats.build.as_ref().unwrap();
    assert_eq!(build.platforms, BuildPlatforms::Host);
    assert_eq!(build.time_limit().as_secs(), 1800);
    assert!(matches!(build.source, BuildSource::Git { .. }));
    let arc = &project.subsystems[&"arc".parse().unwrap()];
    assert_eq!(arc.platforms, project.platforms);
}

#[test]
fn originals_render_for_each_platform() {
    let project = design();
    let nats = &project.subsystems[&"nats".parse().unwrap()];
    let original = nats.original(&platform("linux-amd64")).unwrap().unwrap();
    let asset = "nats-server-v2.10.24-linux-x86_64.tar.gz".to_owned();
    assert_eq!(
        original.coordinate,
        Coordinate::GitHub {
            repo: "nats-io/nats-server".into(),
            tag: "v2.10.24".into(),
            asset
        }
    );
    assert_eq!(
        original.checksum,
        Some(Checksum::Asset("SHA256SUMS".into()))
    );
    assert_eq!(
        original.extract,
        [("*/nats-server".to_owned(), "nats-server".parse().unwrap())]
    );

    let original = nats.original(&platform("windows-amd64")).unwrap().unwrap();
    let asset = "nats-server-v2.10.24-windows-x86_64.zip".to_owned();
    assert_eq!(
        original.coordinate,
        Coordinate::GitHub {
            repo: "nats-io/nats-server".into(),
            tag: "v2.10.24".into(),
            asset
        }
    );
    assert_eq!(
        original.checksum,
        Some(Checksum::Pinned(DIGEST.parse().unwrap()))
    );
    assert_eq!(
        original.extract,
        [(
            "*/nats-server.exe".to_owned(),
            "nats-server.exe".parse().unwrap()
        )]
    );
}

#[test]
fn builds_render_with_any_folders() {
    let project = design();
    let nats = &project.subsystems[&"nats".parse().unwrap()];
    let build = nats
        .rendered_build(&platform("windows-amd64"), "<out>", "<src>")
        .unwrap()
        .unwrap();
    let url = "https://github.com/nats-io/nats-server".to_owned();
    assert_eq!(
        build.source,
        RenderedSource::Git {
            url,
            rev: "v2.10.24".into()
        }
    );
    assert_eq!(build.env[1], ("GOOS".to_owned(), "windows".to_owned()));
    assert_eq!(
        build.commands,
        ["go build -trimpath -o <out>/nats-server.exe ."]
    );
    assert_eq!(
        nats.rendered_verify(&platform("linux-amd64"))
            .unwrap()
            .as_deref(),
        Some("nats-server --version")
    );
    let arc = &project.subsystems[&"arc".parse().unwrap()];
    let build = arc
        .rendered_build(&platform("linux-amd64"), "/o", "/s")
        .unwrap()
        .unwrap();
    assert_eq!(
        build.source,
        RenderedSource::Dir(SourceFolder {
            path: project.root.join("subsystems/arc"),
            links: Links::Follow,
        })
    );
}
