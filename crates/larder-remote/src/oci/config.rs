//! Finds the login for a registry in Docker's configuration: `$DOCKER_CONFIG/config.json`, else
//! `~/.docker/config.json`. The order is Docker's: the registry's own program in `credHelpers`, the
//! one in `credsStore`, then what stands in the file itself under `auths`.
//!
//! No text of the file ever gets into a message, because any of it can be a secret.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_process::{Captured, Command, Ended};
use serde_json::Value;

use crate::http::Secret;

/// The largest configuration that is read.
const MAX_CONFIG: u64 = 4 << 20;
/// The time limit for a program that keeps logins; it may have to ask a server.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The user name that stands for "the secret is an identity token".
const IDENTITY: &str = "<token>";
/// The variables of the programs that keep logins, besides those that every program gets. A program
/// of another cloud does not see them.
const HELPER_VARIABLES: &[(&str, &[&str])] = &[
    ("ecr", &["AWS_*"]),
    ("acr", &["AZURE_*"]),
    ("gcloud", &["GOOGLE_*", "CLOUDSDK_*"]),
    ("gcr", &["GOOGLE_*", "CLOUDSDK_*"]),
    ("pass", &["GNUPGHOME", "PASSWORD_STORE_*"]),
];
/// What reaches the keyring of a desktop, and Docker's own folder.
const COMMON_VARIABLES: &[&str] = &[
    "DOCKER_CONFIG",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_*",
];

/// Who the user is at a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// A name and a password, or a token in its place.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that is exchanged for others.
    Identity(Secret),
}

impl Login {
    /// `None` if a part is empty: Docker writes empty entries where a program keeps the login.
    fn new(user: &str, secret: &str) -> Option<Self> {
        let password = Secret::new(secret);
        if user.is_empty() || password.expose().is_empty() {
            return None;
        }
        Some(if user == IDENTITY {
            Self::Identity(password)
        } else {
            let user = user.to_owned();
            Self::Password { user, password }
        })
    }
}

/// Where Docker's configuration is; `None` if there is no home.
pub(super) fn place(environment: &Environment) -> Option<PathBuf> {
    let folder = if let Some(folder) = environment.value("DOCKER_CONFIG") {
        PathBuf::from(folder)
    } else {
        let home = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        PathBuf::from(environment.value(home)?).join(".docker")
    };
    Some(folder.join("config.json"))
}

/// The login for a registry; `None` if there is none.
pub(super) fn login(
    registry: &str,
    environment: &Environment,
    cancel: &Cancel,
) -> Result<Option<Login>> {
    let Some(path) = place(environment) else {
        return Ok(None);
    };
    let Some(bytes) = fs::read_bounded(&path, MAX_CONFIG)? else {
        return Ok(None);
    };
    let shown = path.display();
    let wrong = |why: &str| {
        Error::usage(format!("the logins in {shown} can't be read"))
            .cause(why.to_owned())
            .hint(format!("`docker login {registry}` writes the file again"))
    };
    // Reading it as any JSON keeps its texts out of the parser's messages.
    let config: Value =
        serde_json::from_slice(&bytes).map_err(|_| wrong("it is no JSON document"))?;

    let (entry_name, entry) = match config["auths"].as_object() {
        Some(auths) => auths
            .iter()
            .find(|(name, _)| host_of(name).eq_ignore_ascii_case(registry))
            .map_or((registry, &Value::Null), |(name, entry)| (name, entry)),
        None => (registry, &Value::Null),
    };
    let helper = match config["credHelpers"].as_object() {
        Some(helpers) => helpers
            .iter()
            .find(|(name, _)| host_of(name).eq_ignore_ascii_case(registry))
            .and_then(|(name, helper)| Some((helper.as_str()?, name.as_str()))),
        None => None,
    };
    let helper = helper.or_else(|| Some((config["credsStore"].as_str()?, entry_name)));
    if let Some((helper, name)) = helper.filter(|(helper, _)| !helper.is_empty()) {
        let found = ask(helper, name, environment, cancel)?;
        if found.is_some() {
            return Ok(found);
        }
    }

    if let Some(token) = entry["identitytoken"].as_str()
        && let Some(login) = Login::new(IDENTITY, token)
    {
        return Ok(Some(login));
    }
    let Some(encoded) = entry["auth"].as_str().filter(|text| !text.is_empty()) else {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        return Ok(Login::new(text("username"), text("password")));
    };
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = GeneralPurpose::new(&STANDARD, lenient)
        .decode(encoded.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| wrong("the `auth` of the registry is not base64 of a text"))?;
    let (user, password) = decoded
        .split_once(':')
        .ok_or_else(|| wrong("the `auth` of the registry is not `user:password`"))?;
    Ok(Login::new(user, password.trim_matches('\0')))
}

