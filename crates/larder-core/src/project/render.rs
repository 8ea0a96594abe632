//! A subsystem's originals and builds rendered for a platform: overrides laid over the base, templates filled in, the
//! results checked. Done once for every platform at load, and again when asked for. Touches no file.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::hosts::{is_allowed, is_loopback};
use crate::model::{FileName, Platform};

use super::domain::{
    Build, BuildSource, Checksum, Coordinate, Original, RawChecksums, RenderedBuild,
    RenderedSource, Subsystem, Template, Upstream, UpstreamKeys,
};
use super::template::{Fault, Variables};
use super::typed::platform_words;
use super::user::UserConfig;

/// Which text of a recipe a flaw is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `upstream` as a whole.
    Upstream,
    /// A key of `upstream`.
    UpstreamKey(&'static str),
    /// The nth pair of `upstream.extract`: its glob, or its file.
    Extract(usize, Half),
    /// A key of `build.source`.
    Source(&'static str),
    /// The nth pair of `build.env`.
    Env(usize),
    /// The nth of `build.commands`.
    Command(usize),
    /// `verify`.
    Verify,
}

/// Which half of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Key,
    Value,
}

/// A fault at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) place: Place,
    pub(super) fault: Fault,
}

/// Collects flaws while rendering goes on.
struct Flaws<'a> {
    list: Vec<Flaw>,
    /// Whose permission plain http needs. `None` once the project is loaded: it was checked then, and the client checks it
    /// again before it asks.
    user: Option<&'a UserConfig>,
}

impl<'a> Flaws<'a> {
    fn new(user: Option<&'a UserConfig>) -> Self {
        Self {
            list: Vec::new(),
            user,
        }
    }
    fn add(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.list.push(Flaw {
            place,
            fault: Fault {
                message: message.into(),
                hint: Some(hint.into()),
                range: None,
            },
        });
    }
    fn render(
        &mut self,
        place: Place,
        template: &Template,
        variables: &Variables<'_>,
    ) -> Option<String> {
        match template.render(variables) {
            Ok(text) => Some(text),
            Err(fault) => {
                self.list.push(Flaw { place, fault });
                None
            }
        }
    }
    /// Rendered, and fit for one line of something else: not empty, no control characters.
    fn render_word(
        &mut self,
        place: Place,
        template: &Template,
        variables: &Variables<'_>,
    ) -> Option<String> {
        let text = self.render(place.clone(), template, variables)?;
        if text.is_empty() || text.contains(char::is_control) || text.trim() != text {
            let platform = variables.get("platform").unwrap_or_default();
            let message = match text.as_str() {
                "" => format!("the template renders to nothing for {platform}"),
                text => format!(
                    "the template renders to `{}` for {platform}",
                    text.escape_debug()
                ),
            };
            self.add(
                place,
                message,
                "expected a text of one line, without space around it",
            );
            return None;
        }
        Some(text)
    }
    fn finish<T>(self, value: Option<T>) -> Result<Option<T>, Vec<Flaw>> {
        if self.list.is_empty() {
            Ok(value)
        } else {
            Err(self.list)
        }
    }
}

impl Upstream {
    /// The keys that hold on a platform: overrides laid over the base, the more particular later. `replacements` add up,
    /// all other keys are replaced. An override that names another kind of original drops the base's, and what belongs to
    /// it: tag, asset and checksums file.
    pub fn on(&self, platform: &Platform) -> UpstreamKeys {
        let mut merged = self.base.clone();
        for word in platform_words::layers(*platform) {
            for (_, keys) in self.overrides.iter().filter(|(key, _)| *key == word) {
                merged.lay(keys);
            }
        }
        merged
    }
}

impl UpstreamKeys {
    fn lay(&mut self, over: &Self) {
        let Self {
            github,
            url,
            npm,
            pypi,
            tag,
            asset,
            checksums,
            extract,
            replacements,
        } = over.clone();
        let kinds = |github: bool, url: bool, npm: bool, pypi: bool| [github, url, npm, pypi];
        let kind = kinds(
            github.is_some(),
            url.is_some(),
            npm.is_some(),
            pypi.is_some(),
        );
        if kind.contains(&true) {
            if kind
                != kinds(
                    self.github.is_some(),
                    self.url.is_some(),
                    self.npm.is_some(),
                    self.pypi.is_some(),
                )
            {
                // They speak of the other kind's release.
                (self.tag, self.asset) = (None, None);
                self.checksums
                    .take_if(|checksums| matches!(checksums, RawChecksums::File(_)));
            }
            (self.github, self.url, self.npm, self.pypi) = (github, url, npm, pypi);
        }
        self.tag = tag.or(self.tag.take());
        self.asset = asset.or(self.asset.take());
        self.checksums = checksums.or(self.checksums.take());
        self.extract = extract.or(self.extract.take());
        self.replacements.extend(replacements);
    }
}

