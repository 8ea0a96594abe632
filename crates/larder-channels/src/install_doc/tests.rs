use larder_core::project::publish::{
    Aur, Channel as Kind, ChannelConfig, Chocolatey, Confinement, Deb, Docker, GoModule, Grade,
    Homebrew, Npm, Pypi, Repository, Rpm, Scoop, Snap, Winget,
};

use super::commands::Channel;
use super::{HubFacts, install_md, readme_block, update};
use crate::release::Release;
use crate::tests::Sample;

const HUB: HubFacts<'_> = HubFacts {
    github: Some("acme/tools"),
    server: Some("https://github.com"),
    go_mod: Some("arc/go.mod"),
};

const ALL: &[&str] = &["linux-amd64", "darwin-arm64", "windows-amd64"];

fn config(channel: Kind) -> ChannelConfig {
    ChannelConfig {
        channel,
        priority: 0,
        timeout: None,
        retry: None,
        prerelease: false,
        post_install: None,
    }
}

/// The commands of a channel, each block on one line.
fn commands(release: &Release, channel: Kind, hub: &HubFacts<'_>) -> String {
    let channel = Channel {
        release,
        config: &config(channel),
        hub,
    };
    let Some((_, blocks)) = channel.section().unwrap() else {
        return "-".to_owned();
    };
    let lines = |block: &super::Block| {
        let mut text = String::new();
        block.write(&mut text);
        let lines = text.lines().skip_while(|line| !line.starts_with("```"));
        let lines: Vec<&str> = lines.filter(|line| !line.starts_with("```")).collect();
        lines.join("; ")
    };
    blocks.iter().map(lines).collect::<Vec<_>>().join(" | ")
}

fn hosted(text: &str) -> Repository {
    Repository::Hosted(text.into())
}

fn brew(tap: Option<Repository>) -> Kind {
    Kind::Homebrew(Homebrew {
        tap,
        ..Homebrew::default()
    })
}

fn snap(confinement: Confinement, grade: Grade) -> Kind {
    Kind::Snap(Snap { confinement, grade })
}

fn module(module: &str) -> Kind {
    Kind::Gomodule(GoModule {
        module: module.into(),
        dir: ".".into(),
        min_coverage: None,
    })
}

fn aur(git: Option<&str>) -> Kind {
    Kind::Aur(Aur {
        git: git.map(Into::into),
        ..Aur::default()
    })
}

fn choco(push: Option<&str>) -> Kind {
    Kind::Chocolatey(Chocolatey {
        owners: None,
        push: push.map(Into::into),
    })
}

fn winget(repository: Option<Repository>) -> Kind {
    Kind::Winget(Winget {
        repository,
        publisher: "Acme".into(),
        name: None,
    })
}

#[test]
fn commands_have_the_names_of_the_configuration() {
    let sample = Sample::new("v1.2.3", ALL);
    let url = |text: &str| Some(Repository::Git(text.into()));
    let image = "registry.example/acme/arc".to_owned();
    for (channel, expected) in [
        (
            brew(Some(hosted("acme/homebrew-tools"))),
            "brew install acme/tools/arc",
        ),
        (
            brew(Some(hosted("acme/tools"))),
            "brew tap acme/tools https://github.com/acme/tools; brew install acme/tools/arc",
        ),
        (
            brew(url("git@git.example:acme/homebrew-x.git")),
            "brew tap acme/x https://git.example/acme/homebrew-x.git; brew install acme/x/arc",
        ),
        (brew(None), "-"),
        (
            Kind::Scoop(Scoop {
                bucket: Some(hosted("acme/scoop-bucket")),
            }),
            "scoop bucket add scoop-bucket https://github.com/acme/scoop-bucket; \
             scoop install scoop-bucket/arc",
        ),
        (Kind::Scoop(Scoop::default()), "-"),
        (
            winget(Some(hosted("acme/pkgs"))),
            "winget install --exact --id Acme.arc",
        ),
        (winget(None), "-"),
        (
            choco(Some("https://nuget.example/api/v2")),
            "choco install arc --source https://nuget.example/api/v2",
        ),
        (choco(Some("https://push.example/")), "choco install arc"),
        (choco(None), "-"),
        (
            aur(Some("ssh://aur@aur.example/arc-bin.git")),
            "git clone https://aur.example/arc-bin.git arc-bin; cd arc-bin; \
             makepkg --syncdeps --install | yay -S arc-bin",
        ),
        (aur(None), "-"),
        (
            snap(Confinement::Strict, Grade::Stable),
            "sudo snap install arc",
        ),
        (
            snap(Confinement::Classic, Grade::Devel),
            "sudo snap install arc --edge --classic",
        ),
        (
            Kind::Deb(Deb::default()),
            "curl -fLO \"https://hub.example/arc-v1.2.3/arc_1.2.3_$(dpkg --print-architecture).deb\"; \
             sudo apt-get install \"./arc_1.2.3_$(dpkg --print-architecture).deb\"",
        ),
        (
            Kind::Rpm(Rpm::default()),
            "sudo dnf install \"https://hub.example/arc-v1.2.3/arc-1.2.3-1.$(uname -m).rpm\" | \
             sudo zypper install --allow-unsigned-rpm \
             \"https://hub.example/arc-v1.2.3/arc-1.2.3-1.$(uname -m).rpm\"",
        ),
        (
            Kind::Docker(Docker {
                images: vec![image],
                ..Docker::default()
            }),
            "docker run --rm registry.example/acme/arc:1.2.3",
        ),
        (
            Kind::Npm(Npm {
                package: Some("@acme/arc".into()),
            }),
            "npm install --global @acme/arc",
        ),
        (
            Kind::Pypi(Pypi::default()),
            "uv tool install arc | pipx install arc | pip install arc",
        ),
        (
            module("github.com/acme/arc"),
            "go install github.com/acme/arc@v1.2.3",
        ),
        (
            module("github.com/acme/lib"),
            "go get github.com/acme/lib@v1.2.3",
        ),
        (
            Kind::Installer,
            "curl -fsSL https://hub.example/arc-v1.2.3/install.sh | sh | \
             irm https://hub.example/arc-v1.2.3/install.ps1 | iex",
        ),
    ] {
        let name = format!("{channel:?}");
        assert_eq!(commands(&sample.release, channel, &HUB), expected, "{name}");
    }
}

