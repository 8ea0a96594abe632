//! Signatures, and logins.

use larder_core::environment::Environment;

use super::registry::{Login, PASSWORD};
use super::*;
use crate::hub::{SidecarSigner, Signing};

/// Signs with a word.
#[derive(Debug)]
struct Signer(&'static str);

impl SidecarSigner for Signer {
    fn sign(&self, _: &Tag, asset: &AssetName, text: &str, _: &Sidecar) -> Result<String> {
        Ok(format!(
            "{} {asset} {}",
            self.0,
            Digest::of(text.as_bytes())
        ))
    }

    fn is_good(&self, tag: &Tag, asset: &AssetName, text: &str, signature: &[u8]) -> bool {
        let sidecar = Sidecar::parse(text.as_bytes(), "here").unwrap();
        self.sign(tag, asset, text, &sidecar).unwrap().as_bytes() == signature
    }
}

fn publish_signed(hub: &OciHub, package: &Package, signer: &Signer, replace: bool) -> Receipt {
    let upload = Upload {
        name: package.name.clone(),
        file: &package.file,
        sidecar: package.sidecar.clone(),
        text: None,
        signer: Some(signer),
    };
    let options = PublishOptions {
        replace,
        ..PublishOptions::default()
    };
    hub.publish(&tag(), &[upload], options, &|| None, None, &|_| ())
        .unwrap()
}

#[test]
fn a_signature_is_of_one_manifest_and_refers_to_it() {
    for has_referrers in [false, true] {
        let (registry, dist) = (Registry::start(), Dist::new());
        if has_referrers {
            registry.with_referrers();
        }
        let hub = hub(&registry);
        let package = dist.package("linux-amd64", "bytes", "inputs");
        publish_signed(&hub, &package, &Signer("good"), false);
        let text = package.sidecar.to_json();
        let proof = hub.proof(&tag(), &package.name, &text).unwrap().unwrap();
        assert!(Signer("good").is_good(&tag(), &package.name, &text, proof.signature.as_bytes()));
        registry.take();
        let again = publish_signed(&hub, &package, &Signer("good"), false);
        assert_eq!(
            (again.signatures[0], registry.writes()),
            (Signing::Present, 0)
        );

        // Tools that know nothing of larder find it.
        let asset = registry.digest(REPOSITORY, "arc-v1-linux-amd64").unwrap();
        let asset: Digest = asset.parse().unwrap();
        let referrers = hub.store.repository.referrers(&asset).unwrap();
        assert_eq!(referrers.len(), 1);
        assert_eq!(
            referrers[0]["artifactType"],
            "application/vnd.larder.signature.v1"
        );
        let index = registry.manifest(REPOSITORY, &format!("sha256-{asset}"));
        assert_eq!(index.is_some(), !has_referrers);

        // The signature of what was replaced is not taken for one of what replaces it.
        let other = dist.package("linux-amd64", "other", "other inputs");
        publish(&hub, &other, true).unwrap();
        assert!(hub.proof(&tag(), &package.name, "").unwrap().is_none());
        let listed = hub.release(&tag()).unwrap().unwrap();
        assert!(listed.assets.iter().all(|asset| !asset.name.is_signature()));
        let signed = publish_signed(&hub, &other, &Signer("good"), false);
        assert_eq!(signed.signatures[0], Signing::Added);
        let listed = hub.release(&tag()).unwrap().unwrap();
        assert_eq!(
            listed
                .assets
                .iter()
                .filter(|asset| asset.name.is_signature())
                .count(),
            1
        );
    }
}

#[test]
fn a_login_costs_one_token_in_a_run() {
    let (registry, dist) = (Registry::with_login(Login::Bearer), Dist::new());
    let anonymous = hub(&registry);
    let package = dist.package("linux-amd64", "bytes", "inputs");
    let error = anonymous.described(&tag(), &package.name).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);

    let folder = dist.root.join("docker");
    fs::create_own_dir_all(&folder).unwrap();
    fs::write_atomic(
        folder.join("config.json"),
        registry.docker_config().as_bytes(),
    )
    .unwrap();
    let environment: Environment = [("DOCKER_CONFIG", folder.as_str())].into_iter().collect();
    let settings = RemoteSettings {
        environment,
        ..RemoteSettings::default()
    };
    let client = Client::new(Settings::default(), Cancel::new());
    let name = format!("{}/{REPOSITORY}", registry.host());
    let hub = OciHub::new(&name, &client, &settings).unwrap();
    assert_eq!(publish(&hub, &package, false).unwrap(), Published::Added);
    registry.take();
    let reader = OciHub::new(&name, &client, &settings).unwrap();
    for _ in 0..3 {
        let pinned = reader.fetch_pinned(&tag(), &package.name, &package.sidecar.sha256);
        assert!(pinned.unwrap().is_some());
    }
    // The first one is asked for a login.
    assert_eq!(registry.requests().len(), 4);
    assert!(
        registry
            .credentials()
            .iter()
            .all(|carried| !carried.contains(PASSWORD))
    );
}
