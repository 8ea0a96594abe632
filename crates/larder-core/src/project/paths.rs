//! Resolves paths that people write in files and variables.
//!
//! One rule holds for all of them, because no shell has seen them: `~` or `~/` at the start is the
//! home folder, and what else a shell would replace (`~user`, `$NAME`, `${NAME}`) is refused. So no
//! folder is made that is called `~` or `$HOME`.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Why a path can't be used, as a message and a hint.
pub type PathFault = (String, String);

/// Joins `text` to a folder and resolves `.` and `..` by name, without reading the disk, so that
/// two spellings of a path are shown and hashed alike.
pub fn join(base: &Utf8Path, text: &str) -> Utf8PathBuf {
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

/// Replaces `~` at the start of a path with the home folder, and refuses what else a shell would
/// replace.
pub fn expand(text: &str, home: Option<&Utf8Path>) -> Result<Utf8PathBuf, PathFault> {
    let is_separator = |c: char| c == '/' || (cfg!(windows) && c == '\\');
    if let Some(variable) = variable(text) {
        return Err((
            format!("`{text}` contains `{variable}`: variables are not replaced in paths"),
            "write the folder itself; `~/` at the start is your home folder".into(),
        ));
    }
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(text.into());
    };
    if !rest.is_empty() && !rest.starts_with(is_separator) {
        return Err((
            format!("`{text}` starts with `~` and a name, which is not replaced"),
            "`~/` is your own home folder; for a folder with such a name write `./~…`".into(),
        ));
    }
    match home {
        Some(home) => Ok(match rest.trim_start_matches(is_separator) {
            "" => home.to_owned(),
            below => home.join(below),
        }),
        None => Err((
            format!("`{text}` is in your home folder, and HOME names none"),
            "set HOME to an absolute path, or write the folder itself".into(),
        )),
    }
}

/// Joins an expanded path to a folder.
pub fn join_expanded(
    base: &Utf8Path,
    text: &str,
    home: Option<&Utf8Path>,
) -> Result<Utf8PathBuf, PathFault> {
    Ok(join(base, expand(text, home)?.as_str()))
}

/// The first `$NAME` or `${…` in a text.
pub(super) fn variable(text: &str) -> Option<&str> {
    text.match_indices('$').find_map(|(at, _)| {
        let rest = &text[at + 1..];
        if rest.starts_with('{') {
            let end = rest.find('}').map_or(text.len(), |end| at + end + 2);
            return Some(&text[at..end]);
        }
        let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let end = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
        starts.then(|| &text[at..=at + end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_folder_is_the_only_thing_that_is_replaced() {
        let home = Some(Utf8Path::new("/home/me"));
        for (text, path) in [
            ("~", "/home/me"),
            ("~/", "/home/me"),
            ("~/hub", "/home/me/hub"),
            ("~//hub", "/home/me/hub"),
            ("~/a/../b", "/home/me/b"),
            ("hub", "/project/hub"),
            ("../hub", "/hub"),
            ("/mnt/hub", "/mnt/hub"),
            ("a/~", "/project/a/~"),
            ("./~", "/project/~"),
            ("./~me", "/project/~me"),
            ("a~", "/project/a~"),
            ("hub-$", "/project/hub-$"),
            ("$1", "/project/$1"),
            ("a$/b", "/project/a$/b"),
            ("%HOME%", "/project/%HOME%"),
            ("ü b/#c", "/project/ü b/#c"),
            ("", "/project"),
        ] {
            let joined = join_expanded("/project".into(), text, home);
            assert_eq!(joined, Ok(path.into()), "{text}");
        }
    }

    #[test]
    fn what_a_shell_would_replace_is_refused_and_named() {
        let home = Some(Utf8Path::new("/home/me"));
        for (text, named) in [
            ("~me", "`~me` starts with"),
            ("~me/hub", "`~me/hub` starts with"),
            ("~+", "`~+` starts with"),
            ("$HOME", "contains `$HOME`"),
            ("$HOME/hub", "contains `$HOME`"),
            ("${HOME}/hub", "contains `${HOME}`"),
            ("${HOME:-/x}/hub", "contains `${HOME:-/x}`"),
            ("${HOME", "contains `${HOME`"),
            ("/srv/$USER", "contains `$USER`"),
            ("/srv/cache-$_x1.d", "contains `$_x1`"),
            ("$1/$A", "contains `$A`"),
            ("~/$A", "contains `$A`"),
        ] {
            let (message, hint) = expand(text, home).unwrap_err();
            assert!(message.contains(named), "{text}: {message}");
            assert!(hint.contains("home folder"), "{text}: {hint}");
        }
        for text in ["~", "~/hub"] {
            let (message, hint) = expand(text, None).unwrap_err();
            assert!(
                message.contains("HOME") && hint.contains("HOME"),
                "{message}"
            );
        }
    }
}
