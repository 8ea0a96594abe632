//! Wheels are uploaded by `twine`, with its own configuration, and read back from the simple index of
//! the repository.

mod simple;

use std::ffi::OsStr;
use std::io::Read as _;

use camino::Utf8PathBuf;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Digest, Hasher};

use super::login::{Place, with_login};
use crate::http::{Client, Credential, Request, Secret, Site, Url, parse_url, read_error};
use crate::settings::RemoteSettings;
use crate::tool::{ClientVariables, ToolOutput, Tools, pip};

pub use simple::IndexFile;

/// twine's own variables, how it reaches a keyring, and what identifies a job of GitHub Actions, which
/// lets it log in without a password. Its messages are not wrapped or coloured.
const VARIABLES: ClientVariables = ClientVariables {
    own: &[
        "TWINE_*",
        "PYTHON_KEYRING_BACKEND",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "GITHUB_ACTIONS",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    ],
    defaults: &[
        ("COLUMNS", "1000"),
        ("NO_COLOR", "1"),
        ("TERM", "dumb"),
        ("PYTHONUTF8", "1"),
    ],
};

/// The commands that may start twine, in the order in which they are tried.
const TWINES: &[&[&str]] = &[
    &["twine"],
    &["python3", "-m", "twine"],
    &["py", "-m", "twine"],
];

/// The most bytes of an index page of a package.
const PAGE_LIMIT: u64 = 32 << 20;

/// An index that wheels are read back from.
#[derive(Clone, Debug)]
pub struct Index(Place);

impl Index {
    /// The index of a package's repository: the configured one, else that of the repository, else
    /// the one that pip uses.
    pub fn find(
        index: Option<&str>,
        repository: Option<&str>,
        package: &str,
        settings: &RemoteSettings,
        cancel: &Cancel,
    ) -> Result<Self> {
        let environment = &settings.environment;
        let repository = repository.or_else(|| environment.value("TWINE_REPOSITORY_URL"));
        let url = match (index, repository) {
            (Some(index), _) => index.to_owned(),
            (None, Some(repository)) => format!("{}/simple/", repository.trim_end_matches('/')),
            (None, None) => of_pip(package, Tools::new(settings, cancel))?,
        };
        let mut found = with_login(&url)?;
        // What may be uploaded to may be read with the same login.
        let user = environment.value("TWINE_USERNAME");
        let password = environment.value("TWINE_PASSWORD");
        if let (None, Some(repository)) = (&found.credential, repository)
            && let (Some(user), Some(password)) = (user, password)
            && with_login(repository).is_ok_and(|it| Site::of(&it.url) == Site::of(&found.url))
        {
            let site = Site::of(&found.url);
            found.credential = Some(Credential::basic(user, &Secret::new(password), [site]));
        }
        Ok(Self(found))
    }

    /// The page of a package.
    pub fn page(&self, package: &str) -> Result<Url> {
        let page = self.0.url.join(&format!("{}/", normalised(package)));
        page.map_err(|error| Error::usage("the url of the index is not one").cause(error))
    }

    /// The files of a package; `None` if the index does not know it.
    pub fn files(&self, package: &str, client: &Client) -> Result<Option<Vec<IndexFile>>> {
        let page = self.page(package)?;
        let accept = "application/vnd.pypi.simple.v1+json, \
                      application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
        let request = Request::get(page.as_str())?
            .credential(&self.0.credential)
            .header("accept", accept)?
            .header("cache-control", "no-cache")?
            .limit(PAGE_LIMIT)
            .anything();
        let answer = client.send(request)?;
        if matches!(answer.status, 404 | 410) {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(answer.error());
        }
        // Links are relative to the page that answered.
        let base = Url::parse(&answer.url).unwrap_or(page);
        let text = String::from_utf8_lossy(&answer.body);
        let is_json = answer
            .header("content-type")
            .is_some_and(|kind| kind.contains("json"));
        if is_json {
            return simple::of_json(&text, &base).map(Some).ok_or_else(|| {
                Error::unavailable(format!("{} is not the page of a package", answer.url))
            });
        }
        Ok(Some(simple::of_html(&text, &base)))
    }

    /// The SHA-256 of a file. If the index states none, the file is downloaded.
    pub fn digest(&self, file: &IndexFile, client: &Client) -> Result<Digest> {
        if let Some(stated) = file.sha256 {
            return Ok(stated);
        }
        let request = Request::get(file.url.as_str())?
            .credential(&self.0.credential)
            .pinned();
        let Some(mut body) = client.get(request)? else {
            return Err(Error::unavailable(format!(
                "the index lists {}, but does not have it",
                file.name
            )));
        };
        let doing = format!("cannot read {}", file.name);
        let (mut hasher, mut buffer) = (Hasher::new(), vec![0; 64 * 1024]);
        loop {
            let n = body
                .read(&mut buffer)
                .map_err(|error| read_error(&error, &doing))?;
            if n == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..n]);
        }
    }
}

/// What became of wheels that were uploaded.
#[derive(Clone, Debug)]
pub enum Uploaded {
    /// The repository has taken them.
    Done,
    /// The repository says that it has one of them already. It may have taken it from an earlier try
    /// whose answer was lost.
    Conflict(Error),
}