impl Subsystem {
    /// The original for a platform; `None` where the recipe names none.
    pub fn original(&self, platform: &Platform) -> Result<Option<Original>> {
        self.try_original(*platform, None)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// The build for a platform and a pair of folders; `None` where the recipe names none. With the literals `<out>` and
    /// `<src>` it is what the key is made of.
    pub fn rendered_build(
        &self,
        platform: &Platform,
        out: &str,
        src: &str,
    ) -> Result<Option<RenderedBuild>> {
        self.try_build(*platform, out, src, None)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// The `verify` command for a platform; `None` where the recipe names none.
    pub fn rendered_verify(&self, platform: &Platform) -> Result<Option<String>> {
        self.try_verify(*platform)
            .map_err(|flaws| self.render_error(&flaws))
    }

    /// The template variables on a platform.
    fn variables(&self, platform: Platform) -> Variables<'_> {
        Variables::new(&self.project, self.name.as_str(), &self.version, platform)
    }

    fn render_error(&self, flaws: &[Flaw]) -> Error {
        let mut texts = flaws.iter().map(|flaw| flaw.fault.message.as_str());
        let mut error = Error::usage(format!("the recipe of {} does not render", self.name));
        if let Some(first) = texts.next() {
            error = error.cause(first);
        }
        match flaws.first().and_then(|flaw| flaw.fault.hint.clone()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    pub(super) fn try_verify(&self, platform: Platform) -> Result<Option<String>, Vec<Flaw>> {
        let Some(template) = &self.verify else {
            return Ok(None);
        };
        let mut flaws = Flaws::new(None);
        let text = flaws.render(Place::Verify, template, &self.variables(platform));
        flaws.finish(text)
    }

    pub(super) fn try_original(
        &self,
        platform: Platform,
        user: Option<&UserConfig>,
    ) -> Result<Option<Original>, Vec<Flaw>> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let keys = upstream.on(&platform);
        let variables = self.variables(platform).replaced(&keys.replacements);
        let mut flaws = Flaws::new(user);
        let UpstreamKeys {
            github,
            url,
            npm,
            pypi,
            tag,
            asset,
            checksums,
            extract,
            replacements: _,
        } = &keys;
        let word = |flaws: &mut Flaws<'_>, key, template: &Template| {
            flaws.render_word(Place::UpstreamKey(key), template, &variables)
        };
        let registry_version = |flaws: &mut Flaws<'_>| match tag {
            Some(tag) => flaws.render_word(Place::UpstreamKey("tag"), tag, &variables),
            None => Some(self.version.number().to_owned()),
        };

        let coordinate = if let Some(repo) = github {
            let tag = match tag {
                Some(tag) => word(&mut flaws, "tag", tag),
                None => Some(self.version.as_str().to_owned()),
            };
            match asset {
                None => {
                    let hint =
                        "name the release's file: asset: \"name-{{ os }}-{{ arch }}.tar.gz\"";
                    flaws.add(
                        Place::Upstream,
                        format!("`asset` is missing beside `github` for {platform}"),
                        hint,
                    );
                    None
                }
                Some(asset) => {
                    let asset = word(&mut flaws, "asset", asset);
                    if let Some(name) = asset
                        .as_deref()
                        .filter(|name| name.contains(['/', '\\', '?', '#']))
                    {
                        let hint = "an asset is a file of the release, without a folder";
                        flaws.add(
                            Place::UpstreamKey("asset"),
                            format!("`{name}` is not the name of an asset"),
                            hint,
                        );
                    }
                    if let Some(name) = tag.as_deref().filter(|name| !is_ref(name)) {
                        let hint = "a tag has no spaces and none of ~ ^ : ? * [ \\, and no `..`";
                        flaws.add(
                            Place::UpstreamKey("tag"),
                            format!("`{name}` can't be a tag"),
                            hint,
                        );
                    }
                    tag.zip(asset).map(|(tag, asset)| Coordinate::GitHub {
                        repo: repo.clone(),
                        tag,
                        asset,
                    })
                }
            }
        } else if let Some(url) = url {
            let url = word(&mut flaws, "url", url);
            check_url(&mut flaws, Place::UpstreamKey("url"), url.as_deref());
            url.map(Coordinate::Url)
        } else if let Some(package) = npm {
            let package = word(&mut flaws, "npm", package);
            let version = registry_version(&mut flaws);
            if let Some(name) = package.as_deref().filter(|name| !is_npm_name(name)) {
                let hint = "such as esbuild or @esbuild/linux-x64, without a version";
                flaws.add(
                    Place::UpstreamKey("npm"),
                    format!("`{name}` can't be the name of an npm package"),
                    hint,
                );
            }
            package
                .zip(version)
                .map(|(package, version)| Coordinate::Npm { package, version })
        } else if let Some(package) = pypi {
            let package = word(&mut flaws, "pypi", package);
            let version = registry_version(&mut flaws);
            if let Some(name) = package.as_deref().filter(|name| !is_plain_name(name)) {
                let hint = "such as ruff, without a version";
                flaws.add(
                    Place::UpstreamKey("pypi"),
                    format!("`{name}` can't be the name of a Python project"),
                    hint,
                );
            }
            package
                .zip(version)
                .map(|(package, version)| Coordinate::Pypi { package, version })
        } else if self.build.is_some() {
            // Overrides name an original for other platforms; here it is built.
            return Ok(None);
        } else {
            let hint = "one of github, url, npm, pypi; or leave the platform out of the recipe's `platforms`";
            flaws.add(
                Place::Upstream,
                format!("`upstream` does not say where to get it for {platform}"),
                hint,
            );
            None
        };

        let checksum = match checksums {
            None => None,
            Some(RawChecksums::Pinned(digests)) => {
                digests.get(&platform).copied().map(Checksum::Pinned)
            }
            Some(RawChecksums::File(template)) => {
                let text = word(&mut flaws, "checksums", template);
                match text {
                    Some(text) if text.contains("://") => {
                        check_url(&mut flaws, Place::UpstreamKey("checksums"), Some(&text));
                        Some(Checksum::Url(text))
                    }
                    Some(text) if github.is_none() => {
                        let hint = "beside `github` it is an asset of the release; else write a url, or {linux-amd64: <sha256>, ...}";
                        flaws.add(
                            Place::UpstreamKey("checksums"),
                            format!("`{text}` is not a url"),
                            hint,
                        );
                        None
                    }
                    text => text.map(Checksum::Asset),
                }
            }
        };
        let extract = self.render_extract(
            extract.as_deref().unwrap_or_default(),
            platform,
            &variables,
            &mut flaws,
        );
        let original = coordinate.map(|coordinate| Original {
            coordinate,
            checksum,
            extract,
        });
        flaws.finish(original)
    }

