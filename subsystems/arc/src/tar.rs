//! The ustar format (POSIX.1-1988): headers of regular files. This module does not access files.

pub const BLOCK: usize = 512;

/// A regular file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Relative, with `/`.
    pub name: String,
    pub mode: u32,
    pub size: u64,
}

impl Member {
    /// The header block, or the reason why the name or the size does not fit into one.
    pub fn header(&self) -> Result<[u8; BLOCK], &'static str> {
        let mut block = [0u8; BLOCK];
        let (prefix, name) =
            split_name(&self.name).ok_or("its name is too long for a ustar archive")?;
        if self.size > 0o77_777_777_777 {
            return Err("files of 8 GiB and more don't fit into a ustar archive");
        }
        block[..name.len()].copy_from_slice(name.as_bytes());
        octal(&mut block[100..108], u64::from(self.mode));
        octal(&mut block[108..116], 0);
        octal(&mut block[116..124], 0);
        octal(&mut block[124..136], self.size);
        octal(&mut block[136..148], 0);
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        let sum = checksum(&block);
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        Ok(block)
    }

    /// Parses a header block; `None` means the end of the archive.
    pub fn parse(block: &[u8; BLOCK]) -> Result<Option<Self>, String> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let sum = parse_octal(&block[148..156]).ok_or("a header's checksum is not a number")?;
        if sum != u64::from(checksum(block)) {
            return Err("a header's checksum is wrong".into());
        }
        if &block[257..262] != b"ustar" {
            return Err("not a ustar archive".into());
        }
        let text = |range: std::ops::Range<usize>| {
            let bytes = &block[range];
            let end = bytes
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(bytes.len());
            std::str::from_utf8(&bytes[..end]).map_err(|_| "a name is not UTF-8")
        };
        let (name, prefix) = (text(0..100)?, text(345..500)?);
        let name = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        if !matches!(block[156], b'0' | 0) {
            return Err(format!("{name} is not a regular file"));
        }
        if !is_safe(&name) {
            return Err(format!("the name {name:?} leads out of the folder"));
        }
        let number = |range: std::ops::Range<usize>| {
            parse_octal(&block[range])
                .ok_or_else(|| format!("a number in the header of {name} is invalid"))
        };
        let mode = u32::try_from(number(100..108)? & 0o777).unwrap_or(0o644);
        Ok(Some(Self {
            mode,
            size: number(124..136)?,
            name,
        }))
    }

    /// The number of zero bytes that fill the last block of the content.
    pub fn padding(&self) -> usize {
        (BLOCK - (self.size % BLOCK as u64) as usize) % BLOCK
    }
}

/// Whether a name is relative, without `..`, empty parts, drive letters and backslashes.
pub fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', ':', '\n', '\0'])
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

fn split_name(name: &str) -> Option<(&str, &str)> {
    if name.len() <= 100 {
        return Some(("", name));
    }
    name.match_indices('/')
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .find(|(p, n)| p.len() <= 155 && n.len() <= 100)
}

fn octal(field: &mut [u8], number: u64) {
    let digits = field.len() - 1;
    let text = format!("{number:0digits$o}\0");
    field.copy_from_slice(text.as_bytes());
}

fn parse_octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

fn checksum(block: &[u8; BLOCK]) -> u32 {
    // The field of the checksum itself counts as spaces.
    block
        .iter()
        .enumerate()
        .map(|(i, byte)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*byte)
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        for name in ["a.txt", "a/b c/d.txt", long.as_str()] {
            let member = Member {
                name: name.into(),
                mode: 0o755,
                size: 1234,
            };
            assert_eq!(Member::parse(&member.header().unwrap()), Ok(Some(member)));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(
            Member {
                name: "x".repeat(101),
                mode: 0,
                size: 0
            }
            .header()
            .is_err()
        );
        assert!(
            Member {
                name: "x".into(),
                mode: 0,
                size: 1 << 33
            }
            .header()
            .is_err()
        );
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../x", "/x", "a/../x", "a//b", "C:x", "a\\b", ""] {
            assert!(!is_safe(name), "{name:?}");
        }
        let mut block = Member {
            name: "aa/x".into(),
            mode: 0o644,
            size: 0,
        }
        .header()
        .unwrap();
        block[..2].copy_from_slice(b"..");
        let sum = checksum(&block);
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(Member::parse(&block).unwrap_err().contains("leads out"));
    }

    #[test]
    fn a_changed_bit_in_a_header_is_seen() {
        let mut block = Member {
            name: "a".into(),
            mode: 0o644,
            size: 7,
        }
        .header()
        .unwrap();
        block[130] ^= 1;
        assert!(Member::parse(&block).is_err());
    }
}
