//! `larder search`.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::Global;
use super::add::registry_folder;
use super::session::supervised;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{SearchDocument, SearchEntry};
use larder_core::human;
use larder_engine::import::aqua::{Entry, REVISION, Registry};
use larder_remote::http;
use larder_remote::origin::Publishers;

/// Search aqua's registry of tools
///
/// Finds packages by words of their names and descriptions; all words must match. `larder add
/// aqua:owner/name` adds one to the project. The first search reads the registry from GitHub and
/// keeps a copy in the cache, so that later ones need no network. It works without a project.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder search kubernetes logs
  larder search ripgrep --json | jq -r '.packages[0].source'
  larder search jq --registry ../aqua-registry       a checkout of the registry")]
pub struct Args {
    /// The words to find.
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// How many packages to show at most; 0 means all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Read a checkout of aqua-registry in this folder, in place of GitHub.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    registry: Option<Utf8PathBuf>,
    /// Use no network; only the copy in the cache is searched.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let words: Vec<String> = args
        .words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .map(str::to_owned)
        .collect();
    if words.is_empty() {
        return Err(
            Error::usage("there is no word to search for").hint("such as `larder search json`")
        );
    }
    let (_runtime, cancel) = supervised()?;
    let settings = global.startup.remote(args.offline)?;
    let folder = args
        .registry
        .as_ref()
        .map(|dir| registry_folder(dir, global))
        .transpose()?;
    let registry = Registry {
        folder: folder.as_deref(),
        publishers: Publishers {
            client: &http::Client::new(settings.http.clone(), cancel),
            settings: &settings,
        },
        cache: &global.startup.cache_dir()?,
    };
    let index = registry.index()?;
    let found = index.search(&words);
    let limit = if args.limit == 0 {
        found.len()
    } else {
        args.limit
    };
    let document = SearchDocument {
        revision: folder.is_none().then(|| REVISION.to_owned()),
        found: found.len(),
        packages: found.iter().take(limit).map(|entry| shown(entry)).collect(),
        words: words.clone(),
    };
    if global.json {
        global.print_json(&document)?;
    } else if found.is_empty() {
        let similar = words.iter().flat_map(|word| index.similar(word));
        let similar: Vec<String> = similar.map(|name| format!("aqua:{name}")).collect();
        let text = words.join(" ");
        global.message(&format!(
            "none of {} matches `{text}`",
            human::count(index.packages.len(), "package")
        ));
        global.message(&if similar.is_empty() {
            format!("fewer or other words may find more; `larder add {} github:owner/name` adds what the registry does not have", words[0])
        } else {
            format!("similar names: {}", similar.join(", "))
        });
    } else {
        let mut table = Table::new(["package", "description"]).flexible(1);
        for entry in &document.packages {
            table.row([
                (entry.source.as_str(), Tone::Strong),
                (entry.description.as_str(), Tone::Plain),
            ]);
        }
        global.print(&table.render(stdout_width(), global.stdout_paint()))?;
        let more = document.found - document.packages.len();
        if more > 0 {
            global.message(&format!(
                "and {more} more: add a word, or `--limit 0` for all"
            ));
        }
        global.message(&format!("next: larder add {}", document.packages[0].source));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(entry: &Entry) -> SearchEntry {
    SearchEntry {
        name: entry.name.clone(),
        description: entry.description.clone(),
        homepage: entry.homepage.clone(),
        source: format!("aqua:{}", entry.name),
    }
}
