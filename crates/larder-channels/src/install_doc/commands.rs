//! The command lines that install from each channel, with the names that the channel's files have.

use std::fmt::Write as _;

use larder_core::error::{Error, Result};
use larder_core::model::Os;
use larder_core::project::publish::{
    self, ChannelConfig, Confinement, Docker, GoModule, Grade, Npm, Pypi, Repository, Snap,
};

use super::HubFacts;
use crate::linux::version;
use crate::quote::{one_line, shell};
use crate::release::{Release, attached};
use crate::{aur, deb, gomodule, snap, winget};

/// A block of commands, with a sentence before it.
pub(super) struct Block {
    sentence: &'static str,
    language: &'static str,
    lines: Vec<String>,
}

impl Block {
    fn new(sentence: &'static str, language: &'static str, lines: Vec<String>) -> Self {
        Self {
            sentence,
            language,
            lines,
        }
    }

    fn sh(lines: Vec<String>) -> Self {
        Self::new("", "sh", lines)
    }

    fn powershell(lines: Vec<String>) -> Self {
        Self::new("", "powershell", lines)
    }

    pub(super) fn write(&self, text: &mut String) {
        if !self.sentence.is_empty() {
            let _ = write!(text, "\n{}\n", self.sentence);
        }
        let _ = write!(
            text,
            "\n```{}\n{}\n```\n",
            self.language,
            self.lines.join("\n")
        );
    }
}

/// A channel of a release.
pub(super) struct Channel<'a> {
    pub(super) release: &'a Release,
    pub(super) config: &'a ChannelConfig,
    pub(super) hub: &'a HubFacts<'a>,
}

