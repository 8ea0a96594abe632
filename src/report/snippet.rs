//! A problem in a user's file as text: what is wrong, `path:line:col`, the line with a caret, and what to do.
//! Knows nothing of terminals beyond whether colour is wanted.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use larder_core::error::Problem;

/// Widest line that is shown whole.
const MAX_LINE: usize = 400;

/// Renders a problem; plain ASCII around the user's own line, without a newline at the end.
pub fn render(problem: &Problem, color: bool) -> String {
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
    let line = text[line_start..line_end].trim_end_matches('\r');
    // The caret stays in one line: what goes on below is seen from its first line.
    let from = (start - line_start).min(line.len());
    let to = line
        .floor_char_boundary(problem.span.end.saturating_sub(line_start))
        .max(from);

    let message = printable(&problem.message);
    let path = format!("{}", problem.file);
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    let shown;
    if line.len() <= MAX_LINE {
        shown = line.to_owned();
        let annotation = AnnotationKind::Primary.span(from..to);
        group = group.element(
            Snippet::source(shown.as_str())
                .line_start(line_number)
                .path(path.as_str())
                .annotation(annotation),
        );
    } else {
        // A file in one giant line is no text to show; its place still is.
        group = group.element(
            annotate_snippets::Origin::path(path.as_str())
                .line(line_number)
                .char_column(column),
        );
    }
    let hint;
    if let Some(text) = &problem.hint {
        hint = printable(text);
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    renderer.render(&[group])
}

/// Without control characters, which a hostile file could use to paint over the message.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
}
