//! Parameters of requests: aliases of platforms and architectures, versions with a leading v, and
//! problems that say what would be right.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use larder_core::model::{Arch, Os};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::words;
use crate::index::name::{self, Version};
use crate::problem::{Failed, Problem, Result};

/// The segments of a path.
#[derive(Debug)]
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(segments)| Self(segments))
            .map_err(|error: PathRejection| {
                Problem::bad_request(format!("the path can't be read: {error}")).into()
            })
    }
}

/// The parameters after the question mark.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(parameters)| Self(parameters))
            .map_err(|error: QueryRejection| {
                Problem::bad_request(format!("the query can't be read: {error}")).into()
            })
    }
}

/// The name, where several fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ByName {
    /// The name of the binary. It is needed where several names have this version.
    pub name: Option<String>,
}

/// Filters of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Only binaries of this name.
    pub name: Option<String>,
    /// Only this version, with or without a leading v.
    pub version: Option<String>,
    /// Only this platform: linux, darwin (or macos), windows.
    #[param(inline, value_type = words::Platform, required = false)]
    pub platform: Option<String>,
    /// Only this architecture: `x86_64` (or amd64), aarch64 (or arm64), arm, x86.
    #[param(inline, value_type = words::Architecture, required = false)]
    pub arch: Option<String>,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.version.is_none()
            && self.platform.is_none()
            && self.arch.is_none()
    }
}

/// Reads a platform.
pub fn platform(text: &str) -> Result<Os> {
    name::platform(text).map_err(Problem::bad_request)
}

/// Reads an architecture.
pub fn arch(text: &str) -> Result<Arch> {
    name::arch(text).map_err(Problem::bad_request)
}

/// Reads a platform and an architecture.
pub fn place(platform_text: &str, arch_text: &str) -> Result<(Os, Arch)> {
    let swapped = || platform_text.parse::<Arch>().is_ok() && arch_text.parse::<Os>().is_ok();
    if name::platform(platform_text).is_err() && swapped() {
        return Err(Problem::bad_request(format!(
            "the platform comes before the architecture: write {arch_text}/{platform_text}"
        )));
    }
    Ok((platform(platform_text)?, arch(arch_text)?))
}

/// A version as it is stored.
pub fn version(text: &str) -> &str {
    Version::requested(text)
}

/// What to write in place of `linux_x86_64` or `linux-x86_64` in one segment.
pub fn hint_for_joined(version: &str, both: &str) -> String {
    match both.split_once(['_', '-']) {
        Some((os, rest)) if os.parse::<Os>().is_ok() && rest.parse::<Arch>().is_ok() => {
            format!(
                "; write /api/binaries/{version}/{os}/{rest}, with a slash between platform and architecture"
            )
        }
        _ => "; a binary is at /api/binaries/<version>/<platform>/<arch>".to_owned(),
    }
}
