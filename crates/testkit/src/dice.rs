//! Chance that can be repeated.

/// A small generator of pseudo-random numbers (SplitMix64): the same seed, the same numbers, on every machine.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator that starts from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number from 0 to below a bound; 0 where the bound is less than 1.
    ///
    /// # Panics
    /// Never: a number below a bound fits the bound's type.
    pub fn below<T: TryInto<u64> + TryFrom<u64>>(&mut self, bound: T) -> T {
        let bound = bound.try_into().unwrap_or(1).max(1);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        T::try_from((z ^ (z >> 31)) % bound).unwrap_or_else(|_| unreachable!("it is below a number of the type"))
    }
}
