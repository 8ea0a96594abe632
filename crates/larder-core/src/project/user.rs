//! The user's own configuration, `config.yml`: what a project must not decide for those who use it. Read once a run, when
//! it is first asked for; a run that finds everything up to date never asks.
//!
//! `$LARDER_CONFIG`, else `larder/config.yml` in `$XDG_CONFIG_HOME`, `~/.config`, or on Windows `%APPDATA%`. Variables beat
//! it. As strict as the project's files, and knows nothing of them.

use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::variables;

use super::decode::{At, Decode, Reader, Spot};
use super::load::{read_limited, sorted};
use super::raw::RawUser;
use super::render::{Web, web_url};
use super::yaml::{self, Source};

static USER: OnceLock<Result<User>> = OnceLock::new();

/// What the user configured, variables laid over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Stands in for `https://github.com` where originals are downloaded.
    pub github_mirror: Option<String>,
    /// Hosts that may be spoken to over plain http, besides this machine.
    pub allow_http: Vec<String>,
}

impl User {
    /// This run's; read on the first call.
    pub fn get() -> Result<&'static Self> {
        USER.get_or_init(Self::read).as_ref().map_err(Clone::clone)
    }

    /// What is wrong with it, if it was asked for and could not be read.
    pub(super) fn broken() -> Option<Error> {
        USER.get().and_then(|user| user.as_ref().err().cloned())
    }

    fn read() -> Result<Self> {
        let mut user = match path()? {
            Some(path) => Self::from_file(&path)?,
            None => Self::default(),
        };
        user.github_mirror = variables::value(variables::UPSTREAM_GITHUB).or(user.github_mirror);
        user.allow_http.extend(variables::plain_http_hosts());
        Ok(user)
    }

    fn from_file(path: &Utf8Path) -> Result<Self> {
        let Some((bytes, _)) = read_limited(path)? else {
            return match variables::value(variables::CONFIG) {
                Some(_) => Err(Error::usage(format!("there is no {path}"))
                    .hint(format!("{} names the file; unset it", variables::CONFIG))),
                None => Ok(Self::default()),
            };
        };
        let (source, refused) = Source::new(path.to_owned(), bytes);
        let mut reader = Reader::new(&source);
        reader.problems.extend(refused);
        let user = Self::from_source(&source, &mut reader);
        if reader.problems.is_empty() {
            Ok(user)
        } else {
            Err(Error::problems_in(
                "your configuration",
                sorted(reader.problems),
            ))
        }
    }

    fn from_source(source: &Source, reader: &mut Reader<'_>) -> Self {
        let mut user = Self::default();
        if !reader.problems.is_empty() {
            return user;
        }
        let (node, problems) = yaml::parse(source);
        reader.problems.extend(problems);
        // An empty file configures nothing.
        let Some(node) = node.filter(|node| !node.is_null()) else {
            return user;
        };
        let Some(RawUser {
            github_mirror,
            allow_http,
            spans: _,
        }) = RawUser::decode(&node, Spot::File, reader)
        else {
            return user;
        };
        user.allow_http = allow_http
            .into_iter()
            .flatten()
            .map(|At { value, span: _ }| value.0)
            .collect();
        if let Some(At { value, span }) = github_mirror {
            match web_url(&value) {
                Ok(Web::Https) => {}
                Ok(Web::Http(host)) if is_allowed(host, &user.allow_http) => {}
                Ok(Web::Http(host)) => {
                    let message =
                        format!("`{value}` can't be used: plain http can be changed on its way");
                    reader.problem(
                        &span,
                        message,
                        format!("use https, or allow the host here: `allow_http: [{host}]`"),
                    );
                }
                Err((message, hint)) => reader.problem(&span, message, hint),
            }
            user.github_mirror = Some(value);
        }
        user
    }
}

/// Whether plain http to a host is fine: it is this machine, or among these.
pub fn is_allowed(host: &str, hosts: &[String]) -> bool {
    variables::is_loopback(host)
        || hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
}

/// Where the file would be; `None` where nothing tells.
fn path() -> Result<Option<Utf8PathBuf>> {
    if let Some(path) = variables::value(variables::CONFIG).map(Utf8PathBuf::from) {
        if path.is_absolute() {
            return Ok(Some(path));
        }
        return Err(Error::usage(format!(
            "{} is `{path}`, which is not absolute",
            variables::CONFIG
        ))
        .hint("name an absolute path"));
    }
    let folder = |name: &str| {
        variables::value(name)
            .map(Utf8PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = if cfg!(windows) {
        folder("APPDATA")
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    Ok(base.map(|base| base.join("larder/config.yml")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read() {
        let read = |text: &str| {
            let source = Source {
                file: "config.yml".into(),
                text: text.into(),
            };
            let mut reader = Reader::new(&source);
            let user = User::from_source(&source, &mut reader);
            if reader.problems.is_empty() {
                Ok(user)
            } else {
                Err(reader.problems)
            }
        };
        for empty in ["", "# nothing\n", "{}\n"] {
            assert_eq!(read(empty), Ok(User::default()), "{empty}");
        }
        let user =
            read("github_mirror: http://Mirror.corp:8080/github\nallow_http: [mirror.corp]\n")
                .expect("it is right");
        assert_eq!(
            user.github_mirror.as_deref(),
            Some("http://Mirror.corp:8080/github")
        );
        assert!(
            is_allowed("MIRROR.corp", &user.allow_http)
                && !is_allowed("x.mirror.corp", &user.allow_http)
        );
        for wrong in [
            "github_mirror: http://mirror.corp\n",
            "github_mirror: mirror.corp\n",
            "github_mirror: https://me:pass@mirror.corp\n",
            "github_mirror: [https://mirror.corp]\n",
            "allow_http: mirror.corp\n",
            "allow_http: ['http://mirror.corp']\n",
            "allow_http: ['mirror.corp:80']\n",
            "allow_http: ['*']\n",
            "token: x\n",
            "- a\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
