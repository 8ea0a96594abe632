//! The page as text. Whatever is not written here is escaped.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use larder_core::human;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::index::Entry;
use crate::index::name::arch_word;

/// A text in which no character has a meaning for HTML, inside of elements and of quoted attributes.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_str("\u{fffd}")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A box with a lid. It is a part of the page, as everything is.
pub const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect x='1' y='2' width='14' height='4' rx='1' fill='%230b5fce'/%3E\
    %3Cpath d='M2 7h12v6a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1zm4 2v1.5h4V9z' fill='%233f8cf0'/%3E%3C/svg%3E";

/// What the page is made of. `notice`, `rows` and `pager` are HTML, the rest is text.
pub struct Parts<'a> {
    pub style: &'a str,
    pub script: &'a str,
    pub notice: &'a str,
    pub counted: &'a str,
    pub places: &'a BTreeSet<(&'a str, &'a str)>,
    pub search: &'a str,
    pub rows: &'a str,
    pub pager: &'a str,
    pub example: Option<&'a str>,
    pub base: &'a str,
}

/// One line of the table.
pub fn row(entry: &Entry) -> String {
    let of = &entry.coordinate;
    let file = Escaped(&entry.file);
    let date = date(entry.stamp.modified_seconds());
    format!(
        "<tr><td class=\"name\">{}</td><td class=\"version\">{}</td>\
         <td class=\"platform\">{} {}</td><td class=\"size\">{}</td>\
         <td class=\"date\"><time datetime=\"{date}\">{date}</time></td>\
         <td class=\"file\"><a href=\"/binaries/{file}\" download=\"{file}\">{file}</a>\
         <code class=\"digest\">{}</code></td></tr>\n",
        Escaped(&of.name),
        Escaped(of.version.as_str()),
        of.platform.as_str(),
        arch_word(of.arch),
        human::bytes(entry.stamp.size),
        entry.digest
    )
}

/// A day, in UTC.
fn date(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%d").to_string()
}

/// How many files there are, and how many of them are found.
pub fn count(all: usize, is_everything: bool, found: usize) -> String {
    let files = human::count(all, "file");
    if is_everything {
        files
    } else {
        format!("{found} of {files}")
    }
}

/// The links to the other pages of the table.
pub fn pager(path: &str, part: &str, search: &str, page: usize, pages: usize) -> String {
    if pages < 2 {
        return String::new();
    }
    let query = utf8_percent_encode(search, NON_ALPHANUMERIC).to_string();
    let to = |page: usize, rel: &str, text: &str| {
        let search = if query.is_empty() {
            String::new()
        } else {
            format!("q={query}&amp;")
        };
        format!("<a rel=\"{rel}\" href=\"{path}?{search}page={page}#{part}\">{text}</a>")
    };
    let mut text = String::new();
    if page > 1 {
        text += &to(page - 1, "prev", "← Previous");
    }
    let _ = write!(text, "<span class=\"soft\">Page {page} of {pages}</span>");
    if page < pages {
        text += &to(page + 1, "next", "Next →");
    }
    text
}

/// The whole page.
pub fn page(parts: &Parts<'_>) -> String {
    let Parts {
        style,
        script,
        notice,
        counted,
        places,
        search,
        rows,
        pager,
        example,
        base,
    } = parts;
    let mut options = String::new();
    for (platform, arch) in *places {
        let _ = write!(
            options,
            "<option value=\"{platform}/{arch}\">{platform} {arch}</option>"
        );
    }
    let (search, base) = (Escaped(search), Escaped(base));
    let absent = if places.is_empty() {
        "There are no binaries yet."
    } else {
        "There is no such file."
    };
    let none = if rows.is_empty() { "" } else { " hidden" };
    let commands = example.map_or(String::new(), |file| {
        let file = Escaped(file);
        format!(
            "<section id=\"noscript\">\n<h2>Download and check</h2>\n\
             <pre>curl -fLO &#39;{base}/binaries/{file}&#39;\n\
             curl -fsS &#39;{base}/SHA256SUMS&#39; | sha256sum -c --ignore-missing</pre>\n</section>\n"
        )
    });
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Binaries</title>\n<link rel=\"icon\" href=\"{ICON}\">\n<style>{style}</style>\n\
         </head>\n<body>\n<a class=\"skip\" href=\"#list\">Skip to the list</a>\n\
         <header><h1>Binaries</h1><p class=\"soft\">{counted}</p>\
         <nav class=\"top\" aria-label=\"Pages of the server\"><a href=\"/fleet\">Fleet</a></nav></header>\n<main>\n{notice}\
         <section id=\"machine\" aria-labelledby=\"for\" hidden>\n\
         <div class=\"bar\"><h2 id=\"for\">For your machine</h2>\
         <span class=\"pick\"><label for=\"place\">Platform</label>\
         <select id=\"place\">{options}</select></span></div>\n\
         <div id=\"cards\" class=\"cards\"></div>\n</section>\n\
         <section id=\"list\" aria-labelledby=\"all\">\n\
         <div class=\"bar\"><h2 id=\"all\">All files</h2>\
         <form id=\"search\" role=\"search\" action=\"/\" method=\"get\">\
         <input id=\"q\" name=\"q\" type=\"search\" value=\"{search}\" maxlength=\"200\" \
         placeholder=\"Search name, version, platform\" aria-label=\"Search the files\" \
         autocomplete=\"off\" spellcheck=\"false\"><button id=\"go\">Search</button></form>\
         <span id=\"key\" class=\"soft\" hidden><kbd>/</kbd></span></div>\n\
         <p id=\"status\" class=\"soft\" role=\"status\"></p>\n\
         <div class=\"panel\"><table>\n<thead><tr><th>Name</th><th>Version</th><th>Platform</th>\
         <th class=\"size\">Size</th><th>Date</th><th>File and SHA-256</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n\
         <p id=\"none\" class=\"soft empty\"{none}>{absent}</p></div>\n\
         <nav id=\"pages\" class=\"pages\" aria-label=\"Pages\">{pager}</nav>\n\
         <div class=\"pages\"><button id=\"more\" type=\"button\" hidden>Show more</button></div>\n\
         </section>\n{commands}</main>\n\
         <footer><a href=\"/SHA256SUMS\">SHA256SUMS</a> <a href=\"/index.json\">index.json</a> \
         <a href=\"/openapi.json\">API</a></footer>\n\
         <script>{script}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let escaped = Escaped("<a href='x' b=\"y\">&\u{0}\n").to_string();
        assert_eq!(
            escaped,
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;\u{fffd}\u{fffd}"
        );
        let pager = pager("/", "list", "<\"&page=9", 2, 3);
        assert!(pager.contains("q=%3C%22%26page%3D9&amp;page=3"), "{pager}");
        assert!(!pager.contains("<\""), "{pager}");
        assert_eq!(super::pager("/", "list", "", 1, 1), "");
    }

    #[test]
    fn days_are_in_utc() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_700_000_000), "2023-11-14");
        assert_eq!(date(i64::MAX), "1970-01-01");
    }
}
