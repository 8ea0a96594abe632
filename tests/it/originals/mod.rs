//! Originals from the publishers' releases, from a url, or from a registry.

mod downloads;
mod emulated;
pub mod extract;
mod kinds;

use std::io::Read;

use larder_core::Error;
use larder_core::cancel::Cancel;
use larder_core::model::Platform;
use larder_core::project::{Checksum, Coordinate, Keep, Original};
use larder_remote::RemoteSettings;
use larder_remote::http::{Client, Settings};
use larder_remote::origin::{self, Checks, Fetched, Publishers};

pub fn client() -> Client {
    Client::new(
        Settings {
            retries: 0,
            ..Settings::default()
        },
        Cancel::new(),
    )
}

pub fn original(coordinate: Coordinate, checksum: Option<Checksum>) -> Original {
    Original {
        keep: Keep::Files,
        emulated: None,
        coordinate,
        checksum,
        signature: None,
        extract: Vec::new(),
        format: None,
    }
}

/// Requests an original. The registries' own clients get the environment of this process.
pub fn ask(
    client: &Client,
    original: &Original,
    platform: Platform,
    ask_statements: bool,
) -> Result<Option<Fetched>, Error> {
    let settings = settings();
    let publishers = Publishers {
        client,
        settings: &settings,
    };
    origin::fetch(
        publishers,
        original,
        platform,
        ask_statements,
        &Cancel::new(),
    )
}

/// Asks whether an original exists, under the same conditions.
pub fn has(client: &Client, original: &Original, platform: Platform) -> Result<bool, Error> {
    let settings = settings();
    let publishers = Publishers {
        client,
        settings: &settings,
    };
    origin::exists(publishers, original, platform, true, &Cancel::new())
}

fn settings() -> RemoteSettings {
    RemoteSettings {
        environment: std::env::vars_os().collect(),
        temp: std::env::temp_dir(),
        ..RemoteSettings::default()
    }
}

/// Fetches an original and checks the bytes against the stated digest.
pub fn fetch(
    original: &Original,
    platform: &str,
) -> Result<Option<(Vec<u8>, String, usize)>, Error> {
    let platform: Platform = platform.parse().unwrap();
    let found = ask(&client(), original, platform, true)?;
    let Some(Fetched {
        reader,
        size,
        file_name,
        stated,
        signature: _,
        place,
    }) = found
    else {
        return Ok(None);
    };
    let mut checks = Checks::new(&stated);
    let mut bytes = Vec::new();
    checks
        .reader(reader)
        .read_to_end(&mut bytes)
        .map_err(|e| larder_remote::http::read_error(&e, "read"))?;
    checks.verify(&place)?;
    assert_eq!(size, Some(bytes.len() as u64));
    Ok(Some((bytes, file_name, stated.len())))
}
