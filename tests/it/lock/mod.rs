//! `versions.lock` and `larder lock`.

mod adopt;
mod lines;
