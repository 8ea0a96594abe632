//! Finds where in the file a text of a recipe is.

use std::ops::Range;

use super::upstream::{Layer, entry_layers, layers};
use crate::model::Platform;
use crate::project::domain::override_words;
use crate::project::render::{Half, Place};
use crate::project::syntax::decode::{At, Pairs};
use crate::project::typed::recipe::RawRecipe;
use crate::project::typed::upstream::{RawChecksums, RawUpstreamKeys, RawVersion};

/// The range of a flaw in the file, and the text that is written there. `entry` is the entry of
/// `versions` that applies.
pub(super) fn place_of<'a>(
    place: &Place,
    recipe: &'a RawRecipe,
    platform: Platform,
    entry: Option<usize>,
) -> Option<(Range<usize>, Option<&'a str>)> {
    let text = |at: &'a At<String>| Some((at.span.clone(), Some(at.value.as_str())));
    let upstream = || recipe.span("upstream").map(|span| (span.clone(), None));
    let source = || {
        recipe
            .build
            .as_ref()
            .and_then(|build| build.source.as_ref())
    };
    let applying = || -> Vec<Layer<'a>> {
        let Some(raw) = recipe.upstream.as_ref() else {
            return Vec::new();
        };
        let words = override_words(platform);
        let ordered = |layers: Vec<Layer<'a>>| -> Vec<Layer<'a>> {
            let words = words.iter().map(|word| Some(word.as_str()));
            let of_word = |word| layers.iter().filter(move |layer| layer.word == word);
            std::iter::once(None)
                .chain(words)
                .flat_map(of_word)
                .copied()
                .collect()
        };
        let mut all = ordered(layers(raw));
        let entries = raw.versions.versions.as_deref().unwrap_or_default();
        if let Some(RawVersion {
            keys: Some(keys), ..
        }) = entry.and_then(|n| entries.get(n))
        {
            all.extend(ordered(entry_layers(keys)));
        }
        all
    };
    let winner = |key: &str| -> Option<&'a RawUpstreamKeys> {
        let layers = applying();
        let mut layers = layers.iter().rev().map(|layer| layer.keys);
        layers.find(|keys| keys.span(key).is_some())
    };
    match place {
        Place::Upstream => upstream(),
        Place::UpstreamKey(key) => {
            let Some(layer) = winner(key) else {
                return upstream();
            };
            let at = match *key {
                "url" => layer.url.as_ref(),
                "npm" => layer.npm.as_ref(),
                "pypi" => layer.pypi.as_ref(),
                "tag" => layer.tag.as_ref(),
                "asset" => layer.asset.as_ref(),
                "signature" => layer.signature.as_ref().and_then(|raw| raw.file.as_ref()),
                "checksums" => match &layer.checksums {
                    Some(RawChecksums::File(at)) => Some(at),
                    _ => None,
                },
                _ => None,
            };
            at.map_or_else(|| layer.span(key).map(|span| (span.clone(), None)), text)
        }
        Place::Extract(n, half) => {
            let Pairs(pairs) = winner("extract")?.extract.as_ref()?;
            let (glob, file) = pairs.iter().filter(|(_, file)| file.is_some()).nth(*n)?;
            match half {
                Half::Key => text(glob),
                Half::Value => text(file.as_ref()?),
            }
        }
        Place::Source(key) => {
            let source = source()?;
            let at = match *key {
                "dir" => source.dir.as_ref(),
                "git" => source.git.as_ref(),
                "rev" => source.rev.as_ref(),
                "url" => source.url.as_ref(),
                _ => source.crate_name.as_ref(),
            };
            at.and_then(text)
        }
        Place::Env(n) => {
            let Pairs(pairs) = recipe.build.as_ref()?.env.as_ref()?;
            let at = pairs
                .iter()
                .filter_map(|(_, value)| value.as_ref())
                .nth(*n)?;
            Some((at.span.clone(), Some(at.value.0.as_str())))
        }
        Place::Command(n) => recipe
            .build
            .as_ref()?
            .commands
            .as_ref()?
            .get(*n)
            .and_then(text),
        Place::Verify => recipe.verify.as_ref().and_then(text),
    }
}