impl Channel<'_> {
    /// The title and the commands; `None` if people can't install from it, because it is published
    /// nowhere that is known.
    pub(super) fn section(&self) -> Result<Option<(&'static str, Vec<Block>)>> {
        use publish::Channel as Kind;
        let (title, blocks) = match &self.config.channel {
            Kind::Homebrew(brew) => ("Homebrew", self.homebrew(brew.tap.as_ref())),
            Kind::Scoop(scoop) => ("Scoop", self.scoop(scoop.bucket.as_ref())),
            Kind::Winget(winget) => ("winget", self.winget(winget)?),
            Kind::Chocolatey(choco) => ("Chocolatey", self.chocolatey(choco.push.as_deref())),
            Kind::Aur(aur) => ("Arch Linux", self.aur(aur)?),
            Kind::Snap(snap) => ("Snap", vec![self.snap(*snap)?]),
            Kind::Deb(_) => ("Debian and Ubuntu", self.deb()?),
            Kind::Rpm(_) => ("Fedora, RHEL and openSUSE", self.rpm()?),
            Kind::Docker(docker) => ("Containers", self.docker(docker)),
            Kind::Npm(npm) => ("npm", vec![self.npm(npm)]),
            Kind::Pypi(pypi) => ("Python", self.pypi(pypi)),
            Kind::Gomodule(module) => ("Go", vec![self.go(module)?]),
            Kind::Installer => ("Scripts", self.installer()),
        };
        Ok((!blocks.is_empty()).then_some((title, blocks)))
    }

    fn name(&self) -> &str {
        self.release.name.as_str()
    }

    fn is_prerelease(&self) -> bool {
        self.release.version.is_prerelease()
    }

    /// The url that a repository is cloned from.
    fn clone_url(&self, repository: &Repository) -> Option<String> {
        match repository {
            Repository::Hosted(path) => {
                let server = self.hub.server?.trim_end_matches('/');
                Some(format!("{server}/{path}"))
            }
            Repository::Git(url) => Some(public_url(url)),
        }
    }

    fn homebrew(&self, tap: Option<&Repository>) -> Vec<Block> {
        let Some((tap, url)) = tap.and_then(|tap| Some((tap, self.clone_url(tap)?))) else {
            return Vec::new();
        };
        let (owner, repository) = owner_and_name(tap, self.name());
        // Homebrew leaves this out of the names of taps.
        let short = repository.strip_prefix("homebrew-").unwrap_or(&repository);
        let formula = word(&format!("{owner}/{short}/{}", self.name()));
        // Only on github.com, and only with that beginning, Homebrew finds a tap by its name.
        let is_found =
            short != repository && url == format!("https://github.com/{owner}/{repository}");
        let mut lines = Vec::new();
        if !is_found {
            let tap = word(&format!("{owner}/{short}"));
            lines.push(format!("brew tap {tap} {}", word(&url)));
        }
        lines.push(format!("brew install {formula}"));
        vec![Block::sh(lines)]
    }

    fn scoop(&self, bucket: Option<&Repository>) -> Vec<Block> {
        let Some((bucket, url)) = bucket.and_then(|at| Some((at, self.clone_url(at)?))) else {
            return Vec::new();
        };
        let (_, bucket) = owner_and_name(bucket, self.name());
        vec![Block::powershell(vec![
            format!("scoop bucket add {} {}", ps(&bucket), ps(&url)),
            format!("scoop install {}", ps(&format!("{bucket}/{}", self.name()))),
        ])]
    }

    fn winget(&self, config: &publish::Winget) -> Result<Vec<Block>> {
        if config.repository.is_none() {
            return Ok(Vec::new());
        }
        let id = winget::identifier(config, &self.release.name)?;
        let line = format!("winget install --exact --id {}", ps(&id));
        Ok(vec![Block::powershell(vec![line])])
    }

    fn chocolatey(&self, push: Option<&str>) -> Vec<Block> {
        let Some(push) = push else {
            return Vec::new();
        };
        let mut line = format!("choco install {}", ps(self.name()));
        // A server for pushing alone stands for the feed that Chocolatey knows already.
        if !push.contains("://push.") {
            let _ = write!(line, " --source {}", ps(push));
        }
        if self.is_prerelease() {
            line += " --prerelease";
        }
        vec![Block::new("As an administrator:", "powershell", vec![line])]
    }

    fn aur(&self, config: &publish::Aur) -> Result<Vec<Block>> {
        let Some(git) = &config.git else {
            return Ok(Vec::new());
        };
        let package = word(&aur::package_name(config, &self.release.name)?);
        let by_hand = vec![
            format!("git clone {} {package}", word(&public_url(git))),
            format!("cd {package}"),
            "makepkg --syncdeps --install".to_owned(),
        ];
        Ok(vec![
            Block::sh(by_hand),
            Block::new(
                "Or with a helper for the AUR, such as yay:",
                "sh",
                vec![format!("yay -S {package}")],
            ),
        ])
    }

    fn snap(&self, config: Snap) -> Result<Block> {
        let mut line = format!("sudo snap install {}", snap::name(self.release)?);
        if config.grade == Grade::Devel || self.is_prerelease() {
            line += " --edge";
        }
        match config.confinement {
            Confinement::Strict => {}
            Confinement::Classic => line += " --classic",
            Confinement::Devmode => line += " --devmode",
        }
        Ok(Block::sh(vec![line]))
    }

    fn deb(&self) -> Result<Vec<Block>> {
        let Some(base) = self.assets_url() else {
            return Ok(Vec::new());
        };
        let version = version::debian(&self.release.version).map_err(Error::usage)?;
        let name = deb::package_name(self.release)?;
        let file = format!("{}_{}", attached(&name), attached(&version));
        let file = format!("{file}_$(dpkg --print-architecture).deb");
        Ok(vec![Block::sh(vec![
            format!("curl -fLO {}", quoted(&format!("{base}/{file}"))),
            format!("sudo apt-get install {}", quoted(&format!("./{file}"))),
        ])])
    }

    fn rpm(&self) -> Result<Vec<Block>> {
        let Some(base) = self.assets_url() else {
            return Ok(Vec::new());
        };
        let version = version::with_tilde(&self.release.version).map_err(Error::usage)?;
        let file = format!("{}-{}-1.$(uname -m).rpm", self.name(), attached(&version));
        let url = quoted(&format!("{base}/{file}"));
        Ok(vec![
            Block::sh(vec![format!("sudo dnf install {url}")]),
            Block::new(
                "On openSUSE:",
                "sh",
                vec![format!("sudo zypper install --allow-unsigned-rpm {url}")],
            ),
        ])
    }

    fn docker(&self, config: &Docker) -> Vec<Block> {
        let tag = self.release.version.number().replace('+', "-");
        let line = |image: &String| format!("docker run --rm {}", word(&format!("{image}:{tag}")));
        let lines: Vec<String> = config.images.iter().map(line).collect();
        if lines.is_empty() {
            return Vec::new();
        }
        vec![Block::sh(lines)]
    }

    fn npm(&self, config: &Npm) -> Block {
        let package = config.package.as_deref().unwrap_or(self.name());
        let tag = if self.is_prerelease() { "@next" } else { "" };
        let package = word(&format!("{package}{tag}"));
        Block::sh(vec![format!("npm install --global {package}")])
    }

    fn pypi(&self, config: &Pypi) -> Vec<Block> {
        let package = word(config.package.as_deref().unwrap_or(self.name()));
        let index = config.index.as_deref().map(word);
        let option = |name: &str| match &index {
            Some(index) => format!(" {name} {index}"),
            None => String::new(),
        };
        let (uv, pipx, pip) = if self.is_prerelease() {
            (" --prerelease allow", " --pip-args=--pre", " --pre")
        } else {
            ("", "", "")
        };
        vec![
            Block::sh(vec![format!(
                "uv tool install{uv}{} {package}",
                option("--index")
            )]),
            Block::new(
                "Or:",
                "sh",
                vec![format!(
                    "pipx install{pipx}{} {package}",
                    option("--index-url")
                )],
            ),
            Block::new(
                "Or in a virtual environment:",
                "sh",
                vec![format!(
                    "pip install{pip}{} {package}",
                    option("--index-url")
                )],
            ),
        ]
    }

    fn go(&self, config: &GoModule) -> Result<Block> {
        gomodule::check_path(&config.module, &self.release.version)?;
        let version = gomodule::version(&self.release.version).map_err(Error::usage)?;
        let module = word(&format!("{}@{version}", config.module));
        // `go install` names a program after the last part of its path that is no version.
        let is_version = |part: &&str| part.strip_prefix('v').is_some_and(is_digits);
        let program = config.module.rsplit('/').find(|part| !is_version(part));
        let is_program = program.is_some_and(|program| {
            let mut binaries = self.release.binaries.iter();
            binaries.any(|binary| binary.as_str() == program)
        });
        let verb = if is_program { "install" } else { "get" };
        Ok(Block::sh(vec![format!("go {verb} {module}")]))
    }

    fn installer(&self) -> Vec<Block> {
        let Some(base) = self.assets_url() else {
            return Vec::new();
        };
        let has = |windows: bool| {
            let mut platforms = self.release.platforms.iter();
            platforms.any(|platform| (platform.platform().os == Os::Windows) == windows)
        };
        let mut blocks = Vec::new();
        if has(false) {
            let url = word(&format!("{base}/install.sh"));
            blocks.push(Block::new(
                "On Linux and macOS:",
                "sh",
                vec![format!("curl -fsSL {url} | sh")],
            ));
        }
        if has(true) {
            let url = ps(&format!("{base}/install.ps1"));
            blocks.push(Block::new(
                "On Windows:",
                "powershell",
                vec![format!("irm {url} | iex")],
            ));
        }
        blocks
    }

    /// The url of the folder that all assets of the release are in.
    fn assets_url(&self) -> Option<&str> {
        let first = self.release.platforms.first()?;
        let url = first.url.as_deref()?;
        url.strip_suffix(first.asset.as_str())?.strip_suffix('/')
    }
}

