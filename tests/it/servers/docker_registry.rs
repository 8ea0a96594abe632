//! An OCI registry: `docker-registry` of Debian, which keeps blobs and manifests in a folder. It has no
//! referrers and deletes nothing by tag. The test itself looks at manifests and changes them behind
//! larder's back.
//!
//! ```ignore
//! let registry = DockerRegistry::start();
//! env.set("LARDER_HUB", format!("oci://{}/acme/tools", registry.host()));
//! ```
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::path::PathBuf;

use serde_json::Value;

use super::launched::Launched;

const ANY_MANIFEST: (&str, &str) = (
    "accept",
    "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json",
);

/// A running registry.
pub struct DockerRegistry {
    server: Launched,
}

impl DockerRegistry {
    /// Starts one that deletes manifests by digest, as its user asks.
    pub fn start() -> Self {
        Self::with_deletes(true)
    }

    /// Starts one that deletes nothing, which is the program's default.
    pub fn that_deletes_nothing() -> Self {
        Self::with_deletes(false)
    }

    fn with_deletes(deletes: bool) -> Self {
        let arguments = |folder: &std::path::Path| {
            let config = folder.join("config.yml");
            let text = format!(
                "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: \"{0}\"}}\n  \
                 delete: {{enabled: {deletes}}}\n  cache: {{}}\nhttp: {{addr: \"127.0.0.1:0\", secret: tests}}\n",
                folder.join("data").display()
            );
            std::fs::write(&config, text).expect("write the configuration");
            vec!["serve".into(), config.to_str().expect("UTF-8").into()]
        };
        let package = "the Debian package docker-registry";
        Self {
            server: Launched::start("docker-registry", arguments, "listening on ", package),
        }
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> &str {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Removes everything that it has.
    pub fn clear(&self) {
        let data = self.server.folder().join("data");
        if data.exists() {
            std::fs::remove_dir_all(data).expect("remove the data");
        }
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repository: &str) -> Vec<String> {
        let path = format!("/v2/{repository}/tags/list");
        let (status, head, body) = self.server.ask("GET", &path, &[], b"");
        if status == 404 {
            return Vec::new();
        }
        assert_eq!(status, 200, "{head}");
        let list: Value = serde_json::from_slice(&body).expect("JSON");
        let tags = list["tags"].as_array().into_iter().flatten();
        let mut tags: Vec<_> = tags
            .map(|tag| tag.as_str().expect("a tag").into())
            .collect();
        tags.sort();
        tags
    }

    /// The manifest of a tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Value> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let (status, head, body) = self.server.ask("GET", &path, &[ANY_MANIFEST], b"");
        assert!(matches!(status, 200 | 404), "{head}");
        (status == 200).then(|| serde_json::from_slice(&body).expect("JSON"))
    }

    /// Writes a manifest under a tag.
    pub fn put_manifest(&self, repository: &str, tag: &str, manifest: &Value) {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let kind = manifest["mediaType"].as_str();
        let kind = kind.unwrap_or("application/vnd.oci.image.manifest.v1+json");
        let body = serde_json::to_vec(manifest).expect("JSON");
        let answer = self
            .server
            .ask("PUT", &path, &[("content-type", kind)], &body);
        assert_eq!(answer.0, 201, "{}", answer.1);
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let (status, head, body) = self.server.ask("GET", &path, &[], b"");
        assert!(matches!(status, 200 | 404), "{head}");
        (status == 200).then_some(body)
    }

    /// The file that holds a blob, to be damaged.
    pub fn blob_file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").expect("a SHA-256");
        let blobs = "data/docker/registry/v2/blobs/sha256";
        self.server
            .folder()
            .join(format!("{blobs}/{}/{hex}/data", &hex[..2]))
    }
}

#[test]
fn it_serves_the_distribution_protocol() {
    let registry = DockerRegistry::start();
    assert_eq!(registry.server.ask("GET", "/v2/", &[], b"").0, 200);
    assert!(registry.tags("acme/tools").is_empty());
    assert!(registry.manifest("acme/tools", "none").is_none());
}
