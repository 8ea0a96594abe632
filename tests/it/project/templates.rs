//! Mistakes in templates, as users see them, with the caret inside the template.

use crate::project::recipes::{build, upstream};

#[test]
fn a_template_that_does_not_parse() {
    insta::assert_snapshot!(upstream(r#"
  github: a/b
  tag: "{{ version"
  asset: "x-{{ 'zip' if }}""#), @r#"
    error: the template does not parse: unexpected end of input, expected end of variable block
     --> subsystems/x/recipe.yml:4:12
      |
    4 |   tag: "{{ version"
      |            ^^^^^^^
      |
      = help: such as "{{ version }}" or "{{ 'zip' if os == 'windows' else 'tar.gz' }}"

    error: the template does not parse: unexpected end of variable block
     --> subsystems/x/recipe.yml:5:25
      |
    5 |   asset: "x-{{ 'zip' if }}"
      |                         ^^
      |
      = help: such as "{{ version }}" or "{{ 'zip' if os == 'windows' else 'tar.gz' }}"
    "#);
}

#[test]
fn a_template_with_an_unknown_variable() {
    insta::assert_snapshot!(upstream(r#"
  github: a/b
  asset: "x-{{ verison }}-{{ os }}.{{ 'zip' if banana == 'windows' else 'tar.gz' }}""#), @r#"
    error: unknown variable `verison` in a template
     --> subsystems/x/recipe.yml:4:16
      |
    4 |   asset: "x-{{ verison }}-{{ os }}.{{ 'zip' if banana == 'windows' else 'tar.gz' }}"
      |                ^^^^^^^
      |
      = help: did you mean `version`?

    error: unknown variable `banana` in a template
     --> subsystems/x/recipe.yml:4:48
      |
    4 |   asset: "x-{{ verison }}-{{ os }}.{{ 'zip' if banana == 'windows' else 'tar.gz' }}"
      |                                                ^^^^^^
      |
      = help: known: version, version_number, os, arch, exe, platform, target, rust_arch, project, name
    "#);
}

#[test]
fn a_template_without_quotes() {
    insta::assert_snapshot!(upstream("\n  github: a/b\n  tag: {{ version }}\n  asset: x"), @r#"
    error: a template at the start of a value is a mapping to YAML
     --> subsystems/x/recipe.yml:4:8
      |
    4 |   tag: {{ version }}
      |        ^^^^^^^^^^^^^
      |
      = help: a value with a template needs quotes: "{{ version }}"
    "#);
}

#[test]
fn a_template_in_a_block() {
    insta::assert_snapshot!(build(r"
  source: {dir: .}
  commands:
    - |
      set -e
      make {{ oot }}
    - >-
      cp {{ target }}
      {{ ouut }}/x"), @r"
    error: unknown variable `oot` in a template
     --> subsystems/x/recipe.yml:7:15
      |
    7 |       make {{ oot }}
      |               ^^^
      |
      = help: did you mean `out`?

    error: unknown variable `ouut` in a template
      --> subsystems/x/recipe.yml:10:10
       |
    10 |       {{ ouut }}/x
       |          ^^^^
       |
       = help: did you mean `out`?
    ");
}

#[test]
fn a_template_in_escaped_quotes() {
    insta::assert_snapshot!(build(r#"
  source: {dir: .}
  commands: ["make \"{{ oot }}\""]"#), @r#"
    error: unknown variable `oot` in a template
     --> subsystems/x/recipe.yml:4:25
      |
    4 |   commands: ["make \"{{ oot }}\""]
      |                         ^^^
      |
      = help: did you mean `out`?
    "#);
}

#[test]
fn out_outside_of_build_commands() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/{{ out }}/x'}"), @r"
    error: the variable `out` is not known here
     --> subsystems/x/recipe.yml:2:41
      |
    2 | upstream: {url: 'https://example.com/{{ out }}/x'}
      |                                         ^^^
      |
      = help: `out` is a folder of the build: it is available only in `build.env` and `build.commands`
    ");
}

#[test]
fn a_filter_that_does_not_exist() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/{{ version | sparkle }}'}"), @r"
    error: the template can't be rendered: filter sparkle is unknown
     --> subsystems/x/recipe.yml:2:51
      |
    2 | upstream: {url: 'https://example.com/{{ version | sparkle }}'}
      |                                                   ^^^^^^^
      |
      = help: filters: upper, lower, title, capitalize, trim, replace, split, join, first, last, length, int
    ");
}

#[test]
fn an_attribute_of_a_text() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/{{ version.major }}'}"), @r"
    error: the template uses an undefined value: `version.major` is undefined
     --> subsystems/x/recipe.yml:2:41
      |
    2 | upstream: {url: 'https://example.com/{{ version.major }}'}
      |                                         ^^^^^^^^^^^^^
      |
      = help: every variable is a text
    ");
}

#[test]
fn an_unterminated_template() {
    insta::assert_snapshot!(upstream("{url: 'https://example.com/{% for i in version * 100000 %}{% for j in version * 100000 %}x{% endfor %}{% endfor %}'}"), @r"
    error: the template takes too long to render
     --> subsystems/x/recipe.yml:2:17
      |
    2 | upstream: {url: 'https://example.com/{% for i in version * 100000 %}{% for j in version * 100000 %}x{% endfor %}{% endfor %}'}
      |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a template is a line of text with a few choices
    ");
}

#[test]
fn a_template_that_renders_to_nothing() {
    insta::assert_snapshot!(upstream(r#"{github: a/b, asset: "{{ 'x' if os == 'linux' else '' }}"}"#), @r#"
    error: the template renders to nothing for darwin-arm64
     --> subsystems/x/recipe.yml:2:32
      |
    2 | upstream: {github: a/b, asset: "{{ 'x' if os == 'linux' else '' }}"}
      |                                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: expected a text of one line, without spaces at its start or end
    "#);
}
