//! The label of a sidecar: its name, and of which inputs it speaks. A listing shows labels, so one question tells of all
//! assets what they were made from. It is a help for whoever lists; what is installed is decided by the sidecar itself.

use larder_core::model::{AssetName, Digest};

const BEFORE: &str = " (inputs ";

/// The label of a sidecar.
pub(super) fn of(sidecar: &AssetName, inputs: &Digest) -> String {
    format!("{sidecar}{BEFORE}{})", inputs.short())
}

/// The first 12 hex digits of the inputs that a label tells.
pub(super) fn inputs(label: &str) -> Option<&str> {
    let (_, short) = label.strip_suffix(')')?.rsplit_once(BEFORE)?;
    (short.len() == 12 && short.bytes().all(|b| b.is_ascii_hexdigit())).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_inputs() {
        let digest = Digest::of(b"x");
        let label = of(&"arc-linux-amd64.tar.gz.json".parse().unwrap(), &digest);
        assert_eq!(inputs(&label), Some(digest.short().as_str()));
        for other in [
            "",
            "arc.json",
            "arc.json (inputs )",
            "arc.json (inputs 0123456789az)",
            "0123456789ab",
        ] {
            assert_eq!(inputs(other), None, "{other}");
        }
    }
}
