use super::*;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("tool").tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file
}

fn of(bytes: &[u8]) -> String {
    match inspect(file(bytes).path()).unwrap() {
        Executable::Native(native) => native.to_string(),
        other => format!("{other:?}"),
    }
}

fn wanted(bytes: &[u8], platform: &str) -> Result<(), String> {
    check_platform(file(bytes).path(), &platform.parse().unwrap())
        .map(drop)
        .map_err(|e| e.message().to_owned())
}

/// An ELF header with one program header, for an interpreter if there is one.
fn elf64(machine: u16, abi: u8, interpreter: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56];
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, abi]);
    bytes[16] = 2;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20] = 1;
    bytes[32] = 64;
    bytes[52] = 64;
    bytes[54] = 56;
    bytes[56] = 1;
    if !interpreter.is_empty() {
        bytes[64] = 3;
        bytes[64 + 8] = 64 + 56;
        bytes[64 + 32] = u8::try_from(interpreter.len() + 1).unwrap();
        bytes.extend_from_slice(interpreter.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn pe_file(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x80];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes.extend_from_slice(b"PE\0\0");
    bytes.extend_from_slice(&machine.to_le_bytes());
    bytes.extend_from_slice(&[0; 18]);
    bytes
}

const MACHO_ARM64: &[u8] =
    b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn universal() -> Vec<u8> {
    let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
    for cpu in [0x0100_0007_u32, 0x0100_000c] {
        bytes.extend_from_slice(&cpu.to_be_bytes());
        bytes.extend_from_slice(&[0; 16]);
    }
    bytes
}

/// Like [`universal`], with 64-bit offsets.
fn universal64() -> Vec<u8> {
    let mut bytes = b"\xca\xfe\xba\xbf\0\0\0\x02".to_vec();
    for cpu in [0x0100_0007_u32, 0x0100_000c] {
        bytes.extend_from_slice(&cpu.to_be_bytes());
        bytes.extend_from_slice(&[0; 28]);
    }
    bytes
}

/// A 32-bit Mach-O header of a big-endian machine.
fn macho_big_endian() -> Vec<u8> {
    let mut bytes = b"\xfe\xed\xfa\xce\0\0\0\x12".to_vec();
    bytes.resize(28, 0);
    bytes
}

#[test]
fn executable_formats_are_recognised_by_their_headers() {
    assert_eq!(of(b""), "Empty");
    assert_eq!(of(b"#!/bin/sh\n"), "Script");
    assert_eq!(of(b"MZqFpD='\n"), "Script");
    assert_eq!(of(b"PK\x03\x04"), "Other");
    assert_eq!(of(b"MZ is how this text begins"), "Other");
    assert_eq!(of(b"\xca\xfe\xba\xbe\0\0\0\x34 a Java class"), "Other");
    assert_eq!(of(&elf64(62, 0, "")), "linux-amd64");
    assert_eq!(
        of(&elf64(183, 0, "/lib/ld-musl-aarch64.so.1")),
        "linux-arm64-musl"
    );
    assert_eq!(
        of(&elf64(62, 0, "/lib64/ld-linux-x86-64.so.2")),
        "linux-amd64-gnu"
    );
    assert_eq!(of(&elf64(62, 9, "/libexec/ld-elf.so.1")), "freebsd-amd64");
    assert_eq!(of(&elf64(243, 0, "")), "linux-machine243");
    assert_eq!(of(MACHO_ARM64), "darwin-arm64");
    assert_eq!(of(&macho_big_endian()), "darwin-machine18");
    assert_eq!(of(&universal()), "darwin-amd64+arm64");
    assert_eq!(of(&universal64()), "darwin-amd64+arm64");
    assert_eq!(of(&pe_file(0x8664)), "windows-amd64");
    assert_eq!(of(&pe_file(0x14c)), "windows-386");
    assert_eq!(of(&pe_file(0xa64e)), "windows-arm64");
    assert_eq!(of(&pe_file(0x1c4)), "windows-arm");
    assert_eq!(of(&pe_file(0x5064)), "windows-machine20580");
}

/// A Mach-O file for arm64 with these load commands, each of 16 bytes, after as many bytes.
fn macho_arm64(commands: &[u32], before: usize) -> Vec<u8> {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(&MACHO_ARM64[..16]);
    let count = u32::try_from(commands.len()).unwrap();
    for field in [count, count * 16, 0, 0] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    for command in commands {
        for field in [*command, 16, 0, 0] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn the_signature_of_a_mach_o_file_is_found() {
    const SEGMENT: u32 = 0x26;
    const CODE_SIGNATURE: u32 = 0x1d;
    let signed = |bytes: &[u8]| match inspect(file(bytes).path()).unwrap() {
        Executable::Native(native) => native.signed,
        _ => panic!("no executable"),
    };
    assert_eq!(signed(&macho_arm64(&[SEGMENT], 0)), Some(false));
    assert_eq!(
        signed(&macho_arm64(&[SEGMENT, CODE_SIGNATURE], 0)),
        Some(true)
    );
    // The commands of a cut file can't be read.
    let cut = macho_arm64(&[SEGMENT, CODE_SIGNATURE], 0);
    assert_eq!(signed(&cut[..40]), None);
    assert_eq!(signed(&elf64(183, 0, "")), None);
    // In a universal file only the program for arm64 counts.
    for (commands, wanted) in [(&[SEGMENT][..], false), (&[CODE_SIGNATURE], true)] {
        let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
        for (cpu, offset) in [(0x0100_0007_u32, 64_u32), (0x0100_000c, 128)] {
            for field in [cpu, 0, offset, 64, 0] {
                bytes.extend_from_slice(&field.to_be_bytes());
            }
        }
        let program = macho_arm64(commands, 128 - bytes.len());
        bytes.extend_from_slice(&program);
        assert_eq!(signed(&bytes), Some(wanted));
    }
    assert!(lacks_signature(file(&macho_arm64(&[], 0)).path()));
    assert!(!lacks_signature(file(&elf64(183, 0, "")).path()));
}

#[test]
fn only_an_executable_for_the_wanted_platform_is_accepted() {
    let static_elf = elf64(62, 0, "");
    let gnu_elf = elf64(62, 0, "/lib64/ld-linux-x86-64.so.2");
    assert_eq!(wanted(&static_elf, "linux-amd64-musl"), Ok(()));
    assert_eq!(wanted(&static_elf, "linux-amd64"), Ok(()));
    assert_eq!(wanted(&gnu_elf, "linux-amd64"), Ok(()));
    assert_eq!(wanted(&universal(), "darwin-amd64"), Ok(()));
    assert_eq!(wanted(b"#!/bin/sh\n", "windows-amd64"), Ok(()));
    assert_eq!(wanted(b"@echo off", "windows-amd64"), Ok(()));
    for (bytes, platform, what) in [
        (&gnu_elf[..], "linux-amd64-musl", "a linux-amd64-gnu"),
        (&static_elf, "linux-arm64", "a linux-amd64"),
        (MACHO_ARM64, "linux-amd64", "a darwin-arm64"),
        (&universal(), "linux-arm64", "a darwin-amd64+arm64"),
        (&pe_file(0xaa64), "windows-amd64", "a windows-arm64"),
        (&elf64(62, 9, ""), "linux-amd64", "a freebsd-amd64"),
    ] {
        let error = wanted(bytes, platform).unwrap_err();
        assert!(
            error.ends_with(&format!("is {what} executable where {platform} is wanted")),
            "{error}"
        );
    }
    assert!(
        wanted(b"", "linux-amd64")
            .unwrap_err()
            .ends_with("is empty")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_real_executable_is_recognised_as_native() {
    let me = std::env::current_exe().unwrap();
    let Executable::Native(native) = check_platform(&me, &Platform::host()).unwrap() else {
        panic!("no native executable")
    };
    if native.libc == Some(Linkage::Dynamic(crate::model::Libc::Gnu)) {
        let glibc = native.glibc.unwrap();
        assert!(
            glibc.starts_with("2.") && glibc.split('.').count() == 2,
            "{glibc}"
        );
    }
}

#[test]
fn truncated_or_out_of_range_headers_are_not_executables() {
    for whole in [pe_file(0x8664), universal(), universal64()] {
        assert_eq!(of(&whole[..whole.len() - 17]), "Other");
    }
    let mut far = pe_file(0x8664);
    far[0x3c..0x40].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(of(&far), "Other");
    assert_eq!(of(&MACHO_ARM64[..12]), "Other");
}

#[test]
fn a_huge_section_table_does_not_make_the_whole_file_be_read() {
    // The section table claims to be 16 GiB long, and the (sparse) file is that large.
    let mut bytes = elf64(62, 0, "");
    bytes[40] = u8::try_from(bytes.len()).unwrap();
    bytes[58] = 64;
    let mut section = [0; 64];
    section[32..40].copy_from_slice(&(1_u64 << 28).to_le_bytes());
    bytes.extend_from_slice(&section);
    let file = file(&bytes);
    file.as_file().set_len(1 << 36).unwrap();
    let Executable::Native(native) = inspect(file.path()).unwrap() else {
        panic!("no native executable")
    };
    assert_eq!(
        (native.to_string().as_str(), native.glibc),
        ("linux-amd64", None)
    );
}

proptest::proptest! {
    #[test]
    fn damaged_headers_never_panic(
        kind in 0_usize..4,
        at in 0_usize..120,
        byte: u8,
        cut in 0_usize..200,
        abi: u8,
    ) {
        let mut bytes = match kind {
            0 => elf64(62, abi, "/lib64/ld-linux-x86-64.so.2"),
            1 => pe_file(0x8664),
            2 => universal(),
            _ => MACHO_ARM64.to_vec(),
        };
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut);
        let _ = inspect(file(&bytes).path());
    }
}
