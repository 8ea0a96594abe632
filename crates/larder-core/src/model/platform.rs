//! Platforms: `<os>-<arch>`, optionally with a C library.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// Operating systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Os {
    /// Linux.
    Linux,
    /// macOS.
    Darwin,
    /// Windows.
    Windows,
}

/// Processor architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arch {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
    /// 32-bit x86.
    I386,
    /// 32-bit ARM.
    Arm,
}

/// C libraries that a binary can depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Libc {
    /// musl.
    Musl,
    /// GNU.
    Gnu,
}

/// The platform that an artifact runs on, such as `linux-amd64` or `linux-amd64-musl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// Operating system.
    pub os: Os,
    /// Architecture.
    pub arch: Arch,
    /// C library, if one is named.
    pub libc: Option<Libc>,
}

impl Os {
    /// The word in files, arguments and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Darwin => "darwin",
            Self::Windows => "windows",
        }
    }
}

impl FromStr for Os {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.to_ascii_lowercase().as_str() {
            "linux" => Ok(Self::Linux),
            "darwin" | "macos" | "mac" | "osx" | "apple" => Ok(Self::Darwin),
            "windows" | "win" | "win32" => Ok(Self::Windows),
            _ => {
                Err(Invalid::new(format!("unknown os `{text}`"))
                    .hint("known: linux, darwin, windows"))
            }
        }
    }
}

impl Arch {
    /// The word in files, arguments and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::I386 => "386",
            Self::Arm => "arm",
        }
    }
}

impl FromStr for Arch {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.to_ascii_lowercase().as_str() {
            "amd64" | "x86_64" | "x64" | "x86-64" => Ok(Self::Amd64),
            "arm64" | "aarch64" => Ok(Self::Arm64),
            "386" | "x86" | "i386" | "i686" => Ok(Self::I386),
            "arm" | "armv7" | "armv7l" | "armv6" | "armhf" => Ok(Self::Arm),
            _ => Err(Invalid::new(format!("unknown architecture `{text}`"))
                .hint("known: amd64, arm64, 386, arm")),
        }
    }
}

impl Libc {
    /// The word in files, arguments and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Musl => "musl",
            Self::Gnu => "gnu",
        }
    }
}

/// The endings of files that Windows runs with another program.
pub const WINDOWS_SCRIPTS: [&str; 5] = [".bat", ".cmd", ".ps1", ".jar", ".sh"];

impl Platform {
    /// The platform that larder runs on. It has no C library: what the machine has is not what
    /// larder is linked to, and a name without one is what most projects list. Which platform of a
    /// subsystem is the host's is decided by [`crate::machine::best`].
    pub fn host() -> Self {
        let os = match std::env::consts::OS {
            "macos" => Os::Darwin,
            "windows" => Os::Windows,
            _ => Os::Linux,
        };
        let arch = match std::env::consts::ARCH {
            "aarch64" => Arch::Arm64,
            "x86" => Arch::I386,
            "arm" => Arch::Arm,
            _ => Arch::Amd64,
        };
        Self {
            os,
            arch,
            libc: None,
        }
    }

