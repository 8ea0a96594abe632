//! `NuGet` feeds of version 2, such as those of Chocolatey, through HTTP: a package is pushed by one
//! request, which the feed answers with 409 if it has that version.

use camino::Utf8Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;

use crate::http::{Answer, Client, Credential, Method, Request, Secret, Site, Url, parse_url};

/// The header that has the key.
const KEY_HEADER: &str = "x-nuget-apikey";
/// The most bytes of a package or an answer.
const LIMIT: u64 = 256 << 20;
/// What is not quoted in a part of a url.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What became of a package that was pushed.
#[derive(Clone, Debug)]
pub enum Pushed {
    /// The feed has taken it.
    Done,
    /// The feed says that it has this version already. It may have taken it from an earlier try
    /// whose answer was lost.
    Conflict(Error),
}

/// A feed, and the key that may write to it.
#[derive(Clone, Debug)]
pub struct Feed<'a> {
    client: &'a Client,
    /// Where packages are pushed to.
    packages: Url,
    credential: Option<Credential>,
}

impl<'a> Feed<'a> {
    /// A feed by the url that packages are pushed to. If it has no path, that of the protocol is
    /// meant, as for every client.
    pub fn new(push: &str, key: Option<&str>, client: &'a Client) -> Result<Self> {
        let mut packages = parse_url(push)?;
        if Utf8Path::new(packages.path()).extension() == Some("json") {
            return Err(Error::usage(format!(
                "{} is a feed of NuGet 3",
                crate::http::shown(&packages)
            ))
            .cause("Chocolatey reads feeds of version 2")
            .hint("give the url of version 2, such as https://feed.example/api/v2/package"));
        }
        packages.set_fragment(None);
        let path = packages.path().trim_end_matches('/').to_owned();
        packages.set_path(if path.is_empty() {
            "/api/v2/package"
        } else {
            &path
        });
        // The key goes to this origin and to no other.
        let credential = key
            .map(|key| Credential::in_header(KEY_HEADER, &Secret::new(key), [Site::of(&packages)]));
        Ok(Self {
            client,
            packages,
            credential,
        })
    }

    /// The url that packages are pushed to.
    pub fn url(&self) -> &Url {
        &self.packages
    }

    /// The url of the feed itself, which lists packages.
    fn root(&self) -> String {
        let text = self.packages.as_str();
        text.strip_suffix("/package").unwrap_or(text).to_owned()
    }

    /// What the feed says about a version of a package; `None` if it has no such version.
    fn entry(&self, id: &str, version: &str) -> Result<Option<String>> {
        let root = self.root();
        let [id, version] = [id, version].map(|text| utf8_percent_encode(text, PART));
        self.read(&format!("{root}/Packages(Id='{id}',Version='{version}')"))
    }

    /// The version that the feed gives to those who ask for none; `None` if it has no such package.
    pub fn newest(&self, id: &str) -> Result<Option<String>> {
        let root = self.root();
        let id = utf8_percent_encode(id, PART);
        let url = format!("{root}/FindPackagesById()?id='{id}'&$filter=IsLatestVersion");
        let Some(list) = self.read(&url)? else {
            return Ok(None);
        };
        let entries = list.split("<entry").skip(1);
        let mut latest = entries.filter(|entry| element(entry, "IsLatestVersion") == Some("true"));
        Ok(latest
            .next()
            .and_then(|entry| element(entry, "Version"))
            .map(str::to_owned))
    }

    /// Whether the feed has a version of a package.
    pub fn has(&self, id: &str, version: &str) -> Result<bool> {
        self.entry(id, version).map(|entry| entry.is_some())
    }

    /// Compares a version with a file: `None` if it is not there, else whether the bytes are the
    /// same, and the digests of the file and of the feed's package.
    pub fn compare(
        &self,
        id: &str,
        version: &str,
        file: &Utf8Path,
    ) -> Result<Option<(bool, String, String)>> {
        let Some(entry) = self.entry(id, version)? else {
            return Ok(None);
        };
        let ours = fs::read(file)?;
        let stated = element(&entry, "PackageHash").filter(|hash| !hash.is_empty());
        match (element(&entry, "PackageHashAlgorithm"), stated) {
            (Some("SHA512"), Some(theirs)) => {
                let ours = STANDARD.encode(Sha512::digest(&ours));
                let is_same = ours == theirs;
                let named = |digest: &str| format!("sha512-{digest}");
                return Ok(Some((is_same, named(&ours), named(theirs))));
            }
            (Some("SHA256"), Some(theirs)) => {
                let ours = STANDARD.encode(Digest::of(&ours).as_bytes());
                let is_same = ours == theirs;
                let named = |digest: &str| format!("sha256-{digest}");
                return Ok(Some((is_same, named(&ours), named(theirs))));
            }
            _ => {}
        }
        // The feed states no digest that larder knows.
        let source = self.source(&entry, id, version)?;
        let request = self.request(Method::GET, &source)?.pinned();
        let Some(bytes) = self.client.get_small(request, LIMIT)? else {
            return Err(Error::unavailable(format!(
                "the feed lists {id} {version}, but does not have it"
            )));
        };
        let (ours, theirs) = (Digest::of(&ours), Digest::of(&bytes));
        Ok(Some((ours == theirs, ours.to_string(), theirs.to_string())))
    }

