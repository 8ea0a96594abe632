//! What an executable's headers say: which system and processor it is for, and what it needs of the C library.
//!
//! Reads only headers, in pieces, whatever the file's size; never runs anything.

/// Whether something that begins so is a program: ELF, Mach-O, PE or a script.
pub fn is_program(start: &[u8]) -> bool {
    start.starts_with(b"#!") || is_native(start)
}

fn is_native(start: &[u8]) -> bool {
    const MAGICS: [&[u8]; 6] =
        [b"\x7fELF", b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe"];
    MAGICS.iter().any(|magic| start.starts_with(magic)) || start.starts_with(b"\xca\xfe\xba\xbe")
}
