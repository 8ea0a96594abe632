//! Expressions of SPDX, such as `MIT OR Apache-2.0 WITH LLVM-exception`, for channels that have
//! their own syntax for licences.

/// The deepest nesting that is read.
const DEPTH: usize = 16;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression<'a> {
    /// A licence.
    License(&'a str),
    /// A licence with an exception.
    With(&'a str, &'a str),
    /// All of these apply.
    All(Vec<Self>),
    /// One of these can be chosen.
    Any(Vec<Self>),
}

/// Reads an expression. `None` if the text is not one.
pub fn parse(text: &str) -> Option<Expression<'_>> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
    };
    let expression = parser.any(0)?;
    (parser.next == parser.tokens.len()).then_some(expression)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    And,
    Or,
    With,
    Id(&'a str),
}

fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        while !rest.is_empty() {
            let end = match rest.find(['(', ')']) {
                Some(0) => 1,
                Some(end) => end,
                None => rest.len(),
            };
            let (token, after) = rest.split_at(end);
            rest = after;
            tokens.push(match token {
                "(" => Token::Open,
                ")" => Token::Close,
                "AND" | "and" => Token::And,
                "OR" | "or" => Token::Or,
                "WITH" | "with" => Token::With,
                id if is_id(id) => Token::Id(id),
                _ => return None,
            });
        }
    }
    Some(tokens)
}

fn is_id(text: &str) -> bool {
    let id = text.strip_suffix('+').unwrap_or(text);
    !id.is_empty()
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte))
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn take(&mut self, token: Token<'_>) -> bool {
        let found = self.tokens.get(self.next) == Some(&token);
        self.next += usize::from(found);
        found
    }

    fn id(&mut self) -> Option<&'a str> {
        let Some(Token::Id(id)) = self.tokens.get(self.next) else {
            return None;
        };
        self.next += 1;
        Some(id)
    }

    fn any(&mut self, depth: usize) -> Option<Expression<'a>> {
        let mut list = vec![self.all(depth)?];
        while self.take(Token::Or) {
            list.push(self.all(depth)?);
        }
        Some(joined(list, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Option<Expression<'a>> {
        let mut list = vec![self.one(depth)?];
        while self.take(Token::And) {
            list.push(self.one(depth)?);
        }
        Some(joined(list, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Option<Expression<'a>> {
        if self.take(Token::Open) {
            if depth == DEPTH {
                return None;
            }
            let inner = self.any(depth + 1)?;
            return self.take(Token::Close).then_some(inner);
        }
        let license = self.id()?;
        if self.take(Token::With) {
            return Some(Expression::With(license, self.id()?));
        }
        Some(Expression::License(license))
    }
}

fn joined<'a>(
    mut list: Vec<Expression<'a>>,
    join: impl Fn(Vec<Expression<'a>>) -> Expression<'a>,
) -> Expression<'a> {
    if list.len() == 1 {
        return list.remove(0);
    }
    join(list)
}

#[cfg(test)]
mod tests {
    use super::Expression::{All, Any, License, With};
    use super::*;

    #[test]
    fn expressions_are_read_with_their_precedence() {
        for (text, expected) in [
            ("MIT", Some(License("MIT"))),
            ("GPL-2.0+", Some(License("GPL-2.0+"))),
            (
                "MIT OR Apache-2.0 OR ISC",
                Some(Any(vec![
                    License("MIT"),
                    License("Apache-2.0"),
                    License("ISC"),
                ])),
            ),
            (
                "MIT or Zlib AND Apache-2.0 WITH LLVM-exception",
                Some(Any(vec![
                    License("MIT"),
                    All(vec![License("Zlib"), With("Apache-2.0", "LLVM-exception")]),
                ])),
            ),
            (
                "((MIT OR ISC) AND Zlib)",
                Some(All(vec![
                    Any(vec![License("MIT"), License("ISC")]),
                    License("Zlib"),
                ])),
            ),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT Apache-2.0", None),
            ("see LICENSE.md", None),
            ("MIT WITH (x)", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        let deep = format!("{}MIT{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(parse(&deep), None);
    }
}
