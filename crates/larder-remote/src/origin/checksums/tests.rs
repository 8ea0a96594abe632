use proptest::prelude::*;

use super::*;
use larder_core::Kind;
use larder_core::model::Digest;

const A: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const B: &str = "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";
const NAME: &str = "tool.tar.gz";
/// The file's name, where it says nothing.
const SUMS: &str = "sums.txt";

fn hex_of(bytes: &[u8]) -> String {
    Digest::from_bytes(bytes.try_into().unwrap()).to_string()
}

/// Searches a file for `tool.tar.gz` at `https://host/v1/linux/tool.tar.gz`.
fn find_in(bytes: &[u8], file: &str) -> Result<Vec<Stated>> {
    let folders = ["v1".to_owned(), "linux".to_owned()];
    let asset = Asset {
        name: NAME,
        folders: &folders,
    };
    find(bytes, asset, file, file)
}

/// The only digest that is found.
#[track_caller]
fn one_in(bytes: &[u8], file: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let found = find_in(bytes, file).unwrap_or_else(|error| panic!("{error}\nin {file}:\n{text}"));
    assert_eq!(found.len(), 1, "{text}");
    hex_of(&found[0].digest)
}

#[track_caller]
fn one(text: &str) -> String {
    one_in(text.as_bytes(), SUMS)
}

