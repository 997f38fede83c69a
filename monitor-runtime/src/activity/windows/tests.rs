//! The windows beside a plain model: a map of users to when they were last seen.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::activity::hash::Key;

const SPANS: [u32; 5] = [60, 300, 900, 3_600, 86_400];
const WIDEST: u32 = 86_400;
const MINUTE: u32 = 60;

fn since(now: u32) -> Vec<u32> {
    SPANS.iter().map(|span| now - span).collect()
}

fn tag(user: u32) -> Tag {
    // Always the same key, so that what passes once passes always.
    Key::from_secret("windows").tag(&user.to_le_bytes())
}

/// Counts the users of windows whose widest is a minute, and lets them tend to what that asks for, as a scrape does.
fn scrape(windows: &Windows, now: u32) -> u64 {
    let users = windows.counts(&[now - MINUTE], now)[0];
    windows.tend(users, || now);
    users
}

/// Whom somebody sees, and how long after the one before.
fn visits(users: u32) -> impl Strategy<Value = Vec<(u32, u32)>> {
    let pause = prop_oneof![8 => 0_u32..3, 2 => 50_u32..70, 1 => 800_u32..4_000, 1 => 80_000_u32..90_000];
    prop::collection::vec((0..users, pause), 0..400)
}

proptest! {
    #[test]
    fn up_to_the_limit_the_windows_are_exact(visits in visits(60)) {
        let windows = Windows::new(60, 14, WIDEST);
        let mut model = HashMap::new();
        let mut now = WIDEST + 2;
        for (user, pause) in visits {
            now += pause;
            windows.record(tag(user), now);
            model.insert(user, now);
            let expected: Vec<u64> =
                since(now).iter().map(|since| model.values().filter(|seen| *seen >= since).count() as u64).collect();
            prop_assert_eq!(windows.counts(&since(now), now), expected);
        }
        prop_assert_eq!(windows.structure(), Structure::Exact);
    }

    #[test]
    fn beyond_the_limit_the_sketch_tells_about_as_many(visits in visits(3_000), limit in 1_usize..40) {
        let windows = Windows::new(limit, 14, WIDEST);
        let mut model = HashMap::new();
        let mut now = WIDEST + 2;
        for (user, pause) in visits {
            now += pause;
            windows.record(tag(user), now);
            model.insert(user, now);
        }
        // Of 400 users at most, in 16,384 registers, few share one.
        for (count, since) in windows.counts(&since(now), now).into_iter().zip(since(now)) {
            let expected = model.values().filter(|seen| **seen >= since).count() as f64;
            prop_assert!((count as f64 - expected).abs() <= 2.0 + expected * 0.04, "{count} of {expected}");
        }
    }

    #[test]
    fn who_is_seen_late_is_no_younger_for_it(visits in visits(30)) {
        // Threads read the clock and then record: the older second may come last.
        let (straight, shuffled) = (Windows::new(60, 14, WIDEST), Windows::new(60, 14, WIDEST));
        let mut now = WIDEST + 2;
        let seconds: Vec<_> = visits.iter().map(|(user, pause)| { now += pause % 70; (*user, now) }).collect();
        for (user, second) in &seconds {
            straight.record(tag(*user), *second);
        }
        for (user, second) in seconds.iter().rev() {
            shuffled.record(tag(*user), *second);
        }
        prop_assert_eq!(straight.counts(&since(now), now), shuffled.counts(&since(now), now));
    }
}

proptest! {
    // Each looks at the windows at every second of its time.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whichever_answers_it_is_right_however_often_it_changes(
        waves in prop::collection::vec((1_u32..120, 1_u32..20, prop_oneof![0_u32..30, 60_u32..200]), 1..20),
    ) {
        // Waves of users in seconds of a minute's window, around a limit of 40; and pauses between them.
        let windows = Windows::new(40, 10, MINUTE);
        let mut model = HashMap::new();
        let mut now = MINUTE + 2;
        let mut first = 0;
        for (users, seconds, pause) in waves {
            for second in 0..seconds {
                for user in (first..first + users).filter(|user| user % seconds == second) {
                    windows.record(tag(user), now);
                    model.insert(user, now);
                }
                let since = [now - 9, now - MINUTE];
                let counts = windows.counts(&since, now);
                for (count, since) in counts.iter().zip(since) {
                    let expected = model.values().filter(|seen| **seen >= since).count() as u64;
                    match windows.structure() {
                        Structure::Exact => prop_assert_eq!(*count, expected),
                        Structure::Sketch => prop_assert!(count.abs_diff(expected) <= 4 + expected / 8),
                    }
                }
                windows.tend(counts[1], || now);
                now += 1;
            }
            first += users / 2;
            now += pause;
        }
    }
}

