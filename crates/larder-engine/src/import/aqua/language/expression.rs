//! Evaluates the expressions of `version_constraint` and `version_filter`, such as
//! `semver("< 2.0.0") or Version in ["v3", "v4"]`.
//!
//! Only the part of the language that the registry uses is known; anything else is an error, which aqua counts as `false`.

use super::version_compare::satisfies;

/// Whether the expression is true for a version. `Err` says why it can't be evaluated.
pub(in crate::import::aqua) fn is_true(
    expression: &str,
    version: &str,
    semver: &str,
) -> Result<bool, String> {
    let mut parser = Parser {
        tokens: tokens(expression)?,
        at: 0,
        scope: Scope {
            version,
            semver,
            names: Vec::new(),
        },
        element: None,
    };
    let value = parser.program()?;
    if let Some(token) = parser.peek() {
        return Err(format!("{token:?} is unexpected"));
    }
    value.truth()
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Sign(&'static str),
}

const SIGNS: [&str; 15] = [
    "==", "!=", "&&", "||", "!", "(", ")", "[", "]", "{", "}", ",", ";", "#", "=",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '"' | '\'' | '`') {
            let (text, after) = quoted(&rest[1..], first)?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            return Err(format!("{first:?} is unexpected"));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A text up to its closing quote, and what follows it.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut found = String::new();
    let mut rest = text.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            c if c == quote => return Ok((found, &text[at + c.len_utf8()..])),
            '\\' if quote != '`' => match rest.next() {
                Some((_, 'n')) => found.push('\n'),
                Some((_, 't')) => found.push('\t'),
                Some((_, c)) => found.push(c),
                None => break,
            },
            c => found.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Truth(bool),
    List(Vec<Value>),
}

impl Value {
    fn truth(self) -> Result<bool, String> {
        match self {
            Self::Truth(truth) => Ok(truth),
            other => Err(format!("{other:?} is neither true nor false")),
        }
    }
    fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            other => Err(format!("{other:?} is no text")),
        }
    }
}

