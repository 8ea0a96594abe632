//! Embeds a manifest in `larder.exe`, so that paths of more than 260 characters work on Windows
//! where the system allows them. Other targets need nothing.

use embed_manifest::{embed_manifest, new_manifest};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_WINDOWS").is_some() {
        let manifest =
            new_manifest("larder").remove_dependency("Microsoft.Windows.Common-Controls");
        embed_manifest(manifest).expect("the manifest can be written");
    }
}
