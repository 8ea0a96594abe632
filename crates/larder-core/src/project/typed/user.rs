//! The user's `config.yml` as typed.

use super::words::HostName;
use crate::project::syntax::decode::At;
use crate::project::syntax::keys::keys;

keys! {
    /// config.yml: what you decide for yourself, whatever a project says.
    pub struct RawUser, required [] {
        /// Base url that stands in for github.com where originals are downloaded.
        "github_mirror" github_mirror: At<String>,
        /// Hosts that may be spoken to over plain http; this machine always may.
        "allow_http" allow_http: Vec<At<HostName>>,
    }
}