    fn render_extract(
        &self,
        pairs: &[(Template, Template)],
        platform: Platform,
        variables: &Variables<'_>,
        flaws: &mut Flaws<'_>,
    ) -> Vec<(String, FileName)> {
        let mut extract: Vec<(String, FileName)> = Vec::new();
        if pairs.is_empty() {
            return extract;
        }
        let wanted = self.file_names(&platform);
        let before = flaws.list.len();
        for (n, (glob, file)) in pairs.iter().enumerate() {
            let (key, value) = (Place::Extract(n, Half::Key), Place::Extract(n, Half::Value));
            let glob = flaws.render_word(key.clone(), glob, variables);
            if let Some(glob) = &glob
                && let Err(error) = globset::GlobBuilder::new(glob)
                    .literal_separator(true)
                    .build()
            {
                flaws.add(
                    key,
                    format!("`{glob}` is not a glob: {}", error.kind()),
                    "* does not cross /, ** does",
                );
            }
            let Some(file) = flaws.render_word(value.clone(), file, variables) else {
                continue;
            };
            match file.parse::<FileName>() {
                Err(invalid) => flaws.add(
                    value,
                    invalid.message,
                    "a file name of the artifact, without folders",
                ),
                Ok(name) if !wanted.contains(&name) => {
                    let names: Vec<&str> = wanted.iter().map(FileName::as_str).collect();
                    let hint = if wanted
                        .iter()
                        .any(|known| known.as_str() == format!("{name}.exe"))
                    {
                        format!("on windows it is called {name}.exe: write \"{name}{{{{ exe }}}}\"")
                    } else {
                        format!(
                            "its files are {}: see `binaries` and `package.include`",
                            names.join(", ")
                        )
                    };
                    flaws.add(
                        value,
                        format!("`{name}` is neither a binary nor an included file of {} for {platform}", self.name),
                        hint,
                    );
                }
                Ok(name) if extract.iter().any(|(_, other)| *other == name) => {
                    flaws.add(
                        value,
                        format!("two globs make the file `{name}`"),
                        "exactly one match makes each file",
                    );
                }
                Ok(name) => extract.push((glob.unwrap_or_default(), name)),
            }
        }
        if flaws.list.len() == before {
            for name in wanted.iter().take(self.binaries.len()) {
                if !extract.iter().any(|(_, file)| file == name) {
                    let hint = "with `extract`, each binary needs its line";
                    flaws.add(
                        Place::UpstreamKey("extract"),
                        format!("`extract` says nothing about the binary `{name}`"),
                        hint,
                    );
                }
            }
        }
        extract
    }

