//! What counts as up to date, and the reason where something does not.

use larder_core::error::Kind;
use larder_core::fs;
use larder_core::keys::tree;
use larder_core::model::{Artifact, ArtifactFile, Digest, Origin};

use super::{Fixture, RECIPE, tool};
use crate::acquire::freshness::{self, Cause, Freshness};
use crate::acquire::request::Request;
use crate::context::{Context, Options};

/// Installs a file with the inputs that the recipe accepts for an origin.
fn install(run: &Context, origin: Origin) {
    let target = tool();
    let request = Request::new(run, &target).unwrap();
    let bin = request.bin();
    let staging = bin.stage().unwrap();
    let path = staging.path().join("tool");
    fs::write_atomic(&path, b"#!/bin/sh\n").unwrap();
    let (sha256, size) = tree::hash_file(&path).unwrap();
    let artifact = Artifact {
        name: target.name.clone(),
        version: request.subsystem.version.clone(),
        platform: target.platform,
        origin,
        inputs: request.wanted.of(origin).unwrap().digest,
        commit: None,
        files: vec![ArtifactFile {
            name: "tool".parse().unwrap(),
            mode: 0o755,
            size,
            sha256,
        }],
    };
    bin.install(staging, &artifact).unwrap();
}

/// Why the target has to be acquired; `None` if it is up to date.
fn cause(run: &Context) -> Option<Cause> {
    let target = tool();
    let request = Request::new(run, &target).unwrap();
    match freshness::check(&request, &request.bin()).unwrap() {
        Freshness::UpToDate { .. } => None,
        Freshness::Stale(stale) => Some(stale.cause),
    }
}

#[test]
fn installed_files_are_compared_with_stamp_and_recipe() {
    let fixture = Fixture::new(RECIPE);
    assert_eq!(
        cause(&fixture.run(Options::default())),
        Some(Cause::NotInstalled)
    );
    install(&fixture.run(Options::default()), Origin::Build);
    assert_eq!(cause(&fixture.run(Options::default())), None);
    let asked = |reinstall, rebuild| Options {
        reinstall,
        rebuild,
        ..Options::default()
    };
    assert_eq!(
        cause(&fixture.run(asked(true, false))),
        Some(Cause::AskedFor)
    );
    assert_eq!(
        cause(&fixture.run(asked(false, true))),
        Some(Cause::AskedFor)
    );
    fixture.write("subsystems/tool/src/tool.sh", "#!/bin/sh\n# changed\n");
    assert_eq!(
        cause(&fixture.run(Options::default())),
        Some(Cause::Changed)
    );
    fixture.write("subsystems/tool/src/tool.sh", "#!/bin/sh\n");
    assert_eq!(cause(&fixture.run(Options::default())), None, "as it was");
    fixture.write("versions.yml", "versions: {tool: v1.0.1}\n");
    assert_eq!(
        cause(&fixture.run(Options::default())),
        Some(Cause::OtherVersion)
    );
}

#[test]
fn a_changed_byte_or_mode_is_damage() {
    let fixture = Fixture::new(RECIPE);
    let run = fixture.run(Options::default());
    install(&run, Origin::Build);
    let file = run.bin(&tool()).file("tool");
    fs::set_mode(&file, 0o644).unwrap();
    assert_eq!(cause(&run), Some(Cause::Damaged));
    fs::set_mode(&file, 0o755).unwrap();
    assert_eq!(cause(&run), None);
    fs::rewrite(&file, b"#!/bin/SH\n").unwrap();
    assert_eq!(cause(&run), Some(Cause::Damaged));
}

#[test]
fn a_damaged_stamp_means_not_installed() {
    let fixture = Fixture::new(RECIPE);
    let run = fixture.run(Options::default());
    install(&run, Origin::Build);
    let stamp = run.bin(&tool()).dir().join(".version");
    let text = fs::read_text(&stamp).unwrap();
    fs::rewrite(&stamp, text.replace("v1.0.0", "v1.0.1").as_bytes()).unwrap();
    assert_eq!(
        cause(&run),
        Some(Cause::NotInstalled),
        "the version is not that of the inputs"
    );
    fs::rewrite(&stamp, b"nonsense").unwrap();
    assert_eq!(cause(&run), Some(Cause::NotInstalled));
}

#[test]
fn under_locked_an_original_needs_its_line_in_the_lock() {
    let fixture = Fixture::new(RECIPE);
    install(&fixture.run(Options::default()), Origin::Original);
    let locked = || Options {
        locked: true,
        ..Options::default()
    };
    let run = fixture.run(locked());
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let error = freshness::check(&request, &request.bin()).unwrap_err();
    assert_eq!(error.kind(), Kind::Locked);
    let inputs = request.wanted.of(Origin::Original).unwrap().digest;
    let digest = Digest::of(b"archive");
    fixture.write(
        "versions.lock",
        &format!(
            "tool v1.0.0 {} original upstream {inputs} {digest} {digest} 7 https://publisher.example/tool\n",
            target.platform
        ),
    );
    assert_eq!(cause(&fixture.run(locked())), None);
}
