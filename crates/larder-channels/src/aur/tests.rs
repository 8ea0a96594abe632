//! What is rendered for the AUR.

use super::*;
use crate::render::Rendered;
use crate::tests::{Sample, read};
use larder_core::model::Digest;
use larder_core::project::publish::Channel;
use std::collections::BTreeMap;

fn rendered(sample: &Sample, aur: Aur, post_install: Option<&str>) -> BTreeMap<String, String> {
    let (rendered, folder) = sample.render_after(Channel::Aur(aur), post_install);
    assert_eq!(rendered, Rendered::Files);
    read(&folder)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

#[test]
fn both_files_say_the_same() {
    let platforms = ["linux-amd64", "linux-arm", "darwin-arm64", "windows-amd64"];
    let sample = Sample::new("v1.2.3-rc.1", &platforms);
    let files = rendered(&sample, Aur::default(), None);
    let names: Vec<_> = files.keys().collect();
    assert_eq!(names, [".SRCINFO", "PKGBUILD"]);
    let digests = |text: &str| {
        let digest = |asset: &str| Digest::of(asset.as_bytes()).to_string();
        text.replace("AMD64", &digest("arc-linux-amd64.tar.gz"))
            .replace("ARM", &digest("arc-linux-arm.tar.gz"))
    };
    assert_eq!(
        files["PKGBUILD"],
        digests(
            r#"# Maintainer: Acme Tools <tools@acme.example>
# Rendered by larder from the release arc-v1.2.3-rc.1. The next release overwrites it.
pkgname=arc-bin
pkgver=1.2.3_rc.1
pkgrel=1
pkgdesc='Draws an arc on the terminal'
url='https://arc.example'
arch=('x86_64' 'armv7h')
license=('MIT')
provides=('arc')
conflicts=('arc')
options=('!strip' '!debug')
source_x86_64=('arc-bin-1.2.3_rc.1-x86_64.tar.gz::https://hub.example/arc-v1.2.3-rc.1/arc-linux-amd64.tar.gz')
sha256sums_x86_64=('AMD64')
source_armv7h=('arc-bin-1.2.3_rc.1-armv7h.tar.gz::https://hub.example/arc-v1.2.3-rc.1/arc-linux-arm.tar.gz')
sha256sums_armv7h=('ARM')

package() {
  install -Dm755 'arc' "$pkgdir/usr/bin/arc"
  install -Dm644 'LICENSE' "$pkgdir/usr/share/licenses/arc-bin/LICENSE"
  install -Dm644 'arc.1' "$pkgdir/usr/share/man/man1/arc.1"
}
"#
        )
    );
    assert_eq!(
        files[".SRCINFO"],
        digests(
            "pkgbase = arc-bin
\tpkgdesc = Draws an arc on the terminal
\tpkgver = 1.2.3_rc.1
\tpkgrel = 1
\turl = https://arc.example
\tarch = x86_64
\tarch = armv7h
\tlicense = MIT
\tprovides = arc
\tconflicts = arc
\toptions = !strip
\toptions = !debug
\tsource_x86_64 = arc-bin-1.2.3_rc.1-x86_64.tar.gz::https://hub.example/arc-v1.2.3-rc.1/arc-linux-amd64.tar.gz
\tsha256sums_x86_64 = AMD64
\tsource_armv7h = arc-bin-1.2.3_rc.1-armv7h.tar.gz::https://hub.example/arc-v1.2.3-rc.1/arc-linux-arm.tar.gz
\tsha256sums_armv7h = ARM

pkgname = arc-bin
"
        )
    );
}

#[test]
fn texts_are_quoted_for_shells() {
    let mut sample = Sample::with_binaries("arc-2d", "1.0.0", &["arc", "arcd"], &["linux-arm64"]);
    sample.release.description = Some("It's `x` $(x)\n\"#{x}\" <&> 🏹".into());
    sample.release.maintainer = Some("A\n$(x)".into());
    let aur = Aur {
        git: Some("ssh://aur@aur.example/arc2d.git".into()),
        conflicts: vec!["arc".into(), "arc<2".into()],
        ..Aur::default()
    };
    let files = rendered(&sample, aur, Some("It's $x\n\n`y`\n"));
    let pkgbuild = &files["PKGBUILD"];
    for expected in [
        "# Maintainer: A $(x)\n",
        "pkgname=arc2d\n",
        "pkgdesc='It'\\''s `x` $(x) \"#{x}\" <&> 🏹'\n",
        "\nconflicts=('arc' 'arc<2')\n",
        "\ninstall=arc2d.install\n",
        "/usr/bin/arc\"\n  install -Dm755 'arcd' \"$pkgdir/usr/bin/arcd\"\n",
    ] {
        assert!(pkgbuild.contains(expected), "{expected}: {pkgbuild}");
    }
    assert!(!pkgbuild.contains("provides"));
    assert!(files[".SRCINFO"].contains("\tinstall = arc2d.install\n\tarch = aarch64\n"));
    assert_eq!(
        files["arc2d.install"],
        "post_install() {\n  printf '%s\\n' \\\n    'It'\\''s $x' \\\n    '' \\\n    '`y`'\n}\n"
    );
}

#[test]
fn packages_are_named_by_their_repository() {
    let sample = Sample::new("1.0.0", &["linux-386"]);
    for (git, expected) in [
        (None, Some("arc-bin")),
        (Some("ssh://aur@aur.example/arc-git.git"), Some("arc-git")),
        (Some("aur@aur.example:arc.git"), Some("arc")),
        (Some("https://aur.example/arc-bin/"), Some("arc-bin")),
        (Some("/srv/Arc.git"), None),
        (Some("https://aur.example/.git"), None),
    ] {
        let aur = Aur {
            git: git.map(str::to_owned),
            ..Aur::default()
        };
        let name = package_name(&aur, &sample.release.name);
        assert_eq!(name.ok().as_deref(), expected, "{git:?}");
    }
}

#[test]
fn a_file_that_some_archives_lack_is_installed_where_it_is() {
    let mut sample = Sample::new("1.0.0", &["linux-amd64", "linux-386"]);
    let files = &mut sample.release.platforms[1].sidecar.content.files;
    files.retain(|file| file.name.as_str() != "arc.1");
    let files = rendered(&sample, Aur::default(), None);
    assert!(files["PKGBUILD"].contains(
        "  if [[ -f 'arc.1' ]]; then\n    install -Dm644 'arc.1' \"$pkgdir/usr/share/man/man1/arc.1\"\n  fi\n"
    ));
}

#[test]
fn included_files_go_where_arch_linux_has_them() {
    let sample = Sample::new("1.0.0", &["linux-amd64"]);
    let config = Sample::config(Channel::Aur(Aur::default()));
    let package = Package::of(&Aur::default(), &sample.release, &config).unwrap();
    for (name, expected) in [
        ("arc.5.gz", "/usr/share/man/man5/arc.5.gz"),
        ("arc.bash", "/usr/share/bash-completion/completions/arc"),
        ("arc.zsh", "/usr/share/zsh/site-functions/_arc"),
        ("arc.fish", "/usr/share/fish/vendor_completions.d/arc.fish"),
        ("_arc.ps1", "/usr/share/doc/arc-bin/_arc.ps1"),
        ("LICENSE", "/usr/share/licenses/arc-bin/LICENSE"),
        ("README.md", "/usr/share/doc/arc-bin/README.md"),
    ] {
        assert_eq!(package.target(name), expected, "{name}");
    }
}
