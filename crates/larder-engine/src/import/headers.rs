//! Reads which systems and processors the programs in an asset are for, where its name does not tell. Nothing is executed,
//! and nothing is kept: what is installed later is verified by itself.

use std::io::Read;

use camino::Utf8PathBuf;

use larder_core::archive::{self, Budget, ReadAs, Select};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::executable::{self, Executable, Machine, System};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Arch, FileFormat, FileName, Os, Platform, Version};
use larder_remote::origin::{self, Fetched, Publishers};

use super::guess::{Seen, plain_name};
use super::inspect::is_library;
use super::{AddRequest, Release, coordinate, original};

/// The first bytes of a program, which contain its headers.
const START: u64 = 1 << 20;
/// The most bytes of an archive that are read.
const MOST: u64 = 512 << 20;

/// Downloads an asset, or the start of it if it is a program, and reads the headers.
pub(super) fn of_asset(
    publishers: Publishers<'_>,
    request: &AddRequest,
    release: &Release,
    asset: &str,
    cancel: &Cancel,
) -> Result<Seen> {
    cancel.check()?;
    let tag = release.tag.as_ref().map(|(tag, _)| tag.as_str());
    let wanted = original(coordinate(&request.source, tag, asset), None);
    let host = Platform::host();
    let Some(fetched) = origin::fetch(publishers, &wanted, host, false, cancel)? else {
        return Err(Error::failed("it does not exist"));
    };
    let Fetched {
        mut reader,
        size,
        file_name,
        stated: _,
        signature: _,
        place,
    } = fetched;
    if size.is_some_and(|size| size > MOST) {
        return Err(too_large());
    }
    let scratch = fs::Scratch::new(&publishers.settings.temp, "add")?;
    let root = scratch.path();
    let file = root.join("asset");
    let mut written = fs::create(&file)?;
    let mut copy = |most: u64| -> Result<u64> {
        std::io::copy(&mut (&mut reader).take(most), &mut written).at("download", &place)
    };
    copy(START)?;
    let start = [(file_name.clone(), file.clone(), true)];
    let seen = of_files(&start, request, &release.version)?;
    if seen != Seen::default() {
        return Ok(seen);
    }
    if copy(MOST)? == MOST {
        return Err(too_large());
    }
    let into = root.join("all");
    fs::create_dir_all(&into)?;
    let read_as = ReadAs::File {
        format: FileFormat::Auto,
        name: &file_name,
    };
    let name: FileName = request.name.as_str().parse()?;
    let unpacked = archive::unpack(
        read_as,
        Some(&name),
        fs::open(&file)?,
        &Select::All,
        &into,
        &Budget::default(),
        None,
        cancel,
    )?;
    let files: Vec<_> = unpacked
        .files
        .into_iter()
        .map(|file| (file.name, file.path, file.mode == 0o755))
        .collect();
    of_files(&files, request, &release.version)
}

/// What the headers of these files (name, path, and whether they may be executed) say. Those that are named after the
/// product count; if there are none, all do.
fn of_files(
    files: &[(String, Utf8PathBuf, bool)],
    request: &AddRequest,
    version: &Version,
) -> Result<Seen> {
    let own = [request.name.as_str(), request.source.word()];
    let (mut named, mut all) = (Seen::default(), Seen::default());
    for (name, path, executable) in files {
        let base = name.rsplit('/').next().unwrap_or(name);
        if is_library(base) {
            continue;
        }
        let stem = base.strip_suffix(".exe").unwrap_or(base);
        let is_named = own.contains(&plain_name(stem, version, &own).as_str());
        let natives: Vec<(Os, Arch)> = match executable::inspect(path)? {
            Executable::Native(native) => {
                let System::Known(os) = native.system else {
                    continue;
                };
                let known = |machine: &Machine| match machine {
                    Machine::Known(arch) => Some((os, *arch)),
                    Machine::Other(_) => None,
                };
                native.machines.iter().filter_map(known).collect()
            }
            Executable::Script if *executable => {
                all.script = true;
                named.script |= is_named;
                continue;
            }
            _ => continue,
        };
        if is_named {
            named.native.extend(natives.iter().copied());
        }
        all.native.extend(natives);
    }
    Ok(if named.native.is_empty() { all } else { named })
}

fn too_large() -> Error {
    Error::failed(format!("it has more than {} MiB", MOST >> 20))
}
