//! Which files of a work tree git wrote with other line ends than they have in the repository.

use camino::Utf8Path;

use larder_process::Command;

use super::{Git, SETTINGS};

impl Git<'_> {
    /// The files in a folder of a work tree whose line ends git changed when it wrote them: LF in
    /// the repository, CR LF on this machine. Paths are relative to the folder. Empty if the folder
    /// is in no work tree, or there is no git.
    pub fn with_changed_lines(&self, folder: &Utf8Path) -> Vec<String> {
        // The repository's own configuration may name programs.
        let settings = SETTINGS
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let listed = Command::new("git", self.isolated(""))
            .args(settings.flat_map(|setting| ["-c".to_owned(), setting]))
            .args(["ls-files", "--eol", "-z"])
            .folder(folder)
            .capture(self.cancel);
        let Ok(listed) = listed else {
            return Vec::new();
        };
        let changed = |line: &str| {
            let (about, path) = line.split_once('\t')?;
            let mut words = about.split_ascii_whitespace();
            let (inside, outside) = (words.next()?, words.next()?);
            let is = inside == "i/lf" && ["w/crlf", "w/mixed"].contains(&outside);
            is.then(|| path.to_owned())
        };
        listed.out.split('\0').filter_map(changed).collect()
    }
}
