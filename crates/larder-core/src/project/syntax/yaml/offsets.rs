//! Converts the parser's offsets to offsets in the text.

/// Converts offsets in characters, which the parser counts, to offsets in bytes.
pub(super) struct Offsets {
    /// The length in bytes of the byte order mark before the text.
    pub(super) bom: usize,
    len: usize,
    starts: Option<Vec<usize>>,
}

impl Offsets {
    pub(super) fn new(text: &str) -> Self {
        let bom = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let text = &text[bom..];
        let starts = (!text.is_ascii()).then(|| text.char_indices().map(|(i, _)| i).collect());
        Self {
            bom,
            len: text.len(),
            starts,
        }
    }
    pub(super) fn byte(&self, index: usize) -> usize {
        let byte = match &self.starts {
            None => index.min(self.len),
            Some(starts) => starts.get(index).copied().unwrap_or(self.len),
        };
        self.bom + byte
    }
}
