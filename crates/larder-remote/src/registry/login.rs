//! Urls of the configuration of other clients, which may have a user name and a password in them.

use larder_core::error::Result;

use crate::http::{Credential, Secret, Site, Url, parse_url};

/// A folder on a server, and the login that its url had.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The url without a login; it ends with a slash.
    pub(super) url: Url,
    pub(super) credential: Option<Credential>,
}

/// Takes the login out of a url. It is sent to the url's origin only.
pub(super) fn with_login(text: &str) -> Result<Place> {
    let mut url = Url::parse(text).or_else(|_| parse_url(text))?;
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text);
        text.decode_utf8_lossy().into_owned()
    };
    let user = decoded(url.username());
    let password = url.password().map(decoded).unwrap_or_default();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    let site = Site::of(&url);
    let credential =
        (!user.is_empty()).then(|| Credential::basic(&user, &Secret::new(password), [site]));
    Ok(Place { url, credential })
}
