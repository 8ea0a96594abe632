//! Finds secrets in texts and replaces them with `***`: values of this run's environment, tokens of
//! known kinds, and what urls carry (passwords, and queries with secrets). Messages, JSON, logs of
//! builds, lock lines and sidecars go through here.
//!
//! This is a second line of defence. The rule is still that secrets are never put into messages.

use std::borrow::Cow;

use crate::environment::Environment;

/// The text that replaces a secret.
const MASK: &str = "***";

/// The prefixes of known kinds of tokens, and how many characters must follow at least.
const TOKEN_PREFIXES: &[(&str, usize)] = &[
    ("github_pat_", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("glpat-", 16),
    ("npm_", 30),
    ("pypi-", 40),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
];

/// Words after which any value is treated as a secret.
const SECRET_MARKERS: &[&str] = &[
    "x-amz-signature=",
    "x-amz-security-token=",
    "x-amz-credential=",
    "access_token=",
    "client_secret=",
    "password=",
    "token=",
    "secret=",
    "sig=",
    "jwt=",
    "authorization: bearer ",
    "authorization: token ",
    "authorization: basic ",
    "bearer ",
    "_authtoken=",
];

/// Removes the secrets of this run's environment by their values, and other secrets by their form.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Collects the values of the variables whose names mark them as secret (`*_TOKEN`,
    /// `*PASSWORD`, …).
    pub fn new(environment: &Environment) -> Self {
        // Short values could be ordinary words, which must not be masked.
        let mut secrets: Vec<String> = environment
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
            .filter(|(name, value)| value.len() >= 12 && is_secret_name(name))
            // A key's file has several lines; those with words are comments and no secrets.
            .flat_map(|(name, value)| {
                let lines = value
                    .lines()
                    .filter(|line| line.len() >= 12 && !line.contains(' '));
                // The values of headers.
                let words = value.split_whitespace();
                let words = words.filter(|word| word.len() >= 12 && !word.ends_with(':'));
                lines
                    .chain(value.lines().nth(1).is_none().then_some(value))
                    .chain(words.filter(|_| name.ends_with("HEADERS")))
            })
            .map(str::to_owned)
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// The text without secrets.
    pub fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), MASK));
            }
        }
        match mask_shapes(&text) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        }
    }
}

/// The text without what has the form of a secret, such as the password of a url.
pub fn mask(text: &str) -> Cow<'_, str> {
    match mask_shapes(text) {
        Some(masked) => Cow::Owned(masked),
        None => Cow::Borrowed(text),
    }
}

/// Like [`mask`], with one `*` for each byte of a secret, so that places in the text stay the same.
pub fn mask_in_place(text: &str) -> Cow<'_, str> {
    match replace_shapes(text, |secret| "*".repeat(secret.len())) {
        Some(masked) => Cow::Owned(masked),
        None => Cow::Borrowed(text),
    }
}

/// Whether the name of an environment variable says that its value is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "TOKEN",
        "HEADERS",
        "SECRET",
        "PASSWORD",
        "API_KEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "SIGNING_KEY",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Masks texts shaped like secrets; `None` where there is none.
fn mask_shapes(text: &str) -> Option<String> {
    replace_shapes(text, |_| MASK.to_owned())
}

/// Replaces texts shaped like secrets; `None` where there is none.
fn replace_shapes(text: &str, with: impl Fn(&str) -> String) -> Option<String> {
    let bytes = text.as_bytes();
    let mut masked = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let start_of_word = at == 0 || !is_token_byte(bytes[at - 1]);
        let secret = if start_of_word {
            secret_at(text, at)
        } else {
            None
        }
        .or_else(|| userinfo_at(text, at))
        .or_else(|| query_at(text, at));
        if let Some((from, to)) = secret {
            masked.push_str(&text[copied..from]);
            masked.push_str(&with(&text[from..to]));
            copied = to;
            at = to.max(at + 1);
        } else {
            at += 1;
        }
    }
    if copied == 0 {
        return None;
    }
    masked.push_str(&text[copied..]);
    Some(masked)
}

/// The byte range to mask, if a secret or one of the words before a secret begins at this byte.
fn secret_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let word = |from: usize, more: &[u8]| {
        bytes[from..]
            .iter()
            .position(|b| !is_token_byte(*b) && !more.contains(b))
            .map_or(bytes.len(), |n| from + n)
    };
    for (prefix, least) in TOKEN_PREFIXES {
        if bytes[at..].starts_with(prefix.as_bytes()) {
            let end = word(at + prefix.len(), b"");
            // A word without a digit is a name, not a token.
            let body = &bytes[at + prefix.len()..end];
            if body.len() >= *least && body.iter().any(u8::is_ascii_digit) {
                return Some((at, end));
            }
        }
    }
    if bytes[at..].starts_with(b"eyJ") {
        let end = word(at, b".");
        if text[at..end].matches('.').count() == 2 && end - at > 40 {
            return Some((at, end));
        }
    }
    for marker in SECRET_MARKERS {
        let Some(head) = bytes.get(at..at + marker.len()) else {
            continue;
        };
        if head.eq_ignore_ascii_case(marker.as_bytes()) {
            let from = at + marker.len();
            let end = word(from, b".%+/=~:");
            // `bearer of news` is not a token, and neither is `token=` with nothing after it.
            let least = if marker.ends_with(' ') { 12 } else { 4 };
            if end - from >= least {
                return Some((from, end));
            }
        }
    }
    None
}

