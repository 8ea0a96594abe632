//! Odd and hostile archives: refused whole, with nothing left behind.

use super::*;

#[test]
fn a_cut_or_changed_package_leaves_nothing() {
    let binary = program(300_000);
    let entries = [bytes_entry("a", 0o755, &binary), bytes_entry("b", 0o644, &binary)];
    for (format, kind) in FORMATS {
        let whole = packed(format, &entries, 1);
        for cut in [0, 1, 9, 600, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let place = Place::new();
            let error = place.unpack(kind, &whole[..cut], &Select::Flat).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Integrity, "{cut}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        for extra in [&b"\0"[..], b"more", &whole] {
            let place = Place::new();
            let error = place.unpack(kind, &[&whole, extra].concat(), &Select::Flat).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Integrity, "{extra:?}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
    }
}
