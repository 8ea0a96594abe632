//! deb: a Debian package for each architecture of Linux, which needs no tool of Debian.
//!
//! A package is an `ar` archive of three members: the version of the format, a tar that describes
//! the package, and a tar of its files. Sizes stand before members, so the size of the last one is
//! written when it is known; memory stays small however large the binaries are.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use larder_core::archive::gzip;
use larder_core::error::{Error, Result};
use larder_core::model::{Arch, ChannelKind, Name, Os, RequiredText};
use larder_core::project::publish::{ChannelConfig, Deb};

use crate::linux::files::{Entry, Kind, Places, Tree, add_folders, gzip9, licenses, tree};
use crate::linux::{text, version};
use crate::output::Output;
use crate::release::{PlatformRelease, Release};
use crate::render::{Facts, Render};

mod control;
mod copyright;
mod tar;

/// What the channel supports.
pub(crate) const FACTS: Facts = Facts {
    kind: ChannelKind::Deb,
    takes: |platform| platform.os == Os::Linux,
    version: version::debian,
    prerelease: Some("a version with `~`"),
    needs_urls: false,
    files: "`<name>_<version>_<arch>.deb`",
};

/// What lintian must not report about programs that were built elsewhere.
const OVERRIDDEN: [&str; 4] = [
    "statically-linked-binary",
    "unstripped-binary-or-object",
    "embedded-library",
    "custom-library-search-path",
];

impl Render for Deb {
    fn render(&self, release: &Release, config: &ChannelConfig, out: &Output<'_>) -> Result<()> {
        let name = package_name(release)?;
        let version = version::debian(&release.version).map_err(Error::usage)?;
        for platform in release.for_os(Os::Linux) {
            let package = Package {
                name: &name,
                version: &version,
                arch: architecture(platform.platform().arch),
                release,
                platform,
                deb: self,
                post_install: config.post_install.as_deref(),
            };
            let file = format!("{name}_{version}_{}.deb", package.arch);
            out.file(&file, 0o644, |to| package.write(&file, to, out))?;
        }
        Ok(())
    }
}

/// One package.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    arch: &'static str,
    release: &'a Release,
    platform: &'a PlatformRelease,
    deb: &'a Deb,
    post_install: Option<&'a str>,
}

impl Package<'_> {
    fn write(&self, file: &str, to: &mut BufWriter<File>, out: &Output<'_>) -> Result<()> {
        let time = self.release.time;
        let files = self.files()?;
        let mut described = Tree::new();
        described.insert(
            "md5sums".into(),
            Entry::made(Kind::Plain, tar::md5sums(&files, out)?),
        );
        described.insert(
            "control".into(),
            Entry::made(Kind::Plain, self.control(&files)?),
        );
        if let Some(text) = self.post_install {
            let mut script = Entry::made(Kind::Plain, post_install_script(text));
            script.mode = 0o755;
            described.insert("postinst".into(), script);
        }
        let mut control = Vec::new();
        gzip(&mut control, out.threads(), |to| {
            tar::write(&described, time, to, out)
        })?;

        let failed = |error: std::io::Error| out.cannot_write(file, &error);
        to.write_all(b"!<arch>\n").map_err(failed)?;
        for (name, bytes) in [
            ("debian-binary", b"2.0\n".as_slice()),
            ("control.tar.gz", &control),
        ] {
            to.write_all(&member(name, time, bytes.len() as u64)?)
                .map_err(failed)?;
            to.write_all(bytes).map_err(failed)?;
            to.write_all(padding(bytes.len() as u64)).map_err(failed)?;
        }
        let start = to.stream_position().map_err(failed)?;
        let data = |size| member("data.tar.gz", time, size);
        to.write_all(&data(0)?).map_err(failed)?;
        let packed = gzip(to, out.threads(), |to| tar::write(&files, time, to, out))?;
        to.write_all(padding(packed.size)).map_err(failed)?;
        to.seek(SeekFrom::Start(start)).map_err(failed)?;
        to.write_all(&data(packed.size)?).map_err(failed)
    }

    /// Every file and folder that is installed.
    fn files(&self) -> Result<Tree> {
        let docs = format!("usr/share/doc/{}", self.name);
        let places = Places {
            zsh: "usr/share/zsh/vendor-completions",
            docs: docs.clone(),
            licenses: None,
        };
        let mut files = tree(self.release, self.platform, &places)?;
        let texts = licenses(self.release, self.platform)?;
        let mut add = |path: String, text: Vec<u8>| {
            files.insert(path, Entry::made(Kind::Doc, text));
        };
        add(
            format!("{docs}/copyright"),
            copyright::copyright(self.release, &texts)?.into_bytes(),
        );
        add(
            format!("{docs}/changelog.gz"),
            gzip9(self.changelog()?.as_bytes()),
        );
        add(
            format!("usr/share/lintian/overrides/{}", self.name),
            OVERRIDDEN
                .map(|tag| format!("{}: {tag}\n", self.name))
                .concat()
                .into_bytes(),
        );
        add_folders(&mut files);
        Ok(files)
    }

    fn changelog(&self) -> Result<String> {
        let mut text = format!(
            "{} ({}) unstable; urgency=medium\n\n",
            self.name, self.version
        );
        for change in text::changes(self.release) {
            for (n, line) in text::wrap(&change, 74).iter().enumerate() {
                let _ = writeln!(text, "  {} {line}", if n == 0 { '*' } else { ' ' });
            }
        }
        let maintainer = text::one_line(self.release.text(RequiredText::Maintainer)?);
        let date = text::date(self.release.time, "%a, %d %b %Y %H:%M:%S +0000")?;
        let _ = writeln!(text, "\n -- {maintainer}  {date}");
        Ok(text)
    }
}

/// The name of the package: Debian policy allows lower-case letters, digits, `+`, `-` and `.`, and
/// demands two characters.
pub(crate) fn package_name(release: &Release) -> Result<String> {
    let name = name(&release.name);
    if name.len() < 2 {
        return Err(
            Error::usage(format!("`{name}` can't be the name of a Debian package"))
                .cause("such a name has at least two characters")
                .hint("rename the subsystem, or leave `deb` out of `publish`"),
        );
    }
    Ok(name)
}

/// The name of a subsystem's package.
pub(crate) fn name(subsystem: &Name) -> String {
    subsystem.as_str().replace('_', "-")
}

fn architecture(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
        Arch::I386 => "i386",
        Arch::Arm => "armhf",
    }
}

fn post_install_script(text: &str) -> String {
    format!(
        "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then\n{}fi\n",
        text::print_commands(text)
    )
}

/// The header of a member of an `ar` archive.
fn member(name: &str, time: i64, size: u64) -> Result<Vec<u8>> {
    let header = format!(
        "{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
        0, 0, "100644"
    );
    if header.len() != 60 {
        return Err(Error::failed(
            "the files are too large for a Debian package",
        ));
    }
    Ok(header.into_bytes())
}

/// Members start at even offsets.
fn padding(size: u64) -> &'static [u8] {
    if size % 2 == 1 { b"\n" } else { b"" }
}

#[cfg(test)]
mod tests;
