//! The page of a package in a simple index, as JSON or as HTML:
//! PEP 503 (HTML) and PEP 691 (JSON).

use percent_encoding::percent_decode_str;
use serde_json::Value;

use larder_core::model::Digest;

use crate::http::Url;

/// A file that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// Its digest, if the index states one of this kind.
    pub sha256: Option<Digest>,
    /// Whether its publisher has withdrawn it.
    pub yanked: bool,
}

/// The files of a page in JSON; `None` if it is none.
pub(super) fn of_json(text: &str, base: &Url) -> Option<Vec<IndexFile>> {
    let page: Value = serde_json::from_str(text).ok()?;
    let files = page.get("files")?.as_array()?.iter();
    let files = files.filter_map(|file| {
        let digest = file.pointer("/hashes/sha256").and_then(Value::as_str);
        Some(IndexFile {
            name: file.get("filename")?.as_str()?.to_owned(),
            url: base.join(file.get("url")?.as_str()?).ok()?,
            sha256: digest.and_then(|digest| digest.parse().ok()),
            // A text is the reason.
            yanked: match file.get("yanked") {
                Some(Value::Bool(yanked)) => *yanked,
                Some(Value::String(_)) => true,
                _ => false,
            },
        })
    });
    Some(files.collect())
}

/// The files of a page in HTML: one link for each, with the digest behind `#`.
pub(super) fn of_html(text: &str, base: &Url) -> Vec<IndexFile> {
    let mut rest = text;
    let mut files = Vec::new();
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let Some(after) = rest.strip_prefix(['a', 'A']) else {
            continue;
        };
        rest = after;
        let is_link = rest.starts_with(char::is_whitespace);
        let Some(end) = end_of_tag(rest).filter(|_| is_link) else {
            continue;
        };
        let tag = &rest[..end];
        rest = &rest[end..];
        let Some(href) = attribute(tag, "href") else {
            continue;
        };
        let Ok(mut url) = base.join(&href) else {
            continue;
        };
        let digest = url
            .fragment()
            .and_then(|fragment| fragment.strip_prefix("sha256="));
        let sha256 = digest.and_then(|digest| digest.parse().ok());
        url.set_fragment(None);
        let last = url.path().rsplit('/').next().unwrap_or_default();
        let name = percent_decode_str(last).decode_utf8_lossy().into_owned();
        files.push(IndexFile {
            name,
            url,
            sha256,
            yanked: attribute(tag, "data-yanked").is_some(),
        });
    }
    files
}

/// Where the tag ends, outside of quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some(at),
            _ => {}
        }
        None
    })
}

/// The value of an attribute of a tag, which is empty if it has none.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let found = rest[..end].eq_ignore_ascii_case(name);
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
            (value, rest) = match quote {
                Some(quote) => after[1..].split_once(quote)?,
                None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
            };
        }
        if found {
            return Some(value.replace("&amp;", "&"));
        }
        rest = rest.trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "b05e6939d699676a0567a2c2ed09eb84f35f634439cd98cdb300d9977480aa5b";

    #[test]
    fn pages_of_both_kinds_list_files_with_digests() {
        let base: Url = "https://index.example/simple/arc/".parse().unwrap();
        let html = format!(
            "<!DOCTYPE html><html><head><title>a > b</title></head><body><abbr>x</abbr>\n\
             <a href=\"/packages/arc-1.0-py3-none-any.whl#sha256={DIGEST}\">arc</a><br>\n\
             <A data-requires-python='&gt;=3.8' HREF='../../f/arc-1.1%2Bx.whl?a=1&amp;b=2'>x</A>\n\
             <a data-yanked=\"it broke\" href=https://files.example/arc-0.9.whl#md5=00>y</a>\n\
             <a name=top>no link</a></body></html>"
        );
        let html = of_html(&html, &base);
        let found: Vec<_> = html
            .iter()
            .map(|file| {
                (
                    file.name.as_str(),
                    file.url.as_str(),
                    file.sha256.map(|digest| digest.to_string()),
                    file.yanked,
                )
            })
            .collect();
        let digest = Some(DIGEST.to_owned());
        assert_eq!(
            found,
            [
                (
                    "arc-1.0-py3-none-any.whl",
                    "https://index.example/packages/arc-1.0-py3-none-any.whl",
                    digest.clone(),
                    false
                ),
                (
                    "arc-1.1+x.whl",
                    "https://index.example/f/arc-1.1%2Bx.whl?a=1&b=2",
                    None,
                    false
                ),
                (
                    "arc-0.9.whl",
                    "https://files.example/arc-0.9.whl",
                    None,
                    true
                ),
            ]
        );
        let json = format!(
            "{{\"meta\": {{\"api-version\": \"1.0\"}}, \"files\": [\
             {{\"filename\": \"arc-1.0-py3-none-any.whl\", \"url\": \"/packages/arc-1.0-py3-none-any.whl\",\
             \"hashes\": {{\"sha256\": \"{DIGEST}\"}}, \"yanked\": false}},\
             {{\"filename\": \"arc-0.9.whl\", \"url\": \"https://files.example/arc-0.9.whl\", \"hashes\": {{}}, \"yanked\": \"it broke\"}}]}}"
        );
        let json = of_json(&json, &base).unwrap();
        assert_eq!(json, [html[0].clone(), html[2].clone()]);
        assert_eq!(of_json("[]", &base), None);
    }
}
