//! Registries of images, by the client alone: logins, rights, lost answers, and wrong bytes.

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Digest;
use larder_remote::RemoteSettings;
use larder_remote::http::{Client, Settings};
use larder_remote::oci::{Blob, Deleted, ImageName, Layout, OCI_INDEX, OCI_MANIFEST, Repository};
use serde_json::{Value, json};

use crate::env::TestEnv;
use crate::http::quick;
use crate::servers::registry::{IDENTITY, Login, PASSWORD, Registry};
use crate::servers::scripted::{Reply, Script};

const NAME: &str = "acme/arc";
const VERSION: &str = "org.opencontainers.image.version";

/// A machine with an image, and a registry.
struct Place {
    env: TestEnv,
    name: ImageName,
    settings: RemoteSettings,
    cancel: Cancel,
}

impl Place {
    fn new(registry: &Registry) -> Self {
        let env = TestEnv::new();
        let home = env.home();
        let environment: Environment = [
            ("HOME", home.as_str()),
            ("PATH", &format!("{home}/bin:/usr/bin:/bin")),
        ]
        .into_iter()
        .collect();
        let settings = RemoteSettings {
            environment,
            http: Settings {
                retries: 1,
                ..quick()
            },
            ..RemoteSettings::default()
        };
        let name = format!("{}/{NAME}", registry.host()).parse().unwrap();
        Self {
            env,
            name,
            settings,
            cancel: Cancel::new(),
        }
    }

    /// Logs in as `docker login` does.
    fn logged_in(registry: &Registry) -> Self {
        let place = Self::new(registry);
        place
            .env
            .write("../home/.docker/config.json", registry.docker_config());
        place
    }

    /// Does something with a client that knows nothing yet.
    fn with<T>(&self, action: impl FnOnce(&Repository) -> Result<T>) -> Result<T> {
        let client = Client::new(self.settings.http.clone(), self.cancel.clone());
        action(&Repository::new(
            &client,
            &self.settings,
            &self.cancel,
            &self.name,
        ))
    }

    /// An image of two platforms that share a layer.
    fn layout(&self, version: &str) -> Layout {
        let folder = self.env.path(format!("image-{version}"));
        let write = |bytes: &[u8]| {
            let digest = Digest::of(bytes);
            let name = format!("blobs/sha256/{digest}");
            std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
            std::fs::write(folder.join(name), bytes).unwrap();
            json!({"digest": format!("sha256:{digest}"), "size": bytes.len()})
        };
        let document = |media_type: &str, value: Value| {
            let mut descriptor = write(value.to_string().as_bytes());
            descriptor["mediaType"] = media_type.into();
            descriptor
        };
        let layer = write(format!("the layer of {version}").as_bytes());
        let manifests: Vec<Value> = ["amd64", "arm64"]
            .into_iter()
            .map(|arch| {
                let config = document(
                    "config",
                    json!({"architecture": arch, "os": "linux",
                    "config": {"Labels": {VERSION: version}}}),
                );
                document(
                    OCI_MANIFEST,
                    json!({"mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}),
                )
            })
            .collect();
        let index = document(
            OCI_INDEX,
            json!({"mediaType": OCI_INDEX, "manifests": manifests}),
        );
        let entry = json!({"manifests": [index]}).to_string();
        std::fs::write(folder.join("index.json"), entry).unwrap();
        Layout::open(&folder).unwrap()
    }

    fn push(&self, version: &str) -> Result<()> {
        let layout = self.layout(version);
        self.with(|repository| repository.push(&layout, version))
    }
}

fn check(repository: &Repository) -> Result<()> {
    repository.check_push()
}

fn text(error: &Error) -> String {
    format!("{error}\n{}", error.hints().join("\n"))
}

#[test]
fn an_image_is_pushed_once_whatever_the_login() {
    for login in [Login::None, Login::Basic, Login::Bearer] {
        let registry = Registry::with_login(login);
        let place = Place::logged_in(&registry);
        place.push("1.0").unwrap();
        let index = place.layout("1.0").index;
        let there = registry.digest(NAME, "1.0").unwrap();
        assert_eq!(there, format!("sha256:{}", index.digest), "{login:?}");
        // Two configs and a shared layer.
        assert_eq!(
            (registry.blobs(NAME), registry.count("POST")),
            (3, 3),
            "{:?}",
            registry.requests()
        );
        assert_eq!(registry.tags(NAME), ["1.0"]);
        registry.take();
        let read = place
            .with(|repository| repository.manifest("1.0"))
            .unwrap()
            .unwrap();
        assert_eq!(read, index, "{login:?}");
        let said = place
            .with(|repository| repository.text(&read, VERSION))
            .unwrap();
        assert_eq!(said.as_deref(), Some("1.0"));
        assert_eq!(registry.writes(), 0);
    }
}

#[test]
fn logins_go_to_the_server_of_tokens_and_tokens_to_the_registry() {
    let registry = Registry::with_login(Login::Bearer);
    let place = Place::logged_in(&registry);
    place.push("1.0").unwrap();
    assert!(
        registry
            .credentials()
            .iter()
            .all(|sent| sent.starts_with("Bearer the."))
    );
    let asked = registry.token_requests();
    let paths: Vec<&str> = asked.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/token?service=the-registry&scope=repository%3Aacme%2Farc%3Apull",
            "/token?service=the-registry&scope=repository%3Aacme%2Farc%3Apull%2Cpush",
        ]
    );
    assert!(
        asked
            .iter()
            .all(|seen| seen.header("authorization").unwrap().starts_with("Basic "))
    );

