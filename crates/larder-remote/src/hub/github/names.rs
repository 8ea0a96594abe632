//! Names in a release that are not those of artifacts: the temporary name of an asset that is about
//! to replace another one, and the names of the derived files.

use larder_core::model::{Digest, is_short_hex};

use crate::hub::{attached, derived};

const TEMPORARY: &str = ".new";

/// The temporary name of an asset whose final name is `name`. It contains the digest of the
/// content, so that a later run recognises bytes that it need not upload again.
pub(super) fn temporary_name(name: &str, content: &Digest) -> String {
    format!("{name}.{}{TEMPORARY}", content.short())
}

/// Whether a name is a temporary name.
pub(super) fn is_temporary(name: &str) -> bool {
    final_name(name).is_some()
}

/// The final name of an asset with a temporary name; `None` if the name is not temporary.
pub(super) fn final_name(name: &str) -> Option<&str> {
    let (name, short) = name.strip_suffix(TEMPORARY)?.rsplit_once('.')?;
    is_short_hex(short).then_some(name)
}

/// Whether a name is that of a file that is derived from what the release has.
pub(super) fn is_derived(name: &str) -> bool {
    [derived::MANIFEST, derived::CHECKSUMS].contains(&name) || attached::is_attached(name)
}

/// Whether a name is that of the signature of a sidecar: it can be made anew by who has the key.
pub(super) fn is_signature(name: &str) -> bool {
    name.ends_with(".json.minisig")
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::model::AssetName;

    #[test]
    fn temporary_names_are_names_and_recognised() {
        let digest = Digest::of(b"x");
        let name = temporary_name("arc-linux-amd64.tar.gz", &digest);
        assert!(name.parse::<AssetName>().is_ok());
        assert_eq!(final_name(&name), Some("arc-linux-amd64.tar.gz"));
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
