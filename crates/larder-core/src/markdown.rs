//! Text from elsewhere in Markdown: subjects of commits, names of people and descriptions become
//! what they say, and nothing else. No character has a meaning of its own, no HTML passes, no name
//! is mentioned by accident, and nothing ends the line or turns its direction.

/// One line without characters that can't be seen or that change how their neighbours are shown:
/// control characters, marks of direction, and what has no width.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !is_hidden(c) {
            line.push(c);
        }
    }
    line.trim().to_owned()
}

/// Whether a character is shown as nothing. U+200D joins emoji, so it stays.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

/// A text as Markdown on one line. Spans of code stay spans of code; everything else is literal.
pub fn inline(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len() + 16);
    if has_code_spans(&text) {
        for (number, part) in text.split('`').enumerate() {
            if number % 2 == 1 {
                out.push('`');
                out.push_str(part);
                out.push('`');
            } else {
                escape(part, &mut out);
            }
        }
    } else {
        escape(&text, &mut out);
    }
    escape_start(out)
}

/// A text as a span of code.
pub fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A link whose text is Markdown already.
pub fn link(text: &str, url: &str) -> String {
    format!("[{text}]({})", url_text(url))
}

/// A url in which nothing ends a link of Markdown.
fn url_text(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' => out.push_str("%28"),
            ')' => out.push_str("%29"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            '\\' => out.push_str("%5C"),
            c if c.is_whitespace() || is_hidden(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether all backticks of a text are single ones, in pairs that contain something.
fn has_code_spans(text: &str) -> bool {
    let parts: Vec<&str> = text.split('`').collect();
    let spans = parts.iter().skip(1).step_by(2);
    parts.len() > 1
        && parts.len() % 2 == 1
        && spans.clone().all(|part| !part.trim().is_empty())
        && parts[1..parts.len() - 1]
            .iter()
            .all(|part| !part.is_empty())
}

fn escape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let before = out.chars().next_back();
        if let Some(name) = mention(rest, before) {
            out.push('`');
            out.push_str(name);
            out.push('`');
            rest = &rest[name.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let after = rest.chars().next();
        match c {
            // A renderer that knows fewer escapes would let HTML pass.
            '<' => out.push_str("&lt;"),
            '&' if after.is_some_and(|c| c == '#' || c.is_ascii_alphabetic()) => {
                out.push_str("&amp;");
            }
            '_' if is_word(before) && is_word(after) => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

/// The name with its `@` that GitHub would send a message to. A backslash does not prevent that.
fn mention(text: &str, before: Option<char>) -> Option<&str> {
    let name = text.strip_prefix('@')?;
    let length = name
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_/".contains(c)))
        .unwrap_or(name.len());
    let is_mention = length > 0 && !is_word(before);
    is_mention.then(|| &text[..=length])
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Escapes what makes a list, a quote or a heading at the start of a line.
fn escape_start(text: String) -> String {
    match text.chars().next() {
        Some('-' | '+' | '=' | '>') => format!("\\{text}"),
        Some('0'..='9') => {
            let digits = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            if text[digits..].starts_with(['.', ')']) {
                format!("{}\\{}", &text[..digits], &text[digits..])
            } else {
                text
            }
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_literal_on_one_line() {
        for (text, markdown) in [
            ("plain words, (and) more.", "plain words, (and) more."),
            ("a\nb\r\n\tc\u{2028}d", "a b c d"),
            ("red\u{1b}[31m", "red\\[31m"),
            ("ab\u{202e}cd\u{200b}\u{0}", "abcd"),
            (
                "<script>alert(1)</script>",
                "&lt;script>alert(1)&lt;/script>",
            ),
            ("<!-- gone -->", "&lt;!-- gone -->"),
            ("&lt;b&gt; & more", "&amp;lt;b&amp;gt; & more"),
            ("*bold* _it_ snake_case", "\\*bold\\* \\_it\\_ snake_case"),
            (
                "[x](javascript:y) ![i](u)",
                "\\[x\\](javascript:y) !\\[i\\](u)",
            ),
            ("# heading", "\\# heading"),
            ("- list", "\\- list"),
            ("> quote", "\\> quote"),
            ("1. one", "1\\. one"),
            ("2) two", "2\\) two"),
            ("10 things", "10 things"),
            ("a | b ~~c~~ $x$", "a \\| b \\~\\~c\\~\\~ \\$x\\$"),
            (
                "thanks @octocat and @org/team!",
                "thanks `@octocat` and `@org/team`!",
            ),
            ("write to a@b.example", "write to a@b.example"),
            ("the `x < y` case", "the `x < y` case"),
            ("one ` tick", "one \\` tick"),
            ("``two`` ticks", "\\`\\`two\\`\\` ticks"),
            ("`a``b`", "\\`a\\`\\`b\\`"),
            ("back\\slash", "back\\\\slash"),
            ("naïve 👩\u{200d}💻", "naïve 👩\u{200d}💻"),
        ] {
            assert_eq!(inline(text), markdown, "{text:?}");
        }
    }

    #[test]
    fn code_and_links_end_where_they_should() {
        assert_eq!(code("a b"), "`a b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            link("x", "https://e.example/a(b) c"),
            "[x](https://e.example/a%28b%29c)"
        );
    }
}
