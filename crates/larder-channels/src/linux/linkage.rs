//! What the programs of a Linux platform need from the machine, which decides where they run: a
//! static program runs everywhere, whatever the platform is called.

use larder_core::error::Result;
use larder_core::executable::{Executable, Linkage, inspect};
use larder_core::model::Libc;

use crate::release::{PlatformRelease, Release};

/// The C library that programs need at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None: they are static.
    Nothing,
    /// glibc of at least this version, if that is known.
    Glibc(Option<(u32, u32)>),
    /// musl.
    Musl,
}

/// What all binaries of a Linux platform need together. Where the files do not say it (scripts),
/// the platform's name and the sidecar do.
pub fn needs(release: &Release, platform: &PlatformRelease) -> Result<Needs> {
    let mut all_static = true;
    let mut floor = None;
    let mut libc = None;
    for file in platform.binaries(release) {
        let Executable::Native(native) = inspect(platform.path(file))? else {
            all_static = false;
            continue;
        };
        if let Some(Linkage::Dynamic(loaded)) = native.libc {
            libc = Some(loaded);
        }
        all_static &= native.libc == Some(Linkage::Static);
        floor = floor.max(native.glibc.as_deref().and_then(glibc));
    }
    if all_static {
        return Ok(Needs::Nothing);
    }
    Ok(match libc.or(platform.platform().libc) {
        Some(Libc::Musl) => Needs::Musl,
        Some(Libc::Gnu) | None => {
            let observed = platform.sidecar.observed.glibc.as_deref();
            Needs::Glibc(floor.max(observed.and_then(glibc)))
        }
    })
}

/// A version of glibc such as `2.28`.
fn glibc(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let minor = rest.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_glibc_are_numbers() {
        assert_eq!(glibc("2.28"), Some((2, 28)));
        assert_eq!(glibc("2.2.5"), Some((2, 2)));
        assert_eq!(glibc("2"), None);
        assert!(glibc("2.9") < glibc("2.17"));
    }
}
