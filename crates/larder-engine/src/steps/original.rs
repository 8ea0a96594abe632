//! An original: what the upstream publisher offers, fetched, verified, and taken apart into an artifact.
//!
//! Verified by, in this order: the lock, the recipe's checksum, the publisher's checksums file, what the registry states. With
//! none of them the first use is trusted, locked, and said aloud. A digest that differs is asked for once more, afresh, then
//! it stands: exit 4, and no weaker source.

use std::io::Read;

use camino::Utf8Path;

use super::context::Context;
use super::locking;
use super::obtain::Telling;
use crate::cache::{Entry, TakenFrom};
use crate::events::{Level, Phase};
use larder_core::archive::{self, ArchiveKind, Budget, Select};
use larder_core::error::{Error, Kind, Result};
use larder_core::executable;
use larder_core::formats::{LockLine, Observed, PinKind};
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, ArtifactFile, FileName, Origin, SourceKind, Target};
use larder_core::project::{Checksum, Original, Subsystem};
use larder_remote::origin::{self, Fetched, Stated};

/// An original in a folder.
#[derive(Debug)]
pub struct Got {
    /// For the cache.
    pub entry: Entry,
    /// For the lock.
    pub line: LockLine,
}

/// Fetches a target's original into an existing, empty folder; `Err(why)` where there is none. With `update` the lock's line
/// does not count.
pub fn fetch(
    ctx: &Context,
    target: &Target,
    wanted: &Wanted,
    into: &Utf8Path,
    update: bool,
) -> Result<Result<Got, String>> {
    let subsystem = ctx.subsystem(target)?;
    let Some(original) = subsystem.original(&target.platform)? else {
        return Ok(Err("the recipe has no upstream".into()));
    };
    let Some(inputs) = wanted.of(Origin::Original) else {
        return Ok(Err("the recipe has no upstream".into()));
    };
    let pin = ctx
        .locking
        .pin(ctx, target, wanted, Origin::Original, PinKind::Upstream)
        .filter(|_| !update);
    if pin.is_none() && ctx.options.locked {
        // Where it is built instead the publisher may have none: then no line is lacking.
        let asked = can_be_built(ctx, target)? && !ctx.options.offline;
        if asked
            && origin::fetch(&ctx.client, &original, target.platform, false, &ctx.cancel)?.is_none()
        {
            return Ok(Err(format!(
                "{} does not exist",
                origin::describe(&original.coordinate)
            )));
        }
        return Err(locking::unlocked(target));
    }
    let mut expected: Vec<Stated> = Vec::new();
    if let Some(pin) = &pin {
        expected.push(Stated::sha256(pin.sha256, "versions.lock"));
    }
    if let Some(Checksum::Pinned(digest)) = &original.checksum {
        let recipe = subsystem.dir.join("recipe.yml");
        let recipe = recipe.strip_prefix(&ctx.project.root).unwrap_or(&recipe);
        expected.push(Stated::sha256(*digest, recipe.as_str()));
    }
    let fetch = Fetch {
        ctx,
        target,
        subsystem,
        original: &original,
        into,
    };
    let mut made = fetch.once(&expected);
    if made
        .as_ref()
        .is_err_and(|error| error.kind() == Kind::Integrity)
    {
        // A proxy or a mirror may have kept something old: once more, afresh.
        ctx.cancel.check()?;
        empty(into)?;
        made = fetch.once(&expected);
    }
    let Some(taken) = made? else {
        return Ok(Err(format!(
            "{} does not exist",
            origin::describe(&original.coordinate)
        )));
    };
    let artifact = Artifact {
        name: target.name.clone(),
        version: subsystem.version.clone(),
        platform: target.platform,
        origin: Origin::Original,
        inputs: inputs.digest,
        commit: None,
        files: taken.files,
    };
    if let Some(pinned) = pin.and_then(|pin| pin.artifact)
        && pinned != artifact.digest()
    {
        return Err(Error::integrity(format!(
            "the original of {target} unpacks to other files than versions.lock pins"
        ))
        .cause(format!(
            "artifact {}, versions.lock says {pinned}",
            artifact.digest()
        )));
    }
    if taken.first_use {
        let text = format!(
            "nothing states a digest of {}; trusted on first use, and locked (sha256 {})",
            taken.file.url, taken.file.sha256
        );
        ctx.events.note(Some(target), Level::Warning, text);
    }
    let TakenFrom { sha256, size, url } = &taken.file;
    let line = locking::line(&artifact, PinKind::Upstream, *sha256, *size, url);
    let entry = Entry {
        artifact,
        via: SourceKind::Original,
        hub: None,
        file: Some(taken.file),
        observed: Observed::default(),
    };
    Ok(Ok(Got { entry, line }))
}

