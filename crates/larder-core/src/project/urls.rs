//! Checks of urls that people write in files.

/// How a url is requested.
pub enum UrlScheme<'a> {
    Https,
    /// Plain http, from this host.
    Http(&'a str),
}

/// Parses a url that bytes are downloaded from. The error is a message and a hint.
pub fn parse_url(url: &str) -> Result<UrlScheme<'_>, (String, &'static str)> {
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
