//! `larder publish` to registries of images: tags, what is there already, faults, rights, bases, and
//! taking a version back.

use std::collections::BTreeSet;

use larder_core::model::Digest;
use serde_json::{Value, json};

use crate::env::{Output, TestEnv};
use crate::servers::registry::{Login, PASSWORD, Registry};

const NAME: &str = "acme/arc";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const VERSION: &str = "org.opencontainers.image.version";

/// A project whose only channel is an image in a registry.
struct Images {
    env: TestEnv,
    registry: Registry,
}

impl Images {
    fn new(login: Login) -> Self {
        Self::with(login, "scratch")
    }

    fn with(login: Login, base: &str) -> Self {
        Self::at(Registry::with_login(login), base)
    }

    fn at(registry: Registry, base: &str) -> Self {
        Self::on(TestEnv::new(), registry, base)
    }

    fn on(env: TestEnv, registry: Registry, base: &str) -> Self {
        env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc\n");
        env.write(".gitignore", ".bin/\n.dist/\n.larder/\n.larder-hub/\n");
        env.write(
            "subsystems/arc/recipe.yml",
            format!(
                "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\nlicense: MIT\nbinaries: [arc]\n\
                 build:\n  source: {{dir: src}}\n  platforms: all\n  commands: ['cp arc \"{{{{ out }}}}/arc\"']\n\
                 publish:\n  docker: {{images: [{}/{NAME}], base: \"{base}\"}}\n",
                registry.host()
            ),
        );
        env.write("../home/.docker/config.json", registry.docker_config());
        Self { env, registry }
    }

    /// Pins a version and installs it.
    fn pin(&self, version: &str) {
        self.env.write(
            "versions.yml",
            format!(
                "versions: {{arc: {version}}}\nplatforms: [linux-amd64, linux-arm64]\npublish:\n  \
                 maintainer: Acme <tools@acme-tools.org>\n  retry: {{max: 0}}\n"
            ),
        );
        self.env
            .larder(["ensure", "all", "--platform", "all"])
            .success();
    }

    /// Publishes the pinned version.
    fn publish(&self) -> Output {
        self.env.larder(["publish", "all"])
    }

    /// Pins a version and publishes it.
    fn publish_version(&self, version: &str) {
        self.pin(version);
        self.publish().success();
    }

    /// The digest of the index that was rendered.
    fn rendered(&self) -> String {
        let index = self.env.read(".dist/channels/arc/docker/index.json");
        let index: Value = serde_json::from_str(&index).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    }

    /// The version that a tag leads to, as its annotation has it.
    fn version(&self, tag: &str) -> String {
        let bytes = self.registry.manifest(NAME, tag).unwrap();
        let index: Value = serde_json::from_slice(&bytes).unwrap();
        index["annotations"][VERSION]
            .as_str()
            .unwrap_or("none")
            .to_owned()
    }

    /// An image of another tool under a tag. It states a version in its config, or none.
    fn foreign(&self, tag: &str, version: Option<&str>) -> String {
        let config = json!({"config": {"Labels": {VERSION: version}}}).to_string();
        let config = blob(&self.registry, NAME, CONFIG, config.as_bytes());
        let image = json!({"mediaType": MANIFEST, "config": config, "layers": []});
        self.registry.put(NAME, tag, MANIFEST, &image)
    }
}

