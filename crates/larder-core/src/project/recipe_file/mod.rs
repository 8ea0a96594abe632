//! Converts `recipe.yml` as it is written to a [`Subsystem`] and reports each problem at its place.
//! It reads no other recipe: needs are returned as names, which `load` resolves.

use camino::{Utf8Path, Utf8PathBuf};

use super::domain::Subsystem;
use super::syntax::decode::{At, Decode, NonEmpty, Reader, Spot, distinct};
use super::syntax::yaml::Node;
use super::template::Template;
use super::typed::publish::RawPublishDefaults;
use super::typed::recipe::{RawLimits, RawRecipe};
use super::typed::words::{Count, Flag, Size};
use super::user::UserConfig;
use crate::model::{FileName, Limits, Name, Platform, Version};

mod binaries;
mod build;
mod package;
mod places;
mod publish;
mod templates;
mod upstream;

use binaries::binaries;
use build::build;
use package::package;
pub use publish::retry;
pub use templates::check_template;
use templates::{check_rendering, check_templates};
use upstream::upstream;

/// The values of the project that a recipe depends on.
pub struct RecipeContext<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The project's platforms, which are the default for the recipe's.
    pub platforms: &'a [Platform],
    /// The user's configuration, which decides which hosts plain http is allowed for.
    pub user: &'a UserConfig,
    /// `publish:` of versions.yml.
    pub publish: &'a RawPublishDefaults,
}

/// A recipe that was read.
pub struct ReadRecipe {
    /// The subsystem, as far as it could be read. `None` if a part is missing that has no default.
    pub subsystem: Option<Subsystem>,
    /// The entries of `needs` and `build.needs` with their places.
    pub needs: Vec<At<Name>>,
    /// The name of the package and the place where it is given.
    pub package: Option<At<FileName>>,
}

/// Reads a recipe.
pub fn read(
    node: &Node,
    name: &Name,
    version: &Version,
    dir: Utf8PathBuf,
    context: &RecipeContext<'_>,
    reader: &mut Reader<'_>,
) -> ReadRecipe {
    let unreadable = ReadRecipe {
        subsystem: None,
        needs: Vec::new(),
        package: None,
    };
    let Some(recipe) = RawRecipe::decode(node, Spot::File, reader) else {
        return unreadable;
    };
    let faults = check_templates(&recipe, reader);

    let key = |key: &str| recipe.span(key).cloned();
    let binaries = recipe
        .binaries
        .as_ref()
        .map(|NonEmpty(list)| binaries(list, reader));
    let platforms = match recipe.platforms.clone() {
        Some(NonEmpty(list)) => distinct("platforms", list, reader),
        None => context.platforms.to_vec(),
    };
    let needs_at: Vec<At<Name>> = recipe.needs.clone().unwrap_or_default();
    let build_needs_at: Vec<At<Name>> = recipe
        .build
        .as_ref()
        .and_then(|build| build.needs.clone())
        .unwrap_or_default();
    if key("upstream").is_none() && key("build").is_none() {
        let hint = "add `upstream:` for what its publisher releases, `build:` to build it from source, or both";
        reader.problem(
            &node.span,
            "the recipe has neither `upstream` nor `build`",
            hint,
        );
    }
    let package = package(&recipe, reader);
    let upstream = recipe
        .upstream
        .as_ref()
        .and_then(|raw| upstream(raw, key("upstream"), reader));
    let build = recipe
        .build
        .as_ref()
        .and_then(|raw| build(raw, key("build"), reader));
    let limits = recipe.limits.as_ref().map(limits).unwrap_or_default();
    let publish = publish::publish(&recipe, &dir, context.publish, reader);
    let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());

    let needs = distinct("needs", needs_at.clone(), reader);
    let all_needs = [needs_at, build_needs_at].concat();
    let (Some(binaries), Some((package, package_at))) =
        (binaries.filter(|list| !list.is_empty()), package)
    else {
        return ReadRecipe {
            subsystem: None,
            needs: all_needs,
            package: None,
        };
    };
    let subsystem = Subsystem {
        name: name.clone(),
        version: version.clone(),
        dir,
        home: context.user.home().map(Utf8Path::to_owned),
        description: text(&recipe.description),
        homepage: text(&recipe.homepage),
        license: text(&recipe.license),
        binaries,
        platforms,
        needs,
        upstream,
        build,
        package,
        verify: recipe.verify.as_ref().map(|at| Template(at.value.clone())),
        any: recipe.any.as_ref().is_some_and(
            |At {
                 value: Flag(any), ..
             }| *any,
        ),
        limits,
        publish,
        project: context.project.to_owned(),
    };
    if faults == 0 {
        check_rendering(&subsystem, &recipe, context.user, reader);
    }
    ReadRecipe {
        subsystem: Some(subsystem),
        needs: all_needs,
        package: Some(package_at),
    }
}

fn limits(raw: &RawLimits) -> Limits {
    let RawLimits {
        unpacked,
        ratio,
        entries,
        spans: _,
    } = raw;
    Limits {
        unpacked: unpacked.as_ref().map(
            |At {
                 value: Size(bytes), ..
             }| *bytes,
        ),
        ratio: ratio.as_ref().map(
            |At {
                 value: Count(count),
                 ..
             }| *count,
        ),
        entries: entries.as_ref().map(
            |At {
                 value: Count(count),
                 ..
             }| *count,
        ),
    }
}
