//! Splits a command line in a file, such as a line of `ci:`, into words. White space separates
//! words, quotes of either kind keep a word together, and nothing is expanded.
//!
//! The check of a line and its execution both use this, so they always agree on the words.

/// Splits a line into words. The error says why that is not possible.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_are_split_like_a_shell_would() {
        let words = |text| super::split(text).map(|words| words.join("|"));
        assert_eq!(words("ensure all").as_deref(), Ok("ensure|all"));
        assert_eq!(words("  ensure\tall ").as_deref(), Ok("ensure|all"));
        assert_eq!(
            words(r#"exec -- sh -c "a 'b' c" '' x"y"z"#).as_deref(),
            Ok("exec|--|sh|-c|a 'b' c||xyz")
        );
        assert_eq!(words("$HOME `id`").as_deref(), Ok("$HOME|`id`"));
        assert!(words("'a").is_err());
    }
}
