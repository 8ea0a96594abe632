//! Module proxies of Go: <https://go.dev/ref/mod#goproxy-protocol>. A proxy fetches a version from its
//! repository when somebody asks for it, and remembers for a while that it was not there.

use std::ffi::OsStr;

use serde_json::Value;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use super::login::{Place, with_login};
use crate::http::{Client, Request};
use crate::settings::RemoteSettings;
use crate::tool::{ClientVariables, Tools};

const VARIABLES: ClientVariables = ClientVariables {
    own: &[
        "GOENV",
        "GONOPROXY",
        "GOPRIVATE",
        "GOPROXY",
        "XDG_CONFIG_HOME",
    ],
    defaults: &[("GOTOOLCHAIN", "local")],
};

/// A proxy, and the module that it is asked for.
#[derive(Debug)]
pub struct Proxy {
    place: Place,
    /// The module's path as it is in urls.
    module: String,
}

/// What a proxy knows of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The commit that it was made from, if the proxy says so.
    pub commit: Option<String>,
}

impl Proxy {
    /// The first proxy that `go` asks for a module; `None` if it asks none: the module is private, or
    /// `direct` or `off` comes first, or nothing says which proxy there is.
    pub fn find(module: &str, settings: &RemoteSettings, cancel: &Cancel) -> Result<Option<Self>> {
        let names = ["GOPROXY", "GONOPROXY", "GOPRIVATE"];
        let environment = &settings.environment;
        let mut values = names.map(|name| environment.text(name).unwrap_or_default().to_owned());
        // `go` has a configuration of its own, and defaults.
        let args = ["env", "-json", "GOPROXY", "GONOPROXY", "GOPRIVATE"].map(OsStr::new);
        let output = Tools::new(settings, cancel).run(&["go"], &args, &VARIABLES)?;
        if let Some(output) = output.filter(|output| output.status.success()) {
            let value: Value = serde_json::from_str(&output.out).unwrap_or_default();
            for (name, place) in names.iter().zip(&mut values) {
                if let Some(text) = value.get(name).and_then(Value::as_str) {
                    text.clone_into(place);
                }
            }
        }
        let [proxies, no_proxy, private] = values;
        let no_proxy = if no_proxy.is_empty() {
            private
        } else {
            no_proxy
        };
        if is_matched(&no_proxy, module) {
            return Ok(None);
        }
        let first = proxies.split([',', '|']).map(str::trim).next();
        match first.unwrap_or_default() {
            url if url.starts_with("http://") || url.starts_with("https://") => Ok(Some(Self {
                place: with_login(url)?,
                module: escaped(module),
            })),
            _ => Ok(None),
        }
    }

    /// The url of the proxy, without a secret.
    pub fn shown(&self) -> String {
        crate::http::shown(&self.place.url)
    }

    /// Asks the proxy for a version, which makes it fetch that version; `None` if it has not got it.
    pub fn info(&self, version: &str, client: &Client) -> Result<Option<Info>> {
        let Self { place, module } = self;
        let path = format!("{module}/@v/{}.info", escaped(version));
        let url = place.url.join(&path);
        let url = url.map_err(|error| Error::usage("GOPROXY has no url").cause(error))?;
        let request = Request::get(url.as_str())?
            .credential(&place.credential)
            .header("cache-control", "no-cache")?
            .anything()
            .limit(1 << 20);
        let answer = client.send(request)?;
        match answer.status {
            404 | 410 => Ok(None),
            _ if answer.is_success() => {
                let value: Value = answer.json()?;
                let commit = value.pointer("/Origin/Hash").and_then(Value::as_str);
                Ok(Some(Info {
                    commit: commit.map(str::to_owned),
                }))
            }
            _ => Err(answer.error()),
        }
    }
}

/// A path or a version as it is in the urls of a proxy, which know no capital letters.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(c.to_ascii_lowercase());
    }
    escaped
}

/// Whether one of some patterns with commas between them matches a module or a folder that it is in.
fn is_matched(patterns: &str, module: &str) -> bool {
    patterns
        .split(',')
        .map(|pattern| pattern.trim().trim_end_matches('/'))
        .filter(|pattern| !pattern.is_empty())
        .any(|pattern| {
            let parts: Vec<&str> = pattern.split('/').collect();
            let module: Vec<&str> = module.split('/').collect();
            parts.len() <= module.len()
                && parts
                    .iter()
                    .zip(&module)
                    .all(|(pattern, part)| matches(pattern.as_bytes(), part.as_bytes()))
        })
}

/// Whether a part of a path is what a pattern with `*` and `?` means.
fn matches(pattern: &[u8], part: &[u8]) -> bool {
    match (pattern.split_first(), part.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, part)
                || part
                    .split_first()
                    .is_some_and(|(_, part)| matches(pattern, part))
        }
        (Some((b'?', rest)), Some((_, part))) => matches(rest, part),
        (Some((c, rest)), Some((d, part))) => c == d && matches(rest, part),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_modules_are_known_by_their_patterns() {
        for (patterns, module, expected) in [
            ("", "a.example/arc", false),
            ("a.example", "a.example/arc", true),
            ("a.example/arc", "a.example/arc/v2", true),
            ("a.example/ar", "a.example/arc", false),
            ("b.example,*.example/a?c", "a.example/arc", true),
            ("a.example/arc/v2", "a.example/arc", false),
            ("*", "a.example/arc", true),
        ] {
            assert_eq!(
                is_matched(patterns, module),
                expected,
                "{patterns} {module}"
            );
        }
    }

    #[test]
    fn capital_letters_are_escaped() {
        assert_eq!(escaped("a.example/Acme/Arc"), "a.example/!acme/!arc");
        assert_eq!(escaped("v1.2.3-RC.1"), "v1.2.3-!r!c.1");
    }
}
