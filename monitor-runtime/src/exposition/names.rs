//! Who owns which name on the page: a name written by two families makes the whole page invalid.

use std::hash::BuildHasher as _;

/// A set of names, each made of a family's name and a suffix. It keeps its memory when it is emptied, so that a
/// scrape need not allocate.
#[derive(Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Open addressing over the names' numbers, counted from 1; 0 is a free slot. At most half full.
    slots: Vec<u32>,
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.slots.fill(0);
    }

    /// Takes `name` with each of the suffixes, or none of them and false where one is taken already.
    pub(super) fn take(&mut self, name: &str, suffixes: &[&str]) -> bool {
        let known = self.ends.len();
        for suffix in suffixes {
            self.bytes.extend_from_slice(name.as_bytes());
            self.bytes.extend_from_slice(suffix.as_bytes());
            if self.slot(self.name(self.ends.len(), self.bytes.len())).is_err() {
                self.bytes.truncate(self.start(known));
                self.ends.truncate(known);
                return false;
            }
            self.ends.push(self.bytes.len());
        }
        for number in known..self.ends.len() {
            self.insert(number);
        }
        true
    }

    fn insert(&mut self, number: usize) {
        if self.slots.len() < 2 * (number + 1) {
            self.slots.clear();
            self.slots.resize((4 * (number + 1)).next_power_of_two().max(64), 0);
            for earlier in 0..number {
                self.insert(earlier);
            }
        }
        if let Ok(slot) = self.slot(self.name(number, self.ends[number])) {
            self.slots[slot] = u32::try_from(number + 1).unwrap_or(0);
        }
    }

    /// The free slot for a name that nobody has; an error where somebody has it.
    fn slot(&self, name: &[u8]) -> Result<usize, ()> {
        if self.slots.is_empty() {
            return Ok(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = foldhash::fast::FixedState::default().hash_one(name) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Ok(slot),
                number => {
                    let number = number as usize - 1;
                    if self.name(number, self.ends[number]) == name {
                        return Err(());
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn name(&self, number: usize, end: usize) -> &[u8] {
        &self.bytes[self.start(number)..end]
    }

    fn start(&self, number: usize) -> usize {
        number.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_name_has_one_owner_whatever_it_is_made_of() {
        let mut names = Names::default();
        assert!(names.take("x", &["", "_bucket", "_sum", "_count"]));
        assert!(!names.take("x_count", &[""]));
        assert!(!names.take("x_co", &["unt"]));
        assert!(names.take("x_counts", &[""]));
        names.clear();
        assert!(names.take("x_count", &[""]));
    }

    #[test]
    fn whoever_is_refused_takes_nothing() {
        let mut names = Names::default();
        assert!(names.take("x_sum", &[""]));
        assert!(!names.take("x", &["", "_bucket", "_sum"]));
        assert!(names.take("x", &["", "_bucket"]));
    }

    #[test]
    fn it_grows() {
        let mut names = Names::default();
        for n in 0..3000 {
            assert!(names.take(&format!("family_{n}"), &["", "_total"]));
        }
        for n in 0..3000 {
            assert!(!names.take(&format!("family_{n}_tot"), &["al"]));
        }
        assert!(names.take("family_3000", &["", "_total"]));
    }
}
