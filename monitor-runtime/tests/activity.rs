//! Who is here, as an application tells it and as a scrape shows it; time is moved by hand.
#![cfg(not(loom))]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use monitor_runtime::activity::{self, Activity, BuildError, Builder, Key, Scope, Structure, event_name};
use monitor_runtime::prometheus::Registry;
use monitor_runtime::{Format, LabelValue, encode, instrument, sample_value, sample_value_in};
use proptest::prelude::*;

/// A service of its own: its registry, its time.
struct Service {
    registry: Registry,
    seconds: Arc<AtomicU64>,
    activity: Activity,
}

impl Service {
    fn new() -> Service {
        Service::with(|builder| builder)
    }

    fn with(settings: impl FnOnce(Builder) -> Builder) -> Service {
        let (registry, seconds) = (Registry::new(), Arc::new(AtomicU64::new(0)));
        let clock = {
            let seconds = seconds.clone();
            move || Duration::from_secs(seconds.load(Relaxed))
        };
        let activity = settings(Activity::builder().registry(&registry).clock(clock)).build().expect("it is right");
        Service { registry, seconds, activity }
    }

    fn wait(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Relaxed);
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        sample_value_in(&self.registry, name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is on the page"))
    }

    fn active(&self) -> [f64; 5] {
        ["1m", "5m", "15m", "1h", "1d"].map(|timeframe| self.value("active_users", &[("timeframe", timeframe)]))
    }

    fn page(&self) -> String {
        let mut page = Vec::new();
        encode(&self.registry, Format::Text, &mut page).expect("a vector takes everything");
        String::from_utf8(page).expect("a page is UTF-8")
    }
}

#[test]
fn the_families_are_there_before_anybody_is() {
    let service = Service::new();
    assert_eq!(service.active(), [0.0; 5]);
    assert_eq!(service.value("user_sessions_open", &[]), 0.0);
    assert_eq!(service.value("user_sign_outs_total", &[]), 0.0);
    assert_eq!(service.value("active_users_structure", &[("structure", "exact")]), 1.0);
    assert_eq!(service.value("active_users_structure", &[("structure", "sketch")]), 0.0);
    assert_eq!(service.value("active_users_scope", &[("scope", "process")]), 1.0);
    assert_eq!(service.value("active_users_scope", &[("scope", "cluster")]), 0.0);
    assert_eq!(service.value("active_users_relative_error", &[]), 0.0);
    assert_eq!(service.value("active_users_history_seconds", &[]), 0.0);
    for name in ["user_sessions_total", "user_sign_in_failures_total", "user_events_total"] {
        assert!(service.page().contains(&format!("# TYPE {name} counter")), "{name}");
    }
}

#[test]
fn a_minute_and_a_second_after_the_last_request_nobody_was_here_for_a_minute() {
    let service = Service::new();
    service.activity.seen("ada");
    service.wait(30);
    service.activity.seen("grace");
    service.activity.seen("grace");
    assert_eq!(service.active(), [2.0; 5]);
    service.wait(31);
    assert_eq!(service.active(), [1.0, 2.0, 2.0, 2.0, 2.0]);
    service.wait(30);
    assert_eq!(service.active(), [0.0, 2.0, 2.0, 2.0, 2.0]);
    service.wait(86_400 - 30 + 1);
    assert_eq!(service.active(), [0.0; 5]);
    assert_eq!(service.activity.active_users(Duration::from_secs(60)), Some(0));
    assert_eq!(service.activity.active_users(Duration::from_secs(61)), None);
}

#[test]
fn a_clock_that_goes_back_changes_nothing_and_one_that_jumps_ahead_ends_windows() {
    let service = Service::new();
    service.wait(1_000);
    service.activity.seen("ada");
    service.seconds.store(3, Relaxed);
    assert_eq!(service.active(), [1.0; 5]);
    service.activity.seen("grace");
    assert_eq!(service.active(), [2.0; 5]);
    service.seconds.store(1_061, Relaxed);
    assert_eq!(service.active(), [0.0, 2.0, 2.0, 2.0, 2.0]);
    service.seconds.store(u64::MAX, Relaxed);
    assert_eq!(service.active(), [0.0; 5]);
    service.activity.seen("mary");
    assert_eq!(service.active(), [1.0; 5]);
}

