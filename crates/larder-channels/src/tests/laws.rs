//! The law of rendering: the bytes depend on the release and on nothing else. Each channel renders
//! one release twice, from copies in two folders whose platforms were released in different orders,
//! and with other numbers of threads.

use larder_core::cancel::Cancel;
use larder_core::model::ChannelKind;
use larder_core::project::publish::{
    Aur, Channel, Chocolatey, Deb, Docker, GoModule, Homebrew, Npm, Pypi, Rpm, Scoop, Snap, Winget,
};
use proptest::prelude::*;

use super::{Sample, read};
use crate::output::Output;
use crate::render::{Rendered, render};

const PLATFORMS: [&str; 7] = [
    "darwin-amd64",
    "darwin-arm64",
    "linux-amd64",
    "linux-amd64-musl",
    "linux-arm64",
    "windows-amd64",
    "windows-arm64",
];

fn channel(kind: ChannelKind) -> Channel {
    match kind {
        ChannelKind::Homebrew => Channel::Homebrew(Homebrew::default()),
        ChannelKind::Scoop => Channel::Scoop(Scoop::default()),
        ChannelKind::Winget => Channel::Winget(Winget {
            publisher: "Acme".into(),
            ..Winget::default()
        }),
        ChannelKind::Aur => Channel::Aur(Aur::default()),
        ChannelKind::Chocolatey => Channel::Chocolatey(Chocolatey::default()),
        ChannelKind::Snap => Channel::Snap(Snap::default()),
        ChannelKind::Deb => Channel::Deb(Deb::default()),
        ChannelKind::Rpm => Channel::Rpm(Rpm::default()),
        ChannelKind::Docker => Channel::Docker(Docker::default()),
        ChannelKind::Npm => Channel::Npm(Npm::default()),
        ChannelKind::Pypi => Channel::Pypi(Pypi::default()),
        ChannelKind::Installer => Channel::Installer,
        ChannelKind::Gomodule => Channel::Gomodule(GoModule {
            module: "arc.example/arc".into(),
            ..GoModule::default()
        }),
    }
}

/// What a channel makes of a release of these platforms.
fn rendered(
    kind: ChannelKind,
    version: &str,
    platforms: &[&str],
    threads: usize,
) -> (Rendered, Vec<(String, Vec<u8>)>) {
    let sample = Sample::new(version, platforms);
    let folder = sample.root().join("rendered");
    larder_core::fs::create_dir_all(&folder).unwrap();
    let config = Sample::config(channel(kind));
    let cancel = Cancel::new();
    let out = Output::new(&folder, threads, &cancel);
    let rendered = render(&sample.release, &config, &out).unwrap();
    (rendered, read(&folder).into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_release_is_rendered_to_the_same_bytes(
        released in prop::sample::subsequence(&PLATFORMS[..], 1..=PLATFORMS.len()),
        turn in any::<prop::sample::Index>(),
        version in prop::sample::select(&["v1.2.3", "1.2.3-rc.1", "2024.06"][..]),
    ) {
        let mut other = released.clone();
        other.reverse();
        other.rotate_left(turn.index(released.len()));
        for kind in ChannelKind::ALL {
            let (first, files) = rendered(kind, version, &released, 1);
            let (again, same) = rendered(kind, version, &other, 3);
            prop_assert_eq!(&first, &again, "{}", kind);
            let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
                files.iter().map(|(name, _)| name.clone()).collect()
            };
            prop_assert_eq!(names(&files), names(&same), "{}", kind);
            for ((name, bytes), (_, same)) in files.iter().zip(&same) {
                prop_assert!(bytes == same, "{kind}: {name} differs");
            }
            // A tag of Go is all that its channel has.
            let is_made = kind == ChannelKind::Gomodule || first != Rendered::Files || !files.is_empty();
            prop_assert!(is_made, "{kind} writes nothing");
        }
    }
}
