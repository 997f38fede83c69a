//! What is known as bytes: saved for the next process, or taken over by another. In them are tags, seconds and names of
//! events; no id, and nothing that leads to one without the key.
//!
//! ```text
//! "MACT", version 1, check of the key, second of the epoch, seconds of history, widest window
//! the number of series, then each: its name, and either users (tag and age) or cells (precision; register, rank, age)
//! the number of sessions, then each: tag, ages of its beginning and of its last sign
//! checksum: SipHash under the key, so that who does not have it can make no such bytes
//! ```
//!
//! Numbers are little-endian; ages are in seconds before the second of the epoch that stands in the head.

use std::io;
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::file::{StateError, VERSION};
use super::hash::Tag;
use super::inner::Inner;
use super::sessions::Session;
use super::windows::{Structure, Windows};
use crate::clock;
use crate::health::{self, Trouble};

const MAGIC: [u8; 4] = *b"MACT";
const USERS: u8 = 0;
const CELLS: u8 = 1;
/// The windows of all users, among those of the events.
const ALL: &str = "";
const NAME_MAX: usize = 255;
const CHECKSUM: usize = 8;

/// How much of the windows a crash may cost.
const SAVED_EVERY: Duration = Duration::from_secs(60);

/// Takes over what was saved, if it is whole; what is not is told and left alone until it is written over.
pub(super) fn restore(inner: &Inner) {
    let Some(file) = &inner.file else { return };
    let restored = file.load().and_then(|bytes| match bytes {
        Some(bytes) => merge(inner, &bytes, clock::unix_seconds() as u64, Sessions::TakenOver),
        None => Ok(()),
    });
    if let Err(error) = restored {
        health::trouble(Trouble::ActivityNotRestored);
        tracing::warn!(%error, file = %file.path().display(), "active users begin anew");
    }
}

/// Saves from time to time, as long as anybody holds the windows.
pub(super) fn keep_saving(inner: Weak<Inner>) -> io::Result<()> {
    let work = move || {
        loop {
            std::thread::sleep(SAVED_EVERY);
            let Some(inner) = inner.upgrade() else { return };
            if let Err(error) = save(&inner) {
                health::trouble(Trouble::ActivityNotSaved);
                tracing::warn!(%error, "active users were not saved");
            }
        }
    };
    std::thread::Builder::new().name("monitor-activity".to_owned()).spawn(work).map(drop)
}

pub(super) fn save(inner: &Inner) -> Result<(), StateError> {
    let file = inner.file.as_ref().ok_or(StateError::NoFile)?;
    file.save(&encode(inner, clock::unix_seconds() as u64, Sessions::TakenOver))
}

/// What becomes of sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    /// They go on in the next process.
    TakenOver,
    /// They are another process's.
    LeftOut,
}

