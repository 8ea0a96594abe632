//! What this machine is, beyond its operating system and its processor: which C libraries of Linux
//! can load programs here. It reads the file system and starts no process.

use std::path::Path;

use crate::fs;
use crate::model::{Arch, Libc, Os, Platform};

/// The C libraries whose programs this machine can load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Libcs {
    /// The loader of glibc is there.
    pub gnu: bool,
    /// The loader of musl is there.
    pub musl: bool,
}

impl Libcs {
    /// Looks for the loaders below a folder, which is `/` except in tests.
    fn below(root: &Path, arch: Arch) -> Self {
        let (gnu, musl) = loaders(arch);
        let any = |paths: &[&str]| paths.iter().any(|path| fs::exists(root.join(path)));
        Self {
            gnu: any(gnu),
            musl: any(&[musl]),
        }
    }

    /// The C library that a program without a known one can't have: `None` if both work, or if
    /// nothing is known.
    fn only(self) -> Option<Libc> {
        match (self.gnu, self.musl) {
            (false, true) => Some(Libc::Musl),
            (true, false) => Some(Libc::Gnu),
            _ => None,
        }
    }
}

/// The paths of the loaders, without the `/` at the start.
fn loaders(arch: Arch) -> (&'static [&'static str], &'static str) {
    match arch {
        Arch::Amd64 => (&["lib64/ld-linux-x86-64.so.2"], "lib/ld-musl-x86_64.so.1"),
        Arch::Arm64 => (
            &["lib/ld-linux-aarch64.so.1", "lib64/ld-linux-aarch64.so.1"],
            "lib/ld-musl-aarch64.so.1",
        ),
        Arch::I386 => (&["lib/ld-linux.so.2"], "lib/ld-musl-i386.so.1"),
        Arch::Arm => (
            &["lib/ld-linux-armhf.so.3", "lib/ld-linux.so.3"],
            "lib/ld-musl-armhf.so.1",
        ),
    }
}

/// The C libraries that can load programs here; `None` if this is no Linux.
pub fn libcs() -> Option<Libcs> {
    let host = Platform::host();
    (host.os == Os::Linux).then(|| Libcs::below(Path::new("/"), host.arch))
}

/// The only C library of this machine, whatever larder itself is linked to; `None` if it has both,
/// or is no Linux, or if that is not known.
pub fn only_libc() -> Option<Libc> {
    libcs().and_then(Libcs::only)
}

/// The platform among these that suits this machine best; `None` if none does. A name without a C
/// library says nothing about it, so one that names the machine's is better where that is musl. A
/// program for musl is usually static, so it runs where glibc is; one for glibc does not run where
/// only musl is.
pub fn best(platforms: &[Platform]) -> Option<Platform> {
    let host = Platform::host();
    let here: Vec<Platform> = platforms
        .iter()
        .copied()
        .filter(|platform| (platform.os, platform.arch) == (host.os, host.arch))
        .collect();
    match *here {
        [] => None,
        // Nothing has to be found out about the machine.
        [one] if one.libc != Some(Libc::Gnu) => Some(one),
        _ => choose(&here, only_libc()),
    }
}

/// The platforms whose programs can run here, the best first; see [`best`].
pub fn candidates() -> Vec<Platform> {
    let host = Platform::host();
    if host.os != Os::Linux {
        return vec![host];
    }
    let of = |libc: &Option<Libc>| Platform {
        libc: *libc,
        ..host
    };
    order(only_libc()).iter().map(of).collect()
}

fn order(only: Option<Libc>) -> &'static [Option<Libc>] {
    match only {
        Some(Libc::Musl) => &[Some(Libc::Musl), None],
        _ => &[None, Some(Libc::Gnu), Some(Libc::Musl)],
    }
}

fn choose(platforms: &[Platform], only: Option<Libc>) -> Option<Platform> {
    let find = |libc: &Option<Libc>| platforms.iter().find(|platform| platform.libc == *libc);
    order(only).iter().find_map(find).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_tell_the_libraries_apart() {
        let dir = tempfile::tempdir().unwrap();
        let libcs = || Libcs::below(dir.path(), Arch::Amd64);
        assert_eq!((libcs(), libcs().only()), (Libcs::default(), None));
        for folder in ["lib", "lib64"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let loader = |name: &str| fs::write_atomic(dir.path().join(name), b"x").unwrap();
        loader("lib/ld-musl-aarch64.so.1");
        assert_eq!(libcs().only(), None);
        loader("lib/ld-musl-x86_64.so.1");
        assert_eq!(libcs().only(), Some(Libc::Musl));
        // A compatibility package of Alpine.
        loader("lib64/ld-linux-x86-64.so.2");
        assert_eq!(libcs().only(), None);
        fs::remove_file(dir.path().join("lib/ld-musl-x86_64.so.1")).unwrap();
        assert_eq!(libcs().only(), Some(Libc::Gnu));
    }

    #[test]
    fn the_best_platform_depends_on_the_machine() {
        let platforms = |text: &str| -> Vec<Platform> {
            text.split_whitespace()
                .map(|name| name.parse().unwrap())
                .collect()
        };
        for (list, on_musl, elsewhere) in [
            ("linux-amd64", "linux-amd64", "linux-amd64"),
            (
                "linux-amd64 linux-amd64-musl",
                "linux-amd64-musl",
                "linux-amd64",
            ),
            (
                "linux-amd64-musl linux-amd64-gnu",
                "linux-amd64-musl",
                "linux-amd64-gnu",
            ),
            ("linux-amd64-musl", "linux-amd64-musl", "linux-amd64-musl"),
            ("linux-amd64-gnu linux-amd64", "linux-amd64", "linux-amd64"),
            ("linux-amd64-gnu", "none", "linux-amd64-gnu"),
            ("", "none", "none"),
        ] {
            let list = platforms(list);
            for (only, wanted) in [
                (Some(Libc::Musl), on_musl),
                (Some(Libc::Gnu), elsewhere),
                (None, elsewhere),
            ] {
                let chosen = choose(&list, only).map_or("none".into(), |p| p.to_string());
                assert_eq!(chosen, wanted, "{list:?} {only:?}");
            }
        }
        // Another processor, and no platform at all.
        assert_eq!(best(&[]), None);
        let host = Platform::host();
        assert_eq!(best(&[host]), Some(host));
    }
}
