//! A publisher on this machine with the assets of a sample of packages: archives as the definitions describe them, in which
//! each program has the header of its platform. larder adds the packages and collects them for six platforms.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::model::{Arch, Os, Platform};
use larder_engine::import::aqua::{Answer, Packing, Place};

use super::Whole;

#[path = "../it/servers/files.rs"]
mod files;

/// How many packages are collected.
const SAMPLE: usize = 200;

/// Adds and collects a sample. Whether all of it was collected, for all platforms, with the right bytes.
pub(super) fn collect(registry: &Utf8Path, whole: &[Whole]) -> bool {
    let own = Utf8PathBuf::from_path_buf(std::env::current_exe().expect("a path")).expect("UTF-8");
    let larder = own
        .parent()
        .and_then(Utf8Path::parent)
        .expect("a folder")
        .join("larder");
    if !larder.exists() {
        eprintln!("there is no {larder}: build it with `cargo build --bin larder`");
        return false;
    }
    let can_be_made: Vec<&Whole> = whole
        .iter()
        .filter(|package| can_be_made(package))
        .collect();
    let step = (can_be_made.len() / SAMPLE).max(1);
    let sample: Vec<&Whole> = can_be_made.into_iter().step_by(step).take(SAMPLE).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let base = Utf8Path::from_path(folder.path()).expect("UTF-8");
    let published = base.join("github.com");
    for package in &sample {
        publish(&published, package);
    }
    let server = files::FileServer::start(&published);
    let project = base.join("project");
    std::fs::create_dir_all(&project).expect("create");
    let list = super::PLATFORMS.join(", ");
    std::fs::write(
        project.join("versions.yml"),
        format!("platforms: [{list}]\nversions: {{}}\n"),
    )
    .expect("write");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&larder);
        command.args(arguments).current_dir(&project).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("HOME", base)
            .env("LARDER_CACHE_DIR", base.join("cache"));
        command.env("LARDER_UPSTREAM_GITHUB", server.url());
        command.env(
            "LARDER_OFFLINE",
            if arguments[0] == "add" { "1" } else { "" },
        );
        let output = command.output().expect("larder runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    let mut failed = 0;
    let mut wanted: BTreeMap<String, &Whole> = BTreeMap::new();
    for (number, package) in sample.iter().enumerate() {
        let name = format!("p{number:03}");
        let source = format!("aqua:{}", package.name);
        let tag = package.drafted.tag.as_str();
        let (done, said) = run(&["add", &name, &source, tag, "--registry", registry.as_str()]);
        if done {
            wanted.insert(name, package);
        } else {
            failed += 1;
            println!("{} is not added: {said}", package.name);
        }
    }
    let (_, said) = run(&["collect", "all", "--platform", "all", "-q"]);
    let mut platforms = 0;
    for (name, package) in &wanted {
        let missing = missing(&project, name, package);
        platforms += package.answers.len() - missing.len();
        if !missing.is_empty() {
            failed += 1;
            println!(
                "{} ({name}) is not collected for {}",
                package.name,
                missing.join(", ")
            );
        }
    }
    println!(
        "{} packages of the sample added and collected, {platforms} platforms in all; {failed} failed",
        sample.len() - failed
    );
    if failed > 0 {
        println!("{said}");
    }
    failed == 0
}

/// Whether the assets can be made: those of releases, in formats that the tools of this machine write, without signatures.
fn can_be_made(package: &Whole) -> bool {
    package.answers.values().all(|answer| {
        let Place::Asset { asset, .. } = &answer.place else {
            return false;
        };
        let of_release = |file: &String| !file.contains("://");
        Utf8Path::new(asset).extension() != Some("7z")
            && answer.signature.is_none()
            && answer
                .sums
                .as_ref()
                .is_none_or(|sums| of_release(&sums.file))
    })
}

/// The platforms of a package that were not collected with the bytes that were published.
fn missing(project: &Utf8Path, name: &str, package: &Whole) -> Vec<String> {
    let folder = project
        .join(".collection/binaries")
        .join(name)
        .join(package.drafted.version.as_str());
    let mut missing = Vec::new();
    for (platform, answer) in &package.answers {
        let folder = folder.join(platform.to_string());
        let found: Vec<Vec<u8>> = match folder.read_dir_utf8() {
            Ok(entries) => entries
                .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
                .collect(),
            Err(_) => Vec::new(),
        };
        let is_shared = is_shared(package, *platform);
        let expected = |program: &str| {
            found.contains(&content(source_of(package, *platform), program, is_shared))
        };
        let files = answer.programs.iter().map(|program| program.path.as_str());
        if !files.into_iter().all(expected) || found.len() < answer.programs.len() {
            missing.push(platform.to_string());
        }
    }
    missing
}

/// The platform whose programs a platform gets: where it has the file of another processor, those of that one.
fn source_of(package: &Whole, platform: Platform) -> Platform {
    let amd64 = Platform {
        arch: Arch::Amd64,
        ..platform
    };
    let place = |platform: &Platform| package.answers.get(platform).map(|answer| &answer.place);
    if place(&amd64) == place(&platform) {
        amd64
    } else {
        platform
    }
}

