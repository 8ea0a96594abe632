//! Renders `upstream.extract`: which files of an original's archive become files of the artifact.

use super::flaws::{Flaws, Half, Place};
use crate::model::{FileName, Platform};
use crate::project::domain::Subsystem;
use crate::project::template::{Template, Variables};

impl Subsystem {
    pub(super) fn render_extract(
        &self,
        pairs: &[(Template, Template)],
        platform: Platform,
        variables: &Variables<'_>,
        flaws: &mut Flaws<'_>,
    ) -> Vec<(String, FileName)> {
        let mut extract: Vec<(String, FileName)> = Vec::new();
        if pairs.is_empty() {
            return extract;
        }
        let wanted = self.file_names(&platform);
        let links = self.links(&platform);
        let before = flaws.list.len();
        for (n, (glob, file)) in pairs.iter().enumerate() {
            let (key, value) = (Place::Extract(n, Half::Key), Place::Extract(n, Half::Value));
            let glob = flaws.render_word(key.clone(), glob, variables);
            if let Some(glob) = &glob
                && let Err(error) = globset::GlobBuilder::new(glob)
                    .literal_separator(true)
                    .build()
            {
                flaws.add(
                    key,
                    format!("`{glob}` is not a glob: {}", error.kind()),
                    "* does not cross /, ** does",
                );
            }
            let Some(file) = flaws.render_word(value.clone(), file, variables) else {
                continue;
            };
            match file.parse::<FileName>() {
                Err(invalid) => flaws.add(
                    value,
                    invalid.message,
                    "a file name of the artifact, without folders",
                ),
                Ok(name) if !wanted.contains(&name) => {
                    let names: Vec<&str> = wanted.iter().map(FileName::as_str).collect();
                    let hint = if wanted
                        .iter()
                        .any(|known| known.as_str() == format!("{name}.exe"))
                    {
                        format!("on windows it is called {name}.exe: write \"{name}{{{{ exe }}}}\"")
                    } else {
                        format!(
                            "its files are {}: see `binaries` and `package.include`",
                            names.join(", ")
                        )
                    };
                    flaws.add(
                        value,
                        format!("`{name}` is neither a binary nor an included file of {} for {platform}", self.name),
                        hint,
                    );
                }
                Ok(name) if links.iter().any(|(link, _)| *link == name) => {
                    let other = links.iter().find(|(link, _)| *link == name);
                    let other = other.map_or("", |(_, file)| file.as_str());
                    flaws.add(
                        value,
                        format!("`{name}` is another name of `{other}`"),
                        format!("remove this line; only `{other}` needs one"),
                    );
                }
                Ok(name) if extract.iter().any(|(_, other)| *other == name) => {
                    flaws.add(
                        value,
                        format!("two globs give the file `{name}`"),
                        "each file comes from exactly one match",
                    );
                }
                Ok(name) => extract.push((glob.unwrap_or_default(), name)),
            }
        }
        if flaws.list.len() == before {
            let binaries = self.binaries_on(&platform).iter().zip(&wanted);
            for (_, name) in binaries.filter(|(binary, _)| binary.link.is_none()) {
                if !extract.iter().any(|(_, file)| file == name) {
                    let hint = "with `extract`, every binary needs a line";
                    flaws.add(
                        Place::UpstreamKey("extract"),
                        format!("`extract` has no line for the binary `{name}`"),
                        hint,
                    );
                }
            }
        }
        extract
    }
}
