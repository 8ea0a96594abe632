//! The keys of the user's `config.yml` as they are written.

use super::trust::RequireWord;
use super::words::HostName;
use crate::project::syntax::decode::At;
use crate::project::syntax::keys::keys;

keys! {
    /// config.yml: your own settings, which apply to every project on this machine.
    /// A project can't change them. The file is optional; an empty file sets nothing.
    pub struct RawUser, required [] {
        /// The base url of a mirror that larder uses in place of `https://github.com` for originals
        /// and their tags.
        /// It must be an https url, or an http url of a host in `allow_http`;
        /// it can't contain a user or a password.
        /// The default is no mirror. `LARDER_UPSTREAM_GITHUB` takes precedence over this key.
        "github_mirror" github_mirror: At<String>,
            since "0.1.0", default "https://github.com itself",
            example "https://mirror.example.com/github";
        /// The hosts that larder may contact over plain http,
        /// each without a scheme and without a port.
        /// The default is none. This machine (`localhost` and loopback addresses) is always
        /// allowed.
        /// `LARDER_ALLOW_HTTP` adds more hosts.
        "allow_http" allow_http: Vec<At<HostName>>,
            since "0.1.0", example ["files.example.com"];
        /// With `signature`, what comes from elsewhere must be signed, in every project:
        /// an asset of a hub by a key of the project's `trust.managed`,
        /// an original by its publisher, as `upstream.signature` of the recipe says.
        /// No file of a project loosens this.
        "require" require: At<RequireWord>,
            since "0.1.0", default "what each project says in `trust`", example "signature";
    }
}