#[test]
fn prereleases_have_the_options_that_ask_for_them() {
    let sample = Sample::new("v1.2.3-rc.1", &["linux-amd64"]);
    let pypi = Pypi {
        index: Some("https://index.example/simple/".into()),
        ..Pypi::default()
    };
    for (channel, expected) in [
        (Kind::Npm(Npm::default()), "npm install --global arc@next"),
        (
            Kind::Deb(Deb::default()),
            "curl -fLO \"https://hub.example/arc-v1.2.3-rc.1/\
             arc_1.2.3.rc.1_$(dpkg --print-architecture).deb\"; \
             sudo apt-get install \"./arc_1.2.3.rc.1_$(dpkg --print-architecture).deb\"",
        ),
        (
            Kind::Pypi(pypi),
            "uv tool install --prerelease allow --index https://index.example/simple/ arc | \
             pipx install --pip-args=--pre --index-url https://index.example/simple/ arc | \
             pip install --pre --index-url https://index.example/simple/ arc",
        ),
        (
            snap(Confinement::Strict, Grade::Stable),
            "sudo snap install arc --edge",
        ),
        (
            module("a.example/arc"),
            "go install a.example/arc@v1.2.3-rc.1",
        ),
    ] {
        assert_eq!(commands(&sample.release, channel, &HUB), expected);
    }
    // There is no Windows.
    let scripts = commands(&sample.release, Kind::Installer, &HUB);
    assert!(!scripts.contains("iex"), "{scripts}");
}

#[test]
fn a_folder_hub_has_no_urls_to_download_from() {
    let mut sample = Sample::new("v1.2.3", ALL);
    for platform in &mut sample.release.platforms {
        platform.url = None;
    }
    let none = HubFacts::default();
    for channel in [
        Kind::Deb(Deb::default()),
        Kind::Rpm(Rpm::default()),
        Kind::Installer,
        brew(Some(hosted("acme/homebrew-tools"))),
    ] {
        assert_eq!(commands(&sample.release, channel, &none), "-");
    }
}

#[test]
fn the_texts_have_a_section_for_each_channel() {
    let mut sample = Sample::new("v1.2.3", ALL);
    sample.release.description = Some("Draws <arcs>\n# and @lines".into());
    let channels = [
        config(module("github.com/acme/arc")),
        config(brew(Some(hosted("acme/homebrew-tools")))),
        config(winget(None)),
    ];
    let channels: Vec<&ChannelConfig> = channels.iter().collect();
    assert_eq!(
        install_md(&sample.release, &channels, &HUB).unwrap(),
        "# Install arc\n\nDraws &lt;arcs> \\# and `@lines`\n\n## Homebrew\n\n```sh\n\
         brew install acme/tools/arc\n```\n\n## Go\n\n```sh\n\
         go install github.com/acme/arc@v1.2.3\n```\n"
    );
    let block = readme_block(&sample.release, &channels, &HUB).unwrap();
    assert_eq!(
        block,
        "<!-- larder: install -->\n\
         [![Go version](https://img.shields.io/github/go-mod/go-version/acme/tools?filename=arc%2Fgo.mod)](https://github.com/acme/tools)\n\
         [![release](https://img.shields.io/github/v/release/acme/tools?filter=arc-*&label=release)](https://github.com/acme/tools/releases)\n\
         [![license](https://img.shields.io/badge/license-MIT-blue)](https://github.com/acme/tools)\n\
         [![Go report](https://goreportcard.com/badge/github.com/acme/arc)](https://goreportcard.com/report/github.com/acme/arc)\n\
         [![Go reference](https://pkg.go.dev/badge/github.com/acme/arc.svg)](https://pkg.go.dev/github.com/acme/arc)\n\n\
         **Homebrew**\n\n```sh\nbrew install acme/tools/arc\n```\n\n**Go**\n\n```sh\n\
         go install github.com/acme/arc@v1.2.3\n```\n\n[INSTALL.md](INSTALL.md) has all commands.\n\
         <!-- /larder: install -->\n"
    );
    let readme = update("# Arc\n", &block).unwrap();
    assert_eq!(update(&readme, &block).unwrap(), readme);
    // A server of one's own is unknown to services on the internet.
    let own = HubFacts {
        server: Some("https://git.acme.example"),
        ..HUB
    };
    let block = readme_block(&sample.release, &channels, &own).unwrap();
    assert!(!block.contains("github/v/release"), "{block}");
    assert!(block.contains("![license]"), "{block}");
}