    pub(super) fn try_build(
        &self,
        platform: Platform,
        out: &str,
        src: &str,
        user: Option<&UserConfig>,
    ) -> Result<Option<RenderedBuild>, Vec<Flaw>> {
        let Some(build) = &self.build else {
            return Ok(None);
        };
        let Build {
            needs: _,
            tools: _,
            source,
            env,
            commands,
            platforms: _,
            timeout: _,
        } = build;
        let variables = self.variables(platform);
        let mut flaws = Flaws::new(user);
        let source = self.render_source(source, &variables, &mut flaws);
        let variables = variables.folders(out, src);
        let mut rendered_env = Vec::with_capacity(env.len());
        for (n, (name, template)) in env.iter().enumerate() {
            if let Some(value) = flaws.render(Place::Env(n), template, &variables) {
                rendered_env.push((name.clone(), value));
            }
        }
        let mut rendered_commands = Vec::with_capacity(commands.len());
        for (n, template) in commands.iter().enumerate() {
            rendered_commands.extend(flaws.render(Place::Command(n), template, &variables));
        }
        let build = source.map(|source| RenderedBuild {
            source,
            env: rendered_env,
            commands: rendered_commands,
        });
        flaws.finish(build)
    }

    fn render_source(
        &self,
        source: &BuildSource,
        variables: &Variables<'_>,
        flaws: &mut Flaws<'_>,
    ) -> Option<RenderedSource> {
        match source {
            BuildSource::Dir(template) => {
                let text = flaws.render(Place::Source("dir"), template, variables)?;
                if text.contains(char::is_control) {
                    flaws.add(
                        Place::Source("dir"),
                        "the path holds a control character",
                        "a folder, relative to the recipe's",
                    );
                    return None;
                }
                Some(RenderedSource::Dir {
                    path: join(&self.dir, &text),
                })
            }
            BuildSource::Git { url, rev } => {
                let url = flaws.render_word(Place::Source("git"), url, variables);
                let rev = flaws.render_word(Place::Source("rev"), rev, variables);
                if let Some(text) = url.as_deref().filter(|url| !is_git_url(url)) {
                    let hint = "https://, ssh://, git@host:path, file:// and paths work; other transports could run commands";
                    flaws.add(
                        Place::Source("git"),
                        format!("`{text}` is not a git url"),
                        hint,
                    );
                }
                if let Some(text) = rev.as_deref().filter(|rev| !is_ref(rev)) {
                    let hint = "a tag, a branch or a commit";
                    flaws.add(
                        Place::Source("rev"),
                        format!("`{text}` can't be a git revision"),
                        hint,
                    );
                }
                url.zip(rev)
                    .map(|(url, rev)| RenderedSource::Git { url, rev })
            }
            BuildSource::Url { url, sha256 } => {
                let url = flaws.render_word(Place::Source("url"), url, variables);
                check_url(flaws, Place::Source("url"), url.as_deref());
                url.map(|url| RenderedSource::Url {
                    url,
                    sha256: *sha256,
                })
            }
            BuildSource::Crate(template) => {
                let name = flaws.render_word(Place::Source("crate"), template, variables)?;
                let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                if !name.starts_with(|c: char| c.is_ascii_alphabetic())
                    || !name.chars().all(good)
                    || name.len() > 64
                {
                    let hint =
                        "the crate's name alone, such as ripgrep; its version is the subsystem's";
                    flaws.add(
                        Place::Source("crate"),
                        format!("`{name}` can't be the name of a crate"),
                        hint,
                    );
                    return None;
                }
                Some(RenderedSource::Crate {
                    name,
                    version: self.version.number().to_owned(),
                })
            }
        }
    }
}

