//! The platforms of wheels. pip installs a wheel if one of its tags is among those of the machine.
//!
//! - A static program runs with any C library: its wheel has the tag of the oldest glibc that any
//!   pip asks for, and that of the oldest musl, unless another wheel of the release is for one of
//!   them.
//! - A program that loads glibc has the lowest version of it that the file itself and the sidecar
//!   state, and at least 2.17, because no older one is in use.
//! - A program that loads musl has 1.2, which all musl builds of today's compilers need.

use larder_core::error::Result;
use larder_core::model::{Arch, Libc, Os, Platform};

use crate::linux::linkage::{Needs, needs};
use crate::release::{PlatformRelease, Release};

const LOWEST_GLIBC: (u32, u32) = (2, 17);

/// The platforms that get a wheel, with its tags, sorted.
pub fn wheels(release: &Release) -> Result<Vec<(&PlatformRelease, Vec<String>)>> {
    let mut wheels = Vec::new();
    for arch in [Arch::Amd64, Arch::Arm64, Arch::I386, Arch::Arm] {
        wheels.extend(linux(release, arch)?);
        for os in [Os::Darwin, Os::Windows] {
            if let Some(platform) = release.best(os, arch)
                && let Some(tag) = tag(platform.platform())
            {
                wheels.push((platform, vec![tag.to_owned()]));
            }
        }
    }
    Ok(wheels)
}

/// The wheels for Linux: one for glibc, one for musl, or one for both.
fn linux<'a>(release: &'a Release, arch: Arch) -> Result<Vec<(&'a PlatformRelease, Vec<String>)>> {
    let word = match arch {
        Arch::Amd64 => "x86_64",
        Arch::Arm64 => "aarch64",
        Arch::I386 => "i686",
        Arch::Arm => "armv7l",
    };
    let mut tagged: Vec<(&'a PlatformRelease, Vec<String>)> = Vec::new();
    let mut add = |platform: &'a PlatformRelease, tag| match tagged
        .iter_mut()
        .find(|(other, _)| other.platform() == platform.platform())
    {
        Some((_, tags)) => tags.push(tag),
        None => tagged.push((platform, vec![tag])),
    };
    for libc in [Some(Libc::Gnu), None, Some(Libc::Musl)] {
        let Some(platform) = release.best_of(Os::Linux, arch, [libc]) else {
            continue;
        };
        let (major, minor) = match needs(release, platform)? {
            Needs::Nothing | Needs::Glibc(None) => LOWEST_GLIBC,
            Needs::Glibc(Some(floor)) => floor.max(LOWEST_GLIBC),
            Needs::Musl => continue,
        };
        add(platform, format!("manylinux_{major}_{minor}_{word}"));
        break;
    }
    for libc in [Some(Libc::Musl), None, Some(Libc::Gnu)] {
        let Some(platform) = release.best_of(Os::Linux, arch, [libc]) else {
            continue;
        };
        let version = match needs(release, platform)? {
            Needs::Nothing => "1_1",
            Needs::Musl => "1_2",
            Needs::Glibc(_) => continue,
        };
        add(platform, format!("musllinux_{version}_{word}"));
        break;
    }
    Ok(tagged)
}

/// The tag of a platform that is no Linux.
fn tag(platform: Platform) -> Option<&'static str> {
    Some(match (platform.os, platform.arch) {
        (Os::Darwin, Arch::Arm64) => "macosx_11_0_arm64",
        (Os::Darwin, Arch::Amd64) => "macosx_10_12_x86_64",
        (Os::Darwin, Arch::I386) => "macosx_10_12_i386",
        (Os::Windows, Arch::Amd64) => "win_amd64",
        (Os::Windows, Arch::Arm64) => "win_arm64",
        (Os::Windows, Arch::I386) => "win32",
        _ => return None,
    })
}