/// Whether there is another way where the publisher has none.
pub fn can_be_built(ctx: &Context, target: &Target) -> Result<bool> {
    let built = ctx
        .subsystem(target)?
        .rendered_build(&target.platform, "<out>", "<src>")?
        .is_some();
    Ok(built && ctx.project.sources.contains(&SourceKind::Build))
}

struct Fetch<'a> {
    ctx: &'a Context,
    target: &'a Target,
    subsystem: &'a Subsystem,
    original: &'a Original,
    into: &'a Utf8Path,
}

struct Taken {
    files: Vec<ArtifactFile>,
    file: TakenFrom,
    first_use: bool,
}

impl Fetch<'_> {
    fn once(&self, expected: &[Stated]) -> Result<Option<Taken>> {
        let ctx = self.ctx;
        let ask_statement = expected.is_empty();
        let fetched = origin::fetch(
            &ctx.client,
            self.original,
            self.target.platform,
            ask_statement,
            &ctx.cancel,
        )?;
        let Some(Fetched {
            reader,
            size: total,
            file_name,
            stated,
            place,
        }) = fetched
        else {
            return Ok(None);
        };
        let mut expected = expected.to_vec();
        expected.extend(stated);
        ctx.events.phase(self.target, Phase::Downloading, total);
        let mut checks = origin::Checks::new(&expected);
        let mut reader = Telling::new(ctx, self.target, checks.reader(reader));
        let (globs, names) = self.selection();
        let kind = ArchiveKind::of_name(&file_name);
        let single = self.subsystem.first_binary(&self.target.platform);
        let single = match kind {
            ArchiveKind::Single(_) => Some(
                self.original
                    .extract
                    .first()
                    .map_or(&single, |(_, name)| name),
            ),
            _ => None,
        };
        let budget = Budget::from(self.subsystem.limits);
        let select = Select::Programs {
            globs: &globs,
            names: &names,
            platform: self.target.platform,
        };
        let unpacked = archive::unpack(
            kind,
            single,
            &mut reader,
            &select,
            self.into,
            &budget,
            total,
            &ctx.cancel,
        );
        // Read to the end even where unpacking gave up: the digest says whether the bytes or the archive are to blame.
        if unpacked.is_err() {
            let _ = std::io::copy(&mut reader.by_ref().take(16 << 30), &mut std::io::sink());
        }
        let size = reader.count();
        if let Err(error) = &unpacked
            && matches!(error.kind(), Kind::Interrupted(_) | Kind::Unavailable)
        {
            return Err(error.clone());
        }
        let sha256 = checks.verify(&place)?;
        let unpacked = unpacked.map_err(|error| {
            error.hint(format!(
                "check `upstream.extract` of the recipe of `{}`",
                self.target.name
            ))
        })?;
        let mut files = Vec::new();
        let binaries = self.subsystem.binaries.len();
        for (i, name) in self
            .subsystem
            .file_names(&self.target.platform)
            .into_iter()
            .enumerate()
        {
            let Some(got) = unpacked.iter().find(|got| got.name == name.as_str()) else {
                return Err(Error::failed(format!("{place} gave no `{name}`"))
                    .hint("map it in `upstream.extract`, glob in the archive to file name"));
            };
            let mode = if i < binaries { 0o755 } else { 0o644 };
            if i < binaries {
                if got.size == 0 {
                    return Err(Error::failed(format!("{place} has an empty `{name}`")));
                }
                executable::check_platform(&got.path, &self.target.platform).map_err(|error| {
                    error.context(format!("{place} is not for {}", self.target.platform))
                })?;
            }
            files.push(ArtifactFile {
                name,
                mode,
                size: got.size,
                sha256: got.sha256,
            });
        }
        let file = TakenFrom {
            sha256,
            size,
            url: place,
        };
        Ok(Some(Taken {
            files,
            file,
            first_use: expected.is_empty(),
        }))
    }

    /// The recipe's `extract`, with the default for an included file that it does not name: at the top or one folder down.
    /// And the binaries that it does not name.
    fn selection(&self) -> (Vec<(String, FileName)>, Vec<FileName>) {
        let mut globs = self.original.extract.clone();
        let mut names = Vec::new();
        let binaries = self.subsystem.binaries.len();
        for (i, name) in self
            .subsystem
            .file_names(&self.target.platform)
            .into_iter()
            .enumerate()
        {
            if globs.iter().any(|(_, file)| *file == name) {
                continue;
            }
            match self.subsystem.package.include.get(i.wrapping_sub(binaries)) {
                Some(include) if i >= binaries => {
                    globs.push((format!("{{{0},*/{0}}}", include.path), name));
                }
                _ => names.push(name),
            }
        }
        (globs, names)
    }
}

fn empty(folder: &Utf8Path) -> Result<()> {
    for name in larder_core::fs::list(folder)? {
        larder_core::fs::remove_file(folder.join(name))?;
    }
    Ok(())
}
