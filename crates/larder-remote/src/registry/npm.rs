//! npm packages are pushed by `npm` itself: its configuration says which registry, and how to log
//! in. Package scripts never run.
//!
//! npm reads no token from a variable by itself, so `NPM_TOKEN` or `NODE_AUTH_TOKEN` is handed to it
//! as the setting of the configured registry, in the environment and not in a file.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};

use crate::http::{Secret, redact};
use crate::settings::RemoteSettings;
use crate::tool::{ClientVariables, NPM, ToolOutput, Tools};

/// npm's own variables (`npm_config_*` too, in either case). What identifies a job of GitHub Actions
/// lets npm log in without a token and sign where a package was made.
const VARIABLES: ClientVariables = ClientVariables {
    own: &["NPM_*", "NODE_AUTH_TOKEN"],
    defaults: &[
        ("npm_config_fetch_retries", "2"),
        ("npm_config_fetch_retry_mintimeout", "500"),
        ("npm_config_fetch_retry_maxtimeout", "5000"),
        ("npm_config_update_notifier", "false"),
        ("npm_config_audit", "false"),
        ("npm_config_fund", "false"),
    ],
};

/// The variables of a job of GitHub Actions that npm reads for a login without a token and for a
/// statement of provenance.
const JOB_VARIABLES: &[&str] = &[
    "CI",
    "GITHUB_ACTIONS",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "GITHUB_EVENT_NAME",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
    "RUNNER_ENVIRONMENT",
];

/// The variables that may have a token, in the order in which they are used.
const TOKENS: [&str; 2] = ["NPM_TOKEN", "NODE_AUTH_TOKEN"];
/// What the set-up action of GitHub writes in place of a token.
const NO_TOKEN: &str = "XXXXX-XXXXX-XXXXX-XXXXX";

/// What a registry has of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its versions, as the registry orders them.
    pub versions: Vec<String>,
    /// The version of each dist-tag.
    pub tags: BTreeMap<String, String>,
}

/// What a registry has of one version of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The digest of its tarball, such as `sha512-…`; with several, spaces are between them.
    pub integrity: String,
    /// Whether people who install it are told not to.
    pub deprecated: bool,
    /// The names of its optional dependencies.
    pub optional: Vec<String>,
}

/// What became of a tarball that was pushed.
#[derive(Clone, Debug)]
pub enum Pushed {
    /// The registry has taken it.
    Done,
    /// The registry says that it has this version already. It may have taken it from an earlier try
    /// whose answer was lost.
    Conflict(Error),
}

/// The registries that npm is configured with.
pub struct Registry<'a> {
    tools: Tools<'a>,
    environment: &'a Environment,
    /// The folder whose `.npmrc` applies.
    folder: &'a Utf8Path,
    login: &'a Login,
}

/// The setting that gives npm a token of the environment, which is found on first use.
#[derive(Default)]
pub struct Login(OnceLock<Option<(String, Secret)>>);

impl<'a> Registry<'a> {
    /// Uses npm as it is configured in a folder. The login is for the packages of one scope.
    pub fn new(
        settings: &'a RemoteSettings,
        cancel: &'a Cancel,
        folder: &'a Utf8Path,
        login: &'a Login,
    ) -> Self {
        Self {
            tools: Tools::new(settings, cancel),
            environment: &settings.environment,
            folder,
            login,
        }
    }

