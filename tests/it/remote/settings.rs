//! What recipes and the user's configuration say about executors.

use larder_cluster::{Cluster, Options};

use super::{line, machine, remote};
use crate::env::TestEnv;

#[test]
fn headers_reach_the_executor_and_nothing_else() {
    let secret = "Bearer very-secret-value-0123456789";
    let cluster = Cluster::start(Options {
        token: Some(secret.to_owned()),
        ..Options::default()
    });
    let mut env = machine(TestEnv::new(), Some(&cluster));
    env.set(
        "LARDER_EXECUTOR_HEADERS",
        "authorization: Bearer wrong-secret-0123456789",
    );
    env.recipe(
        "hello",
        &super::recipe("hello", &["env", "cc -o {{ out }}/hello hello.c"]),
    );
    let refused = env.larder(["ensure", "all", "-v"]).exits(1);
    assert!(
        !refused.stderr.contains("wrong-secret"),
        "{}",
        refused.stderr
    );
    env.set(
        "LARDER_EXECUTOR_HEADERS",
        format!("x-team: tools\nauthorization: {secret}"),
    );
    let doctor = env.larder(["doctor", "--json"]).document();
    let checks = doctor["checks"].as_array().expect("checks");
    let executor = checks.iter().find(|check| check["name"] == "executor");
    assert_eq!(executor.expect("a check")["state"], "ok");
    let built = env.larder(["ensure", "all", "-vv"]).success();
    let kept = env.sh("grep -rl very-secret . ../cache || true");
    assert_eq!(kept, "");
    assert!(!built.stderr.contains("very-secret"), "{}", built.stderr);
    env.set("LARDER_EXECUTOR_HEADERS", "very-secret");
    let wrong = env.larder(["ensure", "all", "--reinstall"]).exits(2);
    assert!(!wrong.stderr.contains("very-secret"), "{}", wrong.stderr);
}

#[test]
fn problems_are_shown_at_their_places() {
    let env = machine(TestEnv::new(), None);
    let whole = env.read("subsystems/hello/recipe.yml");
    for (from, to, said) in [
        ("  hermetic: true\n", "", "must promise that it is hermetic"),
        (
            "hermetic: true",
            "hermetic: false",
            "must promise that it is hermetic",
        ),
        (
            "@sha256:0",
            ":latest@sha256:0/",
            "a digest has 64 hexadecimal digits",
        ),
        ("gcc@sha256:", "gcc:", "it has no digest"),
        ("OSFamily: ", "container-image: ", "is what `image` says"),
        (
            "source: {dir: src}",
            "source: {crate: hello}",
            "can't be built remotely",
        ),
        ("image:", "imag:", "image"),
        (
            "ISA: ",
            "ISA: un",
            "larder knows no workers whose `ISA` is `un",
        ),
    ] {
        env.write("subsystems/hello/recipe.yml", whole.replace(from, to));
        let text = env.larder(["check"]).exits(2).stderr;
        assert!(
            text.contains(said) && text.contains("recipe.yml:"),
            "{said}: {text}"
        );
    }
    // The key does not say where a build runs.
    env.write("subsystems/hello/recipe.yml", &whole);
    let key = |env: &TestEnv| {
        let why = env.larder(["why", "hello", "--json"]).success().document();
        why["wanted"][0]["inputs"].clone()
    };
    let remotely = key(&env);
    env.write("subsystems/hello/recipe.yml", whole.replace(&remote(), ""));
    assert_eq!(key(&env), remotely);

    let config = env.write(
        "config.yml",
        "executor: {url: grpcs://a.example, executes: false}\n",
    );
    let mut env = env;
    env.set("LARDER_CONFIG", config.as_str());
    let text = env.larder(["ensure", "all"]).exits(2).stderr;
    assert!(
        text.contains("unknown key `executes`") && text.contains("execute"),
        "{text}"
    );
    env.unset("LARDER_CONFIG")
        .set("LARDER_EXECUTOR", "grpc://cluster.example:80");
    let text = env.larder(["ensure", "all"]).exits(2).stderr;
    assert!(text.contains("without encryption"), "{text}");
}

#[test]
fn an_executor_is_reached_over_tls_by_those_who_trust_it() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned()];
    let parameters = rcgen::CertificateParams::new(names).expect("a name");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    let cluster = Cluster::start(Options {
        tls: Some((certificate.pem(), key.serialize_pem())),
        ..Options::default()
    });
    assert!(cluster.url().starts_with("grpcs://"));
    let mut env = machine(TestEnv::new(), Some(&cluster));
    env.set("LARDER_HTTP_RETRIES", "0");
    let refused = env.larder(["ensure", "all"]).exits(1);
    assert!(
        refused.stderr.contains("SSL_CERT_FILE"),
        "{}",
        refused.stderr
    );
    assert_eq!(cluster.counts().executes, 0);

    env.write("ca.pem", certificate.pem());
    env.set("SSL_CERT_FILE", env.path("ca.pem"));
    let built = env.larder_json(["ensure", "all"]).success();
    assert_eq!(line(&built, "hello")["outcome"], "built");
    assert_eq!(cluster.counts().runs, 1);
}
