//! Folder hubs. The tests of GitHub hubs are in the folder `github`.

#[cfg(unix)]
mod damage;
mod folder;
