//! `larder add`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::session::supervised;
use super::settings::current_dir;
use crate::report::Verbosity;
use larder_core::error::{Error, Result};
use larder_core::file_lock::Waiting;
use larder_core::model::{FileName, Name};
use larder_core::project::Project;
use larder_core::project::user::url_fault;
use larder_engine::import::aqua;
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
///
/// With `aqua:owner/name`, larder reads the definition of that package in aqua's registry of tools,
/// and translates it into a recipe. `larder search` finds packages.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder add nats github:nats-io/nats-server            the latest release
  larder add nats github:nats-io/nats-server v2.10.24
  larder add search github:BurntSushi/ripgrep --binary rg
  larder add jq github:jqlang/jq --dry-run              show what would be written
  larder add tool github:acme/tool --asset linux-amd64=tool-server-linux
  larder add tool https://dl.example.com/tool-1.2.0-linux-amd64.tar.gz
  larder add aqua:cli/cli                               from aqua's registry, named `cli`
  larder add gh aqua:cli/cli@v2.98.0
  larder add gh aqua:cli/cli --registry ../aqua-registry --offline
  larder add ruff pypi:ruff                             the newest version of a wheel
  larder add hexyl crate:hexyl@0.16.0                   built with cargo")]
pub struct Args {
    /// The name of the subsystem in this project. With `aqua:` it can be left out: the default is
    /// the last part of the package's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// Where it is released: `github:owner/name`, the url of the file for one platform, the package
    /// of a registry, `npm:PACKAGE`, `pypi:PACKAGE` or `crate:NAME`, or a package of aqua's registry,
    /// `aqua:owner/name`. All but the first two may end in `@VERSION`. From a url larder derives the
    /// urls for the other platforms.
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
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
    /// With `aqua:`, read a checkout of aqua-registry in this folder, in place of GitHub.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    registry: Option<Utf8PathBuf>,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let Words {
        name,
        source,
        version,
    } = args.words()?;
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
    let request = AddRequest::new(&project, name, source, version, binaries, assets)?;
    let is_aqua = matches!(request.source, Source::Aqua(_));
    if args.registry.is_some() && !is_aqua {
        return Err(
            Error::usage("`--registry` is only for packages of aqua's registry")
                .hint("write the source as `aqua:owner/name`, or leave out `--registry`"),
        );
    }
    if args.offline && !is_aqua {
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
    let proposal = match &request.source {
        Source::Aqua(package) => {
            if !args.binaries.is_empty() {
                return Err(Error::usage("`--binary` can't be used with `aqua:`")
                    .hint("the definition names the binaries; change the recipe afterwards"));
            }
            let folder = args
                .registry
                .as_ref()
                .map(|dir| registry_folder(dir, global))
                .transpose()?;
            let registry = aqua::Registry {
                folder: folder.as_deref(),
                publishers,
                cache: &global.startup.cache_dir()?,
            };
            aqua::propose(&registry, package, &request, user, &cancel)?
        }
        _ => import::propose(publishers, &request, user, &cancel)?,
    };
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

/// Prints where the publisher states digests.
fn show_checksums(request: &AddRequest, proposal: &Proposal, global: &Global) {
    let Proposal {
        assets,
        checksums,
        sums,
        unrelated,
        inspected,
        recipe,
        ..
    } = proposal;
    let source = &request.source;
    if matches!(source, Source::Aqua(_)) && !recipe.contains("\nupstream:") {
        // What is built has no file of a publisher.
        return;
    }
    let stated = checksums.as_deref().unwrap_or(match source {
        Source::Package(Registry::Crate, ..) => "cargo verifies what it downloads",
        Source::Package(..) => "stated by the registry",
        _ => "the publisher states none; the first download of each asset is trusted and locked",
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
}

/// What the words of the command line mean.
struct Words {
    name: Name,
    source: Source,
    version: Option<String>,
}

impl Args {
    /// The name can be left out before `aqua:owner/name`, and the version can follow it after `@`.
    fn words(&self) -> Result<Words> {
        let missing = || {
            Error::usage(format!("where is `{}` released?", self.name)).hint(format!(
                "such as `larder add {0} github:owner/name`; `larder search {0}` looks for it in aqua's registry",
                self.name
            ))
        };
        let (name, source, version) = if self.name.starts_with("aqua:") {
            if self.version.is_some() {
                return Err(Error::usage(format!("too many words after {}", self.name))
                    .hint("write `larder add [NAME] aqua:owner/name [VERSION]`"));
            }
            (None, &self.name, self.source.clone())
        } else {
            let source = self.source.as_ref().ok_or_else(missing)?;
            (Some(self.name.as_str()), source, self.version.clone())
        };
        let (source, version) = match (source.strip_prefix("aqua:"), version) {
            (Some(package), None) => match package.rsplit_once('@') {
                Some((package, version)) if !version.is_empty() => {
                    (Source::Aqua(package.to_owned()), Some(version.to_owned()))
                }
                _ => (Source::Aqua(package.to_owned()), None),
            },
            (_, version) => (Source::parse(source)?, version),
        };
        let name = match (name, &source) {
            (None, Source::Aqua(package)) => aqua::default_name(package)?,
            (name, _) => name.unwrap_or(&self.name).parse()?,
        };
        Ok(Words {
            name,
            source,
            version,
        })
    }
}

/// The folder after `--registry`.
pub fn registry_folder(dir: &Utf8Path, global: &Global) -> Result<Utf8PathBuf> {
    let dir = global.startup.expand("--registry", dir.as_str())?;
    Ok(current_dir()?.join(dir))
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
        checksums: _,
        sums: _,
        unrelated: _,
        unsure,
        unreadable,
        emulated,
        binaries,
        inspected,
        notes,
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
        show_checksums(request, proposal, global);
        for note in notes {
            global.message(&format!("  {:<15} {note}", "note"));
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