    /// `.exe` on Windows, otherwise an empty text.
    pub fn exe(&self) -> &'static str {
        if self.os == Os::Windows { ".exe" } else { "" }
    }

    /// The file name of a program: with `.exe` on Windows, except for scripts that have an ending by
    /// which Windows runs them.
    pub fn program(&self, name: &str) -> String {
        let is_script = |end: &str| {
            name.len() > end.len()
                && name
                    .get(name.len() - end.len()..)
                    .is_some_and(|last| last.eq_ignore_ascii_case(end))
        };
        match self.os {
            Os::Windows if !WINDOWS_SCRIPTS.iter().any(|end| is_script(end)) => {
                format!("{name}.exe")
            }
            _ => name.to_owned(),
        }
    }

    /// Rust's word for the architecture, such as `x86_64`.
    pub fn rust_arch(&self) -> &'static str {
        match self.arch {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
            Arch::I386 => "i686",
            Arch::Arm => "armv7",
        }
    }

    /// Rust's target triple, such as `x86_64-unknown-linux-gnu`.
    pub fn target(&self) -> String {
        let rest = match (self.os, self.libc, self.arch) {
            (Os::Linux, Some(Libc::Musl), Arch::Arm) => "unknown-linux-musleabihf",
            (Os::Linux, _, Arch::Arm) => "unknown-linux-gnueabihf",
            (Os::Linux, Some(Libc::Musl), _) => "unknown-linux-musl",
            (Os::Linux, _, _) => "unknown-linux-gnu",
            (Os::Darwin, _, _) => "apple-darwin",
            (Os::Windows, Some(Libc::Gnu), _) => "pc-windows-gnu",
            (Os::Windows, _, _) => "pc-windows-msvc",
        };
        format!("{}-{rest}", self.rust_arch())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}-{}", self.os.as_str(), self.arch.as_str());
        if let Some(libc) = self.libc {
            text.push('-');
            text.push_str(libc.as_str());
        }
        f.pad(&text)
    }
}

impl FromStr for Platform {
    type Err = Invalid;
    /// Parses a platform. Aliases of an os or an architecture are accepted and never printed.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = |why: String| {
            Invalid::new(format!("unknown platform `{text}`: {why}"))
                .hint("a platform is <os>-<arch>, such as linux-amd64, darwin-arm64, windows-amd64 or linux-amd64-musl")
        };
        let Some((os, rest)) = text.split_once('-') else {
            return Err(match (text.parse::<Os>(), text.parse::<Arch>()) {
                (Ok(os), _) => {
                    let os = os.as_str();
                    unknown("it has an os and no architecture".into())
                        .hint(format!("write `{os}-amd64` or `{os}-arm64`, or both"))
                }
                (_, Ok(arch)) => {
                    let arch = arch.as_str();
                    unknown("it has an architecture and no os".into()).hint(format!(
                        "write `linux-{arch}`, `darwin-{arch}` or `windows-{arch}`"
                    ))
                }
                _ => unknown("it has no `-`".into()),
            });
        };
        let (arch, libc) = match rest.split_once('-') {
            Some((arch, libc)) => (arch, Some(libc)),
            None => (rest, None),
        };
        let libc = match libc {
            None => None,
            Some("musl") => Some(Libc::Musl),
            Some("gnu" | "glibc") => Some(Libc::Gnu),
            Some(other) => return Err(unknown(format!("unknown libc `{other}`"))),
        };
        let os = os.parse::<Os>().map_err(|e| unknown(e.message))?;
        let arch = arch.parse::<Arch>().map_err(|e| unknown(e.message))?;
        Ok(Self { os, arch, libc })
    }
}

impl serde::Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_windows_end_in_exe_and_scripts_do_not() {
        let name = |platform: &str, name: &str| platform.parse::<Platform>().unwrap().program(name);
        for (plain, windows) in [
            ("tool", "tool.exe"),
            ("tool.1", "tool.1.exe"),
            ("npm.cmd", "npm.cmd"),
            ("RUN.BAT", "RUN.BAT"),
            ("a.ps1", "a.ps1"),
            ("a.jar", "a.jar"),
            ("a.sh", "a.sh"),
            ("bash", "bash.exe"),
            (".cmd", ".cmd.exe"),
            ("ü.cmd", "ü.cmd"),
        ] {
            assert_eq!(name("windows-amd64", plain), windows);
            assert_eq!(name("linux-amd64", plain), plain);
        }
    }

    #[test]
    fn aliases_are_accepted_and_never_printed() {
        for (input, printed) in [
            ("linux-x86_64", "linux-amd64"),
            ("macos-aarch64", "darwin-arm64"),
            ("windows-x86", "windows-386"),
            ("linux-amd64-musl", "linux-amd64-musl"),
        ] {
            assert_eq!(input.parse::<Platform>().unwrap().to_string(), printed);
        }
        for bad in [
            "linux",
            "plan9-amd64",
            "linux-riscv64",
            "linux-amd64-uclibc",
            "linux-",
            "-amd64",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
