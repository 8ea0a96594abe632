//! The section about one version in a changelog that people write, such as `CHANGELOG.md`.

use larder_core::model::Version;

/// The text below the heading that names a version, up to the next heading of the same or a higher
/// level; `None` if no heading names it.
pub fn of_version(text: &str, version: &Version) -> Option<String> {
    let mut lines = text.lines();
    let mut in_code = false;
    let mut is_heading = |line: &str| {
        in_code ^= line.trim_start().starts_with("```");
        level(line).filter(|_| !in_code)
    };
    let level = lines
        .by_ref()
        .find_map(|line| is_heading(line).filter(|_| names(line, version)))?;
    let section: Vec<&str> = lines
        .take_while(|line| is_heading(line).is_none_or(|other| other > level))
        .collect();
    let text = section.join("\n");
    Some(format!("{}\n", text.trim_matches('\n')))
}

fn level(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t'])).then_some(level)
}

/// Whether a heading such as `## [1.2.3] - 2026-01-02` names a version.
fn names(heading: &str, version: &Version) -> bool {
    heading
        .split(|c: char| c.is_whitespace() || "[](),:#".contains(c))
        .any(|word| {
            word == version.as_str() || word.strip_prefix('v').unwrap_or(word) == version.number()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_version_is_found() {
        let text = "# Changes\n\n## [1.1.0] - 2026-01-02\n\n### Added\n\n- b\n```\n# no heading\n```\n\n\
                    ## v1.0.0\n- a\n";
        let section = |version: &str| of_version(text, &version.parse().unwrap());
        assert_eq!(
            section("v1.1.0").as_deref(),
            Some("### Added\n\n- b\n```\n# no heading\n```\n")
        );
        assert_eq!(section("1.0.0").as_deref(), Some("- a\n"));
        assert_eq!(section("1.1"), None);
        assert_eq!(section("v2.0.0"), None);
    }
}
