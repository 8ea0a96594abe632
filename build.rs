//! What linking the program needs on some systems.

use embed_manifest::{embed_manifest, new_manifest};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    // Paths of more than 260 characters work on Windows where the system allows them.
    if target("OS") == "windows" {
        let manifest =
            new_manifest("larder").remove_dependency("Microsoft.Windows.Common-Controls");
        embed_manifest(manifest).expect("the manifest can be written");
    }
    // A program that may be loaded anywhere has 47,000 addresses that the loader computes at each
    // start, which takes longer than a run that has nothing to do. So it has a fixed address, as
    // programs in Go do. The addresses of libraries, stack and heap are random all the same.
    if target("OS") == "linux"
        && target("ENV") == "gnu"
        && std::env::var("OPT_LEVEL") != Ok("0".into())
    {
        println!("cargo::rustc-link-arg-bin=larder=-no-pie");
    }
}