/// The owner and the name of a repository.
fn owner_and_name(repository: &Repository, otherwise: &str) -> (String, String) {
    let (Repository::Hosted(text) | Repository::Git(text)) = repository;
    let text = text.trim_end_matches('/');
    let text = text.strip_suffix(".git").unwrap_or(text);
    let mut parts = text.rsplit(['/', ':']).filter(|part| !part.is_empty());
    let name = parts.next().unwrap_or(otherwise).to_owned();
    (parts.next().unwrap_or(otherwise).to_owned(), name)
}

/// The url that anyone can read a repository from that is pushed to with ssh.
fn public_url(url: &str) -> String {
    let without_user = |rest: &str| {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.split_once(':').map_or(host, |(host, _)| host);
        format!("https://{host}/{path}")
    };
    if let Some(rest) = url.strip_prefix("ssh://") {
        return without_user(rest);
    }
    match url
        .split_once('@')
        .and_then(|(_, rest)| rest.split_once(':'))
    {
        Some((host, path)) if !url.contains("://") => format!("https://{host}/{path}"),
        _ => url.to_owned(),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@+=%,".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// A word of a POSIX shell, quoted if it has to be.
fn word(text: &str) -> String {
    let text = one_line(text);
    if is_plain(&text) { text } else { shell(&text) }
}

/// A word in double quotes in which only `$(…)` of this module has a meaning.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (number, part) in one_line(text).split("$(").enumerate() {
        if number > 0 {
            out.push_str("$(");
        }
        for c in part.chars() {
            if matches!(c, '"' | '\\' | '`' | '$') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out.push('"');
    out
}

/// A word of PowerShell, quoted if it has to be: `@`, `,` and `%` have a meaning there.
fn ps(text: &str) -> String {
    let text = one_line(text);
    if is_plain(&text) && !text.contains(['@', ',', '%']) {
        text
    } else {
        // Curly quotes end a string there too.
        let mut out = String::from("'");
        for c in text.chars() {
            if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
                out.push(c);
            }
            out.push(c);
        }
        out + "'"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_for_pushing_become_urls_for_reading() {
        for (push, read) in [
            (
                "ssh://aur@aur.example/arc-bin.git",
                "https://aur.example/arc-bin.git",
            ),
            (
                "ssh://git@h.example:2222/a/b.git",
                "https://h.example/a/b.git",
            ),
            ("git@h.example:a/b.git", "https://h.example/a/b.git"),
            ("https://h.example/a/b", "https://h.example/a/b"),
            ("file:///srv/a@b:c", "file:///srv/a@b:c"),
        ] {
            assert_eq!(public_url(push), read, "{push}");
        }
    }

    #[test]
    fn words_are_quoted_if_they_have_to_be() {
        assert_eq!(word("@acme/arc@1.2"), "@acme/arc@1.2");
        assert_eq!(word("a b'$c"), r"'a b'\''$c'");
        assert_eq!(ps("acme/arc"), "acme/arc");
        assert_eq!(ps("a'b\u{2019}"), "'a''b\u{2019}\u{2019}'");
        assert_eq!(ps("@x"), "'@x'");
        assert_eq!(quoted("h/$x\"_$(uname -m)"), "\"h/\\$x\\\"_$(uname -m)\"");
    }
}
