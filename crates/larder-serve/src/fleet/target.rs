//! What a node is to run: the one answer that its agent, the rollouts and the page share.

use std::sync::Arc;

use larder_core::model::{Arch, Os};

use super::book::Book;
use super::record::NodeRecord;
use super::v1;
use crate::index::name;
use crate::index::{Entry, Snapshot};

/// How long a version is watched that no rollout has offered, in milliseconds.
const SOAK_WITHOUT_ROLLOUT: u64 = 10 * 60 * 1000;

/// The platform and the architecture of a node.
fn place(node: &NodeRecord) -> Option<(Os, Arch)> {
    let platform = name::platform(&node.platform).ok()?;
    Some((platform, name::arch(&node.arch).ok()?))
}

/// The registered binary of a version for a node.
pub fn entry<'a>(
    binaries: &'a Snapshot,
    node: &NodeRecord,
    version: &str,
) -> Option<&'a Arc<Entry>> {
    let (platform, arch) = place(node)?;
    binaries
        .at(version, platform, arch)
        .find(|entry| *entry.coordinate.name == *node.name)
}

/// Why a node can't run a version; `None` if it can.
pub fn refusal(binaries: &Snapshot, node: &NodeRecord, version: &str) -> Option<String> {
    let Some(entry) = entry(binaries, node, version) else {
        let NodeRecord {
            name,
            platform,
            arch,
            ..
        } = node;
        return Some(format!(
            "there is no {name} {version} for {platform}/{arch}"
        ));
    };
    let digest = entry.digest.to_string();
    node.denied
        .contains_key(&digest)
        .then(|| format!("the node must not run {digest}, which failed there before"))
}

/// The version that a node is to run, and the rollout that offers it.
fn version(
    book: &Book,
    binaries: &Snapshot,
    node: &NodeRecord,
    runs: bool,
) -> Option<(String, Option<String>)> {
    if node.is_drained {
        return None;
    }
    if let Some(version) = node.pinned.as_ref().or(node.version.as_ref()) {
        return Some((version.clone(), None));
    }
    let Some(channel) = &node.channel else {
        // It stays with what it has; only the first version is chosen for it.
        if runs {
            return None;
        }
        let (platform, arch) = place(node)?;
        let mut newest = binaries.newest(platform, arch);
        let entry = newest.find(|entry| *entry.coordinate.name == *node.name)?;
        return Some((entry.coordinate.version.as_str().to_owned(), None));
    };
    let Some(record) = book.current_rollout(&node.name, channel) else {
        let version = book.channel(&node.name, channel)?;
        return Some((version.to_owned(), None));
    };
    let version = record.rollout.offers(&node.node_id)?;
    let offers = version == record.rollout.version;
    Some((
        version.to_owned(),
        offers.then(|| record.rollout.id.clone()),
    ))
}

/// What a node is to run; `None` if it is to keep what it runs. `within_ms` spreads the beginning.
pub fn target(
    book: &Book,
    binaries: &Snapshot,
    node: &NodeRecord,
    runs: bool,
    within_ms: u64,
) -> Option<v1::Target> {
    let (version, rollout) = version(book, binaries, node, runs)?;
    if refusal(binaries, node, &version).is_some() {
        return None;
    }
    let entry = entry(binaries, node, &version)?;
    let soak_ms = rollout
        .as_ref()
        .and_then(|id| book.rollouts.get(id))
        .map_or(SOAK_WITHOUT_ROLLOUT, |record| {
            u64::try_from(record.rollout.params.soak.as_millis()).unwrap_or(u64::MAX)
        });
    Some(v1::Target {
        name: node.name.clone(),
        version,
        checksum: entry.digest.to_string(),
        file: entry.file.to_string(),
        size_bytes: entry.stamp.size,
        rollout: rollout.unwrap_or_default(),
        soak_ms,
        within_ms,
    })
}
