//! `larder publish` of a snap. A script stands in for snapcraft and for its store: it records its
//! arguments, keeps a table of revisions, and fails as the test says.
#![cfg(unix)]

use super::{Project, assert_nowhere, ended, said};

const SECRET: &str = "login-of-the-store-of-snaps";

/// The table is a file with one line for each revision: number, architecture, version, channels.
const SNAPCRAFT: &str = r#"#!/bin/sh
state=$HOME/store
touch "$state"
[ "$SNAPCRAFT_STORE_CREDENTIALS" = login-of-the-store-of-snaps ] || { echo 'No credentials found for "dashboard"' >&2; exit 1; }
if [ "$1" != list-revisions ]; then
    echo "$*" | sed "s|$PWD||" >> "$HOME/snapcraft.log"
    if [ -s "$HOME/fault" ]; then
        read -r fault < "$HOME/fault"
        rm "$HOME/fault"
        [ "$fault" = interrupted ] || { echo "$fault" >&2; exit 1; }
        uploaded_only=1
    fi
fi
# Takes the mark of what is current from the others of the architecture.
release() {
    arch=$(awk -v n="$1" '$1 == n { print $2 }' "$state")
    awk -v n="$1" -v arch="$arch" -v channel="$2" '{
        if ($2 == arch) gsub("latest/" channel "\\*", "latest/" channel)
        if ($1 == n) { if ($4 == "-") $4 = "latest/" channel "*"; else if (!sub("latest/" channel, "&*")) $4 = $4 ",latest/" channel "*" }
        print
    }' "$state" > "$state.new" && mv "$state.new" "$state"
}
case $1 in
    list-revisions)
        echo 'Rev.    Uploaded              Arches    Version    Channels'
        awk '{ printf "%s\t2026-01-01T00:00:00Z\t%s\t%s\t%s\n", $1, $2, $3, $4 }' "$state" | sort -rn ;;
    upload)
        channel=${2#--release=}
        file=$3
        unsquashfs -cat "$file" meta/snap.yaml > "$HOME/snap.yaml" || exit 9
        arch=$(sed -n 's/^- //p' "$HOME/snap.yaml")
        version=$(sed -n 's/^version: "\(.*\)"/\1/p' "$HOME/snap.yaml")
        number=$(($(wc -l < "$state") + 1))
        if awk -v a="$arch" -v v="$version" '$2 == a && $3 == v { found = 1 } END { exit !found }' "$state"; then
            echo 'A file with this exact same content has already been uploaded' >&2
            exit 1
        fi
        echo "$number $arch $version -" >> "$state"
        [ -z "$uploaded_only" ] || { echo 'Connection aborted' >&2; exit 1; }
        release "$number" "$channel" ;;
    release) release "$3" "$4" ;;
    close) sed -i "s|latest/$3\*|latest/$3|g" "$state" ;;
    *) exit 9 ;;
esac
"#;

fn project(version: &str, settings: &str) -> Option<Project> {
    if std::process::Command::new("unsquashfs")
        .arg("-version")
        .output()
        .is_err()
    {
        eprintln!("there is no unsquashfs; the judge of channels has one");
        return None;
    }
    let mut project = Project::new(version, &format!("  snap: {settings}\n"));
    project.env.edit(
        "versions.yml",
        "platforms: [linux-amd64, windows-amd64]",
        "platforms: [linux-amd64, linux-arm64]",
    );
    project
        .env
        .write_executable("../tools/snapcraft", SNAPCRAFT);
    let path = format!(
        "{}:{}",
        project.env.path("../tools"),
        std::env::var("PATH").unwrap()
    );
    project
        .env
        .set("PATH", path)
        .set("SNAPCRAFT_STORE_CREDENTIALS", SECRET);
    project.install();
    Some(project)
}

fn store(project: &Project) -> String {
    std::fs::read_to_string(project.env.home().join("store")).unwrap_or_default()
}

fn calls(project: &Project) -> usize {
    let log = std::fs::read_to_string(project.env.home().join("snapcraft.log"));
    log.unwrap_or_default().lines().count()
}

