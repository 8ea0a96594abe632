//! Splits shell scripts into simple commands, well enough to recognise downloads and builds in them.

use std::collections::BTreeMap;

/// One command of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// Its words without quotes.
    pub(super) words: Vec<String>,
    /// Variables that are set before it: `CGO_ENABLED=0 go build`.
    pub(super) env: Vec<(String, String)>,
    /// The file that its output goes to.
    pub(super) output: Option<String>,
    /// Its output is the input of the next command.
    pub(super) piped: bool,
    /// It only runs under a condition: in an `if`, a loop, or after `||`.
    pub(super) conditional: bool,
    /// Its text, as it was written.
    pub(super) text: String,
}

impl Command {
    /// The name of the program.
    pub(super) fn program(&self) -> &str {
        let word = self.words.first().map_or("", String::as_str);
        word.rsplit('/').next().unwrap_or(word)
    }

    /// The words after the program.
    pub(super) fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The value of an option: `-o x`, `-ox`, `--output x` or `--output=x`.
    pub(super) fn option(&self, names: &[&str]) -> Option<&str> {
        let words = self.arguments();
        for (at, word) in words.iter().enumerate() {
            for name in names {
                if word == name {
                    return words.get(at + 1).map(String::as_str);
                }
                let rest = word.strip_prefix(name);
                if let Some(rest) = rest
                    .filter(|_| name.starts_with("--"))
                    .and_then(|rest| rest.strip_prefix('='))
                {
                    return Some(rest);
                }
                // Options of one letter can be joined: `-fsSLo file`.
                if let Some(letter) = name.strip_prefix('-').filter(|letter| letter.len() == 1)
                    && word.len() > 2
                    && word.starts_with('-')
                    && !word.starts_with("--")
                    && word.ends_with(letter)
                    && word[1..].chars().all(|c| c.is_ascii_alphabetic())
                {
                    return words.get(at + 1).map(String::as_str);
                }
            }
        }
        None
    }
}

/// The commands of a script.
pub(super) fn commands(script: &str) -> Vec<Command> {
    let mut splitter = Splitter::default();
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        if splitter.quote != Some('\'') && c == '\\' {
            match chars.next() {
                Some('\n') => splitter.end_word(),
                Some(next) => {
                    if splitter.quote.is_some() && !matches!(next, '"' | '$' | '`' | '\\') {
                        splitter.push('\\');
                    }
                    splitter.push(next);
                }
                None => {}
            }
            continue;
        }
        if let Some(open) = splitter.quote {
            if c == open {
                splitter.quote = None;
                splitter.raw.push(c);
            } else {
                splitter.push(c);
            }
            continue;
        }
        match c {
            '"' | '\'' => {
                splitter.quote = Some(c);
                splitter.started = true;
                splitter.raw.push(c);
            }
            // The output of another command stays one word.
            '$' if chars.peek() == Some(&'(') => {
                splitter.push('$');
                let mut depth = 0;
                for c in chars.by_ref() {
                    splitter.push(c);
                    depth += match c {
                        '(' => 1,
                        ')' => -1,
                        _ => 0,
                    };
                    if depth == 0 {
                        break;
                    }
                }
            }
            '#' if !splitter.started => while chars.next_if(|c| *c != '\n').is_some() {},
            '\n' | ';' => splitter.end_command(false),
            '|' | '&' => {
                let twice = chars.next_if_eq(&c).is_some();
                splitter.end_command(c == '|' && !twice);
                splitter.after_or = c == '|' && twice;
            }
            '>' | '<' => {
                // The number of a descriptor belongs to the redirection.
                if splitter.word.chars().all(|c| c.is_ascii_digit()) {
                    splitter.word.clear();
                    splitter.started = false;
                }
                splitter.end_word();
                while chars.next_if(|c| matches!(c, '>' | '&' | '<')).is_some() {}
                splitter.redirected = Some(c == '>');
            }
            '(' | ')' if !splitter.started => {}
            c if c.is_whitespace() => {
                splitter.raw.push(c);
                splitter.end_word();
            }
            c => splitter.push(c),
        }
    }
    splitter.end_command(false);
    splitter.done
}

#[derive(Default)]
struct Splitter {
    done: Vec<Command>,
    command: Command,
    word: String,
    raw: String,
    started: bool,
    quote: Option<char>,
    redirected: Option<bool>,
    after_or: bool,
    depth: usize,
}

