//! `docs/files.md`: every key of the files that users write, from the JSON Schemas of those files.
//!
//! The schemas come from the types that read the files, so the page has every key that larder
//! accepts, in the order in which the types declare them.

use std::fmt::Write as _;

use larder_core::project::schema::{recipe_schema, user_schema, versions_schema};
use serde_json::Value;

/// One key of a file.
#[derive(Clone, Debug)]
pub struct Key {
    /// The keys that lead to it, itself last, such as `["tasks", "NAME", "env"]`. `NAME` stands for
    /// a key that the user chooses.
    pub path: Vec<String>,
    /// Whether the mapping that has it must have it.
    pub required: bool,
    /// Its JSON Schema.
    pub schema: Value,
}

impl Key {
    /// The path with dots, such as `tasks.NAME.env`.
    pub fn dotted(&self) -> String {
        self.path.join(".")
    }
    /// One of the texts in its schema.
    fn text(&self, field: &str) -> &str {
        self.schema[field].as_str().unwrap_or_default()
    }
    /// What the key means.
    pub fn description(&self) -> &str {
        self.text("description")
    }
    /// The version of larder that introduced it.
    pub fn since(&self) -> &str {
        self.text("x-since")
    }
    /// What applies if the key is absent, as Markdown; empty if nothing does.
    pub fn default(&self) -> &str {
        self.text("x-default")
    }
    /// A value that it can have.
    pub fn example(&self) -> &Value {
        &self.schema["examples"][0]
    }
    /// The key in the example, with the keys around it.
    pub fn example_path(&self) -> Vec<&str> {
        let mut path: Vec<&str> = Vec::new();
        for key in &self.path {
            path.push(match (key.as_str(), path.last()) {
                (USERS_KEY, Some(&"overrides")) => "windows",
                (USERS_KEY, _) => "test",
                (key, _) => key,
            });
        }
        path
    }
    /// A part of a file in which the key has the value of the example.
    pub fn example_yaml(&self) -> String {
        let mut text = String::new();
        for (depth, key) in self.example_path().iter().enumerate() {
            let _ = write!(text, "{:1$}{key}:", "", depth * 2);
            if depth + 1 < self.path.len() {
                text.push('\n');
            }
        }
        block(&mut text, self.example(), self.path.len());
        text
    }
}

/// Stands for a key that the user chooses.
const USERS_KEY: &str = "NAME";

/// The channel at which the keys are listed that every channel has.
const FIRST_CHANNEL: &str = "homebrew";

/// One of the files that users write.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: String,
    /// All of its keys: each one is followed by those of its value.
    pub keys: Vec<Key>,
}

/// The files, in the order in which a user meets them.
pub fn files() -> Vec<File> {
    let file = |name, schema: Value| {
        let mut keys = Vec::new();
        collect(&schema, &[], &mut keys);
        File {
            name,
            about: schema["description"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            keys,
        }
    };
    vec![
        file("versions.yml", versions_schema()),
        file("recipe.yml", recipe_schema()),
        file("config.yml", user_schema()),
    ]
}

/// The keys of a mapping and of the mappings in it.
fn collect(schema: &Value, path: &[String], keys: &mut Vec<Key>) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        if property["x-common"] == true && path.last().is_some_and(|last| last != FIRST_CHANNEL) {
            continue;
        }
        let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        let required = schema["required"].as_array();
        keys.push(Key {
            path: path.clone(),
            required: required.is_some_and(|required| required.iter().any(|key| key == name)),
            schema: property.clone(),
        });
        // The keys of a recipe's channels are those of versions.yml.
        let is_recipe = property["x-same-as"].is_string();
        if !is_recipe {
            collect(property, &path, keys);
        }
        let mut nested = Vec::new();
        let value = &property["additionalProperties"];
        collect(
            value,
            &[path.clone(), vec![USERS_KEY.to_owned()]].concat(),
            &mut nested,
        );
        // In `upstream.overrides` most keys are those of the mapping around it.
        if property["x-same-keys"] == true {
            let name_of = |key: &Key| key.path.get(path.len() + 1).cloned();
            nested.retain(|key| name_of(key).is_none_or(|name| !properties.contains_key(&name)));
        }
        keys.extend(nested);
    }
}

