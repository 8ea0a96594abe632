//! Renders a problem in a user's file: the message, `path:line:col`, the line with a caret, and the
//! hint. The caller decides only whether there are colours.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::redact::is_harmful;
use larder_core::error::Problem;
use larder_core::redact::{mask, mask_in_place};

/// The longest line in bytes that is shown.
const MAX_LINE: usize = 400;

/// Renders a problem, without a final newline. Everything but the user's own text is ASCII.
pub fn render(problem: &Problem, color: bool) -> String {
    render_as(problem, &Level::ERROR, color)
}

/// Renders what is valid and probably not meant, in the same way.
pub fn render_warning(warning: &Problem, color: bool) -> String {
    render_as(warning, &Level::WARNING, color)
}

fn render_as(problem: &Problem, level: &Level<'_>, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let (line_number, column) = problem.line_column();
    let text = &problem.text;
    let start = text.floor_char_boundary(problem.span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    // The mistake may be a secret in this line.
    let line = mask_in_place(text[line_start..line_end].trim_end_matches('\r'));
    let line = line.as_ref();
    // The caret marks one line only: the first line of a span of several.
    let from = (start - line_start).min(line.len());
    let to = line
        .floor_char_boundary(problem.span.end.saturating_sub(line_start))
        .max(from);

    let message = printable(&mask(&problem.message));
    // A path can contain the same control characters as a message.
    let path = printable(problem.file.as_str()).replace('\n', "\u{fffd}");
    let mut group = Group::with_title(level.clone().primary_title(message));
    let shown;
    if line.len() <= MAX_LINE {
        shown = without_harm(line);
        let place = |at: usize| without_harm(&line[..at]).len();
        let annotation = AnnotationKind::Primary.span(place(from)..place(to));
        group = group.element(
            Snippet::source(shown.as_str())
                .line_start(line_number)
                .path(path.as_str())
                .annotation(annotation),
        );
    } else {
        // A very long line is not shown, only its place.
        group = group.element(
            annotate_snippets::Origin::path(path.as_str())
                .line(line_number)
                .char_column(column),
        );
    }
    let hint;
    if let Some(text) = &problem.hint {
        hint = printable(&mask(text));
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[group])
}

/// Replaces the harmful characters that the renderer does not replace by visible symbols: the
/// control characters of Latin-1 (C1), separators of lines, and marks of direction.
fn without_harm(line: &str) -> String {
    line.replace(
        |c| {
            matches!(
                c,
                '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            )
        },
        "\u{fffd}",
    )
}

/// Replaces control characters, with which a hostile file could overwrite the message.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_harmful(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn problem(text: &str, span: std::ops::Range<usize>) -> Problem {
        Problem {
            file: "versions.yml".into(),
            text: text.into(),
            span,
            message: "it is wrong".into(),
            hint: Some("put it right".into()),
        }
    }

    #[test]
    fn the_line_has_a_caret_and_a_hint() {
        insta::assert_snapshot!(render(&problem("a: 1\nkey: välue # é\nb: 2\n", 10..16), false), @r"
        error: it is wrong
         --> versions.yml:2:6
          |
        2 | key: välue # é
          |      ^^^^^
          |
          = help: put it right
        ");
    }

    #[test]
    fn color_is_asked_for() {
        let plain = render(&problem("a: 1\n", 0..1), false);
        let colored = render(&problem("a: 1\n", 0..1), true);
        assert!(!plain.contains('\u{1b}') && plain.is_ascii());
        assert!(colored.contains('\u{1b}'));
    }

    #[test]
    fn odd_places_never_panic() {
        let long = "x".repeat(100_000);
        for (text, span) in [
            ("", 0..0),
            ("", 5..9),
            ("é", 1..1),
            ("a\n", 2..2),
            ("a\r\nb\r\n", 3..4),
            ("a\nb", 0..3),
            ("\t\tx: \u{1b}[31m\u{7}\u{202e}y", 2..4),
            (long.as_str(), 50_000..50_001),
        ] {
            let rendered = render(&problem(text, span.clone()), false);
            assert!(
                rendered.contains("versions.yml:") && !rendered.contains('\u{1b}'),
                "{text:?} {span:?}: {rendered}"
            );
            assert!(rendered.len() < 2000);
        }
    }

    /// Texts with difficult line and character boundaries, and with sequences that control a
    /// terminal.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = [
            "a",
            "key: ",
            "- ",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "é",
            "日本",
            "\u{301}",
            "🦀",
            "\0",
            "\u{7}",
            "\u{8}",
            "\u{1b}[31m",
            "\u{1b}]0;t\u{7}",
            "\u{9b}2J",
            "\u{7f}",
            "\u{85}",
            "\u{feff}",
            "\u{200d}",
            "\u{202e}",
            "\u{2066}",
            "\u{2028}",
        ];
        let mixed = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40);
        prop_oneof![
            mixed.prop_map(|pieces| pieces.concat()),
            "\\PC{0,60}",
            ".{0,60}"
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_place_in_any_text_is_shown_and_nothing_drives_the_terminal(
            file in hostile(),
            text in hostile(),
            message in hostile(),
            hint in prop::option::of(hostile()),
            start in 0_usize..120,
            end in 0_usize..120,
        ) {
            let problem = Problem {
                file: file.into(),
                text: text.as_str().into(),
                span: start..end,
                message,
                hint,
            };
            let rendered = render(&problem, false);
            prop_assert!(rendered.starts_with("error"), "{rendered:?}");
            prop_assert!(!rendered.contains(is_harmful), "{rendered:?}");
            // Colour adds its own sequences and nothing else.
            let colored = render(&problem, true);
            prop_assert_eq!(console::strip_ansi_codes(&colored).into_owned(), rendered);
        }
    }
}
