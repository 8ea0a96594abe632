//! Unpacks one archive that larder packed, as a download is: into files, with their digests.
//! `target/release/examples/unpack ARCHIVE FOLDER`, where the folder exists and is empty. `RAYON_NUM_THREADS` is the number of
//! threads that decompress; a further thread reads, and one hashes and writes. `benches/pack.py` runs it.

use camino::Utf8Path;
use larder_core::archive::{ArchiveKind, Budget, ReadAs, Select, unpack};
use larder_core::cancel::Cancel;
use larder_core::fs;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [archive, folder] = args.as_slice() else {
        panic!("usage: unpack ARCHIVE FOLDER");
    };
    let extracted = unpack(
        ReadAs::Exactly(ArchiveKind::of_name(archive)),
        None,
        fs::open(Utf8Path::new(archive)).expect("the archive can be read"),
        &Select::Flat,
        Utf8Path::new(folder),
        &Budget::default(),
        None,
        &Cancel::new(),
    )
    .expect("the archive is valid");
    let size: u64 = extracted.files.iter().map(|file| file.size).sum();
    println!("{size}");
}
