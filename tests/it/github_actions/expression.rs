//! The expressions of GitHub Actions, as far as a workflow of ours uses them: `${{ … }}` with contexts, literals,
//! `! == != && ||` and the functions `fromJSON`, `success`, `failure`, `cancelled`, `always`. Anything else in a
//! workflow fails the test, so that nothing is skipped silently.

use serde_json::Value;

/// The values that an expression can use.
pub struct Scope<'a> {
    /// `github`, `needs`, `steps`, `matrix`, `env`: an object.
    pub contexts: &'a Value,
    /// All needed jobs succeeded.
    pub success: bool,
}

impl Scope<'_> {
    /// Renders a text with expressions; a text that is a single expression keeps its type.
    pub fn render(&self, text: &str) -> Value {
        let trimmed = text.trim();
        if let Some(inner) = trimmed
            .strip_prefix("${{")
            .and_then(|rest| rest.strip_suffix("}}"))
            && !inner.contains("${{")
        {
            return self.evaluate(inner);
        }
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${{") {
            let (inner, after) = after.split_once("}}").expect("an expression's end");
            out.push_str(before);
            out.push_str(&shown(&self.evaluate(inner)));
            rest = after;
        }
        out.push_str(rest);
        out.into()
    }

    /// Evaluates the condition of a job. Without a status function it also requires that all needs
    /// succeeded.
    pub fn condition(&self, text: &str) -> bool {
        let own = ["success()", "failure()", "cancelled()", "always()"]
            .iter()
            .any(|function| text.contains(function));
        let inner = text
            .trim()
            .strip_prefix("${{")
            .and_then(|rest| rest.strip_suffix("}}"))
            .unwrap_or(text);
        (own || self.success) && truthy(&self.evaluate(inner))
    }

    fn evaluate(&self, text: &str) -> Value {
        let tokens = tokens(text);
        let mut parser = Parser {
            scope: self,
            tokens: &tokens,
            at: 0,
        };
        let value = parser.or();
        assert_eq!(
            parser.at,
            tokens.len(),
            "more than an expression in {text:?}"
        );
        value
    }
}

/// The value as text.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => panic!("{value} in a text"),
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(it) => *it,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn tokens(text: &str) -> Vec<String> {
    let pattern = r"\s*('(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*|==|!=|&&|\|\||[!(),])\s*";
    let token = regex::Regex::new(pattern).expect("a pattern");
    let (mut all, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let found = token
            .captures_at(text, at)
            .filter(|found| found.get(0).is_some_and(|whole| whole.start() == at));
        let found =
            found.unwrap_or_else(|| panic!("not understood: {:?} in {text:?}", &text[at..]));
        at = found.get(0).expect("matched").end();
        all.push(found[1].to_owned());
    }
    all
}

struct Parser<'a> {
    scope: &'a Scope<'a>,
    tokens: &'a [String],
    at: usize,
}

impl Parser<'_> {
    fn next_is(&mut self, wanted: &str) -> bool {
        let found = self
            .tokens
            .get(self.at)
            .is_some_and(|token| token == wanted);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Value {
        let mut value = self.and();
        while self.next_is("||") {
            let other = self.and();
            value = if truthy(&value) { value } else { other };
        }
        value
    }

    fn and(&mut self) -> Value {
        let mut value = self.comparison();
        while self.next_is("&&") {
            let other = self.comparison();
            value = if truthy(&value) { other } else { value };
        }
        value
    }

    fn comparison(&mut self) -> Value {
        let value = self.unary();
        if self.next_is("==") {
            return same(&value, &self.unary()).into();
        }
        if self.next_is("!=") {
            return (!same(&value, &self.unary())).into();
        }
        value
    }

    fn unary(&mut self) -> Value {
        if self.next_is("!") {
            return (!truthy(&self.unary())).into();
        }
        if self.next_is("(") {
            let value = self.or();
            assert!(self.next_is(")"), "`)` is missing in {:?}", self.tokens);
            return value;
        }
        let word = self
            .tokens
            .get(self.at)
            .unwrap_or_else(|| panic!("an end too early in {:?}", self.tokens))
            .clone();
        self.at += 1;
        if let Some(text) = word.strip_prefix('\'') {
            return text.trim_end_matches('\'').replace("''", "'").into();
        }
        if self.next_is("(") {
            let argument = if self.next_is(")") {
                None
            } else {
                let value = self.or();
                assert!(
                    self.next_is(")"),
                    "one argument at most in {:?}",
                    self.tokens
                );
                Some(value)
            };
            return self.call(&word, argument);
        }
        match word.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            _ => self.context_value(&word),
        }
    }

    fn call(&self, function: &str, argument: Option<Value>) -> Value {
        match (function, argument) {
            ("fromJSON", Some(Value::String(text))) => serde_json::from_str(&text).expect("JSON"),
            ("success", None) => self.scope.success.into(),
            ("failure", None) => (!self.scope.success).into(),
            ("cancelled", None) => false.into(),
            ("always", None) => true.into(),
            (_, argument) => panic!("no function {function}({argument:?})"),
        }
    }

    /// A value of a context; an unknown key of a known context is null, as on GitHub.
    fn context_value(&self, path: &str) -> Value {
        let (context, rest) = path.split_once('.').unwrap_or((path, ""));
        let mut value = self
            .scope
            .contexts
            .get(context)
            .unwrap_or_else(|| panic!("no context `{context}` here"));
        for part in rest.split('.').filter(|part| !part.is_empty()) {
            value = value.get(part).unwrap_or(&Value::Null);
        }
        value.clone()
    }
}

/// Texts are compared without regard to case.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

#[test]
fn expressions_are_evaluated_as_on_github() {
    let contexts = serde_json::json!({
        "github": {"ref": "refs/heads/main", "event": {"repository": {"default_branch": "main"}}},
        "needs": {"plan": {"result": "success", "outputs": {"empty": "false", "matrix": "{\"include\":[1]}"}}},
    });
    let scope = Scope {
        contexts: &contexts,
        success: false,
    };
    for (text, value) in [
        ("${{ github.ref }}", "refs/heads/main".into()),
        (
            "on ${{ github.event.repository.default_branch }}, ${{ github.event.none }}!",
            "on main, !".into(),
        ),
        (
            "${{ fromJSON(needs.plan.outputs.matrix) }}",
            serde_json::json!({"include": [1]}),
        ),
        (
            "${{ github.ref == 'REFS/heads/main' && (github.none || 'x') }}",
            "x".into(),
        ),
        ("${{ 'a' == 'b' || !cancelled() }}", true.into()),
        ("${{ needs.none.result != 'failure' }}", true.into()),
    ] {
        assert_eq!(scope.render(text), value, "{text}");
    }
    assert!(
        !scope.condition("needs.plan.outputs.empty != 'true'"),
        "a needed job failed"
    );
    assert!(scope.condition("${{ !cancelled() && needs.plan.outputs.empty != 'true' }}"));
}
