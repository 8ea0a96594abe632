use std::io::Write as _;

use super::*;

/// The section that a test's program has.
const NAMES: [&str; 3] = [".go.buildinfo", "__go_buildinfo", ".dep-v0"];
/// The address of that section in memory.
const ADDRESS: u64 = 0x40_0000;

fn read(bytes: &[u8]) -> Dependencies {
    let mut file = tempfile::Builder::new().prefix("tool").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    dependencies(file.path()).unwrap()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// An ELF file for 64 bits with one section, which is loaded and can be written.
fn elf(name: &str, content: &[u8]) -> Vec<u8> {
    let data = 64 + 56 + 8;
    let names = [b"\0", name.as_bytes(), b"\0.shstrtab\0"].concat();
    let table = (data + content.len() + names.len()).next_multiple_of(8);
    let mut bytes = vec![0; table + 3 * 64];
    put(&mut bytes, 0, &[0x7f, b'E', b'L', b'F', 2, 1, 1]);
    put(&mut bytes, 16, &[2, 0, 62, 0, 1]);
    put(&mut bytes, 32, &64_u64.to_le_bytes());
    put(&mut bytes, 40, &(table as u64).to_le_bytes());
    put(&mut bytes, 52, &[64, 0, 56, 0, 1, 0, 64, 0, 3, 0, 2]);
    // The segment: PT_LOAD, readable and writable.
    put(&mut bytes, 64, &[1, 0, 0, 0, 6]);
    put(&mut bytes, 64 + 8, &(data as u64).to_le_bytes());
    put(&mut bytes, 64 + 16, &ADDRESS.to_le_bytes());
    put(&mut bytes, 64 + 32, &(content.len() as u64).to_le_bytes());
    put(&mut bytes, data, content);
    put(&mut bytes, data + content.len(), &names);
    let end = data + content.len();
    for (n, name, kind, at, size) in [
        (1, 1_u32, 1_u8, data, content.len()),
        (
            2,
            u32::try_from(name.len()).unwrap() + 2,
            3,
            end,
            names.len(),
        ),
    ] {
        let section = table + n * 64;
        put(&mut bytes, section, &name.to_le_bytes());
        bytes[section + 4] = kind;
        put(&mut bytes, section + 16, &ADDRESS.to_le_bytes());
        put(&mut bytes, section + 24, &(at as u64).to_le_bytes());
        put(&mut bytes, section + 32, &(size as u64).to_le_bytes());
    }
    bytes
}

/// A PE file for 64 bits with one section, whose data can be written.
fn pe(name: &str, content: &[u8]) -> Vec<u8> {
    let (table, data) = (0x80 + 24 + 112, 0x200);
    let mut bytes = vec![0; data + content.len()];
    put(&mut bytes, 0, b"MZ");
    bytes[0x3c] = 0x80;
    put(&mut bytes, 0x80, b"PE\0\0\x64\x86\x01");
    put(&mut bytes, 0x80 + 20, &[112, 0]);
    put(&mut bytes, 0x80 + 24, &[0x0b, 2]);
    put(&mut bytes, table, &name.as_bytes()[..name.len().min(8)]);
    let size = u32::try_from(content.len()).unwrap();
    put(&mut bytes, table + 8, &size.to_le_bytes());
    put(&mut bytes, table + 12, &0x40_0000_u32.to_le_bytes());
    put(&mut bytes, table + 16, &size.to_le_bytes());
    put(&mut bytes, table + 20, &0x200_u32.to_le_bytes());
    put(&mut bytes, table + 36, &0xc000_0040_u32.to_le_bytes());
    put(&mut bytes, data, content);
    bytes
}

/// A Mach-O file for arm64 with one section in `__DATA`, after `before` bytes.
fn macho(name: &str, content: &[u8], before: usize) -> Vec<u8> {
    let (command, data) = (before + 32, before + 32 + 152 + 8);
    let mut bytes = vec![0; data + content.len()];
    put(
        &mut bytes,
        before,
        b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0\x01\0\0\0\x98",
    );
    put(&mut bytes, command, &[0x19, 0, 0, 0, 152]);
    let size = content.len() as u64;
    let offset = (data - before) as u64;
    for section in [false, true] {
        let at = command + if section { 72 } else { 8 };
        put(
            &mut bytes,
            at,
            if section { name } else { "__DATA" }.as_bytes(),
        );
        let at = at + if section { 32 } else { 16 };
        put(&mut bytes, at, &ADDRESS.to_le_bytes());
        put(&mut bytes, at + 8, &size.to_le_bytes());
        // The segment has two more numbers for the part of the file; the section only the first.
        put(&mut bytes, at + 16, &offset.to_le_bytes());
        if !section {
            put(&mut bytes, at + 24, &size.to_le_bytes());
        }
    }
    bytes[command + 64] = 1;
    put(&mut bytes, data, content);
    bytes
}

/// A universal file whose first program is [`macho`].
fn universal(name: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = macho(name, content, 64);
    put(&mut bytes, 0, b"\xca\xfe\xba\xbe\0\0\0\x01\x01\0\0\x0c");
    let size = u32::try_from(bytes.len() - 64).unwrap();
    put(&mut bytes, 16, &64_u32.to_be_bytes());
    put(&mut bytes, 20, &size.to_be_bytes());
    bytes
}

/// The same content in a program of each format.
fn all(content: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let [go_elf, go_macho, cargo] = NAMES;
    let is_go = content.starts_with(b"\xff Go") || content.ends_with(b"junk");
    let pick = |go| if is_go { go } else { cargo };
    vec![
        ("ELF", elf(pick(go_elf), content)),
        ("ELF without that section", elf(pick(".data"), content)),
        ("PE", pe(pick(".data"), content)),
        ("Mach-O", macho(pick(go_macho), content, 0)),
        ("universal", universal(pick(go_macho), content)),
    ]
}

const MODULES: &str = "path\texample.com/Tool/cmd/tool\n\
    mod\texample.com/Tool\tv1.2.3\th1:aaa=\n\
    dep\texample.com/a\tv0.1.0+incompatible\th1:bbb=\n\
    dep\texample.com/b/v2\tv2.0.0\n\
    =>\texample.com/fork\tv2.0.1\th1:ccc=\n\
    dep\texample.com/c\tv3.0.0\n\
    =>\t./c\t(devel)\t\n\
    dep\n\
    build\tGOOS=linux\n";

fn modules() -> Vec<u8> {
    [&[7; 16][..], MODULES.as_bytes(), &[7; 16]].concat()
}

/// The information in the form that Go writes since 1.18.
fn inline(go: &str, modules: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xff Go buildinf:\x08\x02".to_vec();
    bytes.resize(32, 0);
    for text in [go.as_bytes(), modules] {
        let mut length = text.len();
        while length > 0x7f {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend_from_slice(text);
    }
    bytes
}

/// The information in the form that Go wrote before 1.18.
fn with_pointers(go: &str, modules: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xff Go buildinf:\x08\x00".to_vec();
    let texts = ADDRESS + 64;
    for pointer in [ADDRESS + 32, ADDRESS + 48] {
        bytes.extend_from_slice(&pointer.to_le_bytes());
    }
    for number in [
        texts,
        go.len() as u64,
        texts + go.len() as u64,
        modules.len() as u64,
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    [&bytes, go.as_bytes(), modules].concat()
}

fn module(path: &str, version: &str, sum: &str) -> GoModule {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    GoModule {
        path: path.to_owned(),
        version: some(version),
        sum: some(sum),
    }
}

fn expected() -> GoBuild {
    let dependency = |required, replaced_by| GoDependency {
        required,
        replaced_by,
    };
    GoBuild {
        go: "go1.22.3".into(),
        path: Some("example.com/Tool/cmd/tool".into()),
        main: Some(module("example.com/Tool", "v1.2.3", "h1:aaa=")),
        dependencies: vec![
            dependency(
                module("example.com/a", "v0.1.0+incompatible", "h1:bbb="),
                None,
            ),
            dependency(
                module("example.com/b/v2", "v2.0.0", ""),
                Some(module("example.com/fork", "v2.0.1", "h1:ccc=")),
            ),
            dependency(
                module("example.com/c", "v3.0.0", ""),
                Some(module("./c", "", "")),
            ),
        ],
    }
}

#[test]
fn the_modules_of_go_are_found_in_every_format() {
    for (format, file) in all(&inline("go1.22.3", &modules())) {
        let found = read(&file);
        assert_eq!(found.go.as_ref(), Some(&expected()), "{format}");
        assert_eq!(found.cargo, None, "{format}");
    }
}

#[test]
fn the_older_form_with_addresses_is_read_too() {
    for (format, file) in all(&with_pointers("go1.22.3", &modules())) {
        // The address of a section of PE counts from the base, which is 0 here.
        assert_eq!(read(&file).go.as_ref(), Some(&expected()), "{format}");
    }
}

#[test]
fn the_information_may_follow_other_data() {
    let mut data = vec![1; 600 << 10];
    data.extend(inline("go1.22.3", &modules()));
    data.extend(b"junk");
    for (format, file) in all(&data) {
        assert_eq!(read(&file).go.as_ref(), Some(&expected()), "{format}");
    }
}

fn compressed(json: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(json).unwrap();
    out.finish().unwrap()
}

#[test]
fn the_crates_of_cargo_auditable_are_found_in_every_format() {
    let json = br#"{"packages":[
        {"name":"adler","version":"1.0.2","source":"registry.example"},
        {"name":"cc","version":"1.1.0","source":"git","kind":"build"},
        {"name":"tool","version":"0.1.0","source":"local","dependencies":[1,0,0],"root":true}
    ],"format":1}"#;
    let package = |name: &str, version: &str, source: &str| CargoPackage {
        name: name.into(),
        version: version.into(),
        source: source.into(),
        build: false,
        root: false,
        dependencies: Vec::new(),
    };
    let expected = vec![
        package("adler", "1.0.2", "registry.example"),
        CargoPackage {
            build: true,
            ..package("cc", "1.1.0", "git")
        },
        CargoPackage {
            root: true,
            dependencies: vec![0, 1],
            ..package("tool", "0.1.0", "local")
        },
    ];
    for (format, file) in all(&compressed(json)) {
        let found = read(&file);
        assert_eq!(found.cargo.as_ref(), Some(&expected), "{format}");
        assert_eq!(found.go, None, "{format}");
    }
}

#[test]
fn damaged_or_excessive_information_counts_as_none() {
    let bomb = compressed(&vec![b' '; 9 << 20]);
    let lists: [&[u8]; 5] = [
        b"[]",
        b"{\"packages\":[{}]}",
        br#"{"packages":[{"name":"a","version":"1","source":"local","dependencies":[1]}]}"#,
        br#"{"packages":[{"name":"a\n","version":"1","source":"local"}]}"#,
        br#"{"packages":[{"name":"","version":"1","source":"local"}]}"#,
    ];
    let mut contents: Vec<Vec<u8>> = lists.into_iter().map(compressed).collect();
    contents.extend([bomb, b"not compressed".to_vec(), vec![]]);
    for content in contents {
        for (format, file) in all(&content) {
            assert_eq!(read(&file), Dependencies::default(), "{format}");
        }
    }
    let whole = inline("go1.22.3", &modules());
    let mut long = whole.clone();
    // The length of the version claims more than there is, and more than is read.
    put(&mut long, 32, &[0xff; 9]);
    let mut far = with_pointers("go1.22.3", &modules());
    put(&mut far, 16, &u64::MAX.to_le_bytes());
    let mut endless = with_pointers("go1.22.3", &modules());
    put(&mut endless, 40, &u64::MAX.to_le_bytes());
    for content in [&whole[..20], &whole[..33], &long, &far, &endless] {
        for (format, file) in all(content) {
            assert_eq!(read(&file), Dependencies::default(), "{format}");
        }
    }
}

#[test]
fn what_headers_claim_is_not_read() {
    // The section claims to be 2^60 bytes long, and the file is sparse.
    let mut bytes = elf(".dep-v0", b"x");
    let table = bytes.len() - 3 * 64;
    put(&mut bytes, table + 64 + 32, &(1_u64 << 60).to_le_bytes());
    let mut sparse = tempfile::Builder::new().prefix("tool").tempfile().unwrap();
    sparse.write_all(&bytes).unwrap();
    sparse.as_file().set_len(1 << 36).unwrap();
    assert_eq!(
        dependencies(sparse.path()).unwrap(),
        Dependencies::default()
    );
    for bytes in [
        &b""[..],
        b"#!/bin/sh\n",
        b"MZ",
        b"\x7fELF",
        b"\xca\xfe\xba\xbe",
    ] {
        assert_eq!(read(bytes), Dependencies::default());
    }
}

proptest::proptest! {
    #[test]
    fn damaged_programs_never_panic(
        kind in 0_usize..5,
        at in 0_usize..700,
        byte: u8,
        cut in 0_usize..1000,
    ) {
        for content in [
            inline("go1.22.3", &modules()),
            with_pointers("go1.22.3", &modules()),
            compressed(br#"{"packages":[]}"#),
        ] {
            let (_, mut bytes) = all(&content).swap_remove(kind);
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(100));
            let _ = read(&bytes);
        }
    }
}
