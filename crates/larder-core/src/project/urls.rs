//! Checks of urls that people write in files. Their messages don't repeat the secrets in a url.

use crate::redact::mask;

use super::paths::variable;

/// How a url is requested.
pub enum UrlScheme<'a> {
    Https,
    /// Plain http, from this host.
    Http(&'a str),
}

/// Parses a url that bytes are downloaded from. The error is a message and a hint.
pub fn parse_url(url: &str) -> Result<UrlScheme<'_>, (String, &'static str)> {
    let bad = |why: &str, hint| Err((format!("`{}` can't be used: {why}", mask(url)), hint));
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
            "it contains a user or a password",
            "secrets come from the environment, never from these files",
        );
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return bad("it contains white space", "write %20 for a space");
    }
    match scheme {
        "https" => Ok(UrlScheme::Https),
        "http" => Ok(UrlScheme::Http(match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(""),
            None => authority.split(':').next().unwrap_or(""),
        })),
        _ => bad(&format!("`{scheme}` is not supported"), "use https"),
    }
}

/// How git reaches a repository.
pub enum GitTransport<'a> {
    /// Encrypted, or on this machine.
    Safe,
    /// Plain http, from this host.
    Http(&'a str),
}

/// Parses a url that git fetches from. git must do nothing but fetch: a url such as `ext::…` runs
/// commands. The error is a message and a hint.
pub fn parse_git_url(url: &str) -> Result<GitTransport<'_>, (String, &'static str)> {
    let unknown = || {
        Err((
            format!("`{}` is not a git url", mask(url)),
            "https://, ssh://, git@host:path, file:// and paths work; other transports could run commands",
        ))
    };
    if url.is_empty() || url.starts_with('-') || url.contains(char::is_whitespace) {
        return unknown();
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // `helper::address` selects a transport helper; `git@host:path` and paths do not.
        if url.contains("::") {
            return unknown();
        }
        let is_on_a_host = url
            .split('/')
            .next()
            .is_some_and(|first| first.contains(':'));
        if !is_on_a_host && (url.starts_with('~') || variable(url).is_some()) {
            return Err(of_a_user(url));
        }
        return Ok(GitTransport::Safe);
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    match scheme {
        "file" if variable(rest).is_some() => Err(of_a_user(url)),
        "file" if !rest.is_empty() && !rest.starts_with('-') => Ok(GitTransport::Safe),
        "https" | "http" | "ssh" if authority.is_empty() || rest.starts_with('-') => unknown(),
        "ssh" => match user {
            Some(user) if user.contains(':') => Err(password(&mask(url))),
            _ => Ok(GitTransport::Safe),
        },
        "https" | "http" if rest.contains(['?', '#']) => {
            let shown = url.split(['?', '#']).next().unwrap_or_default();
            Err((
                format!(
                    "`{}?…` can't be used: the url of a repository has no query",
                    mask(shown)
                ),
                "secrets come from git's own logins (`credential.helper`), never from these files",
            ))
        }
        "https" | "http" if user.is_some() => Err(password(&mask(url))),
        "https" => Ok(GitTransport::Safe),
        "http" => match parse_url(url)? {
            UrlScheme::Http(host) => Ok(GitTransport::Http(host)),
            UrlScheme::Https => Ok(GitTransport::Safe),
        },
        "git" => Err((
            format!(
                "`{}` can't be used: what git:// sends can be changed on the way",
                mask(url)
            ),
            "use https:// or ssh://",
        )),
        _ => unknown(),
    }
}

/// The error for a path that differs from user to user: the url is part of the inputs.
fn of_a_user(url: &str) -> (String, &'static str) {
    (
        format!(
            "`{url}` can't be used: `~` and variables are not replaced in the url of a repository"
        ),
        "write the path of the repository, or an https:// or ssh:// url",
    )
}

fn password(shown: &str) -> (String, &'static str) {
    (
        format!("`{shown}` can't be used: it contains a user or a password"),
        "secrets come from git's own logins (`credential.helper`, an ssh agent), never from these files",
    )
}

#[cfg(test)]
mod tests {
    use super::parse_git_url;

    #[test]
    fn the_path_of_a_repository_is_the_same_for_all_users() {
        for url in [
            "/srv/repo",
            "../repo",
            "file:///srv/repo",
            "git@host:~/repo",
            "git@host:repo",
            "ssh://git@host/~me/repo",
            "https://host/~me/repo",
        ] {
            assert!(parse_git_url(url).is_ok(), "{url}");
        }
        for url in [
            "~/repo",
            "~me/repo",
            "$HOME/repo",
            "${HOME}/repo",
            "/srv/$USER/repo",
            "file://$HOME/repo",
            "file:///home/${USER}/repo",
        ] {
            let (message, hint) = parse_git_url(url).err().expect(url);
            assert!(
                message.contains(url) && message.contains("not replaced"),
                "{message}"
            );
            assert!(hint.contains("path"), "{hint}");
        }
    }
}
