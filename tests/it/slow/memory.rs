//! Memory use is bounded whatever the size of an asset: 300 MB pass through each code path, and the
//! peak resident set that the operating system reports for the finished process is compared with
//! the promised limit.
//!
//! The bytes are incompressible, so that archives are as large as their contents. One long test per
//! limit: each step uses the result of the previous one.
#![cfg(target_os = "linux")]

use std::io::{BufWriter, Write};
use std::process::Command;

use camino::Utf8Path;
use larder_core::archive::{Content, PackEntry, pack};
use larder_core::cancel::Cancel;
use larder_core::project::PackageFormat;

use crate::env::{LARDER, Output, TestEnv, host};
use crate::servers::files::FileServer;

const MB: u64 = 1_000_000;
/// The size of the binary in bytes, and about that of each archive of it.
const SIZE: usize = 300 * 1_000_000;
/// The part that is repeated up to that size: longer than the window of deflate, zstd -3 or `xz
/// -0`.
const PART: usize = 12 * 1_000_000;
/// The limit for any package or cached artifact.
const OWN: u64 = 64 * MB + UNOPTIMISED;
/// The limit for originals, whose publishers choose the window (`xz -9`: 64 MiB, 67 MB).
const FOREIGN: u64 = 96 * MB;
/// An unoptimised program is larger, and its code is resident too.
const UNOPTIMISED: u64 = if cfg!(debug_assertions) { 36 * MB } else { 0 };

/// Runs a command and prints its peak resident set in KiB as the last line of standard error.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

/// Runs larder, which must succeed with a peak of at most `limit` bytes.
fn run_within(limit: u64, env: &TestEnv, what: &str, args: &[&str]) -> Output {
    let mut command = env.program("python3");
    command.args(["-c", MEASURE, LARDER]).args(args);
    measured(limit, env, what, command)
}

fn measured(limit: u64, env: &TestEnv, what: &str, command: Command) -> Output {
    let out = env.output(command).success();
    let peak: u64 = out
        .stderr
        .lines()
        .last()
        .and_then(|line| line.parse().ok())
        .expect("a peak");
    let peak = peak * 1024;
    println!("{what}: {:.1} MB", peak as f64 / 1e6);
    assert!(
        peak < limit,
        "{what} took {:.1} MB, more than {} MB",
        peak as f64 / 1e6,
        limit / MB
    );
    out
}

