//! `package:`: what the artifact contains besides the binaries, and how it is packed.

use std::collections::HashMap;

use super::upstream::all_layers;
use crate::model::{FileName, PackageFormat};
use crate::project::domain::{Include, PackageConfig};
use crate::project::syntax::decode::{At, NonEmpty, Reader};
use crate::project::typed::recipe::{RawBinary, RawRecipe};
use crate::project::typed::words::FormatWord;

/// Returns the package and its name with the place where that is given. File names that differ only
/// in case count as the same name, because some file systems ignore case.
pub(super) fn package(
    recipe: &RawRecipe,
    reader: &mut Reader<'_>,
) -> Option<(PackageConfig, At<FileName>)> {
    let raw = recipe.package.as_ref();
    let listed = |list: Option<&'_ NonEmpty<RawBinary>>| -> Vec<At<FileName>> {
        let list = list.into_iter().flat_map(|NonEmpty(list)| list);
        list.filter_map(RawBinary::name).cloned().collect()
    };
    let binaries = listed(recipe.binaries.as_ref());
    let others = recipe
        .upstream
        .iter()
        .flat_map(all_layers)
        .flat_map(|layer| listed(layer.binaries.and_then(|key| key.binaries.as_ref())));
    let first = binaries.first();
    let name = raw.and_then(|raw| raw.name.as_ref()).or(first)?.clone();
    let mut include: Vec<Include> = Vec::new();
    let mut taken: HashMap<String, &'static str> = HashMap::new();
    for At { value, .. } in binaries.iter().cloned().chain(others) {
        let lower = value.as_str().to_lowercase();
        taken.insert(format!("{lower}.exe"), "a binary");
        taken.insert(lower, "a binary");
    }
    for At { value, span } in raw
        .and_then(|raw| raw.include.as_ref())
        .into_iter()
        .flatten()
    {
        let parts: Vec<&str> = value.split('/').collect();
        let outside =
            value.starts_with('/') || value.contains(['\\', ':', '\0']) || parts.contains(&"..");
        if outside {
            let hint =
                "a path with `/`, relative to {{ out }}, the source or the archive's top folder";
            reader.problem(
                span,
                format!("the path of the included file `{value}` may lead outside its folder"),
                hint,
            );
            continue;
        }
        if parts.iter().any(|part| part.is_empty() || *part == ".") {
            reader.problem(
                span,
                format!("`{value}` is not the path of a file"),
                "such as LICENSE or docs/README.md",
            );
            continue;
        }
        let file = match parts[parts.len() - 1].parse::<FileName>() {
            Ok(file) => file,
            Err(invalid) => {
                reader.invalid(span, invalid);
                continue;
            }
        };
        let lower = file.as_str().to_lowercase();
        if let Some(what) = taken.get(&lower) {
            let hint = "all files of an artifact are in one folder, so each needs a different name, also where case is ignored";
            reader.problem(
                span,
                format!("the included file `{file}` has the name of {what}"),
                hint,
            );
            continue;
        }
        taken.insert(lower, "another included file");
        include.push(Include {
            path: value.clone(),
            name: file,
        });
    }
    let format = raw
        .and_then(|raw| raw.format.as_ref())
        .map(|at| match at.value {
            FormatWord::TarGz => PackageFormat::TarGz,
            FormatWord::TarZst => PackageFormat::TarZst,
            FormatWord::Zip => PackageFormat::Zip,
        });
    Some((
        PackageConfig {
            name: name.value.clone(),
            include,
            format,
        },
        name,
    ))
}
