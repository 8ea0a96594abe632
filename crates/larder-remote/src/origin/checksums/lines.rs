//! Reads the lines of a checksums file, whoever they are about.

use larder_core::model::is_hex;

use super::{Strength, is_digest, of_both, of_name};

/// A digest, and the file that its line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The path as it was listed; `None` for a digest without a name, or of the standard input.
    pub(super) name: Option<String>,
    pub(super) strength: Strength,
    pub(super) hex: String,
}

/// The algorithm of a digest for which none is stated.
type ByLength<'a> = &'a dyn Fn(&str) -> Strength;

/// Whether two entries have different digests of one algorithm.
pub(super) fn disagree<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> bool {
    let mut seen: Vec<&Entry> = Vec::new();
    for entry in entries {
        match seen.iter().find(|known| known.strength == entry.strength) {
            None => seen.push(entry),
            Some(known) if known.hex.eq_ignore_ascii_case(&entry.hex) => {}
            Some(_) => return true,
        }
    }
    false
}

/// All digests of a text.
pub(super) fn read(text: &str, by_length: ByLength<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut list = FileHashList::default();
    // certutil writes the name in the line above the digest.
    let mut heading: Option<&str> = None;
    // `sha256sum --zero` ends lines with a zero byte.
    for raw in text.split(['\n', '\r', '\0']) {
        let line = raw.trim();
        if line.is_empty() || list.takes(raw, line, &mut entries, by_length) {
            continue;
        }
        let found = one_line(line, by_length);
        if found.is_empty() {
            heading = line.strip_suffix(':').and_then(named_by_heading);
        }
        entries.extend(found.into_iter().map(|mut entry| {
            if entry.name.is_none() {
                entry.name = heading.map(str::to_owned);
            }
            entry
        }));
    }
    list.end(&mut entries, by_length);
    entries
}

/// The file name in the line above a digest, which is the last word: `tool.zip:`, or certutil's
/// `SHA256 hash of tool.zip:`. Other headings, such as `Checksums of v1.0:`, name no file.
fn named_by_heading(heading: &str) -> Option<&str> {
    let mut words = heading.split_ascii_whitespace();
    let word = trimmed(words.next_back()?);
    if words.next().is_some() && !heading.to_ascii_lowercase().contains("hash") {
        return None;
    }
    (word.contains(['.', '/', '\\', '-', '_']) && of_name(word).is_none()).then_some(word)
}

/// The list that PowerShell prints for `Get-FileHash | Format-List`. Long values are wrapped, and
/// the wrapped lines are indented.
///
/// ```text
/// Algorithm : SHA256
/// Hash      : BA7816BF…
/// Path      : D:\a\tool\tool-windows-
///             amd64.zip
/// ```
#[derive(Default)]
struct FileHashList {
    algorithm: String,
    hash: String,
    path: String,
    /// The value that an indented line continues.
    last: Option<Field>,
}

#[derive(Clone, Copy)]
enum Field {
    Algorithm,
    Hash,
    Path,
}

impl FileHashList {
    /// Whether a line is part of the list.
    fn takes(
        &mut self,
        raw: &str,
        line: &str,
        entries: &mut Vec<Entry>,
        by_length: ByLength<'_>,
    ) -> bool {
        if let Some(field) = self.last
            && raw.starts_with(' ')
        {
            self.value(field).push_str(line);
            return true;
        }
        self.last = None;
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let (key, value) = (key.trim_end(), value.trim());
        let field = match key {
            "Algorithm" if of_name(value).is_some() => Field::Algorithm,
            // A wrapped hash is longer than any that fits in a line.
            "Hash" if is_hex(value) => Field::Hash,
            "Path" if !self.hash.is_empty() => Field::Path,
            _ => return false,
        };
        let begins = match field {
            Field::Algorithm => true,
            Field::Hash => !self.hash.is_empty(),
            Field::Path => false,
        };
        if begins {
            self.end(entries, by_length);
        }
        value.clone_into(self.value(field));
        self.last = Some(field);
        true
    }

    fn value(&mut self, field: Field) -> &mut String {
        match field {
            Field::Algorithm => &mut self.algorithm,
            Field::Hash => &mut self.hash,
            Field::Path => &mut self.path,
        }
    }

    /// Adds the entry that was read so far.
    fn end(&mut self, entries: &mut Vec<Entry>, by_length: ByLength<'_>) {
        let Self {
            algorithm,
            hash,
            path,
            last: _,
        } = std::mem::take(self);
        if is_digest(&hash) {
            entries.push(Entry {
                name: file_name(&path),
                strength: of_name(&algorithm)
                    .map_or_else(|| by_length(&hash), |name| of_both(name, &hash)),
                hex: hash,
            });
        }
    }
}

