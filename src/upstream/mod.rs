//! upstream

/// A coordinate for people.
pub fn describe(coordinate: &crate::project::Coordinate) -> String {
    use crate::project::Coordinate;
    match coordinate {
        Coordinate::GitHub { repo, tag, asset } => format!("github.com/{repo} {tag}/{asset}"),
        Coordinate::Url(url) => url.clone(),
        Coordinate::Npm { package, version } => format!("npm {package}@{version}"),
        Coordinate::Pypi { package, version } => format!("pypi {package}=={version}"),
    }
}
