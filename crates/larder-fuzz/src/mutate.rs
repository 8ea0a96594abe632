//! A small mutator: it changes bytes, cuts, repeats and mixes inputs, and inserts words of other
//! inputs. It is deterministic, so that a test that fails once fails again.

/// A generator of pseudo-random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, or 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

/// Bytes that mean something in many formats.
const BYTES: &[u8] = b"\0\x01\x7f\x80\xff\n\r\t \"'#%&*+,-./0127:;<=>?@L[\\]_{|}~";

/// The numbers that limits are usually near to.
const NUMBERS: [u64; 7] = [0, 1, 255, 1 << 15, 1 << 31, 1 << 32, u64::MAX];

/// Changes seeds.
#[derive(Clone, Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    random: Random,
}

impl Mutator {
    /// A mutator of these seeds.
    pub fn new(seeds: Vec<Vec<u8>>, random: Random) -> Self {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let mut words: Vec<Vec<u8>> = seeds
            .iter()
            .flat_map(|seed| seed.chunk_by(|a, b| is_word(a) == is_word(b)))
            .filter(|word| word.len() <= 64)
            .map(<[u8]>::to_vec)
            .collect();
        words.sort();
        words.dedup();
        Self {
            seeds,
            words,
            random,
        }
    }

    /// A seed with one to five changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut bytes = self.random.pick(&self.seeds).cloned().unwrap_or_default();
        for _ in 0..=self.random.below(5) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let random = &mut self.random;
        let length = bytes.len();
        let at = random.below(length);
        let end = (at + 1 + random.below(64)).min(length);
        let kind = random.below(12);
        match kind {
            _ if length == 0 => bytes.extend(random.pick(&self.words).into_iter().flatten()),
            0..=1 => bytes[at] = random.next().to_le_bytes()[0],
            2 => bytes[at] ^= 1 << random.below(8),
            3..=4 => bytes[at] = random.pick(BYTES).copied().unwrap_or(0),
            5 => bytes.truncate(at),
            6 => {
                bytes.drain(at..end);
            }
            7 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(length);
                bytes.splice(to..to, piece);
            }
            8 => {
                let number = random.pick(&NUMBERS).copied().unwrap_or(0).to_le_bytes();
                let width = 1 << random.below(4);
                bytes.splice(at..(at + width).min(length), number[..width].to_vec());
            }
            9 => {
                let other = random.pick(&self.seeds).cloned().unwrap_or_default();
                let from = random.below(other.len());
                let to = (from + random.below(600)).min(other.len());
                bytes.splice(at..end, other[from..to].to_vec());
            }
            _ => {
                let word = random.pick(&self.words).cloned().unwrap_or_default();
                let end = if kind == 10 { at } else { end };
                bytes.splice(at..end, word);
            }
        }
    }
}
