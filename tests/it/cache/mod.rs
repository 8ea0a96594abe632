//! The local cache.

mod damage;
mod limits;

use camino::Utf8PathBuf;

use crate::env::TestEnv;

pub fn files(env: &TestEnv, under: &str) -> Vec<Utf8PathBuf> {
    let list = env.sh(&format!("find {}/v1/{under} -type f | sort", env.cache()));
    list.lines().map(Utf8PathBuf::from).collect()
}