/// The byte range of the user and password in `scheme://user:password@host`, if `://` begins at
/// this byte.
fn userinfo_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if !bytes[at..].starts_with(b"://") {
        return None;
    }
    let from = at + 3;
    let end = bytes[from..]
        .iter()
        .position(|b| matches!(b, b'/' | b'?' | b'#' | b' ' | b'\n' | b'"' | b'\''));
    let end = end.map_or(bytes.len(), |n| from + n);
    let at_sign = bytes[from..end].iter().rposition(|b| *b == b'@')?;
    let user = &bytes[from..from + at_sign];
    // `ssh://git@host` holds no secret; of a web server, the user alone can be one.
    let is_web = bytes[..at].ends_with(b"http") || bytes[..at].ends_with(b"https");
    (is_web || user.contains(&b':') || user.len() >= 20).then_some((from, from + at_sign))
}

/// The parts of names of a url's parameters whose values are secret.
const SECRET_PARAMETERS: &[&str] = &[
    "token",
    "secret",
    "signature",
    "password",
    "passwd",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "accesskey",
    "auth",
];

/// Names of parameters whose values are secret, though they mean other things inside other names.
const SECRET_PARAMETER_NAMES: &[&str] = &["sig", "key", "jwt", "pwd", "pass", "sas"];

/// The byte range of the value in `?name=value` or `&name=value`, if `?` or `&` is at this byte and
/// the name is that of a secret.
fn query_at(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if !matches!(bytes[at], b'?' | b'&' | b';') {
        return None;
    }
    let rest = &bytes[at + 1..];
    let length = rest
        .iter()
        .take(64)
        .position(|b| !(is_token_byte(*b) || matches!(b, b'.' | b'%')))?;
    if rest[length] != b'=' {
        return None;
    }
    let name = text[at + 1..at + 1 + length].to_ascii_lowercase();
    let is_secret = SECRET_PARAMETER_NAMES.contains(&name.as_str())
        || SECRET_PARAMETERS.iter().any(|part| name.contains(part));
    let from = at + 1 + length + 1;
    let ends = |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control() || b"&;#\"'`<>".contains(b);
    let end = bytes[from..]
        .iter()
        .position(ends)
        .map_or(bytes.len(), |length| from + length);
    (is_secret && end > from).then_some((from, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        mask(text).into_owned()
    }

    #[test]
    fn tokens_of_known_shapes_are_masked() {
        let body = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8";
        for prefix in ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "npm_"] {
            assert_eq!(
                clean(&format!("got {prefix}{body}, why")),
                "got ***, why",
                "{prefix}"
            );
        }
        assert_eq!(
            clean("Authorization: Bearer abcdefghijklmnop"),
            "Authorization: Bearer ***"
        );
        assert_eq!(
            clean("GET https://bot:hunter2@host.example/x?a=1"),
            "GET https://***@host.example/x?a=1"
        );
        assert_eq!(
            clean("/x?X-Amz-Signature=0a1b2c3d&b=1"),
            "/x?X-Amz-Signature=***&b=1"
        );
        let jwt = format!("eyJ{body}.{body}.{body}");
        assert_eq!(clean(&format!("jwt {jwt} end")), "jwt *** end");
    }

    #[test]
    fn ordinary_texts_are_left_alone() {
        for text in [
            "npm_config_registry is set",
            "ssh://git@host.example/acme/x",
            "the bearer of this",
            "nats-v2.10.24 from https://host.example/acme/x@v1",
            "github_pat_ has a prefix",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn secrets_of_the_environment_are_masked_by_value() {
        let vars = [
            ("MY_TOKEN", "correct horse battery"),
            ("HOME", "/home/somebody"),
            ("X_TOKEN", "short"),
        ];
        let redactor = Redactor::new(&vars.into_iter().collect());
        assert_eq!(
            redactor.mask("correct horse battery in /home/somebody is short"),
            "*** in /home/somebody is short"
        );
    }

    #[test]
    fn secrets_in_queries_of_urls_are_masked() {
        for (text, wanted) in [
            (
                "get https://x.example/a?private_token=hunter2&raw=true, then",
                "get https://x.example/a?private_token=***&raw=true, then",
            ),
            (
                "'https://x.example/a?X-Goog-Signature=0a1b&key=z'",
                "'https://x.example/a?X-Goog-Signature=***&key=***'",
            ),
            (
                "https://x.example/a?sv=1&sig=a%2Fb%3D#top",
                "https://x.example/a?sv=1&sig=***#top",
            ),
            (
                "https://x.example/a?raw=true&ref=v1",
                "https://x.example/a?raw=true&ref=v1",
            ),
            ("why? token is missing", "why? token is missing"),
            ("https://hunter2@x.example/a", "https://***@x.example/a"),
            ("a?monkey=1", "a?monkey=1"),
        ] {
            assert_eq!(clean(text), wanted);
            assert_eq!(mask_in_place(text).len(), text.len());
        }
    }
}
