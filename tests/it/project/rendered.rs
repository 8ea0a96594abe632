//! The originals, builds and hub that valid projects render to.

use camino::Utf8Path;
use larder_core::model::Platform;
use larder_core::project::user::UserConfig;
use larder_core::project::{
    Checksum, Coordinate, HubConfig, Links, Original, PackageFormat, Project, RenderedSource,
    SourceFolder, Subsystem, UploadPolicy,
};

use crate::project::loading::{DIGEST, Files};

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

/// A project with the one subsystem `x`, version `v1.2.3`.
fn project(recipe: &str) -> (Files, Project) {
    let files = Files::new()
        .file("versions.yml", "project: acme\nversions: {x: v1.2.3}\nplatforms: [linux-amd64, darwin-arm64, windows-amd64]\n")
        .file("subsystems/x/recipe.yml", recipe);
    let project = files.load().unwrap_or_else(|shown| panic!("{shown}"));
    (files, project)
}

fn subsystem(recipe: &str) -> Subsystem {
    project(recipe).1.subsystems.into_values().next().unwrap()
}

fn upstream(text: &str, on: &str) -> Option<Original> {
    subsystem(&format!("binaries: [x]\nupstream: {text}\n"))
        .original(&platform(on))
        .unwrap()
}

#[test]
fn a_github_tag_defaults_to_the_version() {
    let coordinate = upstream("{github: a/b, asset: 'x-{{ os }}'}", "linux-amd64")
        .unwrap()
        .coordinate;
    assert_eq!(
        coordinate,
        Coordinate::GitHub {
            repo: "a/b".into(),
            tag: "v1.2.3".into(),
            asset: "x-linux".into()
        }
    );
    let coordinate = upstream(
        "{github: a/b, tag: 'cmd/{{ version_number }}', asset: x}",
        "linux-amd64",
    )
    .unwrap()
    .coordinate;
    assert_eq!(
        coordinate,
        Coordinate::GitHub {
            repo: "a/b".into(),
            tag: "cmd/1.2.3".into(),
            asset: "x".into()
        }
    );
}

#[test]
fn registries_use_the_version_number_unless_a_tag_is_given() {
    let coordinate = |text: &str| upstream(text, "linux-amd64").unwrap().coordinate;
    let replaced = "{npm: '@x/{{ os }}-{{ arch }}', replacements: {amd64: x64}}";
    assert_eq!(
        coordinate(replaced),
        Coordinate::Npm {
            package: "@x/linux-x64".into(),
            version: "1.2.3".into()
        }
    );
    let tagged = "{pypi: x, tag: '{{ version_number }}.post1'}";
    assert_eq!(
        coordinate(tagged),
        Coordinate::Pypi {
            package: "x".into(),
            version: "1.2.3.post1".into()
        }
    );
}

#[test]
fn overrides_are_merged_from_general_to_specific() {
    let text = "{url: 'https://h/{{ os }}-{{ arch }}', replacements: {amd64: x64, darwin: mac}, overrides: {amd64: \
                {replacements: {linux: lin}}, linux: {url: 'https://l/{{ os }}-{{ arch }}'}, linux-amd64-musl: {url: 'https://m'}}}";
    let url = |on: &str| match upstream(text, on).unwrap().coordinate {
        Coordinate::Url(url) => url,
        other => panic!("{other:?}"),
    };
    assert_eq!(url("linux-amd64"), "https://l/lin-x64");
    assert_eq!(url("linux-amd64-musl"), "https://m");
    assert_eq!(url("darwin-arm64"), "https://h/mac-arm64");
    assert_eq!(url("windows-amd64"), "https://h/windows-x64");
}

#[test]
fn an_override_of_another_kind_discards_the_keys_of_the_base_kind() {
    let text =
        "{github: a/b, asset: x, checksums: SUMS, overrides: {windows: {url: 'https://h/x.zip'}}}";
    let original = upstream(text, "windows-amd64").unwrap();
    assert_eq!(
        original.coordinate,
        Coordinate::Url("https://h/x.zip".into())
    );
    assert_eq!(original.checksum, None);
    assert_eq!(
        upstream(text, "linux-amd64").unwrap().checksum,
        Some(Checksum::Asset("SUMS".into()))
    );
}