fn wide(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn every_usual_shape_is_read() {
    let upper = A.to_uppercase();
    let spaced: Vec<&str> = A
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap())
        .collect();
    for (shape, text) in [
        ("text mode", format!("{A}  tool.tar.gz\n")),
        (
            "binary mode, CRLF",
            format!("{A} *tool.tar.gz\r\n{B} *other.tar.gz\r\n"),
        ),
        (
            "another ends alike",
            format!("{B}  other-tool.tar.gz\n{A}  ./tool.tar.gz"),
        ),
        ("a tab", format!("{A}\ttool.tar.gz")),
        ("one space", format!("{A} tool.tar.gz")),
        ("a folder", format!("{A}  dist/out/tool.tar.gz")),
        ("an absolute path", format!("{A}  /home/ci/1/tool.tar.gz")),
        (
            "a Windows path",
            format!("{A}  D:\\a\\work\\tool.tar.gz\r\n"),
        ),
        (
            "a Windows path in binary mode",
            format!("{A} *amd64\\tool.tar.gz\r\n{B} *386\\x.tar.gz\r\n"),
        ),
        (
            "an escaped Windows path",
            format!("\\{A} *dist\\\\tool.tar.gz\n"),
        ),
        ("a url", format!("{A}  https://host/v1/linux/tool.tar.gz\n")),
        (
            "old Mac line ends",
            format!("{B}  other.tar.gz\r{A}  tool.tar.gz\r"),
        ),
        (
            "zero bytes as line ends",
            format!("{B}  other.tar.gz\0{A}  tool.tar.gz\0"),
        ),
        ("upper case", format!("{upper}  tool.tar.gz")),
        (
            "the algorithm before the digest",
            format!("sha256:{A}  tool.tar.gz\nsha256:{B}  x\n"),
        ),
        (
            "the algorithm as a word",
            format!("sha256 {A} tool.tar.gz\n"),
        ),
        (
            "BSD",
            format!("SHA256 (tool.tar.gz) = {A}\nSHA256 (other.tar.gz) = {B}"),
        ),
        (
            "BSD, escaped",
            format!("\\SHA256 (dist\\\\tool.tar.gz) = {A}\n"),
        ),
        ("openssl", format!("SHA2-256(tool.tar.gz)= {A}")),
        (
            "openssl with a path",
            format!("SHA256(/srv/1/a/tool.tar.gz)= {A}"),
        ),
        (
            "BSD with md5",
            format!(
                "MD5 (tool.tar.gz) = {}\nSHA256 (tool.tar.gz) = {A}",
                &B[..32]
            ),
        ),
        (
            "BSD with a shortened sha512",
            format!("SHA512/256 (tool.tar.gz) = {B}\nSHA256 (tool.tar.gz) = {A}"),
        ),
        (
            "BSD with a digest of the same length",
            format!("BLAKE2s (tool.tar.gz) = {B}\nSHA256 (tool.tar.gz) = {A}"),
        ),
        (
            "the name and a colon",
            format!("tool.tar.gz: {A}\nother.tar.gz: {B}"),
        ),
        (
            "the name first",
            format!("tool.tar.gz {A}\nother.tgz {B}\n"),
        ),
        (
            "the name and an equals sign",
            format!("tool.tar.gz={A}\nother.tgz={B}\n"),
        ),
        (
            "the name, then the algorithm",
            format!("tool.tar.gz sha256:{A}"),
        ),
        (
            "JSON, a pair a line",
            format!("{{\n  \"other.tgz\": \"{B}\",\n  \"tool.tar.gz\": \"{A}\"\n}}\n"),
        ),
        (
            "Get-FileHash",
            format!(
                "\r\nAlgorithm       Hash                 Path\r\n---------       ----                 ----\r\n\
             SHA256          {upper}       D:\\a\\r\\tool.tar.gz\r\nSHA256          {B}       D:\\a\\r\\x.zip\r\n\r\n"
            ),
        ),
        (
            "Get-FileHash of a long path",
            format!(
                "Algorithm       Hash         Path\n---------       ----         ----\nSHA256          {upper}       D:\\a\\very\\lo...\n"
            ),
        ),
        (
            "Get-FileHash as a list",
            format!(
                "\nAlgorithm : SHA256\nHash      : {B}\nPath      : D:\\a\\x.zip\n\n\
             Algorithm : SHA256\nHash      : {upper}\nPath      : D:\\a\\tool.tar.gz\n\n"
            ),
        ),
        (
            "Get-FileHash as a list with wrapped values",
            format!(
                "Algorithm : SHA256\r\nHash      : {}\r\n            {}\r\nPath      : D:\\a\\very\\long\\path\\tool.\r\n            tar.gz\r\n",
                &upper[..40],
                &upper[40..]
            ),
        ),
        (
            "certutil",
            format!(
                "SHA256 hash of tool.tar.gz:\r\n{A}\r\nCertUtil: -hashfile command completed successfully.\r\n"
            ),
        ),
        (
            "certutil of two files",
            format!(
                "SHA256 hash of x.zip:\r\n{B}\r\nCertUtil: done.\r\nSHA256 hash of tool.tar.gz:\r\n{A}\r\nCertUtil: done.\r\n"
            ),
        ),
        (
            "an old certutil",
            format!(
                "SHA256 hash of file tool.tar.gz:\r\n{}\r\nCertUtil: done.\r\n",
                spaced.join(" ")
            ),
        ),
        (
            "Debian, with sizes",
            format!(" {B}      512 x.tar.gz\n {A}  1234567 linux/tool.tar.gz\n"),
        ),
        (
            "a Markdown table",
            format!("| file | sha256 |\n|---|---|\n| x.zip | {B} |\n| `tool.tar.gz` | `{A}` |\n"),
        ),
        (
            "a Markdown list",
            format!("- x.zip: `{B}`\n- tool.tar.gz: `{A}`\n"),
        ),
        (
            "CSV",
            format!("file,size,sha256\nx.zip,1,{B}\ntool.tar.gz,5,{A}\n"),
        ),
        (
            "columns of several algorithms",
            format!("tool.tar.gz {} {A}\n", &B[..32]),
        ),
        ("bare", A.to_owned()),
        ("bare, with a line end", format!("{A}\n")),
        ("bare, with its algorithm", format!("sha256:{A}\n")),
        ("bare, after a heading", format!("SHA256 of v1.0:\n{A}\n")),
        (
            "bare, of two algorithms",
            format!("MD5: {}\nSHA256: {A}\n", &B[..32]),
        ),
        ("from standard input", format!("{A}  -\n")),
        (
            "from standard input, by openssl",
            format!("SHA2-256(stdin)= {A}\n"),
        ),
        (
            "from standard input, by an old openssl",
            format!("(stdin)= {A}\n"),
        ),
        ("a byte order mark", format!("\u{feff}{A}  tool.tar.gz")),
        (
            "PGP",
            format!(
                "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{A}  tool.tar.gz\n-----BEGIN PGP SIGNATURE-----\nabc\n"
            ),
        ),
        (
            "comments and prose",
            format!("# Checksums of v1\n\n{A}  tool.tar.gz\nsee the site for more\n"),
        ),
        (
            "a repeated line",
            format!("{A}  tool.tar.gz\n{A}  ./tool.tar.gz\n"),
        ),
    ] {
        assert_eq!(one(&text), A, "{shape}: {text}");
    }
    let text = format!("{upper}  tool.tar.gz\r\n");
    for (mark, bytes) in [
        (&[0xff, 0xfe][..], wide(&text, u16::to_le_bytes)),
        (&[0xfe, 0xff], wide(&text, u16::to_be_bytes)),
        (&[], wide(&text, u16::to_le_bytes)),
        (&[], wide(&text, u16::to_be_bytes)),
    ] {
        assert_eq!(one_in(&[mark, &bytes].concat(), SUMS), A, "{mark:?}");
    }
}

