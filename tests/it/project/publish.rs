//! `publish:` in recipes and in versions.yml.

use larder_core::model::ChannelKind;
use larder_core::project::Project;
use larder_core::project::publish::{ChangelogFrom, Channel, PackageRepository, Repository};

use crate::project::loading::Files;

const TEXTS: &str = "description: Draws\nhomepage: https://arc.example\nlicense: MIT\n";
const REST: &str = "binaries: [arc]\nupstream: {url: \"https://example.com/x\"}\n";

fn files(versions: &str, recipe: &str) -> Files {
    Files::new()
        .file(
            "versions.yml",
            &format!("versions: {{arc: v1.0.0}}\n{versions}"),
        )
        .file("subsystems/arc/recipe.yml", &format!("{REST}{recipe}"))
}

fn load(versions: &str, recipe: &str) -> Project {
    files(versions, recipe).load().unwrap()
}

fn channels(project: &Project) -> Vec<&'static str> {
    let arc = project.subsystems.values().next().unwrap();
    arc.publish
        .channels
        .keys()
        .map(|kind| kind.as_str())
        .collect()
}

#[test]
fn a_channel_is_on_where_a_recipe_names_it_or_versions_yml_turns_it_on_for_all() {
    let run = "publish: {maintainer: A <a@b.example>, deb: {section: net}, rpm: {all: true}}\n";
    for (versions, recipe, on) in [
        ("", "", vec![]),
        ("", "publish: {installer: {}}\n", vec!["installer"]),
        ("", "publish: {installer: {enabled: false}}\n", vec![]),
        (run, "", vec!["rpm"]),
        (run, "publish: {deb: {}}\n", vec!["deb", "rpm"]),
        (
            run,
            "publish: {rpm: {enabled: false}, deb: {}}\n",
            vec!["deb"],
        ),
    ] {
        let project = load(versions, &format!("{TEXTS}{recipe}"));
        assert_eq!(channels(&project), on, "{versions} {recipe}");
    }
}