proptest! {
    // All windows are counted after each step.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_clock_that_jumps_to_and_fro_is_the_latest_that_it_was(
        steps in prop::collection::vec((0_u32..30, prop_oneof![0_u64..200, 80_000_u64..200_000, Just(1 << 40)]), 1..25),
        exact_up_to in prop_oneof![Just(1_000_usize), Just(1)],
    ) {
        let service = Service::with(|builder| builder.key(Key::from_secret("of sixteen bytes")).exact_up_to(exact_up_to));
        let bytes = service.activity.bytes();
        let mut model = HashMap::new();
        let mut latest = 0;
        for (user, seconds) in steps {
            service.seconds.store(seconds, Relaxed);
            service.activity.seen(user.to_le_bytes());
            // Time ends after four years, and stands still then.
            latest = seconds.min(LAST_SECOND).max(latest);
            model.insert(user, latest);
            let within = |span: u64| model.values().filter(|seen| latest - **seen <= span).count() as u64;
            let expected = [60, 300, 900, 3_600, 86_400].map(within);
            for (active, expected) in service.activity.snapshot().users.into_iter().zip(expected) {
                // Of 30 users in 16,384 registers hardly two meet.
                let off = u64::from(exact_up_to == 1);
                prop_assert!(active.abs_diff(expected) <= off, "{active} of {expected}");
            }
        }
        prop_assert!(service.activity.bytes() <= bytes + (3 << 19), "{} bytes", service.activity.bytes());
    }
}

/// From the start of a process, as `ORIGIN` and 27 bits leave it.
const LAST_SECOND: u64 = (1 << 27) - 1 - 32 * 86_400;

