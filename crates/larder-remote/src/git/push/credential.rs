//! Hands a token to git without an argument, a file or a url: as a variable that a credential
//! helper prints. git asks the helper for one origin alone, also when the server redirects
//! elsewhere.

use larder_core::environment::Environment;

use super::add_settings;

use crate::http::{Secret, Site, Url};

/// The variable of git's process that has the token.
const VARIABLE: &str = "HOST_TOKEN";

/// A token for one web origin.
#[derive(Clone, Debug)]
pub struct HostToken {
    site: Site,
    token: Secret,
}

impl HostToken {
    /// A token for the origin of a url.
    pub fn new(token: Secret, url: &Url) -> Self {
        let site = Site::of(url);
        Self { site, token }
    }

    /// The settings that let git find the token. No other helper is asked for this origin.
    fn settings(&self) -> [(String, String); 2] {
        let name = format!("credential.{}.helper", self.site);
        let helper = format!(
            "!f() {{ test \"$1\" != get || printf 'username=x-access-token\\npassword=%s\\n' \"${VARIABLE}\"; }}; f"
        );
        [(name.clone(), String::new()), (name, helper)]
    }

    /// Lets a git with this environment log in with the token.
    pub(in crate::git) fn give_to(&self, environment: &mut Environment) {
        add_settings(environment, &self.settings());
        environment.set(VARIABLE, self.token.expose());
    }
}
