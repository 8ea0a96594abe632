//! Whether workflows of GitHub Actions get in each other's way: several that write the releases of
//! one tag overwrite each other's files, or fail because a release is there already. Reads the files
//! of `.github/workflows` and nothing else.

use camino::Utf8Path;
use regex::Regex;
use serde_json::Value;

use larder_core::error::{Error, Result};
use larder_core::fs;

/// Where GitHub finds workflows.
const FOLDER: &str = ".github/workflows";

/// Actions that write releases, by the beginning of what `uses:` says.
const ACTIONS: [&str; 11] = [
    "actions/create-release@",
    "actions/upload-release-asset@",
    "cargo-bins/release-",
    "cycjimmy/semantic-release-action@",
    "goreleaser/goreleaser-action@",
    "googleapis/release-please-action@",
    "marvinpinto/action-automatic-releases@",
    "ncipollo/release-action@",
    "softprops/action-gh-release@",
    "svenstaro/upload-release-action@",
    "taiki-e/upload-rust-binary-action@",
];

/// Commands that write releases.
const COMMANDS: [&str; 8] = [
    "gh release create",
    "gh release upload",
    "gh release edit",
    "goreleaser release",
    "larder release",
    "larder publish",
    "semantic-release",
    "cargo dist host",
];

/// Tags that projects often have.
const USUAL_TAGS: [&str; 6] = ["v1.2.3", "1.2.3", "v1.2.3-rc.1", "v1", "latest", "nightly"];

/// What was found about the workflows of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Workflows that get in each other's way.
    pub conflicts: Vec<Conflict>,
    /// The number of workflows.
    pub count: usize,
}

/// Workflows that get in each other's way, or in the way of larder's releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which, and how.
    pub found: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// A workflow, as far as releases are concerned.
#[derive(Clone, Debug)]
struct Workflow {
    file: String,
    /// Whether a push of a tag starts it.
    tags: Tags,
    /// Whether the publication of a release starts it.
    on_release: bool,
    /// What in it writes releases.
    writes: Option<String>,
}

/// Which tags start a workflow.
#[derive(Clone, Debug)]
enum Tags {
    None,
    All,
    /// Those that the last of these patterns includes that matches.
    Matching(Vec<Pattern>),
    /// All but those that one of these patterns matches.
    Except(Vec<Pattern>),
}

/// A pattern of a filter for tags.
#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    excludes: bool,
    regex: Regex,
}

/// Reads the workflows of a repository, with the tags that larder's own releases have.
pub fn inspect(root: &Utf8Path, own_tags: &[String]) -> Result<Findings> {
    let folder = root.join(FOLDER);
    let mut workflows = Vec::new();
    if fs::stat(&folder)?.is_some_and(|meta| meta.is_dir()) {
        let mut files = fs::list(&folder)?;
        files.sort();
        for file in files {
            if matches!(Utf8Path::new(&file).extension(), Some("yml" | "yaml")) {
                let text = fs::read_text(folder.join(&file))?;
                workflows.push(Workflow::parse(&file, &text)?);
            }
        }
    }
    Ok(Findings {
        conflicts: conflicts(&workflows, own_tags),
        count: workflows.len(),
    })
}

fn conflicts(workflows: &[Workflow], own_tags: &[String]) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    let writers = |tag: &str| -> Vec<&Workflow> {
        let is_started = |workflow: &&Workflow| workflow.tags.contain(tag);
        let writers = workflows
            .iter()
            .filter(|workflow| workflow.writes.is_some());
        writers.filter(is_started).collect()
    };
    let mut samples: Vec<String> = USUAL_TAGS.map(str::to_owned).to_vec();
    samples.extend(
        workflows
            .iter()
            .flat_map(|workflow| workflow.tags.samples()),
    );
    let mut told: Vec<Vec<&str>> = Vec::new();
    for tag in &samples {
        let writers = writers(tag);
        let files: Vec<&str> = writers.iter().map(|writer| writer.file.as_str()).collect();
        if files.len() < 2
            || told
                .iter()
                .any(|known| files.iter().all(|f| known.contains(f)))
        {
            continue;
        }
        let ways: Vec<String> = writers.iter().map(|writer| writer.way()).collect();
        conflicts.push(Conflict {
            found: format!(
                "{} are all started by a tag such as {tag}, and write its release",
                ways.join(", ")
            ),
            hint: "let one workflow write the releases of a tag, and narrow `on: push: tags` of the others",
        });
        told.push(files);
    }
    let publishes = |workflow: &&Workflow| workflow.writes.is_some() && !workflow.on_release;
    for late in workflows.iter().filter(|workflow| workflow.on_release) {
        if late.writes.is_some()
            && let Some(first) = workflows.iter().find(publishes)
        {
            conflicts.push(Conflict {
                found: format!(
                    "{} is started by a published release and writes to it, after {}",
                    late.way(),
                    first.way()
                ),
                hint: "upload before the release is published: readers see an incomplete one, and immutable releases refuse the files",
            });
        }
    }
    for workflow in workflows
        .iter()
        .filter(|workflow| workflow.writes.is_some())
    {
        if let Tags::Matching(_) = workflow.tags
            && let Some(tag) = own_tags.iter().find(|tag| workflow.tags.contain(tag))
        {
            conflicts.push(Conflict {
                found: format!(
                    "{} is started by tags such as {tag}, which larder's own releases have",
                    workflow.way()
                ),
                hint: "narrow `on: push: tags`, for example to `v[0-9]*`",
            });
        }
    }
    conflicts
}

