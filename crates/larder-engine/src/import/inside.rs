//! What is in an asset: the programs, and which of them are meant. Nothing is executed.

use camino::{Utf8Path, Utf8PathBuf};

use super::Wish;
use crate::acquire::intake;
use larder_core::archive::{self, ArchiveKind, Budget, Select, Unpacked};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable};
use larder_core::fs;
use larder_core::model::{FileName, Platform, Version};
use larder_remote::RemoteSettings;
use larder_remote::origin::Fetched;

use super::guess::{Guess, plain_name};

/// Programs beside the main one that are taken for parts of it.
const COMPANIONS: usize = 3;

/// What an asset holds.
pub(super) struct Inside {
    /// The programs meant, the main one first.
    pub(super) binaries: Vec<FileName>,
    /// Glob and file of each, where their names alone do not find them.
    pub(super) extract: Vec<(String, String)>,
}

/// A program in an archive.
#[derive(Clone, Debug)]
struct Program {
    /// Where it lies in the archive.
    path: Utf8PathBuf,
    /// Its file's name without `.exe`.
    name: String,
}

/// Downloads, checks and looks.
pub(super) fn look(
    fetched: Fetched,
    settings: &RemoteSettings,
    wish: &Wish,
    version: &Version,
    guess: &Guess,
    platform: Platform,
    cancel: &Cancel,
) -> Result<Inside> {
    let Fetched {
        reader,
        size: _,
        file_name,
        stated,
        place,
    } = fetched;
    let scratch = fs::Scratch::new(&settings.temp, "add")?;
    let root = scratch.path();
    let file = root.join("asset");
    intake::download(&place, reader, &stated, &file)?;

    let unpack = |select: &Select<'_>, into: &str, name: &FileName| -> Result<Vec<Unpacked>> {
        let into = root.join(into);
        fs::create_dir_all(&into)?;
        let kind = ArchiveKind::of_name(&file_name);
        archive::unpack(
            kind,
            Some(name),
            fs::open(&file)?,
            select,
            &into,
            &Budget::default(),
            None,
            cancel,
        )
    };
    let main: FileName = wish
        .binaries
        .first()
        .cloned()
        .map_or_else(|| guess.program.parse(), Ok)?;
    let all = unpack(&Select::All, "all", &main)?;
    if let (ArchiveKind::Single(_), [only]) = (ArchiveKind::of_name(&file_name), &all[..]) {
        if let Executable::Other = executable::check_platform(&only.path, &platform)? {
            return Err(Error::failed(format!("{place} is no program")));
        }
        return Ok(Inside {
            binaries: vec![main],
            extract: Vec::new(),
        });
    }
    let programs = programs(&all, platform)?;
    let chosen = if wish.binaries.is_empty() {
        choose(
            &programs,
            &[&guess.program, wish.name.as_str(), wish.source.word()],
            version,
        )
    } else {
        let named = |binary: &FileName| {
            programs
                .iter()
                .find(|program| program.name == binary.as_str())
                .cloned()
        };
        wish.binaries.iter().map(named).collect()
    };
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else {
        let listed: Vec<String> = programs
            .iter()
            .take(12)
            .map(|program| format!("`{}`", program.path))
            .collect();
        let error = Error::failed(format!("which program of {place} is meant is not clear"));
        return Err(error.hint(if listed.is_empty() {
            format!("it holds none for {platform}")
        } else {
            format!("name it: `--binary NAME`; there is {}", listed.join(", "))
        }));
    };
    let plain = |program: &Program| match plain_name(&program.name, version) {
        plain if plain.is_empty() || !wish.binaries.is_empty() => program.name.clone(),
        plain => plain,
    };
    let binaries = chosen
        .iter()
        .map(|program| plain(program).parse())
        .collect::<Result<Vec<FileName>, _>>()?;

    // Do their names alone find them?
    let names = binaries
        .iter()
        .map(|name| format!("{name}{}", platform.exe()).parse())
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
    let right = |program: &Program| {
        let name = format!("{}{}", plain(program), platform.exe());
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
    if chosen.iter().all(right) {
        return Ok(Inside {
            binaries,
            extract: Vec::new(),
        });
    }
    let glob = |program: &Program| {
        let folder = program.path.parent().and_then(Utf8Path::file_name);
        let tail = match folder {
            // Where names alone do, but there are several, the folder tells them apart.
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
    Ok(Inside { binaries, extract })
}

/// The programs for a platform: native ones, else scripts.
fn programs(all: &[Unpacked], platform: Platform) -> Result<Vec<Program>> {
    let (mut native, mut scripts) = (Vec::new(), Vec::new());
    for file in all {
        let path = Utf8PathBuf::from(&file.name);
        let base = path.file_name().unwrap_or_default();
        let library = [".so", ".dylib", ".dll", ".a", ".lib"]
            .iter()
            .any(|end| base.ends_with(end))
            || base.contains(".so.");
        let name = base.strip_suffix(".exe").unwrap_or(base).to_owned();
        match executable::inspect(&file.path)? {
            Executable::Native(_)
                if !library && executable::check_platform(&file.path, &platform).is_ok() =>
            {
                native.push(Program { path, name });
            }
            Executable::Script if file.mode == 0o755 => scripts.push(Program { path, name }),
            _ => {}
        }
    }
    Ok(if native.is_empty() { scripts } else { native })
}

/// The program that has one of these names, or the only one; and what lies beside it.
fn choose(programs: &[Program], names: &[&str], version: &Version) -> Option<Vec<Program>> {
    let called = |name: &&str| {
        let mut same: Vec<&Program> = programs
            .iter()
            .filter(|program| {
                program.name == **name || plain_name(&program.name, version) == **name
            })
            .collect();
        same.sort_by_key(|program| program.path.components().count());
        same.first().copied()
    };
    let only = || match programs {
        [only] => Some(only),
        _ => None,
    };
    let main = names.iter().find_map(called).or_else(only)?.clone();
    let beside = programs
        .iter()
        .filter(|other| other.path.parent() == main.path.parent() && other.name != main.name);
    let beside: Vec<Program> = beside.cloned().collect();
    let more = if beside.len() <= COMPANIONS {
        beside
    } else {
        Vec::new()
    };
    Some([vec![main], more].concat())
}