#[test]
fn the_path_decides_between_files_of_one_name() {
    for text in [
        format!("{B}  arm64/tool.tar.gz\n{A}  linux/tool.tar.gz\n{B}  win/tool.tar.gz\n"),
        format!("{A}  ./linux/tool.tar.gz\n{B}  ./win/tool.tar.gz\n"),
        format!("{A} *linux\\tool.tar.gz\n{B} *win\\tool.tar.gz\n"),
        format!("{B}  v0/linux/tool.tar.gz\n{A}  v1/linux/tool.tar.gz\n"),
        format!("{A}  build/linux/tool.tar.gz\n{B}  build/win/tool.tar.gz\n"),
        format!("SHA256 (win/tool.tar.gz) = {B}\nSHA256 (linux/tool.tar.gz) = {A}\n"),
        // A line without folders is about the file beside the checksums file.
        format!("{A}  tool.tar.gz\n{B}  old/tool.tar.gz\n"),
        format!("{A}  https://host/v1/linux/tool.tar.gz\n{B}  https://host/v1/win/tool.tar.gz\n"),
        // The same file in two places.
        format!("{A}  x/tool.tar.gz\n{A}  y/tool.tar.gz\n"),
    ] {
        assert_eq!(one(&text), A, "{text}");
    }
    let text = format!("{A}  mac/tool.tar.gz\n{B}  win/tool.tar.gz\n");
    let error = find_in(text.as_bytes(), SUMS).unwrap_err();
    assert_eq!(error.kind(), Kind::Failed, "{error}");
    for part in [
        "several files named tool.tar.gz",
        "`mac/tool.tar.gz`, `win/tool.tar.gz`",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_file_named_after_the_asset_is_about_it_whatever_its_line_names() {
    for (file, text) in [
        ("tool.tar.gz.sha256", format!("{A}  -\n")),
        ("tool.tar.gz.sha256", format!("{A} *-\n")),
        ("tool.tar.gz.sha256", format!("{A}  \n")),
        ("tool.tar.gz.sha256", format!("{A}  /dev/stdin\n")),
        ("tool.tar.gz.sha256", format!("{A}  out/release.tar.gz\n")),
        (
            "tool.tar.gz.sha256sum",
            format!("{A}  tool-linux-v1.tar.gz\n"),
        ),
        (
            "tool.tar.gz.digests",
            format!("MD5 (x) = {}\nSHA256 (x) = {A}\n", &B[..32]),
        ),
        ("tool.tar.gz-SHA256", format!("SHA256(build/x.tgz)= {A}\n")),
        (
            "tool.tar.gz_sha256.txt",
            format!("Algorithm : SHA256\nHash : {A}\nPath : D:\\x.zip\n"),
        ),
    ] {
        assert_eq!(one_in(text.as_bytes(), file), A, "{file}: {text}");
    }
    // Another name is shown if the bytes are others.
    let stated = find_in(format!("{A}  tool\n").as_bytes(), "tool.tar.gz.sha256").unwrap();
    assert!(
        stated[0]
            .by
            .contains("about `tool` and so perhaps about a file in the archive"),
        "{}",
        stated[0].by
    );
    // Two files, neither of which is the asset.
    let two = format!("{A}  x\n{B}  y\n");
    let error = find_in(two.as_bytes(), "tool.tar.gz.sha256").unwrap_err();
    assert!(error.to_string().contains("it lists `x`, `y`"), "{error}");
}

#[test]
fn several_algorithms_all_count() {
    let text = format!(
        "{A}  tool.tar.gz\n{A}{B}  tool.tar.gz\n{}  tool.tar.gz\n",
        &A[..40]
    );
    let found = find_in(text.as_bytes(), "checksums.txt").unwrap();
    assert_eq!(
        found.iter().map(|s| s.algorithm).collect::<Vec<_>>(),
        [Algorithm::Sha256, Algorithm::Sha512]
    );
}

#[test]
fn the_name_of_the_file_tells_algorithms_of_one_length_apart() {
    let states =
        |file: &str, hex: &str| find_in(format!("{hex}  tool.tar.gz\n").as_bytes(), file).is_ok();
    let sha384 = format!("{A}{}", &B[..32]);
    for file in [
        "SHA256SUMS",
        "b2-v4.sha256",
        "blake3-tool_checksums_sha256.txt",
        "b2d.txt",
        "x",
    ] {
        assert!(states(file, A), "{file}");
    }
    for file in ["SHA384SUMS", "sha384.txt", "x"] {
        assert!(states(file, &sha384), "{file}");
    }
    for file in [
        "B3SUMS",
        "x.b3",
        "b2sums.txt",
        "x.blake3",
        "sha3-256.txt",
        "BLAKE2b",
    ] {
        assert!(!states(file, A), "{file}");
    }
}

#[test]
fn what_proves_nothing_is_an_error_that_says_what_was_seen() {
    for (file, text, says) in [
        (
            SUMS,
            format!("{B}  other.tar.gz\n"),
            "does not mention tool.tar.gz",
        ),
        (
            SUMS,
            format!("{B}  other.tar.gz\n"),
            "it lists only `other.tar.gz`",
        ),
        (
            SUMS,
            format!("{B}  mytool.tar.gz\n"),
            "it lists only `mytool.tar.gz`",
        ),
        (
            SUMS,
            format!("{A}  a\n{A}  b\n{A}  c\n"),
            "it lists `a`, `b`, `c`",
        ),
        (
            SUMS,
            [1, 2, 3, 4, 5, 6, 7]
                .map(|n| format!("{A}  f{n}.zip\n"))
                .concat(),
            "`f5.zip` and 2 more",
        ),
        (SUMS, format!("{A}  a\u{1b}[31m\n"), "`a\\u{1b}[31m`"),
        (
            "tool.sha256",
            format!("{A}  tool\n"),
            "only `tool`, which is perhaps a file in the archive",
        ),
        (SUMS, String::new(), "it has no line with a digest"),
        (
            SUMS,
            "<html><body>Not found</body></html>".to_owned(),
            "no line with a digest",
        ),
        ("MD5SUMS", format!("{}  tool.tar.gz", &A[..32]), "only md5"),
        (
            SUMS,
            format!("SHA1 (tool.tar.gz) = {}", &A[..40]),
            "only sha1",
        ),
        ("tool.tar.gz.sha1", A[..40].to_owned(), "only sha1"),
        // Another algorithm with the same digest length is not mistaken for a supported one.
        (
            "B3SUMS",
            format!("{A}  tool.tar.gz"),
            "states no digest of tool.tar.gz that larder can check",
        ),
        (
            SUMS,
            format!("BLAKE2b (tool.tar.gz) = {A}{B}"),
            "states no digest of tool.tar.gz",
        ),
        (
            SUMS,
            format!("sha3-256:{A}  tool.tar.gz"),
            "states no digest of tool.tar.gz",
        ),
        // Two digests without names: it is unknown to which file each belongs.
        (
            SUMS,
            format!("{A}\n{B}\n"),
            "2 different digests, and no file names",
        ),
    ] {
        let error = find_in(text.as_bytes(), file).expect_err(&text);
        assert_eq!(error.kind(), Kind::Failed, "{error}");
        assert!(error.to_string().contains(says), "{says}: {error}");
    }
    let text = format!("{A}  tool.tar.gz\n{B}  tool.tar.gz\n");
    let both = find_in(text.as_bytes(), SUMS).unwrap_err();
    assert_eq!(both.kind(), Kind::Integrity);
    assert!(
        both.to_string().contains(A) && both.to_string().contains(B),
        "{both}"
    );
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = find_in(&bytes, SUMS);
    }

    #[test]
    fn no_mixture_of_words_makes_it_panic(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                A, B, "tool.tar.gz", "\n", " ", "  ", "*", "\\", ":", "=", "(", ")", "|", ",", "SHA256", "sha256:", "Algorithm :",
                "Hash :", "Path :", "-", "\"", "\r\n", "\0", "é", "...", "/",
            ]),
            0..30,
        )
    ) {
        let _ = find_in(words.concat().as_bytes(), SUMS);
    }

    #[test]
    fn the_asset_is_found_among_others(
        digests in proptest::collection::vec("[0-9a-f]{64}", 1..8),
        names in proptest::collection::vec("[a-z][a-z0-9._-]{0,20}", 8),
        which in 0usize..8,
        shape in 0usize..4,
        ending in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let which = which % digests.len();
        let names: Vec<String> = names.iter().enumerate().map(|(i, n)| format!("{n}{i}.tar.gz")).collect();
        let line = |(digest, name): (&String, &String)| match shape {
            0 => format!("{digest}  {name}{ending}"),
            1 => format!("{digest} *{name}{ending}"),
            2 => format!("SHA256 ({name}) = {digest}{ending}"),
            _ => format!("{digest}  ./{name}{ending}"),
        };
        let text: String = digests.iter().zip(&names).map(line).collect();
        let asset = Asset { name: &names[which], folders: &[] };
        let found = find(text.as_bytes(), asset, SUMS, SUMS).unwrap();
        prop_assert_eq!(hex_of(&found[0].digest), digests[which].clone());
    }
}