#[test]
fn a_minute_and_a_second_after_the_last_user_the_minute_is_empty() {
    for limit in [1, 1_000] {
        let windows = Windows::new(limit, 14, WIDEST);
        let now = WIDEST + 2;
        (0..100).for_each(|user| windows.record(tag(user), now));
        assert_ne!(windows.counts(&since(now + 60), now + 60)[0], 0, "limit {limit}");
        let counts = windows.counts(&since(now + 61), now + 61);
        assert_eq!(counts[0], 0, "limit {limit}");
        assert!(counts[1].abs_diff(100) <= 1, "limit {limit}: {counts:?}");
        assert_eq!(windows.counts(&since(now + WIDEST + 1), now + WIDEST + 1), [0; 5], "limit {limit}");
    }
}

#[test]
fn the_limit_is_of_users_within_the_widest_window() {
    let windows = Windows::new(1_600, 14, WIDEST);
    let mut now = WIDEST + 2;
    // 100,000 users in all, 1,500 of them a day.
    for user in 0..100_000 {
        windows.record(tag(user), now);
        if user % 1_500 == 1_499 {
            now += WIDEST + 1;
        }
    }
    assert_eq!(windows.structure(), Structure::Exact);
    assert_eq!(windows.relative_error(), 0.0);
    // One too many within a day, at once.
    for user in 0..1_601 {
        assert_eq!(windows.structure(), Structure::Exact, "{user} users");
        windows.record(tag(200_000 + user), now + WIDEST + 1);
    }
    let counts = windows.counts(&since(now + WIDEST + 1), now + WIDEST + 1);
    assert_eq!(windows.structure(), Structure::Sketch);
    assert!(windows.relative_error() < 0.0082);
    assert!(counts[4].abs_diff(1_601) < 40, "{counts:?}");
}

#[test]
fn few_users_for_a_whole_window_bring_the_table_back_as_often_as_it_takes() {
    let windows = Windows::new(100, 12, MINUTE);
    let mut now = MINUTE + 2;
    for round in 0..5 {
        (0..150).for_each(|user| windows.record(tag(round * 1_000 + user), now));
        assert!(scrape(&windows, now).abs_diff(150) < 6);
        assert_eq!(windows.structure(), Structure::Sketch, "round {round}");
        // So many more that the way back is given up once.
        now += MINUTE + 1;
        assert_eq!(scrape(&windows, now), 0);
        now += 10;
        (0..110).for_each(|user| windows.record(tag(round * 1_000 + 200 + user), now));
        assert!(scrape(&windows, now).abs_diff(110) < 5);
        now += MINUTE + 1;
        // Half the limit is few.
        for _ in 0..MINUTE + 2 {
            (0..50).for_each(|user| windows.record(tag(round * 1_000 + 400 + user), now));
            assert!(scrape(&windows, now).abs_diff(50) <= 2, "round {round}");
            assert_eq!(windows.structure(), Structure::Sketch, "round {round}");
            now += 1;
        }
        assert!(scrape(&windows, now).abs_diff(50) <= 2);
        assert_eq!(scrape(&windows, now), 50, "round {round}: the table answers, and it has all of them");
        assert_eq!((windows.structure(), windows.relative_error()), (Structure::Exact, 0.0));
        now += MINUTE;
        assert_eq!(scrape(&windows, now), 0);
    }
}

