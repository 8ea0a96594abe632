//! Expressions of SPDX, such as `MIT OR Apache-2.0 WITH LLVM-exception`, for channels that have
//! their own syntax for licences.

use spdx::expression::{ExprNode, ExpressionReq, Operator};
use spdx::{LicenseItem, LicenseReq, ParseMode};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A licence.
    License(String),
    /// A licence with an exception.
    With(String, String),
    /// All of these apply.
    All(Vec<Self>),
    /// One of these can be chosen.
    Any(Vec<Self>),
}

/// Checks that a text is an expression with known licences. The error says why it is not.
pub fn check(text: &str) -> Result<(), String> {
    parse_nodes(text)
        .map(drop)
        .map_err(|error| error.reason.to_string())
}

/// Reads an expression. `None` if the text is not one, or names a licence that SPDX does not know.
pub fn parse(text: &str) -> Option<Expression> {
    let parsed = parse_nodes(text).ok()?;
    // The nodes come in postfix order.
    let mut stack: Vec<Expression> = Vec::new();
    for node in parsed.iter() {
        let next = match node {
            ExprNode::Req(ExpressionReq { req, span: _ }) => license(req),
            ExprNode::Op(operator) => {
                let (right, left) = (stack.pop()?, stack.pop()?);
                joined(*operator, left, right)
            }
        };
        stack.push(next);
    }
    stack.pop()
}

/// Deprecated names and `GPL-2.0+` are common in real recipes.
fn parse_nodes(text: &str) -> Result<spdx::Expression, spdx::ParseError> {
    let mode = ParseMode {
        allow_slash_as_or_operator: false,
        allow_imprecise_license_names: false,
        allow_postfix_plus_on_gpl: true,
        allow_deprecated: true,
        allow_unknown: false,
    };
    spdx::Expression::parse_mode(text, mode)
}

fn license(req: &LicenseReq) -> Expression {
    let LicenseReq { license, addition } = req;
    let name = match license {
        LicenseItem::Spdx { id, or_later: true } => format!("{}+", id.name),
        LicenseItem::Spdx {
            id,
            or_later: false,
        } => id.name.to_owned(),
        LicenseItem::Other(other) => other.to_string(),
    };
    match addition {
        Some(addition) => Expression::With(name, addition.to_string()),
        None => Expression::License(name),
    }
}

fn joined(operator: Operator, left: Expression, right: Expression) -> Expression {
    let flat = |expression| match (operator, expression) {
        (Operator::And, Expression::All(list)) | (Operator::Or, Expression::Any(list)) => list,
        (_, other) => vec![other],
    };
    let list = [flat(left), flat(right)].concat();
    match operator {
        Operator::And => Expression::All(list),
        Operator::Or => Expression::Any(list),
    }
}

#[cfg(test)]
mod tests {
    use super::Expression::{All, Any, With};
    use super::*;

    fn license(name: &str) -> Expression {
        Expression::License(name.to_owned())
    }

    #[test]
    fn expressions_are_read_with_their_precedence() {
        let exception = || With("Apache-2.0".to_owned(), "LLVM-exception".to_owned());
        for (text, expected) in [
            ("MIT", Some(license("MIT"))),
            ("GPL-2.0+", Some(license("GPL-2.0-or-later"))),
            ("LicenseRef-Own", Some(license("LicenseRef-Own"))),
            (
                "MIT OR Apache-2.0 OR ISC",
                Some(Any(["MIT", "Apache-2.0", "ISC"].map(license).to_vec())),
            ),
            (
                "MIT OR Zlib AND Apache-2.0 WITH LLVM-exception",
                Some(Any(vec![
                    license("MIT"),
                    All(vec![license("Zlib"), exception()]),
                ])),
            ),
            (
                "((MIT OR ISC) AND Zlib)",
                Some(All(vec![
                    Any(vec![license("MIT"), license("ISC")]),
                    license("Zlib"),
                ])),
            ),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT Apache-2.0", None),
            ("see LICENSE.md", None),
            ("MIT WITH (x)", None),
            ("No-Such-Licence", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
            assert_eq!(check(text).is_ok(), expected.is_some(), "{text}");
        }
    }
}
