//! How many users, whatever their number: a HyperLogLog whose registers remember when, so that one of fixed size answers
//! every window. What is recorded, and at which second, is for its users to say.
//!
//! A HyperLogLog (Flajolet et al. 2007; Heule et al. 2013) hashes each user to a register and a rank, k with chance
//! 2^-k, and keeps the highest rank of each register: m registers tell the number within 1.04/sqrt(m). To forget users
//! that have left the window, the sliding one (Chabchoub and Hebrail 2010) keeps for each register a list of the ranks
//! that may still become the highest, with their times. Here each register has a cell for each rank instead, with the
//! latest second it was seen: the room is fixed, an update is an atomic maximum, and a merge takes the later of two cells.
//! The highest rank whose second lies in a window is the register's value for that window.
//!
//! The number is estimated from the values as Ertl (2017) does it, without the bias tables of Heule et al., from none to
//! far more users than there are registers.

use super::hash::Tag;
use super::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The estimate is within this of the number in two cases of three: the standard error, as a share.
pub(super) fn relative_error(precision: u32) -> f64 {
    1.04 / f64::from(1_u32 << precision).sqrt()
}

/// See the file's head.
pub(super) struct Sketch {
    /// 2^precision registers.
    precision: u32,
    /// Rank 1 of each register, then rank 2, ..; each the latest second that it was seen, 0 for never. Half of all updates
    /// meet in the first row and a quarter in the second, which stay in the processor's cache.
    cells: Box<[AtomicU32]>,
}

/// Registers that are counted at once.
const BLOCK: usize = if cfg!(loom) { 1 } else { 128 };

impl Sketch {
    /// With one less than 2^precision, what a tag has left for ranks.
    pub(super) fn new(precision: u32) -> Sketch {
        let cells = ranks(precision) << precision;
        Sketch { precision, cells: (0..cells).map(|_| AtomicU32::new(0)).collect() }
    }

    /// Sees a user.
    #[inline]
    pub(super) fn record(&self, tag: Tag, second: u32) {
        let register = tag.bits() as usize & (self.registers() - 1);
        // The bits above the register's number. All of them zero is the last rank.
        let rest = (tag.bits() >> self.precision) | (1 << (Tag::BITS - self.precision));
        self.see(register, rest.trailing_zeros() as usize, second);
    }

    /// The latest second wins.
    #[inline]
    fn see(&self, register: usize, rank: usize, second: u32) {
        // Looked at first: most often it was seen in this second already, and its line can stay with all cores.
        if let Some(cell) = self.cells.get((rank << self.precision) + register)
            && cell.load(Relaxed) < second
        {
            cell.fetch_max(second, Relaxed);
        }
    }

    /// How many users were seen at or after each of the seconds `since`.
    pub(super) fn counts(&self, since: &[u32]) -> Vec<f64> {
        let values_a_window = ranks(self.precision) + 1;
        // How many registers have each value.
        let mut values = vec![0_u32; since.len() * values_a_window];
        let mut highest = vec![[0_u32; BLOCK]; since.len()];
        let mut seconds = [0; BLOCK];
        for first in (0..self.registers()).step_by(BLOCK) {
            let block = BLOCK.min(self.registers() - first);
            highest.fill([0; BLOCK]);
            for (rank, cells) in self.cells.chunks_exact(self.registers()).enumerate() {
                // Out of the atomics, so that the processor compares many of them at once.
                for (second, cell) in seconds.iter_mut().zip(&cells[first..first + block]) {
                    *second = cell.load(Relaxed);
                }
                for (highest, since) in highest.iter_mut().zip(since) {
                    for (highest, second) in highest.iter_mut().zip(&seconds) {
                        *highest = if second >= since { rank as u32 + 1 } else { *highest };
                    }
                }
            }
            for (values, highest) in values.chunks_exact_mut(values_a_window).zip(&highest) {
                highest[..block].iter().for_each(|value| values[*value as usize] += 1);
            }
        }
        values.chunks_exact(values_a_window).map(estimate).collect()
    }

    /// The cells that can matter to a window that begins at `since` or later: register, rank, second. A rank below a
    /// higher one that was seen later never does.
    pub(super) fn for_each_cell(&self, since: u32, visit: &mut dyn FnMut(usize, usize, u32)) {
        for register in 0..self.registers() {
            let mut latest = since.saturating_sub(1);
            for rank in (0..ranks(self.precision)).rev() {
                let second = self.cells[(rank << self.precision) + register].load(Relaxed);
                if second > latest {
                    latest = second;
                    visit(register, rank, second);
                }
            }
        }
    }

    fn registers(&self) -> usize {
        1 << self.precision
    }

    /// Takes over a cell of another sketch of the same precision; false if there is no such cell.
    pub(super) fn merge_cell(&self, register: usize, rank: usize, second: u32) -> bool {
        let fits = rank < ranks(self.precision) && register < self.registers();
        if fits {
            self.see(register, rank, second);
        }
        fits
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }
}

/// How many ranks a register has: one for each bit that a tag has left, and one for all of them zero.
const fn ranks(precision: u32) -> usize {
    (Tag::BITS - precision + 1) as usize
}

/// The number of users, from how many registers have each value (Ertl 2017, algorithm 6).
fn estimate(values: &[u32]) -> f64 {
    let registers: f64 = values.iter().copied().map(f64::from).sum();
    let [none, ranks @ .., full] = values else { return 0.0 };
    let mut z = registers * tau(1.0 - f64::from(*full) / registers);
    for count in ranks.iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += registers * sigma(f64::from(*none) / registers);
    // Its limit for many registers; of 16, the fewest there are, it is 3 % off.
    registers * registers / (2.0 * std::f64::consts::LN_2 * z)
}

/// x + x^2 + 2 x^4 + 4 x^8 + ..
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// The same for registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
