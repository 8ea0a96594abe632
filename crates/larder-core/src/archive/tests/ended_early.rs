//! Causes that end unpacking early: a truncated or changed archive, the budget, an interruption, a
//! failed transfer. No file must stay in the folder.

use super::tar_maker::*;
use super::*;
use crate::Kind;

#[test]
fn a_truncated_or_changed_package_leaves_no_files() {
    let binary = program(40_000);
    let entries = [
        bytes_entry("a", 0o755, &binary),
        bytes_entry("b", 0o644, &binary),
    ];
    for (format, kind) in FORMATS {
        let whole = packed(format, &entries, 1);
        for cut in [
            0,
            1,
            9,
            600,
            whole.len() / 2,
            whole.len() - 9,
            whole.len() - 1,
        ] {
            let place = Place::new();
            let error = place
                .unpack(kind, &whole[..cut], &Select::Flat)
                .unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity, "{cut}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        for extra in [&b"more"[..], b"\0more", &whole] {
            let place = Place::new();
            let error = place
                .unpack(kind, &[&whole, extra].concat(), &Select::Flat)
                .unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity, "{extra:?}: {error}");
            assert_eq!(place.left(), Vec::<String>::new());
        }
        for at in (0..whole.len()).step_by(whole.len() / 40) {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let place = Place::new();
            if let Ok(files) = place.unpack(kind, &changed, &Select::Flat) {
                // Some bits have no effect on the content, such as the time in a gzip header. The
                // digest that the caller computes differs.
                assert_eq!(
                    files.iter().map(|f| f.sha256).collect::<Vec<_>>(),
                    [Digest::of(&binary); 2],
                    "{format:?} {at}"
                );
            } else {
                assert_eq!(place.left(), Vec::<String>::new());
            }
        }
    }
}

#[test]
fn budgets_stop_archive_bombs_early() {
    let limited = |budget: Budget, kind, bytes: &[u8]| {
        let place = Place::new();
        let error =
            unpack_into(&place.out, kind, bytes, &Select::Globs(&good()), &budget).unwrap_err();
        assert_eq!((error.kind(), place.left()), (Kind::Integrity, vec![]));
        assert!(error.hints()[0].contains("limits"), "{error}");
        error
            .message()
            .trim_start_matches("the archive is refused: ")
            .to_owned()
    };
    let zeros = vec![0; (256 << 20) + 1];
    let entries = [
        bytes_entry("zeros", 0o644, &zeros),
        bytes_entry("good", 0o644, b"good"),
    ];
    for (format, kind) in FORMATS {
        let small = Budget {
            unpacked: 1 << 20,
            ..Budget::default()
        };
        let few = [bytes_entry("zeros", 0o644, &zeros[..2 << 20])];
        assert_eq!(
            limited(small, kind, &packed(format, &few, 1)),
            "it unpacks to more than 1048576 bytes",
            "{format:?}"
        );
        // Zip checks the ratio before it unpacks. For streams, one format is enough, and gzip is
        // slow to pack.
        if format != PackageFormat::TarGz {
            let bytes = packed(format, &entries, 2);
            assert_eq!(
                limited(Budget::default(), kind, &bytes),
                "it unpacks to more than 100 times its size",
                "{format:?}"
            );
        }
    }
    let many: Vec<Vec<u8>> = (0..200).map(|n| file(&n.to_string(), b"")).collect();
    let budget = Budget {
        entries: 100,
        ..Budget::default()
    };
    assert_eq!(
        limited(budget, TAR, &tar(&many)),
        "it has more than 100 entries"
    );
    let place = Place::new();
    let deep = tar(&[
        file(&"d/".repeat(45), b""),
        file(&("e/".repeat(45) + "f"), b""),
        file(&("g/".repeat(45) + "f"), b""),
    ]);
    let error = unpack_into(&place.out, TAR, &deep, &Select::Globs(&good()), &budget).unwrap_err();
    assert!(
        error.message().ends_with("there are more than 100 paths"),
        "{error}"
    );
}

#[test]
fn an_interrupted_unpacking_leaves_no_files() {
    let cancel = Cancel::new();
    cancel.cancel(2);
    let place = Place::new();
    let bytes = tar(&[]);
    let error = unpack(
        ReadAs::Exactly(TAR),
        None,
        &bytes[..],
        &Select::Flat,
        &place.out,
        &Budget::default(),
        None,
        &cancel,
    )
    .unwrap_err();
    assert_eq!((error.kind(), place.left()), (Kind::Interrupted(2), vec![]));
    let entries = [bytes_entry("a", 0o644, b"a")];
    let error = pack(
        PackageFormat::TarGz,
        &entries,
        &mut Vec::new(),
        1,
        &cancel,
        &|_| {},
    )
    .unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted(2));
}

/// A reader that returns some bytes, and then an error.
struct Failing<'a>(&'a [u8], fn() -> io::Error);

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            Err(self.1())
        } else {
            self.0.read(buffer)
        }
    }
}

#[test]
fn a_failed_transfer_is_not_reported_as_a_bad_archive() {
    let whole = packed(
        PackageFormat::TarGz,
        &[bytes_entry("good", 0o755, &program(100_000))],
        1,
    );
    let ours = || io::Error::other(Error::unavailable("the host went away"));
    for (kind, bytes) in [
        (FORMATS[0].1, &whole[..5000]),
        (ArchiveKind::Zip, b"PK\x03\x04"),
        (TAR, &tar(&[])[..600]),
    ] {
        for (error, expected) in [
            (
                ours as fn() -> io::Error,
                (Kind::Unavailable, "the host went away"),
            ),
            (
                || io::ErrorKind::ConnectionReset.into(),
                (Kind::Failed, "cannot read the archive"),
            ),
        ] {
            let place = Place::new();
            let reader = Failing(bytes, error);
            let select = Select::Globs(&good());
            let error = unpack(
                ReadAs::Exactly(kind),
                None,
                reader,
                &select,
                &place.out,
                &Budget::default(),
                None,
                &Cancel::new(),
            )
            .unwrap_err();
            assert_eq!((error.kind(), error.message()), expected);
            assert_eq!(place.left(), Vec::<String>::new());
        }
    }
}