impl Workflow {
    fn parse(file: &str, text: &str) -> Result<Self> {
        let workflow: Value = serde_yaml::from_str(text).map_err(|error| {
            Error::failed(format!("{FOLDER}/{file} can't be read")).cause(error)
        })?;
        let on = &workflow["on"];
        let event = |name: &str| match on {
            Value::String(text) => (text == name).then_some(&Value::Null),
            Value::Array(list) => list
                .iter()
                .any(|event| event == name)
                .then_some(&Value::Null),
            on => on.get(name),
        };
        let steps = workflow["jobs"].as_object().into_iter().flatten();
        let mut steps = steps.flat_map(|(_, job)| job["steps"].as_array().into_iter().flatten());
        Ok(Self {
            file: file.to_owned(),
            tags: event("push").map_or(Ok(Tags::None), Tags::of_push)?,
            on_release: event("release").is_some(),
            writes: steps.find_map(way_of_writing),
        })
    }

    /// The file, and what in it writes releases.
    fn way(&self) -> String {
        match &self.writes {
            Some(way) => format!("{} ({way})", self.file),
            None => self.file.clone(),
        }
    }
}

/// What in a step writes releases.
fn way_of_writing(step: &Value) -> Option<String> {
    let uses = step["uses"].as_str().unwrap_or_default();
    if ACTIONS.iter().any(|action| uses.starts_with(action)) {
        return uses.split('@').next().map(str::to_owned);
    }
    // A command goes on in the next line after a backslash.
    let run = step["run"].as_str()?.replace("\\\n", " ");
    let run = run.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = COMMANDS.iter().find(|command| run.contains(**command))?;
    Some(format!("`{command}`"))
}

impl Tags {
    /// The value of `on: push:`.
    fn of_push(push: &Value) -> Result<Self> {
        let patterns = |key: &str| -> Result<Option<Vec<Pattern>>> {
            let texts: Vec<&str> = match &push[key] {
                Value::Null => return Ok(None),
                Value::String(text) => vec![text],
                list => list
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect(),
            };
            texts
                .into_iter()
                .map(Pattern::parse)
                .collect::<Result<_>>()
                .map(Some)
        };
        if let Some(patterns) = patterns("tags")? {
            return Ok(Self::Matching(patterns));
        }
        if let Some(patterns) = patterns("tags-ignore")? {
            return Ok(Self::Except(patterns));
        }
        let only_branches = ["branches", "branches-ignore"]
            .iter()
            .any(|key| !push[key].is_null());
        Ok(if only_branches { Self::None } else { Self::All })
    }

    fn contain(&self, tag: &str) -> bool {
        let last = |patterns: &[Pattern]| {
            let mut matching = patterns.iter().rev().filter(|p| p.regex.is_match(tag));
            matching.next().is_some_and(|pattern| !pattern.excludes)
        };
        match self {
            Self::None => false,
            Self::All => true,
            Self::Matching(patterns) => last(patterns),
            Self::Except(patterns) => !last(patterns),
        }
    }

    /// A tag for each pattern that it matches.
    fn samples(&self) -> Vec<String> {
        match self {
            Self::Matching(patterns) => patterns.iter().map(Pattern::sample).collect(),
            _ => Vec::new(),
        }
    }
}