    /// What the registry has of a package; `None` if it has no such package.
    pub fn package(&self, name: &str) -> Result<Option<Package>> {
        let spec = [name, "dist-tags", "versions", "name"];
        let Some(value) = self.view(name, &spec)? else {
            return Ok(None);
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let versions = match value.get("versions") {
            Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
            Some(one) => text(one).into_iter().collect(),
            None => Vec::new(),
        };
        let tags = value.get("dist-tags").and_then(Value::as_object);
        let tags = tags.into_iter().flatten();
        let tags = tags.filter_map(|(tag, version)| Some((tag.clone(), text(version)?)));
        Ok(Some(Package {
            versions,
            tags: tags.collect(),
        }))
    }

    /// What the registry has of a version of a package; `None` if it has no such version.
    pub fn published(&self, name: &str, version: &str) -> Result<Option<Published>> {
        let spec = format!("{name}@{version}");
        let fields = [
            spec.as_str(),
            "dist",
            "deprecated",
            "optionalDependencies",
            "version",
        ];
        let Some(value) = self.view(name, &fields)? else {
            return Ok(None);
        };
        let integrity = value.pointer("/dist/integrity").and_then(Value::as_str);
        let optional = value.get("optionalDependencies").and_then(Value::as_object);
        let optional = optional.into_iter().flatten().map(|(name, _)| name.clone());
        Ok(Some(Published {
            integrity: integrity.unwrap_or_default().to_owned(),
            deprecated: value.get("deprecated").is_some_and(|text| match text {
                Value::String(text) => !text.is_empty(),
                other => other.as_bool().unwrap_or(false),
            }),
            optional: optional.collect(),
        }))
    }

    /// Pushes a tarball under a dist-tag. npm does not try again by itself, because only the caller
    /// can find out whether a try whose answer was lost has arrived.
    pub fn publish(&self, name: &str, tarball: &Utf8Path, tag: &str) -> Result<Pushed> {
        let args = [
            "publish",
            "--json",
            "--loglevel=error",
            "--ignore-scripts",
            "--fetch-retries=0",
            "--access=public",
            "--tag",
            tag,
            "--",
            tarball.as_str(),
        ];
        let output = self.npm(name, &args, Writing::Publishes)?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        let what = format!("npm could not publish {name}");
        let Failure { code, why } = Failure::of(&output);
        let is_there = ["EPUBLISHCONFLICT", "E409"].contains(&code.as_str())
            || why.contains("cannot publish over");
        let error = fault(&code, &why, &what);
        if is_there {
            return Ok(Pushed::Conflict(error));
        }
        Err(error)
    }

    /// Makes a dist-tag name a version.
    pub fn set_tag(&self, name: &str, version: &str, tag: &str) -> Result<()> {
        let spec = format!("{name}@{version}");
        let what = format!("npm could not make `{tag}` of {name} the version {version}");
        self.write(name, &["dist-tag", "add", &spec, tag], &what)
    }

    /// Tells everyone who installs a version that they should not.
    pub fn deprecate(&self, name: &str, version: &str, text: &str) -> Result<()> {
        let spec = format!("{name}@{version}");
        let what = format!("npm could not deprecate {spec}");
        self.write(name, &["deprecate", &spec, text], &what)
    }

    /// An error if the registry does not know who asks.
    pub fn check_login(&self, name: &str) -> Result<()> {
        // A job that is known without a token has no user name.
        if self.has_job_token() {
            return Ok(());
        }
        self.write(name, &["whoami"], "npm could not log in")
    }

    fn write(&self, name: &str, args: &[&str], what: &str) -> Result<()> {
        let options = ["--json", "--loglevel=error", "--fetch-retries=0"];
        let args: Vec<&str> = args.iter().copied().chain(options).collect();
        let output = self.npm(name, &args, Writing::Nothing)?;
        if output.status.success() {
            return Ok(());
        }
        let Failure { code, why } = Failure::of(&output);
        Err(fault(&code, &why, what))
    }

    /// The fields of a package, or of one version of it, as an object; `None` if there is none.
    fn view(&self, name: &str, fields: &[&str]) -> Result<Option<Value>> {
        let options = ["view", "--json", "--loglevel=error", "--"];
        let args: Vec<&str> = options.into_iter().chain(fields.iter().copied()).collect();
        let output = self.npm(name, &args, Writing::Nothing)?;
        if output.status.success() {
            return Ok(object(&output.out));
        }
        let Failure { code, why } = Failure::of(&output);
        match code.as_str() {
            "E404" | "ETARGET" | "ENOVERSIONS" => Ok(None),
            code => {
                let what = format!("npm could not read {}", fields[0]);
                Err(fault(code, &why, &what))
            }
        }
    }

    fn npm(&self, name: &str, args: &[&str], writing: Writing) -> Result<ToolOutput> {
        if self.login.0.get().is_none() {
            let found = self.find_token(name)?;
            self.login.0.get_or_init(|| found);
        }
        let mut environment = self.tools.variables(&VARIABLES);
        if let Some(Some((setting, token))) = self.login.0.get() {
            environment.set(setting, token.expose());
        }
        if writing == Writing::Publishes && self.has_job_token() {
            environment.extend(self.environment.only(JOB_VARIABLES));
            let set = ["npm_config_provenance", "NPM_CONFIG_PROVENANCE"];
            if set.iter().all(|name| environment.get(name).is_none()) {
                environment.set("npm_config_provenance", "true");
            }
        }
        self.run(environment, args)
    }

    /// The setting that gives npm the token of a variable for the registry of a package.
    fn find_token(&self, name: &str) -> Result<Option<(String, Secret)>> {
        let tokens = TOKENS
            .iter()
            .filter_map(|name| self.environment.value(name));
        let Some(token) = tokens.map(str::trim).find(|token| *token != NO_TOKEN) else {
            return Ok(None);
        };
        let environment = self.tools.variables(&VARIABLES);
        // With several settings, npm prints `name=value` for each. There is no scope `@`.
        let scope = name.split_once('/').map_or("@", |(scope, _)| scope);
        let of_scope = format!("{scope}:registry");
        let args = ["config", "get", "--loglevel=error", &of_scope, "registry"];
        let output = self.run(environment.clone(), &args)?;
        if !output.status.success() {
            return Err(Error::failed("npm could not say which registry it uses")
                .cause(output.last_lines())
                .hint("`npm config list` shows the mistake"));
        }
        let value = |setting: &str| {
            let lines = output.out.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
            values.next().filter(|value| value.starts_with("http"))
        };
        let url = value(&of_scope).or_else(|| value("registry"));
        let setting = url.and_then(token_setting);
        Ok(setting
            .filter(|setting| environment.get(setting).is_none())
            .map(|setting| (setting, Secret::new(token))))
    }

    fn run(&self, environment: Environment, args: &[&str]) -> Result<ToolOutput> {
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let folder = Some(self.folder.as_std_path());
        let output = self.tools.run_with(environment, folder, &[NPM], &args)?;
        output.ok_or_else(|| {
            Error::failed("npm is not on PATH, but it is needed to publish npm packages")
                .hint("install Node.js, or leave the channel out with `--skip npm`")
        })
    }

    fn has_job_token(&self) -> bool {
        let name = "ACTIONS_ID_TOKEN_REQUEST_URL";
        self.environment.value(name).is_some()
    }
}

/// Whether a call of npm writes a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Publishes,
    Nothing,
}