    // A token in place of a password is exchanged by a form.
    let config = json!({"auths": {registry.host(): {"identitytoken": IDENTITY}}}).to_string();
    place.env.write("../home/.docker/config.json", &config);
    place.push("1.1").unwrap();
    let asked = registry.token_requests();
    assert!(
        asked[2..]
            .iter()
            .all(|seen| seen.method == "POST" && seen.path == "/token"),
        "{asked:?}"
    );
    assert!(registry.digest(NAME, "1.1").is_some());
}

#[test]
fn a_missing_right_is_named_and_asked_for_once() {
    for (login, rights, logged_in, wanted) in [
        (Login::Basic, "pull,push", false, "docker login"),
        (Login::Bearer, "pull,push", false, "docker login"),
        (
            Login::Basic,
            "pull",
            true,
            "the right to push to `acme/arc`",
        ),
        (
            Login::Bearer,
            "pull",
            true,
            "the right to push to `acme/arc`",
        ),
    ] {
        let registry = Registry::with_login(login);
        registry.allow(rights);
        let place = if logged_in {
            Place::logged_in(&registry)
        } else {
            Place::new(&registry)
        };
        // A login that may certainly not push shows without a write. With names and passwords only a
        // missing login does.
        let checked = place.with(check);
        let shows = !logged_in || login == Login::Bearer;
        assert_eq!(checked.is_err(), shows, "{login:?} {rights}");
        assert_eq!(registry.writes(), 0);
        let error = place.push("1.0").unwrap_err();
        for error in [Some(&error), checked.as_ref().err()].into_iter().flatten() {
            assert!(text(error).contains(wanted), "{}", text(error));
        }
        let text = text(&error);
        assert_eq!(error.kind(), Kind::Refused, "{text}");
        assert!(
            text.contains(wanted) && text.contains(registry.host()),
            "{text}"
        );
        assert!(!text.contains(PASSWORD), "{text}");
        let posts = registry.count("POST");
        assert_eq!(posts, usize::from(logged_in), "{:?}", registry.requests());
        assert_eq!(registry.blobs(NAME), 0);
    }
    for login in [Login::None, Login::Basic, Login::Bearer] {
        let registry = Registry::with_login(login);
        let place = Place::logged_in(&registry);
        place.with(check).unwrap();
    }
    // A wrong password is not a missing right.
    let registry = Registry::with_login(Login::Bearer);
    let place = Place::new(&registry);
    let wrong =
        json!({"auths": {registry.host(): {"username": "pusher", "password": "wrong-password"}}});
    place
        .env
        .write("../home/.docker/config.json", wrong.to_string());
    let error = place.push("1.0").unwrap_err();
    let text = text(&error);
    assert_eq!(
        (error.kind(), registry.token_requests().len()),
        (Kind::Refused, 1),
        "{text}"
    );
    assert!(
        text.contains("incorrect login") && !text.contains("wrong-password"),
        "{text}"
    );
}

#[test]
fn every_fault_of_a_push_is_made_good_by_the_next_one() {
    let registry = Registry::start();
    Place::new(&registry).push("1.0").unwrap();
    let (all, writes) = (registry.requests().len(), registry.writes());
    for number in 1..=all {
        for lost in [true, false] {
            let registry = Registry::start();
            let place = Place::new(&registry);
            if lost {
                registry.lose(number);
            } else {
                registry.fail(number, 503);
            }
            let first = place.push("1.0");
            if let Err(error) = &first {
                assert_eq!(error.kind(), Kind::Unavailable, "{number} {lost}: {error}");
            }
            registry.heal();
            place.push("1.0").unwrap();
            assert_eq!(registry.tags(NAME), ["1.0"], "{number} {lost}");
            // What arrived is not sent again, except the tag itself and what starts an upload.
            let sent = registry.writes();
            assert!(
                sent <= writes + 3,
                "{number} {lost}: {:?}",
                registry.requests()
            );
            let requests = registry.requests();
            let uploads = requests
                .iter()
                .filter(|line| line.starts_with("PUT") && line.contains("uploads"));
            let limit = if lost { 3 } else { 4 };
            assert!(uploads.count() <= limit, "{number} {lost}: {requests:?}");
        }
    }
}

