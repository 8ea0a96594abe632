//! The tokens of the file, and finding the one that a request presents.

use std::sync::Arc;

use camino::Utf8Path;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::Timestamp;
use larder_core::error::Result;
use larder_core::model::Digest;
use larder_core::project::tokens::{self, TokenRole};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// A token.
#[derive(Debug)]
pub struct Token {
    /// Its name.
    pub name: Arc<str>,
    /// Its role.
    pub role: TokenRole,
    digest: Digest,
    expires: Option<Timestamp>,
}

/// All tokens.
#[derive(Debug)]
pub struct Tokens(Vec<Arc<Token>>);

/// What a request presents.
#[derive(Debug)]
pub enum Presented {
    /// No token.
    Nothing,
    /// A token that is valid now.
    Valid(Arc<Token>),
    /// Something that is no valid token, and why.
    Invalid(&'static str),
}

impl Tokens {
    /// Reads the file.
    pub fn read(path: &Utf8Path) -> Result<Self> {
        Ok(Self::new(tokens::read(path)?))
    }

    fn new(tokens: Vec<tokens::Token>) -> Self {
        let token = |token: tokens::Token| {
            Arc::new(Token {
                name: token.name.as_str().into(),
                role: token.role,
                digest: token.digest,
                expires: token.expires,
            })
        };
        Self(tokens.into_iter().map(token).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What the headers of a request present. Other schemes than Bearer, which a proxy in front may
    /// use, present nothing.
    pub fn presented(&self, headers: &HeaderMap, now: Timestamp) -> Presented {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Presented::Nothing;
        };
        if values.next().is_some() {
            return Presented::Invalid("a request has at most one header Authorization");
        }
        let Ok(value) = value.to_str() else {
            return Presented::Invalid("the token has characters that no token has");
        };
        let (scheme, secret) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Presented::Nothing;
        }
        let secret = secret.trim();
        if secret.is_empty() {
            return Presented::Invalid("there is no token after Bearer");
        }
        match self.find(secret) {
            None => Presented::Invalid("the token is not known"),
            Some(token) if token.expires.is_some_and(|expires| expires <= now) => {
                Presented::Invalid("the token has expired")
            }
            Some(token) => Presented::Valid(token),
        }
    }

    /// Finds a token by its secret. Every digest is compared, each in constant time, so that the
    /// time says nothing about the tokens.
    fn find(&self, secret: &str) -> Option<Arc<Token>> {
        let digest = Digest::of(secret.as_bytes());
        let mut found = u64::MAX;
        for (index, token) in self.0.iter().enumerate() {
            let is_same = token.digest.as_bytes().ct_eq(digest.as_bytes());
            found.conditional_assign(&(index as u64), is_same);
        }
        let index = usize::try_from(found).ok()?;
        self.0.get(index).cloned()
    }
}

/// The text after Bearer, if there is exactly one.
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    let secret = secret.trim();
    (is_bearer && !secret.is_empty()).then(|| secret.to_owned())
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use http::HeaderValue;
    use larder_core::project::tokens::TokenName;

    use super::*;

    #[test]
    fn tokens_are_found_by_their_secrets() {
        let token = |name: &str, secret: &str, expires: Option<i64>| tokens::Token {
            name: TokenName::from_str(name).unwrap(),
            role: TokenRole::Read,
            digest: Digest::of(secret.as_bytes()),
            expires: expires.map(|second| Timestamp::from_second(second).unwrap()),
        };
        let all = Tokens::new(vec![
            token("first", "one", None),
            token("second", "two", Some(1000)),
            token("third", "three", Some(1001)),
        ]);
        let now = Timestamp::from_second(1000).unwrap();
        let presented = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            match all.presented(&headers, now) {
                Presented::Nothing => "nothing".to_owned(),
                Presented::Valid(token) => token.name.to_string(),
                Presented::Invalid(why) => why.to_owned(),
            }
        };
        for (values, expected) in [
            (&[][..], "nothing"),
            (&["Bearer one"], "first"),
            (&["bearer  one "], "first"),
            (&["BEARER three"], "third"),
            (&["Bearer two"], "the token has expired"),
            (&["Bearer One"], "the token is not known"),
            (&["Bearer one two"], "the token is not known"),
            (&["Bearer"], "there is no token after Bearer"),
            (&["Bearer "], "there is no token after Bearer"),
            (&["Bearer é"], "the token has characters that no token has"),
            (&["Basic one"], "nothing"),
            (&["one"], "nothing"),
            (
                &["Bearer one", "Bearer one"],
                "a request has at most one header Authorization",
            ),
        ] {
            assert_eq!(presented(values), expected, "{values:?}");
        }
    }
}
