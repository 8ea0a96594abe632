//! Tests of the guesses: the asset names of real releases, a table for each kind of fault, and a measurement.

mod faults;
mod measure;
mod releases;

const SIX: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];
