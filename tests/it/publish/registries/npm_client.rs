//! npm itself against a small registry.

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::Kind;
use larder_remote::RemoteSettings;
use larder_remote::registry::npm::{Login, Pushed, Registry, integrity};

use crate::env::TestEnv;
use crate::servers::npm::{NpmRegistry, TOKEN};

/// A machine with npm configured for a registry.
fn settings(env: &TestEnv, registry: &NpmRegistry, token: Option<&str>) -> RemoteSettings {
    let mut environment: Environment = [
        ("PATH", std::env::var("PATH").unwrap().as_str()),
        ("HOME", env.home().as_str()),
        ("npm_config_registry", registry.url().as_str()),
    ]
    .into_iter()
    .collect();
    if let Some(token) = token {
        environment.set("NPM_TOKEN", token);
    }
    RemoteSettings {
        environment,
        ..RemoteSettings::default()
    }
}

/// A tarball of a package.
fn tarball(env: &TestEnv, name: &str, version: &str, text: &str) -> Utf8PathBuf {
    let manifest = format!(
        "{{\"name\": \"{name}\", \"version\": \"{version}\", \"publishConfig\": {{\"access\": \"public\"}}}}"
    );
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, text) in [
        ("package/package.json", manifest.as_str()),
        ("package/a", text),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    let file = format!("{}-{version}.tgz", name.replace(['@', '/'], ""));
    env.write(&file, bytes);
    env.path(&file)
}

#[test]
fn a_tarball_is_pushed_with_the_token_of_the_environment_and_read_back() {
    let (env, registry) = (TestEnv::new(), NpmRegistry::start());
    let settings = settings(&env, &registry, Some(TOKEN));
    let (cancel, folder, login) = (Cancel::new(), env.project(), Login::default());
    let npm = Registry::new(&settings, &cancel, folder, &login);
    assert_eq!(npm.package("@acme/arc").unwrap(), None);
    assert_eq!(npm.published("@acme/arc", "1.0.0").unwrap(), None);
    let file = tarball(&env, "@acme/arc", "1.0.0", "one");
    let pushed = npm.publish("@acme/arc", &file, "latest").unwrap();
    assert!(matches!(pushed, Pushed::Done), "{pushed:?}");
    assert_eq!(registry.writes(), ["@acme/arc@1.0.0 latest"]);
    let published = npm.published("@acme/arc", "1.0.0").unwrap().unwrap();
    assert_eq!(published.integrity, integrity(&file).unwrap());
    assert!(!published.deprecated);
    assert_eq!(npm.published("@acme/arc", "1.0.1").unwrap(), None);
    // Again: it is there, and nothing is written.
    let pushed = npm.publish("@acme/arc", &file, "latest").unwrap();
    assert!(matches!(pushed, Pushed::Conflict(_)), "{pushed:?}");
    assert_eq!(registry.requests("PUT"), 1);

    let file = tarball(&env, "@acme/arc", "1.1.0", "two");
    npm.publish("@acme/arc", &file, "latest").unwrap();
    npm.set_tag("@acme/arc", "1.0.0", "latest").unwrap();
    npm.deprecate("@acme/arc", "1.1.0", "withdrawn").unwrap();
    let package = npm.package("@acme/arc").unwrap().unwrap();
    assert_eq!(package.versions, ["1.0.0", "1.1.0"]);
    assert_eq!(package.tags["latest"], "1.0.0");
    let published = npm.published("@acme/arc", "1.1.0").unwrap().unwrap();
    assert!(published.deprecated);
    // No file has the token.
    let found = env.program("grep").args(["-rl", TOKEN, "."]).status();
    assert_eq!(found.unwrap().code(), Some(1));
}

#[test]
fn a_refused_write_names_the_right_and_a_server_that_is_down_may_be_asked_again() {
    for (token, status, kind, hint) in [
        (None, None, Kind::Refused, "NPM_TOKEN"),
        (Some("other"), None, Kind::Refused, "NPM_TOKEN"),
        (
            Some(TOKEN),
            Some(403),
            Kind::Refused,
            "the right to read and write",
        ),
        (
            Some(TOKEN),
            Some(404),
            Kind::Refused,
            "the right to read and write",
        ),
        (Some(TOKEN), Some(503), Kind::Unavailable, ""),
        (Some(TOKEN), Some(429), Kind::Unavailable, ""),
        (Some(TOKEN), Some(400), Kind::Failed, ""),
    ] {
        let (env, registry) = (TestEnv::new(), NpmRegistry::start());
        let settings = settings(&env, &registry, token);
        let (cancel, folder, login) = (Cancel::new(), env.project(), Login::default());
        let npm = Registry::new(&settings, &cancel, folder, &login);
        if let Some(status) = status {
            registry.fail(0, status);
        }
        let file = tarball(&env, "arc", "1.0.0", "one");
        let error = npm.publish("arc", &file, "latest").unwrap_err();
        let context = format!("{status:?}: {error} {:?}", error.hints());
        assert_eq!(error.kind(), kind, "{context}");
        assert!(error.hints().join(" ").contains(hint), "{context}");
        assert!(!context.contains("npm-token"), "{context}");
        // npm tried once.
        assert!(registry.requests("PUT") <= 1, "{context}");
        assert!(registry.writes().is_empty(), "{context}");
        assert_eq!(npm.check_login("arc").is_ok(), token == Some(TOKEN));
    }
}

#[test]
fn an_upload_whose_answer_was_lost_is_not_repeated() {
    let (env, registry) = (TestEnv::new(), NpmRegistry::start());
    let settings = settings(&env, &registry, Some(TOKEN));
    let (cancel, folder, login) = (Cancel::new(), env.project(), Login::default());
    let npm = Registry::new(&settings, &cancel, folder, &login);
    let file = tarball(&env, "arc", "1.0.0", "one");
    registry.lose_answer_of(0);
    let error = npm.publish("arc", &file, "latest").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    assert_eq!(registry.requests("PUT"), 1);
    assert!(npm.published("arc", "1.0.0").unwrap().is_some());
}
