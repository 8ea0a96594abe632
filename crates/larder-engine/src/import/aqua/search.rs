//! Finds packages of aqua's registry by words of their names and descriptions.

use serde::{Deserialize, Serialize};

use larder_core::error::Result;

use super::definition::Package;
use super::registry::last;

/// What is known of all packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The packages, sorted by name.
    pub packages: Vec<Entry>,
}

/// A package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// One line that says what it is.
    pub description: String,
    /// Its home page.
    pub homepage: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// More words to find it by: those of the definition, and the names of its programs.
    pub words: Vec<String>,
}

impl Index {
    /// The index of these packages.
    pub(super) fn of(packages: &[Package]) -> Result<Self> {
        let mut packages: Vec<Entry> = packages.iter().map(entry).collect();
        packages.retain(|entry| !entry.name.is_empty());
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { packages })
    }

    /// The packages that match all of these words, the best ones first.
    pub fn search(&self, words: &[String]) -> Vec<&Entry> {
        let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let mut found: Vec<(u32, &Entry)> = self
            .packages
            .iter()
            .filter_map(|entry| {
                let scores = words.iter().map(|word| entry.score(word));
                Some((scores.collect::<Option<Vec<u32>>>()?.iter().sum(), entry))
            })
            .collect();
        found.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.name.cmp(&b.name)));
        found.into_iter().map(|(_, entry)| entry).collect()
    }

    /// The names that are most like a word.
    pub fn similar(&self, word: &str) -> Vec<&str> {
        let word = word.to_lowercase();
        let mut found: Vec<(f64, &str)> = self
            .packages
            .iter()
            .map(|entry| {
                let name = last(&entry.name).to_lowercase();
                (
                    larder_core::suggestions::similarity(&word, &name),
                    entry.name.as_str(),
                )
            })
            .filter(|(similarity, _)| *similarity > 0.85)
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        found.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

fn entry(package: &Package) -> Entry {
    let files = package
        .keys
        .files
        .iter()
        .flatten()
        .map(|file| file.name.clone());
    let mut words: Vec<String> = package
        .search_words
        .iter()
        .map(|word| word.0.clone())
        .collect();
    words.extend(files);
    let homepage = match package.link.as_str() {
        "" if package.keys.has_repo() => format!("https://github.com/{}", package.keys.repo()),
        link => link.to_owned(),
    };
    Entry {
        name: package.full_name(),
        description: package.description.trim().to_owned(),
        homepage,
        aliases: package
            .aliases
            .iter()
            .map(|alias| alias.name.clone())
            .collect(),
        words,
    }
}

impl Entry {
    /// How well a word in lower case matches; `None` if it does not.
    fn score(&self, word: &str) -> Option<u32> {
        let Self {
            name,
            description,
            homepage: _,
            aliases,
            words,
        } = self;
        let of_name = |name: &str| {
            let name = name.to_lowercase();
            let command = last(&name);
            let score = if name == word || command == word {
                100
            } else if command.split(['-', '_', '.']).any(|part| part == word) {
                60
            } else if command.starts_with(word) {
                50
            } else if command.contains(word) {
                40
            } else if name.contains(word) {
                30
            } else {
                return None;
            };
            // Where the owner has the same name, the package is the owner's main one.
            Some(score + u32::from(score == 100 && name.split('/').all(|part| part == word)))
        };
        let own = of_name(name);
        let other = aliases
            .iter()
            .filter_map(|alias| Some(of_name(alias)? - 5))
            .max();
        let more = words
            .iter()
            .map(|known| known.to_lowercase())
            .filter_map(|known| {
                if known == word {
                    Some(90)
                } else {
                    known.contains(word).then_some(35)
                }
            });
        let text = description.to_lowercase();
        let mut parts = text.split(|c: char| !c.is_alphanumeric());
        let described = if parts.any(|part| part == word) {
            Some(20)
        } else {
            text.contains(word).then_some(10)
        };
        [own, other, more.max(), described]
            .into_iter()
            .flatten()
            .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_matches_are_first() {
        let file = "
packages:
  - {type: github_release, repo_owner: cli, repo_name: cli, description: GitHub's command line tool, files: [{name: gh}]}
  - {type: github_release, repo_owner: a, repo_name: gh-dash, description: A dashboard}
  - {type: github_release, repo_owner: nektos, repo_name: act, description: Runs actions of GitHub}
  - {type: github_release, repo_owner: jqlang, repo_name: jq, description: A JSON processor, aliases: [{name: stedolan/jq}]}
  - {type: http, name: x/yq, description: YAML, search_words: [json]}
";
        let index = Index::of(&super::super::parse(file).unwrap().packages).unwrap();
        for (words, expected) in [
            (vec!["gh"], vec!["cli/cli", "a/gh-dash"]),
            (vec!["JQ"], vec!["jqlang/jq"]),
            (vec!["stedolan"], vec!["jqlang/jq"]),
            (vec!["json"], vec!["x/yq", "jqlang/jq"]),
            (vec!["github", "actions"], vec!["nektos/act"]),
            (vec!["nothing"], vec![]),
        ] {
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let found: Vec<&str> = index
                .search(&words)
                .iter()
                .map(|e| e.name.as_str())
                .collect();
            assert_eq!(found, expected, "{words:?}");
        }
        assert_eq!(index.similar("gh-dahs"), ["a/gh-dash"]);
    }
}