/// `unix` is the second of the epoch now.
pub(super) fn encode(inner: &Inner, unix: u64, sessions: Sessions) -> Vec<u8> {
    let now = inner.now();
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(inner.key.check().to_le_bytes());
    bytes.extend(unix.to_le_bytes());
    bytes.extend((now - inner.known_since.load(Relaxed)).to_le_bytes());
    bytes.extend(inner.widest().to_le_bytes());
    let series: Vec<(&str, &Windows)> = std::iter::once((ALL, &inner.users))
        .chain(inner.events.iter())
        .filter(|(name, _)| name.len() <= NAME_MAX)
        .collect();
    bytes.extend((series.len() as u32).to_le_bytes());
    for (name, windows) in series {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        encode_windows(windows, now, &mut bytes);
    }
    let count = bytes.len();
    bytes.extend(0_u32.to_le_bytes());
    if sessions == Sessions::TakenOver {
        let mut open = 0_u32;
        inner.sessions.for_each(&mut |tag, session| {
            open += 1;
            bytes.extend(tag.bits().to_le_bytes());
            bytes.extend(now.saturating_sub(session.opened).to_le_bytes());
            bytes.extend(now.saturating_sub(session.seen).to_le_bytes());
        });
        bytes[count..count + 4].copy_from_slice(&open.to_le_bytes());
    }
    let checksum = inner.key.seal(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn encode_windows(windows: &Windows, now: u32, bytes: &mut Vec<u8>) {
    let exact = windows.structure() == Structure::Exact;
    bytes.push(if exact { USERS } else { CELLS });
    bytes.push(windows.precision() as u8);
    let count = bytes.len();
    bytes.extend(0_u32.to_le_bytes());
    let mut entries = 0_u32;
    if exact {
        windows.for_each_user(now, &mut |tag, second| {
            entries += 1;
            bytes.extend(tag.bits().to_le_bytes());
            bytes.extend(now.saturating_sub(second).to_le_bytes());
        });
    } else {
        windows.for_each_cell(now, &mut |register, rank, second| {
            entries += 1;
            bytes.extend((register as u16).to_le_bytes());
            bytes.push(rank as u8);
            bytes.extend(now.saturating_sub(second).to_le_bytes());
        });
    }
    bytes[count..count + 4].copy_from_slice(&entries.to_le_bytes());
}

/// Takes over what `bytes` say, where it is later than what is known; `unix` is the second of the epoch now.
pub(super) fn merge(inner: &Inner, bytes: &[u8], unix: u64, sessions: Sessions) -> Result<(), StateError> {
    let mut head = Reader(bytes);
    if head.array()? != MAGIC {
        return Err(StateError::Damaged);
    }
    let version = head.u32()?;
    if version != VERSION {
        return Err(StateError::Version(version));
    }
    if head.u64()? != inner.key.check() {
        return Err(StateError::OtherKey);
    }
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(StateError::Damaged)?;
    if inner.key.seal(body) != u64::from_le_bytes(*checksum) {
        return Err(StateError::Damaged);
    }
    // From here on they are what `encode` made.
    let mut rest = Reader(&body[bytes.len() - head.0.len()..]);
    let now = inner.now();
    // A wall clock that went back makes what is saved look newer than it is, by no more than it went back.
    let passed = unix.saturating_sub(rest.u64()?);
    let second = |age: u32| -> u32 {
        let age = u64::from(age).saturating_add(passed);
        u32::try_from(u64::from(now).saturating_sub(age)).unwrap_or(0)
    };
    let since = second(rest.u32()?);
    let _widest = rest.u32()?;
    let horizon = now - inner.widest();
    for _ in 0..rest.u32()? {
        let length = rest.u8()?;
        let name = std::str::from_utf8(rest.take(usize::from(length))?).map_err(|_| StateError::Damaged)?;
        let windows = if name == ALL { &inner.users } else { inner.events.of_another(name) };
        let (kind, precision) = (rest.u8()?, rest.u8()?);
        for _ in 0..rest.u32()? {
            match kind {
                USERS => {
                    let (tag, second) = (Tag::from_bits(rest.u64()?), second(rest.u32()?));
                    if second >= horizon {
                        windows.record_past(tag, second, now);
                    }
                }
                CELLS => {
                    let (register, rank, second) = (rest.u16()?, rest.u8()?, second(rest.u32()?));
                    if second >= horizon
                        && (u32::from(precision) != windows.precision()
                            || !windows.merge_cell(usize::from(register), usize::from(rank), second, now))
                    {
                        return Err(StateError::Damaged);
                    }
                }
                _ => return Err(StateError::Damaged),
            }
        }
    }
    for _ in 0..rest.u32()? {
        let tag = Tag::from_bits(rest.u64()?);
        let (opened, seen) = (second(rest.u32()?), second(rest.u32()?));
        if sessions == Sessions::TakenOver {
            inner.sessions.open(tag, Session { opened, seen });
        }
    }
    if sessions == Sessions::TakenOver {
        inner.known_since.fetch_min(since, Relaxed);
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(StateError::Damaged)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(StateError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, StateError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, StateError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, StateError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::{Activity, Key};
    use super::*;

    const DAY: u64 = 86_400;
    const UNIX: u64 = 1_800_000_000;

    /// At second `seconds` of a process.
    fn at(seconds: u64, exact_up_to: usize) -> Activity {
        Activity::builder()
            .registry(&prometheus::Registry::new())
            .key(Key::from_secret("of sixteen bytes"))
            .exact_up_to(exact_up_to)
            .clock(move || Duration::from_secs(seconds))
            .build()
            .expect("the settings are right")
    }

    fn restart(before: &Activity, down: u64, exact_up_to: usize) -> Activity {
        let after = at(0, exact_up_to);
        let saved = encode(&before.inner, UNIX, Sessions::TakenOver);
        merge(&after.inner, &saved, UNIX + down, Sessions::TakenOver).expect("it is whole");
        after
    }

    #[test]
    fn a_restart_loses_no_user_and_makes_none_younger() {
        for exact_up_to in [1_000, 1] {
            let before = at(5_000, exact_up_to);
            ["ada", "grace", "mary"].iter().for_each(|user| before.seen(user));
            before.event_by("purchase", "ada");
            before.session_opened("one");
            let of = |down| restart(&before, down, exact_up_to).snapshot();
            assert_eq!(of(0).users, [3; 5]);
            assert_eq!(of(59).users, [3; 5]);
            assert_eq!(of(61).users, [0, 3, 3, 3, 3]);
            assert_eq!(of(3_601).users, [0, 0, 0, 0, 3]);
            assert_eq!(of(DAY + 1).users, [0; 5]);
            assert_eq!(of(61).events, [("purchase", vec![0, 1, 1, 1, 1])]);
            assert_eq!(of(100).sessions_open, 1);
            assert_eq!(of(100).structure, before.snapshot().structure);
            // A restart is no outage, and what was known is known.
            assert_eq!(of(100).history, Duration::from_secs(100));
            let later = restart(&before, 100, exact_up_to);
            later.session_closed("one");
            assert_eq!(later.snapshot().sessions_open, 0);
        }
    }

    #[test]
    fn a_wall_clock_that_went_back_changes_nothing() {
        let before = at(0, 1_000);
        before.seen("ada");
        let after = at(0, 1_000);
        let saved = encode(&before.inner, UNIX, Sessions::TakenOver);
        merge(&after.inner, &saved, UNIX - DAY, Sessions::TakenOver).expect("it is whole");
        assert_eq!(after.snapshot().users, [1; 5]);
        // Nor does one that jumped ahead do more than empty the windows.
        let after = at(0, 1_000);
        merge(&after.inner, &saved, u64::MAX, Sessions::TakenOver).expect("it is whole");
        assert_eq!(after.snapshot().users, [0; 5]);
    }

    #[test]
    fn what_is_saved_says_nothing_of_who_it_was() {
        let activity = at(0, 1_000);
        activity.signed_in("ada.lovelace@example.org", "password");
        activity.session_opened("token-of-ada");
        let saved = encode(&activity.inner, UNIX, Sessions::TakenOver);
        for secret in ["ada.lovelace", "token-of-ada", "sixteen"] {
            assert!(!saved.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn another_limit_or_another_key_or_version_is_no_trouble() {
        let exact = at(0, 1_000);
        (0..500_u32).for_each(|user| exact.seen(user.to_le_bytes()));
        // Where the table is too small, the sketch takes them.
        let users = restart(&exact, 0, 10).snapshot().users[0];
        assert!(users.abs_diff(500) < 20, "{users}");
        // And a sketch makes one of what was exact.
        let sketch = restart(&restart(&exact, 0, 10), 0, 1_000).snapshot();
        assert_eq!((sketch.users[0], sketch.structure), (users, Structure::Sketch));

        let mut saved = encode(&exact.inner, UNIX, Sessions::TakenOver);
        let other = Activity::builder().registry(&prometheus::Registry::new()).build().expect("the settings are right");
        assert!(matches!(other.merge(&saved), Err(StateError::OtherKey)));
        saved[4] = 2;
        assert!(matches!(exact.merge(&saved), Err(StateError::Version(2))));
    }

    #[test]
    fn merged_instances_know_each_user_once() {
        for exact_up_to in [10_000, 1] {
            let instances = [0, 1, 2].map(|_| at(0, exact_up_to));
            // Each sees 1,000 of 2,000 users; all are seen, most of them twice.
            for (number, instance) in instances.iter().enumerate() {
                (0..1_000_u32).for_each(|user| instance.seen((number as u32 * 500 + user).to_le_bytes()));
            }
            let sketches = instances.each_ref().map(Activity::sketch);
            let counts = instances.each_ref().map(|instance| {
                // In any order, any number of times.
                sketches.iter().chain(&sketches[..2]).rev().for_each(|sketch| instance.merge(sketch).expect("whole"));
                instance.snapshot().users
            });
            assert_eq!(counts[0], counts[1]);
            assert_eq!(counts[0], counts[2]);
            let off = counts[0][0].abs_diff(2_000);
            assert!(if exact_up_to == 1 { off < 60 } else { off == 0 }, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_told_and_change_nothing(at_byte in 0_usize..400, bit in 0_u8..8, cut in any::<bool>()) {
            let before = at(0, 1_000);
            ["ada", "grace", "mary"].iter().for_each(|user| before.event_by("purchase", user));
            before.session_opened("one");
            let mut saved = encode(&before.inner, UNIX, Sessions::TakenOver);
            let at_byte = at_byte % saved.len();
            if cut {
                saved.truncate(at_byte);
            } else {
                saved[at_byte] ^= 1 << bit;
            }
            let after = at(0, 1_000);
            prop_assert!(merge(&after.inner, &saved, UNIX, Sessions::TakenOver).is_err());
            let now = after.snapshot();
            prop_assert_eq!((now.users, now.sessions_open), (vec![0; 5], 0));
        }

        #[test]
        fn any_bytes_are_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(at(0, 10).merge(&bytes).is_err());
        }
    }
}