/// A script that is never run: a line of shell, then bytes without a pattern.
fn write_binary(path: &Utf8Path, size: usize) {
    let mut part = Vec::with_capacity(PART);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    while part.len() < PART {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        part.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    let mut file = BufWriter::new(std::fs::File::create(path).expect("create"));
    file.write_all(b"#!/bin/sh\nexit 0\n").expect("write");
    for _ in 0..size / PART {
        file.write_all(&part).expect("write");
    }
    file.flush().expect("write");
}

fn size_of(path: &Utf8Path) -> u64 {
    std::fs::metadata(path)
        .unwrap_or_else(|e| panic!("{path}: {e}"))
        .len()
}

#[test]
fn a_large_asset_uses_little_memory() {
    let author = TestEnv::new();
    author.versions(&[("tool", "v1.0.0")], "upload: never\nhub: {dir: hub}\n");
    author.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  source: {dir: .}\n  commands: [\"mv tool {{ out }}\"]\n",
    );
    write_binary(&author.path("subsystems/tool/tool"), SIZE);
    let built = run_within(OWN, &author, "build", &["ensure", "all", "--json"]);
    assert_eq!(built.outcome("tool"), "built");
    let recipe = author.read("subsystems/tool/recipe.yml");
    // The package format is not part of the key: the installed files stay and are packed again.
    // tar.gz is last, for the following steps.
    for format in ["tar.zst", "tar.gz"] {
        author.write(
            "subsystems/tool/recipe.yml",
            format!("{recipe}package: {{format: {format}}}\n"),
        );
        run_within(
            OWN,
            &author,
            &format!("package as {format}"),
            &["package", "all"],
        );
        let asset = author.path(format!(".dist/tool-{}.{format}", host()));
        assert!(size_of(&asset) > SIZE as u64 * 99 / 100, "{asset}");
    }
    run_within(OWN, &author, "release", &["release", "all"]);

    let reader = author.another("reader");
    let ensure = |what: &str, hub: &str, outcome: &str| {
        reader.versions(
            &[("tool", "v1.0.0")],
            &format!("upload: never\nsources: [managed]\nhub: {hub}\n"),
        );
        let out = run_within(OWN, &reader, what, &["ensure", "all", "--json"]);
        assert_eq!(out.outcome("tool"), outcome, "{what}");
        assert_eq!(
            size_of(&reader.path("subsystems/tool/.bin/tool")),
            size_of(&author.path("subsystems/tool/.bin/tool"))
        );
        reader.remove("subsystems/tool/.bin");
    };
    reader.write(
        "subsystems/tool/recipe.yml",
        author.read("subsystems/tool/recipe.yml"),
    );
    author.run(
        "mv",
        [
            "subsystems/tool/tool",
            reader.path("subsystems/tool/tool").as_str(),
        ],
    );
    let hub = author.path("hub");
    ensure(
        "ensure from a folder hub",
        &format!("{{dir: \"{hub}\"}}"),
        "downloaded",
    );
    ensure(
        "restore from the cache",
        &format!("{{dir: \"{hub}\"}}"),
        "restored",
    );
    reader.drop_cache();
    let server = FileServer::start(&hub);
    ensure(
        "ensure from an http hub",
        &format!("{{http: \"{}\"}}", server.url()),
        "downloaded",
    );
}

#[test]
fn packing_on_sixteen_cores_uses_little_memory() {
    let env = TestEnv::new();
    // Memory is used per thread and reaches its peak early, so a third of the size is enough.
    write_binary(&env.path("tool"), SIZE / 3);
    for format in ["tar.gz", "tar.zst", "zip"] {
        let mut command = env.program("python3");
        command
            .args(["-c", MEASURE])
            .arg(std::env::current_exe().expect("this test"));
        command.args([
            "--ignored",
            "--exact",
            "slow::memory::packing_in_this_process",
            "--nocapture",
        ]);
        command
            .env("LARDER_TEST_FORMAT", format)
            .env("RAYON_NUM_THREADS", "16");
        let out = measured(
            OWN,
            &env,
            &format!("packing {format} on 16 threads"),
            command,
        );
        assert!(out.stdout.contains("1 passed"), "{}", out.stdout);
    }
}

/// Packs the file `tool` of the current folder like a machine with sixteen cores.
#[test]
#[ignore = "`packing_on_sixteen_cores_uses_little_memory` runs it in a process of its own"]
fn packing_in_this_process() {
    let format = match std::env::var("LARDER_TEST_FORMAT")
        .expect("a format")
        .as_str()
    {
        "tar.gz" => PackageFormat::TarGz,
        "tar.zst" => PackageFormat::TarZst,
        _ => PackageFormat::Zip,
    };
    let size = size_of(Utf8Path::new("tool"));
    let entry = PackEntry {
        name: "tool",
        mode: 0o755,
        size,
        content: Content::File(Utf8Path::new("tool")),
    };
    let packed = pack(
        format,
        &[entry],
        &mut std::io::sink(),
        16,
        &Cancel::new(),
        &|_| {},
    )
    .expect("packed");
    assert!(packed.size > size * 99 / 100);
}

#[test]
fn large_originals_use_little_memory() {
    let env = TestEnv::new();
    let site = env.base().join("site");
    std::fs::create_dir_all(&site).expect("create folder");
    write_binary(&site.join("tool"), SIZE);
    // xz is slow with incompressible data, so the tar is cut to the length of one part and the
    // stream of that part is repeated; the zeros before it fill the window that `xz -9` requires.
    env.sh(&format!(
        "cd '{site}' && head -c 80000000 /dev/zero > zeros && tar cf head.tar zeros tool && \
         export LC_ALL=C && whole=$(stat -c %s head.tar) && parts=$(({SIZE} / {PART})) && start=$((80000000 + 512 + 512 + 17)) && \
         xz='xz -T2 --lzma2=preset=0,dict=64MiB -c' && \
         head -c $start head.tar | $xz > tool.tar.xz && \
         tail -c +$((start + 1)) head.tar | head -c {PART} | $xz > part.xz && \
         for i in $(seq $parts); do cat part.xz >> tool.tar.xz; done && \
         tail -c +$((start + {SIZE} + 1)) head.tar | $xz >> tool.tar.xz && \
         python3 -c \"import zipfile; zipfile.ZipFile('tool.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=0).write('tool')\" && \
         xz -t tool.tar.xz && rm head.tar zeros part.xz"
    ));
    let server = FileServer::start(&site);
    for archive in ["tool.tar.xz", "tool.zip"] {
        assert!(
            size_of(&site.join(archive)) > SIZE as u64 * 99 / 100,
            "{archive}"
        );
        let sums = env.run("sha256sum", [site.join(archive).as_str()]);
        let sha256 = sums.split(' ').next().expect("a digest");
        env.versions(&[("tool", "v1.0.0")], "upload: never\n");
        env.recipe(
            "tool",
            &format!(
                "binaries: [tool]\nupstream:\n  url: \"{}/{archive}\"\n  checksums: {{{}: {sha256}}}\n",
                server.url(),
                host()
            ),
        );
        let out = run_within(
            FOREIGN + UNOPTIMISED,
            &env,
            archive,
            &["ensure", "all", "--json"],
        );
        assert_eq!(out.outcome("tool"), "downloaded");
        assert_eq!(
            size_of(&env.path("subsystems/tool/.bin/tool")),
            size_of(&site.join("tool"))
        );
    }
}

#[test]
fn a_decompression_window_beyond_the_limit_is_refused() {
    let env = TestEnv::new();
    let site = env.base().join("site");
    env.sh(&format!(
        "mkdir '{site}' && cd '{site}' && echo x > tool && tar c tool | xz --lzma2=preset=0,dict=128MiB > tool.tar.xz"
    ));
    let server = FileServer::start(&site);
    env.versions(&[("tool", "v1.0.0")], "upload: never\n");
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream:\n  url: \"{}/tool.tar.xz\"\n",
            server.url()
        ),
    );
    let out = env.larder(["ensure", "all"]).exits(4);
    assert!(
        out.stderr
            .contains("it needs more than 72 MiB of memory to decompress"),
        "{}",
        out.stderr
    );
    assert!(!env.exists("subsystems/tool/.bin/tool"));
}
