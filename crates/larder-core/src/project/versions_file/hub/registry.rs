//! The name of a hub in a registry: `registry.example/acme/tools`.

use crate::project::domain::HubConfig;

/// The hub in a repository of a registry, or what is wrong with the name and what helps.
pub(super) fn oci_hub(text: &str) -> Result<HubConfig, (String, String)> {
    let fault = |why: &str, hint: &str| {
        let shown: String = text.escape_debug().take(120).collect();
        (format!("`{shown}` {why}"), hint.to_owned())
    };
    let example = "such as registry.example/acme/tools";
    if let Some((name, digest)) = text.split_once('@') {
        // What stands before `@` may be a password.
        return Err(if digest.starts_with("sha") && !name.is_empty() {
            fault(
                "has a digest",
                "a hub is a whole repository: leave the digest out",
            )
        } else {
            let message = "the name of a hub's repository has an `@`".to_owned();
            (
                message,
                "a login is never part of it; `docker login` stores one".to_owned(),
            )
        });
    }
    if let Some((_, rest)) = text.split_once("://") {
        let hint = format!("write `{}`", rest.trim_end_matches('/'));
        return Err(fault(
            "has a scheme, which the name of a repository does not have",
            &hint,
        ));
    }
    let Some((registry, repository)) = text.split_once('/') else {
        return Err(fault(
            "has no host and repository with a `/` between them",
            example,
        ));
    };
    let is_host = registry == "localhost" || registry.contains(['.', ':']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !is_host || !registry.bytes().all(is_plain) {
        return Err(fault("does not begin with the host of a registry", example));
    }
    let port = registry.rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|port| !port.ends_with(']') && port.parse::<u16>().is_err()) {
        return Err(fault("names a port that is no number up to 65535", example));
    }
    if let Some((name, tag)) = repository.split_once(':') {
        let hint = format!("a hub is a whole repository: write `{registry}/{name}`");
        return Err(fault(
            &format!("has the tag `{}`", tag.escape_debug()),
            &hint,
        ));
    }
    let is_part = |part: &str| {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_separator = |text: &str| {
            matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
        };
        part.starts_with(is_word)
            && part.ends_with(is_word)
            && part.split(is_word).all(is_separator)
    };
    if repository.len() > 255 || !repository.split('/').all(is_part) {
        return Err(fault(
            "is not the name of a repository",
            "a repository has lower-case letters and digits, with single `.`, `_` or `-` between \
             them, and `/`",
        ));
    }
    Ok(HubConfig::Oci {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
    })
}
