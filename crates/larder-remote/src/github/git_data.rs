//! The files, trees, commits and branches of a repository through the API. A change needs no copy
//! of the repository this way, however large it is.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, segment};
use super::write::WriteError;
use crate::http::{Method, Url};
use larder_core::error::Result;

/// The size limit for a file that is read.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What a folder has.
#[derive(Clone, Debug, Deserialize)]
pub struct FolderItem {
    /// The name.
    pub name: String,
    /// `file`, `dir`, `symlink` or `submodule`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of the object in git.
    pub sha: String,
}

/// A file of a new tree: its path, and its text; without a text it is removed.
pub type TreeFile = (String, Option<String>);

/// An object of git, or something that names one.
#[derive(Deserialize)]
struct Object {
    sha: String,
}

impl Api {
    /// What a folder has at a branch or commit; `None` if there is no such folder.
    pub fn folder(&self, path: &str, at: &str) -> Result<Option<Vec<FolderItem>>> {
        let answer = self.send(&self.content_url(path, at)?)?;
        match answer.status {
            200 => {
                let body: Value = answer.json()?;
                // A file is an object.
                let items = body.is_array().then(|| answer.json());
                items.transpose()
            }
            404 => Ok(None),
            _ => Err(answer.error()),
        }
    }

    /// The bytes of a file at a branch or commit; `None` if there is no such file.
    pub fn file(&self, path: &str, at: &str) -> Result<Option<Vec<u8>>> {
        let request = self
            .request(Method::GET, self.content_url(path, at)?)?
            .header("accept", "application/vnd.github.raw+json")?;
        self.client.get_small(request, LARGEST)
    }

    fn content_url(&self, path: &str, at: &str) -> Result<Url> {
        let path: Vec<String> = path.split('/').map(segment).collect();
        let mut url = self.url(&format!("/contents/{}", path.join("/")))?;
        url.query_pairs_mut().append_pair("ref", at);
        Ok(url)
    }

    /// The commit of a branch; `None` if there is no such branch.
    pub fn branch(&self, name: &str) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Reference {
            object: Object,
        }
        let answer = self.send(&self.url(&format!("/git/ref/heads/{}", segment(name)))?)?;
        match answer.status {
            200 => Ok(Some(answer.json::<Reference>()?.object.sha)),
            // The repository is empty.
            404 | 409 => Ok(None),
            _ => Err(answer.error()),
        }
    }

    /// The tree of a commit; `None` if there is no such commit.
    pub fn tree_of(&self, commit: &str) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Commit {
            tree: Object,
        }
        let commit: Option<Commit> = self.ask_for(&format!("/git/commits/{commit}"))?;
        Ok(commit.map(|commit| commit.tree.sha))
    }

    /// Makes a tree out of another one with some files changed.
    pub fn create_tree(&self, base: &str, files: &[TreeFile]) -> Result<String, WriteError> {
        let entry = |(path, text): &TreeFile| {
            let mut entry = json!({"path": path, "mode": "100644", "type": "blob"});
            match text {
                Some(text) => entry["content"] = text.as_str().into(),
                None => entry["sha"] = Value::Null,
            }
            entry
        };
        let entries: Vec<Value> = files.iter().map(entry).collect();
        let wanted = json!({"base_tree": base, "tree": entries});
        let tree: Object = self.write_json(Method::POST, "/git/trees", &wanted)?;
        Ok(tree.sha)
    }

    /// Makes a commit by the owner of the token.
    pub fn create_commit(
        &self,
        message: &str,
        tree: &str,
        parent: &str,
    ) -> Result<String, WriteError> {
        let wanted = json!({"message": message, "tree": tree, "parents": [parent]});
        let commit: Object = self.write_json(Method::POST, "/git/commits", &wanted)?;
        Ok(commit.sha)
    }

    /// Makes a branch.
    pub fn create_branch(&self, name: &str, commit: &str) -> Result<(), WriteError> {
        let wanted = json!({"ref": format!("refs/heads/{name}"), "sha": commit});
        self.write_json::<Value>(Method::POST, "/git/refs", &wanted)
            .map(drop)
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, name: &str) -> Result<(), WriteError> {
        self.delete(&format!("/git/refs/heads/{}", segment(name)))
            .map(drop)
    }
}

/// The id that git gives a file with these bytes.
pub fn blob_id(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hash = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(format!("blob {}\0", bytes.len()).as_bytes());
    hash.update(bytes);
    let mut id = String::new();
    for byte in hash.finish().as_ref() {
        write!(id, "{byte:02x}").expect("a string grows");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::blob_id;

    #[test]
    fn files_have_the_ids_of_git() {
        // `printf … | git hash-object --stdin`
        for (bytes, id) in [
            ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        ] {
            assert_eq!(blob_id(bytes.as_bytes()), id);
        }
    }
}
