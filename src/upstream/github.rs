//! An asset of a GitHub release, by its direct download url: no API call.

use super::{Fetched, Stated};
use crate::env;
use crate::error::Result;
use crate::net::{Client, Request};
use crate::project::Checksum;

/// Fetches an asset.
pub fn fetch(
    client: &Client,
    repo: &str,
    tag: &str,
    asset: &str,
    _checksum: Option<&Checksum>,
    _ask_statements: bool,
) -> Result<Option<Fetched>> {
    let base = env::value(env::UPSTREAM_GITHUB).unwrap_or_else(|| "https://github.com".into());
    let url = format!("{}/{repo}/releases/download/{tag}/{asset}", base.trim_end_matches('/'));
    let Some(download) = client.get(Request::get(&url)?.visible(true))? else { return Ok(None) };
    let place = format!("https://github.com/{repo}/releases/download/{tag}/{asset}");
    let stated: Vec<Stated> = Vec::new();
    Ok(Some(Fetched { size: download.size(), reader: Box::new(download), file_name: asset.to_owned(), stated, place }))
}