/// The names that an expression can use.
struct Scope<'a> {
    version: &'a str,
    semver: &'a str,
    /// Those of `let`.
    names: Vec<(String, Value)>,
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    scope: Scope<'a>,
    /// The value of `#`, the element that a predicate is about.
    element: Option<Value>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = match self.peek() {
            Some(Token::Sign(found)) => *found == sign,
            Some(Token::Word(word)) => word == sign,
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        Err(format!("`{sign}` is missing"))
    }

    fn word(&mut self) -> Result<String, String> {
        match self.peek().cloned() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            other => Err(format!("{other:?} is no name")),
        }
    }

    fn program(&mut self) -> Result<Value, String> {
        while self.takes("let") {
            let name = self.word()?;
            self.expect("=")?;
            let value = self.either()?;
            self.expect(";")?;
            self.scope.names.push((name, value));
        }
        self.either()
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut value = self.both()?;
        while self.takes("||") || self.takes("or") {
            let other = self.both()?.truth()?;
            value = Value::Truth(value.truth()? || other);
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut value = self.comparison()?;
        while self.takes("&&") || self.takes("and") {
            let other = self.comparison()?.truth()?;
            value = Value::Truth(value.truth()? && other);
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<Value, String> {
        let value = self.unary()?;
        if self.takes("==") {
            return Ok(Value::Truth(value == self.unary()?));
        }
        if self.takes("!=") {
            return Ok(Value::Truth(value != self.unary()?));
        }
        let negated = self.peek() == Some(&Token::Word("not".to_owned()));
        self.at += usize::from(negated);
        let Some(Token::Word(operator)) = self.peek().cloned() else {
            return if negated {
                Err("`not` stands alone".to_owned())
            } else {
                Ok(value)
            };
        };
        let compare: fn(&str, &str) -> Result<bool, String> = match operator.as_str() {
            "in" => {
                self.at += 1;
                let Value::List(list) = self.unary()? else {
                    return Err("`in` needs a list".to_owned());
                };
                return Ok(Value::Truth(list.contains(&value) != negated));
            }
            "startsWith" => |text, other| Ok(text.starts_with(other)),
            "endsWith" => |text, other| Ok(text.ends_with(other)),
            "contains" => |text, other| Ok(text.contains(other)),
            "matches" => |text, other| {
                let pattern = regex::Regex::new(other).map_err(|e| e.to_string())?;
                Ok(pattern.is_match(text))
            },
            _ => {
                return if negated {
                    Err("`not` stands alone".to_owned())
                } else {
                    Ok(value)
                };
            }
        };
        self.at += 1;
        let other = self.unary()?.text()?;
        Ok(Value::Truth(compare(&value.text()?, &other)? != negated))
    }

    fn unary(&mut self) -> Result<Value, String> {
        if self.takes("!") || self.takes("not") {
            // Where the operand is no truth, such as in `not Version startsWith "x"`, its comparison is meant.
            let from = self.at;
            if let Value::Truth(truth) = self.unary()? {
                return Ok(Value::Truth(!truth));
            }
            self.at = from;
            let truth = self.comparison()?.truth()?;
            return Ok(Value::Truth(!truth));
        }
        self.operand()
    }

    fn operand(&mut self) -> Result<Value, String> {
        let token = self.peek().cloned().ok_or("the expression ends early")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Value::Text(text)),
            Token::Sign("(") => {
                let value = self.either()?;
                self.expect(")")?;
                Ok(value)
            }
            Token::Sign("[") => self.list("]").map(Value::List),
            Token::Sign("#") => self.element.clone().ok_or("`#` stands alone".to_owned()),
            Token::Sign(sign) => Err(format!("`{sign}` is unexpected")),
            Token::Word(word) => self.named(&word),
        }
    }

    /// Values up to a closing bracket.
    fn list(&mut self, end: &str) -> Result<Vec<Value>, String> {
        let mut values = Vec::new();
        while !self.takes(end) {
            if !values.is_empty() {
                self.expect(",")?;
                if self.takes(end) {
                    break;
                }
            }
            values.push(self.either()?);
        }
        Ok(values)
    }

    fn named(&mut self, word: &str) -> Result<Value, String> {
        let known = self.scope.names.iter().rev().find(|(name, _)| name == word);
        if let Some((_, value)) = known {
            return Ok(value.clone());
        }
        match word {
            "true" => Ok(Value::Truth(true)),
            "false" => Ok(Value::Truth(false)),
            "Version" => Ok(Value::Text(self.scope.version.to_owned())),
            "SemVer" => Ok(Value::Text(self.scope.semver.to_owned())),
            "any" | "all" | "none" => self.predicate(word),
            _ => {
                self.expect("(")?;
                let mut arguments = Vec::new();
                for value in self.list(")")? {
                    arguments.push(value.text()?);
                }
                self.call(word, &arguments)
            }
        }
    }

    fn call(&self, name: &str, arguments: &[String]) -> Result<Value, String> {
        match (name, arguments) {
            ("semver", [constraint]) => Ok(Value::Truth(satisfies(constraint, self.scope.semver))),
            ("semverWithVersion", [constraint, version]) => {
                Ok(Value::Truth(satisfies(constraint, version)))
            }
            ("trimPrefix", [text, prefix]) => Ok(Value::Text(
                text.strip_prefix(prefix.as_str())
                    .unwrap_or(text)
                    .to_owned(),
            )),
            ("trimSuffix", [text, suffix]) => Ok(Value::Text(
                text.strip_suffix(suffix.as_str())
                    .unwrap_or(text)
                    .to_owned(),
            )),
            ("lower", [text]) => Ok(Value::Text(text.to_lowercase())),
            ("upper", [text]) => Ok(Value::Text(text.to_uppercase())),
            _ => Err(format!(
                "`{name}` is not known with {} values",
                arguments.len()
            )),
        }
    }

    /// `any(list, {condition})`: the condition is evaluated for each element.
    fn predicate(&mut self, name: &str) -> Result<Value, String> {
        self.expect("(")?;
        let Value::List(elements) = self.either()? else {
            return Err(format!("`{name}` needs a list"));
        };
        self.expect(",")?;
        let from = self.at;
        let mut truths = Vec::new();
        let mut end = None;
        for element in elements {
            self.at = from;
            let outer = self.element.replace(element);
            let braced = self.takes("{");
            truths.push(self.either()?.truth()?);
            if braced {
                self.expect("}")?;
            }
            self.element = outer;
            end = Some(self.at);
        }
        self.at = end.ok_or("an empty list")?;
        self.expect(")")?;
        Ok(Value::Truth(match name {
            "any" => truths.contains(&true),
            "all" => !truths.contains(&false),
            _ => !truths.contains(&true),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_evaluated() {
        for (expression, version, expected) in [
            ("true", "v1", Ok(true)),
            ("false", "v1", Ok(false)),
            (r#"Version == "v1""#, "v1", Ok(true)),
            (r#"Version != "v1""#, "v1", Ok(false)),
            (r#"semver("< 2.0.0")"#, "v1.9.0", Ok(true)),
            (
                r#"semver("< 2.0.0") or Version in ["v3", "v4",]"#,
                "v4",
                Ok(true),
            ),
            (r#"semver("< 2.0.0") || Version in ["v3"]"#, "v4", Ok(false)),
            (r#"semver(">= 1") && semver("< 2")"#, "1.5", Ok(true)),
            (
                r#"not (Version startsWith "chart-")"#,
                "chart-1.0",
                Ok(false),
            ),
            (r#"not Version startsWith "chart-""#, "v1.0", Ok(true)),
            (
                r#"!(Version contains "rc" or Version contains "beta")"#,
                "v1-rc1",
                Ok(false),
            ),
            (r#"Version matches "^v\\d+$""#, "v12", Ok(true)),
            (r"Version matches '^\\d{4}-'", "2024-01", Ok(true)),
            (r#"Version not in ["a"]"#, "b", Ok(true)),
            (
                r#"Version startsWith "k/" and semverWithVersion(">= 4.2.0", trimPrefix(Version, "k/"))"#,
                "k/v4.3.0",
                Ok(true),
            ),
            (
                "let words = [\"a\", \"b\"];\nnot any(words, {Version matches #})\n",
                "xbx",
                Ok(false),
            ),
            (
                r#"semver("< 1") and not (Version endsWith "x") or true"#,
                "2",
                Ok(true),
            ),
            (">= 0.4.0", "v0.3.0", Err(())),
            ("Version", "v1", Err(())),
            ("Version ==", "v1", Err(())),
            (r#"nothing("x")"#, "v1", Err(())),
            (r#"Version == "v1" "v2""#, "v1", Err(())),
        ] {
            let found = is_true(expression, version, version).map_err(|_| ());
            assert_eq!(found, expected, "{expression} of {version}");
        }
    }
}
