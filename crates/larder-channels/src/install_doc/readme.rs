//! Puts the block about the installation into the text of a readme.

use larder_core::error::{Error, Result};

/// The line before the block.
pub const START: &str = "<!-- larder: install -->";

/// The line after the block.
pub const END: &str = "<!-- /larder: install -->";

/// The text with this block in place of the one that it has. A text without a block gets it at its
/// end. Everything else stays, line endings included.
///
/// Markers in blocks of code are examples, and count as text.
pub fn update(text: &str, block: &str) -> Result<String> {
    let ending = match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    };
    let block = block.trim_end().replace('\n', ending) + ending;
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    let (mut at, mut fence) = (0, None);
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        let bare = line.trim();
        match fence {
            Some(open) if bare.starts_with(open) => fence = None,
            None if bare.starts_with("```") => fence = Some("```"),
            None if bare.starts_with("~~~") => fence = Some("~~~"),
            None if bare == START => starts.push(at),
            None if bare == END => ends.push(next),
            _ => {}
        }
        at = next;
    }
    match (starts.as_slice(), ends.as_slice()) {
        ([], []) if text.trim().is_empty() => Ok(block),
        ([], []) => Ok(format!("{}{ending}{ending}{block}", text.trim_end())),
        ([start], [end]) if start < end => Ok([&text[..*start], &block, &text[*end..]].concat()),
        _ => Err(Error::usage(
            "the readme's block about the installation has no clear beginning and end",
        )
        .cause(format!(
            "it has {} lines `{START}` and {} lines `{END}`",
            starts.len(),
            ends.len()
        ))
        .hint("keep one line of each, the first one above the other, or remove all of them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_changes() {
        let block = |text: &str| format!("{START}\n{text}\n{END}\n");
        let (old, new) = (block("old"), block("new"));
        for (before, after) in [
            (String::new(), new.clone()),
            ("# Arc\n\n\n".into(), format!("# Arc\n\n{new}")),
            ("# Arc".into(), format!("# Arc\n\n{new}")),
            (format!("a\n{old}b\n"), format!("a\n{new}b\n")),
            (
                format!("a\n```\n{old}```\n{old}"),
                format!("a\n```\n{old}```\n{new}"),
            ),
            (
                format!("a\n{old}").replace('\n', "\r\n"),
                format!("a\n{new}").replace('\n', "\r\n"),
            ),
        ] {
            let updated = update(&before, &new).unwrap();
            assert_eq!(updated, after, "{before:?}");
            assert_eq!(update(&updated, &new).unwrap(), updated);
        }
    }

    #[test]
    fn unclear_markers_are_errors_with_a_hint() {
        for text in [
            format!("{START}\n"),
            format!("{END}\n"),
            format!("{END}\n{START}\n"),
            format!("{START}\n{START}\n{END}\n"),
        ] {
            let error = update(&text, "new").unwrap_err();
            assert!(error.hints()[0].contains("keep one line of each"), "{text}");
        }
    }
}
