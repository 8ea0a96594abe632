//! What the packages of Linux distributions (deb and rpm) share: where files go, how texts are
//! written, and what binaries need. It does not know the formats of packages. `linkage` also serves
//! other channels with packages for Linux.

pub(crate) mod files;
pub(crate) mod linkage;
pub(crate) mod needs;
pub(crate) mod text;
pub(crate) mod version;
