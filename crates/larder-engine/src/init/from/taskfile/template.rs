//! The part of Go's templates that Taskfiles use: variables, pipelines of a few functions, and `if eq`.
//!
//! This module knows no variables; whoever calls it looks them up.

use super::marks::{ARCH, EXE, Marks, OS, OS_UNAME, is_literal};

/// A text that is rendered, and the parts that became no text.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Unknown(String),
    Choice {
        os: String,
        then: Vec<Part>,
        otherwise: Vec<Part>,
    },
}

impl Rendered {
    /// The text, in which what is not known is a mark.
    pub(super) fn finish(self, marks: &mut Marks) -> String {
        finish(self.parts, marks)
    }
}

fn finish(parts: Vec<Part>, marks: &mut Marks) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(more) => text.push_str(&more),
            Part::Unknown(why) => text.push_str(&marks.unknown(why)),
            Part::Choice {
                os,
                then,
                otherwise,
            } => {
                let (then, otherwise) = (finish(then, marks), finish(otherwise, marks));
                text.push_str(&marks.choice(&os, then, otherwise));
            }
        }
    }
    text
}

/// Renders a text. `lookup` gives the value of a variable, or `None` if it is not set.
pub(super) fn render(text: &str, lookup: &mut dyn FnMut(&str) -> Option<String>) -> Rendered {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        lookup,
    };
    let mut parts = Vec::new();
    while parser.at < parser.tokens.len() {
        parts.extend(parser.block());
        // An `end` or `else` without its `if` is skipped.
        parser.at += 1;
    }
    Rendered { parts }
}

#[derive(Debug, PartialEq)]
enum Token {
    Text(String),
    Action(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    loop {
        let (before, action) = match rest.find("{{") {
            Some(start) => (&rest[..start], Some(&rest[start + 2..])),
            None => (rest, None),
        };
        let before = if trim_next {
            before.trim_start()
        } else {
            before
        };
        let trims = action.is_some_and(|action| action.starts_with("- "));
        let before = if trims { before.trim_end() } else { before };
        if !before.is_empty() {
            tokens.push(Token::Text(before.to_owned()));
        }
        let Some(action) = action else { return tokens };
        let Some(end) = action.find("}}") else {
            tokens.push(Token::Text(format!("{{{{{action}")));
            return tokens;
        };
        let inner = &action[..end];
        trim_next = inner.ends_with(" -");
        let inner = inner.strip_prefix("- ").unwrap_or(inner);
        let inner = inner.strip_suffix(" -").unwrap_or(inner);
        tokens.push(Token::Action(inner.trim().to_owned()));
        rest = &action[end + 2..];
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    lookup: &'a mut dyn FnMut(&str) -> Option<String>,
}

impl Parser<'_> {
    /// The parts until `end` or `else`, which are not consumed.
    fn block(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            let action = match token {
                Token::Text(text) => {
                    parts.push(Part::Text(text.clone()));
                    self.at += 1;
                    continue;
                }
                Token::Action(action) => action.clone(),
            };
            let word = action.split_whitespace().next().unwrap_or_default();
            match word {
                "end" | "else" => return parts,
                "if" => parts.extend(self.condition(action[2..].trim())),
                "range" | "with" | "define" | "block" => {
                    self.at += 1;
                    self.block();
                    parts.push(Part::Unknown(format!(
                        "it uses `{{{{{word} …}}}}` of Go's templates"
                    )));
                    self.at += 1;
                }
                _ if action.starts_with("/*") => self.at += 1,
                _ => {
                    self.at += 1;
                    parts.push(match self.pipeline(&action) {
                        Ok(text) => Part::Text(text),
                        Err(why) => Part::Unknown(why),
                    });
                }
            }
        }
        parts
    }

    /// The parts of an `if`, which is at the current token.
    fn condition(&mut self, condition: &str) -> Vec<Part> {
        self.at += 1;
        let then = self.block();
        let mut otherwise = Vec::new();
        match self.tokens.get(self.at) {
            Some(Token::Action(action)) if action == "else" => {
                self.at += 1;
                otherwise = self.block();
                self.at += 1;
            }
            Some(Token::Action(action)) if action.starts_with("else if ") => {
                let condition = action["else if ".len()..].to_owned();
                // The `end` belongs to both.
                otherwise = self.condition(&condition);
            }
            _ => self.at += 1,
        }
        match self.decide(condition) {
            Ok(Decision::Known(true)) => then,
            Ok(Decision::Known(false)) => otherwise,
            Ok(Decision::Os(os)) => vec![Part::Choice {
                os,
                then,
                otherwise,
            }],
            Ok(Decision::NotOs(os)) => vec![Part::Choice {
                os,
                then: otherwise,
                otherwise: then,
            }],
            Err(why) => vec![Part::Unknown(why)],
        }
    }

