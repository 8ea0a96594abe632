//! Finds the last block of a deflate stream, so that the stream can be continued.
//!
//! libdeflate compresses a whole buffer and marks the last block as the end of the stream; it
//! cannot be asked not to. A stream of several buffers needs that mark removed, and where it is
//! only follows from reading every block before it. This reads the Huffman codes and skips their
//! symbols without unpacking anything, which takes a sixth of the time of compressing at most.

/// The last block of a deflate stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastBlock {
    /// The position of its header, in bits.
    pub(super) header: usize,
    /// The position after the block, in bits.
    pub(super) end: usize,
}

/// The order in which the lengths of the codes of code lengths are stored.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// The longest code.
const LONGEST: usize = 15;
/// Codes of up to this length are in a table.
const FAST: usize = 11;
/// The part of a table's entry that is a number of bits.
const BITS: u8 = 0x1f;
/// A flag of an entry: a distance follows.
const HAS_DISTANCE: u8 = 0x20;
/// A flag of an entry: the end of the block.
const END: u8 = 0x40;
/// A flag of an entry: a distance, not a literal or a length.
const DISTANCE: u8 = 0x80;
/// After [`Bits::fill`] the buffer has this many bits unless the stream ends: more than a length
/// and its distance take.
const FILLED: u32 = 48;

/// Returns the last block of a complete stream, or nothing if the stream is not valid.
pub(super) fn find(stream: &[u8]) -> Option<LastBlock> {
    let mut bits = Bits {
        stream,
        next: 0,
        buffer: 0,
        count: 0,
    };
    let (mut literals, mut distances) = (Code::new(), Code::new());
    loop {
        let header = bits.position();
        let is_last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => bits.skip_stored()?,
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                literals.set(&lengths, literal_kind)?;
                distances.set(&[5; 32], distance_kind)?;
                skip_symbols(&mut bits, &literals, &distances)?;
            }
            2 => {
                read_codes(&mut bits, &mut literals, &mut distances)?;
                skip_symbols(&mut bits, &literals, &distances)?;
            }
            _ => return None,
        }
        if is_last {
            let end = bits.position();
            return Some(LastBlock { header, end });
        }
    }
}

