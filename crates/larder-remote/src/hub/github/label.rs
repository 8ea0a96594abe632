//! The label of a sidecar: its name, and the inputs that its asset was made from. A listing
//! contains the labels, so one request returns the inputs of all assets. Labels only save requests;
//! the sidecar itself decides what is installed.

use larder_core::model::{AssetName, Digest, is_short_hex};

const BEFORE: &str = " (inputs ";

/// Formats the label of a sidecar.
pub(super) fn of(sidecar: &AssetName, inputs: &Digest) -> String {
    format!("{sidecar}{BEFORE}{})", inputs.short())
}

/// Reads the first 12 hex digits of the inputs from a label.
pub(super) fn inputs(label: &str) -> Option<&str> {
    let (_, short) = label.strip_suffix(')')?.rsplit_once(BEFORE)?;
    is_short_hex(short).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_contain_inputs() {
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
