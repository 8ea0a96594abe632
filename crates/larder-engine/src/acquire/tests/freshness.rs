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
        emulated: None,
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
#[cfg_attr(not(unix), ignore = "the installed program has no .exe")]
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
#[cfg_attr(not(unix), ignore = "the installed program has no .exe")]
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
#[cfg_attr(not(unix), ignore = "the installed program has no .exe")]
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
    fixture.write(
        "versions.lock",
        &upstream_line(&request, Some(installed(&request))),
    );
    assert_eq!(cause(&fixture.run(locked())), None);
}

/// The digest of the installed artifact.
fn installed(request: &Request<'_>) -> Digest {
    request.bin().stamped().unwrap().unwrap().digest()
}

/// A line of the lock for the publisher's file of the wanted inputs.
fn upstream_line(request: &Request<'_>, artifact: Option<Digest>) -> String {
    let inputs = request.wanted.of(Origin::Original).unwrap().digest;
    let artifact = artifact.map_or("-".to_owned(), |digest| digest.to_string());
    format!(
        "tool v1.0.0 {} original upstream {inputs} {artifact} {} 7 https://publisher.example/tool\n",
        request.target.platform,
        Digest::of(b"archive")
    )
}

#[test]
#[cfg_attr(not(unix), ignore = "the installed program has no .exe")]
fn installed_bytes_that_the_lock_contradicts_are_stale_and_an_error_under_locked() {
    let fixture = Fixture::new(RECIPE);
    let run = fixture.run(Options::default());
    install(&run, Origin::Original);
    let target = tool();
    let request = Request::new(&run, &target).unwrap();
    let other = Digest::of(b"other files");
    for line in [
        upstream_line(&request, Some(other)),
        // The file is pinned without what is in it, and nothing shows that the tool came from it.
        upstream_line(&request, None),
    ] {
        fixture.write("versions.lock", &line);
        assert_eq!(
            cause(&fixture.run(Options::default())),
            Some(Cause::Pinned),
            "{line}"
        );
    }
    let locked = || Options {
        locked: true,
        ..Options::default()
    };
    assert_eq!(cause(&fixture.run(locked())), Some(Cause::Pinned));
    fixture.write("versions.lock", &upstream_line(&request, Some(other)));
    let run = fixture.run(locked());
    let request = Request::new(&run, &target).unwrap();
    let error = freshness::check(&request, &request.bin()).unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity);
}

#[test]
fn a_stamp_that_contradicts_the_recipe_means_not_installed() {
    let fixture = Fixture::new(RECIPE);
    let run = fixture.run(Options::default());
    install(&run, Origin::Build);
    let bin = run.bin(&tool());
    let right = bin.stamped().unwrap().unwrap();
    let file = |name: &str, mode| ArtifactFile {
        name: name.parse().unwrap(),
        mode,
        ..right.files[0].clone()
    };
    for files in [
        vec![file("tool", 0o644)],
        vec![file("sh", 0o755)],
        vec![file("tool", 0o755), file("sh", 0o755)],
    ] {
        let lie = Artifact {
            files,
            ..right.clone()
        };
        let stamp = bin.dir().join(".version");
        fs::rewrite(&stamp, larder_core::formats::stamp::render(&lie).as_bytes()).unwrap();
        assert_eq!(cause(&run), Some(Cause::NotInstalled), "{:?}", lie.files);
    }
}
