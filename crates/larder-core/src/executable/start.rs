//! Why a system refuses to start an executable that is one of the right platform: macOS keeps what a
//! browser downloaded from running, and on arm64 whatever is not signed; Linux needs the loader of
//! the program's C library.

use std::path::Path;

use super::{Executable, Linkage, Native, inspect};
use crate::machine::{self, Libcs};
use crate::model::{Arch, Libc, Os};

/// What is known of an executable that did not start.
struct Found<'a> {
    path: &'a Path,
    native: &'a Native,
    quarantined: bool,
    libcs: Option<Libcs>,
}

/// The cause and the remedy, if a program can't start on this machine; `None` if nothing is known
/// that keeps it from starting.
pub fn why_not_started(path: &Path) -> Option<(String, String)> {
    let Ok(Executable::Native(native)) = inspect(path) else {
        return None;
    };
    explain(&Found {
        path,
        native: &native,
        quarantined: is_quarantined(path),
        libcs: machine::libcs(),
    })
}

fn explain(found: &Found<'_>) -> Option<(String, String)> {
    let Found {
        path,
        native,
        quarantined,
        libcs,
    } = found;
    let (name, path) = (path.file_name()?.to_string_lossy(), path.display());
    if *quarantined {
        return Some((
            format!("macOS has {name} in quarantine, because another program downloaded it"),
            format!("if you trust it: `xattr -d com.apple.quarantine '{path}'`"),
        ));
    }
    if native.signed == Some(false) {
        return Some((
            format!("{name} is not signed, and macOS ends such programs on arm64"),
            format!("sign it on this machine: `codesign -s - '{path}'`"),
        ));
    }
    let Some(Linkage::Dynamic(needs)) = native.libc else {
        return None;
    };
    let libcs = (*libcs)?;
    let (there, other) = match needs {
        Libc::Gnu => (libcs.gnu, "musl"),
        Libc::Musl => (libcs.musl, "glibc"),
    };
    let needs = match needs {
        Libc::Gnu => "glibc",
        Libc::Musl => "musl",
    };
    (!there).then(|| {
        (
            format!("{name} needs {needs}, whose loader is not on this machine"),
            format!("take a build that is static, or one for {other}; `platforms:` can list both, such as linux-amd64 and linux-amd64-musl"),
        )
    })
}

/// Whether macOS marked a file as downloaded by a browser or another program.
#[cfg(target_vendor = "apple")]
fn is_quarantined(path: &Path) -> bool {
    let mut value = [0; 256];
    rustix::fs::getxattr(path, "com.apple.quarantine", &mut value).is_ok()
}

#[cfg(not(target_vendor = "apple"))]
fn is_quarantined(_path: &Path) -> bool {
    false
}

/// Whether macOS on arm64 would not run a file because it is not signed.
pub fn lacks_signature(path: &Path) -> bool {
    let found = inspect(path);
    matches!(
        found,
        Ok(Executable::Native(Native {
            signed: Some(false),
            ..
        }))
    )
}

impl Native {
    /// Whether it runs on macOS on arm64.
    pub(super) fn is_for_arm64_macs(&self) -> bool {
        use super::{Machine, System};
        self.system == System::Known(Os::Darwin)
            && self.machines.contains(&Machine::Known(Arch::Arm64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executable::{Machine, System};

    fn native(os: Os, libc: Option<Linkage>, signed: Option<bool>) -> Native {
        Native {
            system: System::Known(os),
            machines: vec![Machine::Known(Arch::Arm64)],
            libc,
            glibc: None,
            signed,
        }
    }

    #[test]
    fn a_refusal_names_its_cause_and_the_remedy() {
        let gnu = Some(Linkage::Dynamic(Libc::Gnu));
        let musl = Some(Linkage::Dynamic(Libc::Musl));
        let has = |gnu, musl| Some(Libcs { gnu, musl });
        for (native, quarantined, libcs, cause, remedy) in [
            (
                native(Os::Darwin, None, Some(true)),
                true,
                None,
                "quarantine",
                "xattr -d",
            ),
            (
                native(Os::Darwin, None, Some(false)),
                true,
                None,
                "quarantine",
                "xattr -d",
            ),
            (
                native(Os::Darwin, None, Some(false)),
                false,
                None,
                "not signed",
                "codesign -s - '/a b/x'",
            ),
            (native(Os::Darwin, None, Some(true)), false, None, "", ""),
            (
                native(Os::Linux, gnu, None),
                false,
                has(false, true),
                "needs glibc",
                "for musl",
            ),
            (
                native(Os::Linux, musl, None),
                false,
                has(true, false),
                "needs musl",
                "for glibc",
            ),
            (
                native(Os::Linux, gnu, None),
                false,
                has(false, false),
                "needs glibc",
                "static",
            ),
            (native(Os::Linux, gnu, None), false, has(true, true), "", ""),
            (
                native(Os::Linux, Some(Linkage::Static), None),
                false,
                has(false, true),
                "",
                "",
            ),
            (native(Os::Linux, gnu, None), false, None, "", ""),
        ] {
            let found = Found {
                path: Path::new("/a b/x"),
                native: &native,
                quarantined,
                libcs,
            };
            let (found_cause, found_remedy) = explain(&found).unwrap_or_default();
            assert_eq!(found_cause.is_empty(), cause.is_empty(), "{found_cause}");
            assert!(found_cause.contains(cause), "{found_cause}");
            assert!(found_remedy.contains(remedy), "{found_remedy}");
        }
    }
}