/// `text` seen from a folder, `.` and `..` resolved by name: what is told and hashed has no detours.
pub(super) fn join(base: &Utf8Path, text: &str) -> Utf8PathBuf {
    let mut path = Utf8PathBuf::new();
    for component in base.join(text).components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}

/// How a url of bytes is asked.
pub(super) enum Web<'a> {
    Https,
    /// Plainly, at this host.
    Http(&'a str),
}

/// What a url of bytes is, or why it can't be one.
pub(super) fn web_url(url: &str) -> Result<Web<'_>, (String, &'static str)> {
    let bad = |why: &str, hint| Err((format!("`{url}` can't be used: {why}"), hint));
    let Some((scheme, rest)) = url.split_once("://") else {
        return bad("it is not a url", "such as https://example.com/file.tar.gz");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.is_empty() {
        return bad(
            "it names no host",
            "such as https://example.com/file.tar.gz",
        );
    }
    if authority.contains('@') {
        return bad(
            "it holds a user or password",
            "secrets come from the environment, never from these files",
        );
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return bad("it holds white space", "write %20 for a space");
    }
    match scheme {
        "https" => Ok(Web::Https),
        "http" => Ok(Web::Http(match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(""),
            None => authority.split(':').next().unwrap_or(""),
        })),
        _ => bad(&format!("`{scheme}` is not supported"), "use https"),
    }
}

/// Why a url of bytes can't be used: only https, or plain http to this machine and hosts that the user allows; whom the
/// user allows is not asked where there is no user.
pub(super) fn url_fault(url: &str, user: Option<&UserConfig>) -> Option<(String, &'static str)> {
    let host = match web_url(url) {
        Ok(Web::Https) => return None,
        Ok(Web::Http(host)) => host,
        Err(fault) => return Some(fault),
    };
    // Most projects never ask for the configuration. One that can't be read is told instead, when all is read.
    let refused = !is_loopback(host)
        && user
            .and_then(|user| user.get().ok())
            .is_some_and(|user| !is_allowed(host, &user.allow_http));
    refused.then(|| {
        (
            format!("`{url}` can't be used: plain http can be changed on its way"),
            "use https; or allow the host for yourself: `allow_http` in your config.yml",
        )
    })
}

fn check_url(flaws: &mut Flaws<'_>, place: Place, url: Option<&str>) {
    if let Some((message, hint)) = url.and_then(|url| url_fault(url, flaws.user)) {
        flaws.add(place, message, hint);
    }
}

/// What git takes as a tag, branch or commit, and no option or expression.
fn is_ref(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{")
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}

/// Urls that make git fetch and nothing else (`ext::` runs commands).
fn is_git_url(text: &str) -> bool {
    if text.starts_with('-') || text.contains(char::is_whitespace) {
        return false;
    }
    match text.split_once("://") {
        Some((scheme, rest)) => {
            matches!(scheme, "https" | "http" | "ssh" | "git" | "file")
                && !rest.is_empty()
                && !rest.starts_with('-')
        }
        // `helper::address` names a transport; `git@host:path` and paths do not.
        None => !text.contains("::"),
    }
}

fn is_plain_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 214
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

fn is_npm_name(text: &str) -> bool {
    let (scope, name) = match text.strip_prefix('@') {
        Some(rest) => match rest.split_once('/') {
            Some((scope, name)) => (Some(scope), name),
            None => return false,
        },
        None => (None, text),
    };
    scope.is_none_or(is_plain_name) && is_plain_name(name)
}
