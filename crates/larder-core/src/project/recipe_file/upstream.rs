//! `upstream:`: where the original comes from.

use std::ops::Range;

use crate::project::domain::{Keep, RawChecksums, SignatureKeys, Signed, Upstream, UpstreamKeys};
use crate::project::syntax::decode::{At, Pairs, Reader};
use crate::project::template::Template;
use crate::project::typed::recipe::{self as typed, RawUpstream, RawUpstreamKeys};
use crate::project::typed::trust::{RawSignature, SignatureOf};
use crate::project::typed::words::{KeepWord, Repo};

const KINDS: [&str; 4] = ["github", "url", "npm", "pypi"];

pub(super) fn upstream(
    raw: &RawUpstream,
    key: Option<Range<usize>>,
    reader: &mut Reader<'_>,
) -> Option<Upstream> {
    let key = key?;
    let RawUpstream { keys, overrides } = raw;
    let mut words: Vec<(String, UpstreamKeys)> = Vec::new();
    let overridden = overrides
        .as_ref()
        .map(|Pairs(pairs)| pairs.as_slice())
        .unwrap_or_default();
    for layer in
        std::iter::once(keys).chain(overridden.iter().filter_map(|(_, keys)| keys.as_ref()))
    {
        let mut kinds = layer.spans.iter().filter(|(key, _)| KINDS.contains(key));
        if let (Some((first, _)), Some((second, span))) = (kinds.next(), kinds.next()) {
            let hint = "an original comes from one place; keep one of them";
            reader.problem(
                span,
                format!("`upstream` names both `{first}` and `{second}`"),
                hint,
            );
        }
    }
    let layers =
        || std::iter::once(keys).chain(overridden.iter().filter_map(|(_, keys)| keys.as_ref()));
    if layers().any(RawUpstreamKeys::refused) {
        // The unreadable value is already reported; errors that follow from it would only confuse.
        return None;
    }
    if !layers().any(|layer| layer.spans.iter().any(|(key, _)| KINDS.contains(key))) {
        let hint = "one of github: owner/name, url: ..., npm: PACKAGE, pypi: PACKAGE";
        reader.problem(&key, "`upstream` does not say where to get it", hint);
        return None;
    }
    if !layers().any(|layer| layer.span("github").is_some()) {
        for span in layers().filter_map(|layer| layer.span("asset")) {
            reader.problem(
                span,
                "`asset` can be used only with `github`",
                "remove it, or name the repository with `github:`",
            );
        }
    }
    for (word, keys) in overridden {
        if let Some(keys) = keys {
            words.push((word.value.0.clone(), upstream_keys(keys)));
        }
    }
    Some(Upstream {
        base: upstream_keys(keys),
        overrides: words,
    })
}

fn upstream_keys(raw: &RawUpstreamKeys) -> UpstreamKeys {
    let RawUpstreamKeys {
        github,
        url,
        npm,
        pypi,
        tag,
        asset,
        checksums,
        signature,
        extract,
        format,
        keep,
        replacements,
        spans: _,
    } = raw;
    let template = |at: &Option<At<String>>| at.as_ref().map(|at| Template(at.value.clone()));
    UpstreamKeys {
        github: github.as_ref().map(
            |At {
                 value: Repo(repo), ..
             }| repo.clone(),
        ),
        url: template(url),
        npm: template(npm),
        pypi: template(pypi),
        tag: template(tag),
        asset: template(asset),
        checksums: checksums.as_ref().map(|checksums| match checksums {
            typed::RawChecksums::File(at) => RawChecksums::File(Template(at.value.clone())),
            typed::RawChecksums::Pinned(Pairs(pairs)) => RawChecksums::Pinned(
                pairs
                    .iter()
                    .filter_map(|(platform, digest)| Some((platform.value, digest.as_ref()?.value)))
                    .collect(),
            ),
        }),
        signature: signature.as_ref().and_then(signature_keys),
        extract: extract.as_ref().map(|Pairs(pairs)| {
            pairs
                .iter()
                .filter_map(|(glob, file)| {
                    Some((
                        Template(glob.value.clone()),
                        Template(file.as_ref()?.value.clone()),
                    ))
                })
                .collect()
        }),
        format: format.as_ref().map(|At { value, .. }| (*value).into()),
        keep: keep.as_ref().map(|At { value, .. }| match value {
            KeepWord::Files => Keep::Files,
            KeepWord::Tree => Keep::Tree,
        }),
        replacements: replacements
            .iter()
            .flat_map(|Pairs(pairs)| pairs)
            .filter_map(|(word, text)| {
                Some((word.value.0.to_owned(), text.as_ref()?.value.0.clone()))
            })
            .collect(),
    }
}

/// The value of `signature:`; `None` if a key is missing or can't be read, which is reported.
fn signature_keys(raw: &RawSignature) -> Option<SignatureKeys> {
    let RawSignature {
        minisign,
        file,
        of,
        spans: _,
    } = raw;
    Some(SignatureKeys {
        key: minisign.as_ref()?.value.clone(),
        file: Template(file.as_ref()?.value.clone()),
        of: match of.as_ref().map(|at| at.value) {
            None | Some(SignatureOf::Asset) => Signed::Asset,
            Some(SignatureOf::Checksums) => Signed::Checksums,
        },
    })
}