/// The whole page.
pub fn markdown() -> String {
    let mut text = String::from(
        "<!-- Generated from the types that read the files; edits here are lost. -->\n\n\
         # Keys of the files\n\n\
         This page lists every key of the files that you write: what it means, its type, what applies if it is absent, \
         an example, and the version of larder that introduced it. An unknown key is an error. `NAME` stands for a name that \
         you choose. An example shows its key alone, without the other keys that the file needs. The [guide](guide.md) \
         shows whole files and explains [templates](guide.md#recipes).\n",
    );
    for file in files() {
        let File { name, about, keys } = file;
        let about = about.strip_prefix(&format!("{name}: ")).unwrap_or(&about);
        let _ = write!(
            text,
            "\n## {name}\n\n{}\n\n| key | type | default |\n|---|---|---|\n",
            sentence(about)
        );
        for key in &keys {
            let dotted = key.dotted();
            let _ = writeln!(
                text,
                "| [`{dotted}`](#{}) | {} | {} |",
                anchor(name, &dotted),
                type_of(&key.schema),
                default_of(key)
            );
        }
        for key in &keys {
            let dotted = key.dotted();
            let default = match (key.required, key.default()) {
                (true, _) => " · required".to_owned(),
                (false, "") => String::new(),
                (false, default) => format!(" · default: {default}"),
            };
            let _ = write!(
                text,
                "\n### {name}: `{dotted}`\n\n{}\n\nType: {}{default} · since {}\n\n```yaml\n{}```\n",
                sentence(key.description()),
                type_of(&key.schema),
                key.since(),
                key.example_yaml()
            );
        }
    }
    text
}

fn default_of(key: &Key) -> &str {
    if key.required {
        "required"
    } else {
        key.default()
    }
}

/// A description on one line, with a capital letter.
fn sentence(description: &str) -> String {
    let line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = line.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// How GitHub and mdBook name the heading of a key.
fn anchor(file: &str, dotted: &str) -> String {
    format!("{file}-{dotted}")
        .to_ascii_lowercase()
        .replace('.', "")
}

/// A type in words.
fn type_of(schema: &Value) -> String {
    if let Some(word) = schema["x-type"].as_str() {
        return word.to_owned();
    }
    let either = schema["anyOf"].as_array();
    if let Some(either) = either.filter(|_| schema["properties"].is_null()) {
        let types: Vec<String> = either.iter().map(type_of).collect();
        return types.join("; or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect();
        return words.join(" or ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list: {}", type_of(&schema["items"])),
        Some("object") if schema["properties"].is_object() => "mapping".to_owned(),
        Some("object") => format!(
            "mapping: {} → {}",
            schema["x-key-type"].as_str().unwrap_or("text"),
            type_of(&schema["additionalProperties"])
        ),
        _ => "text".to_owned(),
    }
}

/// Writes a value behind its key: short ones on the same line, lists and mappings of longer ones in
/// lines of their own.
fn block(text: &mut String, value: &Value, depth: usize) {
    let short = flow(value);
    let indent = depth * 2;
    match value {
        Value::Array(items) if short.len() > 60 => {
            text.push('\n');
            for item in items {
                let _ = writeln!(text, "{:indent$}- {}", "", flow(item));
            }
        }
        Value::Object(map) if short.len() > 40 || map.values().any(Value::is_object) => {
            text.push('\n');
            for (key, value) in map {
                let _ = write!(text, "{:indent$}{}:", "", scalar(key));
                block(text, value, depth + 1);
            }
        }
        _ => {
            let _ = writeln!(text, " {short}");
        }
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(word) => scalar(word),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(key), flow(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text, in quotes if YAML would take it for something else without them.
fn scalar(word: &str) -> String {
    let plain = word
        .chars()
        .all(|c| c.is_alphanumeric() || " ./_+-:".contains(c))
        && word.starts_with(|c: char| c.is_alphabetic() || "./".contains(c))
        && !word.contains(": ")
        && !word.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&word)
        || word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric());
    match (plain, word.contains(['"', '\\'])) {
        (true, _) => word.to_owned(),
        (false, true) if !word.contains('\'') => format!("'{word}'"),
        (false, _) => Value::from(word).to_string(),
    }
}
