//! Inspects an asset: finds the programs in it and decides which of them are the binaries. Nothing is executed.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use super::{AddRequest, siblings};
use crate::acquire::intake;
use larder_core::archive::{self, ArchiveKind, Budget, Extracted, ReadAs, Select, Unpacked};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable};
use larder_core::fs::{self, IoContext};
use larder_core::model::{FileFormat, FileName, Platform, Version};
use larder_remote::RemoteSettings;
use larder_remote::origin::Fetched;

use super::guess::{Guess, plain_name};

/// At most this many programs in the main program's folder become binaries too; if there are more, none does.
const COMPANIONS: usize = 3;

/// The binaries in an asset.
pub(super) struct Contents {
    /// Their names, the main one first.
    pub(super) binaries: Vec<FileName>,
    /// A glob and a file name for each binary; empty if the names alone are enough to find them.
    pub(super) extract: Vec<(String, String)>,
    /// What lies beside the main program and is probably needed by it, so that the whole folder is
    /// kept.
    pub(super) siblings: Vec<String>,
}

/// A program in an archive.
#[derive(Clone, Debug)]
struct Program {
    /// Its path in the archive.
    path: Utf8PathBuf,
    /// The name of its file, without `.exe`.
    name: String,
}

/// Stores a fetched asset, verifies it against the stated digests, and finds the binaries in it.
pub(super) fn inspect(
    fetched: Fetched,
    settings: &RemoteSettings,
    request: &AddRequest,
    version: &Version,
    guess: &Guess,
    platform: Platform,
    cancel: &Cancel,
) -> Result<Contents> {
    let Fetched {
        reader,
        size: _,
        file_name,
        stated,
        signature: _,
        place,
    } = fetched;
    let scratch = fs::Scratch::new(&settings.temp, "add")?;
    let root = scratch.path();
    let file = root.join("asset");
    intake::download(&place, reader, &stated, &file)?;

    let unpack = |select: &Select<'_>, into: &str, name: &FileName| -> Result<Extracted> {
        let into = root.join(into);
        fs::create_dir_all(&into)?;
        let read_as = ReadAs::File {
            format: FileFormat::Auto,
            name: &file_name,
        };
        archive::unpack(
            read_as,
            Some(name),
            fs::open(&file)?,
            select,
            &into,
            &Budget::default(),
            None,
            cancel,
        )
    };
    let main: FileName = request
        .binaries
        .first()
        .cloned()
        .map_or_else(|| guess.program.parse(), Ok)?;
    let Extracted {
        kind, files: all, ..
    } = unpack(&Select::All, "all", &main)?;
    if let (ArchiveKind::Single(_), [only]) = (kind, &all[..]) {
        if let Executable::Other = executable::check_platform(&only.path, &platform)? {
            return Err(Error::failed(format!("{place} is not a program")));
        }
        return Ok(Contents {
            binaries: vec![main],
            extract: Vec::new(),
            siblings: Vec::new(),
        });
    }
    let programs = programs(&all, platform)?;
    let chosen = if request.binaries.is_empty() {
        choose(
            &programs,
            &[&guess.program, request.name.as_str(), request.source.word()],
            version,
        )
    } else {
        let named = |binary: &FileName| {
            programs
                .iter()
                .find(|program| program.name == binary.as_str())
                .cloned()
        };
        request.binaries.iter().map(named).collect()
    };
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
        let listed: Vec<String> = programs
            .iter()
            .take(12)
            .map(|program| format!("`{}`", program.path))
            .collect();
        let error = Error::failed(format!(
            "can't choose the binaries among the programs in {place}"
        ));
        return Err(error.hint(if listed.is_empty() {
            format!("it contains no program for {platform}")
        } else {
            format!(
                "name them with `--binary NAME`; it contains {}",
                listed.join(", ")
            )
        }));
    };
    let paths: Vec<&Utf8Path> = all.iter().map(|file| Utf8Path::new(&file.name)).collect();
    let siblings = siblings::needed(&paths, &chosen[0].path);
    let own = [request.name.as_str(), request.source.word()];
    let plain = |program: &Program| match plain_name(&program.name, version, &own) {
        plain if plain.is_empty() || !request.binaries.is_empty() => program.name.clone(),
        plain => plain,
    };
    let binaries = chosen
        .iter()
        .map(|program| plain(program).parse())
        .collect::<Result<Vec<FileName>, _>>()?;

    // Check whether the names alone find the same files; otherwise `extract` is needed.
    let names = binaries
        .iter()
        .map(|name| platform.program(name.as_str()).parse())
        .collect::<Result<Vec<FileName>, _>>()?;
    let found = unpack(
        &Select::Programs {
            globs: &[],
            names: &names,
            platform,
        },
        "named",
        &main,
    );
    // An error about a file of this machine says nothing about the archive.
    if let Err(error) = &found
        && (error.causes().iter().map(String::as_str))
            .chain([error.message()])
            .any(|text| text.contains(root.as_str()))
    {
        return Err(error.clone());
    }
    let found = found.map(|found| found.files);
    let found_by_name = |program: &Program| {
        let name = platform.program(&plain(program));
        let wanted = all
            .iter()
            .find(|file| file.name == program.path)
            .map(|file| file.sha256);
        found.as_ref().is_ok_and(|found| {
            found
                .iter()
                .any(|file| file.name == name && Some(file.sha256) == wanted)
        })
    };
    if chosen.iter().all(found_by_name) {
        return Ok(Contents {
            binaries,
            extract: Vec::new(),
            siblings,
        });
    }
    let glob = |program: &Program| {
        let folder = program.path.parent().and_then(Utf8Path::file_name);
        let tail = match folder {
            // Several files have this name: the folder makes the glob unambiguous.
            Some(folder) if plain(program) == program.name => format!("{folder}/{}", program.name),
            _ => program.name.clone(),
        };
        format!(
            "**/{}{{{{ exe }}}}",
            guess.template_of(&tail, version, platform)
        )
    };
    let extract = chosen
        .iter()
        .map(|program| (glob(program), format!("{}{{{{ exe }}}}", plain(program))))
        .collect();
    Ok(Contents {
        binaries,
        extract,
        siblings,
    })
}

