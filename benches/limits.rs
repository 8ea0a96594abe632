//! Measures the bare work of a fetch on one core of this machine: only larder's inflate and SHA-256.
//! `cargo bench --bench limits -- ARCHIVE.tar.gz …` prints seconds as JSON. `benches/fetch.py` runs it.
#![allow(
    clippy::disallowed_methods,
    reason = "a bench reads its files directly"
)]

use std::io::Read;
use std::time::Instant;

use larder_core::model::Hasher;

fn main() {
    let archives: Vec<Vec<u8>> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .map(|path| std::fs::read(path).expect("the archive can be read"))
        .collect();
    let (mut inflating, mut hashing, mut unpacked) = (0.0, 0.0, 0);
    let mut buffer = vec![0; 256 << 10];
    for archive in &archives {
        let mut decoder = flate2::bufread::GzDecoder::new(&archive[..]);
        let mut hasher = Hasher::new();
        loop {
            let start = Instant::now();
            let n = decoder.read(&mut buffer).expect("the archive is valid");
            inflating += start.elapsed().as_secs_f64();
            if n == 0 {
                break;
            }
            unpacked += n;
            let start = Instant::now();
            hasher.update(&buffer[..n]);
            hashing += start.elapsed().as_secs_f64();
        }
        std::hint::black_box(hasher.finish());
    }
    let start = Instant::now();
    for archive in &archives {
        let mut hasher = Hasher::new();
        hasher.update(archive);
        std::hint::black_box(hasher.finish());
    }
    let archives_hashed = start.elapsed().as_secs_f64();
    let packed: usize = archives.iter().map(Vec::len).sum();
    println!(
        "{{\"packed_mb\": {:.1}, \"unpacked_mb\": {:.1}, \"inflate\": {inflating:.3}, \"sha256_files\": {hashing:.3}, \"sha256_archives\": {archives_hashed:.3}}}",
        packed as f64 / 1e6,
        unpacked as f64 / 1e6,
    );
}
