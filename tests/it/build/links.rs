//! Links in source folders: those that stay inside stay links, and those that lead out are an error
//! or, with `links: follow`, count as what they lead to.

use crate::env::TestEnv;

/// A subsystem whose binary lists the links with their texts and the files with their first lines
/// that its build sees.
fn subsystem(env: &TestEnv, name: &str, source: &str) {
    env.recipe(
        name,
        &format!(
            "any: true\nbinaries: [{name}]\nbuild:\n  source: {source}\n  commands:\n    - |-\n      \
             find . -type l -printf '%P l %l\\n' , -type f -printf '%P f ' -exec head -n 1 '{{}}' ';' \
             -printf '\\n' > {{{{ out }}}}/{name}\n"
        ),
    );
}

fn project(source: &str) -> TestEnv {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    subsystem(&env, "tool", source);
    env.write("subsystems/tool/src/file", "inside");
    env.write("shared/file", "outside");
    env.write("shared/deep/er", "deep");
    env
}

fn seen(env: &TestEnv, name: &str) -> Vec<String> {
    let text = env.read(&format!("subsystems/{name}/.bin/{name}"));
    let lines = text.lines().filter(|line| !line.is_empty());
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// How a link that leads out is made in the source folder, and where it leads.
const OUT: &[(&str, &str)] = &[
    ("ln -s ../../../shared/file link", "shared/file"),
    ("ln -s \"$PWD/../../../shared/file\" link", "shared/file"),
    ("ln -s ../../../shared link", "shared"),
    (
        "ln -s file2 link; ln -s ../../../shared/file file2",
        "shared/file",
    ),
    (
        "mkdir in; ln -s ../../../../shared/file in/link",
        "shared/file",
    ),
    ("ln -s \"$PWD/file\" link", "subsystems/tool/src/file"),
    ("ln -s ../src/file link", "subsystems/tool/src/file"),
    ("ln -s ../../../nowhere link", "nowhere"),
    ("mkdir in; ln -s ../.. in/up; ln -s in/up/x link", "x"),
    (
        "ln -s . here; ln -s here/here/../file2 link; ln -s ../x file2",
        "x",
    ),
    ("ln -s ../../../shared/deep/er .gitignore", "shared/deep/er"),
];

#[test]
fn a_link_that_leads_out_is_an_error_that_names_it() {
    for (make, target) in OUT {
        let env = project("{dir: src}");
        env.sh(&format!("cd subsystems/tool/src; {make}"));
        for command in ["ensure", "status", "why", "plan"] {
            let output = env.larder([command, "tool"]);
            assert_ne!(output.code, Some(0), "{make}: {command}");
            let said = format!("{}{}", output.stdout, output.stderr);
            for text in [
                "subsystems/tool/src/",
                "leads out of the source",
                target,
                "links: follow",
            ] {
                assert!(said.contains(text), "{make}: {command}: {text}: {said}");
            }
        }
        env.larder(["ensure", "tool"]).exits(2);
    }
}

#[test]
fn links_that_stay_inside_stay_links() {
    for (make, link) in [
        ("ln -s file link", "link l file"),
        ("mkdir in; ln -s ../file in/link", "in/link l ../file"),
        ("ln -s nowhere link", "link l nowhere"),
        ("ln -s nowhere/../file link", "link l nowhere/../file"),
        ("ln -s link link", "link l link"),
        ("ln -s . link", "link l ."),
        (
            "mkdir in; touch in/x; ln -s in link; ln -s link/../file again",
            "again l link/../file",
        ),
        ("ln -s me@host.123:456 .#file", ".#file l me@host.123:456"),
    ] {
        for source in ["{dir: src}", "{dir: src, links: follow}"] {
            let env = project(source);
            env.sh(&format!("cd subsystems/tool/src; {make}"));
            env.larder(["ensure", "tool"]).success();
            let seen = seen(&env, "tool");
            assert!(seen.iter().any(|line| line == link), "{make}: {seen:?}");
        }
    }
}

#[test]
fn an_excluded_link_may_lead_anywhere() {
    let env = project("{dir: src}");
    env.sh("cd subsystems/tool/src; ln -s ../../../shared out; echo out > .larderignore");
    env.larder(["ensure", "tool"]).success();
    assert_eq!(seen(&env, "tool"), [".larderignore f out", "file f inside"]);
}

#[test]
fn followed_links_are_files_and_folders_whose_changes_are_seen() {
    for (make, expected) in [
        ("ln -s ../../../shared/file link", "link f outside"),
        ("ln -s \"$PWD/../../../shared/file\" link", "link f outside"),
        ("ln -s ../../../shared link", "link/file f outside"),
        (
            "ln -s file2 link; ln -s ../../../shared/file file2",
            "file2 f outside",
        ),
        (
            "mkdir in; ln -s ../../../../shared in/link",
            "in/link/file f outside",
        ),
        (
            "ln -s ../other link; mkdir ../other; ln -s ../../../shared ../other/again",
            "link/again/file f outside",
        ),
        (
            "ln -s ../../../way link; ln -s shared ../../../way",
            "link/file f outside",
        ),
    ] {
        let env = project("{dir: src, links: follow}");
        env.sh(&format!("cd subsystems/tool/src; {make}"));
        env.larder(["ensure", "tool"]).success();
        let before = seen(&env, "tool");
        assert!(
            before.iter().any(|line| line == expected),
            "{make}: {before:?}"
        );
        let again = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{make}");
        // Written in place, so that no folder's metadata changes.
        env.sh("printf changed > shared/file");
        let changed = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(changed.outcome("tool"), "built", "{make}");
        let after = seen(&env, "tool");
        let expected = expected.replace("outside", "changed");
        assert!(after.contains(&expected), "{make}: {after:?}");
    }
}

#[test]
fn a_followed_folder_that_gets_a_file_or_is_replaced_is_seen() {
    for change in [
        "touch shared/new",
        "rm shared/deep/er",
        "rm way; ln -s other way",
        "rm subsystems/tool/src/link; ln -s ../../../other subsystems/tool/src/link",
        "echo file > shared/.gitignore",
    ] {
        let env = project("{dir: src, links: follow}");
        env.write("other/x", "x");
        env.sh("ln -s shared way; ln -s ../../../way subsystems/tool/src/link");
        env.larder(["ensure", "tool"]).success();
        env.larder(["ensure", "tool"]).success();
        env.sh(change);
        let changed = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(changed.outcome("tool"), "built", "{change}");
    }
}

/// The ignore files around the link and those in the folder apply, `.git` is left out, and links
/// that stay in the folder stay links.
#[test]
fn a_followed_folder_is_listed_as_if_it_were_in_the_place_of_the_link() {
    let env = project("{dir: src, links: follow}");
    env.sh(
        "cd shared; mkdir .git; touch .git/x a.log b.log c.tmp; echo '!b.log' > .gitignore; \
         ln -s deep/er inner; ln -s ../shared/file outer; cd ../subsystems/tool/src; \
         ln -s ../../../shared link; ln -s ../../../shared no; printf '*.log\\nno/\\n/link/*.tmp\\n' > .gitignore",
    );
    env.larder(["ensure", "tool"]).success();
    assert_eq!(
        seen(&env, "tool"),
        [
            ".gitignore f *.log",
            "file f inside",
            "link/.gitignore f !b.log",
            "link/b.log f ",
            "link/deep/er f deep",
            "link/file f outside",
            "link/inner l deep/er",
            "link/outer f outside",
        ]
    );
}

#[test]
fn links_that_cannot_be_followed_are_errors_that_name_them() {
    for (make, texts) in [
        (
            "ln -s ../../.. up",
            &["form a cycle", "src/up leads to"][..],
        ),
        ("ln -s ../src self", &["form a cycle", "src/self leads to"]),
        (
            "ln -s ../../../shared a; ln -s ../subsystems/tool/src ../../../shared/back",
            &["form a cycle", "src/a leads to", "src/a/back leads to"],
        ),
        (
            "ln -s ../../../shared a; ln -s . ../../../shared/x; ln -s ../shared ../../../shared/y",
            &["form a cycle", "src/a/y leads to"],
        ),
        (
            "ln -s ../../../one a; mkdir ../../../one ../../../two; ln -s ../two ../../../one/b; ln -s ../one ../../../two/c",
            &["form a cycle", "src/a/b/c leads to"],
        ),
        (
            "ln -s ../../../nowhere gone",
            &["src/gone leads to ../../../nowhere, which can't be followed"],
        ),
        (
            "ln -s /dev/null null",
            &["src/null is neither a file nor a folder"],
        ),
    ] {
        let env = project("{dir: src, links: follow}");
        env.sh(&format!("cd subsystems/tool/src; {make}"));
        let output = env.larder(["ensure", "tool"]);
        assert!(
            matches!(output.code, Some(1 | 2)),
            "{make}: {:?}",
            output.code
        );
        for text in texts {
            assert!(
                output.stderr.contains(text),
                "{make}: {text}: {}",
                output.stderr
            );
        }
    }
}

/// One folder with and without `links: follow`: the two share no digest.
#[test]
fn two_recipes_may_treat_the_links_of_one_folder_differently() {
    let env = project("{dir: src, links: follow}");
    env.versions(
        &[("tool", "v1.0.0"), ("other", "v1.0.0")],
        "sources: [build]\n",
    );
    subsystem(&env, "other", "{dir: ../tool/src}");
    env.sh("ln -s ../../../shared/file subsystems/tool/src/link");
    for _ in 0..2 {
        let output = env.larder(["ensure", "all", "-k"]).exits(2);
        assert!(
            output.stderr.contains("other v1.0.0: the link"),
            "{}",
            output.stderr
        );
        assert!(seen(&env, "tool").contains(&"link f outside".to_owned()));
    }
    // Without a link that leads out, both have the same source.
    env.remove("subsystems/tool/src/link");
    env.larder(["ensure", "all"]).success();
    assert_eq!(seen(&env, "other"), ["file f inside"]);
    let again = env.larder(["ensure", "all"]).success();
    assert!(again.stdout.contains("2 up to date") || again.stderr.contains("2 up to date"));
}