#[test]
fn an_original_for_some_platforms_beside_a_build_for_the_rest() {
    let recipe = "binaries: [x]\nupstream: {overrides: {linux: {url: 'https://h/x'}}}\nbuild: {source: {crate: x}}\n";
    let x = subsystem(recipe);
    assert!(x.original(&platform("linux-amd64")).unwrap().is_some());
    assert!(x.original(&platform("darwin-arm64")).unwrap().is_none());
    assert!(
        x.rendered_build(&platform("darwin-arm64"), "o", "s")
            .unwrap()
            .is_some()
    );
}

#[test]
fn checksums_are_an_asset_a_url_or_digests_by_platform() {
    let pinned = format!("{{url: 'https://h/x', checksums: {{macos-aarch64: {DIGEST}}}}}");
    assert_eq!(
        upstream(&pinned, "darwin-arm64").unwrap().checksum,
        Some(Checksum::Pinned(DIGEST.parse().unwrap()))
    );
    assert_eq!(upstream(&pinned, "linux-amd64").unwrap().checksum, None);
    let url = "{url: 'https://h/x', checksums: 'https://h/{{ version }}.sums'}";
    assert_eq!(
        upstream(url, "linux-amd64").unwrap().checksum,
        Some(Checksum::Url("https://h/v1.2.3.sums".into()))
    );
}

#[test]
fn sources_render() {
    let source = |text: &str| {
        let (files, project) = project(&format!(
            "binaries: [x]\nbuild: {{source: {text}, commands: [make]}}\n"
        ));
        let x = project.subsystems.into_values().next().unwrap();
        (
            x.rendered_build(&platform("linux-amd64"), "o", "s")
                .unwrap()
                .unwrap()
                .source,
            files.root(),
        )
    };
    let url = format!("{{url: 'https://h/{{{{ version }}}}.tgz', sha256: {DIGEST}}}");
    let sha256 = DIGEST.parse().unwrap();
    assert_eq!(
        source(&url).0,
        RenderedSource::Url {
            url: "https://h/v1.2.3.tgz".into(),
            sha256
        }
    );
    assert_eq!(
        source("{crate: '{{ name }}'}").0,
        RenderedSource::Crate {
            name: "x".into(),
            version: "1.2.3".into()
        }
    );
    let git = "{git: 'git@h:a/b.git', rev: 'release/{{ version }}'}";
    assert_eq!(
        source(git).0,
        RenderedSource::Git {
            url: "git@h:a/b.git".into(),
            rev: "release/v1.2.3".into()
        }
    );
    for (text, folder) in [
        (".", "subsystems/x"),
        ("", "subsystems/x"),
        ("..", "subsystems"),
        ("../..", ""),
        ("../../..", ".."),
    ] {
        let (found, root) = source(&format!("{{dir: '{text}'}}"));
        let wanted = if folder == ".." {
            root.parent().unwrap().to_owned()
        } else {
            root.join(folder)
        };
        let RenderedSource::Dir(SourceFolder { path, links }) = found else {
            panic!("{found:?}")
        };
        assert_eq!(links, Links::Refuse);
        assert_eq!(
            path,
            Utf8Path::new(wanted.as_str().trim_end_matches('/')),
            "{text}"
        );
    }
}

#[test]
fn omitted_settings_have_defaults() {
    let files = Files::new()
        .file("versions.yml", "versions: {x: v1}\n")
        .file(
            "subsystems/x/recipe.yml",
            "binaries: [x, y]\nbuild: {source: {crate: x}}\n",
        );
    let project = files.load().unwrap();
    assert_eq!(project.name, "box");
    assert_eq!(project.bundle.name.as_str(), "box");
    assert_eq!(
        project.hub,
        HubConfig::Dir {
            path: files.root().join(".larder-hub"),
            written: ".larder-hub".into(),
            default: true
        }
    );
    assert_eq!(project.upload, UploadPolicy::Ci);
    assert_eq!(project.platforms, [Platform::host()]);
    let x = project.subsystems.values().next().unwrap();
    assert_eq!(x.platforms, [Platform::host()]);
    assert_eq!(x.package.name.as_str(), "x");
    assert_eq!(x.format(&platform("windows-amd64")), PackageFormat::Zip);
    assert_eq!(x.format(&platform("linux-amd64")), PackageFormat::TarGz);
    let names: Vec<String> = x
        .file_names(&platform("windows-amd64"))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["x.exe", "y.exe"]);
    assert_eq!(x.build.as_ref().unwrap().time_limit().as_secs(), 3600);
}

