//! The build of a subsystem on a platform.

use super::flaws::{Flaw, Flaws, Place};
use super::names::is_ref;
use crate::model::Platform;
use crate::project::domain::{
    Build, BuildSource, RenderedBuild, RenderedSource, SourceFolder, Subsystem,
};
use crate::project::paths::join_expanded;
use crate::project::template::Variables;
use crate::project::user::UserConfig;

impl Subsystem {
    pub(in crate::project) fn try_build(
        &self,
        platform: Platform,
        out: &str,
        src: &str,
        user: Option<&UserConfig>,
    ) -> Result<Option<RenderedBuild>, Vec<Flaw>> {
        let Some(build) = &self.build else {
            return Ok(None);
        };
        let Build {
            needs: _,
            tools: _,
            source,
            env,
            commands,
            platforms: _,
            timeout: _,
            remote: _,
        } = build;
        let variables = self.variables(platform);
        let mut flaws = Flaws::new(user);
        let source = self.render_source(source, &variables, &mut flaws);
        let variables = variables.folders(out, src);
        let mut rendered_env = Vec::with_capacity(env.len());
        for (n, (name, template)) in env.iter().enumerate() {
            if let Some(value) = flaws.render(Place::Env(n), template, &variables) {
                rendered_env.push((name.clone(), value));
            }
        }
        let mut rendered_commands = Vec::with_capacity(commands.len());
        for (n, template) in commands.iter().enumerate() {
            rendered_commands.extend(flaws.render(Place::Command(n), template, &variables));
        }
        let build = source.map(|source| RenderedBuild {
            source,
            env: rendered_env,
            commands: rendered_commands,
        });
        flaws.finish(build)
    }

    fn render_source(
        &self,
        source: &BuildSource,
        variables: &Variables<'_>,
        flaws: &mut Flaws<'_>,
    ) -> Option<RenderedSource> {
        match source {
            BuildSource::Dir { path, links } => {
                let text = flaws.render(Place::Source("dir"), path, variables)?;
                if text.contains(char::is_control) {
                    flaws.add(
                        Place::Source("dir"),
                        "the path contains a control character",
                        "a folder, relative to the recipe's",
                    );
                    return None;
                }
                match join_expanded(&self.dir, &text, self.home.as_deref()) {
                    Ok(path) => Some(RenderedSource::Dir(SourceFolder {
                        path,
                        links: *links,
                    })),
                    Err((message, hint)) => {
                        flaws.add(Place::Source("dir"), message, hint);
                        None
                    }
                }
            }
            BuildSource::Git { url, rev } => {
                let url = flaws.render_word(Place::Source("git"), url, variables);
                let rev = flaws.render_word(Place::Source("rev"), rev, variables);
                flaws.check_git_url(Place::Source("git"), url.as_deref());
                if let Some(text) = rev.as_deref().filter(|rev| !is_ref(rev)) {
                    let hint = "a tag, a branch or a commit";
                    flaws.add(
                        Place::Source("rev"),
                        format!("`{text}` can't be a git revision"),
                        hint,
                    );
                }
                url.zip(rev)
                    .map(|(url, rev)| RenderedSource::Git { url, rev })
            }
            BuildSource::Url { url, sha256 } => {
                let url = flaws.render_word(Place::Source("url"), url, variables);
                flaws.check_url(Place::Source("url"), url.as_deref());
                url.map(|url| RenderedSource::Url {
                    url,
                    sha256: *sha256,
                })
            }
            BuildSource::Crate(template) => {
                let name = flaws.render_word(Place::Source("crate"), template, variables)?;
                let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
                if !name.starts_with(|c: char| c.is_ascii_alphabetic())
                    || !name.chars().all(good)
                    || name.len() > 64
                {
                    let hint =
                        "the crate's name alone, such as ripgrep; its version is the subsystem's";
                    flaws.add(
                        Place::Source("crate"),
                        format!("`{name}` can't be the name of a crate"),
                        hint,
                    );
                    return None;
                }
                Some(RenderedSource::Crate {
                    name,
                    version: self.version.number().to_owned(),
                })
            }
        }
    }
}