#[test]
fn a_snap_of_each_architecture_is_uploaded_once_and_released() {
    let Some(project) = project("v1.2.3", "{}") else {
        return;
    };
    let output = project.publish(&["--dry-run"]).success();
    assert_eq!(ended(&output, "snap"), "skipped would be pushed");
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "snap"), "published ");
    let both = "1 amd64 1.2.3 latest/stable*\n2 arm64 1.2.3 latest/stable*\n";
    assert_eq!(store(&project), both);
    let output = project.publish(&[]).success();
    assert_eq!(ended(&output, "snap"), "up-to-date already there");
    assert_eq!(calls(&project), 2);
    assert_nowhere_but_in_the_tool(&project);

    // It is the only version: the channel is closed.
    let text = said(&project.env.larder(["unpublish", "arc@v1.2.3"]).success());
    assert!(text.contains("stable is closed"), "{text}");
}

/// The script of the test has the secret itself.
fn assert_nowhere_but_in_the_tool(project: &Project) {
    project.env.remove("../tools/snapcraft");
    assert_nowhere(&project.env, SECRET);
    project
        .env
        .write_executable("../tools/snapcraft", SNAPCRAFT);
}

#[test]
fn a_new_version_replaces_the_old_one_until_it_is_withdrawn() {
    let Some(project) = project("v1.2.4", "{}") else {
        return;
    };
    let before = "1 amd64 1.2.3 latest/stable*\n2 arm64 1.2.3 latest/stable*\n";
    std::fs::write(project.env.home().join("store"), before).unwrap();
    project.publish(&[]).success();
    let after = "1 amd64 1.2.3 latest/stable\n2 arm64 1.2.3 latest/stable\n\
                 3 amd64 1.2.4 latest/stable*\n4 arm64 1.2.4 latest/stable*\n";
    assert_eq!(store(&project), after);
    let unpublish = ["unpublish", "arc@v1.2.4"];
    let text = said(&project.env.larder(unpublish).success());
    assert!(text.contains("amd64 1.2.3, arm64 1.2.3"), "{text}");
    assert!(store(&project).starts_with(before), "{}", store(&project));
    let made = calls(&project);
    project.env.larder(unpublish).success();
    assert_eq!(calls(&project), made, "nothing is written twice");

    // What is older than the channel is not released to it.
    let newer = "1 amd64 1.3.0 latest/stable*\n2 arm64 1.3.0 latest/stable*\n";
    std::fs::write(project.env.home().join("store"), newer).unwrap();
    let output = project.publish(&[]).success();
    let text = ended(&output, "snap");
    assert!(text.contains("1.3.0, which is newer"), "{text}");
    assert_eq!(store(&project), newer);
}

#[test]
fn grade_and_pre_release_decide_the_channel() {
    for (version, settings, channel) in [
        ("v1.2.3", "{grade: devel}", "edge"),
        ("v1.2.3-rc.1", "{prerelease: true}", "candidate"),
        ("v1.2.3-rc.1", "{prerelease: true, grade: devel}", "edge"),
    ] {
        let Some(project) = project(version, settings) else {
            return;
        };
        project.publish(&[]).success();
        let end = format!("latest/{channel}*");
        assert!(store(&project).lines().all(|line| line.ends_with(&end)));
    }
}

#[test]
fn faults_are_told_and_the_next_run_converges() {
    for (fault, code, expected) in [
        ("503 Service Unavailable", 5, "503"),
        ("interrupted", 5, "Connection aborted"),
        ("Permission is required", 1, "package_upload"),
        ("Snap 'arc' was not found.", 1, "snapcraft register arc"),
    ] {
        let Some(project) = project("v1.2.3", "{}") else {
            return;
        };
        std::fs::write(project.env.home().join("fault"), fault).unwrap();
        let text = said(&project.publish_plain(&[]).exits(code));
        assert!(text.contains(expected), "{fault}: {text}");
        project.publish(&[]).success();
        let both = "1 amd64 1.2.3 latest/stable*\n2 arm64 1.2.3 latest/stable*\n";
        assert_eq!(store(&project), both, "{fault}");
    }
}

#[test]
fn without_a_login_or_snapcraft_it_is_said_what_to_do() {
    let Some(mut project) = project("v1.2.3", "{}") else {
        return;
    };
    project.env.unset("SNAPCRAFT_STORE_CREDENTIALS");
    let text = said(&project.publish_plain(&[]).exits(1));
    assert!(text.contains("snapcraft export-login"), "{text}");
    project.env.remove("../tools/snapcraft");
    let text = said(&project.publish_plain(&["--dry-run"]).exits(1));
    assert!(text.contains("snap install snapcraft"), "{text}");
}