impl Pattern {
    /// Reads a pattern of GitHub's filters: `*` stands for anything but `/`, `**` for anything,
    /// `?` and `+` repeat what is before them, `[]` is a set, and `!` at the start excludes.
    /// <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet>
    fn parse(text: &str) -> Result<Self> {
        let (excludes, body) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut source = String::from("^");
        let mut rest = body.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' if rest.next_if_eq(&'*').is_some() => source.push_str(".*"),
                '*' => source.push_str("[^/]*"),
                '?' | '+' => source.push(c),
                '[' => {
                    let set: String = rest.by_ref().take_while(|c| *c != ']').collect();
                    source.push('[');
                    source.push_str(&set.replace('\\', ""));
                    source.push(']');
                }
                '\\' => source.push_str(&regex::escape(&rest.next().unwrap_or('\\').to_string())),
                c => source.push_str(&regex::escape(&c.to_string())),
            }
        }
        source.push('$');
        let regex = Regex::new(&source).map_err(|error| {
            Error::failed(format!("`{text}` is no pattern of tags")).cause(error)
        })?;
        Ok(Self {
            text: body.to_owned(),
            excludes,
            regex,
        })
    }

    /// A tag that the pattern probably matches.
    fn sample(&self) -> String {
        let mut tag = String::new();
        let mut rest = self.text.chars();
        while let Some(c) = rest.next() {
            match c {
                '*' if tag.ends_with('1') => {}
                '*' => tag.push('1'),
                '?' | '+' | '\\' => {}
                '[' => {
                    tag.extend(rest.next());
                    let _ = rest.by_ref().find(|c| *c == ']');
                }
                c => tag.push(c),
            }
        }
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_tags_are_those_of_github() {
        for (pattern, matching, others) in [
            (
                "v*",
                &["v1", "v1.2.3", "v"][..],
                &["1.2", "v1/2", "nats-v1"][..],
            ),
            ("**", &["v1", "a/b"], &[]),
            (
                "v[0-9]+.[0-9]+.[0-9]+",
                &["v1.20.3"],
                &["v1.2", "v1.2.3-rc", "v1a2a3"],
            ),
            ("v1.?", &["v1.", "v1"], &["v1.2"]),
            ("*-v*", &["nats-v2.10.24"], &["v2"]),
        ] {
            let pattern = Pattern::parse(pattern).expect("a pattern");
            let matches = |tag: &&&str| pattern.regex.is_match(tag);
            assert_eq!(
                matching.iter().find(|tag| !matches(tag)),
                None,
                "{pattern:?}"
            );
            assert_eq!(others.iter().find(matches), None, "{pattern:?}");
        }
    }

    const WRITE: &str = "jobs: {a: {steps: [{uses: softprops/action-gh-release@v2}]}}";

    fn found(workflows: &[&str]) -> Vec<String> {
        let parse =
            |(number, text): (usize, &&str)| Workflow::parse(&format!("{number}.yml"), text);
        let workflows: Vec<Workflow> = workflows
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_>>()
            .expect("workflows");
        let conflicts = conflicts(&workflows, &["nats-v2.10.24".to_owned()]);
        conflicts
            .into_iter()
            .map(|conflict| conflict.found)
            .collect()
    }

    #[test]
    fn workflows_that_write_the_release_of_one_tag_are_found() {
        let on = |on: &str, jobs: &str| format!("on: {on}\n{jobs}\n");
        let run = "jobs: {b: {steps: [{run: \"gh release \\\\\\n  upload v1 x\"}]}}";
        let test = "jobs: {c: {steps: [{run: make test}]}}";
        for (one, other, conflicting) in [
            (
                "{push: {tags: ['v*']}}",
                "{push: {tags: ['v[0-9]+.*']}}",
                true,
            ),
            ("{push: {tags: ['v*']}}", "push", true),
            ("[push, pull_request]", "{push: {tags: [app-1]}}", true),
            (
                "{push: {tags: ['v*']}}",
                "{push: {branches: [main]}}",
                false,
            ),
            (
                "{push: {tags: ['v*']}}",
                "{push: {tags: ['app/v*']}}",
                false,
            ),
            (
                "{push: {tags: ['v*', '!v*-rc*']}}",
                "{push: {tags: ['v*-rc*']}}",
                false,
            ),
            (
                "{push: {tags: ['v*']}}",
                "{push: {tags-ignore: ['v*']}}",
                false,
            ),
            ("pull_request", "workflow_dispatch", false),
        ] {
            let (one, other) = (on(one, WRITE), on(other, run));
            assert_eq!(
                !found(&[&one, &other]).is_empty(),
                conflicting,
                "{one}{other}"
            );
            assert!(found(&[&one]).is_empty(), "{one}");
        }
        let tag = on("{push: {tags: ['v*']}}", WRITE);
        assert_eq!(
            found(&[&tag, &on("push", run), &on("push", test)]),
            [
                "0.yml (softprops/action-gh-release), 1.yml (`gh release upload`) are all started \
              by a tag such as v1.2.3, and write its release"
            ]
        );
        assert!(found(&[&tag, &on("release", run)])[0].contains("1.yml (`gh release upload`) is"));
        assert!(found(&[&on("{push: {tags: ['*']}}", WRITE)])[0].contains("nats-v2.10.24"));
    }
}
