//! `binaries:`, at the top of a recipe and in its exceptions.

use crate::model::FileName;
use crate::project::domain::Binary;
use crate::project::syntax::decode::{At, Reader, distinct};
use crate::project::typed::recipe::{RawBinary, RawLink};

/// Returns the binaries of a list, each name once, and reports what is wrong with them.
pub(super) fn binaries(list: &[RawBinary], reader: &mut Reader<'_>) -> Vec<Binary> {
    let names: Vec<At<FileName>> = list.iter().filter_map(RawBinary::name).cloned().collect();
    for At { value, span } in &names {
        if let Some(stem) = value.as_str().strip_suffix(".exe") {
            reader.problem(
                span,
                format!("`{value}` is written with .exe"),
                format!("write `{stem}`; on windows .exe is added"),
            );
        }
    }
    let real: Vec<&FileName> = list.iter().filter_map(real_name).collect();
    let mut binaries: Vec<Binary> = Vec::new();
    for name in distinct("binaries", names, reader) {
        let raw = list
            .iter()
            .find(|raw| raw.name().is_some_and(|at| at.value == name));
        let link = match raw {
            Some(RawBinary::Link(RawLink { link, .. })) => {
                // A link without a readable target is already reported.
                let Some(At { value, span }) = link else {
                    continue;
                };
                if !real.contains(&value) {
                    reader.problem(
                        span,
                        format!(
                            "`{name}` is another name of `{value}`, which is no binary of this list"
                        ),
                        match crate::suggestions::nearest(
                            value.as_str(),
                            real.iter().map(|name| name.as_str()),
                        ) {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => "name a binary of the list that is no link itself".to_owned(),
                        },
                    );
                    continue;
                }
                Some(value.clone())
            }
            _ => None,
        };
        binaries.push(Binary { name, link });
    }
    binaries
}

/// The name of a binary that is no link.
fn real_name(raw: &RawBinary) -> Option<&FileName> {
    match raw {
        RawBinary::Name(name) => Some(&name.value),
        RawBinary::Link(_) => None,
    }
}
