//! Reads `WWW-Authenticate`: what a registry asks for before it answers.

use crate::http::Answer;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password, sent to the registry itself.
    Basic,
    /// A token of another server.
    Bearer(Bearer),
}

/// Where a token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bearer {
    /// The url of the server of tokens.
    pub(super) realm: String,
    /// What the registry is called there.
    pub(super) service: Option<String>,
    /// The rights that the request needs, such as `repository:acme/arc:pull,push`.
    pub(super) scope: Option<String>,
}

/// What an answer asks for. A token is preferred where there is a choice: it has fewer rights.
pub(super) fn challenge(answer: &Answer) -> Option<Challenge> {
    let values = answer.headers.get_all("www-authenticate");
    let mut found: Vec<Challenge> = values
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse)
        .collect();
    found.sort_by_key(|challenge| *challenge == Challenge::Basic);
    found.into_iter().next()
}

/// The challenges of one header, except those of kinds that are not known here.
fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<(String, Bearer)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', ',']);
    while !rest.is_empty() {
        let word_end = rest
            .find(|c: char| c.is_whitespace() || c == '=' || c == ',')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            // A word without a value is the name of the next scheme.
            challenges.push((word.to_ascii_lowercase(), Bearer::default()));
            rest = after.trim_start_matches([' ', ',']);
            continue;
        };
        let (value, after) = parameter(value.trim_start());
        if let Some((_, bearer)) = challenges.last_mut() {
            match word.to_ascii_lowercase().as_str() {
                "realm" => bearer.realm = value,
                "service" => bearer.service = Some(value),
                "scope" => bearer.scope = Some(value),
                _ => {}
            }
        }
        rest = after.trim_start_matches([' ', ',']);
    }
    challenges
        .into_iter()
        .filter_map(|(scheme, bearer)| match scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" if !bearer.realm.is_empty() => Some(Challenge::Bearer(bearer)),
            _ => None,
        })
        .collect()
}

/// The value of a parameter, quoted or not, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            character => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        })
    }

    #[test]
    fn challenges_are_read() {
        let auth = "https://auth.example/token";
        for (header, expected) in [
            ("", vec![]),
            ("Basic", vec![Challenge::Basic]),
            ("Basic realm=\"Registry\"", vec![Challenge::Basic]),
            ("bAsIc realm=\"a, Bearer realm=b\"", vec![Challenge::Basic]),
            ("Negotiate, Digest realm=\"x\", nonce=\"y=\"", vec![]),
            ("Bearer", vec![]),
            (
                "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull,push\"",
                vec![bearer(
                    auth,
                    Some("registry.example"),
                    Some("repository:a/b:pull,push"),
                )],
            ),
            (
                "bearer realm = https://auth.example/token , Service=registry.example, error=\"insufficient_scope\"",
                vec![bearer(auth, Some("registry.example"), None)],
            ),
            (
                "Basic realm=\"x\", Bearer realm=\"https://auth.example/token\"",
                vec![Challenge::Basic, bearer(auth, None, None)],
            ),
            (
                "Bearer realm=\"a\\\"b\\\\c\"",
                vec![bearer("a\"b\\c", None, None)],
            ),
            (
                "Bearer realm=\"never ends",
                vec![bearer("never ends", None, None)],
            ),
            ("Bearer realm=é, scope=", vec![bearer("é", None, Some(""))]),
            ("= = ,,\"", vec![]),
        ] {
            assert_eq!(parse(header), expected, "{header}");
        }
    }
}