    /// The url of a package's bytes, which its entry states.
    fn source(&self, entry: &str, id: &str, version: &str) -> Result<String> {
        let tag = entry.split("<content").nth(1);
        let tag = tag.and_then(|rest| rest.split('>').next());
        let source = tag.and_then(|tag| tag.split("src=\"").nth(1)?.split('"').next());
        match source {
            Some(source) => {
                let url = self.packages.join(&source.replace("&amp;", "&"));
                let url = url.map_err(|error| {
                    Error::unavailable(format!("the entry of {id} {version} has a wrong url"))
                        .cause(error)
                })?;
                Ok(url.into())
            }
            None => Ok(self.package_url(id, version)),
        }
    }

    fn package_url(&self, id: &str, version: &str) -> String {
        let packages = &self.packages;
        let [id, version] = [id, version].map(|text| utf8_percent_encode(text, PART));
        format!("{packages}/{id}/{version}")
    }

    /// Pushes a package. It is sent again only if the feed certainly did not take it.
    pub fn push(&self, file: &Utf8Path) -> Result<Pushed> {
        let bytes = fs::read(file)?;
        let name = file.file_name().unwrap_or("package.nupkg");
        let boundary = format!("larder-{}", Digest::of(&bytes));
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"package\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let request = self
            .request(Method::PUT, self.packages.as_str())?
            .once()
            .bytes(body, &format!("multipart/form-data; boundary={boundary}"))?;
        let answer = self.client.send(request)?;
        match answer.status {
            409 => Ok(Pushed::Conflict(failed(&answer))),
            _ if answer.is_success() => Ok(Pushed::Done),
            _ => Err(self.refused(&answer)),
        }
    }

    /// Takes a version out of the lists; whether the feed had it.
    pub fn unlist(&self, id: &str, version: &str) -> Result<bool> {
        let url = self.package_url(id, version);
        let answer = self.client.send(self.request(Method::DELETE, &url)?)?;
        match answer.status {
            404 | 410 => Ok(false),
            _ if answer.is_success() => Ok(true),
            _ => Err(self.refused(&answer)),
        }
    }

    /// An answer that says no to a write.
    fn refused(&self, answer: &Answer) -> Error {
        let Some(_) = &self.credential else {
            return answer.error();
        };
        match answer.status {
            401 | 403 => answer.error().hint(
                "the key needs the right to push new versions of this package; the first version needs the right to push new packages",
            ),
            400..=499 if !matches!(answer.status, 404 | 407 | 408 | 410 | 425 | 429) => {
                failed(answer)
            }
            _ => answer.error(),
        }
    }

    fn read(&self, url: &str) -> Result<Option<String>> {
        let request = self.request(Method::GET, url)?.anything().limit(LIMIT);
        let answer = self.client.send(request)?;
        match answer.status {
            404 | 410 => Ok(None),
            _ if answer.is_success() => {
                Ok(Some(String::from_utf8_lossy(&answer.body).into_owned()))
            }
            _ => Err(answer.error()),
        }
    }

    fn request(&self, method: Method, url: &str) -> Result<Request<'static>> {
        Ok(Request::new(method, parse_url(url)?)?.credential(&self.credential))
    }
}

/// The error of an answer that another try would get as well.
fn failed(answer: &Answer) -> Error {
    answer.error().with_kind(larder_core::Kind::Failed)
}

/// The text of the first element `<d:name …>text</d:name>`.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let start = xml.find(&format!("<d:{name}"))?;
    let rest = &xml[start..];
    let open = rest.find('>')?;
    if rest[..open].ends_with('/') {
        return Some("");
    }
    let text = &rest[open + 1..];
    text.split('<').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use larder_core::cancel::Cancel;

    use super::*;
    use crate::http::Settings;

    #[test]
    fn packages_are_pushed_where_every_client_pushes_them() {
        let client = Client::new(Settings::default(), Cancel::new());
        for (push, url, root) in [
            (
                "https://push.example",
                "https://push.example/api/v2/package",
                "https://push.example/api/v2",
            ),
            (
                "https://push.example/api/v2/package/",
                "https://push.example/api/v2/package",
                "https://push.example/api/v2",
            ),
            (
                "https://feed.example/nuget/tools",
                "https://feed.example/nuget/tools",
                "https://feed.example/nuget/tools",
            ),
        ] {
            let feed = Feed::new(push, None, &client).unwrap();
            assert_eq!(feed.url().as_str(), url, "{push}");
            assert_eq!(feed.root(), root, "{push}");
        }
        for bad in [
            "",
            "x",
            "https://me:key@feed.example",
            "https://feed.example/v3/index.json",
        ] {
            assert!(Feed::new(bad, None, &client).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_of_an_entry_are_read() {
        let entry = "<entry><m:properties><d:VersionDownloadCount m:type=\"Edm.Int32\">3</d:VersionDownloadCount>\
                     <d:PackageHash>abc=</d:PackageHash><d:Summary m:null=\"true\" /></m:properties></entry>";
        assert_eq!(element(entry, "PackageHash"), Some("abc="));
        assert_eq!(element(entry, "Summary"), Some(""));
        assert_eq!(element(entry, "Title"), None);
    }
}
