//! Mistakes in `versions.yml` (hub, sources, bundle, tasks, ci), as users see them.

use crate::project::loading::Files;

/// The problems of a `versions.yml` that starts with valid lines.
fn versions(more: &str) -> String {
    Files::new()
        .file("versions.yml", &format!("versions: {{}}\n{more}"))
        .problems()
}

#[test]
fn an_invalid_project_name() {
    insta::assert_snapshot!(versions("project: \"a b/c\"\n"), @r#"
    error: `a b/c` can't name a project
     --> versions.yml:2:10
      |
    2 | project: "a b/c"
      |          ^^^^^^^
      |
      = help: letters, digits, `-`, `_` and `.`: it becomes part of file names
    "#);
}

#[test]
fn a_hub_of_two_kinds() {
    insta::assert_snapshot!(versions("hub: {github: acme/x, dir: .}\n"), @r"
    error: `hub` names both `github` and `dir`
     --> versions.yml:2:23
      |
    2 | hub: {github: acme/x, dir: .}
      |                       ^^^
      |
      = help: a project has one hub; keep one of them
    ");
}

#[test]
fn a_hub_of_no_kind() {
    insta::assert_snapshot!(versions("hub: {}\n"), @r"
    error: `hub` does not say where it is
     --> versions.yml:2:1
      |
    2 | hub: {}
      | ^^^
      |
      = help: one of {github: owner/name}, {dir: PATH}, {http: URL}, {s3: s3://bucket/prefix}, {oci: registry/repository}
    ");
}

#[test]
fn a_hub_of_an_unknown_kind() {
    insta::assert_snapshot!(versions("hub: {gihtub: acme/x}\n"), @r"
    error: unknown key `gihtub` in `hub`
     --> versions.yml:2:7
      |
    2 | hub: {gihtub: acme/x}
      |       ^^^^^^
      |
      = help: did you mean `github`?
    ");
}

#[test]
fn a_bucket_with_wrong_words() {
    insta::assert_snapshot!(versions("hub: {s3: acme-tools/larder}\n"), @r"
    error: `acme-tools/larder` is not a bucket
     --> versions.yml:2:11
      |
    2 | hub: {s3: acme-tools/larder}
      |           ^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `s3://acme-tools/larder`?
    ");
    insta::assert_snapshot!(versions("hub: {s3: s3://Acme-Tools/larder}\n"), @r"
    error: `Acme-Tools` can't be the name of a bucket
     --> versions.yml:2:11
      |
    2 | hub: {s3: s3://Acme-Tools/larder}
      |           ^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: buckets have no upper-case letters; did you mean `acme-tools`?
    ");
    insta::assert_snapshot!(versions("hub: {s3: s3://acme-tools, region: EU}\n"), @r"
    error: `EU` can't be a region
     --> versions.yml:2:36
      |
    2 | hub: {s3: s3://acme-tools, region: EU}
      |                                    ^^
      |
      = help: a name such as `eu-central-1`, or `auto`
    ");
    insta::assert_snapshot!(versions("hub: {dir: ., region: eu-west-1}\n"), @r"
    error: `region` is for `s3`
     --> versions.yml:2:15
      |
    2 | hub: {dir: ., region: eu-west-1}
      |               ^^^^^^
      |
      = help: remove it, or name a bucket: `s3: s3://bucket/prefix`
    ");
}

#[test]
fn a_github_hub_by_its_url() {
    insta::assert_snapshot!(versions("hub: {github: https://github.com/acme/x}\n"), @r"
    error: `https://github.com/acme/x` is not a GitHub repository
     --> versions.yml:2:15
      |
    2 | hub: {github: https://github.com/acme/x}
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write `acme/x`
    ");
}

#[test]
fn a_hub_over_plain_http() {
    insta::assert_snapshot!(versions("hub: {http: \"http://example.com/hub\"}\n"), @r#"
    error: `http://example.com/hub` can't be used: bytes sent over plain http can be changed on the way
     --> versions.yml:2:13
      |
    2 | hub: {http: "http://example.com/hub"}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: use https, or allow the host in your own config.yml with `allow_http`
    "#);
}

#[test]
fn a_hub_with_a_secret_in_it() {
    insta::assert_snapshot!(versions("hub: {http: \"https://me:secret@example.com\"}\n"), @r#"
    error: `https://***@example.com` can't be used: it contains a user or a password
     --> versions.yml:2:13
      |
    2 | hub: {http: "https://*********@example.com"}
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: secrets come from the environment, never from these files
    "#);
}

#[test]
fn upload_always_without_a_folder_hub() {
    insta::assert_snapshot!(versions("hub: {github: acme/x}\nupload: always\n"), @r"
    error: `upload: always` is for a folder hub only
     --> versions.yml:3:9
      |
    3 | upload: always
      |         ^^^^^^
      |
      = help: write `upload: ci`; a hub that others read is filled by CI or by `larder release`
    ");
}

#[test]
fn an_unknown_upload() {
    insta::assert_snapshot!(versions("upload: allways\n"), @r"
    error: unknown `upload` value `allways`
     --> versions.yml:2:9
      |
    2 | upload: allways
      |         ^^^^^^^
      |
      = help: did you mean `always`?
    ");
}

#[test]
fn an_unknown_source() {
    insta::assert_snapshot!(versions("sources: [managed, buidl, cache]\n"), @r"
    error: unknown source `buidl`
     --> versions.yml:2:20
      |
    2 | sources: [managed, buidl, cache]
      |                    ^^^^^
      |
      = help: did you mean `build`?

    error: unknown source `cache`
     --> versions.yml:2:27
      |
    2 | sources: [managed, buidl, cache]
      |                           ^^^^^
      |
      = help: known: managed, original, build
    ");
}

#[test]
fn a_source_twice() {
    insta::assert_snapshot!(versions("sources: [build, build]\n"), @r"
    error: `build` is listed twice in `sources`
     --> versions.yml:2:18
      |
    2 | sources: [build, build]
      |                  ^^^^^
      |
      = help: remove one of the two
    ");
}

#[test]
fn a_bundle_that_excludes_an_unknown_subsystem() {
    insta::assert_snapshot!(versions("bundle: {name: a/b, exclude: [nast]}\n"), @r"
    error: `a/b` is not a file name: it contains '/'
     --> versions.yml:2:16
      |
    2 | bundle: {name: a/b, exclude: [nast]}
      |                ^^^
      |
      = help: a file name has only letters, digits, `.`, `-`, `_`, `+` and `@`, and no folders

    error: unknown subsystem `nast`
     --> versions.yml:2:31
      |
    2 | bundle: {name: a/b, exclude: [nast]}
      |                               ^^^^
      |
      = help: there are none to choose from
    ");
}

#[test]
#[cfg_attr(not(unix), ignore = "the path in the hint has other separators")]
fn a_recipe_folder_outside() {
    let all = Files::new()
        .file(
            "versions.yml",
            "versions: {nats: v1}\nsubsystems_dir: /nowhere\n",
        )
        .problems();
    let misspelled = versions("tasks: {test: {needs: [ensur all]}}\nci: [ensure al]\n");
    assert!(
        misspelled.contains("help: did you mean `ensure all`?")
            && misspelled.contains("help: known: all"),
        "{misspelled}"
    );
    assert!(
        all.contains("can't be the folder of the recipes") && !all.contains("no recipe"),
        "{all}"
    );
    insta::assert_snapshot!(versions("subsystems_dir: ../elsewhere\n"), @r"
    error: `../elsewhere` can't be the folder of the recipes
     --> versions.yml:2:17
      |
    2 | subsystems_dir: ../elsewhere
      |                 ^^^^^^^^^^^^
      |
      = help: a folder inside the project, relative to versions.yml
    ");
}

#[test]
fn a_task_that_does_nothing() {
    insta::assert_snapshot!(versions("tasks: {t: {desc: nothing}}\n"), @r"
    error: the task `t` does nothing
     --> versions.yml:2:9
      |
    2 | tasks: {t: {desc: nothing}}
      |         ^
      |
      = help: give it `commands: [...]` or `needs: [...]`
    ");
}

#[test]
fn a_task_with_unknown_needs() {
    insta::assert_snapshot!(versions("tasks:\n  build: {commands: [make]}\n  test: {needs: [biuld, ensure nast, ensure], commands: [\"\"]}\n"), @r#"
    error: unknown task `biuld`
     --> versions.yml:4:18
      |
    4 |   test: {needs: [biuld, ensure nast, ensure], commands: [""]}
      |                  ^^^^^
      |
      = help: did you mean `build`?

    error: unknown subsystem `nast`
     --> versions.yml:4:25
      |
    4 |   test: {needs: [biuld, ensure nast, ensure], commands: [""]}
      |                         ^^^^^^^^^^^
      |
      = help: known: all

    error: `ensure` does not say what
     --> versions.yml:4:38
      |
    4 |   test: {needs: [biuld, ensure nast, ensure], commands: [""]}
      |                                      ^^^^^^
      |
      = help: write `ensure all` or `ensure <name>`

    error: an empty line in `commands`
     --> versions.yml:4:58
      |
    4 |   test: {needs: [biuld, ensure nast, ensure], commands: [""]}
      |                                                          ^^
      |
      = help: write a command, or remove it
    "#);
}

#[test]
fn circular_tasks() {
    insta::assert_snapshot!(versions("tasks:\n  a: {needs: [b]}\n  b: {needs: [c]}\n  c: {needs: [a]}\n"), @r"
    error: tasks need each other in a circle: a -> b -> c -> a
     --> versions.yml:5:15
      |
    5 |   c: {needs: [a]}
      |               ^
      |
      = help: remove one of these needs
    ");
}

#[test]
fn a_task_with_a_bad_name_or_variable() {
    insta::assert_snapshot!(versions("tasks:\n  \"a b\": {commands: [x]}\n  c: {env: {1X: y}, commands: [x]}\n"), @r#"
    error: `a b` can't name a task
     --> versions.yml:3:3
      |
    3 |   "a b": {commands: [x]}
      |   ^^^^^
      |
      = help: letters, digits, `-`, `_`, `.` and `:`, starting with a letter or digit

    error: `1X` can't name an environment variable
     --> versions.yml:4:13
      |
    4 |   c: {env: {1X: y}, commands: [x]}
      |             ^^
      |
      = help: letters, digits and `_`, not starting with a digit
    "#);
}

#[test]
fn invalid_ci_lines() {
    insta::assert_snapshot!(versions("tasks: {test: {commands: [x]}}\nci: [\"\", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]\n"), @r#"
    error: an empty line in `ci`
     --> versions.yml:3:6
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |      ^^
      |
      = help: write a larder command such as `ensure all`, or remove it

    error: lines of `ci` are written without `larder`
     --> versions.yml:3:10
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |          ^^^^^^^^^^^^^^^^^
      |
      = help: write `ensure all`

    error: unknown task `tets`
     --> versions.yml:3:29
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |                             ^^^^^^^^
      |
      = help: did you mean `test`?

    error: `run` does not say which task
     --> versions.yml:3:39
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |                                       ^^^
      |
      = help: write `run <task>`

    error: unknown command `ensrue`
     --> versions.yml:3:44
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |                                            ^^^^^^^^^^
      |
      = help: did you mean `ensure`?

    error: unknown command `cargo`
     --> versions.yml:3:56
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |                                                        ^^^^^^^^^^
      |
      = help: lines of `ci` are larder commands; for others make a task and write `run cargo`

    error: unknown subsystem `nast`
     --> versions.yml:3:68
      |
    3 | ci: ["", larder ensure all, run tets, run, ensrue all, cargo test, ensure nast]
      |                                                                    ^^^^^^^^^^^
      |
      = help: known: all
    "#);
}

#[test]
fn mistakes_in_several_hubs() {
    for (text, said) in [
        (
            "hub: {dir: a}\nhubs: {read: [{dir: a}], write: {dir: b}}\n",
            "are both given",
        ),
        ("hubs: {read: [], write: {dir: b}}\n", "is empty"),
        (
            "hubs: {read: [{dir: a}, {dir: a}], write: {dir: b}}\n",
            "in the list twice",
        ),
        (
            "hubs: {read: [{dir: a}], write: {http: \"https://x.example\"}}\n",
            "is read-only",
        ),
        ("hubs: {read: [{dirr: a}], write: {dir: b}}\n", "`dir`"),
        ("hubs: {reads: [{dir: a}], write: {dir: b}}\n", "`read`"),
        ("hubs: {read: [{dir: a}]}\n", "write"),
    ] {
        let problems = versions(text);
        assert!(problems.contains(said), "{text}{problems}");
    }
    let valid = "versions: {}\nhubs: {read: [{dir: a}], write: {dir: b}}\n";
    let project = Files::new()
        .file("versions.yml", valid)
        .load()
        .expect("valid");
    assert_eq!(project.hubs().len(), 2);
    assert_eq!(project.hubs()[1], project.hub);
}