    fn decide(&mut self, condition: &str) -> Result<Decision, String> {
        let words = words(condition)?;
        let odd = || Err(format!("it depends on `{{{{if {condition}}}}}`"));
        match words.as_slice() {
            [Word::Name(function), a, b] if matches!(function.as_str(), "eq" | "ne") => {
                let (a, b) = (
                    self.value(a)?.unwrap_or_default(),
                    self.value(b)?.unwrap_or_default(),
                );
                let same = function == "eq";
                let is_os = |text: &str| text == OS.to_string() || text == OS_UNAME.to_string();
                if is_os(&a) && is_literal(&b) {
                    let os = b.to_lowercase();
                    Ok(if same {
                        Decision::Os(os)
                    } else {
                        Decision::NotOs(os)
                    })
                } else if is_literal(&a) && is_literal(&b) {
                    Ok(Decision::Known((a == b) == same))
                } else {
                    odd()
                }
            }
            [only @ Word::Variable(_)] => {
                let value = self.value(only)?.unwrap_or_default();
                Ok(Decision::Known(!value.is_empty() && value != "false"))
            }
            _ => odd(),
        }
    }

    /// The value of an expression such as `.NAME | default "x"`.
    fn pipeline(&mut self, action: &str) -> Result<String, String> {
        let mut value: Option<Option<String>> = None;
        for stage in stages(action) {
            let mut words = words(&stage)?;
            if let Some(before) = value.take() {
                words.push(Word::Value(before));
            }
            value = Some(self.stage(&words)?);
        }
        value
            .flatten()
            .ok_or_else(|| match action.strip_prefix('.') {
                Some(name) => format!("the variable `{}` is not set in the Taskfile", name.trim()),
                None => format!("`{{{{{action}}}}}` has no value in the Taskfile"),
            })
    }

    fn stage(&mut self, stage: &[Word]) -> Result<Option<String>, String> {
        let (first, arguments) = stage.split_first().ok_or("an empty template")?;
        let Word::Name(function) = first else {
            return self.value(first);
        };
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(argument)?);
        }
        let all = || values.iter().map(|value| value.clone().unwrap_or_default());
        let texts: Vec<String> = all().collect();
        let literal = |text: &str| {
            is_literal(text)
                .then(|| text.to_owned())
                .ok_or_else(|| format!("`{function}` changes a value that is not known"))
        };
        let text = match (function.as_str(), texts.as_slice()) {
            ("OS", []) => OS.to_string(),
            ("ARCH", []) => ARCH.to_string(),
            ("exeExt", []) => EXE.to_string(),
            ("default", [default, value]) => {
                if value.is_empty() {
                    default.clone()
                } else {
                    value.clone()
                }
            }
            ("trimPrefix", [prefix, value]) => match Marks::number(value) {
                Some(number) if prefix == "v" => number,
                _ => literal(value)?
                    .strip_prefix(prefix.as_str())
                    .unwrap_or(value)
                    .to_owned(),
            },
            ("trimSuffix", [suffix, value]) => value
                .strip_suffix(suffix.as_str())
                .unwrap_or(value)
                .to_owned(),
            ("replace", [from, to, value]) => match Marks::number(value) {
                Some(number) if from == "v" && to.is_empty() => number,
                _ => literal(value)?.replace(from.as_str(), to),
            },
            ("lower", [value]) if *value == OS.to_string() => value.clone(),
            ("lower", [value]) if *value == OS_UNAME.to_string() => OS.to_string(),
            ("title", [value]) if *value == OS.to_string() => OS_UNAME.to_string(),
            ("lower", [value]) => literal(value)?.to_lowercase(),
            ("upper", [value]) => literal(value)?.to_uppercase(),
            ("joinPath", parts) => parts.join("/"),
            (
                "toSlash" | "fromSlash" | "quote" | "shellQuote" | "q" | "trim" | "toString",
                [value],
            ) => value.clone(),
            ("print", parts) => parts.concat(),
            ("printf", [format, parts @ ..]) => {
                let mut parts = parts.iter();
                let mut text = String::new();
                for (at, piece) in format.split("%s").enumerate() {
                    if at > 0 {
                        text.push_str(parts.next().map_or("", String::as_str));
                    }
                    text.push_str(piece);
                }
                text
            }
            (function, _) => {
                return Err(format!(
                    "it uses the function `{function}` of Go's templates"
                ));
            }
        };
        Ok(Some(text))
    }

    fn value(&mut self, word: &Word) -> Result<Option<String>, String> {
        match word {
            Word::Text(text) => Ok(Some(text.clone())),
            Word::Value(value) => Ok(value.clone()),
            Word::Variable(name) => Ok((self.lookup)(name)),
            Word::Group(inner) => {
                let inner = inner.clone();
                match self.pipeline(&inner) {
                    Ok(text) => Ok(Some(text)),
                    Err(why) if why.contains("is not set") => Ok(None),
                    Err(why) => Err(why),
                }
            }
            Word::Name(name) => self.stage(&[Word::Name(name.clone())]),
        }
    }
}

