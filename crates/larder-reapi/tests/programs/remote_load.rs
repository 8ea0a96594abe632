//! Many builds on an executor from one client, as engineers and judges start it.
//!
//! usage: `remote_load cluster [--workers 16] [--time 200]`
//!        `remote_load execute|share|find --url URL [--builds 500] [--files 200]`
//!
//! `cluster` serves the cluster of the tests, whose workers only wait (`--time`, in milliseconds),
//! prints its url and runs until standard input ends. The others prepare that number of actions with
//! one source of that number of files, and have all of them in flight at once. `share` writes results
//! as a machine that built them, `find` takes them from the action cache and fails if one is missing
//! or different. Prints one JSON object with the seconds and the largest memory of this process.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use larder_cluster::{Cluster, Options};
use larder_core::cancel::Cancel;
use larder_engine::executor::remote::{
    CacheUse, ExecutorSettings, RemoteAction, RemoteEnd, RemoteExecutor, RemoteInput,
    RemoteProgress, RemoteResult, RemoteStage,
};
use larder_reapi::{Client, Tuning};

/// What the arguments say.
struct Arguments {
    url: String,
    builds: usize,
    files: usize,
    workers: usize,
    time: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().expect("a mode");
    let mut read = Arguments {
        url: String::new(),
        builds: 500,
        files: 200,
        workers: 16,
        time: Duration::from_millis(200),
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().expect("a value");
        let number = || value.parse().expect("a number");
        match name.as_str() {
            "--url" => read.url = value,
            "--builds" => read.builds = number(),
            "--files" => read.files = number(),
            "--workers" => read.workers = number(),
            "--time" => read.time = Duration::from_millis(value.parse().expect("a number")),
            _ => panic!("{name} is no option"),
        }
    }
    if mode == "cluster" {
        let cluster = Cluster::start(Options {
            workers: read.workers,
            simulated: Some(read.time),
            ..Options::default()
        });
        println!("{}", cluster.url());
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        println!("{:?}", cluster.counts());
    } else {
        load(&mode, &read);
    }
}

fn load(mode: &str, arguments: &Arguments) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
    let src = root.join("src");
    std::fs::create_dir(&src).expect("a folder");
    for file in 0..arguments.files {
        // Of very different sizes: up to 1 MiB, 8 KiB in the middle.
        let size = 1 << (6 + file % 15);
        let text = format!("line {file}\n").repeat(size / 8);
        std::fs::write(src.join(format!("f{file}")), text).expect("a file");
    }
    let settings = ExecutorSettings {
        url: arguments.url.clone(),
        instance: String::new(),
        cache: CacheUse::Write,
        execute: true,
        jobs: NonZeroUsize::new(arguments.builds).expect("builds"),
        headers: Vec::new(),
    };
    let start = Instant::now();
    let client = Client::new(
        &settings,
        larder_remote::http::Settings::default(),
        Tuning::default(),
    );
    let client = client.expect("a client");
    std::thread::scope(|scope| {
        for number in 0..arguments.builds {
            let (client, src, out) = (&client, &src, root.join(format!("out{number}")));
            scope.spawn(move || {
                std::fs::create_dir(&out).expect("a folder");
                build(mode, client, src, &out, number);
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let builds = arguments.builds;
    println!(
        "{}",
        serde_json::json!({"mode": mode, "builds": builds, "seconds": seconds, "peak_kib": peak()})
    );
}

fn build(mode: &str, client: &Client, src: &Utf8Path, out: &Utf8Path, number: usize) {
    let cancel = Cancel::new();
    let action = RemoteAction {
        script: format!("build {number}"),
        environment: BTreeMap::new(),
        inputs: vec![RemoteInput {
            path: "src".to_owned(),
            folder: src,
            without: &[],
        }],
        empty_folders: vec!["out".to_owned()],
        output: "out".to_owned(),
        properties: BTreeMap::new(),
        timeout: Some(Duration::from_mins(1)),
        salt: b"1".to_vec(),
    };
    let prepared = client.prepare(&action, &cancel).expect("an action");
    // Larger than a batch takes every tenth time, and in folders.
    let content = || {
        format!("program {number}\n").repeat(if number.is_multiple_of(10) {
            200_000
        } else {
            100
        })
    };
    let check = |result: &RemoteResult| assert_eq!(result.ended, RemoteEnd::Exited(0));
    match mode {
        "execute" => check(
            &prepared
                .execute(false, out, &Quiet, &cancel)
                .expect("a result"),
        ),
        "share" => {
            std::fs::create_dir(out.join("lib")).expect("a folder");
            std::fs::write(out.join("lib/program"), content()).expect("a file");
            prepared
                .share(out, &[], &Quiet, &cancel)
                .expect("a shared result");
        }
        "find" => {
            let found = prepared.cached(out, &Quiet, &cancel).expect("an answer");
            check(&found.expect("a result in the action cache"));
            if let Ok(found) = std::fs::read_to_string(out.join("lib/program")) {
                assert_eq!(found, content(), "{number}");
            } else {
                std::fs::metadata(out.join("program")).expect("the program of a simulated worker");
            }
        }
        _ => panic!("{mode} is no mode"),
    }
}

/// The largest memory of this process in KiB, where the system says it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Tells nobody.
struct Quiet;

impl RemoteProgress for Quiet {
    fn stage(&self, _: RemoteStage) {}
    fn bytes(&self, _: u64) {}
}
