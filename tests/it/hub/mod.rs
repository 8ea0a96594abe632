//! Folder hubs. The tests of GitHub hubs are in the folder `github`.

mod damage;
mod folder;
