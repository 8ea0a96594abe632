//! `larder add`.

use std::process::ExitCode;

use super::Global;
use super::session::supervised;
use crate::report::{self, Verbosity};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::AddDocument;
use larder_core::model::{FileName, Name, Platform};
use larder_core::project::Project;
use larder_engine::import::{self, Proposal, Source, Wish};
use larder_remote::http;
use larder_remote::origin::Publishers;

/// Add a subsystem from what its publisher releases
///
/// Reads the names of a release's assets, downloads one to see which programs it holds, and writes the recipe and the
/// version: the asset's template, its checksums file, what systems and processors are called there. Look it over, then
/// `larder lock NAME --platform all` proves it for every platform.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder add nats github:nats-io/nats-server            the latest release
  larder add nats github:nats-io/nats-server v2.10.24
  larder add search github:BurntSushi/ripgrep --binary rg
  larder add jq github:jqlang/jq --dry-run              what would be written
  larder add tool https://dl.example.com/tool-1.2.0-linux-amd64.tar.gz")]
pub struct Args {
    /// The subsystem's name here.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is released: `github:owner/name`, or the url of one platform's file; the others are looked for beside it.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The version, or the release's tag. Default: the latest release; the one in the url.
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// A binary that is meant (repeatable). Default: what the asset holds.
    #[arg(long = "binary", value_name = "NAME")]
    binaries: Vec<String>,
    /// Print what would be written; write nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Where publishers mostly have something.
const USUAL: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let name: Name = args.name.parse()?;
    let source = source(&args.source)?;
    let binaries = args
        .binaries
        .iter()
        .map(|text| Ok(text.parse::<FileName>()?))
        .collect::<Result<Vec<_>>>()?;
    let project = global.load(&global.root()?)?;
    if let Some(known) = project.subsystems.get(&name) {
        return Err(Error::usage(format!("`{name}` is there already, at {}", known.version))
            .hint(format!("`larder bump {name}` pins another version; remove its recipe and its version to add it anew")));
    }
    let mut platforms = project.platforms.clone();
    platforms.extend(
        USUAL
            .iter()
            .filter_map(|text| text.parse::<Platform>().ok()),
    );
    platforms.sort();
    platforms.dedup();
    let schema = Wish::schema_of(&project);
    let wish = Wish {
        schema,
        name,
        source,
        version: args.version.clone(),
        binaries,
        platforms,
    };
    let (_runtime, cancel) = supervised()?;
    let settings = global.startup.remote(args.offline)?;
    let publishers = Publishers {
        client: &http::Client::new(settings.http.clone(), cancel.clone()),
        settings: &settings,
    };
    let user = &global.startup.user;
    let proposal = import::propose(publishers, &wish, user, &cancel)?;
    cancel.check()?;
    let written = if args.dry_run {
        Vec::new()
    } else {
        import::write(&project, user, &wish.name, &proposal)?
    };
    let written: Vec<String> = written
        .iter()
        .map(|path| path.strip_prefix(&project.root).unwrap_or(path).to_string())
        .collect();
    if global.json {
        global.print_json(&document(&wish, proposal, written))?;
    } else {
        tell(&wish, &proposal, &written, &project, global)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The source that is meant.
fn source(text: &str) -> Result<Source> {
    let wrong = |hint: &str| {
        Err(Error::usage(format!("`{text}` is no source that can be added from")).hint(hint))
    };
    let Some(repo) = text.strip_prefix("github:") else {
        let page = text
            .strip_prefix("https://github.com/")
            .map(|rest| rest.trim_end_matches('/').trim_end_matches(".git"));
        return match page {
            Some(repo) if repo.matches('/').count() == 1 => {
                wrong(&format!("write `github:{repo}`"))
            }
            _ if text.contains("://") => Ok(Source::Url(http::parse_url(text)?.to_string())),
            _ => wrong(
                "write `github:owner/name`, or a url; for `npm:` and `pypi:` write the recipe by hand",
            ),
        };
    };
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    match repo.split_once('/') {
        Some((owner, name)) if part(owner) && part(name) => Ok(Source::GitHub(repo.to_owned())),
        _ => wrong("write `github:owner/name`, such as github:nats-io/nats-server"),
    }
}

fn document(wish: &Wish, proposal: Proposal, written: Vec<String>) -> AddDocument {
    let Proposal {
        version,
        tag,
        assets,
        missing,
        checksums,
        silent: _,
        binaries,
        seen,
        recipe,
    } = proposal;
    AddDocument {
        name: wish.name.clone(),
        version,
        source: wish.source.to_string(),
        tag,
        binaries: binaries.iter().map(ToString::to_string).collect(),
        assets: assets
            .into_iter()
            .map(|(platform, asset)| (platform.to_string(), asset))
            .collect(),
        missing,
        checksums,
        seen,
        recipe,
        written,
    }
}

/// What was guessed, for whoever looks it over.
fn tell(
    wish: &Wish,
    proposal: &Proposal,
    written: &[String],
    project: &Project,
    global: &Global,
) -> Result<()> {
    let Proposal {
        version,
        tag,
        assets,
        missing,
        checksums,
        silent,
        binaries,
        seen,
        recipe,
    } = proposal;
    let Wish { name, source, .. } = wish;
    if global.verbosity() != Verbosity::Quiet {
        let release = tag
            .as_ref()
            .map_or(String::new(), |tag| format!("the release {tag} of "));
        report::say(&format!("{name} {version}, from {release}{source}"));
        for (platform, asset) in assets {
            report::say(&format!("  {platform:<15} {asset}"));
        }
        for platform in missing {
            let wanted = if project.platforms.contains(platform) {
                ", though the project is for it"
            } else {
                ""
            };
            report::say(&format!("  {platform:<15} no asset: left out{wanted}"));
        }
        let names: Vec<&str> = binaries.iter().map(FileName::as_str).collect();
        report::say(&format!(
            "  {:<15} {} (seen in the asset for {seen})",
            "binaries",
            names.join(", ")
        ));
        let stated = checksums
            .as_deref()
            .unwrap_or("nobody states digests: the first download of each is trusted, and locked");
        report::say(&format!("  {:<15} {stated}", "checksums"));
        if checksums.is_none() && !silent.is_empty() {
            report::say(&format!(
                "  {:<15} {} says nothing of the asset for {seen}",
                "",
                silent.join(", ")
            ));
        }
        for path in written {
            report::say(&format!("wrote {path}"));
        }
        if !written.is_empty() {
            report::say(&format!("next: larder lock {name} --platform all"));
        }
    }
    if written.is_empty() {
        report::print(&format!(
            "# versions.yml, under `versions`:\n#   {name}: {version}\n# subsystems/{name}/recipe.yml:\n{recipe}"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        assert_eq!(
            source("github:nats-io/nats-server").unwrap(),
            Source::GitHub("nats-io/nats-server".into())
        );
        assert_eq!(
            source("https://x.example/a-1.0").unwrap(),
            Source::Url("https://x.example/a-1.0".into())
        );
        for wrong in [
            "nats",
            "github:nats",
            "github:a/b/c",
            "github:../x",
            "npm:esbuild",
            "https://github.com/a/b",
            "ftp://x/y",
        ] {
            assert_eq!(
                source(wrong).unwrap_err().kind(),
                larder_core::Kind::Usage,
                "{wrong}"
            );
        }
        assert_eq!(
            source("https://github.com/a/b.git").unwrap_err().hints(),
            ["write `github:a/b`"]
        );
    }
}
