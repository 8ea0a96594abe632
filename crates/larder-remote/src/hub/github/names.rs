//! Names in a release that are no assets of larder's: what an asset is called while it replaces
//! another, and the files that are derived from all sidecars. Knows nothing of who writes them.

use larder_core::model::{Digest, is_short_hex};

use crate::hub::derived;

const TEMPORARY: &str = ".new";

/// The temporary name of what is to be called `name`. It holds the content's digest, so that a
/// later run recognises its own bytes.
pub(super) fn temporary(name: &str, content: &Digest) -> String {
    format!("{name}.{}{TEMPORARY}", content.short())
}

/// Whether a name is a temporary one.
pub(super) fn is_temporary(name: &str) -> bool {
    target(name).is_some()
}

/// The name that an asset of a temporary name is to get.
pub(super) fn target(name: &str) -> Option<&str> {
    let (name, short) = name.strip_suffix(TEMPORARY)?.rsplit_once('.')?;
    is_short_hex(short).then_some(name)
}

/// Whether a name belongs to a file that is derived from the sidecars.
pub(super) fn is_derived(name: &str) -> bool {
    [derived::MANIFEST, derived::CHECKSUMS].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::model::AssetName;

    #[test]
    fn temporary_names_are_names_and_recognised() {
        let digest = Digest::of(b"x");
        let name = temporary("arc-linux-amd64.tar.gz", &digest);
        assert!(name.parse::<AssetName>().is_ok());
        assert_eq!(target(&name), Some("arc-linux-amd64.tar.gz"));
        for other in [
            "arc.tar.gz",
            "x.new",
            "x.0123456789.new",
            "x.0123456789ag.new",
            "x.0123456789ab.neu",
        ] {
            assert!(!is_temporary(other), "{other}");
        }
    }
}
