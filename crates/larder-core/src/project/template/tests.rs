use proptest::prelude::*;

use super::*;
use crate::model::Version;

fn render_on(text: &str, platform: &str) -> Result<String, String> {
    with_variables(platform, |variables| {
        Template(text.to_owned()).render(variables)
    })
    .map_err(|fault| fault.message)
}

fn with_variables<T>(platform: &str, f: impl FnOnce(&Variables<'_>) -> T) -> T {
    let version: Version = "v1.2.3".parse().expect("a version");
    let platform = platform.parse().expect("a platform");
    f(&Variables::new("acme", "nats", &version, platform).folders("/out", "/src"))
}

fn render(text: &str) -> Result<String, String> {
    render_on(text, "windows-amd64")
}

#[test]
fn every_variable_renders() {
    let all = "{{ version }} {{version_number}} {{ os }} {{ arch }} {{ exe }} {{ platform }} {{ target }} {{ rust_arch }} \
               {{ project }} {{ name }} {{ out }} {{ src }}";
    let rendered = "v1.2.3 1.2.3 windows amd64 .exe windows-amd64 x86_64-pc-windows-msvc x86_64 acme nats /out /src";
    assert_eq!(render(all).as_deref(), Ok(rendered));
}

#[test]
fn conditionals_and_filters_render() {
    assert_eq!(
        render("x.{{ 'zip' if os == 'windows' else 'tar.gz' }}").as_deref(),
        Ok("x.zip")
    );
    assert_eq!(
        render("{% if arch == 'amd64' %}64{% else %}32{% endif %}").as_deref(),
        Ok("64")
    );
    assert_eq!(
        render("{{ version_number | replace('.', '_') }}-{{ os | title }}").as_deref(),
        Ok("1_2_3-Windows")
    );
    assert!(render("{{ version_number.split('.')[0] }}").is_err());
    assert_eq!(
        render("{{ (version_number | split('.'))[0] }}").as_deref(),
        Ok("1")
    );
}

#[test]
fn simple_conditionals_render_without_the_template_engine() {
    let text = "x-{{ version }}.{{ 'zip' if os == 'windows' else 'tar.gz' }}";
    assert!(pieces(text).is_some());
    assert_eq!(
        render_on(text, "linux-amd64").as_deref(),
        Ok("x-v1.2.3.tar.gz")
    );
    assert_eq!(
        render_on(text, "windows-amd64").as_deref(),
        Ok("x-v1.2.3.zip")
    );
    assert_eq!(
        render_on("{{ exe if os != 'linux' else arch }}", "linux-amd64").as_deref(),
        Ok("amd64")
    );
}

#[test]
fn text_without_a_template_stays_unchanged() {
    for text in [
        "",
        "plain",
        "{",
        "}",
        "{}",
        "${HOME}",
        "a{b}c",
        "}}",
        "%}",
        "awk '{print $1}'",
        "line\n",
        "é{",
    ] {
        assert_eq!(render(text).as_deref(), Ok(text));
    }
}

#[test]
fn a_hostile_template_is_an_error_within_limits() {
    let replace = "{{ (('x' * 100000) | replace('x', 'y' * 100000)) | length }}";
    let lengths = [replace, "{{ 'x' * 1000000000000 }}", "{{ 'x' * 10000000 }}"];
    for text in lengths {
        assert!(render(text).is_err(), "{text}");
    }
    assert!(render(&"{% if os %}".repeat(10_000)).is_err());
    assert!(render(&format!("{{{{ {} }}}}", "(".repeat(10_000))).is_err());
}

#[test]
fn each_scope_allows_only_its_own_variables() {
    let count = |text: &str, scope| faults(text, scope).len();
    assert_eq!(count("{{ out }}/{{ src }}", Scope::Build), 0);
    assert_eq!(count("{{ out }}/{{ src }}", Scope::Plain), 2);
    assert_eq!(
        count("{{ 'x' if os == 'linux' else banana }}", Scope::Build),
        1
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A template that `simple` renders gives the same text with the engine.
    #[test]
    fn the_fast_path_and_the_template_engine_render_the_same(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{{ version }}", "{{os}}", "{{  exe  }}", "{{ out }}", "text", "{", "}", "}}", "{ ", " ", "\n", "é", "{x}", "-", "'", "\"",
                "{{", "{{ nope }}", "{%", "{#", "{{-", "{{ version|upper }}",
                "{{ 'zip' if os == 'windows' else 'tar.gz' }}", "{{ os if arch != \"arm64\" else name }}",
                "{{ 'a}}' if os == '' else '' }}", "{{ 'a'if os=='linux'else'b' }}", "{{ 'a' if os == 'linux' }}",
                "{{ '\\n' if os == 'windows' else target }}", "{{ out if platform == 'linux-amd64' else src }}", "{{ 'a' }}",
                "{{ 'a' if os == arch else 'b' }}", "{{ 'a' if os == 'linux' else 'b' else 'c' }}", "{{ true }}",
            ]),
            0..10,
        )
    ) {
        let text = parts.concat();
        for platform in ["windows-amd64", "linux-amd64", "darwin-arm64"] {
            let engine = with_variables(platform, |variables| engine::render(&text, variables));
            match (pieces(&text), engine) {
                (Some(_), Ok(rendered)) => prop_assert_eq!(render_on(&text, platform), Ok(rendered)),
                (Some(_), Err(fault)) => prop_assert!(false, "{text:?}: the engine says {fault:?}"),
                (None, engine) => prop_assert_eq!(render_on(&text, platform).ok(), engine.ok()),
            }
        }
    }
}
