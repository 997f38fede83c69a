//! What was learned, in a file: written as a whole or not at all, and checked when it is read. What it means is the
//! detector's matter.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::{fmt, process};

/// How each file begins.
const MAGIC: &[u8] = b"monitor-anomaly\n";
const VERSION: u32 = 1;
/// A file that is longer was not written here: the endpoints that there may be take less.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Why a file of what was learned cannot be taken. Nothing of it is used then.
#[derive(Debug)]
#[non_exhaustive]
pub enum RestoreError {
    /// It cannot be read.
    Io(io::Error),
    /// Another version wrote it.
    Version {
        /// Which.
        found: u32,
    },
    /// It is damaged, or no such file.
    Damaged {
        /// What is wrong with it.
        what: &'static str,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestoreError::Io(error) => write!(f, "what was learned cannot be read: {error}"),
            RestoreError::Version { found } => {
                write!(f, "what was learned was written by version {found}; this is version {VERSION}")
            }
            RestoreError::Damaged { what } => write!(f, "the file of what was learned is damaged: {what}"),
        }
    }
}

impl std::error::Error for RestoreError {}

/// Writes what each name learned. Beside `path` first, so that there is always a whole file.
pub(crate) fn write(path: &Path, learned: &[(&str, Vec<u8>)]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(&encode(learned))?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}

/// Reads what [`write`] wrote; nothing where there is no file yet.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Vec<u8>)>, RestoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RestoreError::Io(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(RestoreError::Io)?;
    decode(&bytes)
}

fn encode(learned: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    for (name, state) in learned {
        for part in [name.as_bytes(), state] {
            bytes.extend((part.len() as u32).to_le_bytes());
            bytes.extend(part);
        }
    }
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, RestoreError> {
    let damaged = |what| RestoreError::Damaged { what };
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(damaged("it is too long"));
    }
    let rest = bytes.strip_prefix(MAGIC).ok_or(damaged("it begins otherwise"))?;
    let (version, rest) = rest.split_first_chunk().ok_or(damaged("it ends too soon"))?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(RestoreError::Version { found: version });
    }
    let (mut rest, sum) = rest.split_last_chunk().ok_or(damaged("it ends too soon"))?;
    if u64::from_le_bytes(*sum) != checksum(&bytes[..bytes.len() - 8]) {
        return Err(damaged("its checksum is another"));
    }
    let mut part = || {
        let (length, more) = rest.split_first_chunk()?;
        let (part, more) = more.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = more;
        Some((part.to_vec(), more.is_empty()))
    };
    let mut learned = Vec::new();
    let mut is_empty = bytes.len() == MAGIC.len() + 4 + 8;
    while !is_empty {
        let (name, _) = part().ok_or(damaged("it ends too soon"))?;
        let (state, last) = part().ok_or(damaged("it ends too soon"))?;
        learned.push((String::from_utf8(name).map_err(|_| damaged("a name is no text"))?, state));
        is_empty = last;
    }
    Ok(learned)
}

/// FNV-1a, of 64 bits: it finds damage, which is all that is asked of it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(learned in prop::collection::vec((".{0,20}", prop::collection::vec(any::<u8>(), 0..50)), 0..5)) {
            let given: Vec<(&str, Vec<u8>)> = learned.iter().map(|(name, state)| (&**name, state.clone())).collect();
            prop_assert_eq!(decode(&encode(&given)).expect("as it was written"), learned);
        }

        #[test]
        fn no_damage_is_taken_and_none_panics(at in 0usize..200, bits in 1u8.., cut in 0usize..200) {
            let whole = encode(&[("/a", vec![7; 40]), ("credit_charging", vec![9; 60])]);
            let mut damaged = whole.clone();
            let at = at % damaged.len();
            damaged[at] ^= bits;
            prop_assert!(decode(&damaged).is_err());
            prop_assert!(decode(&whole[..cut % whole.len()]).is_err());
        }
    }

    #[test]
    fn a_newer_file_is_told_from_a_damaged_one() {
        let mut newer = encode(&[]);
        newer[MAGIC.len()] = 2;
        assert!(matches!(decode(&newer), Err(RestoreError::Version { found: 2 })));
    }
}
