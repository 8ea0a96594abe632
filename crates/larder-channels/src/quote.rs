//! Texts as the formats of channels want them: on one line, in lines, shortened, and quoted, so that
//! a reader of the format gets the same text back and no part of it is code.

use std::fmt::Write;

/// The text on one line: a space for each run of whitespace and control characters, and none at its
/// ends.
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The lines of a text, without control characters (tabs are four spaces), without whitespace at
/// their ends, without indentation that all of them have, and without empty lines at the start and
/// the end.
pub fn lines(text: &str) -> Vec<String> {
    let clean = |line: &str| {
        let line = line.replace('\t', "    ");
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        line.trim_end().to_owned()
    };
    let mut lines: Vec<String> = text.lines().map(clean).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    let blank = lines.iter().take_while(|line| line.is_empty()).count();
    lines.drain(..blank);
    let indentation = |line: &String| line.len() - line.trim_start_matches(' ').len();
    let common = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(indentation)
        .min()
        .unwrap_or(0);
    for line in &mut lines {
        line.drain(..common.min(line.len()));
    }
    lines
}

/// The text with at most `max` characters. A longer one is cut after a word and ends in `…`.
pub fn shorten(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let end = text
        .char_indices()
        .nth(max.saturating_sub(1))
        .map_or(text.len(), |(end, _)| end);
    let (head, rest) = text.split_at(end);
    let head = match head.rfind(char::is_whitespace) {
        _ if rest.starts_with(char::is_whitespace) => head,
        // One long word is cut anywhere.
        Some(space) if space > head.len() / 2 => &head[..space],
        _ => head,
    };
    let head = head.trim_end_matches(|c: char| c.is_whitespace() || ",;:.–—-".contains(c));
    format!("{head}…")
}

/// A string of Ruby in double quotes.
pub fn ruby(text: &str) -> String {
    format!("\"{}\"", ruby_content(text, true))
}

/// A line of a heredoc of Ruby.
pub fn ruby_heredoc(line: &str) -> String {
    ruby_content(line, false)
}

fn ruby_content(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' if quotes => out.push_str("\\\""),
            // These three start an interpolation.
            '#' if matches!(chars.peek(), Some('{' | '$' | '@')) => out.push_str("\\#"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => write!(out, "\\u{:04X}", u32::from(c)).expect("a string grows"),
            c => out.push(c),
        }
    }
    out
}

/// A word of a POSIX shell in single quotes. No shell can hold a NUL, which is left out.
pub fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}