/// Writes the assets of a package, and the files with their digests.
fn publish(root: &Utf8Path, package: &Whole) {
    let mut sums: BTreeMap<Utf8PathBuf, Vec<Utf8PathBuf>> = BTreeMap::new();
    for (platform, answer) in &package.answers {
        let Place::Asset { repo, asset } = &answer.place else {
            continue;
        };
        let folder = root
            .join(repo)
            .join("releases/download")
            .join(package.drafted.tag.replace('/', "%2F"));
        std::fs::create_dir_all(&folder).expect("create");
        let file = folder.join(asset);
        if !file.exists() {
            let is_shared = is_shared(package, *platform);
            write(&file, source_of(package, *platform), answer, is_shared);
        }
        if let Some(stated) = answer.sums.as_ref().filter(|sums| sums.unusable.is_none()) {
            let files = sums.entry(folder.join(&stated.file)).or_default();
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    for (file, assets) in sums {
        let names: Vec<&str> = assets
            .iter()
            .filter_map(|asset| asset.file_name())
            .collect();
        shell(
            file.parent().expect("a folder"),
            &format!(
                "sha256sum -- {} > {}",
                quoted(&names),
                quoted(&[file.file_name().expect("a name")])
            ),
        );
    }
}

/// Writes an asset.
fn write(file: &Utf8Path, platform: Platform, answer: &Answer, is_shared: bool) {
    let program = &answer.programs[0].path;
    if answer.packing == Packing::Plain {
        std::fs::write(file, content(platform, program, is_shared)).expect("write");
        return;
    }
    let inner = tempfile::tempdir().expect("a folder");
    let inner = Utf8Path::from_path(inner.path()).expect("UTF-8");
    let folder = inner.join("tree");
    for program in &answer.programs {
        let path = folder.join(&program.path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("create");
        std::fs::write(&path, content(platform, &program.path, is_shared)).expect("write");
    }
    std::fs::write(folder.join("README.md"), "A program.").expect("write");
    let (name, to) = (file.as_str().to_lowercase(), quoted(&[file.as_str()]));
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let from = quoted(&[folder.join(program).as_str()]);
    let command = if answer.packing == Packing::Single {
        let packer = ["gz", "xz", "bz2", "zst"]
            .iter()
            .find(|end| name.ends_with(**end));
        match packer {
            Some(&"gz") => format!("gzip -c {from} > {to}"),
            Some(&"xz") => format!("xz -c {from} > {to}"),
            Some(&"bz2") => format!("bzip2 -c {from} > {to}"),
            _ => format!("zstd -qc {from} > {to}"),
        }
    } else if ends(&[".tar.xz", ".txz"]) {
        format!("tar cJf {to} *")
    } else if ends(&[".tar.bz2", ".tbz", ".tbz2"]) {
        format!("tar cjf {to} *")
    } else if ends(&[".tar.zst"]) {
        format!("tar cf - * | zstd -q > {to}")
    } else if ends(&[".zip"]) {
        format!("zip -qr {to} .")
    } else {
        format!("tar czf {to} *")
    };
    shell(&folder, &command);
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn shell(folder: &Utf8Path, line: &str) {
    let status = Command::new("sh")
        .args(["-ec", line])
        .current_dir(folder)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{line}");
}

/// Whether a platform has the same file as another one, with programs that must suit both.
fn is_shared(package: &Whole, platform: Platform) -> bool {
    let own = &package.answers[&platform].place;
    package
        .answers
        .iter()
        .any(|(other, answer)| *other != platform && answer.place == *own && other.os == Os::Linux)
}

/// The bytes of a program: a header of its platform and its path. What several platforms share is a script.
fn content(platform: Platform, path: &str, is_shared: bool) -> Vec<u8> {
    if is_shared
        || [".bat", ".cmd", ".ps1", ".jar", ".sh"]
            .iter()
            .any(|end| path.ends_with(end))
    {
        return format!("#!/bin/sh\necho {path}\n").into_bytes();
    }
    let amd64 = platform.arch == Arch::Amd64;
    let mut bytes = match platform.os {
        Os::Linux => {
            let mut bytes = vec![0; 64];
            bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
            bytes[16] = 2;
            bytes[18] = if amd64 { 62 } else { 183 };
            (bytes[20], bytes[52], bytes[54]) = (1, 64, 56);
            bytes
        }
        Os::Darwin => {
            let mut bytes = vec![0xcf, 0xfa, 0xed, 0xfe, if amd64 { 7 } else { 12 }, 0, 0, 1];
            bytes.resize(32, 0);
            bytes[12] = 2;
            bytes
        }
        Os::Windows => {
            let mut bytes = vec![0; 0x80];
            bytes[..2].copy_from_slice(b"MZ");
            bytes[0x3c] = 0x80;
            bytes.extend_from_slice(b"PE\0\0");
            let machine: u16 = if amd64 { 0x8664 } else { 0xaa64 };
            bytes.extend_from_slice(&machine.to_le_bytes());
            bytes.extend_from_slice(&[0; 18]);
            bytes
        }
    };
    bytes.extend_from_slice(path.as_bytes());
    bytes
}