#[test]
fn signing_in_and_out_is_counted_and_rewrites_no_history() {
    let service = Service::new();
    service.activity.signed_in("ada", "password");
    service.activity.signed_in("grace", "token");
    service.activity.sign_in_failed("password");
    service.wait(50);
    service.activity.signed_out("ada");
    service.wait(20);
    assert_eq!(service.value("user_sessions_total", &[("auth_method", "password")]), 1.0);
    assert_eq!(service.value("user_sessions_total", &[("auth_method", "token")]), 1.0);
    assert_eq!(service.value("user_sign_in_failures_total", &[("auth_method", "password")]), 1.0);
    assert_eq!(service.value("user_sign_outs_total", &[]), 1.0);
    assert_eq!(service.active(), [1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
fn sessions_are_open_until_closed_or_not_seen_for_their_lifetime() {
    let service = Service::with(|builder| builder.session_lifetime(Duration::from_secs(3_600)));
    service.activity.session_opened("one");
    service.activity.session_opened("one");
    service.activity.session_opened("two");
    service.activity.session_opened("three");
    assert_eq!(service.value("user_sessions_open", &[]), 3.0);
    service.wait(100);
    service.activity.session_closed("one");
    service.activity.session_closed("one");
    service.activity.session_closed("never opened");
    assert_eq!(service.value("user_sessions_open", &[]), 2.0);
    assert_eq!(service.value("user_session_seconds_sum", &[]), 100.0);
    service.wait(3_000);
    service.activity.session_seen("two");
    service.wait(600);
    // Of "three" nothing was seen since it was opened.
    assert_eq!(service.value("user_sessions_open", &[]), 1.0);
    assert_eq!(service.value("user_sessions_ended_total", &[("reason", "closed")]), 1.0);
    assert_eq!(service.value("user_sessions_ended_total", &[("reason", "expired")]), 1.0);
    assert_eq!(service.value("user_session_seconds_count", &[]), 2.0);
    service.activity.session_closed("three");
    service.activity.session_closed("two");
    assert_eq!(service.value("user_session_seconds_sum", &[]), 100.0 + 3_700.0);
    assert_eq!(service.value("user_sessions_open", &[]), 0.0);
}

#[test]
fn more_sessions_than_are_known_are_counted_all_the_same() {
    let service = Service::new();
    for session in 0..120_000_u32 {
        service.activity.session_opened(session.to_le_bytes());
    }
    assert_eq!(service.value("user_sessions_open", &[]), 120_000.0);
    for session in 0..120_000_u32 {
        service.activity.session_closed(session.to_le_bytes());
    }
    assert_eq!(service.value("user_sessions_open", &[]), 0.0);
    assert_eq!(service.value("user_sessions_ended_total", &[("reason", "closed")]), 120_000.0);
}

#[test]
fn ids_may_be_anything() {
    let service = Service::new();
    service.activity.seen("");
    service.activity.signed_in([], "password");
    service.activity.event_by("purchase", "");
    assert_eq!(service.active(), [0.0; 5]);
    assert_eq!(service.value("user_sessions_total", &[("auth_method", "password")]), 1.0);
    let long = vec![b'a'; 1 << 20];
    service.activity.seen(&long);
    service.activity.seen(&long[1..]);
    service.activity.seen([0xff, 0xfe, 0x00]);
    service.activity.seen([0x00]);
    service.activity.seen("\"} 1\nactive_users{timeframe=\"1m");
    service.activity.seen(String::from("ada"));
    assert_eq!(service.active(), [6.0; 5]);
    assert!(!service.page().contains("ada"));
}

/// What the windows may hold, whoever comes.
const MOST_BYTES: usize = 4 << 20;

/// What a sketch says of fewer is asked beside the windows, under several keys.
#[test]
fn of_a_thousand_to_ten_million_ids_the_number_is_right_and_the_memory_bounded() {
    let service = Service::with(|builder| builder.key(Key::from_secret("of sixteen bytes")));
    for user in 0..10_000_000_u64 {
        service.activity.seen(user.to_le_bytes());
        let users = user + 1;
        if users < 1_000 || !is_a_power_of_ten(users) {
            continue;
        }
        let is_exact = users <= 100_000;
        let error = service.value("active_users_relative_error", &[]);
        assert!(if is_exact { error == 0.0 } else { 0.0081 < error && error < 0.0082 }, "{error}");
        for active in service.active() {
            // Three standard errors: one in 370 keys is further off, and this one is not.
            assert!((active / users as f64 - 1.0).abs() <= 3.0 * error, "{active} of {users}");
        }
        let structure = if is_exact { Structure::Exact } else { Structure::Sketch };
        assert_eq!(service.activity.snapshot().structure, structure, "{users} users");
        assert_eq!(service.value("active_users_structure", &[("structure", "exact")]), f64::from(u8::from(is_exact)));
        assert!(service.activity.bytes() < MOST_BYTES, "{} bytes", service.activity.bytes());
    }
}

fn is_a_power_of_ten(number: u64) -> bool {
    10_u64.pow(number.ilog10()) == number
}

#[test]
fn other_timeframes_can_be_chosen_and_wrong_ones_are_refused() {
    let seconds = |seconds: &[u64]| seconds.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
    let service = Service::with(|builder| builder.timeframes(seconds(&[7 * 86_400, 90, 90, 7_200])));
    service.activity.seen("ada");
    service.wait(91);
    let value = |timeframe| service.value("active_users", &[("timeframe", timeframe)]);
    assert_eq!([value("90s"), value("2h"), value("7d")], [0.0, 1.0, 1.0]);
    service.wait(604_800);
    assert_eq!(value("7d"), 0.0);

    let build = |timeframes| Activity::builder().registry(&Registry::new()).timeframes(timeframes).build().map(drop);
    assert_eq!(build(Vec::new()), Err(BuildError::Timeframes(0)));
    assert_eq!(build((1..18).map(Duration::from_secs).collect()), Err(BuildError::Timeframes(17)));
    for wrong in [Duration::ZERO, Duration::from_millis(1_500), Duration::from_secs(32 * 86_400), Duration::MAX] {
        assert_eq!(build(vec![wrong]), Err(BuildError::Timeframe(wrong)));
    }
    let build = |users| Activity::builder().registry(&Registry::new()).exact_up_to(users).build().map(drop);
    assert_eq!(build(0), Err(BuildError::ExactUpTo(0)));
    assert_eq!(build(usize::MAX), Err(BuildError::ExactUpTo(usize::MAX)));
}

#[test]
fn one_registry_takes_one() {
    let service = Service::new();
    let again = Activity::builder().registry(&service.registry).build();
    assert!(matches!(again, Err(BuildError::Taken(_))), "{again:?}");
    service.activity.seen("ada");
    assert_eq!(service.active(), [1.0; 5]);
}

#[test]
fn a_registry_does_not_keep_what_nobody_holds() {
    let Service { registry, activity, .. } = Service::new();
    drop(activity);
    assert_eq!(sample_value_in(&registry, "active_users", &[("timeframe", "1m")]), None);
}

#[derive(Clone, Copy, LabelValue)]
enum Event {
    SignUp,
    #[label("content")]
    ContentCreated,
}

#[test]
fn events_count_what_happened_and_who_did_it() {
    let service = Service::new();
    service.activity.event("visit");
    service.activity.event_by("purchase", "ada");
    service.activity.event_by("purchase", "ada");
    service.activity.event_by("purchase", "grace");
    service.activity.event_by(event_name(Event::ContentCreated), "ada");
    service.wait(61);
    service.activity.event_by("purchase", "ada");
    let users = |event, timeframe| service.value("user_event_users", &[("event", event), ("timeframe", timeframe)]);
    assert_eq!(service.value("user_events_total", &[("event", "visit")]), 1.0);
    assert_eq!(service.value("user_events_total", &[("event", "purchase")]), 4.0);
    assert_eq!(service.value("user_events_total", &[("event", "content")]), 1.0);
    assert_eq!([users("purchase", "1m"), users("purchase", "5m")], [1.0, 2.0]);
    assert_eq!([users("content", "1m"), users("content", "1d")], [0.0, 1.0]);
    // Who does something is here.
    assert_eq!(service.active(), [1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
fn events_without_end_share_the_last_windows() {
    let service = Service::new();
    for number in 0..80 {
        service.activity.event_by(String::leak(format!("event {number}")), "ada");
    }
    let users = |event| service.value("user_event_users", &[("event", event), ("timeframe", "1d")]);
    assert_eq!([users("event 0"), users("event 49"), users("_overflow")], [1.0; 3]);
    assert_eq!(service.page().matches("user_event_users{").count(), 51 * 5);
    assert!(service.activity.bytes() < 16 << 20, "{} bytes", service.activity.bytes());
}

#[test]
fn a_process_without_history_says_so() {
    let service = Service::new();
    service.wait(500);
    assert_eq!(service.value("active_users_history_seconds", &[]), 500.0);
    service.wait(100_000);
    assert_eq!(service.value("active_users_history_seconds", &[]), 86_400.0);
}

#[test]
fn what_was_saved_is_there_after_a_restart_unless_it_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("activity");
    let start = || Service::with(|builder| builder.key(Key::from_secret("of sixteen bytes")).state_file(&file));
    let service = start();
    ["ada", "grace"].iter().for_each(|user| service.activity.seen(user));
    service.activity.session_opened("one");
    service.wait(10);
    service.activity.save().expect("the folder can be written to");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing else is left there");

    let again = start();
    assert_eq!(again.active(), [2.0; 5]);
    assert_eq!(again.value("user_sessions_open", &[]), 1.0);
    assert!((10.0..15.0).contains(&again.value("active_users_history_seconds", &[])));
    again.activity.seen("grace");
    again.activity.seen("mary");
    assert_eq!(again.active(), [3.0; 5]);

    let mut bytes = std::fs::read(&file).expect("it was written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("the file can be written");
    let troubles = || {
        let kind = [("kind", "activity_not_restored")];
        sample_value("monitor_instrumentation_errors_total", &kind).expect("it is known")
    };
    let before = troubles();
    let anew = start();
    assert_eq!(anew.active(), [0.0; 5]);
    assert_eq!(troubles(), before + 1.0);
    // And it is written over.
    anew.activity.seen("ada");
    anew.activity.save().expect("the folder can be written to");
    assert_eq!(start().active(), [1.0; 5]);

    let keyless = Activity::builder().registry(&Registry::new()).state_file(&file).build();
    assert!(matches!(keyless, Err(BuildError::KeyMissing)), "{keyless:?}");
}

#[test]
fn the_functions_tell_the_default_registry_and_attributes_count_its_families() {
    #[instrument(counter = activity::USER_SESSIONS, auth_method = "by attribute")]
    fn login(user: &str) -> Result<(), String> {
        activity::seen(user);
        Ok(())
    }
    #[instrument(counter = activity::USER_EVENTS, event = "export")]
    fn export() {}

    login("ada").expect("everybody is let in");
    activity::signed_in("grace", "by hand");
    activity::sign_in_failed("by hand");
    activity::track_event!("purchase");
    activity::track_event!(Event::SignUp, "grace");
    const NAMED: &str = "named elsewhere";
    activity::track_event!(NAMED, b"ada");
    export();
    let value = |name, label, of| sample_value(name, &[(label, of)]);
    assert_eq!(value("user_sessions_total", "auth_method", "by attribute"), Some(1.0));
    assert_eq!(value("user_sessions_total", "auth_method", "by hand"), Some(1.0));
    assert_eq!(value("user_sign_in_failures_total", "auth_method", "by hand"), Some(1.0));
    for event in ["purchase", "sign_up", "named elsewhere", "export"] {
        assert_eq!(value("user_events_total", "event", event), Some(1.0), "{event}");
    }
    assert_eq!(value("active_users", "timeframe", "1h"), Some(2.0));
    assert_eq!(activity::global().snapshot().scope, Scope::Process);
    assert!(activity::install(Service::new().activity).is_err(), "one is there already");
}
