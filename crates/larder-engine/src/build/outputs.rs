//! Checks the outputs of a build: every file that the recipe declares must exist. Also records
//! facts about them, such as the lowest glibc version.

use camino::{Utf8Path, Utf8PathBuf};

use super::work::Work;
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable};
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{ArtifactFile, FileName, version_order};

impl Work<'_> {
    /// Every declared file. Each must exist and must not be empty, and binaries must be for the
    /// target's platform. What another machine made must not be reached through a link to a file of
    /// this one.
    pub(super) fn outputs(&self, made_elsewhere: bool) -> Result<Vec<ArtifactFile>> {
        let platform = &self.target.platform;
        let mut files = Vec::new();
        let names = self.subsystem.file_names(platform);
        let binaries = &names[..self.subsystem.binaries_on(platform).len()];
        let links = self.subsystem.links(platform);
        for name in binaries {
            if links.iter().any(|(link, _)| link == name) {
                continue;
            }
            self.collect(
                name,
                &[self.out.join(name), self.out.join("bin").join(name)],
                made_elsewhere,
            )?;
            let path = self.out.join(name);
            executable::check_program(&path, platform, self.subsystem.any)?;
        }
        for (name, of) in &links {
            self.copy(&self.out.join(of), name)?;
        }
        for name in binaries {
            files.push(self.describe(name, 0o755)?);
        }
        for include in &self.subsystem.package.include {
            self.collect(
                &include.name,
                &[self.out.join(&include.path), self.src.join(&include.path)],
                true,
            )?;
            files.push(self.describe(&include.name, 0o644)?);
        }
        Ok(files)
    }

    /// Moves or copies the first candidate that exists to the top of `out`. An included file
    /// must not be reached through a link that leads out of the work folder.
    fn collect(&self, name: &FileName, candidates: &[Utf8PathBuf], guarded: bool) -> Result<()> {
        let target = self.out.join(name);
        for candidate in candidates {
            let Some(meta) = fs::stat(candidate)? else {
                continue;
            };
            if guarded {
                self.refuse_links_out(name, candidate)?;
            }
            if !meta.is_file() {
                return Err(Error::failed(format!(
                    "the build made `{name}`, but not as a file"
                )));
            }
            if meta.len() == 0 {
                return Err(Error::failed(format!("the build made an empty `{name}`")));
            }
            if fs::lstat(candidate)?.is_some_and(|meta| meta.is_symlink()) || *candidate != target {
                // Replace a link with the file that it points to.
                self.copy(candidate, name)?;
            }
            return Ok(());
        }
        Err(Error::failed(format!("the build did not make `{name}`"))
            .hint("its commands must write every binary of the recipe to `{{ out }}`; included files may stay in the source"))
    }

    /// Makes a file at the top of `out` that has the bytes of another file.
    fn copy(&self, from: &Utf8Path, name: &FileName) -> Result<()> {
        let bytes = fs::open(from)?;
        let staged = self.tmp.join(format!("collect-{name}"));
        std::io::copy(&mut { bytes }, &mut fs::create(&staged)?).at("copy", from)?;
        fs::rename(&staged, self.out.join(name))
    }

    /// An included file comes from the source, and anyone may have committed a link there: to a
    /// secret of whoever builds, for example.
    fn refuse_links_out(&self, name: &FileName, candidate: &Utf8PathBuf) -> Result<()> {
        let real = |path: &Utf8Path| path.canonicalize_utf8().at("find", path);
        let (file, work) = (
            real(candidate)?,
            real(self.out.parent().unwrap_or(&self.out))?,
        );
        if file.starts_with(work) {
            return Ok(());
        }
        Err(Error::failed(format!(
            "`{name}` is a link that leads out of the source, to {file}"
        ))
        .hint("commit the file itself, or copy it to `{{ out }}` in the build's commands"))
    }

    fn describe(&self, name: &FileName, mode: u32) -> Result<ArtifactFile> {
        let path = self.out.join(name);
        fs::set_mode(&path, mode)?;
        let (sha256, size) = tree::hash_file(&path)?;
        Ok(ArtifactFile {
            name: name.clone().into(),
            mode,
            size,
            sha256,
        })
    }

    /// The lowest glibc version that all of these files run on; `None` if none of them is linked to
    /// glibc.
    pub(super) fn lowest_glibc(&self, files: &[ArtifactFile]) -> Option<String> {
        files
            .iter()
            .filter_map(|file| self.glibc(file))
            .max_by(|a, b| version_order::compare(a, b))
    }

    /// The lowest glibc version that a file runs on; `None` if it is not linked to glibc.
    fn glibc(&self, file: &ArtifactFile) -> Option<String> {
        match executable::inspect(self.out.join(&file.name)).ok()? {
            Executable::Native(native) => native.glibc,
            _ => None,
        }
    }
}
