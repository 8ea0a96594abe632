//! Tests of the wheels. twine, check-wheel-contents and pip judge them in `tests/oracles`.

use larder_core::project::publish::{Channel, Pypi};

use super::*;
use crate::render::{Rendered, Skip};
use crate::tests::{Sample, read};

fn pypi(package: Option<&str>) -> Channel {
    Channel::Pypi(Pypi {
        package: package.map(str::to_owned),
        repository: None,
        index: None,
    })
}

#[test]
fn each_platform_has_a_wheel() {
    for (version, platforms, expected) in [
        (
            "1.2.3-rc.1",
            vec![
                "linux-amd64",
                "darwin-arm64",
                "darwin-amd64",
                "windows-amd64",
                "windows-386",
            ],
            vec![
                "My_Arc-1.2.3rc1-py3-none-macosx_10_12_x86_64.whl",
                "My_Arc-1.2.3rc1-py3-none-macosx_11_0_arm64.whl",
                "My_Arc-1.2.3rc1-py3-none-manylinux_2_17_x86_64.whl",
                "My_Arc-1.2.3rc1-py3-none-win32.whl",
                "My_Arc-1.2.3rc1-py3-none-win_amd64.whl",
            ],
        ),
        (
            "1.0.0",
            vec![
                "linux-arm64",
                "linux-arm64-musl",
                "linux-arm-gnu",
                "windows-arm64",
            ],
            vec![
                "My_Arc-1.0.0-py3-none-manylinux_2_17_aarch64.whl",
                "My_Arc-1.0.0-py3-none-manylinux_2_17_armv7l.whl",
                "My_Arc-1.0.0-py3-none-musllinux_1_2_aarch64.whl",
                "My_Arc-1.0.0-py3-none-win_arm64.whl",
            ],
        ),
    ] {
        let sample = Sample::new(version, &platforms);
        let (rendered, folder) = sample.render(pypi(Some("My.-Arc")));
        assert_eq!(rendered, Rendered::Files);
        let names: Vec<_> = read(&folder).into_keys().collect();
        let expected: Vec<_> = expected.iter().map(|name| name.to_lowercase()).collect();
        let lower: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(lower, expected);
        assert!(names.iter().all(|name| name.starts_with("my_arc-")));
    }
}

#[test]
fn the_floor_of_glibc_is_in_the_name() {
    for (floor, tag) in [("2.28", "2_28"), ("2.2.5", "2_17"), ("2.9", "2_17")] {
        let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
        sample.release.platforms[0].sidecar.observed.glibc = Some(floor.into());
        let (_, folder) = sample.render(pypi(None));
        let name = format!("arc-1.0.0-py3-none-manylinux_{tag}_x86_64.whl");
        assert_eq!(read(&folder).into_keys().collect::<Vec<_>>(), [name]);
    }
}

#[test]
fn metadata_has_the_texts_of_the_recipe() {
    let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
    sample.release.description = Some("It's \"quoted\" $x\n<b> & 🎉".into());
    let release = &sample.release;
    let tags = ["manylinux_2_17_x86_64".to_owned()];
    let wheel = Wheel {
        release,
        platform: &release.platforms[0],
        name: "arc",
        version: "1.0.0",
        stem: "arc-1.0.0",
        tags: &tags,
    };
    let metadata = wheel.metadata().unwrap();
    for line in [
        "Summary: It's \"quoted\" $x <b> & 🎉\n",
        "License-Expression: MIT\n",
        "License-File: LICENSE\n",
        "Project-URL: Homepage, https://arc.example\n",
        "\n\n# arc\n",
    ] {
        assert!(metadata.contains(line), "{line}: {metadata}");
    }
    let files = wheel.files();
    let names: Vec<_> = files.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "arc-1.0.0.data/scripts/arc",
            "arc-1.0.0.dist-info/licenses/LICENSE",
            "arc-1.0.0.data/data/share/man/man1/arc.1",
        ]
    );
    let record = wheel.record(&files);
    assert!(record.ends_with("arc-1.0.0.dist-info/RECORD,,\n"));
    assert_eq!(record.lines().count(), 4);
    assert!(record.starts_with("arc-1.0.0.data/scripts/arc,sha256="));
    assert!(
        !record.contains('='.to_string().repeat(2).as_str()),
        "no padding"
    );
}

#[test]
fn a_version_that_pep_440_does_not_have_is_skipped() {
    for version in ["1.2.3+build", "9.8p1", "main"] {
        let (rendered, _) = Sample::new(version, &["linux-amd64"]).render(pypi(None));
        let is_skip = matches!(rendered, Rendered::Skipped(Skip::Version(_)));
        assert!(is_skip, "{version}: {rendered:?}");
    }
}
