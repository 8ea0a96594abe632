//! `upstream:`: where the original comes from.

use std::collections::BTreeMap;
use std::ops::Range;

use super::binaries::binaries;
use crate::model::{Arch, Os, Platform};
use crate::project::domain::{
    Keep, RawChecksums, SignatureKeys, Signed, Upstream, UpstreamKeys, VersionKeys,
};
use crate::project::syntax::decode::{At, NonEmpty, Pairs, Reader};
use crate::project::template::Template;
use crate::project::typed::trust::{RawSignature, SignatureOf};
use crate::project::typed::upstream::{
    self as typed, RawBinariesKey, RawEmulate, RawOverride, RawOverridesKey, RawUpstream,
    RawUpstreamKeys, RawVersion, RawVersionKeys,
};
use crate::project::typed::words::{Flag, KeepWord, Repo};

const KINDS: [&str; 4] = ["github", "url", "npm", "pypi"];

/// The keys of one place of `upstream`: of itself, of an override, or of an entry of `versions`.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    /// The override that it is of.
    pub(super) word: Option<&'a str>,
    pub(super) keys: &'a RawUpstreamKeys,
    pub(super) binaries: Option<&'a RawBinariesKey>,
}

impl<'a> Layer<'a> {
    fn of(word: Option<&'a str>, over: &'a RawOverride) -> Self {
        let RawOverride { keys, binaries } = over;
        Self {
            word,
            keys,
            binaries: Some(binaries),
        }
    }

    fn is_refused(&self) -> bool {
        self.keys.refused() || self.binaries.is_some_and(RawBinariesKey::refused)
    }
}

/// The layers outside `versions`, the most general one first.
pub(super) fn layers(raw: &RawUpstream) -> Vec<Layer<'_>> {
    let base = Layer {
        word: None,
        keys: &raw.keys,
        binaries: None,
    };
    std::iter::once(base)
        .chain(overrides(&raw.overrides))
        .collect()
}

/// The layers of an entry of `versions`, the most general one first.
pub(super) fn entry_layers(keys: &RawVersionKeys) -> Vec<Layer<'_>> {
    let RawVersionKeys {
        base,
        overrides: over,
    } = keys;
    std::iter::once(Layer::of(None, base))
        .chain(overrides(over))
        .collect()
}

fn overrides(raw: &RawOverridesKey) -> impl Iterator<Item = Layer<'_>> {
    let pairs = raw.overrides.iter().flat_map(|Pairs(pairs)| pairs);
    pairs.filter_map(|(word, over)| Some(Layer::of(Some(&word.value.0), over.as_ref()?)))
}

/// The layers of `upstream` and of every entry of `versions`.
pub(super) fn all_layers(raw: &RawUpstream) -> Vec<Layer<'_>> {
    let entries = raw.versions.versions.iter().flatten();
    let of_entries = entries
        .filter_map(|RawVersion { range: _, keys }| keys.as_ref())
        .flat_map(entry_layers);
    layers(raw).into_iter().chain(of_entries).collect()
}

pub(super) fn upstream(
    raw: &RawUpstream,
    key: Option<Range<usize>>,
    reader: &mut Reader<'_>,
) -> Option<Upstream> {
    let key = key?;
    let all = all_layers(raw);
    for Layer { keys, .. } in &all {
        let mut kinds = keys.spans.iter().filter(|(key, _)| KINDS.contains(key));
        if let (Some((first, _)), Some((second, span))) = (kinds.next(), kinds.next()) {
            let hint = "an original comes from one place; keep one of them";
            reader.problem(
                span,
                format!("`upstream` names both `{first}` and `{second}`"),
                hint,
            );
        }
        emulated_platforms(keys, reader);
    }
    let entries = raw.versions.versions.as_deref().unwrap_or_default();
    let is_unreadable = |RawVersion { range, keys }: &RawVersion| range.is_none() || keys.is_none();
    if all.iter().any(Layer::is_refused)
        || raw.versions.refused()
        || entries.iter().any(is_unreadable)
    {
        // The unreadable value is already reported; errors that follow from it would only confuse.
        return None;
    }
    let has = |key: &str| all.iter().any(|layer| layer.keys.span(key).is_some());
    if !KINDS.into_iter().any(has) {
        let hint = "one of github: owner/name, url: ..., npm: PACKAGE, pypi: PACKAGE";
        reader.problem(&key, "`upstream` does not say where to get it", hint);
        return None;
    }
    if !has("github") {
        for span in all.iter().filter_map(|layer| layer.keys.span("asset")) {
            reader.problem(
                span,
                "`asset` can be used only with `github`",
                "remove it, or name the repository with `github:`",
            );
        }
    }
    let (base, words) = domain(layers(raw), reader);
    let versions = entries.iter().filter_map(|RawVersion { range, keys }| {
        let (base, overrides) = domain(entry_layers(keys.as_ref()?), reader);
        Some(VersionKeys {
            range: range.as_ref()?.value.clone(),
            base,
            overrides,
        })
    });
    Some(Upstream {
        base,
        overrides: words,
        versions: versions.collect(),
    })
}

/// The keys for all platforms, and those of each override.
fn domain(
    layers: Vec<Layer<'_>>,
    reader: &mut Reader<'_>,
) -> (UpstreamKeys, Vec<(String, UpstreamKeys)>) {
    let (mut base, mut words) = (UpstreamKeys::default(), Vec::new());
    for Layer {
        word,
        keys,
        binaries: raw,
    } in layers
    {
        let mut keys = upstream_keys(keys);
        let list = raw.and_then(|raw| raw.binaries.as_ref());
        keys.binaries = list.map(|NonEmpty(list)| binaries(list, reader));
        match word {
            Some(word) => words.push((word.to_owned(), keys)),
            None => base = keys,
        }
    }
    (base, words)
}

/// Reports a platform of `emulate` that can't run the programs of the other one.
fn emulated_platforms(keys: &RawUpstreamKeys, reader: &mut Reader<'_>) {
    let Some(RawEmulate::Map(Pairs(pairs))) = &keys.emulate else {
        return;
    };
    for (
        At {
            value: platform, ..
        },
        other,
    ) in pairs
    {
        let Some(At { value: other, span }) = other else {
            continue;
        };
        if platform == other {
            let hint = "name the platform whose programs it also runs";
            reader.problem(span, format!("`{platform}` does not emulate itself"), hint);
        } else if platform.os != other.os {
            let os = platform.os.as_str();
            reader.problem(
                span,
                format!("`{platform}` can't run the programs of `{other}`"),
                format!("another platform of {os}, such as {os}-amd64"),
            );
        }
    }
}

/// `emulate: true`: the platforms on which the system itself runs the programs of another one.
fn usual_platforms() -> BTreeMap<Platform, Platform> {
    let platform = |os, arch| Platform {
        os,
        arch,
        libc: None,
    };
    [Os::Windows, Os::Darwin]
        .into_iter()
        .map(|os| (platform(os, Arch::Arm64), platform(os, Arch::Amd64)))
        .collect()
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
        emulate,
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
        emulate: emulate.as_ref().map(|emulate| match emulate {
            RawEmulate::Flag(At {
                value: Flag(true), ..
            }) => usual_platforms(),
            RawEmulate::Flag(_) => BTreeMap::new(),
            RawEmulate::Map(Pairs(pairs)) => pairs
                .iter()
                .filter_map(|(platform, other)| Some((platform.value, other.as_ref()?.value)))
                .collect(),
        }),
        binaries: None,
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