#[test]
fn a_recipe_is_merged_with_the_defaults_key_by_key() {
    let versions = "publish:
  maintainer: A <a@b.example>
  url: \"https://dl.example/{{ tag }}/{{ asset }}\"
  retry: {max: 1, base_delay: 250ms}
  deb: {section: net, conflicts: [other], priority: 5, retry: {max: 7, multiplier: 3}}
  aur: {git: \"ssh://aur@git.example/x.git\"}
  changelog: {from: none}
  validate: {platforms: [linux, windows-amd64], license: true}
";
    let recipe = "publish:
  deb: {section: utils, retry: {max: 2}, repository: {dir: /srv/apt}}
  homebrew: {tap: acme/tap}
  aur: {}
  validate: {changelog: true}
";
    let project = load(versions, &format!("{TEXTS}{recipe}"));
    let publish = &project.subsystems.values().next().unwrap().publish;
    let deb = &publish.channels[&ChannelKind::Deb];
    let Channel::Deb(own) = &deb.channel else {
        panic!("{:?}", deb.channel);
    };
    assert_eq!(own.section.as_deref(), Some("utils"));
    assert_eq!(own.conflicts, ["other"]);
    assert_eq!(
        own.repository,
        Some(PackageRepository::Dir("/srv/apt".into()))
    );
    assert_eq!(deb.priority, 5);
    let retry = deb.retry.unwrap();
    assert_eq!((retry.max, retry.multiplier), (2, 3.0));
    let Channel::Homebrew(homebrew) = &publish.channels[&ChannelKind::Homebrew].channel else {
        panic!();
    };
    assert_eq!(homebrew.tap, Some(Repository::Hosted("acme/tap".into())));
    let Channel::Aur(aur) = &publish.channels[&ChannelKind::Aur].channel else {
        panic!();
    };
    assert_eq!(aur.git.as_deref(), Some("ssh://aur@git.example/x.git"));
    assert_eq!(publish.changelog.from, ChangelogFrom::None);
    assert!(publish.validate.changelog && publish.validate.license);
    assert_eq!(publish.validate.platforms.len(), 2);
    assert!(publish.url.is_some());
    assert_eq!(project.publish.retry.max, 1);
    assert_eq!(project.publish.retry.base_delay.as_millis(), 250);
    assert_eq!(
        project.publish.maintainer.as_deref(),
        Some("A <a@b.example>")
    );
}

#[test]
fn what_a_channel_needs_and_the_recipe_lacks_is_reported_at_the_channel() {
    let recipe = "publish:\n  deb: {}\n  homebrew: {tap: acme/tap}\n  winget: {}\n";
    insta::assert_snapshot!(files("", recipe).problems(), @r#"
    error: the channel `deb` needs `publish.maintainer` in versions.yml
     --> subsystems/arc/recipe.yml:4:3
      |
    4 |   deb: {}
      |   ^^^
      |
      = help: add `publish: {maintainer: Name <address>}` to versions.yml

    error: the channels `homebrew`, `winget`, `deb` need `description`, and the recipe has none
     --> subsystems/arc/recipe.yml:5:3
      |
    5 |   homebrew: {tap: acme/tap}
      |   ^^^^^^^^
      |
      = help: add `description:` to this recipe

    error: the channel `homebrew` needs `homepage`, and the recipe has none
     --> subsystems/arc/recipe.yml:5:3
      |
    5 |   homebrew: {tap: acme/tap}
      |   ^^^^^^^^
      |
      = help: add `homepage:` to this recipe

    error: the channels `homebrew`, `winget`, `deb` need `license`, and the recipe has none
     --> subsystems/arc/recipe.yml:5:3
      |
    5 |   homebrew: {tap: acme/tap}
      |   ^^^^^^^^
      |
      = help: add `license:` to this recipe

    error: `winget` needs `publisher`
     --> subsystems/arc/recipe.yml:6:3
      |
    6 |   winget: {}
      |   ^^^^^^
      |
      = help: the first part of the package's identifier, such as `publisher: Acme`
    "#);
}

#[test]
fn a_text_is_also_missing_for_a_channel_that_is_on_for_all() {
    let versions = "publish: {snap: {all: true}}\n";
    insta::assert_snapshot!(files(versions, "").problems(), @r#"
    error: the channel `snap` needs `description`, and the recipe has none
     --> subsystems/arc/recipe.yml:1:1
      |
    1 | binaries: [arc]
      | ^
      |
      = help: add `description:` to this recipe
    "#);
}

#[test]
fn mistakes_show_their_places() {
    let versions = "publish:
  maintainer: Acme
  concurency: 3
  docker: {images: [arc]}
  notify: {webhook: \"{{ token }}\"}
  url: \"https://x/{{ asset }}/{{ out }}\"
";
    insta::assert_snapshot!(Files::new().file("versions.yml", &format!("versions: {{}}\n{versions}")).problems(), @r#"
    error: `Acme` is not `Name <address>`
     --> versions.yml:3:15
      |
    3 |   maintainer: Acme
      |               ^^^^
      |
      = help: such as Acme Tools <tools@acme.example>

    error: unknown key `concurency` in `publish`
     --> versions.yml:4:3
      |
    4 |   concurency: 3
      |   ^^^^^^^^^^
      |
      = help: did you mean `concurrency`?

    error: `arc` is not the name of an image
     --> versions.yml:5:21
      |
    5 |   docker: {images: [arc]}
      |                     ^^^
      |
      = help: a registry and a path in lower case, such as registry.example/acme/arc; tags are made from the version

    error: unknown variable `token` in a template
     --> versions.yml:6:25
      |
    6 |   notify: {webhook: "{{ token }}"}
      |                         ^^^^^
      |
      = help: known: env

    error: the variable `out` is not known here
     --> versions.yml:7:34
      |
    7 |   url: "https://x/{{ asset }}/{{ out }}"
      |                                  ^^^
      |
      = help: `out` is a folder of the build: it is available only in `build.env` and `build.commands`
    "#);
    let recipe = "publish:
  hombrew: {}
  scoop: {bucket: acme/bucket/x, all: true}
  aur: {git: \"https://user:secret@git.example/x\"}
  deb: {repository: {dir: x, hub: true}, section: Net}
  docker: {base: \"alpine@sha256:12\"}
  gomodule: {min_coverage: 120}
  validate: {platforms: [linux, linux, beos]}
  installer: yes
";
    let maintained = "publish: {maintainer: A <a@b.example>}\n";
    insta::assert_snapshot!(files(maintained, &format!("{TEXTS}{recipe}")).problems(), @r#"
    error: unknown key `hombrew` in `publish`
     --> subsystems/arc/recipe.yml:7:3
      |
    7 |   hombrew: {}
      |   ^^^^^^^
      |
      = help: did you mean `homebrew`?

    error: `acme/bucket/x` is not a repository
     --> subsystems/arc/recipe.yml:8:19
      |
    8 |   scoop: {bucket: acme/bucket/x, all: true}
      |                   ^^^^^^^^^^^^^
      |
      = help: write owner/name, or {git: URL} for another server

    error: `all` is for versions.yml
     --> subsystems/arc/recipe.yml:8:39
      |
    8 |   scoop: {bucket: acme/bucket/x, all: true}
      |                                       ^^^^
      |
      = help: remove it; a recipe that names the channel turns it on

    error: the url contains a password
     --> subsystems/arc/recipe.yml:9:14
      |
    9 |   aur: {git: "https://***********@git.example/x"}
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: leave it out; git takes it from its own configuration or from an askpass program

    error: `repository` does not name exactly one place
      --> subsystems/arc/recipe.yml:10:22
       |
    10 |   deb: {repository: {dir: x, hub: true}, section: Net}
       |                      ^^^
       |
       = help: write one of {dir: PATH}, {git: URL} and {hub: true}

    error: `Net` is not a section
      --> subsystems/arc/recipe.yml:10:51
       |
    10 |   deb: {repository: {dir: x, hub: true}, section: Net}
       |                                                   ^^^
       |
       = help: such as utils, net or admin

    error: `alpine@sha256:12` has no valid digest
      --> subsystems/arc/recipe.yml:11:18
       |
    11 |   docker: {base: "alpine@sha256:12"}
       |                  ^^^^^^^^^^^^^^^^^^
       |
       = help: such as registry.example/base@sha256: and 64 hex digits

    error: `gomodule` needs `module`
      --> subsystems/arc/recipe.yml:12:3
       |
    12 |   gomodule: {min_coverage: 120}
       |   ^^^^^^^^
       |
       = help: the path that go.mod states, such as `module: github.com/acme/arc`

    error: `120` is not a percentage
      --> subsystems/arc/recipe.yml:12:28
       |
    12 |   gomodule: {min_coverage: 120}
       |                            ^^^
       |
       = help: a whole number from 0 to 100

    error: it is listed twice in `platforms`
      --> subsystems/arc/recipe.yml:13:33
       |
    13 |   validate: {platforms: [linux, linux, beos]}
       |                                 ^^^^^
       |
       = help: remove one of the two

    error: unknown os `beos`
      --> subsystems/arc/recipe.yml:13:40
       |
    13 |   validate: {platforms: [linux, linux, beos]}
       |                                        ^^^^
       |
       = help: known: linux, darwin, windows

    error: `installer` must be a mapping, not a text
      --> subsystems/arc/recipe.yml:14:14
       |
    14 |   installer: yes
       |              ^^^
       |
       = help: known keys: enabled, all, priority, timeout, retry, prerelease, post_install
    "#);
}
