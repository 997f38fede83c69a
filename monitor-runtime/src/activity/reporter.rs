//! One number for several instances: each tells a Redis whom it saw, and all export what the Redis has counted.
//!
//! A thread of its own does it, so that no request ever waits for the store: signals go into a queue that is emptied every
//! two seconds, and what a scrape reads was read then. The thread's connection is a blocking one; it needs no runtime.
//!
//! Users stand in HyperLogLogs of Redis (`PFADD`), by their tags, in keys of ten seconds, minutes and hours; a window is
//! the union (`PFCOUNT`) of the keys that cover it: of ten seconds up to five minutes, else of minutes and of the whole
//! hours between them. So it may include up to nine seconds, or a minute, more than it says. Keys end by themselves. All
//! of them have one hash tag, `{check of the key:namespace}`, so a Redis Cluster keeps them in one place. What time it is,
//! the Redis says.

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::{Client, Connection, Pipeline, RedisResult};

use super::events::Events;
use super::families::STORE_ERRORS;
use super::hash::{Key, Tag};
use super::inner::Inner;
use super::redis::{ALL, Numbers, QUEUE, Queue, SLICE, Seen, Settings};

/// How often the queue is emptied and the numbers are read.
const ROUND: Duration = Duration::from_secs(2);

/// The most that one step of a round waits for the store.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Users that are remembered while the store is away; of each the last second is.
const PENDING: usize = 1 << 18;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// Windows up to this are of keys of ten seconds.
const NARROW: u64 = 5 * MINUTE;

/// Elements and commands that are sent at once.
const BATCH: usize = 1_000;

/// Starts the thread; it ends with the last holder of the windows.
pub(super) fn start(inner: &Arc<Inner>, settings: &Settings, queue: Queue) -> std::io::Result<()> {
    let Queue(queue, client) = queue;
    let mut reporter = Reporter {
        inner: Arc::downgrade(inner),
        client,
        names: Names::new(settings, &inner.key),
        spans: inner.timeframes.iter().map(Duration::as_secs).collect(),
        connection: None,
        pending: HashMap::new(),
        is_away: false,
    };
    std::thread::Builder::new().name("monitor-activity".to_owned()).spawn(move || reporter.run(&queue)).map(drop)
}

struct Reporter {
    inner: Weak<Inner>,
    client: Client,
    names: Names,
    spans: Vec<u64>,
    connection: Option<Connection>,
    /// Of each user, the last second.
    pending: HashMap<(u16, Tag), u32>,
    /// It was told already that it is.
    is_away: bool,
}

impl Reporter {
    fn run(&mut self, queue: &Receiver<Seen>) {
        loop {
            self.take(queue);
            let Some(inner) = self.inner.upgrade() else { return };
            match self.round(&inner) {
                Ok(numbers) => {
                    if self.is_away {
                        tracing::info!("the store of active users is back");
                    }
                    self.is_away = false;
                    self.pending.clear();
                    if let Some(store) = &inner.store {
                        store.set(Some(numbers));
                    }
                }
                Err(error) => {
                    self.connection = None;
                    if let Some(store) = &inner.store {
                        store.set(None);
                    }
                    inner.families.store_errors.with(STORE_ERRORS { kind: "failed" }).inc();
                    if !self.is_away {
                        // Its kind alone: a message may have the address, and an address its password.
                        tracing::warn!(kind = ?error.kind(), "the store of active users is away");
                    }
                    self.is_away = true;
                }
            }
        }
    }

    /// Lets a round pass, and empties the queue.
    fn take(&mut self, queue: &Receiver<Seen>) {
        std::thread::sleep(ROUND);
        for seen in queue.try_iter().take(QUEUE) {
            self.remember(&seen);
        }
    }

    fn remember(&mut self, seen: &Seen) {
        let full = self.pending.len() >= PENDING;
        match self.pending.get_mut(&(seen.series, seen.tag)) {
            Some(second) => *second = seen.second.max(*second),
            None if full => {
                if let Some(inner) = self.inner.upgrade() {
                    inner.families.store_errors.with(STORE_ERRORS { kind: "dropped" }).inc();
                }
            }
            None => drop(self.pending.insert((seen.series, seen.tag), seen.second)),
        }
    }

