//! Service managers: a socket that is handed over, notifications, and the files of `examples/grid`.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use super::guarded::access::line;
use super::{LONG, Serving, machine, put};
use crate::env::{REPO, TestEnv};

const FILE: &str = "tool-1.0.0-linux-x86_64";

/// Binds sockets and hands them over, as systemd does: they are 3 and the numbers after it.
const STARTER: &str = r#"
import os, socket, sys
addresses = sys.argv[1].split(",")
sockets = [socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
           for address in addresses]
numbers = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
for i, number in enumerate(numbers):
    os.dup2(number, 3 + i)
os.environ["LISTEN_FDS"] = str(len(addresses))
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"#;

/// The command that starts a server with handed sockets.
fn handing(env: &TestEnv, addresses: &str, options: &[&str]) -> Command {
    let larder = env.command(["serve"]);
    let mut command = env.program("python3");
    command
        .args(["-c", STARTER, addresses])
        .arg(larder.get_program());
    command.args(larder.get_args()).args(options);
    command
}

#[test]
fn a_socket_can_be_handed_over() {
    let env = machine();
    put(&env, FILE, "tool");
    env.write("tokens.yml", line("ci", "read", ""));
    for (address, options) in [
        ("127.0.0.1", &[][..]),
        ("::1", &["--port", "1"]),
        ("0.0.0.0", &["--tokens", "tokens.yml"]),
    ] {
        let mut serving = Serving::spawn(&env, handing(&env, address, options));
        assert_eq!(serving.address.ip().to_string(), address);
        serving.address.set_ip(match address {
            "0.0.0.0" => "127.0.0.1".parse().expect("an address"),
            _ => serving.address.ip(),
        });
        serving.wait("readiness", |serving| serving.get("/readyz").status == 200);
        assert_eq!(serving.get(&format!("/binaries/{FILE}")).text(), "tool");
        assert_eq!(serving.stop(), Some(0));
    }
    for (addresses, says) in [
        ("0.0.0.0", "without --tokens"),
        ("::", "without --tokens"),
        ("127.0.0.1,127.0.0.1", "hands over 2 sockets"),
    ] {
        let output = env.output(handing(&env, addresses, &[]));
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(output.stderr.contains(says), "{}", output.stderr);
    }
    // Variables for another process hand over nothing.
    let mut env = env;
    env.set("LISTEN_FDS", "1").set("LISTEN_PID", "1");
    let serving = Serving::start(&env, &[]);
    assert_eq!(serving.get("/livez").status, 200);
}

#[test]
fn a_service_manager_is_told_how_the_server_is() {
    let mut env = machine();
    put(&env, FILE, "tool");
    let path = env.path("notify");
    let manager = UnixDatagram::bind(&path).expect("bind");
    manager.set_read_timeout(Some(LONG)).expect("set");
    let told = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).expect("a notification");
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    };
    env.set("NOTIFY_SOCKET", path.as_str());
    let serving = Serving::start_unready(&env, &[]);
    assert_eq!(told(), "READY=1\nSTATUS=ready");
    assert_eq!(serving.get("/readyz").status, 200);
    serving.signal("TERM");
    assert!(told().starts_with("STOPPING=1\n"));
    drop(serving);
    // A manager that is gone does not hinder the server.
    drop(manager);
    let serving = Serving::start(&env, &[]);
    assert_eq!(serving.stop(), Some(0));
}

fn example(name: &str) -> String {
    std::fs::read_to_string(format!("{REPO}/examples/grid/{name}")).expect("the example")
}

#[test]
fn the_units_are_what_systemd_understands() {
    let env = machine();
    let service = example("larder-serve.service");
    // The program must exist for the check.
    env.write(
        "larder-serve.service",
        service.replace("/usr/local/bin/larder", "/bin/sh"),
    );
    env.write("larder-serve.socket", example("larder-serve.socket"));
    let mut command = env.program("systemd-analyze");
    command.args([
        "verify",
        "--man=no",
        "./larder-serve.service",
        "./larder-serve.socket",
    ]);
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{said}");
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
    // Where systemd is not installed: at least the form is right, and nothing is there twice.
    for text in [service, example("larder-serve.socket")] {
        let text = text.replace("\\\n", "");
        let mut keys = std::collections::BTreeSet::new();
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if line.starts_with('[') && line.ends_with(']') {
                continue;
            }
            let (key, value) = line.split_once('=').expect("a key and a value");
            let is_word = key.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(is_word && value == value.trim(), "{line}");
            assert!(keys.insert((key, value)), "{line}");
        }
    }
}

#[test]
fn the_unit_starts_a_server() {
    let env = machine();
    let service = example("larder-serve.service").replace("\\\n", "");
    let line_of_start = service
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let line_of_start = line_of_start.expect("ExecStart");
    let base = env.project().as_str();
    let text = line_of_start
        .replace("%S/larder", base)
        .replace("/etc/larder", base);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words[..2], ["/usr/local/bin/larder", "serve"]);
    env.write("tokens.yml", line("ci", "read", ""));
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|parameters| parameters.self_signed(&key))
        .expect("a certificate");
    env.write("cert.pem", certificate.pem());
    env.write("key.pem", key.serialize_pem());
    let mut serving = Serving::spawn(&env, handing(&env, "0.0.0.0", &words[2..]));
    serving
        .address
        .set_ip("127.0.0.1".parse().expect("an address"));
    serving.get("/livez").problem(400);
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn the_container_starts_a_server() {
    let env = machine();
    let file = example("Containerfile");
    let words = |key: &str| -> Vec<String> {
        let line = file
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .expect("a line");
        serde_json::from_str(line).expect("a list")
    };
    let compose: serde_json::Value = serde_yaml::from_str(&example("compose.yaml")).expect("YAML");
    let command = &compose["services"]["larder"]["command"];
    let command: Vec<String> = serde_json::from_value(command.clone()).expect("a list");
    let entry = words("ENTRYPOINT ");
    assert_eq!(entry[..2], ["/larder", "serve"]);
    for more in [words("CMD "), command] {
        let all = [&entry[2..], &more].concat();
        let words: Vec<String> = all
            .iter()
            .map(|word| word.replace("/srv/", env.path("").as_str()))
            .map(|word| word.replace("/run/secrets/", env.path("").as_str()))
            .map(|word| if word == "7001" { "0".to_owned() } else { word })
            .collect();
        env.write("tokens", line("ci", "read", ""));
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .and_then(|parameters| parameters.self_signed(&key))
            .expect("a certificate");
        env.write("cert", certificate.pem());
        env.write("key", key.serialize_pem());
        let mut command = env.command(["serve"]);
        command.args(&words);
        let serving = Serving::spawn(&env, command);
        assert_eq!(serving.address.ip().to_string(), "0.0.0.0");
        assert_eq!(serving.stop(), Some(0));
    }
}
