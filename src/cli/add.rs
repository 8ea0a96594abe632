//! `larder add`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::Global;
use super::session::supervised;
use crate::report::Verbosity;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::model::{FileName, Name};
use larder_core::project::Project;
use larder_core::project::user::url_fault;
use larder_engine::import::{self, AddRequest, Proposal, Source};
use larder_engine::versions::as_if_pinned;
use larder_remote::http;
use larder_remote::origin::{Publishers, Registry};

/// Add a subsystem from its publisher's releases, or from a registry
///
/// larder reads the asset names of a release and downloads one asset to see which programs it
/// contains. Where a name does not tell the operating system or the processor, it reads the header
/// of the program. Then it writes the recipe and adds the version to versions.yml. The recipe
/// contains the template of the asset's name, the checksums file, and the publisher's names for
/// operating systems and processors. What larder is not sure about it says, or it asks: `--asset`
/// answers. A package of npm or of the Python index must contain a program; a crate is built.
/// Review the recipe, then run `larder lock NAME --platform all` to check it for every
/// platform.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder add nats github:nats-io/nats-server            the latest release
  larder add nats github:nats-io/nats-server v2.10.24
  larder add search github:BurntSushi/ripgrep --binary rg
  larder add jq github:jqlang/jq --dry-run              show what would be written
  larder add tool github:acme/tool --asset linux-amd64=tool-server-linux
  larder add ruff pypi:ruff                             the newest version of a wheel
  larder add hexyl crate:hexyl@0.16.0                   built with cargo
  larder add tool https://dl.example.com/tool-1.2.0-linux-amd64.tar.gz")]
pub struct Args {
    /// The name of the subsystem in this project.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is released: `github:owner/name`, the url of the file for one platform, or the
    /// package of a registry, `npm:PACKAGE`, `pypi:PACKAGE` or `crate:NAME`, which may end in
    /// `@VERSION`. From a url larder derives the urls for the other platforms.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The version, or the release's tag. Default: the latest one, or the version in the url.
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// A binary to install (repeatable). Default: all programs in the asset.
    #[arg(long = "binary", value_name = "NAME")]
    binaries: Vec<String>,
    /// The asset for a platform, as PLATFORM=NAME (repeatable). Default: guessed from the names of
    /// the assets. The assets for other platforms are then those of the same product.
    #[arg(long = "asset", value_name = "PLATFORM=NAME")]
    assets: Vec<String>,
    /// Print what would be written, and write nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let name: Name = args.name.parse()?;
    let source = Source::parse(&args.source)?;
    let binaries = args
        .binaries
        .iter()
        .map(|text| Ok(text.parse::<FileName>()?))
        .collect::<Result<Vec<_>>>()?;
    let assets = args
        .assets
        .iter()
        .map(|text| AddRequest::asset(text))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let root = global.root()?;
    let project = match global.load(&root) {
        Ok(project) => project,
        Err(error) => {
            // Unless a run that was interrupted has written the recipe already.
            let user = &global.startup.user;
            let mut project = as_if_pinned(&root, &name, user).ok_or(error)?;
            project.subsystems.remove(&name);
            project
        }
    };
    let version = args.version.clone();
    let request = AddRequest::new(&project, name, source, version, binaries, assets)?;
    if args.offline {
        return Err(Error::unavailable(
            "`add` reads the publisher's releases, which needs the network",
        )
        .hint("run it without `--offline`"));
    }
    if let Source::Url(url) = &request.source
        && let Some((message, hint)) = url_fault(url, Some(&global.startup.user))
    {
        return Err(Error::usage(message).hint(hint));
    }
    let (_runtime, cancel) = supervised()?;
    let settings = global.startup.remote(args.offline)?;
    let publishers = Publishers {
        client: &http::Client::new(settings.http.clone(), cancel.clone()),
        settings: &settings,
    };
    let user = &global.startup.user;
    let proposal = import::propose(publishers, &request, user, &cancel)?;
    cancel.check()?;
    let written = if args.dry_run {
        Vec::new()
    } else {
        let told = global.clone();
        let tell = move |text: String| told.message(&text);
        let waiting = Waiting::new(settings.locks.clone(), cancel, tell);
        import::write(&project, user, &request.name, &proposal, &waiting)?
    };
    let written: Vec<String> = written.iter().map(|path| project.relative(path)).collect();
    if global.json {
        global.print_json(&import::document(&request, proposal, written))?;
    } else {
        show(&request, &proposal, &written, &project, global)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what was found out about the release, so that the user can review it.
fn show(
    request: &AddRequest,
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
        sums,
        unrelated,
        unsure,
        unreadable,
        emulated,
        binaries,
        inspected,
        recipe,
    } = proposal;
    let AddRequest { name, source, .. } = request;
    if global.verbosity() != Verbosity::Quiet {
        let release = tag
            .as_ref()
            .map_or(String::new(), |tag| format!("the release {tag} of "));
        global.message(&format!("{name} {version}, from {release}{source}"));
        for (platform, asset) in assets {
            global.message(&format!("  {platform:<15} {asset}"));
        }
        for platform in missing {
            let wanted = if project.platforms.contains(platform) {
                ", although the project lists this platform"
            } else {
                ""
            };
            let only = unreadable.get(platform).map_or(String::new(), |package| {
                format!(", only {package}, which larder can't open")
            });
            global.message(&format!(
                "  {platform:<15} no asset{only}, left out{wanted}"
            ));
        }
        let names: Vec<&str> = binaries.iter().map(FileName::as_str).collect();
        let seen = inspected.map_or(String::new(), |platform| {
            let what = match source {
                Source::Package(..) => "package",
                _ => "asset",
            };
            format!(" (seen in the {what} for {platform})")
        });
        global.message(&format!("  {:<15} {}{seen}", "binaries", names.join(", ")));
        let stated = checksums.as_deref().unwrap_or(match source {
            Source::Package(Registry::Crate, ..) => "cargo verifies what it downloads",
            Source::Package(..) => "stated by the registry",
            _ => {
                "the publisher states none; the first download of each asset is trusted and locked"
            }
        });
        let only: Vec<String> = if sums.len() < assets.len() {
            sums.keys().map(ToString::to_string).collect()
        } else {
            Vec::new()
        };
        let only = if only.is_empty() {
            String::new()
        } else {
            format!(" (only for {})", only.join(", "))
        };
        global.message(&format!("  {:<15} {stated}{only}", "checksums"));
        if let Some(inspected) = inspected
            && !sums.contains_key(inspected)
            && !unrelated.is_empty()
        {
            global.message(&format!(
                "  {:<15} {} does not list the asset for {inspected}",
                "",
                unrelated.join(", ")
            ));
        }
        for doubt in unsure {
            global.message(&format!("  {:<15} {doubt}", "not sure"));
        }
        if let Some(platform) = emulated.first() {
            global.message(&format!(
                "  {:<15} `emulate: true` in the recipe takes the amd64 program for {platform}, which its system can run",
                "hint"
            ));
        }
        for path in written {
            global.message(&format!("wrote {path}"));
        }
        let next = match source {
            Source::Package(Registry::Crate, ..) => format!("larder ensure {name}"),
            _ => format!("larder lock {name} --platform all"),
        };
        if !written.is_empty() {
            global.message(&format!("next: {next}"));
        }
    }
    if written.is_empty() {
        global.print(&format!(
            "# versions.yml, under `versions`:\n#   {name}: {version}\n# subsystems/{name}/recipe.yml:\n{recipe}"
        ))?;
    }
    Ok(())
}
