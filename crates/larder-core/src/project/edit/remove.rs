//! Removes a subsystem from the text of `versions.yml`.

use std::ops::Range;

use super::{File, entries_mut, entry_end, line_start, parses_to, splice};
use crate::error::{Error, Result};
use crate::model::Name;

/// Returns the text without a subsystem that it pins. Comments stay, except one directly above that
/// Renovate reads, because it would then describe the next entry.
pub fn remove_version(text: &str, name: &Name) -> Result<String> {
    let file = File::read(text)?;
    let entries = file.entries();
    let Some(at) = entries.iter().position(|entry| entry.key == name.as_str()) else {
        return Err(Error::usage(format!("versions.yml pins no `{name}`")));
    };
    let entry = &entries[at];
    let map = file.map.value.span.clone();
    let in_braces = text[map.start..].starts_with('{') && map.start >= file.map.span.end;
    let range = if in_braces {
        match (at.checked_sub(1), entries.get(at + 1)) {
            (_, Some(next)) => entry.span.start..next.span.start,
            (Some(before), None) => entry_end(text, &entries[before])..entry_end(text, entry),
            (None, None) => entry.span.start..entry_end(text, entry),
        }
    } else {
        lines_of(text, entry.span.start..entry_end(text, entry))
    };
    let mut changed = splice(text, range, "");
    if !in_braces && entries.len() == 1 {
        // `versions:` alone would have no value.
        let key = file.map.span.end;
        if let Some(colon) = changed[key..].find(':') {
            changed.insert_str(key + colon + 1, " {}");
        }
    }
    let mut wanted = file.root.clone();
    if let Some(entries) = entries_mut(&mut wanted) {
        entries.retain(|entry| entry.key != name.as_str());
    }
    if parses_to(&changed, &wanted) {
        return Ok(changed);
    }
    let problem = file.source.problem(
        entry.span.clone(),
        format!("`{name}` can't be removed by itself: nothing was changed"),
        Some(format!("remove the line of `{name}` by hand")),
    );
    Err(Error::problems(vec![problem]))
}

/// The whole lines of a range, and the line directly above if it is a comment for Renovate.
fn lines_of(text: &str, range: Range<usize>) -> Range<usize> {
    let mut start = line_start(text, range.start);
    if start > 0 {
        let above = line_start(text, start - 1);
        let comment = text[above..start].trim_start();
        if comment.starts_with('#') && comment[1..].trim_start().starts_with("renovate:") {
            start = above;
        }
    }
    let end = text[range.end..]
        .find('\n')
        .map_or(text.len(), |found| range.end + found + 1);
    start..end
}
