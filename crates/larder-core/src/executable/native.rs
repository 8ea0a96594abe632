//! What the headers of a native executable say, whatever its format.

use std::fmt;

use crate::model::{Arch, Libc, Os, Platform};

/// A native executable or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// For which system.
    pub system: System,
    /// For which processors: several in a universal Mach-O file.
    pub machines: Vec<Machine>,
    /// What it needs of a C library (ELF only; else `None`).
    pub libc: Option<Linkage>,
    /// Lowest glibc it runs on, `2.28`.
    pub glibc: Option<String>,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// One of ours.
    Known(Os),
    /// Another.
    Other(&'static str),
}

/// A processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// One of ours.
    Known(Arch),
    /// Another, by its number in the header.
    Other(u32),
}

/// How an ELF file gets its C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// It needs none.
    Static,
    /// It loads this one.
    Dynamic(Libc),
    /// It loads something, which of them can't be told.
    Unknown,
}

impl fmt::Display for Native {
    /// As a platform is written: `darwin-arm64`, `darwin-amd64+arm64`, `linux-amd64-musl`.
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