/// Uploads wheels to a repository, or to the one that twine is configured with.
pub fn upload(
    wheels: &[Utf8PathBuf],
    repository: Option<&str>,
    settings: &RemoteSettings,
    cancel: &Cancel,
) -> Result<Uploaded> {
    let mut args = vec!["upload", "--non-interactive", "--disable-progress-bar"];
    if let Some(repository) = repository {
        // A secret in an argument would be visible to everyone on the machine.
        parse_url(repository)?;
        args.extend(["--repository-url", repository]);
    }
    args.push("--");
    args.extend(wheels.iter().map(|wheel| wheel.as_str()));
    let output = twine(&args, Tools::new(settings, cancel))?;
    if output.status.success() {
        return Ok(Uploaded::Done);
    }
    let words = format!("{}\n{}", output.out, output.err).to_lowercase();
    if words.contains("httperror: 409") || words.contains("already exist") {
        return Ok(Uploaded::Conflict(fault(&output)));
    }
    Err(fault(&output))
}

/// An error if this machine has no twine.
pub fn check_twine(settings: &RemoteSettings, cancel: &Cancel) -> Result<()> {
    twine(&["--version"], Tools::new(settings, cancel)).map(drop)
}

fn twine(args: &[&str], tools: Tools<'_>) -> Result<ToolOutput> {
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    for program in TWINES {
        match tools.run(program, &args, &VARIABLES)? {
            Some(output) if !output.err.contains("No module named twine") => return Ok(output),
            _ => {}
        }
    }
    Err(
        Error::failed("twine is not on PATH, but it is needed to publish Python packages")
            .hint("run `pip install twine`, or leave the channel out with `--skip pypi`"),
    )
}

/// The url of the index that pip uses.
fn of_pip(package: &str, tools: Tools<'_>) -> Result<String> {
    let no_pip = || {
        Error::failed("pip is not on PATH, so nothing says which index to read back")
            .hint("write `pypi: {index: URL}` in the recipe, or install pip")
    };
    let args = ["config", "list"].map(OsStr::new);
    let listed = pip::run(&args, tools)?.ok_or_else(no_pip)?;
    let set = |key: &str| {
        let lines = listed.out.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        values.next().map(|value| value.trim_matches(['\'', '"']))
    };
    let keys = [":env:.index-url", "download.index-url", "global.index-url"];
    if let Some(url) = keys.into_iter().find_map(set) {
        return Ok(url.to_owned());
    }
    // pip prints its own default only while it searches there.
    let args = ["index", "versions", "-vv", "--", package].map(OsStr::new);
    let searched = pip::run(&args, tools)?.ok_or_else(no_pip)?;
    let both = format!("{}\n{}", searched.out, searched.err);
    let mut lines = both.lines().map(str::trim);
    let marker = "to search for versions of";
    let page = lines
        .find(|line| line.contains(marker))
        .and_then(|_| lines.next()?.strip_prefix("* "));
    let index = page.and_then(|page| page.trim_end_matches('/').rsplit_once('/'));
    index.map(|(index, _)| format!("{index}/")).ok_or_else(|| {
        Error::failed("pip does not say which index it uses")
            .cause(searched.last_lines())
            .hint("write `pypi: {index: URL}` in the recipe")
    })
}

/// The name of a package in the urls of an index.
fn normalised(package: &str) -> String {
    let parts = package
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// The error of an upload, from the words of twine.
fn fault(output: &ToolOutput) -> Error {
    let words = format!("{}\n{}", output.out, output.err);
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    let what = "twine could not upload the wheels";
    let refused = [
        "401 ",
        "403 ",
        "Credential not found",
        "InvalidConfiguration",
        "TrustedPublishingFailure",
    ];
    let status = |classes: &[&str]| {
        let errors = words.lines().filter(|line| line.contains("HTTPError"));
        errors.into_iter().any(|line| {
            classes
                .iter()
                .any(|class| line.contains(&format!("HTTPError: {class}")))
        })
    };
    let down = [
        "ConnectionError",
        "NewConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "Max retries exceeded",
        "ProxyError",
        "RemoteDisconnected",
    ];
    let kind = if says(&["SSLError", "CERTIFICATE_VERIFY_FAILED"]) {
        return Error::refused(what).cause(last_words(output)).hint(
            "TLS failed; if a company proxy is on the way, name its CA file in REQUESTS_CA_BUNDLE",
        );
    } else if status(&["401", "403"]) || says(&refused[2..]) {
        return Error::refused(what).cause(last_words(output)).hint(
            "set TWINE_USERNAME and TWINE_PASSWORD, or write them to ~/.pypirc; the token (user `__token__`) needs the right to upload to this project, or to the whole account for its first version",
        );
    } else if status(&["5", "429", "408"]) || says(&down) {
        Kind::Unavailable
    } else {
        Kind::Failed
    };
    Error::new(kind, what).cause(last_words(output))
}

/// The last lines that twine printed; its errors are on either stream.
fn last_words(output: &ToolOutput) -> String {
    let both = ToolOutput {
        status: output.status,
        out: String::new(),
        err: format!("{}\n{}", output.out, output.err),
    };
    both.last_lines()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_keeps_no_secret_in_its_url() {
        let index = Index(with_login("https://me:hunter2@index.example/simple").unwrap());
        assert_eq!(index.0.url.as_str(), "https://index.example/simple/");
        assert!(index.0.credential.is_some());
        let page = index.page("Acme_Arc.Tool").unwrap();
        assert_eq!(page.as_str(), "https://index.example/simple/acme-arc-tool/");
        assert!(!format!("{index:?}").contains("hunter2"));
    }
}
