use serde_json::{Value, json};

use super::*;
use crate::tests::Sample;

/// A program of Go with these lines about its modules: an ELF file without sections.
fn go_program(lines: &str) -> Vec<u8> {
    let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
    info.resize(32, 0);
    let modules = format!("{}{lines}{}", "-".repeat(16), "-".repeat(16));
    for text in ["go1.22.3", &modules] {
        assert!(text.len() < 1 << 14);
        info.push(u8::try_from(text.len() & 0x7f).unwrap() | 0x80);
        info.push(u8::try_from(text.len() >> 7).unwrap());
        info.extend_from_slice(text.as_bytes());
    }
    let mut bytes = vec![0; 128];
    for (at, value) in [
        (0, &[0x7f, b'E', b'L', b'F', 2, 1, 1][..]),
        (16, &[2, 0, 62, 0, 1]),
        (32, &[64]),
        (52, &[64, 0, 56, 0, 1, 0, 64, 0]),
        (64, &[1, 0, 0, 0, 6]),
        (64 + 8, &[128]),
        (64 + 32, &u32::try_from(info.len()).unwrap().to_le_bytes()),
    ] {
        bytes[at..at + value.len()].copy_from_slice(value);
    }
    [bytes, info].concat()
}

/// A release for two platforms, whose programs are built from these modules.
fn sample(modules: [&str; 2]) -> Sample {
    let sample = Sample::new("1.2.3", &["linux-amd64", "darwin-arm64"]);
    for (platform, modules) in sample.release.platforms.iter().zip(modules) {
        larder_core::fs::write_atomic(platform.folder.join("arc"), &go_program(modules)).unwrap();
    }
    sample
}

fn value(bom: &Bom) -> Value {
    serde_json::from_str(&bom.to_json()).unwrap()
}

fn references(bom: &Bom) -> Vec<String> {
    let value = value(bom);
    let components = value["components"].as_array().unwrap();
    let reference = |component: &Value| component["bom-ref"].as_str().unwrap().to_owned();
    components.iter().map(reference).collect()
}

const MAIN: &str = "mod\texample.com/Arc\t(devel)\n";

