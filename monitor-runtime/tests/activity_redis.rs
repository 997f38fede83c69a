//! Several instances behind one Redis: all say the same, and the Redis may go and come.
#![cfg(all(feature = "redis", not(loom)))]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use monitor_runtime::activity::{Activity, BuildError, Key, Scope, Structure};
use monitor_runtime::prometheus::Registry;
use monitor_runtime::sample_value_in;
use servers::Redis;

fn instance(url: &str) -> (Activity, Registry) {
    instance_in(url, "tests")
}

fn instance_in(url: &str, namespace: &str) -> (Activity, Registry) {
    let registry = Registry::new();
    let activity = Activity::builder()
        .registry(&registry)
        .key(Key::from_secret("of sixteen bytes"))
        .redis(url, namespace)
        .build()
        .expect("the settings are right");
    (activity, registry)
}

/// Waits until it is so.
fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    servers::eventually(|| if is() { Ok(()) } else { Err(format!("not yet: {what}")) });
}

/// Within the error of Redis's own sketch, which is 0.81 %.
fn about(users: u64, expected: u64) -> bool {
    users.abs_diff(expected) as f64 <= expected as f64 * 0.03
}

fn see(activity: &Activity, users: std::ops::Range<u32>) {
    users.for_each(|user| activity.seen(user.to_le_bytes()));
}

#[test]
#[ignore = "needs Redis: tests/run runs it"]
fn a_redis_that_is_killed_is_missed_by_nobody_and_welcome_again() {
    let mut redis = Redis::start();
    let (one, page) = instance(&redis.url());
    let (other, _) = instance(&redis.url());
    let cluster = |activity: &Activity, expected| {
        let now = activity.snapshot();
        now.scope == Scope::Cluster && now.users.iter().all(|users| about(*users, expected))
    };
    see(&one, 0..2_000);
    see(&other, 1_000..3_000);
    other.event_by("purchase", "ada");
    eventually("both say what both saw", || cluster(&one, 3_000) && cluster(&other, 3_000));
    assert_eq!(one.snapshot().users, other.snapshot().users);
    eventually("an event seen elsewhere only", || one.snapshot().events == [("purchase", vec![1; 5])]);
    let value = |name, labels: &[_]| sample_value_in(&page, name, labels).expect("it is on the page");
    assert_eq!(value("active_users_scope", &[("scope", "cluster")]), 1.0);
    assert!(value("active_users_relative_error", &[]) > 0.008);

    // Nobody answers any more, but connections stand.
    redis.pause();
    eventually("each says what it saw itself", || one.snapshot().scope == Scope::Process);
    let start = Instant::now();
    see(&one, 0..20_000);
    assert_eq!(one.snapshot().users, [20_000; 5]);
    assert!(start.elapsed() < Duration::from_secs(1), "a signal waited for the store");
    assert_eq!(value("active_users_scope", &[("scope", "process")]), 1.0);
    redis.resume();
    eventually("it goes on where it was", || cluster(&one, 20_000) && cluster(&other, 20_000));

    // Gone with all that it knew.
    redis.stop();
    eventually("each says what it saw itself", || {
        [&one, &other].iter().all(|activity| activity.snapshot().scope == Scope::Process)
    });
    assert_eq!(one.snapshot().structure, Structure::Exact);
    assert_eq!(one.snapshot().users, [20_000; 5]);
    see(&other, 30_000..31_000);
    redis.restart();
    eventually("it knows all again", || cluster(&one, 21_000) && cluster(&other, 21_000));
    assert_eq!(one.snapshot().users, other.snapshot().users);
    assert!(value("active_users_store_errors_total", &[("kind", "failed")]) >= 1.0);
}

#[test]
#[ignore = "needs Redis: tests/run runs it"]
fn instances_with_another_key_are_another_cluster() {
    let redis = Redis::start();
    let (one, _) = instance(&redis.url());
    let other = Activity::builder()
        .registry(&Registry::new())
        .key(Key::from_secret("of another sixteen"))
        .redis(redis.url(), "tests")
        .build()
        .expect("the settings are right");
    see(&one, 0..100);
    see(&other, 0..100);
    for activity in [&one, &other] {
        eventually("each says its own", || {
            let now = activity.snapshot();
            now.scope == Scope::Cluster && about(now.users[0], 100)
        });
    }
}