/// The host of a name in the configuration, which can be a url.
fn host_of(name: &str) -> &str {
    let name = name
        .strip_prefix("https://")
        .or_else(|| name.strip_prefix("http://"))
        .unwrap_or(name);
    name.split('/').next().unwrap_or_default()
}

/// Asks a program that keeps logins; `None` if it has none for the registry.
fn ask(
    helper: &str,
    registry: &str,
    environment: &Environment,
    cancel: &Cancel,
) -> Result<Option<Login>> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !helper.chars().all(is_plain) {
        return Err(Error::usage(
            "Docker's configuration names a program for logins that can't be one",
        )
        .hint(
            "`credsStore` and `credHelpers` have the end of the name of a program, such as `pass`",
        ));
    }
    let program = format!("docker-credential-{helper}");
    let mut own = COMMON_VARIABLES.to_vec();
    for (start, variables) in HELPER_VARIABLES {
        if helper.starts_with(start) {
            own.extend(*variables);
        }
    }
    let Captured { ended, out, err } = Command::new(&program, environment.for_program(&own))
        .args(["get"])
        .input(registry)
        .timeout(TIMEOUT)
        .capture(cancel)?;
    let what = format!("cannot get the login for {registry} from `{program}`");
    match ended {
        Ended::NotFound(_) => {
            return Err(Error::failed(what)
                .cause("the program is not on PATH")
                .hint("install it, or remove it from `credsStore` and `credHelpers` of Docker's configuration"));
        }
        Ended::TimedOut => {
            return Err(Error::failed(what)
                .cause(format!("it did not end within {} s", TIMEOUT.as_secs()))
                .hint("it may wait for a password; unlock what it keeps logins in"));
        }
        Ended::Exited(status) if !status.success() => {
            // The protocol has no code for this, only this text.
            let words = format!("{out} {err}").to_ascii_lowercase();
            if words.contains("credentials not found") {
                return Ok(None);
            }
            return Err(Error::failed(what)
                .cause(format!("it ended with {status}"))
                .hint(format!("try `echo {registry} | {program} get`")));
        }
        Ended::Exited(_) => {}
    }
    let answer: Value = serde_json::from_str(&out).map_err(|_| {
        Error::failed(what).cause("it did not print the JSON document that it should")
    })?;
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    Ok(Login::new(text("Username"), text("Secret")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    /// A home with a configuration, and with programs.
    struct Home(tempfile::TempDir);

    impl Home {
        fn new(config: &str) -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            home.write(".docker/config.json", config);
            home
        }

        fn write(&self, name: &str, text: &str) -> Utf8PathBuf {
            let path = Utf8PathBuf::from_path_buf(self.0.path().join(name)).unwrap();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write_atomic(&path, text.as_bytes()).unwrap();
            path
        }

        fn environment(&self) -> Environment {
            let home = self.0.path().to_str().unwrap();
            let path = format!("{home}/bin:/usr/bin:/bin");
            let home_name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
            [
                (home_name, home),
                ("PATH", &path),
                ("AWS_SECRET_ACCESS_KEY", "of the cloud"),
            ]
            .into_iter()
            .collect()
        }

        fn login(&self, registry: &str) -> Result<Option<Login>> {
            login(registry, &self.environment(), &Cancel::new())
        }
    }

    fn password(user: &str, password: &str) -> Option<Login> {
        Login::new(user, password)
    }

    #[test]
    fn logins_stand_in_the_file() {
        // `bWU6czpjcmV0` is `me:s:cret`.
        let home = Home::new(
            r#"{"auths": {
                "registry.example": {"auth": "bWU6czpjcmV0"},
                "https://old.example/v1/": {"auth": "bWU6czpjcmV0"},
                "port.example:5000": {"username": "me", "password": "plain"},
                "unpadded.example": {"auth": "bWU6cw"},
                "identity.example": {"auth": "MDAwOg==", "identitytoken": "long"},
                "empty.example": {}
            }, "credHelpers": {}, "other": 1}"#,
        );
        for (registry, expected) in [
            ("registry.example", password("me", "s:cret")),
            ("REGISTRY.example", password("me", "s:cret")),
            ("old.example", password("me", "s:cret")),
            ("port.example:5000", password("me", "plain")),
            ("unpadded.example", password("me", "s")),
            (
                "identity.example",
                Some(Login::Identity(Secret::new("long"))),
            ),
            ("empty.example", None),
            ("port.example", None),
            ("another.example", None),
        ] {
            assert_eq!(home.login(registry).unwrap(), expected, "{registry}");
        }
        // No configuration, and no home, are no login.
        let none = Environment::default();
        assert_eq!(
            login("registry.example", &none, &Cancel::new()).unwrap(),
            None
        );
        let mut elsewhere = home.environment();
        elsewhere.set("DOCKER_CONFIG", home.0.path().join("absent"));
        assert_eq!(
            login("registry.example", &elsewhere, &Cancel::new()).unwrap(),
            None
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_that_shows_nothing_of_it() {
        for config in [
            "hunter2",
            r#"{"auths": {"registry.example": {"auth": "hunter2!"}}}"#,
            // `aHVudGVyMg==` is `hunter2`.
            r#"{"auths": {"registry.example": {"auth": "aHVudGVyMg=="}}}"#,
        ] {
            let error = Home::new(config).login("registry.example").unwrap_err();
            let text = format!("{error} {:?}", error.hints());
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{text}");
            assert!(
                text.contains("config.json") && text.contains("docker login"),
                "{text}"
            );
            assert!(
                !text.contains("hunter2") && !text.contains("aHVudGVyMg"),
                "{text}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn programs_keep_logins() {
        let home = Home::new(
            r#"{"auths": {"https://stored.example": {}, "both.example": {"auth": "bWU6cw=="}},
                "credsStore": "store",
                "credHelpers": {"own.example": "own", "cloud.example": "ecr-login",
                    "absent.example": "absent", "bad.example": "../bad", "fails.example": "fails"}}"#,
        );
        for (name, lines) in [
            (
                "store",
                "read -r name; case $name in https://stored.example) \
                 echo '{\"ServerURL\":\"x\",\"Username\":\"stored\",\"Secret\":\"s1\"}';; \
                 *) echo 'credentials not found in native keychain'; exit 1;; esac",
            ),
            (
                "own",
                "test \"$1$(cat)\" = getown.example && \
                 echo \"{\\\"Username\\\":\\\"<token>\\\",\\\"Secret\\\":\\\"i${AWS_SECRET_ACCESS_KEY}\\\"}\"",
            ),
            (
                "ecr-login",
                "echo \"{\\\"Username\\\":\\\"AWS\\\",\\\"Secret\\\":\\\"$AWS_SECRET_ACCESS_KEY\\\"}\"",
            ),
            ("fails", "echo hunter2; echo hunter2 >&2; exit 3"),
        ] {
            let path = home.write(
                &format!("bin/docker-credential-{name}"),
                &format!("#!/bin/sh\n{lines}\n"),
            );
            fs::set_mode(&path, 0o755).unwrap();
        }
        for (registry, expected) in [
            ("stored.example", password("stored", "s1")),
            ("both.example", password("me", "s")),
            ("neither.example", None),
            ("own.example", Some(Login::Identity(Secret::new("i")))),
            ("cloud.example", password("AWS", "of the cloud")),
        ] {
            assert_eq!(home.login(registry).unwrap(), expected, "{registry}");
        }
        for (registry, why) in [
            ("absent.example", "docker-credential-absent"),
            ("fails.example", "docker-credential-fails"),
            ("bad.example", "credHelpers"),
        ] {
            let error = home.login(registry).unwrap_err();
            let text = format!("{error} {:?}", error.hints());
            assert!(text.contains(why) && !text.contains("hunter2"), "{text}");
        }
    }
}
