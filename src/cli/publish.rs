//! `larder publish`.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::Global;
use super::session::Session;
use super::settings::current_dir;
use larder_core::error::{Error, Result};
use larder_core::model::ChannelKind;
use larder_engine::context::Options;
use larder_engine::plan::Selection;
use larder_engine::publish::{RenderOptions, render_all};

/// Write the files of package managers for a release
///
/// Every package manager is a channel that is fed from the hub's release. `publish:` of a recipe
/// says which channels a subsystem has. With `--render` the files of the channels are written to a
/// folder: formulae, manifests, packages, images, scripts. That needs no network and no tool of a
/// channel; what is installed or packaged for all platforms of the project stands in for the
/// release. The same release gives the same files, byte for byte, on any machine.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder publish all --render
  larder publish nats --render --to homebrew,deb --out site/packages")]
pub struct Args {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    channels: ChannelArgs,
    /// Only write the files of the channels.
    #[arg(long, required = true)]
    render: bool,
    /// The folder for the files: DIR/<name>/<channel>/… Default: .dist/channels.
    #[arg(long, value_name = "DIR", requires = "render")]
    out: Option<Utf8PathBuf>,
}

/// Which channels.
#[derive(Clone, Debug, clap::Args)]
struct ChannelArgs {
    /// Only these channels (repeatable, or separated by commas).
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    to: Vec<ChannelKind>,
    /// Not these channels.
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    skip: Vec<ChannelKind>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let out = match &args.out {
        Some(out) if out.as_str().is_empty() => {
            return Err(Error::usage("`--out` is empty").hint("name a folder"));
        }
        // Where the user is, not where the project is.
        Some(out) => Some(current_dir()?.join(out)),
        None => None,
    };
    let options = RenderOptions {
        to: args.channels.to.clone(),
        skip: args.channels.skip.clone(),
        out,
    };
    let errors = render_all(&session.ctx, &selection, &options);
    Ok(session.end(errors.into()))
}
