//! Checks of rendered texts that become part of a command line or of a url.

/// Whether git reads a text as a tag, branch or commit, and not as an option or a revision
/// expression.
pub(super) fn is_ref(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{")
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}

pub(super) fn is_plain_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 214
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

pub(super) fn is_npm_name(text: &str) -> bool {
    let (scope, name) = match text.strip_prefix('@') {
        Some(rest) => match rest.split_once('/') {
            Some((scope, name)) => (Some(scope), name),
            None => return false,
        },
        None => (None, text),
    };
    scope.is_none_or(is_plain_name) && is_plain_name(name)
}
