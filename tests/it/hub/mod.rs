//! Folder hubs, and what the command line has for hubs in buckets. The tests of GitHub hubs are in the folder `github`.

#[cfg(unix)]
mod damage;
mod folder;
pub mod s3;