#[test]
fn a_release_has_its_assets_their_files_and_what_is_in_the_programs() {
    let one = format!("{MAIN}dep\texample.com/a\tv1.0.0+incompatible\th1:x=\n");
    let two = format!("{MAIN}dep\texample.com/b\tv1.0.0\n=>\texample.com/c\tv2.0.0\n");
    let bom = render(&sample([&one, &two]).release).unwrap();
    let expected = [
        "asset:arc-darwin-arm64.tar.gz",
        "asset:arc-linux-amd64.tar.gz",
        "pkg:golang/example.com/Arc",
        "pkg:golang/example.com/a@v1.0.0%2Bincompatible",
        "pkg:golang/example.com/c@v2.0.0",
        "pkg:golang/stdlib@1.22.3",
    ];
    assert_eq!(references(&bom), expected);
    let bom = value(&bom);
    assert_eq!(bom["metadata"]["timestamp"], "1980-01-01T00:00:00Z");
    assert_eq!(
        bom["metadata"]["component"]["licenses"],
        json!([{"expression": "MIT"}])
    );
    let replaced = &bom["components"][4]["properties"][0];
    assert_eq!(
        *replaced,
        json!({"name": "larder:go:replaces", "value": "example.com/b v1.0.0"})
    );
    let asset = &bom["components"][0];
    let files = asset["components"].as_array().unwrap();
    let kinds: Vec<_> = files
        .iter()
        .map(|file| (&file["name"], &file["type"]))
        .collect();
    let expected = [
        ("arc", "application"),
        ("LICENSE", "file"),
        ("arc.1", "file"),
    ];
    assert_eq!(json!(kinds), json!(expected));
    assert!(
        files
            .iter()
            .all(|file| file["hashes"][0]["alg"] == "SHA-256")
    );
    let edges = bom["dependencies"].as_array().unwrap();
    let to = |from: &str| {
        let found = edges.iter().find(|edges| edges["ref"] == from);
        found.map(|edges| edges["dependsOn"].clone())
    };
    let assets = json!([
        "asset:arc-darwin-arm64.tar.gz",
        "asset:arc-linux-amd64.tar.gz"
    ]);
    assert_eq!(to("release:arc@1.2.3"), Some(assets));
    let program = json!(["asset:arc-linux-amd64.tar.gz#arc"]);
    assert_eq!(to("asset:arc-linux-amd64.tar.gz"), Some(program));
    let main = json!(["pkg:golang/example.com/Arc"]);
    assert_eq!(to("asset:arc-linux-amd64.tar.gz#arc"), Some(main));
    // What one main module depends on is put together.
    assert_eq!(
        to("pkg:golang/example.com/Arc")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn the_order_of_assets_does_not_matter_and_the_number_is_of_the_content() {
    let sample = sample([MAIN, MAIN]);
    let first = render(&sample.release).unwrap();
    let mut release = sample.release.clone();
    release.platforms.reverse();
    assert_eq!(render(&release).unwrap().to_json(), first.to_json());
    release.description = Some("another".into());
    let other = value(&render(&release).unwrap());
    let number = value(&first)["serialNumber"].clone();
    assert_ne!(other["serialNumber"], number);
    let number = number.as_str().unwrap().to_owned();
    let hex = number.strip_prefix("urn:uuid:").unwrap();
    let lengths: Vec<_> = hex.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
}

#[test]
fn a_document_of_other_bytes_is_not_used() {
    let sample = sample([&format!("{MAIN}dep\texample.com/a\tv1.0.0\n"), MAIN]);
    let about = About::from(&sample.release);
    let platform = &sample.release.platforms[0];
    let (asset, sidecar) = (&platform.asset, &platform.sidecar);
    let own = of_asset(about, asset, sidecar, &platform.folder).unwrap();
    let read = Bom::parse(own.to_json().as_bytes());
    assert_eq!(read.as_ref(), Some(&own));
    let with = |bom, sidecar: &Sidecar| {
        let assets = [AssetBom {
            asset,
            sidecar,
            bom,
        }];
        references(&of_release(about, &assets))
    };
    assert_eq!(with(read, sidecar).len(), 4);
    let mut replaced = sidecar.clone();
    replaced.sha256 = larder_core::model::Digest::of(b"other bytes");
    assert_eq!(with(Some(own), &replaced).len(), 1);
    assert_eq!(with(None, sidecar).len(), 1);
    for other in ["", "{}", "[]", r#"{"bomFormat": "CycloneDX"}"#] {
        assert_eq!(Bom::parse(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn edges_to_what_a_document_does_not_have_are_left_out() {
    let sample = sample([MAIN, MAIN]);
    let about = About::from(&sample.release);
    let platform = &sample.release.platforms[0];
    let (asset, sidecar) = (&platform.asset, &platform.sidecar);
    let own = of_asset(about, asset, sidecar, &platform.folder).unwrap();
    let odd = own.to_json().replace(
        r#""pkg:golang/stdlib@1.22.3"
      ]"#,
        r#""nowhere"
      ]"#,
    );
    assert_ne!(odd, own.to_json());
    let bom = Bom::parse(odd.as_bytes());
    let whole = of_release(
        about,
        &[AssetBom {
            asset,
            sidecar,
            bom,
        }],
    );
    assert!(!whole.to_json().contains("nowhere"));
}

#[test]
fn the_time_is_given_or_that_of_the_newest_artifact() {
    let sample = Sample::new("1.2.3", &["linux-amd64", "darwin-arm64"]);
    let mut release = sample.release.clone();
    for (platform, time) in release
        .platforms
        .iter_mut()
        .zip(["2026-01-02T03:04:05Z", "odd"])
    {
        platform.sidecar.observed.time = Some(time.into());
    }
    let mut about = About::from(&release);
    let time = |about| {
        let assets: Vec<_> = release
            .platforms
            .iter()
            .map(|platform| AssetBom {
                asset: &platform.asset,
                sidecar: &platform.sidecar,
                bom: None,
            })
            .collect();
        value(&of_release(about, &assets))["metadata"]["timestamp"].clone()
    };
    assert_eq!(time(about), "1980-01-01T00:00:00Z");
    about.time = None;
    assert_eq!(time(about), "2026-01-02T03:04:05Z");
}

#[test]
fn a_licence_that_is_no_expression_is_a_name() {
    assert_eq!(
        license("MIT OR (Apache-2.0 WITH x)"),
        License::Expression("MIT OR (Apache-2.0 WITH x)".into())
    );
    let name = "see LICENSE, please & <thanks>";
    assert_eq!(license(name), License::License { name: name.into() });
}
