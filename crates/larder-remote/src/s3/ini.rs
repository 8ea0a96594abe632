//! The files of Amazon's own clients, `~/.aws/config` and `~/.aws/credentials`: sections with keys.
//! Settings below a key (indented lines) are skipped.

use std::collections::BTreeMap;

/// The keys of each section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ini(BTreeMap<String, BTreeMap<String, String>>);

impl Ini {
    /// Reads a file. A line that is neither a section nor a key is skipped, as the clients do.
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut section = None;
        for line in text.lines() {
            let is_below = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) || is_below {
                continue;
            }
            if let Some(name) = line
                .strip_prefix('[')
                .and_then(|rest| rest.split(']').next())
            {
                let name: Vec<&str> = name.split_whitespace().collect();
                section = Some(name.join(" "));
                continue;
            }
            if let (Some(section), Some((key, value))) = (&section, line.split_once('=')) {
                let value = value.split(" #").next().unwrap_or_default().trim();
                let keys = sections.entry(section.clone()).or_default();
                keys.insert(key.trim().to_ascii_lowercase(), value.to_owned());
            }
        }
        Self(sections)
    }

    /// The keys of a section.
    pub(super) fn section(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_keys() {
        let text = "# c\n[default]\nregion = eu-west-1 # here\ns3 =\n  signature_version = s3v4\n\
                    [ profile  ci ]\naws_access_key_id=A=B\nnonsense\n";
        let ini = Ini::parse(text);
        let value =
            |section: &str, key: &str| ini.section(section).and_then(|keys| keys.get(key)).cloned();
        assert_eq!(value("default", "region").as_deref(), Some("eu-west-1"));
        assert_eq!(value("default", "signature_version"), None);
        assert_eq!(
            value("profile ci", "aws_access_key_id").as_deref(),
            Some("A=B")
        );
    }
}
