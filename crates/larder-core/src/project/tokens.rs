//! The server's file of tokens: a YAML list of who may do what. It holds the digests of the secrets,
//! never the secrets. It is read as strictly as the project's files.

use std::collections::HashSet;

use camino::Utf8Path;
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::Digest;

use super::syntax::decode::{At, Decode, Reader, Spot};
use super::syntax::source::{Source, read_limited, sorted};
use super::syntax::yaml::{self, Kind};
use super::typed::tokens::RawToken;

pub use super::typed::tokens::{TokenName, TokenRole};

/// A token as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who has it.
    pub name: TokenName,
    /// What it may do.
    pub role: TokenRole,
    /// The SHA-256 of the secret's text.
    pub digest: Digest,
    /// When it ends to be valid.
    pub expires: Option<Timestamp>,
}

/// Reads the file.
pub fn read(path: &Utf8Path) -> Result<Vec<Token>> {
    let Some((bytes, _)) = read_limited(path)? else {
        return Err(
            Error::usage(format!("there is no file of tokens {path}")).hint(
                "`larder serve token new --role admin --name NAME` makes a token and prints its line",
            ),
        );
    };
    let (source, refused) = Source::new(path.to_owned(), bytes);
    let mut reader = Reader::new(&source);
    reader.problems.extend(refused);
    let tokens = if reader.problems.is_empty() {
        from_source(&source, &mut reader)
    } else {
        Vec::new()
    };
    if reader.problems.is_empty() {
        Ok(tokens)
    } else {
        let problems = sorted(reader.problems);
        Err(Error::problems_in("the file of tokens", problems))
    }
}

fn from_source(source: &Source, reader: &mut Reader<'_>) -> Vec<Token> {
    let (node, problems) = yaml::parse(source);
    reader.problems.extend(problems);
    // An empty file is valid: nobody has a token.
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        let hint = "write a line `- {name: …, role: …, sha256: …}` for each token";
        reader.expected(Spot::File, "a list", &node, Some(hint.to_owned()));
        return Vec::new();
    };
    let mut names = HashSet::new();
    let mut digests = HashSet::new();
    let mut tokens = Vec::with_capacity(items.len());
    for item in items {
        let Some(raw) = RawToken::decode(item, Spot::In("tokens"), reader) else {
            continue;
        };
        let is_whole = !(raw.span("expires").is_some() && raw.expires.is_none());
        let RawToken {
            name: Some(At { value: name, span }),
            role: Some(At { value: role, .. }),
            sha256:
                Some(At {
                    value: digest,
                    span: place,
                }),
            expires,
            spans: _,
        } = raw
        else {
            continue;
        };
        if !names.insert(name.clone()) {
            let message = format!("the name `{}` is there twice", name.as_str());
            reader.problem(&span, message, "give each token its own name");
        }
        if !digests.insert(digest) {
            let message = "two tokens have the same secret";
            reader.problem(
                &place,
                message,
                "make a new one with `larder serve token new`",
            );
        }
        if is_whole {
            tokens.push(Token {
                name,
                role,
                digest,
                expires: expires.map(|At { value, .. }| value.0),
            });
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90";

    fn tokens(text: &str) -> Result<Vec<Token>, Vec<String>> {
        let source = Source {
            file: "tokens.yml".into(),
            text: text.into(),
        };
        let mut reader = Reader::new(&source);
        let tokens = from_source(&source, &mut reader);
        if reader.problems.is_empty() {
            Ok(tokens)
        } else {
            Err(reader.problems.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn a_file_is_read() {
        let text = format!(
            "# tokens\n- {{name: ci, role: write, sha256: {DIGEST}}}\n- name: \"7\"\n  role: join\n  \
             sha256: {}\n  expires: 2027-01-31T00:00:00Z\n",
            DIGEST.replace('2', "3")
        );
        let read = tokens(&text).unwrap();
        assert_eq!(read[0].name.as_str(), "ci");
        assert_eq!(read[0].role, TokenRole::Write);
        assert_eq!(read[0].expires, None);
        assert_eq!(read[1].expires.unwrap().as_second(), 1_801_353_600);
        assert_eq!(tokens(""), Ok(Vec::new()));
        assert_eq!(tokens("[]"), Ok(Vec::new()));
    }

    #[test]
    fn problems_have_places() {
        let line = |more: &str| format!("- {{name: ci, role: read, sha256: {DIGEST}{more}}}\n");
        for (text, expected) in [
            ("name: ci\n".to_owned(), "1:1: the file must be a list"),
            ("- ci\n".into(), "1:3:"),
            ("- {name: ci, role: read}\n".into(), "`sha256` is missing"),
            (
                line("").replace("role: read", "role: reads"),
                "1:20: unknown role `reads` (did you mean `read`?)",
            ),
            (line("").replace("ci", "c i"), "`c i` can't name a token"),
            (line("").replace(DIGEST, "abc"), "is not a sha256 digest"),
            (line(", expires: soon"), "`soon` is not a time in UTC"),
            (line(", expires: 2027-01-31"), "is not a time in UTC"),
            (
                line(", expires: \"2027-01-31T00:00:00+02:00\""),
                "is not a time in UTC",
            ),
            (
                line(", expire: 2027-01-31T00:00:00Z"),
                "did you mean `expires`",
            ),
            (line("") + &line(""), "2:10: the name `ci` is there twice"),
            (
                line("") + &line("").replace("ci", "other"),
                "two tokens have the same secret",
            ),
        ] {
            let problems = tokens(&text).expect_err(&text).join("\n");
            assert!(problems.contains(expected), "{text}\n{problems}");
        }
    }
}