    /// Tells what is pending and asks for the numbers. On a new connection, all that is known is told: the store may have
    /// begun anew.
    fn round(&mut self, inner: &Inner) -> RedisResult<Numbers> {
        let is_new = self.connection.is_none();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => {
                let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
                connection.set_read_timeout(Some(TIMEOUT))?;
                connection.set_write_timeout(Some(TIMEOUT))?;
                none.insert(connection)
            }
        };
        // Second `now` of this process is `unix` of the store's clock.
        let now = inner.now();
        let (unix, _microseconds): (u64, u64) = redis::cmd("TIME").query(connection)?;
        self.names.exchange(&inner.events, connection)?;
        let mut keys: HashMap<String, (Vec<u64>, u64)> = HashMap::new();
        let mut add = |series: u16, tag: Tag, second: u32| {
            let at = unix.saturating_sub(u64::from(now.saturating_sub(second)));
            for (level, length, lifetime) in self.names.levels(self.spans.last().copied().unwrap_or(0)) {
                let age = unix - at;
                if age < lifetime {
                    let key = self.names.key(inner, series, level, at / length);
                    keys.entry(key).or_insert_with(|| (Vec::new(), lifetime)).0.push(tag.bits());
                }
            }
        };
        for ((series, tag), second) in &self.pending {
            add(*series, *tag, *second);
        }
        if is_new {
            inner.users.for_each_user(now, &mut |tag, second| add(ALL, tag, second));
            for (number, (_, users)) in inner.events.iter().enumerate() {
                users.for_each_user(now, &mut |tag, second| add(number as u16 + 1, tag, second));
            }
        }
        let mut pipeline = Pipeline::new();
        for (key, (tags, lifetime)) in &keys {
            for tags in tags.chunks(BATCH) {
                pipeline.cmd("PFADD").arg(key).arg(tags).ignore();
            }
            pipeline.cmd("EXPIRE").arg(key).arg(*lifetime).ignore();
            if pipeline.cmd_iter().count() >= BATCH {
                pipeline.exec(connection)?;
                pipeline.clear();
            }
        }
        let writes = pipeline.cmd_iter().count();
        if writes > 0 {
            pipeline.exec(connection)?;
        }
        let count = |series: u16, connection: &mut Connection| -> RedisResult<Vec<u64>> {
            let mut pipeline = Pipeline::new();
            for span in &self.spans {
                let command = pipeline.cmd("PFCOUNT");
                for (level, number) in cover(unix.saturating_sub(*span), unix, *span) {
                    command.arg(self.names.key(inner, series, level, number));
                }
            }
            pipeline.query(connection)
        };
        let users = count(ALL, connection)?;
        let mut events = Vec::new();
        for (number, (event, _)) in inner.events.iter().enumerate() {
            events.push((event, count(number as u16 + 1, connection)?));
        }
        Ok(Numbers { users, events, at: inner.now() })
    }
}

/// The keys, by level and number, whose union covers what lies between `from` and `to`, both included.
fn cover(from: u64, to: u64, span: u64) -> Vec<(char, u64)> {
    if span <= NARROW {
        return (from / SLICE..=to / SLICE).map(|number| ('s', number)).collect();
    }
    let mut keys = Vec::new();
    let mut minute = from / MINUTE;
    while minute <= to / MINUTE {
        let hour = minute / (HOUR / MINUTE);
        // A whole hour, or what there is of the last one.
        if minute.is_multiple_of(HOUR / MINUTE) {
            keys.push(('h', hour));
            minute += HOUR / MINUTE;
        } else {
            keys.push(('m', minute));
            minute += 1;
        }
    }
    keys
}

/// How the keys are called.
struct Names {
    prefix: String,
}

impl Names {
    fn new(settings: &Settings, key: &Key) -> Names {
        // Instances of another key would count every user once more: they are a cluster of their own. The key's check
        // stands first, so that whatever braces a namespace has, there is a hash tag, and it is one.
        Names { prefix: format!("{{{:016x}:{}}}", key.check(), settings.namespace) }
    }

    /// The level's letter, the seconds of its keys, and how long one lives.
    fn levels(&self, widest: u64) -> [(char, u64, u64); 3] {
        let lifetime = |length| widest + length + MINUTE;
        [('s', SLICE, NARROW + SLICE + MINUTE), ('m', MINUTE, lifetime(MINUTE)), ('h', HOUR, lifetime(HOUR))]
    }

    fn key(&self, inner: &Inner, series: u16, level: char, number: u64) -> String {
        let prefix = &self.prefix;
        match series.checked_sub(1).and_then(|event| inner.events.name(usize::from(event))) {
            None => format!("{prefix}:users:{level}:{number}"),
            Some(event) => format!("{prefix}:event:{event}:{level}:{number}"),
        }
    }

    /// Tells which events there are here, and learns which there are elsewhere.
    fn exchange(&self, events: &Events, connection: &mut Connection) -> RedisResult<()> {
        let key = format!("{}:events", self.prefix);
        let mut here = events.iter().map(|(event, _)| event).peekable();
        if here.peek().is_some() {
            redis::cmd("SADD").arg(&key).arg(here.collect::<Vec<_>>()).exec(connection)?;
            redis::cmd("EXPIRE").arg(&key).arg(32 * 86_400).exec(connection)?;
        }
        let all: Vec<String> = redis::cmd("SMEMBERS").arg(&key).query(connection)?;
        for event in all {
            events.of_another(&event);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The seconds of a key.
    fn seconds((level, number): (char, u64)) -> std::ops::Range<u64> {
        let length = match level {
            's' => SLICE,
            'm' => MINUTE,
            _ => HOUR,
        };
        number * length..(number + 1) * length
    }

    proptest! {
        #[test]
        fn keys_cover_a_window_and_little_more(to in 1_000_000_u64..2_000_000, span in 1_u64..200_000) {
            let from = to - span;
            let keys = cover(from, to, span);
            let covered = |second| keys.iter().filter(|key| seconds(**key).contains(&second)).count();
            for second in [from, from + 1, from + span / 3, from + span / 2, to - 1, to] {
                prop_assert_eq!(covered(second), 1, "second {}", second);
            }
            let before = if span <= NARROW { SLICE } else { MINUTE };
            prop_assert_eq!(covered(from - before), 0);
            prop_assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
            prop_assert!(keys.len() <= 60 + 59 + 1 + (span / HOUR) as usize, "{} keys", keys.len());
        }
    }
}
