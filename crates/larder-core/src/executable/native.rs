//! Properties of a native executable, independent of its format.

use std::fmt;

use crate::model::{Arch, Libc, Os, Platform};

/// A native executable or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// The system that it runs on.
    pub system: System,
    /// The processors that it runs on; a universal Mach-O file has several.
    pub machines: Vec<Machine>,
    /// How it gets its C library; only known for ELF.
    pub libc: Option<Linkage>,
    /// The lowest glibc version that it runs on, such as `2.28`.
    pub glibc: Option<String>,
    /// Whether it has a signature for arm64; only known for Mach-O files for that processor.
    pub signed: Option<bool>,
}

/// The operating system of an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// A system that larder supports.
    Known(Os),
    /// Another system, by its name.
    Other(&'static str),
}

/// The processor of an executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A processor that larder supports.
    Known(Arch),
    /// Another processor, by its number in the header.
    Other(u32),
}

/// How an ELF file gets its C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// It does not load a C library.
    Static,
    /// It loads this C library.
    Dynamic(Libc),
    /// It loads libraries, but the headers don't show which C library.
    Unknown,
}

impl fmt::Display for Native {
    /// In the form of a platform: `darwin-arm64`, `darwin-amd64+arm64`, `linux-amd64-musl`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.system {
            System::Known(os) => write!(f, "{}-", os.as_str())?,
            System::Other(name) => write!(f, "{name}-")?,
        }
        for (i, machine) in self.machines.iter().enumerate() {
            f.write_str(if i > 0 { "+" } else { "" })?;
            match machine {
                Machine::Known(arch) => f.write_str(arch.as_str())?,
                Machine::Other(number) => write!(f, "machine{number}")?,
            }
        }
        match self.libc {
            Some(Linkage::Dynamic(libc)) => write!(f, "-{}", libc.as_str()),
            _ => Ok(()),
        }
    }
}

impl Native {
    /// Whether it runs on a platform.
    pub(super) fn suits(&self, platform: Platform) -> bool {
        let Platform { os, arch, libc } = platform;
        let libc_suits = match (self.libc, libc) {
            (Some(Linkage::Dynamic(needs)), Some(wanted)) => needs == wanted,
            _ => true,
        };
        self.system == System::Known(os)
            && self.machines.contains(&Machine::Known(arch))
            && libc_suits
    }
}