/// The digests of one line: none in prose, several in a table with a column for each algorithm.
fn one_line(line: &str, by_length: ByLength<'_>) -> Vec<Entry> {
    // coreutils puts a backslash before a line whose name is escaped, as every name with a
    // backslash is on Windows.
    let (line, escaped) = match line.strip_prefix('\\') {
        Some(line) => (line, true),
        None => (line, false),
    };
    let entry = |name: &str, (strength, hex): (Strength, &str)| {
        let name = if escaped {
            unescaped(name)
        } else {
            name.to_owned()
        };
        vec![Entry {
            name: file_name(&name),
            strength,
            hex: hex.to_owned(),
        }]
    };
    if let Some((name, strength, hex)) = bsd(line, by_length) {
        return entry(name, (strength, hex));
    }
    let line = line.strip_prefix("- ").unwrap_or(line);
    let Some((first, rest)) = line.split_once(|c: char| c.is_ascii_whitespace()) else {
        if let Some(found) = digest(line, by_length) {
            return entry("", found);
        }
        if let Some((name, hex)) = line.rsplit_once([':', '='])
            && let Some(found) = digest(hex, by_length)
        {
            return entry(name, found);
        }
        return table_row(line, by_length);
    };
    // The marks of coreutils for text and binary are a space and an asterisk.
    let name_of = |rest: &'_ str| {
        let name = rest.trim();
        name.strip_prefix('*').unwrap_or(name).to_owned()
    };
    if let Some(found) = digest(first, by_length) {
        // Debian writes the size between digest and name.
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        if let [size, name] = words.as_slice()
            && size.bytes().all(|byte| byte.is_ascii_digit())
        {
            return entry(name, found);
        }
        // In tables and where there are several digests, the rest is no name.
        let is_table = words
            .iter()
            .any(|word| *word == "|" || digest(word, by_length).is_some());
        return if is_table {
            table_row(line, by_length)
        } else {
            entry(&name_of(rest), found)
        };
    }
    // PowerShell's table has algorithm, digest and path.
    if let Some(algorithm) = of_name(trimmed(first)) {
        let rest = rest.trim_start();
        let (hex, path) = rest
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((rest, ""));
        if let Some((_, hex)) = digest(hex, by_length) {
            return entry(&name_of(path), (of_both(algorithm, hex), hex));
        }
    }
    // `name: hex`, `name hex`
    if let Some((name, hex)) = line.rsplit_once(|c: char| c.is_ascii_whitespace())
        && let Some(found) = digest(hex, by_length)
        && !name
            .split_ascii_whitespace()
            .any(|word| word == "|" || digest(word, by_length).is_some())
    {
        let name = name.trim().trim_end_matches(['=', ':']).trim();
        return match of_name(name) {
            Some(algorithm) => entry("", (of_both(algorithm, found.1), found.1)),
            None => entry(name, found),
        };
    }
    let bytes = line.split_ascii_whitespace();
    if bytes.clone().all(|byte| byte.len() == 2) {
        // Old versions of certutil put a space between bytes.
        let hex: String = bytes.collect();
        if let Some(found) = digest(&hex, by_length) {
            return entry("", found);
        }
    }
    table_row(line, by_length)
}

/// `SHA256 (name) = hex`, or `(stdin)= hex`.
fn bsd<'l>(line: &'l str, by_length: ByLength<'_>) -> Option<(&'l str, Strength, &'l str)> {
    let (algorithm, rest) = line.split_once('(')?;
    let (name, hex) = rest.rsplit_once(')')?;
    let hex = hex.trim().strip_prefix('=')?.trim();
    if !is_hex(hex) {
        return None;
    }
    let strength = match algorithm.trim() {
        "" => by_length(hex),
        algorithm => of_both(of_name(algorithm).unwrap_or(Strength::Unknown), hex),
    };
    Some((name, strength, hex))
}

/// The digests of a row of a table, such as `| name | hex |`, `name,hex` or `name size hex hex`:
/// each column is a digest, a number, an algorithm, or the one name.
fn table_row(line: &str, by_length: ByLength<'_>) -> Vec<Entry> {
    let separator = |c: char| {
        if line.contains('|') {
            c == '|'
        } else {
            c.is_ascii_whitespace() || matches!(c, ',' | ';' | '\t')
        }
    };
    let (mut digests, mut name) = (Vec::new(), None);
    for word in line.split(separator).map(trimmed) {
        if let Some(found) = digest(word, by_length) {
            digests.push(found);
            continue;
        }
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = !is_number && of_name(word).is_none();
        if is_name && name.replace(word).is_some() {
            return Vec::new();
        }
    }
    digests
        .into_iter()
        .map(|(strength, hex)| Entry {
            name: name.and_then(file_name),
            strength,
            hex: hex.to_owned(),
        })
        .collect()
}

/// A word that is a digest, such as `hex` or `sha256:hex`.
fn digest<'w>(word: &'w str, by_length: ByLength<'_>) -> Option<(Strength, &'w str)> {
    let word = trimmed(word);
    if is_digest(word) {
        return Some((by_length(word), word));
    }
    let (name, hex) = word.split_once([':', '='])?;
    let strength = of_both(of_name(name)?, hex);
    is_digest(hex).then_some((strength, hex))
}

/// A word without the quotes, and the comma after it.
fn trimmed(word: &str) -> &str {
    word.trim()
        .trim_matches(['"', '\'', '`', ','])
        .trim_end_matches(':')
        .trim_matches(['"', '\'', '`'])
        .trim()
}

/// The name of a file; `None` if there is no name, if it stands for the standard input, or if it is
/// cut off, as PowerShell does with paths that are longer than a line.
fn file_name(name: &str) -> Option<String> {
    let name = name.trim().trim_matches(['"', '\'', '`']);
    let is_none = matches!(name, "" | "-" | "*-" | "stdin" | "*stdin" | "/dev/stdin")
        || name.ends_with("...")
        || name.ends_with('…');
    (!is_none).then(|| name.to_owned())
}

/// A name of coreutils without its escapes.
fn unescaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::of_length;
    use super::*;

    #[test]
    fn prose_has_no_digests() {
        let a = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for text in [
            "see the site for more".to_owned(),
            "the commit was 0123456 (tool) = no digest".to_owned(),
            format!("we replaced {a} because it was, well, wrong"),
            "<html><body>Not found</body></html>".to_owned(),
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n".to_owned(),
            "Path : x\nHash : y\nAlgorithm : z".to_owned(),
        ] {
            assert_eq!(read(&text, &of_length), [], "{text}");
        }
    }
}
