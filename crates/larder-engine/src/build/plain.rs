//! Another name for a work folder whose path has characters with a meaning in a command line.
//!
//! `{{ out }}` and `{{ src }}` are text in a line for the shell, which may or may not be in quotes
//! there. A blank, a quote, `$` or a backquote in the project's path would change what the line
//! means, and in the worst case run a part of the path. Makefiles and lists of folders have such
//! characters too (`#`, `%`, `:`). So the commands are then given the path of a link in the folder
//! for temporary files, which leads to the work folder.

use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::fs::{self, Scratch};

/// The path of a work folder for the text of command lines and variables.
pub(super) struct PlainPath {
    path: Utf8PathBuf,
    /// The folder of the link, if there is one. It is removed when this value is dropped.
    _link: Option<Scratch>,
}

impl PlainPath {
    /// The path of `folder`, or that of a link to it in the folder for temporary files.
    pub(super) fn of(folder: &Utf8Path, temp: &Path) -> Result<Self> {
        let itself = || Self {
            path: folder.to_owned(),
            _link: None,
        };
        if cfg!(windows) || is_plain(folder.as_str()) {
            return Ok(itself());
        }
        let linked = Scratch::new(temp, "build").and_then(|scratch| {
            let path = scratch.path().join("work");
            fs::symlink(folder, &path)?;
            Ok((path, scratch))
        });
        let cause = match linked {
            Ok((path, scratch)) if is_plain(path.as_str()) => {
                return Ok(Self {
                    path,
                    _link: Some(scratch),
                });
            }
            Ok(_) => Error::usage(format!(
                "the folder for temporary files, {}, has such characters too",
                temp.display()
            )),
            Err(error) => error,
        };
        // Inside double quotes only these have a meaning.
        if folder.as_str().contains(['$', '`', '"', '\'', '\\', '\n']) {
            return Err(Error::usage(format!(
                "the path {folder} has characters that a command line can't carry"
            ))
            .cause(cause)
            .hint(
                "move the project to another folder, or set TMPDIR to a folder with a plain path",
            ));
        }
        Ok(itself())
    }

    /// The path.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// Whether no character of a path has a meaning for shells, make, or in lists of folders.
fn is_plain(path: &str) -> bool {
    path.chars()
        .all(|c| c.is_alphanumeric() || "/._-+=@,".contains(c))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_odd_paths_get_another_name_and_it_leads_to_the_folder() {
        let temp = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(temp.path()).unwrap();
        for plain in ["a", "a.b-c_d", "ü", "日本", "a+b=c@d,e"] {
            let folder = base.join(plain);
            assert_eq!(PlainPath::of(&folder, temp.path()).unwrap().path(), folder);
        }
        for odd in [
            "a b", "a$b", "`a`", "a'b", "a\"b", "a\nb", "a\\b", "a:b", "a#b", "a%b", "a;b", "a&b",
            "(a)", "a*", "[a]", "a?", "{a}", "a|b", "a<b", "!a", "~a", "a\tb",
        ] {
            let folder = base.join(odd);
            fs::create_dir_all(folder.join("out")).unwrap();
            let named = PlainPath::of(&folder, temp.path()).unwrap();
            let path = named.path().to_owned();
            assert!(is_plain(path.as_str()), "{odd}: {path}");
            assert!(fs::exists(path.join("out")), "{odd}");
            drop(named);
            assert!(
                !fs::exists(&path) && fs::exists(folder.join("out")),
                "{odd}"
            );
        }
        // Without another name, a path is only used if it can be written in double quotes.
        let missing = temp.path().join("missing");
        assert!(PlainPath::of(&base.join("a b"), &missing).is_ok());
        let error = PlainPath::of(&base.join("a$b"), &missing).err().unwrap();
        assert!(error.to_string().contains("a$b"), "{error}");
    }
}
