//! What an update consists of (J), each part alone: the keyed hash beside others, the table, the sketch. The project's own
//! files are compiled in, because nothing of them is public.

use harness::{Suite, black_box};
use highway::HighwayHash;

#[path = "../../../../monitor-runtime/src/activity/hash.rs"]
#[allow(dead_code, reason = "the runtime uses all of it")]
mod hash;
#[path = "../../../../monitor-runtime/src/activity/sketch.rs"]
#[allow(dead_code, reason = "the runtime uses all of it")]
mod sketch;
#[path = "../../../../monitor-runtime/src/activity/table.rs"]
#[allow(dead_code, reason = "the runtime uses all of it")]
mod table;

mod sync {
    pub(super) use std::sync::atomic;

    pub(super) fn write_before_read() {}
}

/// `ids` are hashed at random; the structures are given tags made before.
pub(crate) fn run(ids: &'static [[u8; 13]]) {
    let users = ids.len() as u64;
    let mut s = Suite::default();
    let mut add = |name: &str, mut case: Box<dyn FnMut(&'static [u8; 13])>| {
        s.add(name, move |calls| crate::at_random(users, calls, |user| case(black_box(&ids[user]))));
    };
    add(
        "a random id, its bytes read (baseline)",
        Box::new(|id| {
            black_box(*id);
        }),
    );
    let key = hash::Key::from_secret("of sixteen bytes");
    add(
        "**ours**: SipHash-1-3",
        Box::new(move |id| {
            black_box(key.tag(id));
        }),
    );
    let state = siphasher::sip::SipHasher13::new_with_keys(1, 2);
    add(
        "siphasher's SipHash-1-3",
        Box::new(move |id| {
            black_box(state.hash(id));
        }),
    );
    add(
        "highway's HighwayHash",
        Box::new(move |id| {
            black_box(highway::HighwayHasher::new(highway::Key([1, 2, 3, 4])).hash64(id));
        }),
    );
    let aes = <aes::Aes128Enc as aes::cipher::KeyInit>::new(&[7; 16].into());
    add(
        "aes's AES-128, one block",
        Box::new(move |id| {
            let mut block = [0_u8; 16];
            block[..13].copy_from_slice(id);
            let mut block = block.into();
            aes::cipher::BlockCipherEncrypt::encrypt_block(&aes, &mut block);
            black_box(block);
        }),
    );
    let secrets = rapidhash::v3::RapidSecrets::seed(7);
    add(
        "rapidhash, a seed that is secret: does not keep A4",
        Box::new(move |id| {
            black_box(rapidhash::v3::rapidhash_v3_seeded(id, &secrets));
        }),
    );
    s.run(&format!("J. The hash alone, {users} ids of 13 bytes"));

    let key = hash::Key::from_secret("of sixteen bytes");
    let tags: &'static [hash::Tag] = ids.iter().map(|id| key.tag(id)).collect::<Vec<_>>().leak();
    let mut s = Suite::default();
    let mut add = |name: &str, mut case: Box<dyn FnMut(hash::Tag)>| {
        tags.iter().copied().for_each(&mut case);
        s.add(name, move |calls| crate::at_random(users, calls, |user| case(black_box(tags[user]))));
    };
    add(
        "a random tag, read (baseline)",
        Box::new(|tag| {
            black_box(tag);
        }),
    );
    let table = table::Table::new(ids.len());
    add(
        "**ours**, the table",
        Box::new(move |tag| {
            black_box(table.record(tag, 100_000, 10));
        }),
    );
    let sketch = sketch::Sketch::new(14);
    add("**ours**, the sketch", Box::new(move |tag| sketch.record(tag, 100_000)));
    s.run(&format!("J. The structures alone, {users} users"));
}
