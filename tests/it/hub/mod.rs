//! Hubs that are folders. A hub on GitHub has a folder of tests of its own.

mod damage;
mod folder;