/// A scalar of YAML in double quotes, which readers of YAML 1.1 and 1.2 understand alike.
pub fn yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What YAML does not count as printable, and the line breaks of YAML 1.1.
            c if c.is_control()
                || matches!(
                    c,
                    '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}'
                ) =>
            {
                write!(out, "\\u{:04X}", u32::from(c)).expect("a string grows");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A document of JSON, indented by four spaces, with a newline at its end.
pub fn json(value: &serde_json::Value) -> String {
    use serde::Serialize;
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value
        .serialize(&mut serde_json::Serializer::with_formatter(
            &mut out, formatter,
        ))
        .expect("a value of JSON can be written to memory");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A text of XML: the content of an element or the value of an attribute. Characters that XML can't have
/// are left out.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c < ' ' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_put_on_one_line_or_into_lines() {
        assert_eq!(one_line(" a\n\n b\tc\u{7}d\u{a0}e \r\n"), "a b c d e");
        assert_eq!(one_line("\n"), "");
        for (text, expected) in [
            ("one", vec!["one"]),
            ("\n\n  a\n    b\n\n  c  \n\n", vec!["a", "  b", "", "c"]),
            ("a\r\n\tb\u{1b}[1m", vec!["a", "    b[1m"]),
            ("", vec![]),
            ("\n \n", vec![]),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_after_a_word() {
        for (text, max, expected) in [
            ("short", 5, "short"),
            ("a tool that draws", 12, "a tool that…"),
            ("a tool, that draws", 9, "a tool…"),
            ("äöüäöüäöü", 5, "äöüä…"),
        ] {
            assert_eq!(shorten(text, max), expected, "{text}");
            assert!(shorten(text, max).chars().count() <= max);
        }
    }

    #[test]
    fn code_in_texts_is_quoted() {
        for (text, in_ruby, in_shell, in_yaml) in [
            ("plain", r#""plain""#, "'plain'", r#""plain""#),
            ("a \"b\"", r#""a \"b\"""#, "'a \"b\"'", r#""a \"b\"""#),
            ("it's", r#""it's""#, r"'it'\''s'", r#""it's""#),
            (
                "#{x} #$x #@x #x",
                r#""\#{x} \#$x \#@x #x""#,
                "'#{x} #$x #@x #x'",
                r##""#{x} #$x #@x #x""##,
            ),
            (
                "$x `y` \\",
                r#""$x `y` \\""#,
                "'$x `y` \\'",
                r#""$x `y` \\""#,
            ),
            ("a\nb", r#""a\nb""#, "'a\nb'", r#""a\nb""#),
            ("<&> 🏹", "\"<&> 🏹\"", "'<&> 🏹'", "\"<&> 🏹\""),
            (
                "\u{85}\u{2028}",
                "\"\\u0085\u{2028}\"",
                "'\u{85}\u{2028}'",
                r#""\u0085\u2028""#,
            ),
        ] {
            assert_eq!(ruby(text), in_ruby);
            assert_eq!(shell(text), in_shell);
            assert_eq!(yaml(text), in_yaml);
        }
        assert_eq!(ruby_heredoc("say \"#{x}\""), "say \"\\#{x}\"");
    }

    /// Reads a double-quoted string of Ruby. `None` if it would interpolate or does not end.
    fn read_ruby(quoted: &str) -> Option<String> {
        let mut chars = quoted.strip_prefix('"')?.chars().peekable();
        let mut out = String::new();
        loop {
            match chars.next()? {
                '"' => return chars.next().is_none().then_some(out),
                '#' if matches!(chars.peek(), Some('{' | '$' | '@')) => return None,
                '\\' => match chars.next()? {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'u' => {
                        let hex: String = chars.by_ref().take(4).collect();
                        out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                    }
                    c @ ('\\' | '"' | '#') => out.push(c),
                    _ => return None,
                },
                c => out.push(c),
            }
        }
    }

    /// Reads one word of a shell. `None` if any part of it is outside quotes, but for `\'`.
    fn read_shell(word: &str) -> Option<String> {
        let mut rest = word;
        let mut out = String::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("\\'") {
                out.push('\'');
                rest = after;
            } else {
                let (quoted, after) = rest.strip_prefix('\'')?.split_once('\'')?;
                out.push_str(quoted);
                rest = after;
            }
        }
        Some(out)
    }

    /// Texts with many of the characters that formats treat in a special way.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[\"'\\\\#{}$@`<&> \n\t\r:%!?*|a-c\u{0}\u{7f}\u{85}\u{2028}\u{feff}🏹é-]{0,24}",
        ]
    }

    proptest! {
        #[test]
        fn readers_of_each_format_get_the_text_back(text in nasty()) {
            prop_assert_eq!(read_ruby(&ruby(&text)), Some(text.clone()));
            prop_assert_eq!(read_shell(&shell(&text)), Some(text.replace('\0', "")));
            prop_assert_eq!(&serde_yaml::from_str::<String>(&yaml(&text)).unwrap(), &text);
            let value = serde_json::json!({ text.clone(): [text] });
            let read: serde_json::Value = serde_json::from_str(&json(&value)).unwrap();
            prop_assert_eq!(read, value);
        }

        #[test]
        fn one_line_is_one_line(text in nasty()) {
            let line = one_line(&text);
            prop_assert!(!line.contains(char::is_control));
            prop_assert!(!line.contains("  "));
            prop_assert_eq!(line.trim(), &line);
            prop_assert_eq!(one_line(&line), line.clone());
            for line in lines(&text) {
                prop_assert!(!line.contains(char::is_control));
            }
        }
    }
}
