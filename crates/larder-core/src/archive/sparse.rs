//! Sparse files: which parts of a file a tar contains; the rest of the file are zeros.

use super::pipe::Pipe;
use super::refused;
use crate::error::{Error, Result};

/// Most parts of one file. A map in memory has 16 bytes for each.
const MOST_PARTS: usize = 1 << 20;
const ZEROS: [u8; 8 << 10] = [0; 8 << 10];

/// The content of a file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// This number of bytes.
    Whole(u64),
    /// The parts of a sparse file.
    Sparse(Map),
}

/// The parts of a sparse file, in order and without overlaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    /// Position and length of each part.
    parts: Vec<(u64, u64)>,
    /// Size of the file, with its holes.
    size: u64,
    /// Bytes of all parts together.
    stored: u64,
}

impl Body {
    /// The size of the file.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Whole(size) => *size,
            Self::Sparse(map) => map.size,
        }
    }

    /// Passes the content to a function, piece by piece, with the holes filled.
    pub(super) fn read(
        &self,
        pipe: &mut Pipe<'_>,
        visit: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let Map { parts, size, .. } = match self {
            Self::Whole(size) => return pipe.for_each_piece(*size, visit),
            Self::Sparse(map) => map,
        };
        let mut position = 0;
        for (at, length) in parts {
            hole(at - position, pipe, visit)?;
            pipe.for_each_piece(*length, &mut *visit)?;
            position = at + length;
        }
        hole(size - position, pipe, visit)
    }

    /// Drops the content.
    pub(super) fn skip(&self, pipe: &mut Pipe<'_>) -> Result<()> {
        match self {
            Self::Whole(size) => pipe.skip(*size),
            Self::Sparse(map) => pipe.skip(map.stored),
        }
    }
}

fn hole(
    mut left: u64,
    pipe: &mut Pipe<'_>,
    visit: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    // The whole hole is counted first: a hole that exceeds the budget is never written.
    pipe.count_holes(left)?;
    while left > 0 {
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        visit(&ZEROS[..n])?;
        left -= n as u64;
    }
    Ok(())
}

impl Map {
    /// A map of these parts for a file of this size. The parts must be in order, must not overlap,
    /// and must end inside the file.
    pub(super) fn new(parts: &[(u64, u64)], size: u64) -> Result<Self> {
        let (mut end, mut stored) = (0_u64, 0);
        for (at, length) in parts {
            let next = at.checked_add(*length).filter(|next| *next <= size);
            match next {
                Some(next) if *at >= end => end = next,
                _ => return Err(wrong()),
            }
            stored += length;
        }
        Ok(Self {
            // GNU tar ends a file that ends with a hole with an empty part.
            parts: parts.iter().copied().filter(|(_, n)| *n > 0).collect(),
            size,
            stored,
        })
    }

    /// Checks that the archive contains exactly the bytes of the parts.
    pub(super) fn of_stored(self, stored: u64) -> Result<Self> {
        if self.stored == stored {
            Ok(self)
        } else {
            Err(wrong())
        }
    }

    /// Reads the map of a pax header (`GNU.sparse.map`, version 0.1): positions and lengths,
    /// separated by commas.
    pub(super) fn of_pax(text: &[u8], size: u64) -> Result<Self> {
        let numbers = std::str::from_utf8(text).ok().and_then(|text| {
            text.split(',')
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().ok())
                .collect::<Option<Vec<u64>>>()
        });
        match numbers {
            Some(numbers) if numbers.len().is_multiple_of(2) => Self::new(
                &numbers.chunks(2).map(|n| (n[0], n[1])).collect::<Vec<_>>(),
                size,
            ),
            _ => Err(wrong()),
        }
    }

    /// Reads the map at the start of the content (version 1.0): the number of parts, then position
    /// and length of each, every number on a line of its own, filled up with zeros to a block.
    /// Returns it together with the bytes that it took.
    pub(super) fn of_content(pipe: &mut Pipe<'_>, size: u64, stored: u64) -> Result<(Self, u64)> {
        let mut reader = Lines {
            pipe,
            left: stored,
            block: Vec::new(),
            at: 0,
        };
        let count = usize::try_from(reader.number()?).map_err(|_| wrong())?;
        if count > MOST_PARTS {
            return Err(wrong());
        }
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push((reader.number()?, reader.number()?));
        }
        let taken = stored - reader.left;
        Ok((Self::new(&parts, size)?, taken))
    }
}

/// Reads numbers from the blocks at the start of a content.
struct Lines<'p, 'a> {
    pipe: &'p mut Pipe<'a>,
    left: u64,
    block: Vec<u8>,
    at: usize,
}

impl Lines<'_, '_> {
    fn number(&mut self) -> Result<u64> {
        let mut number: Option<u64> = None;
        loop {
            if self.at == self.block.len() {
                if self.left < 512 {
                    return Err(wrong());
                }
                self.block = self.pipe.read_small(512, 512)?;
                self.left -= 512;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match (byte, number) {
                (b'\n', Some(number)) => return Ok(number),
                (b'0'..=b'9', so_far) => {
                    let next = so_far
                        .unwrap_or(0)
                        .checked_mul(10)
                        .and_then(|next| next.checked_add(u64::from(byte - b'0')));
                    number = Some(next.ok_or_else(wrong)?);
                }
                _ => return Err(wrong()),
            }
        }
    }
}

fn wrong() -> Error {
    refused("the map of a sparse file in it is wrong")
}
