//! Tests of the scripts. shellcheck judges them, and shells run them, in `tests/oracles`.

use larder_core::project::publish::{Channel, ChannelConfig};

use super::*;
use crate::render::Rendered;
use crate::tests::{Sample, read};

fn scripts(sample: &Sample, post_install: Option<&str>) -> [String; 2] {
    let (rendered, folder) = sample.render_with(&ChannelConfig {
        channel: Channel::Installer,
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: false,
        post_install: post_install.map(str::to_owned),
    });
    assert_eq!(rendered, Rendered::Files);
    let mut files = read(&folder);
    assert_eq!(files.len(), 2);
    ["install.sh", "install.ps1"]
        .map(|name| String::from_utf8(files.remove(name).unwrap()).unwrap())
}

#[test]
fn scripts_name_the_package_of_each_platform() {
    let platforms = [
        "linux-amd64",
        "linux-amd64-musl",
        "darwin-arm64",
        "windows-amd64",
    ];
    let sample = Sample::with_binaries("arc-2", "1.2.3-rc.1", &["arc-2", "arcd"], &platforms);
    let [shell, powershell] = scripts(&sample, None);
    for platform in &sample.release.platforms {
        let name = platform.platform().to_string();
        let is_windows = name.starts_with("windows");
        let url = platform.url().unwrap();
        let digest = platform.sidecar.sha256;
        assert!(shell.contains(&format!(
            "        {name})\n            url='{url}'\n            sha256={digest}\n"
        )));
        assert_eq!(powershell.contains(&format!("'{name}' = @{{")), is_windows);
        assert_eq!(powershell.contains(&digest.to_string()), is_windows);
    }
    assert!(shell.contains("programs='arc-2 arcd'"));
    assert!(powershell.contains("Programs = @('arc-2.exe', 'arcd.exe')"));
    for script in [&shell, &powershell] {
        assert!(!script.contains("@@"), "{script}");
    }
    assert!(shell.ends_with("\nmain \"$@\"\n"));
    assert!(powershell.ends_with("\nInstall-LarderPackage -To $To\n"));
}

#[test]
fn texts_are_literal() {
    let text = "It's `x` $x \"q\" @@NAME@@ \\ ’ 🎉\nEND_OF_TEXT\nlast";
    let mut sample = Sample::new("1.0.0", &["linux-amd64"]);
    sample.release.description = Some(text.into());
    let [shell, powershell] = scripts(&sample, Some(text));
    assert!(
        shell.contains(&format!("    cat <<'END_OF_TEXT_'\n{text}\nEND_OF_TEXT_\n")),
        "{shell}"
    );
    let quoted = r#"([regex]::Unescape('It''s `x` $x "q" @@NAME@@ \\ \u2019 \ud83c\udf89
END_OF_TEXT
last'))"#;
    assert!(powershell.contains(quoted), "{powershell}");
    assert!(powershell.is_ascii());
}

#[test]
fn plain_http_is_for_this_machine_only() {
    for (url, is_accepted) in [
        ("https://hub.example/a", true),
        ("http://127.0.0.1:8080/a", true),
        ("http://localhost/a", true),
        ("http://[::1]:80/a", true),
        ("http://hub.example/a", false),
        ("http://127.0.0.1.example/a", false),
        ("http://localhost.example/a", false),
        ("ftp://hub.example/a", false),
    ] {
        assert_eq!(check_url(url).is_ok(), is_accepted, "{url}");
    }
}

#[test]
fn quoted_texts_are_one_word() {
    for (text, shell, powershell) in [
        ("plain", "'plain'", "'plain'"),
        ("it's $x `y` \\", r"'it'\''s $x `y` \'", r"'it''s $x `y` \'"),
        ("a\\’", r"'a\’'", r"([regex]::Unescape('a\\\u2019'))"),
    ] {
        assert_eq!(shell_quoted(text), shell);
        assert_eq!(powershell_quoted(text), powershell);
    }
}