/// The digest of a tarball as registries state it: `sha512-…`.
pub fn integrity(tarball: &Utf8Path) -> Result<String> {
    let mut file = fs::open(tarball)?;
    let mut hasher = Sha512::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = file.read(&mut buffer).at("read", tarball)?;
        if n == 0 {
            return Ok(format!("sha512-{}", STANDARD.encode(hasher.finalize())));
        }
        hasher.update(&buffer[..n]);
    }
}

/// The name of the variable that is npm's setting for the token of a registry.
fn token_setting(registry: &str) -> Option<String> {
    let (_, rest) = registry.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
    Some(format!("npm_config_//{rest}/:_authToken"))
}

/// The object that npm prints, which some versions of it put into a list.
fn object(json: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(json).ok()?;
    let value = match value {
        Value::Array(list) => list.into_iter().next()?,
        value => value,
    };
    value.is_object().then_some(value)
}

/// The code and the message with which npm fails.
struct Failure {
    code: String,
    why: String,
}

impl Failure {
    fn of(output: &ToolOutput) -> Self {
        let value: Value = serde_json::from_str(&output.out).unwrap_or_default();
        let field = |key: &str| {
            let value = value.pointer(&format!("/error/{key}"))?;
            value.as_str().filter(|text| !text.is_empty())
        };
        let line = output
            .err
            .lines()
            .find_map(|line| line.split_once("code ").map(|(_, code)| code.trim()));
        let code = field("code").or(line).unwrap_or_default().to_owned();
        let why = field("summary").map_or_else(
            || output.last_lines(),
            |text| {
                let words = text.split_whitespace();
                let words = words.map(|word| {
                    if word.contains("://") {
                        redact(word)
                    } else {
                        word.to_owned()
                    }
                });
                words.collect::<Vec<_>>().join(" ")
            },
        );
        Self { code, why }
    }
}

