//! Cheap random numbers for a data thread: which endpoint, which backend, which trace id. Never for secrets.

use std::cell::Cell;

/// `SplitMix64`: one addition and two multiplications a number, good enough to spread load and to tell traces apart.
#[derive(Debug)]
pub(super) struct Random {
    state: Cell<u64>,
}

impl Random {
    /// Numbers that follow from `seed`.
    pub(super) const fn from_seed(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// Any number.
    pub(super) fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; zero if that is zero. Multiplies instead of dividing; the bias is below `bound` / 2³².
    pub(super) fn below(&self, bound: u32) -> u32 {
        let scaled = (self.next() >> 32) * u64::from(bound);
        u32::try_from(scaled >> 32).unwrap_or(0)
    }

    /// The same for the length of a list; lists here are far below 2³².
    pub(super) fn below_usize(&self, bound: usize) -> usize {
        let below = self.below(u32::try_from(bound).unwrap_or(u32::MAX));
        usize::try_from(below).unwrap_or(0)
    }
}