impl Splitter {
    fn push(&mut self, c: char) {
        self.started = true;
        self.word.push(c);
        self.raw.push(c);
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.started) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        if let Some(is_output) = self.redirected.take() {
            if is_output && word != "1" && word != "2" && word != "/dev/null" {
                self.command.output = Some(word);
            }
            return;
        }
        if self.command.words.is_empty() {
            match word.as_str() {
                "if" | "while" | "until" | "for" | "case" => {
                    self.depth += 1;
                    // What is tested runs always.
                    return;
                }
                "then" | "else" | "elif" | "do" | "{" | "}" | "!" | "time" | "exec" | "sudo" => {
                    return;
                }
                "fi" | "done" | "esac" => {
                    self.depth = self.depth.saturating_sub(1);
                    return;
                }
                _ => {}
            }
            if let Some((name, value)) = word.split_once('=')
                && !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            {
                self.command.env.push((name.to_owned(), value.to_owned()));
                return;
            }
        }
        self.command.words.push(word);
    }

    fn end_command(&mut self, piped: bool) {
        self.end_word();
        self.redirected = None;
        let mut command = std::mem::take(&mut self.command);
        let raw = std::mem::take(&mut self.raw);
        raw.trim().clone_into(&mut command.text);
        command.piped = piped;
        command.conditional = self.depth > 0 || std::mem::take(&mut self.after_or);
        if !command.words.is_empty() || !command.env.is_empty() {
            self.done.push(command);
        }
    }
}

/// Replaces `$NAME` and `${NAME}` by the values that the script sets. A variable that is set twice, or under a condition, stays.
pub(super) fn expand(commands: &mut [Command], known: &BTreeMap<String, String>) {
    let mut values: BTreeMap<String, Option<String>> = known
        .iter()
        .map(|(name, value)| (name.clone(), Some(value.clone())))
        .collect();
    for command in commands.iter_mut() {
        let own = command.words.is_empty();
        for (_, value) in &mut command.env {
            *value = expanded(value, &values);
        }
        for word in &mut command.words {
            *word = expanded(word, &values);
        }
        if let Some(output) = &mut command.output {
            *output = expanded(output, &values);
        }
        if own {
            for (name, value) in &command.env {
                let value = (!command.conditional && !value.contains("$(")).then(|| value.clone());
                // A variable that was set differently before stays unknown.
                let value = value.filter(|_| !matches!(values.get(name), Some(None)));
                values.insert(name.clone(), value);
            }
        }
    }
}

fn expanded(text: &str, values: &BTreeMap<String, Option<String>>) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        done.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let (name, length) = if let Some(inner) = after.strip_prefix('{') {
            let end = inner.find('}');
            end.map_or(("", 0), |end| (&inner[..end], end + 2))
        } else {
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            (&after[..end], end)
        };
        // `${NAME#v}` is the version without its leading v.
        let (name, number) = match name.strip_suffix("#v") {
            Some(name) => (name, true),
            None => (name, false),
        };
        match values.get(name) {
            Some(Some(value)) if number => match super::marks::Marks::number(value) {
                Some(text) => done.push_str(&text),
                None => done.push_str(value.trim_start_matches('v')),
            },
            Some(Some(value)) => done.push_str(value),
            _ => {
                done.push('$');
                done.push_str(&after[..length]);
            }
        }
        rest = &after[length..];
    }
    done.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<String> {
        commands(script)
            .iter()
            .map(|command| {
                let env: Vec<String> = command
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name}={value} "))
                    .collect();
                format!(
                    "{}{}{}{}",
                    env.concat(),
                    command.words.join("·"),
                    if command.piped { " |" } else { "" },
                    if command.conditional { " ?" } else { "" }
                )
            })
            .collect()
    }

    #[test]
    fn scripts_are_split_into_commands() {
        for (script, wanted) in [
            (
                "curl -L \"a b\" | tar xz -C x",
                vec!["curl·-L·a b |", "tar·xz·-C·x"],
            ),
            ("a && b || c; d & e", vec!["a", "b", "c ?", "d", "e"]),
            (
                "CGO_ENABLED=0 go build \\\n  -o x .",
                vec!["CGO_ENABLED=0 go·build·-o·x·."],
            ),
            (
                "if [ a = b ]; then\n  X=1\nfi\nY=2",
                vec!["[·a·=·b·] ?", "X=1  ?", "Y=2 "],
            ),
            ("echo $(date +%s) # text\n", vec!["echo·$(date +%s)"]),
            ("echo 'it''s' > out 2>&1", vec!["echo·its"]),
            ("cat <<EOF", vec!["cat"]),
            ("(cd x && make)", vec!["cd·x", "make)"]),
        ] {
            assert_eq!(words(script), wanted, "{script}");
        }
        assert_eq!(commands("x > y")[0].output.as_deref(), Some("y"));
        let curl = &commands("curl -fsSLo file --url=x https://y")[0];
        assert_eq!(curl.option(&["-o", "--output"]), Some("file"));
        assert_eq!(curl.option(&["--url"]), Some("x"));
    }

    #[test]
    fn variables_are_expanded_where_they_have_one_value() {
        let mut script = commands("A=1\nB=${A}2\nif x; then C=3; fi\necho $A $B $C ${D} ${V#v}");
        expand(
            &mut script,
            &BTreeMap::from([("V".to_owned(), "v9".to_owned())]),
        );
        let last = script.last().unwrap();
        assert_eq!(last.words, ["echo", "1", "12", "$C", "${D}", "9"]);
    }
}
