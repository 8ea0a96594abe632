//! Projects that are wrong: what people see. Every problem of `versions.yml` and recipes, rendered.

use crate::files::Files;

#[test]
fn five_problems_in_three_files_show_in_one_run() {
    let files = Files::new()
        .file("versions.yml", "versions:\n  nats: v2.10.24\n  arc: v0.1.0\nplatfroms: [linux-amd64]\nupload: sometimes\n")
        .file("subsystems/arc/recipe.yml", "binaries: arc\nbuild:\n  source: {dir: .}\n  commands: [\"make {{ otu }}/arc\"]\n")
        .file(
            "subsystems/nats/recipe.yml",
            "binaries: [nats-server]\nneeds: [ark]\nupstream: {url: \"https://example.com/x\"}\n",
        );
    insta::assert_snapshot!(files.problems(), @r#"
    error: unknown key `platfroms`
     --> versions.yml:4:1
      |
    4 | platfroms: [linux-amd64]
      | ^^^^^^^^^
      |
      = help: did you mean `platforms`?

    error: unknown `upload` value `sometimes`
     --> versions.yml:5:9
      |
    5 | upload: sometimes
      |         ^^^^^^^^^
      |
      = help: known: ci, never, always

    error: `binaries` must be a list, not a text
     --> subsystems/arc/recipe.yml:1:11
      |
    1 | binaries: arc
      |           ^^^
      |
      = help: write `binaries: [arc]`

    error: unknown variable `otu` in a template
     --> subsystems/arc/recipe.yml:4:23
      |
    4 |   commands: ["make {{ otu }}/arc"]
      |                       ^^^
      |
      = help: did you mean `out`?

    error: unknown subsystem `ark`
     --> subsystems/nats/recipe.yml:2:9
      |
    2 | needs: [ark]
      |         ^^^
      |
      = help: did you mean `arc`?
    "#);
}