/// Puts a blob into a registry; returns its descriptor.
fn blob(registry: &Registry, name: &str, media_type: &str, bytes: &[u8]) -> Value {
    let digest = registry.put_blob(name, bytes);
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

#[test]
fn an_image_is_pushed_once_and_its_tags_move_on() {
    for login in [Login::None, Login::Basic, Login::Bearer] {
        let images = Images::new(login);
        images.publish_version("v1.2.3");
        let Images { env, registry } = &images;
        assert_eq!(registry.tags(NAME), ["1.2", "1.2.3", "latest"], "{login:?}");
        for tag in ["1.2", "1.2.3", "latest"] {
            assert_eq!(
                registry.digest(NAME, tag).unwrap(),
                images.rendered(),
                "{tag}"
            );
        }
        registry.take();
        let again = env.larder_json(["publish", "all"]).success().json();
        let outcome = |line: &&Value| line["channel"] == "docker";
        let again = again.iter().find(outcome).unwrap();
        assert_eq!(again["outcome"], "up-to-date", "{again}");
        assert_eq!(registry.writes(), 0, "{:?}", registry.requests());
        // The tag of the version and the two that move.
        assert!(registry.requests().len() <= 4, "{:?}", registry.requests());

        // The next version takes the tags over; the blobs of the same program are there already.
        images.publish_version("v1.3.0");
        assert_eq!(
            registry.tags(NAME),
            ["1.2", "1.2.3", "1.3", "1.3.0", "latest"]
        );
        for (tag, version) in [("1.2", "1.2.3"), ("1.3", "1.3.0"), ("latest", "1.3.0")] {
            assert_eq!(images.version(tag), version, "{tag}");
        }
        let status = env
            .larder(["publish", "status", "--json"])
            .success()
            .document();
        assert!(status.to_string().contains("1.3.0"), "{status}");
    }
}

#[test]
fn tags_that_move_never_go_back() {
    let images = Images::new(Login::None);
    images.publish_version("v1.10.0");
    // A release of an older series gets its own tags only.
    images.publish_version("v1.9.3");
    assert_eq!(images.version("latest"), "1.10.0");
    assert_eq!(images.version("1.9"), "1.9.3");
    // An older one of the same series gets its version alone.
    images.publish_version("v1.9.2");
    assert_eq!(images.version("1.9"), "1.9.3");
    assert_eq!(images.version("1.9.2"), "1.9.2");
    images.registry.take();
    images.publish().success();
    assert_eq!(images.registry.writes(), 0);
    // A pre-release moves nothing.
    images.publish_version("v2.0.0-rc.1");
    assert_eq!(images.version("2.0.0-rc.1"), "2.0.0-rc.1");
    assert_eq!(images.version("latest"), "1.10.0");
    assert!(!images.registry.tags(NAME).contains(&"2.0".to_owned()));

    // Other tools state the version in the config, or not at all.
    images.pin("v3.0.0");
    let newer = images.foreign("latest", Some("v4.0.0"));
    images.foreign("3.0", None);
    images.publish().success();
    assert_eq!(images.registry.digest(NAME, "latest").unwrap(), newer);
    assert_eq!(images.version("3.0"), "3.0.0");
}

#[test]
fn other_bytes_under_the_same_version_are_an_error_with_both_digests() {
    let images = Images::new(Login::None);
    images.pin("v1.2.3");
    let theirs = images.foreign("1.2.3", None);
    let failed = images.publish().exits(4);
    assert!(failed.stderr.contains(&theirs), "{}", failed.stderr);
    assert!(
        failed.stderr.contains(&images.rendered()),
        "{}",
        failed.stderr
    );
    assert_eq!(images.registry.writes(), 0);
    assert_eq!(images.registry.tags(NAME), ["1.2.3"]);
}

#[test]
fn a_push_that_broke_anywhere_is_completed_by_the_next_run() {
    let whole = Images::new(Login::None);
    whole.publish_version("v1.2.3");
    let (all, writes) = (whole.registry.requests(), whole.registry.writes());
    // The requests of the push itself: the first one asks for the tag, and the last ones read back.
    let numbers = (1..=all.len()).filter(|number| all[number - 1].starts_with('P'));
    for number in numbers {
        let images = Images::on(
            whole.env.another(&number.to_string()),
            Registry::start(),
            "scratch",
        );
        images.pin("v1.2.3");
        images.registry.fail(number, 503);
        let failed = images.publish();
        let line = &all[number - 1];
        // The bytes of a blob are sent again in the same run.
        let is_blob = line.starts_with("PUT") && line.contains("/blobs/uploads/");
        let code = if is_blob { 0 } else { 5 };
        assert_eq!(failed.code, Some(code), "{line}: {}", failed.stderr);
        // An image that is found is complete: the tag comes last.
        assert_eq!(
            images.registry.manifest(NAME, "1.2.3").is_some(),
            is_blob || line.ends_with("/1.2") || line.ends_with("/latest"),
            "{line}"
        );
        images.publish().success();
        assert_eq!(images.registry.tags(NAME), ["1.2", "1.2.3", "latest"]);
        // Only the request that failed is sent again, with the session of an upload.
        let sent = images.registry.writes();
        assert!(
            sent <= writes + 2,
            "{line}: {:?}",
            images.registry.requests()
        );
        let requests = images.registry.requests();
        let puts: Vec<&String> = requests
            .iter()
            .filter(|line| line.starts_with("PUT"))
            .collect();
        let distinct: BTreeSet<&&String> = puts.iter().collect();
        assert!(puts.len() <= distinct.len() + 1, "{line}: {puts:?}");
    }
}

#[test]
fn a_missing_right_is_named_and_shows_in_a_dry_run() {
    let images = Images::new(Login::Bearer);
    images.registry.allow("pull");
    images.pin("v1.2.3");
    for arguments in [&["publish", "all", "--dry-run"][..], &["publish", "all"]] {
        let refused = images.env.larder(arguments).exits(1);
        assert!(
            refused.stderr.contains("the right to push to `acme/arc`"),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains(PASSWORD) && !refused.stdout.contains(PASSWORD));
    }
    // Nothing keeps the password or a token.
    let kept = images.env.sh(&format!(
        "cd '{}' && grep -rlE '{PASSWORD}|Bearer the' project cache tmp || true",
        images.env.base()
    ));
    assert_eq!(kept, "");
    assert_eq!(images.registry.tags(NAME), Vec::<String>::new());

    images.registry.allow("pull,push");
    images.registry.take();
    let would = images.env.larder(["publish", "all", "--dry-run"]).success();
    assert!(would.stderr.contains("would be pushed"), "{}", would.stdout);
    assert_eq!(images.registry.writes(), 0);
    images.publish().success();
}

#[test]
fn a_version_is_taken_back_and_the_one_before_is_what_users_get() {
    let images = Images::new(Login::Bearer);
    for version in ["v1.1.0", "v1.2.2", "v1.2.3"] {
        images.publish_version(version);
    }
    // What has the form of a version and states another one is not the version before.
    images.foreign("1.2.2_1", Some("0.1"));
    let Images { env, registry } = &images;
    let unpublish = |version: &str| env.larder(["unpublish", &format!("arc@{version}")]);
    let said = unpublish("v1.2.3").success().stderr;
    assert!(said.contains("`latest` leads to 1.2.2 again"), "{said}");
    assert_eq!(
        registry.tags(NAME),
        ["1.1", "1.1.0", "1.2", "1.2.2", "1.2.2_1", "latest"]
    );
    assert_eq!(
        (images.version("1.2"), images.version("latest")),
        ("1.2.2".into(), "1.2.2".into())
    );
    assert!(unpublish("v1.2.3").success().stderr.contains("not there"));

    // Where nothing is deleted, the tags still lead to the version before.
    registry.without_deletes();
    let said = unpublish("v1.2.2").success().stderr;
    assert!(
        said.contains("does not delete images") && said.contains("`latest` leads to 1.1.0 again"),
        "{said}"
    );
    assert!(said.contains("`1.2` still leads to it"), "{said}");
    assert_eq!(images.version("latest"), "1.1.0");
    assert_eq!(images.version("1.2.2"), "1.2.2");
}

#[test]
fn a_base_in_a_registry_is_fetched_for_the_image() {
    let registry = Registry::start();
    // An index in an index, with an image for another system, and something that is no image.
    let image = |arch: &str, os: &str| {
        let layer = blob(
            &registry,
            "acme/base",
            LAYER,
            format!("the base for {os} {arch}").as_bytes(),
        );
        let config = json!({"architecture": arch, "os": os, "config": {"User": "65532"},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}, "history": [{"created_by": "base"}]});
        let config = blob(
            &registry,
            "acme/base",
            CONFIG,
            config.to_string().as_bytes(),
        );
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        let digest = registry.put("acme/base", "x", MANIFEST, &manifest);
        let size = manifest.to_string().len();
        json!({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": os, "architecture": arch}})
    };
    let mut unsaid = image("arm64", "linux");
    unsaid.as_object_mut().unwrap().remove("platform");
    let signature = json!({"mediaType": "application/x-signature", "digest": format!("sha256:{}", "a".repeat(64)), "size": 1});
    let inner = json!({"mediaType": INDEX, "manifests": [image("amd64", "linux"), image("amd64", "windows"), signature]});
    let inner_digest = registry.put("acme/base", "inner", INDEX, &inner);
    let inner =
        json!({"mediaType": INDEX, "digest": inner_digest, "size": inner.to_string().len()});
    let outer = json!({"mediaType": INDEX, "manifests": [inner, unsaid]});
    let digest = registry.put("acme/base", "outer", INDEX, &outer);
    let base = format!("{}/acme/base@{digest}", registry.host());
    let images = Images::at(registry, &base);
    images.publish_version("v1.2.3");
    let Images { env, registry } = &images;

    let index: Value = serde_json::from_slice(&registry.manifest(NAME, "latest").unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    for of_platform in index["manifests"].as_array().unwrap() {
        let manifest = registry
            .manifest(NAME, of_platform["digest"].as_str().unwrap())
            .unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let arch = of_platform["platform"]["architecture"].as_str().unwrap();
        let layer = format!(
            "sha256:{}",
            Digest::of(format!("the base for linux {arch}").as_bytes())
        );
        assert_eq!(manifest["layers"][0]["digest"], layer.as_str());
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
    }
    let fetched = registry.requests();
    assert!(!fetched.iter().any(|line| line.contains("sha256:aaa")));

    // The base is kept, so the next run does not ask for it.
    registry.take();
    images.publish().success();
    assert!(
        !registry
            .take()
            .iter()
            .any(|line| line.contains("acme/base"))
    );

    // A layer with other bytes is refused, and nothing is pushed.
    let layer = format!("sha256:{}", Digest::of(b"the base for linux amd64"));
    registry.damage("acme/base", &layer);
    env.sh("rm -r .larder/bases");
    images.pin("v1.2.4");
    let failed = images.publish().exits(4);
    assert!(failed.stderr.contains(&layer), "{}", failed.stderr);
    assert_eq!(registry.writes(), 0);
    // So is a base without one of our platforms.
    let recipe = env.read("subsystems/arc/recipe.yml");
    let other = registry.digest("acme/base", "inner").unwrap();
    env.write("subsystems/arc/recipe.yml", recipe.replace(&digest, &other));
    let failed = images.publish().exits(2);
    assert!(
        failed.stderr.contains("has no image for linux-arm64")
            && failed.stderr.contains("choose another base"),
        "{}",
        failed.stderr
    );
    // What is not there is said with its name.
    env.write(
        "subsystems/arc/recipe.yml",
        recipe.replace(&digest, &format!("sha256:{}", "0".repeat(64))),
    );
    let failed = images.publish().exits(1);
    assert!(
        failed.stderr.contains("cannot fetch the base"),
        "{}",
        failed.stderr
    );
    assert_eq!(env.sh("ls .larder/bases").trim(), "0".repeat(64));
}