#[test]
fn what_another_s_sketch_brings_is_not_lost_on_the_way_back() {
    let windows = Windows::new(100, 12, MINUTE);
    let mut now = MINUTE + 2;
    (0..150).for_each(|user| windows.record(tag(user), now));
    now += MINUTE + 1;
    assert_eq!(scrape(&windows, now), 0);
    now += MINUTE;
    // Of a user that no table knows.
    assert!(windows.merge_cell(7, 3, now, now));
    for _ in 0..MINUTE {
        assert_eq!(scrape(&windows, now), 1);
        now += 1;
    }
    assert_eq!(windows.structure(), Structure::Sketch);
}

#[test]
fn a_user_who_comes_back_after_a_window_is_one_of_the_limit_again() {
    let windows = Windows::new(100, 12, MINUTE);
    let now = MINUTE + 2;
    (0..100).for_each(|user| windows.record(tag(user), now));
    let later = now + MINUTE + 1;
    (100..200).for_each(|user| windows.record(tag(user), later));
    assert_eq!(windows.structure(), Structure::Exact);
    (0..100).for_each(|user| windows.record(tag(user), later));
    assert_eq!(windows.structure(), Structure::Sketch);
}

#[test]
fn users_are_told_apart_while_others_leave_and_their_slots_are_taken() {
    let windows = Windows::new(500, 14, 60);
    let mut model = HashMap::new();
    let mut state = 7_u64;
    for step in 0..300_000_u32 {
        // The users of one minute are about 400 of 5,000, so slots change hands all the time.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (user, now) = ((state >> 33) as u32 % 5_000, 62 + step / 7);
        windows.record(tag(user), now);
        model.insert(user, now);
        if step % 10_000 == 0 {
            let expected = model.values().filter(|seen| **seen >= now - 60).count() as u64;
            assert_eq!(windows.counts(&[now - 60], now), [expected]);
        }
    }
    assert_eq!(windows.structure(), Structure::Exact);
}

#[test]
fn threads_lose_no_user_while_the_table_is_left() {
    const USERS: u32 = 40_000;
    let windows = Windows::new(10_000, 14, WIDEST);
    let now = WIDEST + 2;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let windows = &windows;
            scope.spawn(move || (0..USERS).for_each(|user| windows.record(tag(user * 4 + thread), now)));
        }
    });
    let alone = Windows::new(1, 14, WIDEST);
    (0..USERS * 4).for_each(|user| alone.record(tag(user), now));
    // The sketch of the same users is the same sketch, in whatever order they came.
    assert_eq!(windows.structure(), Structure::Sketch);
    assert_eq!(windows.counts(&since(now), now), alone.counts(&since(now), now));
}

