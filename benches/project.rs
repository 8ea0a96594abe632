//! Measures the time to load a project with 1,000 typical recipes and six platforms. `cargo bench
//! --bench project`.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench writes its files directly"
)]

use std::fmt::Write as _;
use std::time::Instant;

use camino::Utf8Path;
use larder_core::project::Project;
use larder_core::project::user::UserConfig;

const RECIPE: &str = r#"# yaml-language-server: $schema=../../schema/recipe.schema.json
description: NATS messaging server
homepage: https://nats.io
license: Apache-2.0
binaries: [BINARY]
needs: [NEEDS]
upstream:
  github: nats-io/nats-server
  tag: "{{ version }}"
  asset: "BINARY-{{ version }}-{{ os }}-{{ arch }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
  checksums: SHA256SUMS
  extract: {"*/BINARY{{ exe }}": "BINARY{{ exe }}"}
  replacements: {amd64: x86_64}
  overrides:
    windows: {checksums: "{{ version }}-windows.sha256"}
build:
  tools: {go: "1.23"}
  source: {git: "https://github.com/nats-io/nats-server", rev: "{{ version }}"}
  env: {CGO_ENABLED: "0", GOOS: "{{ os }}", GOARCH: "{{ arch }}"}
  commands:
    - go build -trimpath -o {{ out }}/BINARY{{ exe }} .
  timeout: 30m
package: {include: [LICENSE]}
verify: "BINARY --version"
"#;

fn main() {
    let count: usize = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1000);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8Path::from_path(dir.path()).expect("a UTF-8 path");
    let mut versions =
        "platforms: [linux-amd64, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64, windows-arm64]\nversions:\n".to_owned();
    for n in 0..count {
        let _ = writeln!(versions, "  s{n}: v1.{n}.0");
        let needs = if n == 0 {
            String::new()
        } else {
            format!("s{}", n / 2)
        };
        let folder = root.join(format!("subsystems/s{n}"));
        std::fs::create_dir_all(&folder).expect("the folder can be created");
        let recipe = RECIPE
            .replace("BINARY", &format!("b{n}"))
            .replace("NEEDS", &needs);
        std::fs::write(folder.join("recipe.yml"), recipe).expect("the recipe can be written");
    }
    std::fs::write(root.join("versions.yml"), versions).expect("the file can be written");

    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            let project =
                Project::load(root, &UserConfig::default()).expect("the project is valid");
            assert_eq!(project.subsystems.len(), count);
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{count} recipes: {:.1} ms (fastest {:.1}, slowest {:.1})",
        times[7], times[0], times[14]
    );
}
