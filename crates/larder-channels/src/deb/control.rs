//! The file `control` of a Debian package.

use std::fmt::Write as _;

use larder_core::error::Result;
use larder_core::model::{Libc, RequiredText};

use super::Package;
use crate::linux::files::Tree;
use crate::linux::needs::{NeededLibc, needed_libc};
use crate::linux::text;

impl Package<'_> {
    pub(super) fn control(&self, files: &Tree) -> Result<String> {
        let release = self.release;
        let mut control = String::new();
        let mut field = |name: &str, value: &str| {
            let value = text::one_line(value);
            if !value.is_empty() {
                let _ = writeln!(control, "{name}: {value}");
            }
        };
        field("Package", self.name);
        field("Version", self.version);
        field("Architecture", self.arch);
        field("Maintainer", release.text(RequiredText::Maintainer)?);
        field("Installed-Size", &installed_size(files).to_string());
        field("Depends", &self.depends()?.join(", "));
        field("Conflicts", &self.deb.conflicts.join(", "));
        field("Provides", &self.deb.provides.join(", "));
        field("Section", self.deb.section.as_deref().unwrap_or("utils"));
        field("Priority", "optional");
        field("Homepage", release.homepage.as_deref().unwrap_or_default());
        let description = release.text(RequiredText::Description)?;
        let synopsis = text::synopsis(self.name, description);
        field("Description", &synopsis);
        let paragraphs = text::paragraphs(release, &synopsis);
        for (n, paragraph) in paragraphs.iter().enumerate() {
            if n > 0 {
                control += " .\n";
            }
            for line in paragraph {
                // A line that starts with a dot would be a command.
                let dot = if line.starts_with('.') { " " } else { "" };
                let _ = writeln!(control, " {dot}{line}");
            }
        }
        Ok(control)
    }

    /// The packages that the configuration names, and the C library if a binary loads one.
    fn depends(&self) -> Result<Vec<String>> {
        let mut depends = self.deb.depends.clone();
        let Some(NeededLibc { libc, glibc }) = needed_libc(self.release, self.platform)? else {
            return Ok(depends);
        };
        let package = match libc {
            Libc::Gnu => "libc6",
            Libc::Musl => "musl",
        };
        let is_named = depends.iter().any(|depend| {
            let end = depend.find(|c: char| " (:|".contains(c));
            depend[..end.unwrap_or(depend.len())] == *package
        });
        if !is_named {
            depends.insert(
                0,
                match glibc {
                    Some(version) => format!("{package} (>= {version})"),
                    None => package.to_owned(),
                },
            );
        }
        Ok(depends)
    }
}

/// The size in KiB as `dpkg-gencontrol` counts it: each file is rounded up, and a folder is one.
fn installed_size(files: &Tree) -> u64 {
    files
        .values()
        .map(|entry| {
            if entry.is_folder() {
                1
            } else {
                entry.size().div_ceil(1024)
            }
        })
        .sum()
}