#[test]
fn threads_lose_no_user_while_the_table_is_left_and_taken_again() {
    // It is looked at in each quarter of the waves.
    for minutes in 4..8 {
        let windows = Windows::new(200, 12, MINUTE);
        let clock = AtomicU32::new(MINUTE + 2);
        let end = MINUTE + 2 + minutes * MINUTE + 30;
        let see_until_the_end = |thread: u32| {
            let mut seen = HashMap::new();
            loop {
                let now = clock.load(SeqCst);
                // Of three threads 450 users in one minute of four, and 60 in the others.
                let users = if (now / MINUTE).is_multiple_of(4) { 150 } else { 20 };
                for user in (0..users).map(|user| user * 3 + thread) {
                    windows.record(tag(user), now);
                    seen.insert(user, now);
                }
                if now == end {
                    return seen;
                }
            }
        };
        let model: HashMap<u32, u32> = std::thread::scope(|scope| {
            let see_until_the_end = &see_until_the_end;
            let threads = [0, 1, 2].map(|thread| scope.spawn(move || see_until_the_end(thread)));
            while clock.load(SeqCst) < end {
                let now = clock.fetch_add(1, SeqCst) + 1;
                let counts = windows.counts(&[now - MINUTE], now);
                windows.tend(counts[0], || clock.load(SeqCst));
            }
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        for since in [end, end - 9, end - MINUTE] {
            let expected = model.values().filter(|seen| **seen >= since).count() as u64;
            let count = windows.counts(&[since], end)[0];
            match windows.structure() {
                Structure::Exact => assert_eq!(count, expected, "{minutes} minutes"),
                Structure::Sketch => assert!(count.abs_diff(expected) <= 2 + expected / 25, "{count} of {expected}"),
            }
        }
    }
}

/// Ids that whoever knows a key chose, and how many users of them a service with another one counts, and by what.
fn seen_by(key: &Key, chosen: &[u32], limit: usize) -> (u64, Structure) {
    let windows = Windows::new(limit, 14, WIDEST);
    let now = WIDEST + 2;
    chosen.iter().for_each(|user| windows.record(key.tag(&user.to_le_bytes()), now));
    assert!(windows.bytes() < 4 << 20, "{} bytes", windows.bytes());
    (windows.counts(&since(now), now)[0], windows.structure())
}

#[test]
fn ids_chosen_to_crowd_a_few_registers_do_so_under_the_key_they_were_chosen_for_only() {
    let (known, secret) = (Key::from_secret("known"), Key::from_secret("secret"));
    // Into one register of 256.
    let crowd = |user: &u32| known.tag(&user.to_le_bytes()).bits() & 0xff == 0;
    let chosen: Vec<u32> = (0..).filter(crowd).take(3_000).collect();
    let count = |key| seen_by(key, &chosen, 1).0;
    assert!(count(&known).abs_diff(3_000) > 1_000, "{}", count(&known));
    assert!(count(&secret).abs_diff(3_000) < 100, "{}", count(&secret));
}

#[test]
fn ids_chosen_to_crowd_one_place_of_the_table_do_so_under_the_key_they_were_chosen_for_only() {
    let (known, secret) = (Key::from_secret("known"), Key::from_secret("secret"));
    // Of a table for 100,000 a four thousandth, 50 slots.
    let crowd = |user: &u32| known.tag(&user.to_le_bytes()).bits() >> (Tag::BITS - 12) == 7;
    let chosen: Vec<u32> = (0..).filter(crowd).take(300).collect();
    let (count, structure) = seen_by(&known, &chosen, 100_000);
    assert_eq!(structure, Structure::Sketch);
    assert!(count.abs_diff(300) < 10, "nobody is lost: {count}");
    assert_eq!(seen_by(&secret, &chosen, 100_000), (300, Structure::Exact));
}

#[test]
fn users_who_crowd_one_place_of_the_table_make_it_a_sketch_and_are_not_lost() {
    let windows = Windows::new(100_000, 14, WIDEST);
    let now = WIDEST + 2;
    // Their home is the first slot, and their registers differ.
    (0..1_000).for_each(|user| windows.record(Tag::from_bits(user), now));
    assert_eq!(windows.structure(), Structure::Sketch);
    let sketch = Windows::new(1, 14, WIDEST);
    (0..1_000).for_each(|user| sketch.record(Tag::from_bits(user), now));
    assert_eq!(windows.counts(&since(now), now), sketch.counts(&since(now), now));
    assert!(windows.counts(&since(now), now)[0] > 900);
}

/// Under several keys. Ten million users under one are among the tests of the service, and with
/// `MONITOR_MANY_USERS=10000000` here.
#[test]
fn the_sketch_keeps_its_bound() {
    let most = std::env::var("MONITOR_MANY_USERS").ok().and_then(|most| most.parse().ok()).unwrap_or(100_000);
    let mut errors = Vec::new();
    for key in 0..8 {
        let key = Key::from_secret([key]);
        let windows = Windows::new(1, 14, WIDEST);
        let now = WIDEST + 2;
        for user in 0..most {
            windows.record(key.tag(&u64::to_le_bytes(user)), now);
            let users = user + 1;
            if users.is_power_of_two() && users >= 1_024 || users == most {
                let count = windows.counts(&since(now), now)[0] as f64;
                errors.push((count / users as f64 - 1.0).powi(2));
                // Three standard errors and a half: one in two thousand.
                assert!((count / users as f64 - 1.0).abs() < 3.5 * 0.008125, "{count} of {users}");
            }
        }
    }
    let standard_error = (errors.iter().sum::<f64>() / errors.len() as f64).sqrt();
    assert!(standard_error < 1.3 * 0.008125, "{standard_error}");
}