#[test]
fn a_hub_is_parsed_from_one_text() {
    let root = Utf8Path::new("/p");
    let user = UserConfig::default();
    let parse = |text: &str| HubConfig::parse(text, root, &user).map_err(|error| error.to_string());
    assert_eq!(
        parse("github:acme/x"),
        Ok(HubConfig::GitHub {
            repo: "acme/x".into()
        })
    );
    assert_eq!(
        parse("https://hub.example/"),
        Ok(HubConfig::Http {
            url: "https://hub.example".into()
        })
    );
    assert_eq!(
        parse("http://127.0.0.1:8080/x"),
        Ok(HubConfig::Http {
            url: "http://127.0.0.1:8080/x".into()
        })
    );
    assert_eq!(
        parse("http://[::1]:8080"),
        Ok(HubConfig::Http {
            url: "http://[::1]:8080".into()
        })
    );
    assert_eq!(
        parse("../hub"),
        Ok(HubConfig::Dir {
            path: "/hub".into(),
            written: "../hub".into(),
            default: false
        })
    );
    assert_eq!(
        parse("/abs/./hub"),
        Ok(HubConfig::Dir {
            path: "/abs/hub".into(),
            written: "/abs/./hub".into(),
            default: false
        })
    );
    let bucket = |prefix: &str| {
        Ok(HubConfig::S3 {
            bucket: "acme-tools".into(),
            prefix: prefix.into(),
            region: None,
            endpoint: None,
        })
    };
    assert_eq!(parse("s3://acme-tools/a/b/"), bucket("a/b"));
    assert_eq!(parse("s3://acme-tools"), bucket(""));
    for bad in [
        "s3://",
        "s3://ab",
        "s3://Acme/x",
        "s3://acme-tools//x",
        "s3://acme-tools/../x",
        "s3:acme://tools",
        "",
        "github:acme",
        "ftp://x",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "https://u:p@h",
        "https://",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_project_is_found_from_any_folder_in_it() {
    let files = Files::new()
        .file("versions.yml", "versions: {}\n")
        .file("a/b/file", "")
        .file("a/versions.yml/c", "");
    assert_eq!(
        Project::find(&files.root().join("a/b")).unwrap(),
        files.root()
    );
    assert_eq!(Project::find(&files.root()).unwrap(), files.root());
    let other = Files::new()
        .file("versions.yaml", "versions: {}\n")
        .file("a/file", "");
    let error = Project::find(&other.root().join("a")).unwrap_err();
    assert_eq!(error.kind(), larder_core::Kind::Usage);
    assert_eq!(
        error.hints(),
        [format!(
            "there is {}: rename it to versions.yml",
            other.root().join("versions.yaml")
        )]
    );
}

#[test]
fn many_recipes_load_as_well_as_few() {
    let mut versions = "versions:\n".to_owned();
    let mut files = Files::new();
    for n in 0..200 {
        versions = format!("{versions}  s{n}: v{n}\n");
        let recipe = format!(
            "binaries: [b{n}]\nneeds: [s{}]\nbuild: {{source: {{crate: x}}}}\n",
            n + 1
        );
        files = files.file(&format!("subsystems/s{n}/recipe.yml"), &recipe);
    }
    let project = files.file("versions.yml", &format!("{versions}  s200: v200\n"));
    let project = project.file(
        "subsystems/s200/recipe.yml",
        "binaries: [b200]\nneeds: [s7]\nbuild: {source: {crate: x}}\n",
    );
    let shown = project.problems();
    assert!(
        shown.starts_with("error: subsystems need each other in a circle: s7 -> s8 -> "),
        "{shown}"
    );
    assert_eq!(shown.matches("error:").count(), 1);
    let project = project.file(
        "subsystems/s200/recipe.yml",
        "binaries: [b200]\nbuild: {source: {crate: x}}\n",
    );
    assert_eq!(project.load().unwrap().subsystems.len(), 201);
}

#[test]
fn a_long_list_of_problems_is_truncated() {
    let files = Files::new().file(
        "versions.yml",
        &format!("versions: {{}}\nci: [{}]\n", "'', ".repeat(2_000)),
    );
    let shown = files.problems();
    assert_eq!(shown.matches("error:").count(), 101);
    assert!(shown.contains("too many problems in this file"));
}
