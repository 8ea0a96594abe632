//! Renders the public url of an asset.

use super::Subsystem;
use crate::error::{Error, Result};
use crate::model::{AssetName, Platform, Tag};
use crate::project::urls::parse_url;

impl Subsystem {
    /// The public url of an asset by `publish.url`; `None` if the files have none.
    pub fn asset_url(
        &self,
        tag: &Tag,
        asset: &AssetName,
        platform: &Platform,
    ) -> Result<Option<String>> {
        let Some(template) = &self.publish.url else {
            return Ok(None);
        };
        let variables = self
            .variables(*platform)
            .asset(tag.as_str(), asset.as_str());
        let refused = |message: String, hint: Option<String>| {
            let error = Error::usage(format!("`publish.url` of {} can't be used", self.name))
                .cause(message);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        };
        let url = template
            .render(&variables)
            .map_err(|fault| refused(fault.message, fault.hint))?;
        parse_url(&url).map_err(|(message, hint)| refused(message, Some(hint.to_owned())))?;
        if url.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'`\\<>".contains(c)) {
            let hint = "package managers write it into scripts; percent-encode such characters";
            return Err(refused(
                format!("`{}` contains a space or a quote", url.escape_debug()),
                Some(hint.to_owned()),
            ));
        }
        Ok(Some(url))
    }
}