#[test]
#[ignore = "needs Redis: tests/run runs it"]
fn a_redis_cluster_finds_all_keys_of_a_namespace_in_one_slot() {
    let redis = Redis::start_cluster();
    let instances = ["tests", "", "}", "{a}{b}"].map(|namespace| instance_in(&redis.url(), namespace));
    for (users, (activity, _)) in (1_u32..).map(|n| n * 100).zip(&instances) {
        see(activity, 0..users);
        activity.event_by("purchase", "ada");
    }
    for (users, (activity, _)) in (1_u64..).map(|n| n * 100).zip(&instances) {
        eventually("each namespace has its own users, in all windows", || {
            let now = activity.snapshot();
            // And ada.
            let is_right = now.users.iter().all(|known| about(*known, users + 1));
            now.scope == Scope::Cluster && is_right && now.events == [("purchase", vec![1; 5])]
        });
    }
}

#[test]
fn what_cannot_be_a_store_is_refused_and_one_that_is_not_there_is_missed_by_nobody() {
    let build = |url: &str| {
        let activity = Activity::builder().registry(&Registry::new()).key(Key::random()).redis(url, "tests");
        activity.build().map(drop)
    };
    assert_eq!(build("no address"), Err(BuildError::StoreAddress));
    let keyless = Activity::builder().registry(&Registry::new()).redis("redis://127.0.0.1:1/", "tests").build();
    assert!(matches!(keyless, Err(BuildError::KeyMissing)), "{keyless:?}");
    // Nobody listens there.
    let (activity, page) = instance("redis://127.0.0.1:1/");
    see(&activity, 0..1_000);
    assert_eq!(activity.snapshot().users, [1_000; 5]);
    assert_eq!(activity.snapshot().scope, Scope::Process);
    // More than the queue holds, again and again: counted, and nobody waits.
    see(&activity, 0..200_000);
    let dropped = sample_value_in(&page, "active_users_store_errors_total", &[("kind", "dropped")]);
    assert!(dropped.expect("it is on the page") > 0.0);
}

/// One of the processes of the test below: sees its users, then says on each line that it reads what it knows.
#[test]
#[ignore = "it is a part of the next test"]
fn process() {
    let Ok(url) = std::env::var("MONITOR_ACTIVITY_REDIS") else { return };
    let first: u32 = std::env::var("MONITOR_ACTIVITY_FIRST").expect("a number").parse().expect("a number");
    let (activity, _) = instance(&url);
    see(&activity, first..first + 4_000);
    for _ in std::io::stdin().lines() {
        let now = activity.snapshot();
        println!("known: {:?} {:?}", now.scope, now.users);
    }
}

struct Process(Child, ChildStdin, BufReader<ChildStdout>);

impl Process {
    fn start(url: &str, first: u32) -> Process {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "process", "--nocapture"])
            .env("MONITOR_ACTIVITY_REDIS", url)
            .env("MONITOR_ACTIVITY_FIRST", first.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let (stdin, stdout) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Process(child, stdin, BufReader::new(stdout))
    }

    fn says(&mut self) -> String {
        writeln!(self.1).expect("it reads");
        let lines = (&mut self.2).lines().map(|line| line.expect("text"));
        // The test harness writes to the same place.
        lines
            .filter_map(|line| line.split_once("known: ").map(|(_, known)| known.to_owned()))
            .next()
            .expect("it answers")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs Redis: tests/run runs it"]
fn three_processes_behind_one_redis_agree() {
    let redis = Redis::start();
    // Each shares half of its users with the next.
    let mut processes = [0, 2_000, 4_000].map(|first| Process::start(&redis.url(), first));
    eventually("three processes say the same, of 8,000 users", || {
        let said = processes.each_mut().map(Process::says);
        let users: Vec<u64> = said[0]
            .trim_start_matches("Cluster [")
            .trim_end_matches(']')
            .split(", ")
            .filter_map(|users| users.parse().ok())
            .collect();
        said.iter().all(|one| *one == said[0]) && users.len() == 5 && users.iter().all(|users| about(*users, 8_000))
    });
}
