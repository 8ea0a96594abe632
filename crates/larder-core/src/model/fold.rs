//! Names that some file systems take for one name: they differ only in case or in Unicode form.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// Removes the differences that some file systems ignore: case and Unicode form. Two names that are
/// equal after folding can be the same name on such a file system.
pub fn fold(part: &str) -> Cow<'_, str> {
    if part.is_ascii() {
        return if part.bytes().any(|b| b.is_ascii_uppercase()) {
            part.to_ascii_lowercase().into()
        } else {
            part.into()
        };
    }
    let plain = DecomposingNormalizerBorrowed::new_nfd().normalize(part);
    let folded: String = plain
        .chars()
        .filter(|c| !is_ignorable(*c))
        .collect::<String>()
        .to_uppercase()
        .to_lowercase();
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&folded)
        .into_owned()
        .into()
}

/// Format characters that HFS+ ignores in names.
pub fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}
