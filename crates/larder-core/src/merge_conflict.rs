//! Recognises the markers that git leaves in a file with a merge conflict, in files that people and
//! larder write.

use std::ops::Range;

/// The lines that mark a merge conflict, by their place in the text. All markers are at the start
/// of a line, where none of larder's formats has such characters.
pub fn markers(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut next = 0;
    text.split('\n').filter_map(move |raw| {
        let start = next;
        next += raw.len() + 1;
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let bare = match start {
            0 => line.trim_start_matches('\u{feff}'),
            _ => line,
        };
        let start = start + (line.len() - bare.len());
        is_marker(bare).then(|| start..start + bare.len())
    })
}

/// Whether a line is a marker. It has at least seven characters of one kind; the repository can ask
/// for more (`conflict-marker-size`).
fn is_marker(line: &str) -> bool {
    ['<', '=', '>', '|'].into_iter().any(|mark| {
        let rest = line.trim_start_matches(mark);
        line.len() - rest.len() >= 7 && (rest.is_empty() || rest.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_whole_lines_at_the_start_of_a_line() {
        let found = |text: &str| -> Vec<String> {
            markers(text).map(|place| text[place].to_owned()).collect()
        };
        let conflict = "a\n<<<<<<< HEAD\nb\n||||||| 1234567\nc\n=======\nd\n>>>>>>> topic\ne\n";
        let lines = [
            "<<<<<<< HEAD",
            "||||||| 1234567",
            "=======",
            ">>>>>>> topic",
        ];
        assert_eq!(found(conflict), lines);
        assert_eq!(found(&conflict.replace('\n', "\r\n")), lines);
        assert_eq!(found("\u{feff}<<<<<<< ours\n"), ["<<<<<<< ours"]);
        assert_eq!(found("<<<<<<<<<<<< ours"), ["<<<<<<<<<<<< ours"]);
        for text in [
            "",
            "a: b\n",
            "# =======\n",
            "  <<<<<<< HEAD\n",
            "<<<<<< six\n",
            "<<<<<<<HEAD\n",
            "<<: *base\n",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
