//! Reproducible choices.

use std::fmt::Write as _;

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014): one addition and one mix for 64 bits. Not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A sequence of its own for each label, so that one part of a sample does not move another.
    pub(super) fn new(seed: u64, label: &str) -> Self {
        // FNV-1a.
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut random = Self(seed ^ label.bytes().fold(0xcbf2_9ce4_8422_2325, fold));
        random.next();
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`, or 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// An index into `length` items, each as likely.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// An index into `length` items; the first are the most likely by far, as in real life.
    pub(super) fn skewed(&mut self, length: usize) -> usize {
        let most = self.index(length) + 1;
        self.index(most)
    }

    /// One of the items, each as likely.
    pub(super) fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        word(items, self.index(items.len()))
    }

    /// One of the items, the first more likely.
    pub(super) fn favour<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        at(items, self.skewed(items.len()))
    }

    /// Characters out of an ASCII alphabet.
    pub(super) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*at(alphabet, self.index(alphabet.len())))).collect()
    }

    /// Lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            // Writing to a string does not fail.
            write!(text, "{:016x}", self.next()).unwrap_or_default();
        }
        text.truncate(digits);
        text
    }

    /// A version 4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// Characters as in AWS's key and principal ids.
    pub(super) fn base32(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
    }

    /// Characters as in a Base64 text.
    pub(super) fn base64(&mut self, length: usize) -> String {
        self.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", length)
    }

    /// Characters as Kubernetes puts behind a generated name.
    pub(super) fn suffix(&mut self, length: usize) -> String {
        self.text(b"bcdfghjklmnpqrstvwxz2456789", length)
    }
}

/// The word at `index`, counted around.
pub(super) fn word<'a>(words: &[&'a str], index: usize) -> &'a str {
    let word: &&str = at(words, index);
    word
}

/// The item at `index`, counted around.
#[expect(clippy::indexing_slicing, reason = "an index is drawn for the very list it is used on")]
pub(super) fn at<T>(items: &[T], index: usize) -> &T {
    // INVARIANT: the lists of a sample are constants or built with at least one item.
    &items[index % items.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        // The first outputs of SplitMix64 for seed 1234567, as its authors publish them.
        let mut random = Random(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn draws_stay_within_their_bounds() {
        let mut random = Random::new(1, "bounds");
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!(random.skewed(7) < 7);
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.hex(33).len(), 33);
        let uuid = random.uuid();
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'));
    }
}