#[test]
fn bytes_that_differ_are_refused() {
    let registry = Registry::start();
    let place = Place::new(&registry);
    place.push("1.0").unwrap();
    let layout = place.layout("1.0");
    let blob = layout.blobs.first().unwrap().clone();
    let into = place.env.path("blob");
    place
        .with(|repository| repository.fetch_blob(&blob, &into))
        .unwrap();
    assert_eq!(Digest::of(&std::fs::read(&into).unwrap()), blob.digest);
    // A file that is right is not fetched again, and a damaged one is.
    registry.take();
    place
        .with(|repository| repository.fetch_blob(&blob, &into))
        .unwrap();
    assert_eq!(registry.take(), Vec::<String>::new());
    std::fs::write(&into, "damaged").unwrap();
    place
        .with(|repository| repository.fetch_blob(&blob, &into))
        .unwrap();
    assert_eq!(Digest::of(&std::fs::read(&into).unwrap()), blob.digest);

    registry.damage(NAME, &format!("sha256:{}", blob.digest));
    std::fs::remove_file(&into).unwrap();
    let error = place
        .with(|repository| repository.fetch_blob(&blob, &into))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
    assert!(!into.exists());
    let error = place
        .with(|repository| repository.small_blob(&blob.digest))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");

    // A file that is not what the manifest says is not stored by the registry.
    let other = Blob {
        digest: Digest::of(b"other"),
        size: 5,
    };
    let file: Utf8PathBuf = place.env.path("other");
    std::fs::write(&file, "OTHER").unwrap();
    let error = place
        .with(|repository| repository.upload_blob(&other, &file, &|_| ()))
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
}

#[test]
fn manifests_are_deleted_and_tags_listed() {
    let registry = Registry::with_login(Login::Bearer);
    let place = Place::logged_in(&registry);
    for version in ["1.0", "1.1", "1.2"] {
        place.push(version).unwrap();
    }
    registry.page(2);
    let list = |repository: &Repository| repository.tags();
    assert_eq!(place.with(list).unwrap(), ["1.0", "1.1", "1.2"]);
    let delete = |version: &str| {
        let digest = place.layout(version).index.digest;
        place.with(|repository| repository.delete_manifest(&digest))
    };
    assert_eq!(delete("1.0").unwrap(), Deleted::Done);
    assert_eq!(delete("1.0").unwrap(), Deleted::Absent);
    registry.without_deletes();
    assert_eq!(delete("1.1").unwrap(), Deleted::Unsupported);
    registry.allow("pull,push");
    let error = delete("1.1").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(
        text(&error).contains("the right to delete from `acme/arc`"),
        "{}",
        text(&error)
    );
    assert_eq!(registry.tags(NAME), ["1.1", "1.2"]);
    assert_eq!(
        place
            .with(|repository| repository.digest_of("1.0"))
            .unwrap(),
        None
    );
}

#[test]
fn an_upload_to_another_host_carries_no_login() {
    let store = Script::start(|_, _| Reply::status(201));
    let place = store.at("/upload?signed=x");
    let registry = Script::start(move |seen, _| match seen.header("authorization") {
        None => Reply::status(401).header("www-authenticate", "Basic realm=\"here\""),
        Some(_) if seen.method == "HEAD" => Reply::status(404),
        Some(_) => Reply::to(202, &place),
    });
    let host = registry.url.trim_start_matches("http://").to_owned();
    let mut machine = Place::new(&Registry::start());
    machine.name = format!("{host}/{NAME}").parse().unwrap();
    let config = json!({"auths": {host: {"username": "me", "password": PASSWORD}}});
    machine
        .env
        .write("../home/.docker/config.json", config.to_string());
    let file = machine.env.write("blob", "the blob");
    let blob = Blob {
        digest: Digest::of(b"the blob"),
        size: 8,
    };
    machine
        .with(|repository| repository.upload_blob(&blob, &file, &|_| ()))
        .unwrap();
    let put = &store.seen()[0];
    let wanted = format!("/upload?signed=x&digest=sha256%3A{}", blob.digest);
    assert_eq!(
        (put.method.as_str(), put.path.as_str()),
        ("PUT", wanted.as_str())
    );
    assert_eq!(
        (put.header("authorization"), put.body.as_slice()),
        (None, &b"the blob"[..])
    );
}