/// Whether a file's name is that of a library.
pub(super) fn is_library(base: &str) -> bool {
    let endings = [".so", ".dylib", ".dll", ".a", ".lib", ".node"];
    endings.iter().any(|end| base.ends_with(end)) || base.contains(".so.")
}

/// The programs for a platform: the native ones, or the scripts if there is no native one.
fn programs(all: &[Unpacked], platform: Platform) -> Result<Vec<Program>> {
    let (mut native, mut scripts) = (Vec::new(), Vec::new());
    for file in all {
        let path = Utf8PathBuf::from(&file.name);
        let base = path.file_name().unwrap_or_default();
        let name = base.strip_suffix(".exe").unwrap_or(base).to_owned();
        match executable::inspect(&file.path)? {
            Executable::Native(_)
                if !is_library(base)
                    && executable::check_platform(&file.path, &platform).is_ok() =>
            {
                native.push(Program { path, name });
            }
            Executable::Script if file.mode == 0o755 && !for_python(file)? => {
                scripts.push(Program { path, name });
            }
            _ => {}
        }
    }
    Ok(if native.is_empty() { scripts } else { native })
}

/// Whether a script of a wheel needs the Python that the wheel is installed into.
fn for_python(file: &Unpacked) -> Result<bool> {
    let mut start = Vec::new();
    fs::open(&file.path)?
        .take(8)
        .read_to_end(&mut start)
        .at("read", &file.path)?;
    Ok(start == b"#!python")
}

/// The program that has one of these names, or the only program; then the other programs in its folder.
fn choose(programs: &[Program], names: &[&str; 3], version: &Version) -> Option<Vec<Program>> {
    let with_name = |name: &&str| {
        let mut same: Vec<&Program> = programs
            .iter()
            .filter(|program| {
                program.name == **name || plain_name(&program.name, version, names) == **name
            })
            .collect();
        same.sort_by_key(|program| program.path.components().count());
        same.first().copied()
    };
    let only = || match programs {
        [only] => Some(only),
        _ => None,
    };
    let main = names.iter().find_map(with_name).or_else(only)?.clone();
    let siblings = programs
        .iter()
        .filter(|other| other.path.parent() == main.path.parent() && other.name != main.name);
    let siblings: Vec<Program> = siblings.cloned().collect();
    let companions = if siblings.len() <= COMPANIONS {
        siblings
    } else {
        Vec::new()
    };
    Some([vec![main], companions].concat())
}