/// The error for a code of npm.
fn fault(code: &str, why: &str, what: &str) -> Error {
    const UNAVAILABLE: [&str; 13] = [
        "E408",
        "E425",
        "E429",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ECONNRESET",
        "EHOSTUNREACH",
        "EIDLETIMEOUT",
        "ENETUNREACH",
        "ENOTFOUND",
        "EPIPE",
        "ERR_SOCKET_TIMEOUT",
        "ETIMEDOUT",
    ];
    let cause = if why.is_empty() { code } else { why };
    let is_tls = code.contains("CERT") || code.contains("UNABLE_TO") || code.starts_with("ERR_TLS");
    match code {
        "E401" | "ENEEDAUTH" | "EAUTHUNKNOWN" => Error::refused(what).cause(cause).hint(
            "log in with `npm login`, or set NPM_TOKEN to a token of the registry that may read and write the package",
        ),
        "EOTP" => Error::refused(what).cause(cause).hint(
            "the registry asks for a second factor: use an automation token, or a granular one that bypasses it",
        ),
        "E402" | "E403" | "E404" => Error::refused(what).cause(cause).hint(
            "the token needs the right to read and write this package and its platform packages, which it has for a whole scope or for each package",
        ),
        _ if is_tls => Error::refused(what)
            .cause(cause)
            .hint("TLS failed; if a company proxy is on the way, set its CA in npm's `cafile`"),
        code if code.starts_with("E5") || UNAVAILABLE.contains(&code) => {
            Error::unavailable(what).cause(cause)
        }
        _ => Error::failed(what).cause(cause),
    }
}

#[cfg(test)]
mod tests {
    use larder_core::error::Kind;

    use super::*;

    #[test]
    fn a_token_is_the_setting_of_its_registry() {
        for (url, setting) in [
            (
                "https://registry.example",
                Some("npm_config_//registry.example/:_authToken"),
            ),
            (
                "http://127.0.0.1:4873/npm/",
                Some("npm_config_//127.0.0.1:4873/npm/:_authToken"),
            ),
            ("undefined", None),
        ] {
            assert_eq!(token_setting(url).as_deref(), setting, "{url}");
        }
    }

    #[test]
    fn the_code_decides_what_an_error_means() {
        for (code, kind) in [
            ("E401", Kind::Refused),
            ("E403", Kind::Refused),
            ("ENEEDAUTH", Kind::Refused),
            ("E404", Kind::Refused),
            ("SELF_SIGNED_CERT_IN_CHAIN", Kind::Refused),
            ("E429", Kind::Unavailable),
            ("E503", Kind::Unavailable),
            ("ECONNREFUSED", Kind::Unavailable),
            ("E400", Kind::Failed),
            ("", Kind::Failed),
        ] {
            assert_eq!(fault(code, "", "what").kind(), kind, "{code}");
        }
    }
}
