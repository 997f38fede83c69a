//! What stands for a user: a keyed hash of the id, cut to what the windows keep. The id itself goes no further.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use siphasher::sip::{SipHasher13, SipHasher24};

/// The key of the hashes.
///
/// Who does not know it cannot choose ids that crowd one place of the windows, nor tell whose hash it is. Instances that
/// merge their windows, or share a store, share the key; so does one process with the state it saved before.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u64; 2]);

impl Key {
    /// A key of this process alone.
    #[must_use]
    pub fn random() -> Key {
        let state = RandomState::new();
        Key([state.hash_one(0_u8), state.hash_one(1_u8)])
    }

    /// The key that belongs to a secret of the application: 16 random bytes or more, the same for all its instances.
    #[must_use]
    pub fn from_secret(secret: impl AsRef<[u8]>) -> Key {
        // Nothing that a key was made from is found from it but by trying secrets.
        let half = |half: u64| strong([half, 0x6163_7469_7669_7479], secret.as_ref());
        Key([half(1), half(2)])
    }

    /// What says whether two hashes have the same key, and nothing else of it.
    pub(super) fn check(&self) -> u64 {
        strong(self.0, b"monitor-runtime activity key")
    }

    /// A checksum that only who has the key can make.
    pub(super) fn seal(&self, bytes: &[u8]) -> u64 {
        strong(self.0, bytes)
    }

    /// The tag of an id, of whatever length and bytes.
    #[inline]
    pub(super) fn tag(&self, id: &[u8]) -> Tag {
        Tag(fast(self.0, id) >> (64 - Tag::BITS))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// What the windows keep of an id: 37 bits of its hash, so that one atomic word holds it beside the second it was seen.
///
/// Of 100,000 users two share a tag with a chance of 4 %; of ten million, 1 in 27,000 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag(u64);

impl Tag {
    pub(super) const BITS: u32 = 37;

    /// The tag in the low bits of `bits`.
    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Tag {
        Tag(bits & ((1 << Tag::BITS) - 1))
    }

    #[inline]
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// SipHash-2-4, for what an attacker may look at.
fn strong([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    SipHasher24::new_with_keys(k0, k1).hash(bytes)
}

/// SipHash-1-3, as in the standard library's maps, whose hasher takes no key and may change; what is saved or shared has
/// to be hashed alike for ever.
///
/// As far as is known it is a pseudo-random function: what it says of some ids tells nothing of others, nor of the key.
/// ARCHITECTURE.md has which faster hashes were tried.
#[inline]
fn fast([k0, k1]: [u64; 2], bytes: &[u8]) -> u64 {
    SipHasher13::new_with_keys(k0, k1).hash(bytes)
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher};

    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // The vectors of the authors' reference implementation: key 00..0f, input 00..len.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let input: Vec<u8> = (0..63).collect();
        for (len, hash) in [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
            (63, 0x958a_324c_eb06_4572),
        ] {
            assert_eq!(strong(key, &input[..len.min(63)]), hash, "{len} bytes");
        }
    }

    #[test]
    fn fewer_rounds_are_those_of_the_standard_library() {
        for len in [0, 1, 5, 8, 9, 16, 100, 1 << 20] {
            let input: Vec<u8> = (0..len).map(|n| (n * 31) as u8).collect();
            let mut hasher = DefaultHasher::new();
            hasher.write(&input);
            assert_eq!(fast([0, 0], &input), hasher.finish(), "{len} bytes");
        }
    }

    #[test]
    fn what_was_saved_before_siphasher_came_is_read_as_it_was() {
        // By the implementation that stood here before, and by one in another language.
        let key = Key::from_secret("of sixteen bytes");
        assert_eq!(key.check(), 0x2831_163f_d3ef_1c2a);
        assert_eq!(key.seal(b"saved"), 0xb08e_5b95_3843_ac93);
        let ids: [(&[u8], u64); 6] = [
            (b"", 0x0015_551a_57ab),
            (b"a", 0x000f_fc05_5367),
            (b"ada", 0x0017_1e34_58da),
            (b"grace@example.com", 0x0017_cd69_8c31),
            ("\u{5145}\u{503c}".as_bytes(), 0x000e_5347_508a),
            (&[b'x'; 1_000], 0x0009_e53a_06b3),
        ];
        for (id, tag) in ids {
            assert_eq!(key.tag(id).bits(), tag, "{}", id.escape_ascii());
        }
    }

    #[test]
    fn keys_differ_unless_their_secrets_are_the_same() {
        let secret = Key::from_secret("of sixteen bytes");
        assert_eq!(secret, Key::from_secret(b"of sixteen bytes"));
        assert_ne!(secret.check(), Key::from_secret("of sixteen byteS").check());
        assert_ne!(Key::random(), Key::random());
        assert_ne!(secret.tag(b"ada"), Key::random().tag(b"ada"));
        assert_eq!(format!("{secret:?}"), "Key(..)");
    }
}
