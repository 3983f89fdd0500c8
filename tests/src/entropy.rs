//! Randomness that a seed decides.

use std::sync::{Mutex, PoisonError};

use strongroom_archiver::store::file;
use strongroom_crypto::keys::Entropy;

/// `SplitMix64`: the same seed gives the same numbers, on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice of a seed; `part` tells apart those that one seed needs.
    pub fn new(seed: u64, part: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ part.rotate_left(32));
        // Seeds that lie side by side are far apart from here on.
        dice.number();
        dice
    }

    /// A number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// As stores want it.
    pub fn into_closure(self) -> file::Entropy {
        let dice = Mutex::new(self);
        Box::new(move || dice.lock().unwrap_or_else(PoisonError::into_inner).number())
    }
}

impl Entropy for Dice {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.number().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