fn skip_symbols(bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<()> {
    loop {
        bits.fill();
        let kind = literals.skip(bits)?;
        if kind & HAS_DISTANCE != 0 {
            distances.skip(bits)?;
        } else if kind & END != 0 {
            return Some(());
        }
    }
}

/// Reads the codes of a block with its own codes.
fn read_codes(bits: &mut Bits<'_>, literals: &mut Code, distances: &mut Code) -> Option<()> {
    let literal_count = usize::from(bits.take(5)?) + 257;
    let distance_count = usize::from(bits.take(5)?) + 1;
    let count = usize::from(bits.take(4)?) + 4;
    let mut lengths = [0; ORDER.len()];
    for symbol in &ORDER[..count] {
        lengths[*symbol] = bits.take(3)?.to_le_bytes()[0];
    }
    let mut code = Code::new();
    code.set(&lengths, |_| Some(0))?;
    let mut lengths = [0; 288 + 32];
    let lengths = lengths.get_mut(..literal_count + distance_count)?;
    let mut at = 0;
    while at < lengths.len() {
        bits.fill();
        let (symbol, size) = code.find(bits)?;
        bits.drop(size)?;
        let (length, times) = match symbol {
            16 => (*lengths.get(at.checked_sub(1)?)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length.to_le_bytes()[0], 1),
        };
        let end = at + usize::from(times);
        lengths.get_mut(at..end)?.fill(length);
        at = end;
    }
    literals.set(&lengths[..literal_count], literal_kind)?;
    distances.set(&lengths[literal_count..], distance_kind)
}

/// The number of extra bits of a literal or length, and what it is.
fn literal_kind(symbol: usize) -> Option<u8> {
    let extra = |n: usize| u8::try_from(n).ok();
    match symbol {
        0..=255 => Some(0),
        256 => Some(END),
        257..=264 | 285 => Some(HAS_DISTANCE),
        265..=284 => Some(HAS_DISTANCE | extra((symbol - 261) / 4)?),
        _ => None,
    }
}

/// The number of extra bits of a distance.
fn distance_kind(symbol: usize) -> Option<u8> {
    match symbol {
        0..=3 => Some(DISTANCE),
        4..=29 => Some(DISTANCE | u8::try_from(symbol / 2 - 1).ok()?),
        _ => None,
    }
}

/// A Huffman code.
struct Code {
    /// By the next bits of the stream: how many bits are to be skipped, and what they are. Several
    /// literals in a row are one entry. 0 if the code is longer than the table's index.
    table: Box<[u8; 1 << FAST]>,
    /// How many codes of each length there are.
    counts: [usize; LONGEST + 1],
    /// The symbols in the order of their codes.
    symbols: [u16; 288],
    kind: fn(usize) -> Option<u8>,
}

impl Code {
    fn new() -> Self {
        Self {
            table: Box::new([0; 1 << FAST]),
            counts: [0; LONGEST + 1],
            symbols: [0; 288],
            kind: |_| None,
        }
    }

    /// Sets the code from the length of each symbol's code. Only a complete code is accepted.
    fn set(&mut self, lengths: &[u8], kind: fn(usize) -> Option<u8>) -> Option<()> {
        self.kind = kind;
        self.counts.fill(0);
        for length in lengths.iter().filter(|length| **length > 0) {
            *self.counts.get_mut(usize::from(*length))? += 1;
        }
        let mut place = [0; LONGEST + 2];
        let mut code = [0_usize; LONGEST + 2];
        for length in 1..=LONGEST {
            place[length + 1] = place[length] + self.counts[length];
            code[length + 1] = (code[length] + self.counts[length]) << 1;
        }
        if code[LONGEST + 1] != 2 << LONGEST {
            return None;
        }
        self.table.fill(0);
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, l)| **l > 0) {
            let size = usize::from(*length);
            *self.symbols.get_mut(place[size])? = u16::try_from(symbol).ok()?;
            place[size] += 1;
            let kind = kind(symbol);
            if size <= FAST
                && let Some(kind) = kind
            {
                // The stream has the highest bit of a code first.
                let start = code[size].reverse_bits() >> (usize::BITS as usize - size);
                for entry in self.table.get_mut(start..)?.iter_mut().step_by(1 << size) {
                    *entry = length + kind;
                }
            }
            code[size] += 1;
        }
        self.join_literals();
        Some(())
    }

    /// Joins the literals that fit into one index of the table.
    fn join_literals(&mut self) {
        for index in 0..self.table.len() {
            let first = self.table[index];
            let size = usize::from(first);
            // The flags are larger than any size.
            if size == 0 || size >= FAST {
                continue;
            }
            let next = self.table[index >> size];
            // The entry of a smaller index is joined already.
            if next > 0 && usize::from(next) + size <= FAST {
                self.table[index] = first + next;
            }
        }
    }

    /// Skips a symbol with its extra bits, or several literals. Returns what was skipped.
    #[inline]
    fn skip(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let index = bits.buffer & ((1 << FAST) - 1);
        let mut entry = self.table[usize::try_from(index).ok()?];
        if entry == 0 {
            let (symbol, size) = self.find(bits)?;
            entry = size + (self.kind)(symbol)?;
        }
        bits.drop(entry & BITS)?;
        Some(entry)
    }

    /// The next symbol and the length of its code.
    fn find(&self, bits: &Bits<'_>) -> Option<(usize, u8)> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for size in 1..=LONGEST {
            code |= usize::from(bits.buffer >> (size - 1) & 1 == 1);
            let count = self.counts[size];
            if code < first + count {
                let symbol = *self.symbols.get(index + code - first)?;
                return Some((usize::from(symbol), u8::try_from(size).ok()?));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Reads a stream bit by bit.
struct Bits<'a> {
    stream: &'a [u8],
    /// The first byte that is not in the buffer.
    next: usize,
    buffer: u64,
    /// How many bits of the buffer are the stream's.
    count: u32,
}

impl Bits<'_> {
    #[inline]
    fn fill(&mut self) {
        if self.count >= FILLED {
            return;
        }
        if let Some(word) = self.stream.get(self.next..).and_then(|s| s.first_chunk()) {
            self.buffer |= u64::from_le_bytes(*word) << self.count;
            let bytes = (63 - self.count) / 8;
            self.next += bytes as usize;
            self.count += bytes * 8;
        } else {
            self.fill_near_the_end();
        }
    }

    #[cold]
    fn fill_near_the_end(&mut self) {
        while self.count < FILLED
            && let Some(byte) = self.stream.get(self.next)
        {
            self.buffer |= u64::from(*byte) << self.count;
            self.next += 1;
            self.count += 8;
        }
    }

    #[inline]
    fn drop(&mut self, size: u8) -> Option<()> {
        self.count = self.count.checked_sub(u32::from(size))?;
        self.buffer >>= size;
        Some(())
    }

    /// The next `size` bits, at most 16.
    fn take(&mut self, size: u8) -> Option<u16> {
        self.fill();
        let bits = self.buffer & ((1 << size) - 1);
        self.drop(size)?;
        u16::try_from(bits).ok()
    }

    fn position(&self) -> usize {
        self.next * 8 - self.count as usize
    }

    /// Skips the content of a stored block, which starts at the next byte.
    fn skip_stored(&mut self) -> Option<()> {
        self.drop(u8::try_from(self.count % 8).ok()?)?;
        let (size, complement) = (self.take(16)?, self.take(16)?);
        let end = self.position() / 8 + usize::from(size);
        if size != !complement || end > self.stream.len() {
            return None;
        }
        (self.next, self.buffer, self.count) = (end, 0, 0);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::bufread::DeflateDecoder;
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn inflate(stream: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        DeflateDecoder::new(stream).read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Contents that lead to each kind of block and of code.
    fn contents() -> Vec<Vec<u8>> {
        let mut state = 1_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut contents = vec![
            Vec::new(),
            vec![7],
            vec![0; 200_000],
            (0..=255).cycle().take(100_000).collect(),
            b"to be or not to be, that is the question".to_vec(),
        ];
        contents.push((0..300_000).map(|_| random().to_le_bytes()[0]).collect());
        // Codes of all lengths: each byte is half as likely as the one before.
        let skewed = |n: u64| u8::try_from(n.trailing_zeros()).unwrap_or(64);
        contents.push((0..300_000).map(|_| skewed(random())).collect());
        let mut mixed = Vec::new();
        for part in contents.iter().cycle().take(12) {
            mixed.extend_from_slice(&part[..part.len().min(30_000)]);
            mixed.extend((0..5_000).map(|_| b"etaoin shrdlu"[(random() % 13) as usize]));
        }
        contents.push(mixed);
        contents
    }

    fn deflate(content: &[u8], level: u32) -> Vec<u8> {
        let mut stream = Vec::with_capacity(content.len() + 100_000);
        Compress::new(Compression::new(level), false)
            .compress_vec(content, &mut stream, FlushCompress::Finish)
            .unwrap();
        stream
    }

    #[test]
    fn the_last_block_is_found_whatever_compressed_it() {
        for content in contents() {
            for level in 0..=9 {
                let stream = deflate(&content, level);
                let last = find(&stream).unwrap();
                assert_eq!(last.end.div_ceil(8), stream.len(), "level {level}");
                // Without the mark of the end, an empty last block can follow.
                let mut joined = stream.clone();
                assert_eq!(joined[last.header / 8] >> (last.header % 8) & 1, 1);
                joined[last.header / 8] &= !(1 << (last.header % 8));
                joined.extend_from_slice(&[0; 8]);
                for (at, bit) in [1, 1].into_iter().enumerate() {
                    let at = last.end + at;
                    joined[at / 8] |= bit << (at % 8);
                }
                assert!(inflate(&joined) == content, "level {level}");
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_or_damaged_never_crashes_the_search() {
        for content in contents() {
            let stream = deflate(&content, 6);
            for end in (0..stream.len()).step_by(1 + stream.len() / 50) {
                assert_eq!(find(&stream[..end]), None, "{end} of {}", stream.len());
            }
            for at in (0..stream.len() * 8).step_by(1 + stream.len() / 10) {
                let mut damaged = stream.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                let _ = find(&damaged);
            }
        }
    }
}
