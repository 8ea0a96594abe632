//! What binaries need of the system, read from their headers.

use larder_core::error::Result;
use larder_core::executable::{Executable, Linkage, inspect};
use larder_core::model::Libc;

use crate::release::{PlatformRelease, Release};

/// The C library that some binary of a package loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NeededLibc {
    /// Which one.
    pub(crate) libc: Libc,
    /// The lowest version of glibc that all binaries run on, if their headers tell.
    pub(crate) glibc: Option<String>,
}

/// The C library that the binaries of a platform load; `None` if all of them are static.
pub(crate) fn needed_libc(
    release: &Release,
    platform: &PlatformRelease,
) -> Result<Option<NeededLibc>> {
    let mut needed: Option<NeededLibc> = None;
    for file in platform.binaries(release) {
        let Executable::Native(native) = inspect(platform.path(file))? else {
            continue;
        };
        let Some(Linkage::Dynamic(libc)) = native.libc else {
            continue;
        };
        let before = needed.and_then(|needed| needed.glibc);
        let glibc = before
            .into_iter()
            .chain(native.glibc)
            .max_by_key(|version| numbers(version));
        needed = Some(NeededLibc { libc, glibc });
    }
    Ok(needed)
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}
