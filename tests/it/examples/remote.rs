//! The example with builds in C and Rust, on this machine and on a cluster in this process.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use larder_cluster::{Cluster, Options};

use super::{example, run};

#[test]
fn the_remote_example_has_the_same_bytes_here_and_on_a_cluster() {
    let cluster = Cluster::start(Options {
        path: Some(toolchain_path()),
        ..Options::default()
    });
    let here = example("remote").with_toolchain();
    let mut there = here.another("there");
    there.copy_from_repo("examples/remote", "");
    there.set("LARDER_EXECUTOR", cluster.url());
    for env in [&here, &there] {
        let built = env.larder_json(["ensure", "all"]).success();
        assert_eq!(built.outcomes(), ["count=built", "hello=built"]);
        env.larder(["verify"]).success();
        assert_eq!(run(env, "hello", &[]), "hello v1.0.0\n");
        assert_eq!(run(env, "count", &["--version"]), "count v0.1.0\n");
    }
    assert_eq!(cluster.counts().runs, 2);
    for stamp in ["count", "hello"].map(|name| format!("subsystems/{name}/.bin/.version")) {
        assert_eq!(here.read(&stamp), there.read(&stamp));
    }
}

/// A PATH with the compilers of this toolchain themselves: workers have no settings of rustup.
fn toolchain_path() -> OsString {
    let said = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .expect("the compiler runs");
    let sysroot = String::from_utf8(said.stdout).expect("a path");
    let first = Path::new(sysroot.trim()).join("bin");
    let system = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(first).chain(std::env::split_paths(&system)))
        .expect("folders without a colon")
}