enum Decision {
    Known(bool),
    Os(String),
    NotOs(String),
}

#[derive(Clone, Debug)]
enum Word {
    Name(String),
    Variable(String),
    Text(String),
    /// An expression in parentheses.
    Group(String),
    /// The value of the stage before.
    Value(Option<String>),
}

/// The stages of a pipeline.
fn stages(action: &str) -> Vec<String> {
    split(action, '|')
}

/// Splits at a character outside of quotes and parentheses.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut quote, mut depth) = (vec![String::new()], None, 0);
    let mut escaped = false;
    for c in text.chars() {
        match quote {
            Some(open) => {
                if c == open && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && !escaped && open == '"';
            }
            None if matches!(c, '"' | '`') => quote = Some(c),
            None if c == '(' => depth += 1,
            None if c == ')' => depth -= 1,
            None if c == at && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            None => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
        .into_iter()
        .map(|part| part.trim().to_owned())
        .collect()
}

fn words(stage: &str) -> Result<Vec<Word>, String> {
    split(stage, ' ')
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| {
            let between = |open: char, close: char| {
                word.strip_prefix(open)?
                    .strip_suffix(close)
                    .map(str::to_owned)
            };
            if let Some(inner) = between('(', ')') {
                Ok(Word::Group(inner))
            } else if let Some(text) = between('"', '"') {
                Ok(Word::Text(
                    text.replace("\\\"", "\"")
                        .replace("\\n", "\n")
                        .replace("\\\\", "\\"),
                ))
            } else if let Some(text) = between('`', '`') {
                Ok(Word::Text(text))
            } else if let Some(name) = word.strip_prefix('.') {
                Ok(Word::Variable(name.to_owned()))
            } else if word.chars().all(|c| c.is_ascii_digit()) {
                Ok(Word::Text(word))
            } else if word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                Ok(Word::Name(word))
            } else {
                Err(format!("it uses the template `{{{{{stage}}}}}`"))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_taskfiles_are_rendered() {
        for (text, wanted) in [
            ("a {{.A}} b", "a one b"),
            ("{{.MISSING | default \"x\"}}", "x"),
            ("{{default .A .MISSING}}", "one"),
            ("{{.A | default \"x\" | upper}}", "ONE"),
            ("{{trimPrefix \"v\" .V}}", "1.2"),
            ("{{.V | trimPrefix \"v\"}}", "1.2"),
            ("{{.V | replace \"v\" \"\"}}", "1.2"),
            ("{{(.MISSING | default .A)}}", "one"),
            ("{{if eq .A \"one\"}}yes{{else}}no{{end}}!", "yes!"),
            (
                "{{if .MISSING}}yes{{else if eq .A \"two\"}}two{{else}}no{{end}}!",
                "no!",
            ),
            ("x {{- .A -}} y", "xoney"),
            ("{{/* nothing */}}a", "a"),
            ("{{printf \"%s-%s\" .A .V}}", "one-v1.2"),
            ("{{joinPath .A \"b\"}}", "one/b"),
            ("{{OS}}/{{ARCH}}{{exeExt}}", "\u{E001}/\u{E002}\u{E003}"),
            ("no end {{.A", "no end {{.A"),
            ("}} {{end}}a", "}} a"),
        ] {
            let mut marks = Marks::default();
            let rendered = render(text, &mut |name| match name {
                "A" => Some("one".to_owned()),
                "V" => Some("v1.2".to_owned()),
                _ => None,
            });
            assert_eq!(rendered.finish(&mut marks), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_known_says_why() {
        for (text, why) in [
            ("{{.X}}", "the variable `X` is not set in the Taskfile"),
            (
                "{{range .A}}x{{end}}",
                "it uses `{{range …}}` of Go's templates",
            ),
            (
                "{{.A | splitList \" \"}}",
                "it uses the function `splitList` of Go's templates",
            ),
        ] {
            let mut marks = Marks::default();
            let rendered = render(text, &mut |name| (name == "A").then(|| "one".to_owned()));
            let text = rendered.finish(&mut marks);
            assert_eq!(marks.why_unknown(&text), Some(why));
        }
    }

    #[test]
    fn a_choice_of_the_system_becomes_one_of_the_recipe() {
        let mut marks = Marks::default();
        let text = "x.{{if eq OS \"windows\"}}zip{{else}}tar.gz{{end}}";
        let text = render(text, &mut |_| None).finish(&mut marks);
        let template = marks.template(&text, None).unwrap();
        assert_eq!(
            template.text,
            "x.{{ 'zip' if os == 'windows' else 'tar.gz' }}"
        );
        assert_eq!(
            marks.on(&text, "linux", "amd64").as_deref(),
            Some("x.tar.gz")
        );
    }
}
