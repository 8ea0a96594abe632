//! Compares what a recipe renders to with what aqua does.

use larder_core::error::Result;
use larder_core::model::{FileFormat, Os, Platform};
use larder_core::project::{
    Checksum, Coordinate, Original, RenderedBuild, RenderedSource, Signed, Subsystem,
};

use super::answer::{Answer, Packing, Place, Program};

/// How the recipe differs from aqua's answer for a platform; `None` if it says the same. `tag` is aqua's version.
pub fn difference(
    subsystem: &Subsystem,
    platform: Platform,
    answer: &Answer,
    tag: &str,
) -> Result<Option<String>> {
    if let Some(difference) = binaries(subsystem, platform, answer) {
        return Ok(Some(difference));
    }
    let expected = match &answer.place {
        Place::Asset { repo, asset } => Coordinate::GitHub {
            repo: repo.clone(),
            tag: tag.to_owned(),
            asset: asset.clone(),
        },
        Place::Url(url) => Coordinate::Url(url.clone()),
        _ => {
            let build = subsystem.rendered_build(&platform, "<out>", "<src>")?;
            return Ok(build_difference(build.as_ref(), answer, tag));
        }
    };
    let Some(original) = subsystem.original(&platform)? else {
        return Ok(Some("there is no original".to_owned()));
    };
    // The other processor's original is only taken where aqua takes it.
    let found = [Some(&original), emulated(&original)];
    let Some(found) = found
        .into_iter()
        .flatten()
        .find(|of| of.coordinate == expected)
    else {
        return Ok(Some(format!("{:?} is {:?}", expected, original.coordinate)));
    };
    Ok(original_difference(found, subsystem, platform, answer))
}

fn binaries(subsystem: &Subsystem, platform: Platform, answer: &Answer) -> Option<String> {
    let found = binaries_on(subsystem, platform);
    let commands: Vec<&str> = answer
        .programs
        .iter()
        .map(|program| program.name.strip_suffix(".exe").unwrap_or(&program.name))
        .collect();
    let is_same = |((name, _), command): (&(String, bool), &&str)| {
        name == *command
            || platform.os == Os::Windows
                && name
                    .strip_prefix(*command)
                    .is_some_and(|end| end.starts_with('.'))
    };
    if found.len() == commands.len() && found.iter().zip(&commands).all(is_same) {
        return None;
    }
    Some(format!(
        "the programs are {commands:?}, and the binaries {found:?}"
    ))
}

/// The binaries, and whether each is another name of one.
fn binaries_on(subsystem: &Subsystem, platform: Platform) -> Vec<(String, bool)> {
    let binaries = subsystem.binaries_on(&platform).iter();
    binaries
        .map(|binary| (binary.name.to_string(), binary.link.is_some()))
        .collect()
}

/// The original of the other processor.
fn emulated(original: &Original) -> Option<&Original> {
    original.emulated.as_ref().map(|other| &other.original)
}

fn original_difference(
    found: &Original,
    subsystem: &Subsystem,
    platform: Platform,
    answer: &Answer,
) -> Option<String> {
    let differs = |what: &str, expected: &str, found: &str| {
        (expected != found).then(|| format!("{what} is `{found}` in place of `{expected}`"))
    };
    if answer.packing == Packing::Archive {
        let binaries = binaries_on(subsystem, platform);
        for (program, (name, is_link)) in answer.programs.iter().zip(binaries) {
            if is_link {
                continue;
            }
            let file = platform.program(&name);
            let Program { path, .. } = program;
            let glob = found.extract.iter().find(|(_, name)| name.as_str() == file);
            let from = match glob {
                Some((glob, _)) => glob.as_str(),
                // Without a glob, the binary is found by its name.
                None => &file,
            };
            if let Some(difference) = differs(&file, path, from) {
                return Some(difference);
            }
        }
    } else if !found.extract.is_empty() {
        return Some("a file that is no archive has `extract`".to_owned());
    }
    if !matches!(
        (&found.format, &answer.packing),
        (None, _) | (Some(FileFormat::Plain), Packing::Plain)
    ) {
        return Some(format!("the format is {:?}", found.format));
    }
    let of = |checksum: &Checksum| match checksum {
        Checksum::Asset(name) | Checksum::Url(name) => name.clone(),
        Checksum::Pinned(digest) => digest.to_string(),
    };
    let expected = answer.sums.as_ref().filter(|sums| sums.unusable.is_none());
    let expected = expected.map_or(String::new(), |sums| sums.file.clone());
    let stated = found.checksum.as_ref().map_or(String::new(), of);
    if let Some(difference) = differs("the checksums file", &expected, &stated) {
        return Some(difference);
    }
    let expected = answer
        .signature
        .as_ref()
        .filter(|signature| !signature.of_sums || !expected.is_empty());
    match (expected, &found.signature) {
        (None, None) => None,
        (Some(expected), Some(found)) => differs("the signature", &expected.file, &of(&found.file))
            .or_else(|| {
                let is_same = expected.of_sums == (found.of == Signed::Checksums);
                (!is_same).then(|| "the signature is of another file".to_owned())
            }),
        _ => Some("only one has a signature".to_owned()),
    }
}

fn build_difference(build: Option<&RenderedBuild>, answer: &Answer, tag: &str) -> Option<String> {
    let Some(RenderedBuild {
        source, commands, ..
    }) = build
    else {
        return Some("there is no build".to_owned());
    };
    let is_same = match (&answer.place, source) {
        (Place::GoInstall(path), _) => *commands == [format!("go install {path}@{tag}")],
        (Place::GoBuild { repo }, RenderedSource::Git { url, rev }) => {
            *url == format!("https://github.com/{repo}") && rev == tag
        }
        (Place::Cargo { name, .. }, RenderedSource::Crate { name: found, .. }) => name == found,
        _ => false,
    };
    (!is_same).then(|| format!("the build is {source:?}, {commands:?}"))
}
