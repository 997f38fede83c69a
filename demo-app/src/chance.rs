//! Numbers that look random and are the same for the same seed: for reports, failures and traffic that can be had again.

/// A source of such numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn of(seed: u64) -> Chance {
        Chance(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The high bits of a product: no division, and no bias that anybody could see.
        ((u128::from(self.number()) * u128::from(end)) >> 64) as u64
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_four_is_about_a_quarter_and_the_same_each_time() {
        let hits = || {
            let mut chance = Chance::of(7);
            (0..10_000).filter(|_| chance.one_in(4)).count()
        };
        assert_eq!(hits(), hits());
        assert!((2_350..2_650).contains(&hits()), "{}", hits());
        let mut chance = Chance::of(1);
        assert!((0..1_000).all(|_| chance.below(3) < 3));
    }
}
